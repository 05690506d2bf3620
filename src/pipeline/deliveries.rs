//! What becomes of deliveries: the facts that polling would bring, within a second.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, watch};

use super::collect::Stop;
use super::inbox::Inbox;
use super::metrics::CollectMetrics;
use super::receive::{StoredFacts, receive_stored};
use super::replica::Replica;
use crate::clock;
use crate::facts::{Batch, Moment, Reject};
use crate::sources::{
    BatchSink, Delivery, FactLookup as _, KnownDeliveries, Receiver, SinkError, Source, SourceError, StoredDelivery,
    Verdict,
};
use crate::store::{Fence, NewDelivery, Settled, Store, StoreError, WaitingDelivery};

/// How many deliveries of a source are processed together. Most are pointers of some hundred bytes; an event is kept whole, and
/// a flood of large ones must not take all memory.
const AT_ONCE: u32 = 5000;
const BYTES_AT_ONCE: u32 = 16 * 1024 * 1024;

/// The lease of those who process deliveries.
const LEASE: &str = "deliveries";

/// Events that are taken in one turn: a turn ends by itself after some seconds.
const EVENTS_PER_TURN: usize = 50;

/// How often tools are asked what they could not deliver.
const ASK_FOR_MISSED_EVERY: Duration = Duration::from_mins(15);

/// How often what is old is forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// A delivery that fails by itself is given up after so many tries.
const TRIES: u32 = 8;

/// One that cannot be processed because the tool or the store is down is given up after so long; polling brings what it
/// would have told.
const GIVE_UP_AFTER: chrono::Duration = chrono::Duration::hours(24);

/// The longest wait between two tries.
const LONGEST_WAIT: chrono::Duration = chrono::Duration::minutes(5);

/// Processes what is in the inbox.
#[derive(Clone)]
pub struct Deliverer {
    /// Where deliveries wait and facts go.
    pub store: Store,
    /// The sources, of which some take webhooks or receive events.
    pub sources: Arc<[Arc<dyn Source>]>,
    /// Counts what changed, so that it is evaluated.
    pub metrics: CollectMetrics,
    /// Where deliveries come in.
    pub inbox: Inbox,
    /// Events complete stored facts, so they are taken one after another, here and where they are answered at once.
    pub turn: Arc<Mutex<()>>,
    /// What is written is written only while this stands.
    pub fence: Option<Fence>,
}

