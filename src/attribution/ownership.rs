//! Who owns what, and since when.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{DeploymentRule, LeftOut, Organisation, Ownership, Part, Service};
use crate::facts::{Moment, PullRequest, Sourced, TeamRepositories};

/// All services: the configured ones, and each repository of a team that no service names. What is asked for often is looked
/// up once.
#[derive(Debug)]
pub struct Services {
    /// The rules.
    organisation: Arc<Organisation>,
    /// By id.
    pub(super) all: BTreeMap<String, Service>,
    /// The tiers by id.
    pub(super) tiers: Arc<BTreeMap<String, u8>>,
    /// The ids of the services of each repository, ascending.
    by_repository: HashMap<String, Vec<String>>,
    /// The first service that has a word among its names.
    by_name: HashMap<String, String>,
    /// The ids of the services that name a service of an incident tool, ascending; by source and the tool's word.
    by_incident_service: HashMap<(String, String), Vec<String>>,
    /// The first team that lists a project, or a project with a component.
    by_project: HashMap<String, String>,
    /// The teams that hold each repository, by the configuration and by the hosting service.
    repositories: BTreeMap<String, BTreeSet<String>>,
    /// Repositories that several teams hold, and of which no service says whose they are.
    shared: BTreeSet<String>,
}

impl Services {
    /// Completes the configured services with the repositories of the teams. A repository that several teams hold is
    /// reported ([`Self::left_out`]), because its deployments can count for one team only: the first by its slug.
    pub fn resolve(organisation: Arc<Organisation>, team_repositories: &[Sourced<TeamRepositories>]) -> Self {
        let mut all = organisation.services.clone();
        let repositories = repositories_of_teams(&organisation, team_repositories);
        let named: BTreeSet<String> = all.values().map(|service| service.repository.clone()).collect();
        let mut shared = BTreeSet::new();
        for service in all.values_mut().filter(|service| service.owners.is_empty()) {
            // Services of the configuration that name no owner belong to the team of their repository.
            let Some(teams) = repositories.get(&service.repository) else { continue };
            service.owners.extend(first_of(teams));
            if teams.len() > 1 {
                shared.insert(service.repository.clone());
            }
        }
        for (repository, teams) in repositories.iter().filter(|(repository, _)| !named.contains(*repository)) {
            if teams.len() > 1 {
                shared.insert(repository.clone());
            }
            let service = of_whole_repository(free_id(&all, repository), repository, teams);
            all.insert(service.id.clone(), service);
        }
        let mut by_repository: HashMap<String, Vec<String>> = HashMap::new();
        let mut by_name: HashMap<String, String> = HashMap::new();
        let mut by_incident_service: HashMap<(String, String), Vec<String>> = HashMap::new();
        for service in all.values() {
            by_repository.entry(service.repository.clone()).or_default().push(service.id.clone());
            for name in &service.names {
                by_name.entry(name.clone()).or_insert_with(|| service.id.clone());
            }
            for named in &service.incident_services {
                let key = (named.source.clone(), named.service.clone());
                let ids = by_incident_service.entry(key).or_default();
                if ids.last() != Some(&service.id) {
                    ids.push(service.id.clone());
                }
            }
        }
        let mut by_project: HashMap<String, String> = HashMap::new();
        for team in organisation.teams.values() {
            for project in &team.work_items {
                by_project.entry(project.clone()).or_insert_with(|| team.id.clone());
            }
        }
        let tiers = Arc::new(all.values().map(|service| (service.id.clone(), service.tier)).collect());
        Self { organisation, all, tiers, by_repository, by_name, by_incident_service, by_project, repositories, shared }
    }

    /// The rules.
    pub fn organisation(&self) -> &Organisation {
        &self.organisation
    }

    /// Whether other lists of the hosting service's teams would give the same services.
    pub fn are_of(&self, team_repositories: &[Sourced<TeamRepositories>]) -> bool {
        self.repositories == repositories_of_teams(&self.organisation, team_repositories)
    }

    /// What is to be said of repositories that several teams hold.
    pub fn left_out(&self, as_of: Moment) -> impl Iterator<Item = LeftOut> {
        self.shared.iter().map(move |repository| shared_repository(repository, &self.repositories[repository], as_of))
    }

