//! How far collections have come, and how sources fare.

use askama::Template;

use super::parts::minute;
use crate::expose::views::{BudgetSample, CollectionView, ProgressView, SourceView};
use crate::facts::Moment;

#[derive(Template)]
#[template(path = "collection.html")]
struct Page<'a> {
    progress: &'a [ProgressView],
    sources: Vec<ShownSource<'a>>,
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
    Page { progress: &view.progress, sources: view.sources.iter().map(source).collect() }.render()
}

/// A source's row.
pub(super) fn source(view: &SourceView) -> ShownSource<'_> {
    let told = |moment: Option<Moment>| moment.map_or_else(|| "never".to_owned(), minute);
    ShownSource {
        source: &view.source,
        last_success: told(view.last_success_at),
        last_attempt: told(view.last_attempt_at),
        error: view.last_error.as_deref(),
        telemetry: view.telemetry.iter().map(sample).collect(),
    }
}

fn sample(sample: &BudgetSample) -> String {
    let labels: Vec<&str> = sample.labels.values().map(String::as_str).collect();
    let labels = if labels.is_empty() { String::new() } else { format!(" ({})", labels.join(", ")) };
    format!("{}{labels}: {}", sample.name.replace('_', " "), sample.value)
}