impl Deliverer {
    /// Processes deliveries whenever this replica holds the lease for it, until told to stop: of several replicas one does.
    pub async fn keep_delivered_among(&self, replica: &Replica, stop: &Stop) {
        let mut stopped = stop.clone();
        while !*stop.borrow() {
            if let Some(lease) = replica.hold(LEASE).await {
                let (end, ended) = watch::channel(false);
                let worker = Self { fence: Some(lease.fence().clone()), ..self.clone() };
                let watching = async {
                    tokio::select! {
                        () = lease.lost() => {}
                        _ = stopped.wait_for(|stop| *stop) => {}
                    }
                    end.send_replace(true);
                };
                tokio::join!(worker.keep_delivered(&ended), watching);
            }
            tokio::select! {
                () = tokio::time::sleep(self.store.look_every()) => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        }
    }

    /// Processes deliveries as they come, until told to stop: what waits at the start first, in batches, each source for
    /// itself.
    pub async fn keep_delivered(&self, stop: &Stop) {
        let taking = self.sources.iter().filter(|source| source.webhook().is_some() || source.receiver().is_some());
        let each = taking.map(|source| self.keep_processed(source, stop.clone()));
        let repaired = self.sources.iter().filter(|source| source.webhook().is_some());
        let repaired = repaired.map(|source| self.keep_repaired(source, stop.clone()));
        tokio::join!(
            futures_util::future::join_all(each),
            futures_util::future::join_all(repaired),
            self.keep_forgetting(stop.clone()),
        );
    }

    async fn keep_processed(&self, source: &Arc<dyn Source>, mut stop: Stop) {
        let mut came = self.inbox.came();
        while !*stop.borrow() {
            let round = async {
                if let Some(webhook) = source.webhook() {
                    webhook.ready().await;
                }
                came.mark_unchanged();
                self.round(source).await
            };
            let more = tokio::select! {
                round = round => round,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match more {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::error!(source = source.name(), "the inbox: {error}"),
            }
            // What came before a crash, or to another replica, is not told.
            wait(&mut came, self.store.look_every(), &mut stop).await;
        }
    }

    /// Processes one batch of a source. Returns whether there may be more.
    async fn round(&self, source: &Arc<dyn Source>) -> Result<bool, StoreError> {
        let name = source.name();
        let waiting = self.store.waiting_deliveries(name, clock::now(), AT_ONCE, BYTES_AT_ONCE).await?;
        if !waiting.is_empty() {
            let (settled, outcomes): (Vec<_>, Vec<_>) = self.process(source, &waiting).await.into_iter().unzip();
            self.store.settle_deliveries(name, &settled, clock::now(), self.fence.as_ref()).await?;
            for outcome in outcomes {
                self.metrics.count_deliveries(name, outcome, 1);
            }
        }
        let oldest = self.store.oldest_waiting_delivery(name).await?;
        let age = oldest.map_or(0.0, |oldest| (clock::now() - oldest).num_milliseconds().max(0) as f64 / 1000.0);
        self.metrics.set_oldest_delivery(name, age);
        let bytes: usize = waiting.iter().map(|delivery| delivery.body.len()).sum();
        Ok(waiting.len() == AT_ONCE as usize || bytes >= BYTES_AT_ONCE as usize)
    }

    /// What is to be noted of each delivery, and how it is counted once that is noted.
    async fn process(
        &self,
        source: &Arc<dyn Source>,
        waiting: &[WaitingDelivery],
    ) -> Vec<((String, Settled), &'static str)> {
        let result = self.attempt(source, waiting).await;
        let mut settled = Vec::new();
        match result {
            Ok(verdicts) => {
                for (delivery, verdict) in waiting.iter().zip(verdicts) {
                    let (judged, outcome) = self.judged(source, delivery, verdict).await;
                    settled.push(((delivery.id.clone(), judged), outcome));
                }
            }
            // Something of one of them is wrong: the others must not suffer from it.
            Err(error) if waiting.len() > 1 && !concerns_all(&error) => {
                for alone in waiting.chunks(1) {
                    settled.extend(Box::pin(self.process(source, alone)).await);
                }
            }
            Err(error) => {
                let (name, reason) = (source.name(), error.reason());
                tracing::warn!(
                    source = name,
                    reason,
                    "{} deliveries of {name} are tried again: {error}",
                    waiting.len()
                );
                for delivery in waiting {
                    let (failed, outcome) = self.failed(source, delivery, &error).await;
                    settled.push(((delivery.id.clone(), failed), outcome));
                }
            }
        }
        settled
    }

    async fn attempt(
        &self,
        source: &Arc<dyn Source>,
        waiting: &[WaitingDelivery],
    ) -> Result<Vec<Verdict>, SourceError> {
        if let Some(webhook) = source.webhook() {
            let deliveries: Vec<StoredDelivery> = waiting.iter().map(stored).collect();
            return webhook.process(&deliveries, &DeliverySink { deliverer: self, source: source.name() }).await;
        }
        let Some(receiver) = source.receiver() else { return Ok(vec![Verdict::Ignored; waiting.len()]) };
        let failed = |error: StoreError| SourceError::Sink(SinkError { message: error.to_string() });
        let mut verdicts = Vec::new();
        for some in waiting.chunks(EVENTS_PER_TURN) {
            let _turn = self.turn.lock().await;
            let turn = self.store.take_turn(&format!("receive/{}", source.name())).await.map_err(failed)?;
            let taken = self.received(source.name(), receiver, some, &turn).await;
            self.store.release_lease(&turn).await.map_err(failed)?;
            verdicts.extend(taken?);
        }
        Ok(verdicts)
    }

    async fn received(
        &self,
        source: &str,
        receiver: &dyn Receiver,
        deliveries: &[WaitingDelivery],
        turn: &Fence,
    ) -> Result<Vec<Verdict>, SourceError> {
        let mut verdicts = Vec::new();
        for delivery in deliveries {
            verdicts.push(receive_stored(&self.store, &self.metrics, (source, receiver), delivery, turn).await?);
        }
        Ok(verdicts)
    }

    async fn judged(
        &self,
        source: &Arc<dyn Source>,
        delivery: &WaitingDelivery,
        verdict: Verdict,
    ) -> (Settled, &'static str) {
        let outcome = match verdict {
            Verdict::Processed => "processed",
            Verdict::Ignored => "ignored",
            Verdict::Bad(reason) => return self.give_up(source, delivery, reason).await,
            Verdict::Later { why, not_before } => return self.later(source, delivery, why, not_before).await,
        };
        (Settled::Done { error: None }, outcome)
    }

    async fn failed(
        &self,
        source: &Arc<dyn Source>,
        delivery: &WaitingDelivery,
        error: &SourceError,
    ) -> (Settled, &'static str) {
        if !concerns_all(error) && delivery.attempts + 1 >= TRIES {
            return self.give_up(source, delivery, error.to_string()).await;
        }
        let not_before = match error {
            SourceError::RateLimited { retry_at, .. } => Some(*retry_at),
            _ => None,
        };
        self.later(source, delivery, error.to_string(), not_before).await
    }

    /// Tried again, unless it is too old by now.
    async fn later(
        &self,
        source: &Arc<dyn Source>,
        delivery: &WaitingDelivery,
        why: String,
        not_before: Option<Moment>,
    ) -> (Settled, &'static str) {
        let now = clock::now();
        if now - delivery.received_at > GIVE_UP_AFTER {
            return self.give_up(source, delivery, why).await;
        }
        (Settled::Again { at: next_try(delivery.attempts, not_before, now), error: why }, "retried")
    }

    /// Into quarantine, alone.
    async fn give_up(
        &self,
        source: &Arc<dyn Source>,
        delivery: &WaitingDelivery,
        reason: String,
    ) -> (Settled, &'static str) {
        let name = source.name();
        let external_id = format!("{} {}", delivery.event, delivery.id);
        let reject = Reject { family: "webhook_deliveries", external_id, reason: reason.clone() };
        let sink = DeliverySink { deliverer: self, source: name };
        if let Err(error) = sink.accept(Batch { rejects: vec![reject], ..Batch::default() }).await {
            return (Settled::Again { at: clock::now() + LONGEST_WAIT, error: error.to_string() }, "retried");
        }
        (Settled::Done { error: Some(reason) }, "failed")
    }

    /// Asks now and then what the tool could not deliver, and puts it into the inbox.
    async fn keep_repaired(&self, source: &Arc<dyn Source>, mut stop: Stop) {
        while !*stop.borrow() {
            let repaired = tokio::select! {
                repaired = self.repair(source) => repaired,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            if let Err(error) = repaired {
                let (name, reason) = (source.name(), error.reason());
                self.metrics.errors.with_label_values(&[name, reason]).inc();
                tracing::warn!(source = name, reason, "missed deliveries of {name} cannot be listed: {error}");
            }
            tokio::select! {
                () = tokio::time::sleep(ASK_FOR_MISSED_EVERY) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    async fn repair(&self, source: &Arc<dyn Source>) -> Result<(), SourceError> {
        let (name, Some(webhook)) = (source.name(), source.webhook()) else { return Ok(()) };
        let sink = DeliverySink { deliverer: self, source: name };
        let Some(missed) = webhook.missed(&sink, &sink).await? else { return Ok(()) };
        let found = missed.deliveries.len() as u64;
        let all = found + missed.left_to_polling;
        if all > 0 {
            self.metrics.count_deliveries(name, "missed", all);
            tracing::warn!(
                source = name,
                "{name}: {all} webhooks did not arrive; {found} are fetched now, polling brings what the others tell"
            );
        }
        for delivery in missed.deliveries {
            let taken = self.inbox.take(new_delivery(name, delivery)).await;
            taken.map_err(|error| SinkError { message: error.to_string() })?;
        }
        Ok(sink.accept(Batch { cursors: missed.cursors, ..Batch::default() }).await?)
    }

    async fn keep_forgetting(&self, mut stop: Stop) {
        while !*stop.borrow() {
            let before = clock::now() - crate::sources::webhook::REMEMBERED_FOR;
            if let Err(error) = self.store.forget_deliveries(before).await {
                tracing::error!("old deliveries cannot be forgotten: {error}");
            }
            tokio::select! {
                () = tokio::time::sleep(FORGET_EVERY) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }
}

/// Waits until something has come, for a while at most.
async fn wait(came: &mut watch::Receiver<u64>, longest: Duration, stop: &mut Stop) {
    tokio::select! {
        _ = came.changed() => {}
        () = tokio::time::sleep(longest) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Longer ids of deliveries are told apart by their digest.
const LONGEST_ID: usize = 500;

/// A delivery as it is stored for a source.
pub fn new_delivery(source: &str, delivery: Delivery) -> NewDelivery {
    // PostgreSQL's text holds no NUL.
    let clean = |text: String| if text.contains('\0') { text.replace('\0', "") } else { text };
    // Nor do its indexes take long keys; what is made up of someone's words may be as long as its body.
    let id = if delivery.id.len() > LONGEST_ID {
        crate::sources::webhook::digest_id(delivery.id.as_bytes())
    } else {
        clean(delivery.id)
    };
    NewDelivery {
        source: source.to_owned(),
        id,
        event: clean(delivery.event),
        headers: delivery.headers,
        body: clean(delivery.body),
    }
}

fn stored(waiting: &WaitingDelivery) -> StoredDelivery {
    StoredDelivery {
        id: waiting.id.clone(),
        event: waiting.event.clone(),
        received_at: waiting.received_at,
        headers: waiting.headers.clone(),
        body: waiting.body.clone(),
    }
}

/// Whether an error is that of the tool or the store as a whole, not of one delivery.
fn concerns_all(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::Unauthorized(_)
            | SourceError::RateLimited { .. }
            | SourceError::Unavailable(_)
            | SourceError::Sink(_)
    )
}

/// A second after the first failure, twice as long after each other one.
fn next_try(attempts: u32, not_before: Option<Moment>, now: Moment) -> Moment {
    let next = now + chrono::Duration::seconds(1 << attempts.min(9)).min(LONGEST_WAIT);
    not_before.map_or(next, |moment| moment.max(next))
}

/// Where the facts of deliveries go.
struct DeliverySink<'a> {
    deliverer: &'a Deliverer,
    source: &'a str,
}

#[async_trait]
impl BatchSink for DeliverySink<'_> {
    async fn cursor(&self, name: &str) -> Result<Option<String>, SinkError> {
        StoredFacts { store: &self.deliverer.store, source: self.source }.cursor(name).await
    }

    async fn stored(&self, family: &'static str, external_ids: Vec<String>) -> Result<BTreeSet<String>, SinkError> {
        let stored = self.deliverer.store.stored(self.source, family, &external_ids).await;
        stored.map_err(|error| SinkError { message: error.to_string() })
    }

    async fn fact(&self, family: &'static str, external_id: &str) -> Result<Option<serde_json::Value>, SinkError> {
        StoredFacts { store: &self.deliverer.store, source: self.source }.fact(family, external_id).await
    }

    async fn accept(&self, batch: Batch) -> Result<(), SinkError> {
        let fence = self.deliverer.fence.as_ref();
        let accepted = self.deliverer.store.accept_fenced(self.source, &batch, clock::now(), fence).await;
        let accepted = accepted.map_err(|error| SinkError { message: error.to_string() })?;
        self.deliverer.metrics.count_accepted(self.source, &accepted, &batch.rejects);
        Ok(())
    }

    fn progress(&self, _: &str, _: u64, _: Option<u64>) {}

    fn report(&self, part: &str, error: &SourceError) {
        self.deliverer.metrics.errors.with_label_values(&[self.source, error.reason()]).inc();
        tracing::warn!(source = self.source, part, reason = error.reason(), "{}, {part}: {error}", self.source);
    }
}

#[async_trait]
impl KnownDeliveries for DeliverySink<'_> {
    async fn unknown(&self, ids: Vec<String>) -> Result<Vec<String>, SinkError> {
        let unknown = self.deliverer.store.unknown_deliveries(self.source, &ids).await;
        let unknown = unknown.map_err(|error| SinkError { message: error.to_string() })?;
        Ok(ids.into_iter().filter(|id| unknown.contains(id)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_grow_apart_and_a_limit_is_waited_for() {
        let now: Moment = "2026-11-27T12:00:00Z".parse().unwrap();
        let waits: Vec<i64> = [0, 1, 2, 8, 40].map(|tries| (next_try(tries, None, now) - now).num_seconds()).into();
        assert_eq!(waits, [1, 2, 4, 256, 300]);
        let retry_at = now + chrono::Duration::minutes(20);
        assert_eq!(next_try(0, Some(retry_at), now), retry_at);
    }
}
