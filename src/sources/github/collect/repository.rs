//! One repository: what has changed in it, and a page of each part of its history.

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::super::GithubSource;
use super::super::ledger::{Progress, RequestsLeft};
use super::super::payload::RepositoryNode;
use super::probe::{Seen, chunks, probe};
use super::walk::Listed;
use super::{Probe, Target, files, history, operations, reports, runs, security, work_items};
use crate::facts::{Batch, Fact, Repository};
use crate::sources::source::{BatchSink, FactLookup, SourceError};

/// The changed parts of one repository, newest first; of a part that was never read the newest page. Each part that has been
/// read is noted at once, so that a collection that is cut off does not read it again. Returns whether history is left.
pub(super) async fn forward(source: &GithubSource, sink: &dyn BatchSink, seen: &mut Seen) -> Result<bool, SourceError> {
    if seen.known.complete && seen.known.full_name != seen.target.probe.full_name {
        forget(sink, &seen.target).await?;
        seen.known = Probe::default();
    }
    let has_changed = seen.has_changed();
    let Seen { target, known } = seen;
    operations::open_deployments(source, sink, target).await?;
    let mut left = known.history_left;
    if has_changed {
        known.complete = false;
        left |= changed_parts(source, sink, target, known).await?;
        left |= history::forward(source, sink, target).await?;
        *known = Probe { history_left: left, ..target.probe.clone() };
        note(sink, target, known, vec![Fact::Repository(repository_fact(source, target))]).await?;
    }
    if source.config.workflow_runs {
        left |= runs::forward(source, sink, target).await?;
    }
    left |= reports::forward(source, sink, target).await?;
    security::collect(source, sink, target).await?;
    files::collect(source, sink, target).await?;
    if left != known.history_left {
        known.history_left = left;
        note(sink, target, known, Vec::new()).await?;
    }
    Ok(left)
}

/// One more page of each part whose history is not complete. Returns whether there is more.
pub(super) async fn back(source: &GithubSource, sink: &dyn BatchSink, seen: &mut Seen) -> Result<bool, SourceError> {
    let Seen { target, known } = seen;
    let mut left = false;
    for list in Listed::ALL {
        left |= list.back(source, sink, target).await?;
    }
    left |= history::back(source, sink, target).await?;
    if source.config.work_items {
        left |= work_items::back(source, sink, target).await?;
    }
    if source.config.workflow_runs {
        left |= runs::back(source, sink, target).await?;
    }
    left |= reports::back(source, sink, target).await?;
    if !left {
        known.history_left = false;
        note(sink, target, known, Vec::new()).await?;
    }
    Ok(left)
}

/// What is left of the history of some repositories.
#[derive(Debug, Default)]
pub(in super::super) struct HistoryLeft {
    pub(in super::super) complete: usize,
    pub(in super::super) under_way: usize,
    /// Repositories that were never read: of their commits and runs no number is known.
    pub(in super::super) not_begun: usize,
    /// GraphQL requests that are left, at least and at most.
    pub(in super::super) requests: RequestsLeft,
    /// What they cost.
    pub(in super::super) points: RequestsLeft,
}

/// Points of a page of a hundred pull requests with their commits and reviews, and of any other page, by GitHub's rule.
const PULL_REQUESTS_COST: f64 = 35.0;
const OTHER_COST: f64 = 2.0;

