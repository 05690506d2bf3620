//! How far the numbers can be trusted: what could not be counted, how sources fare, how far collections have come.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::budget::{BackfillView, BudgetView, budget_views};
use crate::facts::Moment;
use crate::pipeline::{Deliveries, Known, Progress};
use crate::report::Word;
use crate::sources::budget::BudgetReport;
use crate::sources::{FindingLevel, Telemetry};
use crate::store::{Quarantined, SourceState};

/// What could not be counted, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct DataQualityView {
    /// The moment of evaluation.
    pub as_of: Moment,
    /// What rules and facts say of each other, problems first.
    pub findings: Vec<FindingView>,
    /// What was left out, by kind and reason.
    pub left_out: Vec<LeftOutGroup>,
    /// How many records are in quarantine, by source.
    pub quarantine_counts: BTreeMap<String, u64>,
    /// The newest of those.
    pub quarantine: Vec<QuarantineView>,
    /// How sources fare.
    pub sources: Vec<SourceView>,
}

/// One finding.
#[derive(Debug, Serialize, ToSchema)]
pub struct FindingView {
    /// `problem`, `notice` or `good`.
    pub level: &'static str,
    /// What was found.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

/// Things that were left out for the same reason.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeftOutGroup {
    /// The kind of thing.
    pub kind: Word,
    /// The reason.
    pub reason: Word,
    /// How many.
    pub count: usize,
    /// What is said of one of them.
    pub example: String,
}

/// A record in quarantine.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuarantineView {
    /// The source that reported it.
    pub source: String,
    /// The family it would have belonged to.
    pub family: String,
    /// Its id.
    pub external_id: String,
    /// What was wrong with it.
    pub reason: String,
}

/// How one source fares.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceView {
    /// Its name.
    pub source: String,
    /// When it was last tried.
    pub last_attempt_at: Option<Moment>,
    /// When it last succeeded.
    pub last_success_at: Option<Moment>,
    /// The error of the last attempt, if that failed.
    pub last_error: Option<String>,
    /// What it tells of itself, the budget of its API above all.
    pub telemetry: Vec<BudgetSample>,
}

/// A number that a source tells of itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct BudgetSample {
    /// The metric without `chiplog_source_`.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Its labels.
    pub labels: BTreeMap<&'static str, String>,
    /// The value.
    pub value: f64,
}

/// How far collections have come.
#[derive(Debug, Serialize, ToSchema)]
pub struct CollectionView {
    /// How sources fare.
    pub sources: Vec<SourceView>,
    /// The parts that are being collected.
    pub progress: Vec<ProgressView>,
    /// What may still be spent, by credential.
    pub budgets: Vec<BudgetView>,
    /// The ways back through history that are under way.
    pub backfills: Vec<BackfillView>,
    /// What this program has done with webhooks since it started, for the sources that any came from.
    pub webhooks: Vec<WebhookView>,
}

/// What was done with the deliveries of a source's webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookView {
    /// The source.
    pub source: String,
    /// How many were taken.
    pub accepted: u64,
    /// How many came that had come before.
    pub duplicate: u64,
    /// How many were refused: not signed, too large, or without sense.
    pub refused: u64,
    /// How many have become facts, or said nothing new.
    pub processed: u64,
    /// How many were given up after many tries.
    pub failed: u64,
    /// How many never arrived, and were fetched from the list of what the tool has sent.
    pub missed: u64,
    /// How long the oldest waits that is not processed, in seconds; 0 where none does.
    pub oldest_waiting_seconds: f64,
}

/// How far one part has come.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProgressView {
    /// The source.
    pub source: String,
    /// What of it.
    pub part: String,
    /// So many items are done.
    pub done: u64,
    /// Of so many, where that is known.
    pub total: Option<u64>,
}

/// The page of data quality.
pub fn data_quality_view(
    known: &Known,
    quarantine_counts: Vec<(String, u64)>,
    quarantine: Vec<Quarantined>,
    sources: Vec<SourceView>,
) -> DataQualityView {
    let mut findings = known.findings.to_vec();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level == FindingLevel::Problem));
    let findings = findings.into_iter().map(|finding| FindingView {
        level: match finding.level {
            FindingLevel::Problem => "problem",
            FindingLevel::Notice => "notice",
            FindingLevel::Good => "good",
        },
        message: finding.message,
        hint: finding.hint,
    });
    let left_out = known.snapshot.unmapped.iter().map(|group| LeftOutGroup {
        kind: group.kind.clone(),
        reason: group.reason.clone(),
        count: group.count,
        example: group.example.clone(),
    });
    let quarantine = quarantine.into_iter().map(|record| QuarantineView {
        source: record.source,
        family: record.family,
        external_id: record.external_id,
        reason: record.reason,
    });
    DataQualityView {
        as_of: known.snapshot.as_of,
        findings: findings.collect(),
        left_out: left_out.collect(),
        quarantine_counts: quarantine_counts.into_iter().collect(),
        quarantine: quarantine.collect(),
        sources,
    }
}

/// The sources with what is stored of their last attempts, in the order in which they are configured.
pub fn collection_view(
    sources: Vec<(String, Vec<Telemetry>)>,
    states: Vec<SourceState>,
    progress: Vec<Progress>,
    reports: Vec<(String, BudgetReport)>,
    deliveries: BTreeMap<String, Deliveries>,
) -> CollectionView {
    let mut states: BTreeMap<String, SourceState> =
        states.into_iter().map(|state| (state.source.clone(), state)).collect();
    let sources = sources.into_iter().map(|(source, telemetry)| {
        let state = states.remove(&source);
        SourceView {
            last_attempt_at: state.as_ref().map(|state| state.last_attempt_at),
            last_success_at: state.as_ref().and_then(|state| state.last_success_at),
            last_error: state.and_then(|state| state.last_error),
            telemetry: telemetry.into_iter().map(sample).collect(),
            source,
        }
    });
    let progress = progress.into_iter().map(|it| ProgressView {
        source: it.source,
        part: it.part,
        done: it.done,
        total: it.total,
    });
    let (budgets, backfills) = budget_views(reports);
    let webhooks = deliveries.into_iter().map(webhooks).collect();
    CollectionView { sources: sources.collect(), progress: progress.collect(), budgets, backfills, webhooks }
}

fn webhooks((source, deliveries): (String, Deliveries)) -> WebhookView {
    let count = |outcome: &str| deliveries.by_outcome.get(outcome).copied().unwrap_or_default();
    WebhookView {
        source,
        accepted: count("accepted"),
        duplicate: count("duplicate"),
        refused: count("refused") + count("malformed"),
        processed: count("processed") + count("ignored"),
        failed: count("failed"),
        missed: count("missed"),
        oldest_waiting_seconds: deliveries.oldest_waiting_seconds,
    }
}

fn sample(telemetry: Telemetry) -> BudgetSample {
    BudgetSample {
        name: telemetry.name,
        help: telemetry.help,
        labels: telemetry.labels.into_iter().collect(),
        value: telemetry.value,
    }
}
