//! Collection: every source into the store, page by page, each for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::watch;

use super::metrics::CollectMetrics;
use super::progress::Observer;
use super::receive::StoredFacts;
use super::replica::{Lease, Replica};
use super::turns::{take_turns, wait_a_while};
use crate::clock;
use crate::facts::Batch;
use crate::sources::{BatchSink, FactLookup as _, Reach, SinkError, Source, SourceError};
use crate::store::{Attempt, Fence, KNOWN_SINCE, Store, StoreError};

/// Turns true when the program is to stop.
pub type Stop = watch::Receiver<bool>;

/// How a round of collection went.
#[derive(Debug, Default)]
pub struct CollectReport {
    /// The sources that failed, with their error.
    pub failures: BTreeMap<String, SourceError>,
    /// The sources that another program collects.
    pub elsewhere: Vec<String>,
    /// Whether the round was told to stop before it came to its end.
    pub stopped: bool,
}

/// Collects sources into a store.
#[derive(Clone)]
pub struct Collector {
    store: Store,
    sources: Vec<Arc<dyn Source>>,
    metrics: CollectMetrics,
    observer: Arc<dyn Observer>,
    /// This program among those that share the store. Alone unless given.
    replica: Option<Replica>,
    /// How far back a first collection reaches. Not noted unless given.
    history: Option<Duration>,
}

impl Collector {
    /// A collector of these sources, by a program that has the store for itself.
    pub fn new(
        store: Store,
        sources: Vec<Arc<dyn Source>>,
        metrics: CollectMetrics,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self { store, sources, metrics, observer, replica: None, history: None }
    }

    /// The same for one of several replicas: it collects the sources whose leases it holds.
    #[must_use]
    pub fn among(self, replica: Replica) -> Self {
        Self { replica: Some(replica), ..self }
    }

