//! The whole picture: everything that attribution finds out, in one pass over the services.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::attempts::attempts;
use super::cause::Causes;
use super::changes::Landings;
use super::history::History;
use super::incidents;
use super::input::FactsInput;
use super::lookback::{Reach, Shipped, Unread};
use super::ownership::{Services, touches};
use super::parts::Part;
use super::references::Resolver;
use super::shipped::{Timeline, ship};
use super::{
    Attributed, LeftOut, Organisation, OwnedService, Service, ServiceDeployment, ServiceIncident, ServicePullRequest,
};
use super::{operations, quality, work};
use crate::facts::{ChangeReference, Commit, FactFamily, Moment, PullRequest, Sourced};

/// Attributes all facts by the rules of an organisation, as they were known at `as_of`, however old they are. The order of the
/// facts does not matter.
pub fn attribute(organisation: &Organisation, facts: &FactsInput, as_of: Moment) -> Attributed {
    attribute_all(organisation, &mut facts.clone(), as_of, None)
}

/// The same of what the numbers of that moment look back to ([`LONGEST_VIEW`](super::LONGEST_VIEW)). Takes from the facts what was
/// not known then, what is not looked back to, and the pull requests.
pub fn attribute_in_view(organisation: &Organisation, facts: &mut FactsInput, as_of: Moment) -> Attributed {
    attribute_all(organisation, facts, as_of, Some(Reach::whole(as_of)))
}

fn attribute_all(
    organisation: &Organisation,
    facts: &mut FactsInput,
    as_of: Moment,
    reach: Option<Reach>,
) -> Attributed {
    let services = Services::resolve(Arc::new(organisation.clone()), &facts.team_repositories);
    let part: Vec<&Service> = services.all.values().collect();
    let mut found = Attribution { services: &services, part: &part, as_of, reach }.of(facts).0;
    found.left_out.extend(services.left_out(as_of));
    found.left_out.sort();
    found
}

/// Attributes the facts of one part of an organisation that were read for it: what comes out for its teams, and what is left
/// out, is what [`attribute_in_view`] makes of all facts, unless something of what was not read would make a difference.
/// What is left out of the services themselves ([`Services::left_out`]) is nobody's, and not among it. Takes from the facts
/// what [`attribute_in_view`] takes.
pub fn attribute_part(
    services: &Services,
    part: &Part,
    facts: &mut FactsInput,
    as_of: Moment,
    reach: Reach,
) -> (Attributed, Unread) {
    let of_part: Vec<&Service> = part.services.iter().filter_map(|id| services.all.get(id)).collect();
    let (mut found, unread) = Attribution { services, part: &of_part, as_of, reach: Some(reach) }.of(facts);
    found.left_out.sort();
    (found, unread)
}

/// By what, of whom and as of when facts are attributed.
struct Attribution<'a> {
    services: &'a Services,
    part: &'a [&'a Service],
    as_of: Moment,
    /// `None` tells of facts of any age.
    reach: Option<Reach>,
}

