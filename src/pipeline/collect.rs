//! Collection: every source into the store, page by page, each for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::watch;

use super::metrics::CollectMetrics;
use super::progress::Observer;
use super::receive::StoredFacts;
use crate::clock;
use crate::facts::Batch;
use crate::sources::{BatchSink, FactLookup as _, SinkError, Source, SourceError};
use crate::store::{Attempt, Store};

/// Turns true when the program is to stop.
pub type Stop = watch::Receiver<bool>;

/// How a round of collection went.
#[derive(Debug, Default)]
pub struct CollectReport {
    /// The sources that failed, with their error.
    pub failures: BTreeMap<String, SourceError>,
}

/// Collects sources into a store.
#[derive(Clone)]
pub struct Collector {
    store: Store,
    sources: Vec<Arc<dyn Source>>,
    metrics: CollectMetrics,
    observer: Arc<dyn Observer>,
}

impl Collector {
    /// A collector of these sources.
    pub fn new(
        store: Store,
        sources: Vec<Arc<dyn Source>>,
        metrics: CollectMetrics,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self { store, sources, metrics, observer }
    }

    /// Collects what is new of every source at the same time; one that fails never stops the others.
    pub async fn run_once(&self, stop: &Stop) -> CollectReport {
        let rounds = self.sources.iter().map(|source| self.collect(source, stop.clone()));
        let failures = futures_util::future::join_all(rounds).await;
        CollectReport { failures: failures.into_iter().flatten().collect() }
    }

    /// Collects every source again and again, each at its own pace, until told to stop.
    pub async fn run(&self, interval: Duration, stop: &Stop) {
        let rounds = self.sources.iter().map(|source| {
            let mut stop = stop.clone();
            async move {
                while !*stop.borrow() {
                    let failure = self.collect(source, stop.clone()).await;
                    let pause = failure.map_or(interval, |(_, error)| pause_after(&error, interval));
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        _ = stop.wait_for(|stop| *stop) => {}
                    }
                }
            }
        });
        futures_util::future::join_all(rounds).await;
    }

    /// One round of one source. The error is logged, counted, kept in the store, and returned with the source's name.
    async fn collect(&self, source: &Arc<dyn Source>, mut stop: Stop) -> Option<(String, SourceError)> {
        let name = source.name().to_owned();
        let sink = StoreSink { collector: self, source: &name, trouble: Mutex::default() };
        // What happened before the round began is known when it ends well; what happened during it may not be.
        let (began, now) = (Instant::now(), clock::now());
        // A page that is being stored when the stop comes is rolled back; the next start fetches it again.
        let result = tokio::select! {
            result = source.collect(&sink) => result,
            _ = stop.wait_for(|stop| *stop) => return None,
        };
        self.observer.finished(&name);
        self.metrics.clear_progress(&name);
        let seconds = began.elapsed().as_secs_f64();
        self.metrics.duration.with_label_values(&[name.as_str()]).set(seconds);
        let parts = sink.trouble.into_inner().unwrap_or_else(PoisonError::into_inner);
        let trouble = result.as_ref().err().map(ToString::to_string).or((!parts.is_empty()).then(|| parts.join("; ")));
        let attempt = Attempt { succeeded: result.is_ok(), trouble, at: now };
        if let Err(error) = self.store.record_attempt(&name, source.kind(), &attempt).await {
            tracing::error!(source = name, "{error}");
        }
        match result {
            Ok(()) => {
                self.metrics.set_last_success(&name, now);
                tracing::info!(source = name, seconds, "collected {name} in {seconds:.1} s");
                None
            }
            Err(error) => {
                self.metrics.errors.with_label_values(&[name.as_str(), error.reason()]).inc();
                tracing::error!(source = name, reason = error.reason(), "{name}: {error}");
                Some((name, error))
            }
        }
    }
}

/// Of parts that could not be collected so many are named.
const NAMED_TROUBLE: usize = 5;

/// A used-up budget is waited for; everything else is tried again after the usual interval.
fn pause_after(error: &SourceError, interval: Duration) -> Duration {
    match error {
        SourceError::RateLimited { retry_at, .. } => {
            (*retry_at - clock::now()).to_std().unwrap_or(interval).max(interval)
        }
        _ => interval,
    }
}

/// Hands the pages of one source to the store.
struct StoreSink<'a> {
    collector: &'a Collector,
    source: &'a str,
    /// What could not be collected while the rest went on.
    trouble: Mutex<Vec<String>>,
}

#[async_trait]
impl BatchSink for StoreSink<'_> {
    async fn cursor(&self, name: &str) -> Result<Option<String>, SinkError> {
        let state = self.collector.store.cursor(self.source, name).await;
        state.map_err(|error| SinkError { message: error.to_string() })
    }

    async fn stored(&self, family: &'static str, external_ids: Vec<String>) -> Result<BTreeSet<String>, SinkError> {
        let stored = self.collector.store.stored(self.source, family, &external_ids).await;
        stored.map_err(|error| SinkError { message: error.to_string() })
    }

    async fn fact(&self, family: &'static str, external_id: &str) -> Result<Option<serde_json::Value>, SinkError> {
        StoredFacts { store: &self.collector.store, source: self.source }.fact(family, external_id).await
    }

    async fn accept(&self, batch: Batch) -> Result<(), SinkError> {
        let accepted = self.collector.store.accept(self.source, &batch, clock::now()).await;
        let accepted = accepted.map_err(|error| SinkError { message: error.to_string() })?;
        self.collector.metrics.count_accepted(self.source, &accepted, &batch.rejects);
        Ok(())
    }

    fn progress(&self, part: &str, done: u64, total: Option<u64>) {
        self.collector.observer.progress(self.source, part, done, total);
        let gauge = &self.collector.metrics.progress;
        gauge.with_label_values(&[self.source, part, "done"]).set(done as f64);
        if let Some(total) = total {
            gauge.with_label_values(&[self.source, part, "total"]).set(total as f64);
        }
    }

    fn report(&self, part: &str, error: &SourceError) {
        self.collector.metrics.errors.with_label_values(&[self.source, error.reason()]).inc();
        tracing::warn!(source = self.source, part, reason = error.reason(), "{}, {part}: {error}", self.source);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.len() < NAMED_TROUBLE {
            trouble.push(format!("{part}: {error}"));
        }
    }
}
