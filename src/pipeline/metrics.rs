//! Live counters of the collection, through the prometheus crate's registry.

use std::collections::BTreeMap;

use prometheus::core::Collector as _;
use prometheus::proto::{Metric, MetricFamily};
use prometheus::{GaugeVec, IntCounter, IntCounterVec, Opts, Registry};

use crate::facts::Moment;

/// How far the collection of a part of a source has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The source.
    pub source: String,
    /// What of it.
    pub part: String,
    /// So many items are done.
    pub done: u64,
    /// Of so many, where that is known.
    pub total: Option<u64>,
}

/// Counters of the running program; they begin at zero when it starts.
#[derive(Clone)]
pub struct CollectMetrics {
    registry: Registry,
    /// Facts that were new or different, by source and family.
    pub(super) items: IntCounterVec,
    /// Errors, by source and reason.
    pub(super) errors: IntCounterVec,
    /// Records that went to quarantine, by source.
    pub(super) quarantined: IntCounterVec,
    /// When each source was last collected without an error.
    pub(super) last_success: GaugeVec,
    /// How long the last collection of each source took.
    pub(super) duration: GaugeVec,
    /// How far a long collection has come.
    pub(super) progress: GaugeVec,
    /// All changes together.
    changes: IntCounter,
}

impl CollectMetrics {
    /// Registers all of them.
    pub fn new() -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let gauges = |name: &str, help: &str, labels: &[&str]| GaugeVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            registry: Registry::new(),
            items: counters(
                "chiplog_source_items_total",
                "Facts that were new or different, by source and family.",
                &["source", "kind"],
            )?,
            errors: counters("chiplog_source_errors_total", "Errors of sources, by reason.", &["source", "reason"])?,
            quarantined: counters(
                "chiplog_source_quarantined_total",
                "Records that could not be read and went to quarantine.",
                &["source"],
            )?,
            last_success: gauges(
                "chiplog_source_last_success_timestamp_seconds",
                "When the source was last collected without an error.",
                &["source"],
            )?,
            duration: gauges(
                "chiplog_source_collect_duration_seconds",
                "How long the last collection of the source took.",
                &["source"],
            )?,
            progress: gauges(
                "chiplog_source_progress_items",
                "How far the collection of a part has come, and how much there is in all where that is known.",
                &["source", "part", "state"],
            )?,
            changes: IntCounter::new(
                "chiplog_facts_changed_total",
                "Facts that were new or different, of all sources.",
            )?,
        };
        metrics.registry.register(Box::new(metrics.items.clone()))?;
        metrics.registry.register(Box::new(metrics.errors.clone()))?;
        metrics.registry.register(Box::new(metrics.quarantined.clone()))?;
        metrics.registry.register(Box::new(metrics.last_success.clone()))?;
        metrics.registry.register(Box::new(metrics.duration.clone()))?;
        metrics.registry.register(Box::new(metrics.progress.clone()))?;
        metrics.registry.register(Box::new(metrics.changes.clone()))?;
        Ok(metrics)
    }

    /// All families as they are now; those without a series are left out.
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// Takes over what an earlier run of the program knew.
    pub fn set_last_success(&self, source: &str, at: Moment) {
        self.last_success.with_label_values(&[source]).set(at.timestamp_millis() as f64 / 1000.0);
    }

    /// Counts what a page changed.
    pub fn add_changes(&self, source: &str, family: &str, changed: u64) {
        self.items.with_label_values(&[source, family]).inc_by(changed);
        self.changes.inc_by(changed);
    }

    /// How far the collections that are under way have come.
    pub fn progress(&self) -> Vec<Progress> {
        let mut parts: BTreeMap<(String, String), (u64, Option<u64>)> = BTreeMap::new();
        for family in self.progress.collect() {
            for metric in family.get_metric() {
                let label = |name: &str| label(metric, name);
                let entry = parts.entry((label("source"), label("part"))).or_default();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a count that was set as one"
                )]
                let items = metric.get_gauge().get_value() as u64;
                if label("state") == "total" { entry.1 = Some(items) } else { entry.0 = items }
            }
        }
        parts.into_iter().map(|((source, part), (done, total))| Progress { source, part, done, total }).collect()
    }

    /// Forgets the progress of a source that has finished.
    pub(super) fn clear_progress(&self, source: &str) {
        for family in self.progress.collect() {
            for metric in family.get_metric() {
                if label(metric, "source") == source {
                    let values = [source.to_owned(), label(metric, "part"), label(metric, "state")];
                    let values: Vec<&str> = values.iter().map(String::as_str).collect();
                    let _ = self.progress.remove_label_values(&values);
                }
            }
        }
    }
}

fn label(metric: &Metric, name: &str) -> String {
    let pair = metric.get_label().iter().find(|pair| pair.name() == name);
    pair.map_or_else(String::new, |pair| pair.value().to_owned())
}
