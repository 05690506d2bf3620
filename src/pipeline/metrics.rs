//! Live counters of the collection, through the prometheus crate's registry.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::core::Collector as _;
use prometheus::proto::{Metric, MetricFamily};
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, Opts, Registry};

use crate::facts::{Moment, Reject};
use crate::sources::Source;
use crate::store::Accepted;

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

/// What was done with the deliveries of a source's webhooks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deliveries {
    /// How many, by outcome: `accepted`, `processed`, `missed` and so on.
    pub by_outcome: BTreeMap<String, u64>,
    /// How long the oldest waits that is not processed, in seconds; 0 where none does.
    pub oldest_waiting_seconds: f64,
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
    /// Facts that were forgotten because of their age, by family.
    pub(super) pruned: IntCounterVec,
    /// Deliveries of webhooks, by source and outcome.
    deliveries: IntCounterVec,
    /// How long the oldest delivery waits that is not processed.
    oldest_delivery: GaugeVec,
    /// The leases that this replica holds.
    leases: GaugeVec,
    /// This replica's name.
    replica: GaugeVec,
    /// How many replicas are alive.
    replicas: Gauge,
    /// When the store last took and answered a heart-beat.
    store_answered: Gauge,
    /// Requests that were answered, by status code.
    requests: IntCounterVec,
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
            pruned: counters(
                "chiplog_store_pruned_facts_total",
                "Facts that were forgotten because they ended longer ago than the retention.",
                &["kind"],
            )?,
            deliveries: counters(
                "chiplog_webhook_deliveries_total",
                "Deliveries of webhooks: accepted, duplicate, refused (its signature or token), malformed (too large, too old, or none of the tool's), unavailable (could not be stored), processed, ignored, retried, failed (given up), missed.",
                &["source", "outcome"],
            )?,
            oldest_delivery: gauges(
                "chiplog_webhook_oldest_waiting_seconds",
                "How long the oldest delivery waits that is not processed; 0 when none does.",
                &["source"],
            )?,
            leases: gauges(
                "chiplog_lease_held",
                "The leases that this replica holds: what it does for all.",
                &["lease"],
            )?,
            replica: gauges(
                "chiplog_replica_info",
                "This replica, by a random name of its own, and its version.",
                &["replica", "version"],
            )?,
            replicas: Gauge::new("chiplog_replicas", "How many replicas are alive, as this one sees it.")?,
            store_answered: Gauge::new(
                "chiplog_store_last_answer_timestamp_seconds",
                "When the store last took a heart-beat of this replica.",
            )?,
            requests: counters(
                "chiplog_http_requests_total",
                "Requests that were answered, by the status code of the answer.",
                &["code"],
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
        metrics.registry.register(Box::new(metrics.pruned.clone()))?;
        metrics.registry.register(Box::new(metrics.deliveries.clone()))?;
        metrics.registry.register(Box::new(metrics.oldest_delivery.clone()))?;
        metrics.registry.register(Box::new(metrics.changes.clone()))?;
        metrics.registry.register(Box::new(metrics.leases.clone()))?;
        metrics.registry.register(Box::new(metrics.replica.clone()))?;
        metrics.registry.register(Box::new(metrics.replicas.clone()))?;
        metrics.registry.register(Box::new(metrics.store_answered.clone()))?;
        metrics.registry.register(Box::new(metrics.requests.clone()))?;
        Ok(metrics)
    }

    /// All families as they are now; those without a series are left out.
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// Has what alerts look at begin at zero: a counter that appears with its first event has not risen in Prometheus' eyes.
    pub fn begin_at_zero(&self, sources: &[Arc<dyn Source>]) {
        self.requests.with_label_values(&["500"]).inc_by(0);
        for source in sources {
            self.quarantined.with_label_values(&[source.name()]).inc_by(0);
            self.errors.with_label_values(&[source.name(), "store"]).inc_by(0);
            if source.webhook().is_some() || source.receiver().is_some() {
                for outcome in ["missed", "failed", "refused", "malformed", "unavailable"] {
                    self.count_deliveries(source.name(), outcome, 0);
                }
            }
        }
    }

    /// Notes that the store has just taken a heart-beat.
    pub(super) fn store_answered(&self, at: Moment) {
        self.store_answered.set(at.timestamp_millis() as f64 / 1000.0);
    }

    /// Counts a request that was answered.
    pub fn count_request(&self, code: &str) {
        self.requests.with_label_values(&[code]).inc();
    }

    /// Takes over what an earlier run of the program knew.
    pub fn set_last_success(&self, source: &str, at: Moment) {
        self.last_success.with_label_values(&[source]).set(at.timestamp_millis() as f64 / 1000.0);
    }

    /// Tells this replica's name.
    pub(super) fn set_replica(&self, id: &str) {
        self.replica.with_label_values(&[id, env!("CARGO_PKG_VERSION")]).set(1.0);
    }

    /// Tells how many replicas there are.
    pub(super) fn set_replicas(&self, replicas: usize) {
        self.replicas.set(replicas as f64);
    }

    /// Tells of a lease that was taken or lost.
    pub(super) fn set_lease(&self, lease: &str, held: bool) {
        if held {
            self.leases.with_label_values(&[lease]).set(1.0);
        } else {
            let _ = self.leases.remove_label_values(&[lease]);
        }
    }

    /// Counts what a page changed.
    pub fn add_changes(&self, source: &str, family: &str, changed: u64) {
        self.items.with_label_values(&[source, family]).inc_by(changed);
        self.changes.inc_by(changed);
    }

    /// Counts what a page changed and what of it went to quarantine, and says so in the log.
    pub(super) fn count_accepted(&self, source: &str, accepted: &Accepted, rejects: &[Reject]) {
        for (family, changed) in &accepted.changed {
            self.add_changes(source, family, *changed);
        }
        if accepted.rejected > 0 {
            self.quarantined.with_label_values(&[source]).inc_by(accepted.rejected);
            for Reject { family, external_id, reason } in rejects {
                tracing::warn!(source, family, id = external_id, "{family} {external_id} is in quarantine: {reason}");
            }
        }
    }

    /// Counts deliveries of webhooks.
    pub(super) fn count_deliveries(&self, source: &str, outcome: &str, count: u64) {
        self.deliveries.with_label_values(&[source, outcome]).inc_by(count);
    }

    /// What this program has done with deliveries of webhooks since it started, by source.
    pub fn deliveries(&self) -> BTreeMap<String, Deliveries> {
        let mut by_source: BTreeMap<String, Deliveries> = BTreeMap::new();
        for metric in self.deliveries.collect().iter().flat_map(MetricFamily::get_metric) {
            let of_source = by_source.entry(label(metric, "source")).or_default();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let count = metric.get_counter().get_value() as u64;
            of_source.by_outcome.insert(label(metric, "outcome"), count);
        }
        for metric in self.oldest_delivery.collect().iter().flat_map(MetricFamily::get_metric) {
            let of_source = by_source.entry(label(metric, "source")).or_default();
            of_source.oldest_waiting_seconds = metric.get_gauge().get_value();
        }
        by_source
    }

    /// Notes how long the oldest delivery of a source waits, in seconds.
    pub(super) fn set_oldest_delivery(&self, source: &str, seconds: f64) {
        self.oldest_delivery.with_label_values(&[source]).set(seconds);
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
