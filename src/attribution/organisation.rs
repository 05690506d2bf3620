//! The rules: teams, services, who owns what since when, and what counts as a deployment, a fix, an incident.
//!
//! This is the configuration in the form that attribution works with; `config` makes it, attribution only reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use globset::GlobSet;
use regex::Regex;

use super::rules::{DocumentationRules, ReadinessCheck, SecurityRules, WorkRules};
use crate::stats::WorkingCalendar;

/// Everything that the configuration says about an organisation.
#[derive(Debug, Clone)]
pub struct Organisation {
    /// The teams, by slug.
    pub teams: BTreeMap<String, Team>,
    /// The services that the configuration names, by id. Repositories of a team that no service names become services
    /// of their own when facts are attributed.
    pub services: BTreeMap<String, Service>,
    /// How incidents are weighed and tied to deployments.
    pub incidents: IncidentRules,
    /// How fixes are recognised.
    pub changes: ChangeRules,
    /// The keys ([`crate::facts::Person::key`]) of accounts that count as bots beyond what sources tell.
    pub bots: BTreeSet<String>,
    /// What the words of trackers mean.
    pub work: WorkRules,
    /// How long alerts may stay open.
    pub security: SecurityRules,
    /// Which changes need documentation, and what is documentation.
    pub documentation: DocumentationRules,
    /// The checklist of operational readiness.
    pub readiness: Vec<ReadinessCheck>,
    /// Fewer answers than this are not shown.
    pub minimum_group_size: usize,
}

impl Default for Organisation {
    fn default() -> Self {
        Self {
            teams: BTreeMap::new(),
            services: BTreeMap::new(),
            incidents: IncidentRules::default(),
            changes: ChangeRules::default(),
            bots: BTreeSet::new(),
            work: WorkRules::default(),
            security: SecurityRules::default(),
            documentation: DocumentationRules::default(),
            readiness: ReadinessCheck::usual(),
            minimum_group_size: 5,
        }
    }
}

/// A team.
#[derive(Debug, Clone)]
pub struct Team {
    /// The slug: the `team` label of every metric.
    pub id: String,
    /// The name shown to people.
    pub name: String,
    /// Time zone, working days and hours, holidays.
    pub calendar: WorkingCalendar,
    /// `organization/slug` of the GitHub team whose repositories belong to this team.
    pub github_team: Option<String>,
    /// `owner/name` of repositories that belong to the team beside those.
    pub repositories: Vec<String>,
    /// Where its work items are, beside its repositories: keys of Jira projects, `PROJECT:component`, or `owner/name`.
    pub work_items: Vec<String>,
}

/// Something that is deployed on its own: a whole repository, or a path set of one.
#[derive(Debug, Clone)]
pub struct Service {
    /// The id: the `service` label.
    pub id: String,
    /// `owner/name` of the repository.
    pub repository: String,
    /// The paths that belong to the service. `None` is the whole repository.
    pub paths: Option<GlobSet>,
    /// Who owns it, and when. Periods don't overlap.
    pub owners: Vec<Ownership>,
    /// 1 is the most critical.
    pub tier: u8,
    /// What counts as a deployment of it. Services that say the same share it.
    pub deployments: Arc<DeploymentRule>,
    /// The services of incident tools whose incidents are its own.
    pub incident_services: Vec<IncidentService>,
    /// What other tools call it, beside its id: label values in Prometheus, subjects of CDEvents.
    pub names: Vec<String>,
    /// The paths whose test coverage matters. `None` is all of its files.
    pub critical_paths: Option<GlobSet>,
}

impl Service {
    /// Whether a tool's word means this service: its id or one of its names.
    pub fn is_called(&self, word: &str) -> bool {
        self.id == word || self.names.iter().any(|name| name == word)
    }

    /// Whether an incident tool's service, by its id there or by its name, is this one.
    pub fn is_called_by_tool(&self, source: &str, id: &str, name: &str) -> bool {
        let named = self.incident_services.iter().any(|known| {
            known.source == source && known.labels.is_empty() && (known.service == id || known.service == name)
        });
        named || self.is_called(id) || self.is_called(name)
    }
}

/// A period in which a team owns a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The team's slug.
    pub team: String,
    /// The first day, in the team's time zone. `None` is from the beginning.
    pub from: Option<NaiveDate>,
    /// The first day on which it no longer owns it. `None` is until today.
    pub until: Option<NaiveDate>,
}

