//! The whole picture: everything that attribution finds out, in one pass over the services.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::attempts::attempts;
use super::cause::Causes;
use super::changes::Landings;
use super::history::History;
use super::incidents;
use super::input::FactsInput;
use super::ownership::{Services, touches};
use super::parts::Part;
use super::references::Resolver;
use super::shipped::{Timeline, changed_paths, ship};
use super::{
    Attributed, DeploymentRule, LeftOut, Organisation, Service, ServiceDeployment, ServiceIncident, ServicePullRequest,
};
use super::{operations, quality, work};
use crate::facts::{ChangeReference, Commit, FactFamily, Moment, PullRequest, Sourced};

/// Attributes all facts by the rules of an organisation, as they were known at `as_of`. The order of the facts does not
/// matter.
pub fn attribute(organisation: &Organisation, facts: &FactsInput, as_of: Moment) -> Attributed {
    let services = Services::resolve(Arc::new(organisation.clone()), &facts.team_repositories);
    let mut found = attributed(&services, &services.all.values().collect::<Vec<_>>(), facts, as_of);
    found.left_out.extend(services.left_out(as_of));
    found.left_out.sort();
    found
}

/// Attributes the facts of one part of an organisation ([`Parts::share`]): what comes out for its teams, and what is left
/// out, is what [`attribute`] makes of all facts.
pub fn attribute_part(services: &Services, part: &Part, facts: &FactsInput, as_of: Moment) -> Attributed {
    let of_part: Vec<&Service> = part.services.iter().filter_map(|id| services.all.get(id)).collect();
    let mut found = attributed(services, &of_part, facts, as_of);
    if part.is_rest() {
        found.left_out.extend(services.left_out(as_of));
    }
    found.left_out.sort();
    found
}

fn attributed(services: &Services, part: &[&Service], facts: &FactsInput, as_of: Moment) -> Attributed {
    let organisation = services.organisation();
    let facts = facts.known_at(organisation, as_of);
    let mut found = Attributed::default();
    found.incidents = incidents::attributed(&facts, services, &organisation.incidents, &mut found.left_out);
    let links: HashMap<String, &[ChangeReference]> = facts
        .incidents
        .iter()
        .map(|item| (format!("{}:{}", item.source, item.fact.external_id()), item.fact.causes.as_slice()))
        .collect();
    let by_repository = ByRepository::of(&facts);
    let mut deployed = HashMap::new();
    for (repository, (commits, pull_requests)) in &by_repository.facts {
        let history = History::new(commits.iter().copied());
        let landings = Landings::new(pull_requests.iter().copied(), &history);
        let resolver = Resolver::new(&history, &landings);
        for service in services.of_repository(repository) {
            let (mut tried, rule) = attempts(service, &facts, &history);
            tried.retain(|attempt| attempt.created_at <= as_of && concerns(service, attempt, &history, &landings));
            for attempt in &mut tried {
                let at = attempt.finished_at.or(attempt.failed_at).unwrap_or(attempt.created_at);
                attempt.team = services.owner_at(service, at);
            }
            found.chosen_rules.insert(service.id.clone(), rule);
            let timeline = ship(service, &mut tried, &history, &landings, &mut found.left_out);
            let causes = Causes {
                service,
                timeline: &timeline,
                history: &history,
                landings: &landings,
                resolver: &resolver,
                changes: &organisation.changes,
                incidents: &organisation.incidents,
            };
            causes.mark(&mut tried, &mut of_service(&mut found.incidents, service, &links));
            note_deployed(&mut deployed, service, pull_requests, &history, &timeline, &tried);
            found.deployments.extend(tried);
        }
    }
    without_commits(services, part, &by_repository, &facts, &mut found);
    found.deployments.sort_by(|one, other| {
        let rank = |item: &ServiceDeployment| {
            (item.service.clone(), item.finished_at.unwrap_or(item.created_at), item.key.clone())
        };
        rank(one).cmp(&rank(other))
    });
    found.pull_requests = pull_requests(&facts, services, &deployed, as_of, &mut found.left_out);
    beyond_delivery(&facts, services, part, &mut found, as_of);
    found.repository_teams = repository_teams(services, part, as_of);
    found
}

/// Everything that is neither change, deployment nor incident.
fn beyond_delivery(facts: &FactsInput, services: &Services, part: &[&Service], found: &mut Attributed, as_of: Moment) {
    let organisation = services.organisation();
    found.work_items = work::work_items(organisation, facts, services, &mut found.left_out);
    found.iterations = work::iterations(organisation, facts, services, as_of);
    found.ci_runs = quality::ci_runs(facts, services);
    found.test_results = quality::test_results(facts, services);
    found.coverage = quality::coverage(facts, services);
    found.security_alerts = quality::security_alerts(&organisation.security, facts, services);
    found.samples = operations::samples(facts, services, &mut found.left_out);
    found.reports = operations::reports(organisation, facts, services, &mut found.left_out);
    found.readiness = operations::readiness(organisation, facts, services, part, &found.reports);
    found.tiers = services.tiers.clone();
}