    /// The same that notes since when a source is known: so long before the first round that succeeds.
    #[must_use]
    pub fn reaching_back(self, history: Duration) -> Self {
        Self { history: Some(history), ..self }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn sources(&self) -> &[Arc<dyn Source>] {
        &self.sources
    }

    /// Collects what is new of every source at the same time; one that fails never stops the others. One that another
    /// program collects is left to it.
    pub async fn run_once(&self, stop: &Stop) -> CollectReport {
        let rounds = self.sources.iter().map(async |source| match &self.replica {
            None => Ok(self.collect(source, None, stop.clone()).await),
            Some(replica) => match wait_a_while(replica, source.name(), self.sources.len(), stop).await {
                Some(lease) => Ok(self.collect(source, Some(&lease), stop.clone()).await),
                None => Err(source.name().to_owned()),
            },
        });
        let rounds = futures_util::future::join_all(rounds).await;
        let mut report = CollectReport { stopped: *stop.borrow(), ..CollectReport::default() };
        for round in rounds {
            match round {
                Ok(failure) => report.failures.extend(failure),
                // Whoever stops waits for no turn any more.
                Err(_) if report.stopped => {}
                Err(source) => report.elsewhere.push(source),
            }
        }
        report
    }

    /// Collects every source again and again, each at its own pace, until told to stop.
    pub async fn run(&self, interval: Duration, stop: &Stop) {
        let rounds = self.sources.iter().map(async |source| {
            if let Some(replica) = &self.replica {
                return take_turns(self, replica, source, interval, stop).await;
            }
            let mut stop = stop.clone();
            while !*stop.borrow() {
                let pause = self.collect_and_pause(source, None, interval, &stop).await;
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            }
        });
        futures_util::future::join_all(rounds).await;
    }

    /// One round of one source; returns how long to wait for the next.
    pub(super) async fn collect_and_pause(
        &self,
        source: &Arc<dyn Source>,
        lease: Option<&Lease>,
        interval: Duration,
        stop: &Stop,
    ) -> Duration {
        let failure = self.collect(source, lease, stop.clone()).await;
        failure.map_or(interval, |(_, error)| pause_after(&error, interval))
    }

    /// One round of one source. The error is logged, counted, kept in the store, and returned with the source's name.
    async fn collect(
        &self,
        source: &Arc<dyn Source>,
        lease: Option<&Lease>,
        mut stop: Stop,
    ) -> Option<(String, SourceError)> {
        let name = source.name().to_owned();
        let sink = StoreSink::new(self, &name, lease);
        // What happened before the round began is known when it ends well; what happened during it may not be.
        let (began, now) = (Instant::now(), clock::now());
        // A page that is being stored when the stop comes is rolled back; the next start fetches it again.
        let result = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return None,
            () = lost(lease) => Ok(()),
            result = source.collect(&sink) => result,
        };
        self.observer.finished(&name);
        self.metrics.clear_progress(&name);
        if sink.is_fenced_off() {
            tracing::warn!(source = name, "{name}: its lease has passed to another chiplog, which goes on with it");
            return None;
        }
        let seconds = began.elapsed().as_secs_f64();
        self.metrics.duration.with_label_values(&[name.as_str()]).set(seconds);
        let parts = sink.trouble.into_inner().unwrap_or_else(PoisonError::into_inner);
        let trouble = result.as_ref().err().map(ToString::to_string).or((!parts.is_empty()).then(|| parts.join("; ")));
        let attempt = Attempt { succeeded: result.is_ok(), trouble, at: now };
        let noted = self.note(source.as_ref(), &attempt, lease.map(Lease::fence)).await;
        if let Err(error) = &noted {
            if error.is_fenced() {
                tracing::warn!(source = name, "{name}: {error}");
                return None;
            }
            tracing::error!(source = name, "{error}");
        }
        match result {
            Ok(()) => {
                // What the store does not know is not told: metric and store agree after a restart.
                if noted.is_ok() {
                    self.metrics.set_last_success(&name, now);
                }
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

impl Collector {
    /// Notes how a round went, and with the first that succeeded since when the source is known.
    async fn note(&self, source: &dyn Source, attempt: &Attempt, fence: Option<&Fence>) -> Result<(), StoreError> {
        let name = source.name();
        let back = match source.reaches_back() {
            Reach::History => self.history,
            Reach::Nothing => self.history.map(|_| Duration::ZERO),
            Reach::Beginning => None,
        };
        let since = back
            .filter(|_| attempt.succeeded)
            .and_then(|back| attempt.at.checked_sub_signed(chrono::Duration::from_std(back).ok()?));
        if let Some(since) = since
            && self.store.cursor(name, KNOWN_SINCE).await?.is_none()
        {
            let cursors = vec![(KNOWN_SINCE.to_owned(), Some(since.to_rfc3339()))];
            let batch = Batch { cursors, ..Batch::default() };
            self.store.accept_fenced(name, &batch, attempt.at, fence).await?;
        }
        self.store.record_attempt_fenced(name, source.kind(), attempt, fence).await
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

/// Ends when a lease is lost; never where there is none.
async fn lost(lease: Option<&Lease>) {
    match lease {
        Some(lease) => lease.lost().await,
        None => std::future::pending().await,
    }
}

/// Hands the pages of one source to the store.
struct StoreSink<'a> {
    collector: &'a Collector,
    source: &'a str,
    lease: Option<&'a Lease>,
    /// Whether a page was refused because the lease had passed to another.
    fenced: AtomicBool,
    /// What could not be collected while the rest went on.
    trouble: Mutex<Vec<String>>,
}

impl<'a> StoreSink<'a> {
    fn new(collector: &'a Collector, source: &'a str, lease: Option<&'a Lease>) -> Self {
        Self { collector, source, lease, fenced: AtomicBool::new(false), trouble: Mutex::default() }
    }

    /// Whether another goes on with this source: what failed here since is no failure of the source.
    fn is_fenced_off(&self) -> bool {
        self.fenced.load(Ordering::Relaxed) || self.lease.is_some_and(Lease::is_lost)
    }
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
        let fence = self.lease.map(Lease::fence);
        let accepted = self.collector.store.accept_fenced(self.source, &batch, clock::now(), fence).await;
        let accepted = accepted.map_err(|error| {
            self.fenced.fetch_or(error.is_fenced(), Ordering::Relaxed);
            SinkError { message: error.to_string() }
        })?;
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
        if self.is_fenced_off() {
            return;
        }
        self.collector.metrics.errors.with_label_values(&[self.source, error.reason()]).inc();
        tracing::warn!(source = self.source, part, reason = error.reason(), "{}, {part}: {error}", self.source);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.len() < NAMED_TROUBLE {
            trouble.push(format!("{part}: {error}"));
        }
    }
}
