//! Why a number is missing: which environments, releases, tags, workflows and incident services were seen, and which
//! rule took none of them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::attribution::{Attributed, DeploymentRule, FactsInput, LeftOut, Organisation, Part, Team};
use crate::sources::{Finding, Fix};

/// What rules and facts of one part of the organisation say of each other, so that the whole can be told from the parts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Diagnosis {
    /// What counts as a deployment of each service, and how often that was seen; by the service's id.
    services: BTreeMap<String, Finding>,
    /// Services whose rule matches nothing, by id.
    unmatched: BTreeMap<String, Finding>,
    /// Services of the configuration that are no team's, by id.
    unowned: BTreeMap<String, Finding>,
    /// Teams that have nothing to count, by slug.
    teams: BTreeMap<String, Finding>,
    /// How many incidents of a tool's service belong to no service, by source and the tool's words.
    incident_services: BTreeMap<(String, String), usize>,
    /// What was left out, by kind and reason.
    left_out: LeftOutGroups,
}

impl Diagnosis {
    /// Nothing but what was left out.
    pub(super) fn of_left_out(left_out: &[LeftOut]) -> Self {
        Self { left_out: left_out_of(left_out), ..Self::default() }
    }

    /// Adds what is said of other facts.
    pub(super) fn add(&mut self, other: Self) {
        let Self { services, unmatched, unowned, teams, incident_services, left_out } = other;
        self.services.extend(services);
        self.unmatched.extend(unmatched);
        self.unowned.extend(unowned);
        self.teams.extend(teams);
        for (service, count) in incident_services {
            *self.incident_services.entry(service).or_default() += count;
        }
        add_groups(&mut self.left_out, &left_out);
    }
}

/// Things that were left out for the same reason.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LeftOutGroup {
    /// How many.
    pub(super) count: usize,
    /// The first of them, for example.
    pub(super) first: LeftOut,
}

/// What was left out, by kind and reason.
pub(super) type LeftOutGroups = BTreeMap<(&'static str, &'static str), LeftOutGroup>;

/// The groups of what was left out; the first is the example.
pub(super) fn left_out_of(left_out: &[LeftOut]) -> LeftOutGroups {
    let mut groups = LeftOutGroups::new();
    for item in left_out {
        let new = || LeftOutGroup { count: 0, first: item.clone() };
        groups.entry((item.kind, item.reason)).or_insert_with(new).count += 1;
    }
    groups
}

/// What was left out of all parts, by kind and reason.
pub(super) fn left_out_groups<'a>(parts: impl IntoIterator<Item = &'a Diagnosis>) -> LeftOutGroups {
    let mut groups = LeftOutGroups::new();
    for part in parts {
        add_groups(&mut groups, &part.left_out);
    }
    groups
}

fn add_groups(groups: &mut LeftOutGroups, others: &LeftOutGroups) {
    for (reason, group) in others {
        let known = groups.entry(*reason).or_insert_with(|| LeftOutGroup { count: 0, first: group.first.clone() });
        known.count += group.count;
        if group.first < known.first {
            known.first = group.first.clone();
        }
    }
}

/// What is said of the whole.
pub(super) fn findings<'a>(
    organisation: &Organisation,
    parts: impl IntoIterator<Item = &'a Diagnosis>,
) -> Vec<Finding> {
    let parts: Vec<&Diagnosis> = parts.into_iter().collect();
    let mut by_name: [BTreeMap<&str, &Finding>; 4] = Default::default();
    let mut incidents: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for part in &parts {
        for (named, of_part) in by_name.iter_mut().zip([&part.services, &part.unmatched, &part.unowned, &part.teams]) {
            named.extend(of_part.iter().map(|(name, finding)| (name.as_str(), finding)));
        }
        for ((source, service), count) in &part.incident_services {
            *incidents.entry((source, service)).or_default() += count;
        }
    }
    let named = by_name.iter().flat_map(BTreeMap::values).map(|finding| (*finding).clone());
    let mut findings: Vec<Finding> = named.collect();
    findings.extend(undivided(organisation));
    findings.extend(incident_services(organisation, incidents));
    findings.extend(left_out_groups(parts).into_iter().map(|((kind, reason), group)| {
        let (count, example) = (group.count, group.first.explanation);
        Finding::notice(format!("left out: {count} × {kind}, {reason}. For example: {example}"))
    }));
    findings
}