    /// The services of a repository, by id.
    pub(super) fn of_repository<'b>(&'b self, repository: &str) -> impl Iterator<Item = &'b Service> + use<'b> {
        self.by_repository.get(repository).into_iter().flatten().filter_map(|id| self.all.get(id))
    }

    /// The service that a tool means by a word.
    pub(super) fn called(&self, word: &str) -> Option<&Service> {
        self.all.get(word).or_else(|| self.all.get(self.by_name.get(word)?))
    }

    /// The services that name a service of an incident tool by one of two words, by id.
    pub(super) fn of_incident_service(&self, source: &str, words: [Option<&str>; 2]) -> BTreeSet<&str> {
        let keys = words.into_iter().flatten().map(|word| (source.to_owned(), word.to_owned()));
        keys.filter_map(|key| self.by_incident_service.get(&key)).flatten().map(String::as_str).collect()
    }

    /// The team that lists a project, or a project with a component.
    pub(super) fn listing(&self, project: &str) -> Option<&str> {
        self.by_project.get(project).map(String::as_str)
    }

    /// The teams that own services of a repository at a moment.
    pub(super) fn teams_of_repository(&self, repository: &str, moment: Moment) -> Vec<String> {
        let owners = self.of_repository(repository).filter_map(|service| self.owner_at(service, moment));
        owners.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether runs of workflows count as deployments of any service of a part.
    pub fn deploys_by_run(&self, part: &Part) -> bool {
        let mut services = part.services.iter().filter_map(|id| self.all.get(id));
        services.any(|service| matches!(*service.deployments, DeploymentRule::WorkflowRun { .. }))
    }

    /// The team that owns a service at a moment, by the days of the team's own time zone. Between teams of two time zones the first
    /// owns it until the day of the second has begun: it is never nobody's for some hours.
    pub(super) fn owner_at(&self, service: &Service, moment: Moment) -> Option<String> {
        let day_of = |owner: &Ownership| Some(self.organisation.teams.get(&owner.team)?.calendar.day(moment));
        let has_begun = |owner: &Ownership| day_of(owner).is_some_and(|day| owner.from.is_none_or(|from| from <= day));
        let is_awaited = |next: &Ownership| day_of(next).is_some() && !has_begun(next);
        let has_ended = |owner: &Ownership| {
            let until = owner.until.filter(|until| day_of(owner).is_some_and(|day| *until <= day));
            until.is_some_and(|until| !service.owners.iter().any(|it| it.from == Some(until) && is_awaited(it)))
        };
        let period = service.owners.iter().find(|owner| has_begun(owner) && !has_ended(owner));
        period.map(|owner| owner.team.clone())
    }

    /// The services whose repository and paths a pull request touches. Unknown paths touch every service.
    pub(super) fn of_pull_request<'b>(&'b self, fact: &PullRequest) -> Vec<&'b Service> {
        self.of_repository(&fact.repository).filter(|service| touches(service, fact.paths.as_deref())).collect()
    }
}

/// The team that what several hold counts for.
fn first_of(teams: &BTreeSet<String>) -> Option<Ownership> {
    teams.first().map(|team| Ownership { team: team.clone(), from: None, until: None })
}

/// A repository that no service of the configuration names.
fn of_whole_repository(id: String, repository: &str, teams: &BTreeSet<String>) -> Service {
    Service {
        id,
        repository: repository.to_owned(),
        paths: None,
        owners: first_of(teams).into_iter().collect(),
        tier: 2,
        deployments: DeploymentRule::Auto.into(),
        incident_services: Vec::new(),
        names: Vec::new(),
        critical_paths: None,
    }
}

/// Whether any of the changed files belongs to the service. Unknown files do.
pub(super) fn touches(service: &Service, changed: Option<&[String]>) -> bool {
    match (&service.paths, changed) {
        (None, _) | (_, None) => true,
        (Some(paths), Some(changed)) => changed.iter().any(|path| paths.is_match(path)),
    }
}

/// The teams of each repository, by the configuration's lists and by the teams of the hosting service.
fn repositories_of_teams(
    organisation: &Organisation,
    team_repositories: &[Sourced<TeamRepositories>],
) -> BTreeMap<String, BTreeSet<String>> {
    let mut hosted: HashMap<&str, Vec<&String>> = HashMap::new();
    for item in team_repositories {
        hosted.entry(&item.fact.team).or_default().extend(&item.fact.repositories);
    }
    let mut teams_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for team in organisation.teams.values() {
        let hosted = team.github_team.as_deref().and_then(|name| hosted.get(name));
        for repository in team.repositories.iter().chain(hosted.into_iter().flatten().copied()) {
            teams_of.entry(repository.clone()).or_default().insert(team.id.clone());
        }
    }
    teams_of
}

/// The repository's name, or with its owner in front where that is taken.
fn free_id(taken: &BTreeMap<String, Service>, repository: &str) -> String {
    let name = repository.split_once('/').map_or(repository, |(_, name)| name);
    let mut id = if taken.contains_key(name) { repository.replace('/', "-") } else { name.to_owned() };
    while taken.contains_key(&id) {
        id.push('-');
    }
    id
}

fn shared_repository(repository: &str, teams: &BTreeSet<String>, as_of: Moment) -> LeftOut {
    let first = teams.first().cloned().unwrap_or_default();
    let names = teams.iter().cloned().collect::<Vec<_>>().join(", ");
    LeftOut {
        kind: "repository",
        reason: "shared_repository",
        team: None,
        key: repository.to_owned(),
        explanation: format!(
            "{repository} belongs to several teams ({names}): it counts for {first}. Say whose it is with a [service.ID] that names repository and team"
        ),
        url: None,
        at: as_of,
    }
}
