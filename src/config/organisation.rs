//! From the written tables to the rules that attribution works with.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, Weekday};
use globset::{Glob, GlobSetBuilder};
use regex::Regex;

use super::document::{ConfigError, Document};
use super::rules;
use super::sections::{
    ChangesSection, DeploymentsTable, DeploymentsValue, IncidentsSection, OwnerSection, ServiceSection, TeamSection,
};
use crate::attribution::{
    ChangeRules, DeploymentRule, IncidentRules, IncidentService, Organisation, Ownership, Service, Severity, Team,
};
use crate::stats::{WorkingCalendar, WorkingHours};

/// A problem and the dotted key of the value that has it.
pub(super) struct Problem {
    pub(super) key: String,
    pub(super) text: String,
}

pub(super) fn problem(key: impl Into<String>, text: impl Into<String>) -> Problem {
    Problem { key: key.into(), text: text.into() }
}

/// Reads teams, services and rules. `github_login` is that of the organisation of the configured source, where there is
/// exactly one: it completes `github_team = "slug"`.
pub(super) fn read(document: &Document, github_login: Option<&str>) -> Result<Organisation, ConfigError> {
    let teams: BTreeMap<String, TeamSection> = document.section("team")?;
    let services: BTreeMap<String, ServiceSection> = document.section("service")?;
    let at = |problem: Problem| document.error_at(&problem.key, &problem.text);
    let mut organisation = Organisation {
        incidents: incident_rules(document.section("incidents")?).map_err(at)?,
        changes: change_rules(document.section("changes")?).map_err(at)?,
        work: rules::work(document.section("work_items")?),
        security: rules::security(&document.section("security")?),
        documentation: rules::documentation(document.section("documentation")?).map_err(at)?,
        readiness: rules::readiness(document.section("readiness")?).map_err(at)?,
        minimum_group_size: rules::minimum_group_size(&document.section("privacy")?).map_err(at)?,
        ..Organisation::default()
    };
    for (id, section) in teams {
        let team = team(&id, section, github_login).map_err(at)?;
        organisation.teams.insert(id, team);
    }
    // Most services are deployed alike, and each pattern takes some kilobytes.
    let mut rules = BTreeMap::new();
    for (id, section) in services {
        let service = service(&id, section, &organisation.teams, &mut rules).map_err(at)?;
        organisation.services.insert(id, service);
    }
    Ok(organisation)
}

fn team(id: &str, section: TeamSection, organization: Option<&str>) -> Result<Team, Problem> {
    let key = |name: &str| format!("team.{id}.{name}");
    check_slug(&format!("team.{id}"), id)?;
    let github_team = match (section.github_team, organization) {
        (None, _) => None,
        (Some(team), _) if team.contains('/') => Some(team),
        (Some(team), Some(organization)) => Some(format!("{organization}/{team}")),
        (Some(team), None) => {
            return Err(problem(
                key("github_team"),
                format!(
                    "which organisation has the team \"{team}\"? Set organization in [github], or write \"organization/{team}\""
                ),
            ));
        }
    };
    for repository in &section.repositories {
        check_repository(&key("repositories"), repository)?;
    }
    let mut calendar = WorkingCalendar::default();
    if let Some(zone) = section.time_zone {
        calendar.time_zone = chrono_tz::Tz::from_str(&zone).map_err(|_| {
            problem(
                key("time_zone"),
                format!("\"{zone}\" is no time zone of the IANA database: write for example \"Europe/Berlin\""),
            )
        })?;
    }
    if let Some(days) = section.working_days {
        calendar.working_days = working_days(&key("working_days"), &days)?;
    }
    if let Some(hours) = section.working_hours {
        calendar.working_hours = working_hours(&key("working_hours"), &hours)?;
    }
    for day in section.holidays {
        calendar.holidays.insert(date(&key("holidays"), &day)?);
    }
    Ok(Team {
        name: section.name.unwrap_or_else(|| id.to_owned()),
        id: id.to_owned(),
        calendar,
        github_team,
        repositories: section.repositories,
        work_items: section.work_items,
    })
}

