//! The facts that attribution works on, and what of them was known at a moment.

use crate::facts::{
    CiRun, Commit, CoverageReport, Deployment, FactFamily, Incident, Inventory, Iteration, Moment, Person, PullRequest,
    PullRequestState, Release, ReportedValue, Repository, Sample, SecurityAlert, Sourced, Tag, TeamRepositories,
    TestReport, WorkItem,
};

use super::Organisation;

/// All facts, in any order.
#[derive(Debug, Clone, Default)]
pub struct FactsInput {
    /// Repositories.
    pub repositories: Vec<Sourced<Repository>>,
    /// Repositories of the hosting service's teams.
    pub team_repositories: Vec<Sourced<TeamRepositories>>,
    /// Commits.
    pub commits: Vec<Sourced<Commit>>,
    /// Pull requests.
    pub pull_requests: Vec<Sourced<PullRequest>>,
    /// Deployment records.
    pub deployments: Vec<Sourced<Deployment>>,
    /// Releases.
    pub releases: Vec<Sourced<Release>>,
    /// Tags.
    pub tags: Vec<Sourced<Tag>>,
    /// Attempts of CI runs.
    pub ci_runs: Vec<Sourced<CiRun>>,
    /// Incidents.
    pub incidents: Vec<Sourced<Incident>>,
    /// Work items.
    pub work_items: Vec<Sourced<WorkItem>>,
    /// Iterations.
    pub iterations: Vec<Sourced<Iteration>>,
    /// Security alerts.
    pub security_alerts: Vec<Sourced<SecurityAlert>>,
    /// Test reports.
    pub test_reports: Vec<Sourced<TestReport>>,
    /// Coverage reports.
    pub coverage_reports: Vec<Sourced<CoverageReport>>,
    /// Samples of the user's monitoring.
    pub samples: Vec<Sourced<Sample>>,
    /// What exists.
    pub inventories: Vec<Sourced<Inventory>>,
    /// What was reported.
    pub reported_values: Vec<Sourced<ReportedValue>>,
}

impl FactsInput {
    /// Leaves the facts as they were known at `as_of`, in an order of their own, with the configured bots marked.
    ///
    /// What began later is not there; what ended later is open. So a month can be evaluated as it ended. Commits stay:
    /// they count through the deployments that ship them.
    pub(super) fn reduce_to_known(&mut self, organisation: &Organisation, as_of: Moment) {
        let facts = self;
        facts.pull_requests.retain(|item| item.fact.created_at <= as_of);
        facts.deployments.retain(|item| item.fact.created_at <= as_of);
        facts.releases.retain(|item| item.fact.published_at <= as_of);
        facts.tags.retain(|item| item.fact.tagged_at <= as_of);
        facts.ci_runs.retain(|item| item.fact.created_at <= as_of);
        // An incident may be written down after the moment for what had begun before it.
        facts.incidents.retain(|item| item.fact.began_at() <= as_of);
        facts.work_items.retain(|item| item.fact.created_at <= as_of);
        facts.iterations.retain(|item| item.fact.started_at <= as_of);
        facts.security_alerts.retain(|item| item.fact.opened_at <= as_of);
        facts.test_reports.retain(|item| item.fact.at <= as_of);
        facts.coverage_reports.retain(|item| item.fact.at <= as_of);
        facts.samples.retain(|item| item.fact.at <= as_of);
        facts.inventories.retain(|item| item.fact.observed_at <= as_of);
        facts.reported_values.retain(|item| item.fact.began_at.unwrap_or(item.fact.at) <= as_of);
        for item in &mut facts.work_items {
            item.fact.transitions.retain(|transition| transition.at <= as_of);
        }
        for item in &mut facts.security_alerts {
            item.fact.fixed_at = item.fact.fixed_at.filter(|at| *at <= as_of);
            item.fact.dismissed_at = item.fact.dismissed_at.filter(|at| *at <= as_of);
        }
        for item in &mut facts.pull_requests {
            censor_pull_request(&mut item.fact, as_of);
            mark_bots(&mut item.fact, organisation);
        }
        for item in &mut facts.commits {
            mark(item.fact.author.as_mut(), organisation);
        }
        for item in &mut facts.deployments {
            item.fact.statuses.retain(|status| status.at <= as_of);
        }
        for item in &mut facts.ci_runs {
            item.fact.conclusion = item.fact.conclusion.filter(|_| item.fact.updated_at <= as_of);
        }
        for item in &mut facts.incidents {
            item.fact.updates.retain(|update| update.at <= as_of);
        }
        facts.sort();
    }

