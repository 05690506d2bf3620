//! Why a number is missing: which environments, releases, tags, workflows and incident services were seen, and which
//! rule took none of them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::attribution::{Attributed, DeploymentRule, FactsInput, Organisation};
use crate::sources::{Finding, FindingLevel};

/// Looks at facts and rules side by side.
pub fn diagnose(organisation: &Organisation, facts: &FactsInput, attributed: &Attributed) -> Vec<Finding> {
    let mut findings = services(organisation, facts, attributed);
    findings.extend(teams(organisation, attributed));
    findings.extend(incident_services(organisation, facts, attributed));
    findings.extend(left_out(attributed));
    findings
}

fn finding(level: FindingLevel, message: String, hint: Option<String>) -> Finding {
    Finding { level, message, hint }
}

/// Each service: what counts as its deployment, and how often that was seen.
fn services(organisation: &Organisation, facts: &FactsInput, attributed: &Attributed) -> Vec<Finding> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for deployment in &attributed.deployments {
        *counts.entry(&deployment.service).or_default() += 1;
    }
    let mut findings = Vec::new();
    for (service, rule) in &attributed.chosen_rules {
        let count = counts.get(service.as_str()).copied().unwrap_or_default();
        if count > 0 {
            findings.push(finding(FindingLevel::Good, format!("service {service}: {count} deployments; {rule}"), None));
            continue;
        }
        let configured = organisation.services.get(service);
        let repository = configured.map(|service| service.repository.as_str());
        let seen = repository.map(|repository| seen_in(repository, facts)).unwrap_or_default();
        let hint = if seen.is_empty() {
            "nothing was collected that could be a deployment: deploy with GitHub Deployments, publish releases, or push tags".to_owned()
        } else {
            format!(
                "seen in {}: {seen}. Write into [service.{service}] for example deployments = {}",
                repository.unwrap_or_default(),
                example(&seen)
            )
        };
        findings.push(finding(FindingLevel::Problem, format!("service {service}: no deployment; {rule}"), Some(hint)));
    }
    for (id, service) in &organisation.services {
        let tells = attributed.chosen_rules.contains_key(id) || counts.contains_key(id.as_str());
        if !tells && !matches!(service.deployments, DeploymentRule::Auto) {
            let seen = seen_in(&service.repository, facts);
            let hint = format!(
                "seen in {}: {}",
                service.repository,
                if seen.is_empty() { "nothing".to_owned() } else { seen }
            );
            findings.push(finding(
                FindingLevel::Problem,
                format!("service {id}: its deployment rule matches nothing"),
                Some(hint),
            ));
        }
    }
    findings
}

/// What a repository has that could count as deployments, in words.
fn seen_in(repository: &str, facts: &FactsInput) -> String {
    let of = |name: &str| name == repository;
    let environments: BTreeSet<&str> = facts
        .deployments
        .iter()
        .filter(|item| of(&item.fact.repository))
        .map(|item| item.fact.environment.as_str())
        .collect();
    let releases = facts.releases.iter().filter(|item| of(&item.fact.repository)).count();
    let tags = facts.tags.iter().filter(|item| of(&item.fact.repository)).count();
    let workflows: BTreeSet<&str> =
        facts.ci_runs.iter().filter(|item| of(&item.fact.repository)).map(|item| item.fact.workflow.as_str()).collect();
    let mut seen = Vec::new();
    let names = |names: &BTreeSet<&str>| names.iter().take(8).copied().collect::<Vec<_>>().join(", ");
    if !environments.is_empty() {
        seen.push(format!("environments {}", names(&environments)));
    }
    if releases > 0 {
        seen.push(format!("{releases} releases"));
    }
    if tags > 0 {
        seen.push(format!("{tags} tags"));
    }
    if !workflows.is_empty() {
        seen.push(format!("workflows {}", names(&workflows)));
    }
    seen.join("; ")
}

fn example(seen: &str) -> String {
    if let Some(environments) = seen.strip_prefix("environments ") {
        let first = environments.split([',', ';']).next().unwrap_or_default();
        return format!("{{ environment = \"{first}\" }}");
    }
    if seen.contains("releases") {
        return "{ release = \".*\" }".to_owned();
    }
    if seen.contains("tags") {
        return "{ tag = \"^v\" }".to_owned();
    }
    let first = seen.trim_start_matches("workflows ").split(',').next().unwrap_or_default();
    format!("{{ workflow = \"{first}\", branch = \"main\" }}")
}

/// Each team has something to count.
fn teams(organisation: &Organisation, attributed: &Attributed) -> Vec<Finding> {
    let with_repositories: BTreeSet<&String> = attributed.repository_teams.values().flatten().collect();
    let without = organisation.teams.values().filter(|team| !with_repositories.contains(&team.id));
    let findings = without.map(|team| {
        let hint = format!(
            "write github_team or repositories into [team.{0}], or team = \"{0}\" into a service; collect once before",
            team.id
        );
        finding(FindingLevel::Problem, format!("team {}: no repository belongs to it", team.id), Some(hint))
    });
    findings.collect()
}

/// Incident services that no service of the configuration names, with the line to add.
fn incident_services(organisation: &Organisation, facts: &FactsInput, attributed: &Attributed) -> Vec<Finding> {
    let unmapped: BTreeSet<&str> = attributed
        .incidents
        .iter()
        .filter(|incident| incident.service.is_none())
        .map(|incident| incident.key.as_str())
        .collect();
    let mut by_service: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for incident in &facts.incidents {
        let key = format!("{}:{}", incident.source, incident.fact.id);
        if unmapped.contains(key.as_str()) {
            let name = incident.fact.service_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
            *by_service.entry((&incident.source, format!("{}{name}", incident.fact.service))).or_default() += 1;
        }
    }
    let example = organisation.services.keys().next().map_or("NAME", String::as_str);
    let findings = by_service.into_iter().map(|((source, service), count)| {
        let id = service.split(' ').next().unwrap_or_default();
        finding(
            FindingLevel::Problem,
            format!("{count} incidents of {source} service {service} belong to no service"),
            Some(format!("write {source} = [\"{id}\"] into the table of its service, for example [service.{example}]")),
        )
    });
    findings.collect()
}

/// Everything else that was left out, counted by reason.
fn left_out(attributed: &Attributed) -> Vec<Finding> {
    let mut reasons: BTreeMap<(&str, &str), (usize, &str)> = BTreeMap::new();
    for item in &attributed.left_out {
        let entry = reasons.entry((item.kind, item.reason)).or_insert((0, &item.explanation));
        entry.0 += 1;
    }
    let findings = reasons.into_iter().map(|((kind, reason), (count, example))| {
        finding(FindingLevel::Notice, format!("left out: {count} × {kind}, {reason}. For example: {example}"), None)
    });
    findings.collect()
}
