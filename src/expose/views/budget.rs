//! What sources may still spend at their tools, and how long the rest of the history takes with it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::facts::Moment;
use crate::sources::budget::{Backfill, BudgetReport, CredentialBudget, PartLeft, TimeToFinish};

/// One budget of one credential.
#[derive(Debug, Serialize, ToSchema)]
pub struct BudgetView {
    /// The source that uses it.
    pub source: String,
    /// Which credential: the name of its environment variable, or its number in the configuration.
    pub credential: String,
    /// The tool's word for the budget.
    pub resource: &'static str,
    /// Points of an hour.
    pub limit: u64,
    /// Points that are left of them.
    pub remaining: u64,
    /// Points that are left to others.
    pub reserve: u64,
    /// When the budget is renewed.
    pub reset_at: Moment,
    /// Requests of the credential that wait for their answer.
    pub under_way: usize,
    /// The owners whose repositories the credential sees, where there are several credentials.
    pub owners: Vec<String>,
    /// Why the tool refuses the credential, if it does.
    pub refusal: Option<String>,
}

/// The way back through a source's history.
#[derive(Debug, Serialize, ToSchema)]
pub struct BackfillView {
    /// The source.
    pub source: String,
    /// Repositories that have not been looked into.
    pub repositories_waiting: usize,
    /// Repositories whose history is being read.
    pub repositories_under_way: usize,
    /// Repositories whose history became complete since the collection began.
    pub repositories_complete: usize,
    /// What is being read, all repositories together.
    pub parts: Vec<PartView>,
    /// How long all of it takes. `null` where nothing tells.
    pub finish: Option<FinishView>,
}

/// What is left of one kind of records.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartView {
    /// The records.
    pub part: &'static str,
    /// So many are done.
    pub done: u64,
    /// Of at most so many, where that is known.
    pub total: Option<u64>,
    /// Repositories in which it is under way.
    pub repositories: usize,
    /// Requests that are left at least.
    pub requests_at_least: u64,
    /// Requests that are left at most. `null` where some repositories do not tell.
    pub requests_at_most: Option<u64>,
    /// How long it takes: at best if it went alone, at worst if all else of the same budget goes before it. `null` where
    /// nothing tells.
    pub finish: Option<FinishView>,
}

/// How long something takes.
#[derive(Debug, Serialize, ToSchema)]
pub struct FinishView {
    /// Seconds at best: if each hour's budget is spent as soon as it is there.
    pub earliest_seconds: u64,
    /// Seconds at worst: if it is spread over the hour. `null` where something is not known yet, so that it takes longer.
    pub latest_seconds: Option<u64>,
    /// The same in words.
    pub words: String,
}

fn finish(finish: TimeToFinish, is_at_least: bool) -> FinishView {
    FinishView {
        earliest_seconds: finish.earliest.as_secs(),
        latest_seconds: (!is_at_least).then_some(finish.latest.as_secs()),
        words: finish.in_words(is_at_least),
    }
}

fn budget(source: &str, budget: CredentialBudget) -> BudgetView {
    BudgetView {
        source: source.to_owned(),
        credential: budget.credential,
        resource: budget.resource,
        limit: budget.limit,
        remaining: budget.remaining,
        reserve: budget.reserve,
        reset_at: budget.reset_at,
        under_way: budget.under_way,
        owners: budget.owners,
        refusal: budget.refusal,
    }
}

fn part(part: &PartLeft) -> PartView {
    PartView {
        part: part.part,
        done: part.done,
        total: part.total,
        repositories: part.repositories,
        requests_at_least: part.requests.0,
        requests_at_most: (!part.is_at_least).then_some(part.requests.1),
        finish: part.finish.map(|it| finish(it, part.is_at_least)),
    }
}

fn backfill(source: &str, backfill: &Backfill) -> BackfillView {
    let is_at_least = backfill.is_at_least;
    BackfillView {
        source: source.to_owned(),
        repositories_waiting: backfill.repositories_waiting,
        repositories_under_way: backfill.repositories_under_way,
        repositories_complete: backfill.repositories_complete,
        parts: backfill.parts.iter().map(part).collect(),
        finish: backfill.finish.map(|it| finish(it, is_at_least)),
    }
}

/// The budgets and backfills of sources.
pub(super) fn budget_views(reports: Vec<(String, BudgetReport)>) -> (Vec<BudgetView>, Vec<BackfillView>) {
    let (mut budgets, mut backfills) = (Vec::new(), Vec::new());
    for (source, report) in reports {
        budgets.extend(report.credentials.into_iter().map(|it| budget(&source, it)));
        backfills.extend(report.backfill.map(|it| backfill(&source, &it)));
    }
    (budgets, backfills)
}
