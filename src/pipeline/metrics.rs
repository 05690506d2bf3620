//! Live counters of the collection, through the prometheus crate's registry.

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntCounter, IntCounterVec, Opts, Registry};

use crate::facts::Moment;

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
    /// All changes together: rises whenever an evaluation would see something new.
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

    /// How many facts have changed since the program started.
    pub fn changes(&self) -> u64 {
        self.changes.get()
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

    /// Forgets the progress of a source that has finished.
    pub(super) fn clear_progress(&self, source: &str) {
        for family in self.progress.collect() {
            for metric in family.get_metric() {
                let label = |name: &str| {
                    let pair = metric.get_label().iter().find(|pair| pair.name() == name);
                    pair.map_or_else(String::new, |pair| pair.value().to_owned())
                };
                if label("source") == source {
                    let values = [source.to_owned(), label("part"), label("state")];
                    let values: Vec<&str> = values.iter().map(String::as_str).collect();
                    let _ = self.progress.remove_label_values(&values);
                }
            }
        }
    }
}
