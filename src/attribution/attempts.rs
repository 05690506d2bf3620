//! What counts as a deployment of a service: the rules applied to what was reported.

use std::collections::BTreeSet;

use super::changes::Landings;
use super::history::{CommitIndex, History};
use super::input::FactsInput;
use super::ownership::touches;
use super::shipped::changed_paths;
use super::{DeploymentRule, Service, ServiceDeployment, Shipment};
use crate::facts::{CiRun, CiRunConclusion, Deployment, FactFamily, Moment, Release, Sourced, Tag};

/// The attempts of one service, and in words which rule they were found by and what else was seen. `auto` goes by the
/// environments of what had not ended before `view`.
pub(super) fn attempts(
    service: &Service,
    facts: &FactsInput,
    history: &History<'_>,
    landings: &Landings<'_>,
    view: Option<Moment>,
) -> (Vec<ServiceDeployment>, String) {
    let seen = Seen::of(service, facts);
    match &*service.deployments {
        DeploymentRule::Auto => seen.automatic(service, view),
        DeploymentRule::Environment { environment, task } => {
            let matching = seen.deployments.iter().filter(|item| {
                let task_of = item.fact.task.as_deref().unwrap_or("deploy");
                environment.is_match(&item.fact.environment) && task.as_ref().is_none_or(|task| task.is_match(task_of))
            });
            (
                matching.map(|item| of_deployment(service, item, &seen.tags)).collect(),
                format!("deployments to {environment}"),
            )
        }
        DeploymentRule::Release { tag, prereleases } => {
            let matching = seen
                .releases
                .iter()
                .filter(|item| tag.is_match(&item.fact.tag) && (*prereleases || !item.fact.prerelease));
            (
                matching.map(|item| of_release(service, item, &seen.tags)).collect(),
                format!("releases with a tag like {tag}"),
            )
        }
        DeploymentRule::Tag { tag } => {
            let matching = seen.tags.iter().filter(|item| tag.is_match(&item.fact.name));
            (matching.map(|item| of_tag(service, item)).collect(), format!("tags like {tag}"))
        }
        DeploymentRule::WorkflowRun { workflow, branch } => {
            let matching = facts.ci_runs.iter().filter(|item| {
                let on_branch = item.fact.branch.as_deref().is_some_and(|name| branch.is_match(name));
                item.fact.repository == service.repository && workflow.is_match(&item.fact.workflow) && on_branch
            });
            let attempts = matching.filter_map(|item| of_run(service, item)).collect();
            (attempts, format!("runs of the workflow {workflow} on {branch}"))
        }
        DeploymentRule::Merge { branch } => {
            let merges = merges(service, branch.as_deref(), facts, history, landings);
            (merges, format!("merges to {}", branch.as_deref().unwrap_or("the default branch")))
        }
    }
}

/// What one repository has that could be deployments.
struct Seen<'a> {
    deployments: Vec<&'a Sourced<Deployment>>,
    releases: Vec<&'a Sourced<Release>>,
    tags: Vec<&'a Sourced<Tag>>,
}

impl<'a> Seen<'a> {
    fn of(service: &Service, facts: &'a FactsInput) -> Self {
        let repository = &service.repository;
        // A deployment that names its service belongs to that one, wherever its code lives.
        let concerns = |fact: &Deployment| match &fact.service {
            Some(name) => service.is_called(name),
            None => fact.repository == *repository,
        };
        Self {
            deployments: facts.deployments.iter().filter(|item| concerns(&item.fact)).collect(),
            releases: facts.releases.iter().filter(|item| item.fact.repository == *repository).collect(),
            tags: facts.tags.iter().filter(|item| item.fact.repository == *repository).collect(),
        }
    }