/// Looks up what is stored of some repositories, and asks GitHub how much there is.
pub(in super::super) async fn history_left(
    source: &GithubSource,
    stored: &dyn FactLookup,
    repositories: Vec<RepositoryNode>,
) -> Result<HistoryLeft, SourceError> {
    let mut history = HistoryLeft::default();
    for chunk in chunks(repositories) {
        for target in probe(source, &chunk).await? {
            let read = async |part: &str| -> Result<Value, SourceError> {
                let state = stored.cursor(&target.cursor(part)).await?;
                Ok(state.and_then(|state| serde_json::from_str(&state).ok()).unwrap_or_default())
            };
            let known = read("probe").await?;
            let mut parts = Vec::new();
            if known["complete"] != true {
                history.not_begun += 1;
                let totals =
                    [(PULL_REQUESTS_COST, target.totals.pull_requests), (OTHER_COST, target.totals.deployments)];
                parts.extend(totals.map(|(cost, total)| (cost, Progress { total, ..Progress::default() })));
            } else if known["history_left"] == true {
                history.under_way += 1;
                for (part, place, cost) in [
                    ("pull_requests", "/history/progress", PULL_REQUESTS_COST),
                    ("deployments", "/history/progress", OTHER_COST),
                    ("work_items", "/history/progress", OTHER_COST),
                    ("commits", "/progress", OTHER_COST),
                ] {
                    let state = read(part).await?;
                    let left = state.pointer(place).filter(|_| state["complete"] != true);
                    parts.extend(left.and_then(|left| Some((cost, Progress::deserialize(left).ok()?))));
                }
            } else {
                history.complete += 1;
            }
            for (cost, left) in parts.into_iter().filter_map(|(cost, part)| Some((cost, part.left()?))) {
                history.requests.least += left.least;
                history.requests.most += left.most;
                history.points.least += left.least * cost;
                history.points.most += left.most * cost;
            }
        }
    }
    Ok(history)
}

async fn changed_parts(
    source: &GithubSource,
    sink: &dyn BatchSink,
    target: &Target,
    known: &mut Probe,
) -> Result<bool, SourceError> {
    let now = &target.probe;
    if known.pull_request != now.pull_request {
        known.history_left |= Listed::PullRequests.forward(source, sink, target).await?;
        known.pull_request.clone_from(&now.pull_request);
        note(sink, target, known, Vec::new()).await?;
    }
    if known.deployment != now.deployment {
        known.history_left |= Listed::Deployments.forward(source, sink, target).await?;
        known.deployment.clone_from(&now.deployment);
        note(sink, target, known, Vec::new()).await?;
    }
    if known.release != now.release || known.pushed_at != now.pushed_at {
        operations::releases_and_tags(source, sink, target).await?;
        known.release.clone_from(&now.release);
        known.pushed_at = now.pushed_at;
        note(sink, target, known, Vec::new()).await?;
    }
    if known.issue != now.issue {
        operations::incidents(source, sink, target).await?;
        known.issue.clone_from(&now.issue);
        note(sink, target, known, Vec::new()).await?;
    }
    if known.work_item != now.work_item {
        known.history_left |= work_items::forward(source, sink, target).await?;
        known.work_item.clone_from(&now.work_item);
        note(sink, target, known, Vec::new()).await?;
    }
    Ok(known.history_left)
}

async fn note(sink: &dyn BatchSink, target: &Target, probe: &Probe, facts: Vec<Fact>) -> Result<(), SourceError> {
    let cursors = vec![(target.cursor("probe"), Some(json!(probe).to_string()))];
    Ok(sink.accept(Batch { facts, cursors, ..Batch::default() }).await?)
}

pub(super) fn repository_fact(source: &GithubSource, target: &Target) -> Repository {
    Repository {
        full_name: target.full_name.clone(),
        host_id: target.id.clone(),
        default_branch: target.head.as_ref().map(|(branch, _)| branch.clone()),
        branch_heads: target.head.iter().cloned().collect(),
        url: Some(target.url.clone()),
        archived: target.probe.archived,
        created_at: target.created_at,
        observed_at: (source.context.now)(),
    }
}

/// A repository that was renamed or moved is read anew under its new name.
async fn forget(sink: &dyn BatchSink, target: &Target) -> Result<(), SourceError> {
    let parts = [
        "probe",
        "pull_requests",
        "deployments",
        "open_deployments",
        "commits",
        "heads",
        "runs",
        "incidents",
        "work_items",
        "artifacts",
        "dependabot",
        "code-scanning",
        "secret-scanning",
        "files",
    ];
    let cursors = parts.iter().map(|part| (target.cursor(part), None)).collect();
    sink.accept(Batch { cursors, ..Batch::default() }).await?;
    Ok(())
}