/// Whether an attempt is one of this service: of merges to a branch only those that touch its paths.
fn concerns(service: &Service, attempt: &ServiceDeployment, history: &History<'_>, landings: &Landings<'_>) -> bool {
    if !matches!(service.deployments, DeploymentRule::Merge { .. }) {
        return true;
    }
    history.find(&attempt.sha).is_none_or(|commit| touches(service, changed_paths(history, landings, commit)))
}

/// Commits and pull requests, by repository.
struct ByRepository<'a> {
    facts: BTreeMap<&'a str, Changes<'a>>,
}

/// The commits and the pull requests of one repository.
type Changes<'a> = (Vec<&'a Sourced<Commit>>, Vec<&'a Sourced<PullRequest>>);

impl<'a> ByRepository<'a> {
    fn of(facts: &'a FactsInput) -> Self {
        let mut by_repository: BTreeMap<&str, Changes<'_>> = BTreeMap::new();
        for item in &facts.commits {
            by_repository.entry(&item.fact.repository).or_default().0.push(item);
        }
        for item in &facts.pull_requests {
            by_repository.entry(&item.fact.repository).or_default().1.push(item);
        }
        Self { facts: by_repository }
    }
}

/// The earliest deployment that shipped the landing of a pull request, by repository and number: key and finish.
type Deployed = HashMap<(String, u64), (String, Moment)>;

fn note_deployed(
    deployed: &mut Deployed,
    service: &Service,
    pull_requests: &[&Sourced<PullRequest>],
    history: &History<'_>,
    timeline: &Timeline,
    attempts: &[ServiceDeployment],
) {
    for item in pull_requests.iter().filter(|item| touches(service, item.fact.paths.as_deref())) {
        let landed = item.fact.merge_commit_sha.as_deref().and_then(|sha| history.find(sha));
        let Some(position) = landed.and_then(|commit| timeline.shipped_by[commit]) else { continue };
        let deployment = &attempts[timeline.successes[position].0];
        // What the baseline holds reached production at an unknown time before.
        let (false, Some(finished_at)) = (timeline.baseline == Some(position), deployment.finished_at) else {
            continue;
        };
        let key = (service.repository.clone(), item.fact.number);
        let known = deployed.entry(key).or_insert_with(|| (deployment.key.clone(), finished_at));
        if finished_at < known.1 {
            *known = (deployment.key.clone(), finished_at);
        }
    }
}

/// The incidents of a service, each with what it names as its cause.
fn of_service<'a>(
    incidents: &'a mut [ServiceIncident],
    service: &Service,
    links: &HashMap<String, &'a [ChangeReference]>,
) -> Vec<(&'a mut ServiceIncident, &'a [ChangeReference])> {
    let of_service = incidents.iter_mut().filter(|incident| incident.service.as_deref() == Some(&service.id));
    of_service
        .map(|incident| {
            let named = links.get(&incident.key).copied().unwrap_or_default();
            (incident, named)
        })
        .collect()
}

/// Services of repositories without any commit or pull request: their deployments still count.
fn without_commits(
    services: &Services,
    part: &[&Service],
    known: &ByRepository<'_>,
    facts: &FactsInput,
    found: &mut Attributed,
) {
    let history = History::new([]);
    let landings = Landings::new([], &history);
    for service in part.iter().filter(|service| !known.facts.contains_key(service.repository.as_str())) {
        let (mut tried, rule) = attempts(service, facts, &history);
        for attempt in &mut tried {
            attempt.team = services.owner_at(service, attempt.finished_at.unwrap_or(attempt.created_at));
        }
        ship(service, &mut tried, &history, &landings, &mut found.left_out);
        found.chosen_rules.insert(service.id.clone(), rule);
        found.deployments.extend(tried);
    }
}

fn pull_requests(
    facts: &FactsInput,
    services: &Services,
    deployed: &Deployed,
    as_of: Moment,
    left_out: &mut Vec<LeftOut>,
) -> Vec<ServicePullRequest> {
    let mut attributed = Vec::new();
    for item in &facts.pull_requests {
        let fact = &item.fact;
        let key = format!("{}:{}", item.source, fact.external_id());
        let touched = services.of_pull_request(fact);
        let at = fact.merged_at.or(fact.closed_at).unwrap_or(as_of);
        if touched.is_empty() && services.of_repository(&fact.repository).next().is_some() {
            left_out.push(LeftOut {
                kind: "pull_request",
                reason: "no_service",
                team: None,
                key: key.clone(),
                explanation: format!("{}#{} touches the paths of no service", fact.repository, fact.number),
                url: fact.url.clone(),
                at,
            });
        }
        let mut teams: Vec<String> = touched.iter().filter_map(|service| services.owner_at(service, at)).collect();
        teams.sort();
        teams.dedup();
        attributed.push(ServicePullRequest {
            key,
            services: touched.iter().map(|service| service.id.clone()).collect(),
            teams,
            deployed: deployed.get(&(fact.repository.clone(), fact.number)).cloned(),
            pull_request: fact.clone(),
        });
    }
    attributed
}

fn repository_teams(services: &Services, part: &[&Service], as_of: Moment) -> BTreeMap<String, Vec<String>> {
    let mut teams: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for service in part {
        let of_repository = teams.entry(service.repository.clone()).or_default();
        if let Some(team) = services.owner_at(service, as_of)
            && !of_repository.contains(&team)
        {
            of_repository.push(team);
        }
    }
    teams
}