/// A service of an incident tool, by its id or its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentService {
    /// The name of the configured source, for example `pagerduty`.
    pub source: String,
    /// The tool's id or name of the service; for GitHub issues `owner/name`.
    pub service: String,
    /// For issues: labels of which one must be present, so that several services can share a repository.
    pub labels: Vec<String>,
}

/// What counts as a production deployment of a service. Exactly one rule holds per service, so nothing counts twice.
#[derive(Debug, Clone)]
pub enum DeploymentRule {
    /// Deployments to a production environment if the service has any, else releases, else tags.
    Auto,
    /// Deployment records whose environment matches.
    Environment {
        /// Matches the whole name of the environment. Records that name the service itself (CDEvents) count for that
        /// service only.
        environment: Regex,
        /// Where given, the deployment's task must match too.
        task: Option<Regex>,
    },
    /// Published releases whose tag matches.
    Release {
        /// Matches the tag.
        tag: Regex,
        /// Whether pre-releases count.
        prereleases: bool,
    },
    /// Tags whose name matches.
    Tag {
        /// Matches the name of the tag.
        tag: Regex,
    },
    /// Runs of a workflow on a branch.
    WorkflowRun {
        /// Matches the name of the workflow.
        workflow: Regex,
        /// Matches the branch.
        branch: Regex,
    },
    /// Every merge or push to a branch is a deployment.
    Merge {
        /// The branch; `None` is the default branch.
        branch: Option<String>,
    },
}

/// The severity of an incident, 1 (worst) to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Severity(pub u8);

impl Severity {
    /// The weight in `incident_rate`: 10, 5, 2, 1 and 0.5 for severities 1 to 5.
    pub fn weight(self) -> f64 {
        match self.0 {
            0 | 1 => 10.0,
            2 => 5.0,
            3 => 2.0,
            4 => 1.0,
            _ => 0.5,
        }
    }
}

/// How incidents are weighed and tied to deployments.
#[derive(Debug, Clone)]
pub struct IncidentRules {
    /// Words of incident tools (lower case) and the severity that each means.
    pub severities: BTreeMap<String, Severity>,
    /// The severity of an incident none of whose words is known.
    pub default_severity: Severity,
    /// How long after a deployment an incident of its service may still be blamed on it.
    pub attribution_window: chrono::Duration,
    /// The least severe incident that is blamed on a deployment without an explicit link.
    pub blamed_up_to: Severity,
}

impl Default for IncidentRules {
    fn default() -> Self {
        let words: &[(&str, u8)] = &[
            ("p1", 1),
            ("sev1", 1),
            ("sev-1", 1),
            ("severity-1", 1),
            ("critical", 1),
            ("p2", 2),
            ("sev2", 2),
            ("sev-2", 2),
            ("severity-2", 2),
            ("high", 2),
            ("major", 2),
            ("p3", 3),
            ("sev3", 3),
            ("sev-3", 3),
            ("severity-3", 3),
            ("medium", 3),
            ("minor", 3),
            ("p4", 4),
            ("sev4", 4),
            ("sev-4", 4),
            ("severity-4", 4),
            ("low", 4),
            ("p5", 5),
            ("sev5", 5),
            ("sev-5", 5),
            ("severity-5", 5),
        ];
        Self {
            severities: words.iter().map(|(word, level)| ((*word).to_owned(), Severity(*level))).collect(),
            default_severity: Severity(3),
            attribution_window: chrono::Duration::hours(24),
            blamed_up_to: Severity(3),
        }
    }
}

/// How planned changes are told from fixes.
#[derive(Debug, Clone)]
pub struct ChangeRules {
    /// Labels (lower case) that make a pull request a hotfix.
    pub hotfix_labels: Vec<String>,
    /// Matches the head branch of a hotfix.
    pub hotfix_branch: Regex,
    /// Matches the title of a hotfix.
    pub hotfix_title: Regex,
}

impl Default for ChangeRules {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the pattern is a constant and covered by a test")]
        let pattern = |text: &str| Regex::new(text).expect("a valid pattern");
        Self {
            hotfix_labels: vec!["hotfix".to_owned()],
            hotfix_branch: pattern(r"(?i)^(.*/)?hotfix[/_-]"),
            hotfix_title: pattern(r"(?i)^(\[hotfix\]|hotfix\b)"),
        }
    }
}