    /// Deployments to a production environment if there are any, else releases, else tags.
    fn automatic(&self, service: &Service, view: Option<Moment>) -> (Vec<ServiceDeployment>, String) {
        let in_view = |fact: &Deployment| fact.ended_at().is_none_or(|at| view.is_none_or(|view| at >= view));
        let recent = self.deployments.iter().filter(|item| in_view(&item.fact));
        let environments: BTreeSet<&str> = recent.map(|item| item.fact.environment.as_str()).collect();
        let production: BTreeSet<&str> = environments.iter().copied().filter(|name| is_production(name)).collect();
        let list = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
        let mut others = Vec::new();
        let other_environments: BTreeSet<&str> = environments.difference(&production).copied().collect();
        if !other_environments.is_empty() {
            others.push(format!("environments {}", list(&other_environments)));
        }
        let releases: Vec<_> = self.releases.iter().filter(|item| !item.fact.prerelease).collect();
        let (attempts, taken) = if !production.is_empty() {
            others.extend(count(releases.len(), "releases"));
            others.extend(count(self.tags.len(), "tags"));
            let matching = self.deployments.iter().filter(|item| production.contains(item.fact.environment.as_str()));
            (
                matching.map(|item| of_deployment(service, item, &self.tags)).collect(),
                format!("deployments to {}", list(&production)),
            )
        } else if !releases.is_empty() {
            others.extend(count(self.tags.len(), "tags"));
            (releases.iter().map(|item| of_release(service, item, &self.tags)).collect(), "releases".to_owned())
        } else if !self.tags.is_empty() {
            (self.tags.iter().map(|item| of_tag(service, item)).collect(), "tags".to_owned())
        } else {
            (Vec::new(), "nothing: there are no production environments, releases or tags".to_owned())
        };
        let seen = if others.is_empty() { String::new() } else { format!("; not counted: {}", others.join(", ")) };
        (attempts, format!("auto took {taken}{seen}"))
    }
}

fn count(number: usize, what: &str) -> Option<String> {
    (number > 0).then(|| format!("{number} {what}"))
}

/// Whether an environment's name says production, and nothing that says otherwise.
fn is_production(environment: &str) -> bool {
    let name = environment.to_lowercase();
    let words: Vec<&str> = name.split(|letter: char| !letter.is_alphanumeric()).collect();
    let any = |of: &[&str]| words.iter().any(|word| of.contains(word));
    any(&["production", "prod", "prd", "live"])
        && !any(&[
            "preview",
            "staging",
            "stage",
            "test",
            "dev",
            "development",
            "pre",
            "preprod",
            "non",
            "nonprod",
            "qa",
        ])
}

fn attempt(service: &Service, key: String, title: String) -> ServiceDeployment {
    ServiceDeployment {
        key,
        service: service.id.clone(),
        team: None,
        repository: service.repository.clone(),
        title,
        environment: None,
        url: None,
        sha: String::new(),
        created_at: Moment::UNIX_EPOCH,
        finished_at: None,
        failed_at: None,
        shipment: Shipment::Nothing,
        failure: None,
        fix: None,
    }
}

fn key<F: FactFamily>(item: &Sourced<F>) -> String {
    format!("{}:{}", item.source, item.fact.external_id())
}

fn short(sha: &str) -> &str {
    sha.get(..10).unwrap_or(sha)
}

fn of_deployment(service: &Service, item: &Sourced<Deployment>, tags: &[&Sourced<Tag>]) -> ServiceDeployment {
    let fact = &item.fact;
    // Tools that deploy versions name the tag, not the commit.
    let tagged = fact.reference.as_ref().filter(|_| fact.sha.is_empty());
    let tagged = tagged.and_then(|name| tags.iter().find(|tag| tag.fact.name == *name));
    let sha = tagged.map_or(&fact.sha, |tag| &tag.fact.sha);
    let reference = fact.reference.as_deref().filter(|reference| !sha.starts_with(reference));
    let version = reference.map_or_else(|| short(sha).to_owned(), |name| format!("{name} ({})", short(sha)));
    let finished_at = fact.succeeded_at();
    ServiceDeployment {
        url: fact.url.clone(),
        sha: sha.clone(),
        environment: Some(fact.environment.clone()),
        created_at: fact.created_at,
        finished_at,
        failed_at: if finished_at.is_none() { fact.failed_at() } else { None },
        ..attempt(service, key(item), format!("{} {version}", fact.environment))
    }
}

