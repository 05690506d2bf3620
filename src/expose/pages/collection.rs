//! How far collections have come, and how sources fare.

use askama::Template;

use super::parts::minute;
use crate::expose::views::{
    BackfillView, BudgetSample, BudgetView, CollectionView, ProgressView, SourceView, WebhookView,
};
use crate::facts::Moment;

#[derive(Template)]
#[template(path = "collection.html")]
struct Page<'a> {
    progress: Vec<ShownProgress<'a>>,
    budgets: Vec<ShownBudget<'a>>,
    backfills: &'a [BackfillView],
    webhooks: Vec<ShownWebhooks<'a>>,
    sources: Vec<ShownSource<'a>>,
}

/// A part that is being collected, as it is shown.
struct ShownProgress<'a> {
    it: &'a ProgressView,
    /// How long it still takes, in words.
    finish: &'a str,
}

/// A budget as it is shown.
struct ShownBudget<'a> {
    it: &'a BudgetView,
    reset_at: String,
    owners: String,
}

/// What was done with a source's webhooks, as it is shown.
struct ShownWebhooks<'a> {
    it: &'a WebhookView,
    waits: String,
}

/// A source as it is shown.
pub(super) struct ShownSource<'a> {
    pub(super) source: &'a str,
    pub(super) last_success: String,
    pub(super) last_attempt: String,
    pub(super) error: Option<&'a str>,
    pub(super) telemetry: Vec<String>,
}

/// The page of the collection.
pub fn page(view: &CollectionView) -> askama::Result<String> {
    let progress = view.progress.iter().map(|it| ShownProgress { it, finish: finish(view, it) });
    let budgets = view.budgets.iter().map(|it| ShownBudget {
        it,
        reset_at: minute(it.reset_at),
        owners: if it.owners.is_empty() { "all".to_owned() } else { it.owners.join(", ") },
    });
    Page {
        progress: progress.collect(),
        budgets: budgets.collect(),
        backfills: &view.backfills,
        webhooks: view.webhooks.iter().map(webhooks).collect(),
        sources: view.sources.iter().map(source).collect(),
    }
    .render()
}

fn webhooks(it: &WebhookView) -> ShownWebhooks<'_> {
    let waits = it.oldest_waiting_seconds;
    ShownWebhooks { it, waits: if waits > 0.0 { format!("for {waits:.0} s") } else { "nothing".to_owned() } }
}

/// How long a part still takes: nothing where its source does not say.
fn finish<'a>(view: &'a CollectionView, progress: &ProgressView) -> &'a str {
    let of_source = view.backfills.iter().filter(|it| it.source == progress.source);
    let part = of_source.flat_map(|it| &it.parts).find(|it| it.part == progress.part);
    part.map_or("", |part| part.finish.as_ref().map_or("unknown", |finish| &finish.words))
}

/// A source's row.
pub(super) fn source(view: &SourceView) -> ShownSource<'_> {
    let told = |moment: Option<Moment>| moment.map_or_else(|| "never".to_owned(), minute);
    ShownSource {
        source: &view.source,
        last_success: told(view.last_success_at),
        last_attempt: told(view.last_attempt_at),
        error: view.last_error.as_deref(),
        // Budgets have a table of their own.
        telemetry: view.telemetry.iter().filter(|it| !is_of_a_budget(it)).map(sample).collect(),
    }
}

fn is_of_a_budget(sample: &BudgetSample) -> bool {
    sample.name.starts_with("rate_limit_") && sample.labels.contains_key("credential")
        || sample.name.starts_with("backfill_")
}

fn sample(sample: &BudgetSample) -> String {
    let labels: Vec<&str> = sample.labels.values().map(String::as_str).collect();
    let labels = if labels.is_empty() { String::new() } else { format!(" ({})", labels.join(", ")) };
    format!("{}{labels}: {}", sample.name.replace('_', " "), sample.value)
}
