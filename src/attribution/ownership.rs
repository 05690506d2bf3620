//! Who owns what, and since when.

use std::collections::{BTreeMap, BTreeSet};

use super::input::FactsInput;
use super::{DeploymentRule, LeftOut, Organisation, Ownership, Service};
use crate::facts::{Moment, PullRequest};

/// All services: the configured ones, and each repository of a team that no service names.
pub(super) struct Services<'a> {
    organisation: &'a Organisation,
    /// By id.
    pub(super) all: BTreeMap<String, Service>,
}

impl<'a> Services<'a> {
    /// Completes the configured services with the repositories of the teams. A repository that several teams hold is
    /// reported, because its deployments can count for one team only.
    pub(super) fn resolve(
        organisation: &'a Organisation,
        facts: &FactsInput,
        left_out: &mut Vec<LeftOut>,
        as_of: Moment,
    ) -> Self {
        let mut all = organisation.services.clone();
        let named: BTreeSet<String> = all.values().map(|service| service.repository.clone()).collect();
        for (repository, teams) in repositories_of_teams(organisation, facts) {
            if named.contains(&repository) {
                give_to_team(&mut all, &repository, &teams);
                continue;
            }
            if teams.len() > 1 {
                left_out.push(shared_repository(&repository, &teams, as_of));
            }
            let id = free_id(&all, &repository);
            let owners = teams.iter().take(1);
            let owners = owners.map(|team| Ownership { team: team.clone(), from: None, until: None }).collect();
            all.insert(
                id.clone(),
                Service {
                    id,
                    repository,
                    paths: None,
                    owners,
                    tier: 2,
                    deployments: DeploymentRule::Auto,
                    incident_services: Vec::new(),
                    names: Vec::new(),
                    critical_paths: None,
                },
            );
        }
        Self { organisation, all }
    }

    /// The services of a repository, by id.
    pub(super) fn of_repository<'b>(&'b self, repository: &'b str) -> impl Iterator<Item = &'b Service> + 'b {
        self.all.values().filter(move |service| service.repository == repository)
    }

    /// The service that a tool means by a word.
    pub(super) fn called<'b>(&'b self, word: &str) -> Option<&'b Service> {
        self.all.get(word).or_else(|| self.all.values().find(|service| service.is_called(word)))
    }

    /// The teams that own services of a repository at a moment.
    pub(super) fn teams_of_repository(&self, repository: &str, moment: Moment) -> Vec<String> {
        let owners = self.of_repository(repository).filter_map(|service| self.owner_at(service, moment));
        owners.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The team that owns a service at a moment, by the days of the team's own time zone.
    pub(super) fn owner_at(&self, service: &Service, moment: Moment) -> Option<String> {
        let period = service.owners.iter().find(|owner| {
            let Some(team) = self.organisation.teams.get(&owner.team) else { return false };
            let day = team.calendar.day(moment);
            owner.from.is_none_or(|from| from <= day) && owner.until.is_none_or(|until| day < until)
        });
        period.map(|owner| owner.team.clone())
    }

    /// The services whose repository and paths a pull request touches. Unknown paths touch every service.
    pub(super) fn of_pull_request<'b>(&'b self, fact: &'b PullRequest) -> Vec<&'b Service> {
        self.of_repository(&fact.repository).filter(|service| touches(service, fact.paths.as_deref())).collect()
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
fn repositories_of_teams(organisation: &Organisation, facts: &FactsInput) -> BTreeMap<String, BTreeSet<String>> {
    let mut teams_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for team in organisation.teams.values() {
        let listed = team.repositories.iter();
        let hosted = facts.team_repositories.iter().filter(|item| Some(&item.fact.team) == team.github_team.as_ref());
        for repository in listed.chain(hosted.flat_map(|item| &item.fact.repositories)) {
            teams_of.entry(repository.clone()).or_default().insert(team.id.clone());
        }
    }
    teams_of
}

/// Services of the configuration that name no owner belong to the team of their repository.
fn give_to_team(services: &mut BTreeMap<String, Service>, repository: &str, teams: &BTreeSet<String>) {
    let Some(team) = teams.first() else { return };
    for service in services.values_mut().filter(|service| service.repository == repository && service.owners.is_empty())
    {
        service.owners = vec![Ownership { team: team.clone(), from: None, until: None }];
    }
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