/// Looks at facts and rules side by side.
pub fn diagnose(organisation: &Organisation, facts: &FactsInput, attributed: &Attributed) -> Vec<Finding> {
    findings(organisation, [&diagnose_whole(organisation, facts, attributed)])
}

/// Looks at the facts of all parts at once.
pub(super) fn diagnose_whole(organisation: &Organisation, facts: &FactsInput, attributed: &Attributed) -> Diagnosis {
    let whole = Part {
        teams: organisation.teams.keys().cloned().collect(),
        services: organisation.services.keys().cloned().collect(),
        repositories: BTreeSet::new(),
    };
    diagnose_part(organisation, &whole, facts, attributed)
}

/// Looks at facts and rules of one part.
pub(super) fn diagnose_part(
    organisation: &Organisation,
    part: &Part,
    facts: &FactsInput,
    attributed: &Attributed,
) -> Diagnosis {
    let (services, unmatched) = services(organisation, part, facts, attributed);
    Diagnosis {
        services,
        unmatched,
        unowned: unowned(organisation, part, attributed),
        teams: teams(organisation, part, attributed),
        incident_services: unmapped_incidents(facts, attributed),
        left_out: left_out_of(&attributed.left_out),
    }
}

/// Each service: what counts as its deployment, and how often that was seen.
fn services(
    organisation: &Organisation,
    part: &Part,
    facts: &FactsInput,
    attributed: &Attributed,
) -> (BTreeMap<String, Finding>, BTreeMap<String, Finding>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for deployment in &attributed.deployments {
        *counts.entry(&deployment.service).or_default() += 1;
    }
    let (mut told, mut unmatched) = (BTreeMap::new(), BTreeMap::new());
    for (service, rule) in &attributed.chosen_rules {
        let count = counts.get(service.as_str()).copied().unwrap_or_default();
        if count > 0 {
            let message = format!("service {service}: {count} deployments; {rule}");
            told.insert(service.clone(), Finding::good(message));
            continue;
        }
        let message = format!("service {service}: no deployment; {rule}");
        told.insert(service.clone(), mended(message, service, organisation, facts, attributed));
    }
    for (id, service) in part.services.iter().filter_map(|id| organisation.services.get_key_value(id)) {
        let tells = attributed.chosen_rules.contains_key(id) || counts.contains_key(id.as_str());
        if !tells && !matches!(*service.deployments, DeploymentRule::Auto) {
            let message = format!("service {id}: its deployment rule matches nothing");
            unmatched.insert(id.clone(), mended(message, id, organisation, facts, attributed));
        }
    }
    (told, unmatched)
}

