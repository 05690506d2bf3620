//! The tables of the configuration file, as they are written. Every key is documented here and shown in
//! `config/chiplog.example.toml`; unknown keys are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// `[store]`: where facts are kept.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StoreSection {
    /// `sqlite:FILE` or `postgres://…`. A relative file is meant from the folder of the configuration file.
    pub url: Option<String>,
    /// The environment variable that holds the URL, for URLs with a password.
    pub url_env: Option<String>,
    /// The file that holds the URL.
    pub url_file: Option<String>,
    /// How long facts are kept after they ended; for ever unless given.
    #[serde(deserialize_with = "optional_duration")]
    pub retention: Option<Duration>,
}

/// `[collect]`: how often and how far back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectSection {
    /// The time between two polls of a source.
    #[serde(deserialize_with = "one_second_or_more")]
    pub interval: Duration,
    /// How far back a first collection goes.
    #[serde(deserialize_with = "one_day_or_more")]
    pub history: Duration,
    /// How long an answer of a tool may take.
    #[serde(deserialize_with = "one_second_or_more")]
    pub timeout: Duration,
}

impl Default for CollectSection {
    fn default() -> Self {
        Self {
            interval: Duration::from_mins(5),
            history: Duration::from_hours(10944),
            timeout: Duration::from_secs(30),
        }
    }
}

/// `[incidents]`: how incidents are weighed and tied to deployments.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct IncidentsSection {
    /// Words of the incident tools (compared without case) and the severity, 1 to 5, that each means. They add to the
    /// built-in ones (`P1`, `sev1`, `critical`, `high`, …).
    pub severities: BTreeMap<String, u8>,
    /// The severity of an incident none of whose words is known.
    pub default_severity: Option<u8>,
    /// How long after a deployment an incident may still be blamed on it.
    #[serde(deserialize_with = "optional_duration")]
    pub attribution_window: Option<Duration>,
    /// The least severe incident that is blamed on a deployment without an explicit link.
    pub blamed_up_to: Option<u8>,
}

/// `[changes]`: how hotfixes are recognised.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "the fields are the keys of the file")]
pub(super) struct ChangesSection {
    /// Labels that make a pull request a hotfix.
    pub hotfix_labels: Option<Vec<String>>,
    /// A regular expression for the head branch of a hotfix.
    pub hotfix_branch: Option<String>,
    /// A regular expression for the title of a hotfix.
    pub hotfix_title: Option<String>,
}

/// `[bots]`: accounts that are no people, beyond those of type Bot and those whose login ends in `[bot]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BotsSection {
    /// Logins, compared without case.
    pub logins: Vec<String>,
}

/// `[team.SLUG]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TeamSection {
    /// The name shown to people; the slug unless given.
    pub name: Option<String>,
    /// The slug of a GitHub team, or `organization/slug`: its repositories belong to this team.
    pub github_team: Option<String>,
    /// `owner/name` of further repositories.
    pub repositories: Vec<String>,
    /// A time zone of the IANA database; UTC unless given.
    pub time_zone: Option<String>,
    /// Working days: `mon` to `sun`; Monday to Friday unless given.
    pub working_days: Option<Vec<String>>,
    /// Start and end of the working day, for example `["09:00", "17:00"]`.
    pub working_hours: Option<[String; 2]>,
    /// Days that are not worked, for example `"2026-12-25"`.
    pub holidays: Vec<String>,
    /// Where its work items are: keys of Jira projects, `PROJECT:component`, or `owner/name`; those of its repositories
    /// belong to it anyway.
    pub work_items: Vec<String>,
    /// Targets of its own.
    pub targets: Vec<TargetSection>,
}

/// One entry of a team's `targets`: the measure of a scorecard's row, and the bound that holds for this team.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TargetSection {
    /// The role, for example `software-engineer`; all roles unless given.
    pub role: Option<String>,
    /// The KPI's id.
    pub kpi: String,
    /// The statistic, where the row has several of one KPI.
    pub statistic: Option<String>,
    /// The part, where the row has several of one KPI.
    pub part: Option<String>,
    /// At most.
    pub max: Option<String>,
    /// At least.
    pub min: Option<String>,
    /// The day from which it holds; the day on which it is first seen unless given.
    pub since: Option<String>,
}

/// `[service.ID]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServiceSection {
    /// `owner/name`.
    pub repository: String,
    /// Globs of the paths that belong to the service; the whole repository unless given.
    pub paths: Option<Vec<String>>,
    /// The team that owns it, for ever.
    pub team: Option<String>,
    /// The teams that own it one after another.
    pub owners: Vec<OwnerSection>,
    /// 1 is the most critical; 2 unless given.
    pub tier: Option<u8>,
    /// What counts as a deployment; `"auto"` unless given.
    pub deployments: DeploymentsValue,
    /// Ids or names of PagerDuty services.
    pub pagerduty: Vec<String>,
    /// GitHub issues that are incidents of this service.
    pub incident_issues: Option<IncidentIssuesSection>,
    /// Ids or names of services of other incident tools, by the source's name.
    pub incident_services: BTreeMap<String, Vec<String>>,
    /// What Prometheus labels, CDEvents and reports call it, beside its id.
    pub names: Vec<String>,
    /// Globs of the paths whose test coverage matters; all of its files unless given.
    pub critical_paths: Option<Vec<String>>,
}