/// Reads a service. Those whose deployments are written alike share a rule.
fn service(
    id: &str,
    section: ServiceSection,
    teams: &BTreeMap<String, Team>,
    rules: &mut BTreeMap<DeploymentsValue, Arc<DeploymentRule>>,
) -> Result<Service, Problem> {
    let key = |name: &str| format!("service.{id}.{name}");
    check_slug(&format!("service.{id}"), id)?;
    if section.repository.is_empty() {
        return Err(problem(format!("service.{id}"), "repository is missing: write repository = \"owner/name\""));
    }
    check_repository(&key("repository"), &section.repository)?;
    let owners = owners(id, section.team, section.owners, teams)?;
    let paths = section.paths.map(|paths| glob_set(&key("paths"), &paths)).transpose()?;
    let critical_paths = section.critical_paths.map(|paths| glob_set(&key("critical_paths"), &paths)).transpose()?;
    let tier = section.tier.unwrap_or(2);
    if !(1..=4).contains(&tier) {
        return Err(problem(key("tier"), format!("{tier} is no tier: write 1 (most critical) to 4")));
    }
    let mut incident_services: Vec<IncidentService> = section
        .pagerduty
        .into_iter()
        .map(|service| IncidentService { source: "pagerduty".to_owned(), service, labels: Vec::new() })
        .collect();
    for (source, services) in section.incident_services {
        incident_services.extend(services.into_iter().map(|service| IncidentService {
            source: source.clone(),
            service,
            labels: Vec::new(),
        }));
    }
    if let Some(issues) = section.incident_issues {
        let service = issues.repository.unwrap_or_else(|| section.repository.clone());
        check_repository(&key("incident_issues.repository"), &service)?;
        incident_services.push(IncidentService { source: "github".to_owned(), service, labels: issues.labels });
    }
    let deployments = match rules.entry(section.deployments) {
        Entry::Occupied(known) => known.get().clone(),
        Entry::Vacant(new) => {
            let rule = deployment_rule(&key("deployments"), new.key().0.clone())?;
            new.insert(rule.into()).clone()
        }
    };
    Ok(Service {
        id: id.to_owned(),
        deployments,
        repository: section.repository,
        paths,
        owners,
        tier,
        incident_services,
        names: section.names,
        critical_paths,
    })
}

fn owners(
    id: &str,
    team: Option<String>,
    owners: Vec<OwnerSection>,
    teams: &BTreeMap<String, Team>,
) -> Result<Vec<Ownership>, Problem> {
    let known = |key: String, team: &str| {
        if teams.contains_key(team) {
            return Ok(());
        }
        let names = teams.keys().cloned().collect::<Vec<_>>().join(", ");
        Err(problem(
            key,
            format!("there is no team \"{team}\": known are {names}. Add [team.{team}] or correct the name"),
        ))
    };
    let key = format!("service.{id}.owners");
    match (team, owners.is_empty()) {
        (Some(_), false) => Err(problem(format!("service.{id}.team"), "give either team or owners, not both")),
        (None, true) => Ok(Vec::new()),
        (Some(team), true) => {
            known(format!("service.{id}.team"), &team)?;
            Ok(vec![Ownership { team, from: None, until: None }])
        }
        (None, false) => {
            let mut periods = Vec::new();
            for owner in owners {
                known(key.clone(), &owner.team)?;
                let from = owner.from.map(|day| date(&key, &day)).transpose()?;
                let until = owner.until.map(|day| date(&key, &day)).transpose()?;
                periods.push(Ownership { team: owner.team, from, until });
            }
            periods.sort_by_key(|period| period.from);
            for pair in periods.windows(2) {
                if pair[0].until.is_none_or(|until| pair[1].from.is_none_or(|from| until > from)) {
                    let (first, second) = (&pair[0].team, &pair[1].team);
                    return Err(problem(
                        key,
                        format!(
                            "the periods of \"{first}\" and \"{second}\" overlap: end the first with until where the second has from"
                        ),
                    ));
                }
            }
            Ok(periods)
        }
    }
}

fn deployment_rule(key: &str, table: Option<DeploymentsTable>) -> Result<DeploymentRule, Problem> {
    let Some(table) = table else { return Ok(DeploymentRule::Auto) };
    let kinds = [
        ("environment", table.environment.is_some()),
        ("release", table.release.is_some()),
        ("tag", table.tag.is_some()),
        ("workflow", table.workflow.is_some()),
        ("merge", table.merge.is_some()),
    ];
    let given: Vec<&str> = kinds.iter().filter(|(_, given)| *given).map(|(kind, _)| *kind).collect();
    if given.len() != 1 {
        let found = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
        return Err(problem(
            key,
            format!("exactly one of environment, release, tag, workflow or merge says what counts, found {found}"),
        ));
    }
    let companions = [
        ("task", table.task.is_some(), "environment"),
        ("prereleases", table.prereleases.is_some(), "release"),
        ("branch", table.branch.is_some(), "workflow"),
    ];
    if let Some((name, _, kind)) = companions.iter().find(|(_, present, kind)| *present && *kind != given[0]) {
        return Err(problem(key, format!("{name} goes with {kind}, not with {}", given[0])));
    }
    let whole = |text: &str| pattern(key, &format!("^(?:{text})$"));
    Ok(match (table.environment, table.release, table.tag, table.workflow) {
        (Some(environment), ..) => DeploymentRule::Environment {
            environment: whole(&environment)?,
            task: table.task.map(|task| whole(&task)).transpose()?,
        },
        (_, Some(tag), ..) => {
            DeploymentRule::Release { tag: pattern(key, &tag)?, prereleases: table.prereleases.unwrap_or(false) }
        }
        (_, _, Some(tag), _) => DeploymentRule::Tag { tag: pattern(key, &tag)? },
        (_, _, _, Some(workflow)) => DeploymentRule::WorkflowRun {
            workflow: whole(&workflow)?,
            branch: whole(table.branch.as_deref().unwrap_or("main|master"))?,
        },
        _ => DeploymentRule::Merge { branch: table.merge.filter(|branch| branch != "default") },
    })
}