/// The problem of a service without deployments, with what was seen of it and the lines that take it in.
fn mended(
    message: String,
    service: &str,
    organisation: &Organisation,
    facts: &FactsInput,
    attributed: &Attributed,
) -> Finding {
    let configured = organisation.services.get(service);
    // A repository of a team that no table names is a service of its own.
    let repository = attributed.owned.get(service).map_or("", |owned| owned.repository.as_str());
    let seen = seen_in(repository, facts);
    if seen.is_empty() && !facts.repositories.iter().any(|item| item.fact.full_name == repository) {
        let hint = format!(
            "{repository} is not collected: write its name as its host does, and let a source bring it (organization, \
             repositories and exclude in [github] say which; what is archived is not collected)"
        );
        let step = format!(
            "correct repository in [service.{service}], or repositories of its team; or take {repository} into [github]"
        );
        let finding = Finding::problem(message).hint(hint).fix(Fix::Elsewhere(step));
        return finding.fix(Fix::Run("chiplog collect --once".to_owned()));
    }
    if seen.is_empty() {
        let hint = "nothing was collected that could be a deployment: deploy with GitHub Deployments, publish releases, or push tags";
        let step =
            "let the deploying workflow name its `environment:`, publish a release, push a tag, or send CDEvents";
        return Finding::problem(message).hint(hint).fix(Fix::Elsewhere(step.to_owned()));
    }
    let rule = example(&seen);
    let hint = format!("seen in {repository}: {seen}. Write into [service.{service}] for example deployments = {rule}");
    let line = format!("deployments = {rule}");
    let fix = if configured.is_some() {
        Fix::configure(format!("in [service.{service}], instead of its line deployments if it has one"), line)
    } else {
        let key = if service.contains('/') { format!("\"{service}\"") } else { service.to_owned() };
        Fix::configure("at the end", format!("[service.{key}]\nrepository = \"{repository}\"\n{line}"))
    };
    Finding::problem(message).hint(hint).fix(fix)
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

/// Services of the configuration that belong to no team today: what happens to them counts for nobody.
fn unowned(organisation: &Organisation, part: &Part, attributed: &Attributed) -> BTreeMap<String, Finding> {
    let configured = part.services.iter().filter_map(|id| organisation.services.get(id));
    let unowned = configured.filter(|service| attributed.owned.get(&service.id).is_some_and(|it| it.team.is_none()));
    let findings = unowned.map(|service| {
        let id = &service.id;
        if !service.owners.is_empty() {
            // Nobody may have taken it over on purpose: it was switched off.
            let finding = Finding::notice(format!("service {id}: no team owns it today, so it counts for nobody"));
            return (id.clone(), finding.hint(format!("write who does into owners of [service.{id}]")));
        }
        let example = organisation.teams.keys().next().map_or("SLUG", String::as_str);
        let finding = Finding::problem(format!("service {id}: it belongs to no team, so it counts for nobody"));
        let finding = finding.hint(format!("write team into [service.{id}], for example team = \"{example}\""));
        let fix =
            Fix::configure(format!("in [service.{id}], with the team that owns it"), format!("team = \"{example}\""));
        (id.clone(), finding.fix(fix))
    });
    findings.collect()
}

/// Repositories of which several services have everything: each change of theirs counts in all of them.
fn undivided(organisation: &Organisation) -> Vec<Finding> {
    let mut whole: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for service in organisation.services.values().filter(|service| service.paths.is_none()) {
        whole.entry(&service.repository).or_default().push(&service.id);
    }
    let several = whole.into_iter().filter(|(_, services)| services.len() > 1);
    let findings = several.map(|(repository, services)| {
        let names = services.join(", ");
        let message = format!("services {names}: each has all of {repository}, so its changes count in each of them");
        let place = format!("in [service.{}], and in the others their own", services[0]);
        Finding::notice(message)
            .hint("say with paths which folders are whose; leave one of them if they are the same service")
            .fix(Fix::configure(place, "paths = [\"FOLDER/**\"]"))
    });
    findings.collect()
}

/// Each team has something to count.
fn teams(organisation: &Organisation, part: &Part, attributed: &Attributed) -> BTreeMap<String, Finding> {
    let with_services: BTreeSet<&String> = attributed.owned.values().filter_map(|owned| owned.team.as_ref()).collect();
    let without = part.teams.iter().filter_map(|id| organisation.teams.get(id));
    let without = without.filter(|team| !with_services.contains(&team.id));
    without.map(|team| (team.id.clone(), without_repository(team))).collect()
}

/// The problem of a team without repositories, with lines that its table does not have yet.
fn without_repository(team: &Team) -> Finding {
    let id = &team.id;
    let finding = Finding::problem(format!("team {id}: no repository belongs to it"));
    let place = format!("in [team.{id}]");
    let finding = match (&team.github_team, team.repositories.is_empty()) {
        (None, true) => {
            let lines =
                format!("github_team = \"{id}\" # the slug of its team at GitHub; or repositories = [\"OWNER/NAME\"]");
            let hint = format!(
                "write github_team or repositories into [team.{id}], or team = \"{id}\" into a service; collect once before"
            );
            finding.hint(hint).fix(Fix::configure(place, lines))
        }
        (Some(github_team), true) => {
            let hint = format!(
                "GitHub tells no repository of its team {github_team} that is no other team's: give that team its \
                 repositories there, or write repositories into [team.{id}]; collect once before"
            );
            finding.hint(hint).fix(Fix::configure(place, "repositories = [\"OWNER/NAME\"]"))
        }
        (_, false) => {
            let hint = format!("its repositories are services of other teams: write team = \"{id}\" into one of them");
            let step = format!("write team = \"{id}\" into the [service.ID] that is its own, or other repositories");
            finding.hint(hint).fix(Fix::Elsewhere(step))
        }
    };
    finding.fix(Fix::Run("chiplog collect --once".to_owned()))
}

/// How many incidents belong to no service, by the source and what its tool calls the service.
fn unmapped_incidents(facts: &FactsInput, attributed: &Attributed) -> BTreeMap<(String, String), usize> {
    let unmapped: BTreeSet<&str> = attributed
        .incidents
        .iter()
        .filter(|incident| incident.service.is_none())
        .map(|incident| incident.key.as_str())
        .collect();
    let mut by_service: BTreeMap<(String, String), usize> = BTreeMap::new();
    for incident in &facts.incidents {
        let key = format!("{}:{}", incident.source, incident.fact.id);
        if unmapped.contains(key.as_str()) {
            let name = incident.fact.service_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
            let service = format!("{}{name}", incident.fact.service);
            *by_service.entry((incident.source.clone(), service)).or_default() += 1;
        }
    }
    by_service
}

/// So many incident services of a tool are told one by one: an organisation's tool may have hundreds that are not its teams'.
const TOLD: usize = 20;

/// Incident services that no service of the configuration names, those with the most incidents first.
fn incident_services(organisation: &Organisation, by_service: BTreeMap<(&str, &str), usize>) -> Vec<Finding> {
    let mut by_source: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
    for ((source, service), count) in by_service {
        by_source.entry(source).or_default().push((service, count));
    }
    let mut findings = Vec::new();
    for (source, mut services) in by_source {
        services.sort_by_key(|(service, count)| (std::cmp::Reverse(*count), *service));
        let (told, others) = services.split_at(services.len().min(TOLD));
        findings.extend(told.iter().map(|(service, count)| incident_service(organisation, source, service, *count)));
        if !others.is_empty() {
            let count: usize = others.iter().map(|(_, count)| count).sum();
            let message =
                format!("{count} incidents of {} more services of {source} belong to no service", others.len());
            let hint = "take in those above that are yours, then look again";
            findings.push(Finding::problem(message).hint(hint).fix(Fix::Run("chiplog doctor --fix-hints".to_owned())));
        }
    }
    findings
}

/// An incident service that no service names, with the line to add.
fn incident_service(organisation: &Organisation, source: &str, service: &str, count: usize) -> Finding {
    let example = organisation.services.keys().next().map_or("NAME", String::as_str);
    let (id, name) = service.split_once(' ').unwrap_or((service, ""));
    let line = if source == "pagerduty" {
        format!("pagerduty = [\"{id}\"]")
    } else {
        format!("incident_services = {{ {source} = [\"{id}\"] }}")
    };
    let called = |service: &&String| [id, name.trim_matches(['(', ')'])].contains(&service.as_str());
    let namesake = organisation.services.keys().find(called).map_or(example, String::as_str);
    Finding::problem(format!("{count} incidents of {source} service {service} belong to no service"))
        .hint(format!("write {line} into the table of its service, for example [service.{namesake}]"))
        .fix(Fix::configure(format!("in [service.{namesake}], or that of the service it belongs to"), line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::{Ownership, Service, attribute};
    use crate::stats::WorkingCalendar;

    #[test]
    fn of_many_incident_services_those_with_the_most_incidents_are_told() {
        let names: Vec<String> = (0..30).map(|number| format!("P{number}")).collect();
        let counts = names.iter().enumerate().map(|(number, name)| (("pagerduty", name.as_str()), number + 1));
        let found = incident_services(&Organisation::default(), counts.collect());
        assert_eq!(found.len(), TOLD + 1);
        assert_eq!(found[0].message, "30 incidents of pagerduty service P29 belong to no service");
        // 1 + 2 + … + 10.
        assert_eq!(found[TOLD].message, "55 incidents of 10 more services of pagerduty belong to no service");
    }

    fn team(github_team: Option<&str>, repositories: &[&str]) -> Team {
        Team {
            id: "shop".to_owned(),
            name: "Shop".to_owned(),
            calendar: WorkingCalendar::default(),
            github_team: github_team.map(str::to_owned),
            repositories: repositories.iter().map(|name| (*name).to_owned()).collect(),
            work_items: Vec::new(),
        }
    }

    fn service(id: &str, owners: Vec<Ownership>) -> Service {
        Service {
            id: id.to_owned(),
            repository: "acme/web".to_owned(),
            paths: None,
            owners,
            tier: 2,
            deployments: DeploymentRule::Auto.into(),
            incident_services: Vec::new(),
            names: Vec::new(),
            critical_paths: None,
        }
    }

    #[test]
    fn no_key_that_a_team_has_is_told_to_be_pasted_again() {
        let pasted = |team: Team| {
            let fix = without_repository(&team).fixes.into_iter().next();
            if let Some(Fix::Configure { lines, .. }) = fix { lines } else { String::new() }
        };
        assert!(pasted(team(None, &[])).starts_with("github_team = \"shop\""));
        assert_eq!(pasted(team(Some("acme/shop"), &[])), "repositories = [\"OWNER/NAME\"]");
        assert_eq!(pasted(team(Some("acme/shop"), &["acme/web"])), "");
    }

    #[test]
    fn services_of_no_team_of_one_whole_repository_and_of_none_that_is_collected_are_told() {
        let mut organisation = Organisation::default();
        organisation.teams.insert("shop".to_owned(), team(None, &[]));
        let over = Ownership { team: "shop".to_owned(), from: None, until: "2026-03-01".parse().ok() };
        let lasting = Ownership { until: None, ..over.clone() };
        for (id, owners) in [("api", vec![]), ("old", vec![over]), ("web", vec![lasting])] {
            organisation.services.insert(id.to_owned(), service(id, owners));
        }
        let facts = FactsInput::default();
        let attributed = attribute(&organisation, &facts, "2026-11-10T12:00:00Z".parse().unwrap());
        let found = diagnose(&organisation, &facts, &attributed);
        let of = |words: &str| found.iter().find(|it| it.message.contains(words)).unwrap();
        assert_eq!(of("it belongs to no team").message, "service api: it belongs to no team, so it counts for nobody");
        assert_eq!(of("no team owns it today").message, "service old: no team owns it today, so it counts for nobody");
        let whole = "services api, old, web: each has all of acme/web, so its changes count in each of them";
        assert_eq!(of("each has all").message, whole);
        let hint = of("service web: no deployment").hint.clone().unwrap();
        assert!(hint.starts_with("acme/web is not collected: "), "{hint}");
        assert!(!found.iter().any(|it| it.message.starts_with("team shop")), "web is its own");
    }
}