/// `[work_items]`: what the words of trackers mean. Words are compared without case; a list replaces the usual one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WorkItemsSection {
    /// Statuses in which work is under way.
    pub in_progress: Option<Vec<String>>,
    /// Statuses in which work is done.
    pub done: Option<Vec<String>>,
    /// Statuses and resolutions of work that was ended without being done.
    pub dropped: Option<Vec<String>>,
    /// Types or labels of bugs.
    pub bug: Option<Vec<String>>,
    /// Words that tell that a bug was found in production.
    pub production_bug: Option<Vec<String>>,
    /// Words that tell that a customer reported it.
    pub customer: Option<Vec<String>>,
    /// Words of high impact.
    pub high_impact: Option<Vec<String>>,
    /// Words of improvements beyond features; labels of pull requests too.
    pub improvement: Option<Vec<String>>,
    /// Words of technical debt and refactoring.
    pub debt: Option<Vec<String>>,
    /// Words of reliability work.
    pub reliability: Option<Vec<String>>,
}

/// `[security]`: how long alerts may stay open.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SecuritySection {
    /// Critical ones.
    #[serde(deserialize_with = "optional_duration")]
    pub fix_critical_within: Option<Duration>,
    /// High ones.
    #[serde(deserialize_with = "optional_duration")]
    pub fix_high_within: Option<Duration>,
}

/// `[documentation]`: which changes need documentation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DocumentationSection {
    /// Globs of paths that are documentation.
    pub paths: Option<Vec<String>>,
    /// Labels of pull requests that say why they need none.
    pub exempt_labels: Option<Vec<String>>,
    /// A pull request that changes at least so many lines is significant.
    pub significant_lines: Option<u64>,
}

/// `[privacy]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PrivacySection {
    /// Fewer answers of a survey than this are not shown.
    pub minimum_group_size: Option<usize>,
}

/// One `[[readiness]]`: an item of the checklist.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReadinessSection {
    /// Its name.
    pub name: String,
    /// The tiers that it is asked of; all unless given.
    pub tiers: Option<BTreeSet<u8>>,
    /// Files, of which one must be in the repository.
    pub file: Option<Vec<String>>,
    /// An incident tool has the service with an escalation policy.
    pub escalation_policy: bool,
    /// The label of alert rules that names the service.
    pub alert_rule_label: Option<String>,
    /// With `alert_rule_label`: a regular expression for the rule's name.
    pub alert_rule_name: Option<String>,
    /// Somebody reports whether it holds.
    pub reported: bool,
}

/// One entry of `owners`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnerSection {
    /// The team's slug.
    pub team: String,
    /// The first day, for example `"2026-03-01"`.
    pub from: Option<String>,
    /// The first day on which it no longer owns the service.
    pub until: Option<String>,
}

/// `incident_issues` of a service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IncidentIssuesSection {
    /// `owner/name` of the repository that holds the issues; the service's own unless given.
    pub repository: Option<String>,
    /// Labels of which one must be present.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// `deployments` of a service: the word `auto`, or a table with exactly one kind of rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeploymentsValue(pub Option<DeploymentsTable>);

impl<'de> Deserialize<'de> for DeploymentsValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Word(String),
            Table(toml::Table),
        }
        match Either::deserialize(deserializer)? {
            Either::Word(word) if word == "auto" => Ok(Self(None)),
            Either::Word(word) => Err(serde::de::Error::custom(format!(
                "\"{word}\" is no deployment rule: write \"auto\" or a table such as {{ environment = \"production\" }}"
            ))),
            Either::Table(table) => {
                let table = DeploymentsTable::deserialize(table)
                    .map_err(|error: toml::de::Error| serde::de::Error::custom(error.message()))?;
                Ok(Self(Some(table)))
            }
        }
    }
}

/// The table form of `deployments`. Names are regular expressions for the whole name.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DeploymentsTable {
    /// GitHub Deployments to an environment.
    pub environment: Option<String>,
    /// With `environment`: the deployment's task must match too.
    pub task: Option<String>,
    /// Published releases whose tag matches.
    pub release: Option<String>,
    /// With `release`: whether pre-releases count.
    pub prereleases: Option<bool>,
    /// Tags whose name matches.
    pub tag: Option<String>,
    /// Runs of a workflow.
    pub workflow: Option<String>,
    /// With `workflow`: the branch; `main` and `master` unless given.
    pub branch: Option<String>,
    /// Every merge or push to a branch.
    pub merge: Option<String>,
}

/// Nothing is longer ago, and no calculation with it leaves the calendar.
const LONGEST_DURATION: Duration = Duration::from_hours(100 * 8766);

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let duration = humantime::parse_duration(&text).map_err(|_| {
        serde::de::Error::custom(format!("\"{text}\" is no duration: write for example \"5m\", \"24h\" or \"456d\""))
    })?;
    if duration > LONGEST_DURATION {
        return Err(serde::de::Error::custom(format!("\"{text}\" is too long: write at most \"100y\"")));
    }
    Ok(duration)
}

/// Polls without a pause would use up every budget, and no tool answers in no time.
fn one_second_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    at_least(Duration::from_secs(1), "1s", duration(deserializer)?)
}

/// Numbers are of days: a first collection that goes back less far would collect nothing.
fn one_day_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    at_least(Duration::from_hours(24), "1d", duration(deserializer)?)
}

fn at_least<E: serde::de::Error>(shortest: Duration, written: &str, duration: Duration) -> Result<Duration, E> {
    if duration < shortest {
        let given = humantime::format_duration(duration);
        return Err(E::custom(format!("\"{given}\" is too short: write at least \"{written}\"")));
    }
    Ok(duration)
}

/// Shorter leases would end while a store takes a moment to answer.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

pub(super) fn lease<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let lease = duration(deserializer)?;
    if lease < SHORTEST_LEASE {
        return Err(serde::de::Error::custom("a lease lasts \"1s\" at least; \"6s\" is good"));
    }
    Ok(lease)
}

fn optional_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}