fn incident_rules(section: IncidentsSection) -> Result<IncidentRules, Problem> {
    let mut rules = IncidentRules::default();
    let severity = |key: &str, level: u8| {
        if (1..=5).contains(&level) {
            return Ok(Severity(level));
        }
        Err(problem(format!("incidents.{key}"), format!("{level} is no severity: write 1 (worst) to 5")))
    };
    for (word, level) in section.severities {
        let level = severity("severities", level)?;
        rules.severities.insert(word.to_lowercase(), level);
    }
    if let Some(level) = section.default_severity {
        rules.default_severity = severity("default_severity", level)?;
    }
    if let Some(level) = section.blamed_up_to {
        rules.blamed_up_to = severity("blamed_up_to", level)?;
    }
    if let Some(window) = section.attribution_window {
        rules.attribution_window = chrono::Duration::from_std(window)
            .map_err(|_| problem("incidents.attribution_window", "is too long: write for example \"24h\""))?;
    }
    Ok(rules)
}

fn change_rules(section: ChangesSection) -> Result<ChangeRules, Problem> {
    let mut rules = ChangeRules::default();
    if let Some(labels) = section.hotfix_labels {
        rules.hotfix_labels = labels.iter().map(|label| label.to_lowercase()).collect();
    }
    if let Some(branch) = section.hotfix_branch {
        rules.hotfix_branch = pattern("changes.hotfix_branch", &branch)?;
    }
    if let Some(title) = section.hotfix_title {
        rules.hotfix_title = pattern("changes.hotfix_title", &title)?;
    }
    Ok(rules)
}

fn working_days(key: &str, days: &[String]) -> Result<BTreeSet<u8>, Problem> {
    let number = |day: &String| {
        let day = Weekday::from_str(day)
            .map_err(|_| problem(key, format!("\"{day}\" is no weekday: write \"mon\", \"tue\", … \"sun\"")))?;
        Ok(crate::stats::day_number(day))
    };
    let days: BTreeSet<u8> = days.iter().map(number).collect::<Result<_, Problem>>()?;
    if days.is_empty() {
        return Err(problem(key, "a team works on at least one day: write for example [\"mon\", \"tue\"]"));
    }
    Ok(days)
}

fn working_hours(key: &str, hours: &[String; 2]) -> Result<WorkingHours, Problem> {
    let time = |text: &String| {
        NaiveTime::parse_from_str(text, "%H:%M")
            .map_err(|_| problem(key, format!("\"{text}\" is no time of day: write for example \"09:00\"")))
    };
    let [from, until] = [time(&hours[0])?, time(&hours[1])?];
    if from >= until {
        return Err(problem(
            key,
            format!("the day begins at {} and ends at {}: the end must be later", hours[0], hours[1]),
        ));
    }
    Ok(WorkingHours { from, until })
}

fn date(key: &str, text: &str) -> Result<NaiveDate, Problem> {
    NaiveDate::from_str(text)
        .map_err(|_| problem(key, format!("\"{text}\" is no day: write for example \"2026-12-25\"")))
}

pub(super) fn pattern(key: &str, text: &str) -> Result<Regex, Problem> {
    Regex::new(text).map_err(|error| problem(key, format!("is no regular expression: {error}")))
}

pub(super) fn glob_set(key: &str, globs: &[String]) -> Result<globset::GlobSet, Problem> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(Glob::new(glob).map_err(|error| problem(key, format!("is no path pattern: {error}")))?);
    }
    builder.build().map_err(|error| problem(key, format!("is no set of path patterns: {error}")))
}

fn check_slug(key: &str, id: &str) -> Result<(), Problem> {
    let allowed =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-' || letter == '_';
    if !id.is_empty() && id.chars().all(allowed) {
        return Ok(());
    }
    Err(problem(key, format!("\"{id}\" becomes a metric label: use lower-case letters, digits, - and _ only")))
}

fn check_repository(key: &str, text: &str) -> Result<(), Problem> {
    match text.split_once('/') {
        Some((owner, name)) if !owner.is_empty() && !name.is_empty() && !name.contains('/') => Ok(()),
        _ => Err(problem(key, format!("\"{text}\" is no repository: write \"owner/name\""))),
    }
}