    /// Forgets what ended before a moment, of the families of which there is much. What is open stays, and so does what is
    /// little or holds until something else comes.
    pub(super) fn forget_ended_before(&mut self, moment: Moment) {
        fn forget<F: FactFamily>(facts: &mut Vec<Sourced<F>>, moment: Moment) {
            facts.retain(|item| item.fact.ended_at().is_none_or(|at| at >= moment));
        }
        forget(&mut self.commits, moment);
        forget(&mut self.pull_requests, moment);
        forget(&mut self.deployments, moment);
        forget(&mut self.ci_runs, moment);
        forget(&mut self.work_items, moment);
        forget(&mut self.test_reports, moment);
        forget(&mut self.coverage_reports, moment);
        forget(&mut self.samples, moment);
    }

    /// The first moment after `as_of` at which a fact begins, ends or was changed, as clocks that are ahead tell: what is known
    /// becomes more then without any new fact.
    pub fn first_after(&self, as_of: Moment) -> Option<Moment> {
        fn first<F: FactFamily>(facts: &[Sourced<F>], as_of: Moment) -> Option<Moment> {
            let moments = facts.iter().flat_map(|item| {
                let fact = &item.fact;
                [Some(fact.started_at()), fact.ended_at(), Some(fact.version_at())].into_iter().flatten()
            });
            moments.filter(|at| *at > as_of).min()
        }
        let firsts = [
            first(&self.pull_requests, as_of),
            first(&self.deployments, as_of),
            first(&self.releases, as_of),
            first(&self.tags, as_of),
            first(&self.ci_runs, as_of),
            first(&self.incidents, as_of),
            first(&self.work_items, as_of),
            first(&self.iterations, as_of),
            first(&self.security_alerts, as_of),
            first(&self.test_reports, as_of),
            first(&self.coverage_reports, as_of),
            first(&self.samples, as_of),
            first(&self.inventories, as_of),
            first(&self.reported_values, as_of),
        ];
        firsts.into_iter().flatten().min()
    }

    /// The order of facts in the store means nothing: sorted, the same facts give the same attribution.
    fn sort(&mut self) {
        self.repositories.sort_by(|one, other| one.fact.full_name.cmp(&other.fact.full_name));
        self.team_repositories.sort_by(|one, other| one.fact.team.cmp(&other.fact.team));
        self.commits.sort_by(|one, other| {
            (&one.fact.repository, &one.fact.sha).cmp(&(&other.fact.repository, &other.fact.sha))
        });
        self.pull_requests.sort_by(|one, other| {
            (&one.fact.repository, one.fact.number).cmp(&(&other.fact.repository, other.fact.number))
        });
        self.deployments
            .sort_by(|one, other| (one.fact.created_at, &one.fact.id).cmp(&(other.fact.created_at, &other.fact.id)));
        self.releases.sort_by(|one, other| {
            (one.fact.published_at, &one.fact.id).cmp(&(other.fact.published_at, &other.fact.id))
        });
        self.tags
            .sort_by(|one, other| (one.fact.tagged_at, &one.fact.name).cmp(&(other.fact.tagged_at, &other.fact.name)));
        self.ci_runs.sort_by_key(|item| (item.fact.created_at, item.fact.id, item.fact.attempt));
        self.incidents
            .sort_by(|one, other| (one.fact.began_at(), &one.fact.id).cmp(&(other.fact.began_at(), &other.fact.id)));
        by_key(&mut self.work_items);
        by_key(&mut self.iterations);
        by_key(&mut self.security_alerts);
        by_key(&mut self.test_reports);
        by_key(&mut self.coverage_reports);
        by_key(&mut self.samples);
        by_key(&mut self.inventories);
        by_key(&mut self.reported_values);
    }
}

/// By the moment they began, and by key where several began together.
fn by_key<F: FactFamily>(facts: &mut [Sourced<F>]) {
    facts.sort_by_cached_key(|item| (item.fact.started_at(), item.source.clone(), item.fact.external_id()));
}

fn censor_pull_request(fact: &mut PullRequest, as_of: Moment) {
    fact.reviews.retain(|review| review.submitted_at <= as_of);
    fact.state_changes.retain(|change| change.at <= as_of);
    let ended_later = fact.merged_at.or(fact.closed_at).is_some_and(|at| at > as_of);
    if ended_later {
        fact.state = PullRequestState::Open;
        fact.merged_at = None;
        fact.closed_at = None;
        fact.merge_commit_sha = None;
    }
}

fn mark_bots(fact: &mut PullRequest, organisation: &Organisation) {
    mark(fact.author.as_mut(), organisation);
    for review in &mut fact.reviews {
        mark(review.author.as_mut(), organisation);
    }
    for commit in &mut fact.own_commits {
        mark(commit.author.as_mut(), organisation);
    }
}

fn mark(person: Option<&mut Person>, organisation: &Organisation) {
    if let Some(person) = person {
        person.bot |= organisation.bots.contains(&person.key);
    }
}