fn of_release(service: &Service, item: &Sourced<Release>, tags: &[&Sourced<Tag>]) -> ServiceDeployment {
    let fact = &item.fact;
    let of_tag = || tags.iter().find(|tag| tag.fact.name == fact.tag).map(|tag| tag.fact.sha.clone());
    ServiceDeployment {
        url: fact.url.clone(),
        sha: fact.sha.clone().or_else(of_tag).unwrap_or_default(),
        created_at: fact.created_at,
        finished_at: Some(fact.published_at),
        ..attempt(service, key(item), format!("release {}", fact.tag))
    }
}

fn of_tag(service: &Service, item: &Sourced<Tag>) -> ServiceDeployment {
    let fact = &item.fact;
    ServiceDeployment {
        url: fact.url.clone(),
        sha: fact.sha.clone(),
        created_at: fact.tagged_at,
        finished_at: Some(fact.tagged_at),
        ..attempt(service, key(item), format!("tag {}", fact.name))
    }
}

/// An attempt of a run. Cancelled and skipped ones tried nothing.
fn of_run(service: &Service, item: &Sourced<CiRun>) -> Option<ServiceDeployment> {
    let fact = &item.fact;
    let (finished_at, failed_at) = match fact.conclusion {
        None => (None, None),
        Some(CiRunConclusion::Success) => (Some(fact.updated_at), None),
        Some(CiRunConclusion::Failure | CiRunConclusion::TimedOut | CiRunConclusion::StartupFailure) => {
            (None, Some(fact.updated_at))
        }
        Some(_) => return None,
    };
    Some(ServiceDeployment {
        url: fact.url.clone(),
        sha: fact.sha.clone(),
        created_at: fact.created_at,
        finished_at,
        failed_at,
        ..attempt(service, key(item), format!("{} run {} attempt {}", fact.workflow, fact.id, fact.attempt))
    })
}

/// What landed on a branch was deployed: each commit of its first-parent line that touches the service, oldest first. A pull
/// request that was rebased lands with one push: the last of its commits stands for it.
fn merges(
    service: &Service,
    branch: Option<&str>,
    facts: &FactsInput,
    history: &History<'_>,
    landings: &Landings<'_>,
) -> Vec<ServiceDeployment> {
    let repository = facts.repositories.iter().find(|item| item.fact.full_name == service.repository);
    let branch = branch.or_else(|| repository.and_then(|item| item.fact.default_branch.as_deref()));
    let head = repository.zip(branch).and_then(|(item, branch)| item.fact.branch_heads.get(branch));
    let Some(head) = head.and_then(|head| history.find(head)) else { return Vec::new() };
    let concerns = |commit: &CommitIndex| touches(service, changed_paths(history, landings, *commit));
    let mut landed: Vec<CommitIndex> = history.first_parents(head).filter(concerns).collect();
    let number = |commit: CommitIndex| landings.number(history, commit);
    landed.dedup_by(|older, newer| number(*older).is_some() && number(*older) == number(*newer));
    let deployed = landed.into_iter().rev().map(|commit| {
        let fact = history.fact(commit);
        ServiceDeployment {
            url: fact.url.clone(),
            sha: fact.sha.clone(),
            created_at: fact.committed_at,
            finished_at: Some(fact.committed_at),
            ..attempt(
                service,
                format!("{}:{}", history.source(commit), fact.external_id()),
                format!("merge {}", short(&fact.sha)),
            )
        }
    });
    deployed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_told_by_its_name() {
        for name in ["production", "Production", "prod", "production-eu", "eu/prod", "live"] {
            assert!(is_production(name), "{name}");
        }
        for name in ["staging", "preview", "pre-production", "prod-test", "non-prod", "product", "delivery"] {
            assert!(!is_production(name), "{name}");
        }
    }
}