impl Attribution<'_> {
    fn of(&self, facts: &mut FactsInput) -> (Attributed, Unread) {
        let Self { services, part, as_of, reach } = *self;
        let organisation = services.organisation();
        facts.reduce_to_known(organisation, as_of);
        let mut found = Attributed::default();
        found.incidents = incidents::attributed(facts, services, &organisation.incidents, &mut found.left_out);
        let (deployed, unread) = self.delivery(facts, &mut found);
        found.pull_requests =
            pull_requests(std::mem::take(&mut facts.pull_requests), services, &deployed, as_of, &mut found.left_out);
        if let Some(reach) = reach {
            facts.forget_ended_before(reach.view);
            found.forget_ended_before(reach.view);
        }
        beyond_delivery(facts, services, part, &mut found, as_of);
        if let Some(reach) = reach {
            found.left_out.retain(|item| item.at >= reach.view);
        }
        found.owned = owned(services, part, as_of);
        (found, unread)
    }

    /// What was deployed, what it shipped, and what failed.
    fn delivery(&self, facts: &FactsInput, found: &mut Attributed) -> (Deployed, Unread) {
        let organisation = self.services.organisation();
        let links: HashMap<String, &[ChangeReference]> = facts
            .incidents
            .iter()
            .map(|item| (format!("{}:{}", item.source, item.fact.external_id()), item.fact.causes.as_slice()))
            .collect();
        let by_repository = ByRepository::of(facts, self.part);
        let (mut deployed, mut unread) = (HashMap::new(), Unread::default());
        for (repository, (commits, pull_requests)) in &by_repository.facts {
            let history = History::new(commits.iter().copied());
            let landings = Landings::new(pull_requests.iter().copied(), &history);
            let resolver = Resolver::new(repository, &history, &landings);
            for service in self.services.of_repository(repository) {
                let mut tried = self.tried(service, facts, &history, &landings, found);
                tried.retain(|attempt| attempt.created_at <= self.as_of);
                let timeline = ship(service, &mut tried, &history, &landings, &mut found.left_out);
                let mut incidents = of_service(&mut found.incidents, service, &links);
                if let Some(reach) = self.reach {
                    let told = incidents.iter().filter(|(incident, _)| incident.began_at >= reach.view);
                    let (attempts, timeline, history) = (&tried, &timeline, &history);
                    let shipped =
                        Shipped { service, attempts, timeline, history, landings: &landings, resolver: &resolver };
                    shipped.note_unread(reach, told.flat_map(|(_, causes)| *causes), &mut unread);
                }
                let causes = Causes {
                    service,
                    timeline: &timeline,
                    history: &history,
                    landings: &landings,
                    resolver: &resolver,
                    changes: &organisation.changes,
                    incidents: &organisation.incidents,
                };
                causes.mark(&mut tried, &mut incidents);
                note_deployed(&mut deployed, service, pull_requests, &history, &timeline, &tried);
                found.deployments.extend(tried);
            }
        }
        found.deployments.sort_by(|one, other| {
            let rank = |item: &ServiceDeployment| {
                (item.service.clone(), item.finished_at.unwrap_or(item.created_at), item.key.clone())
            };
            rank(one).cmp(&rank(other))
        });
        (deployed, unread)
    }

    /// The attempts to deploy a service, each with the team that owned it then.
    fn tried(
        &self,
        service: &Service,
        facts: &FactsInput,
        history: &History<'_>,
        landings: &Landings<'_>,
        found: &mut Attributed,
    ) -> Vec<ServiceDeployment> {
        let (mut tried, rule) = attempts(service, facts, history, landings, self.reach.map(|reach| reach.view));
        for attempt in &mut tried {
            let at = attempt.finished_at.or(attempt.failed_at).unwrap_or(attempt.created_at);
            attempt.team = self.services.owner_at(service, at);
        }
        found.chosen_rules.insert(service.id.clone(), rule);
        tried
    }
}

/// Everything that is neither change, deployment nor incident.
fn beyond_delivery(facts: &FactsInput, services: &Services, part: &[&Service], found: &mut Attributed, as_of: Moment) {
    let organisation = services.organisation();
    found.work_items = work::work_items(organisation, facts, services, &mut found.left_out);
    found.iterations = work::iterations(organisation, facts, services, as_of);
    found.ci_runs = quality::ci_runs(facts, services);
    found.test_results = quality::test_results(facts, services);
    found.coverage = quality::coverage(facts, services);
    found.security_alerts = quality::security_alerts(&organisation.security, facts, services, as_of);
    found.samples = operations::samples(facts, services, &mut found.left_out);
    found.reports = operations::reports(organisation, facts, services, &mut found.left_out);
    found.readiness = operations::readiness(organisation, facts, services, part, &found.reports);
    found.tiers = services.tiers.clone();
}

/// Commits and pull requests, by repository.
struct ByRepository<'a> {
    facts: BTreeMap<&'a str, Changes<'a>>,
}

/// The commits and the pull requests of one repository.
type Changes<'a> = (Vec<&'a Sourced<Commit>>, Vec<&'a Sourced<PullRequest>>);

impl<'a> ByRepository<'a> {
    /// Of the repositories of services too that have no commit and no pull request: their deployments still count.
    fn of(facts: &'a FactsInput, part: &'a [&'a Service]) -> Self {
        let none = part.iter().map(|service| (service.repository.as_str(), Changes::default()));
        let mut by_repository: BTreeMap<&str, Changes<'_>> = none.collect();
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

fn pull_requests(
    facts: Vec<Sourced<PullRequest>>,
    services: &Services,
    deployed: &Deployed,
    as_of: Moment,
    left_out: &mut Vec<LeftOut>,
) -> Vec<ServicePullRequest> {
    let mut attributed = Vec::new();
    for Sourced { source, fact } in facts {
        let key = format!("{source}:{}", fact.external_id());
        let touched = services.of_pull_request(&fact);
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
            pull_request: fact,
        });
    }
    attributed
}

fn owned(services: &Services, part: &[&Service], as_of: Moment) -> BTreeMap<String, OwnedService> {
    let of = |service: &Service| OwnedService {
        repository: service.repository.clone(),
        team: services.owner_at(service, as_of),
    };
    part.iter().map(|service| (service.id.clone(), of(service))).collect()
}
