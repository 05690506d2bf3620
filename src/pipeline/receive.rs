//! What is sent to chiplog instead of fetched: reported rows, and the events of tools.

use std::io::Read;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::metrics::CollectMetrics;
use crate::clock;
use crate::facts::Batch;
use crate::reported::{Intake, Problem, SOURCE};
use crate::sources::{FactLookup, ReceiveError, Receiver, SinkError, SourceError, Verdict};
use crate::store::{AuditEntry, Fence, Store, StoreError, WaitingDelivery};

/// The header under which the inbox remembers who sent an event, for the audit.
pub const REPORTER: &str = "chiplog-reporter";

/// How many rows are stored in one transaction.
const ROWS_AT_ONCE: usize = 1000;

/// What became of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Rows that are good.
    pub good: u64,
    /// Those of them that were new or different from what was stored.
    pub changed: u64,
    /// Rows that were refused.
    pub bad: u64,
}

/// The import came to its end too early. What was stored before stays, and the same file may be imported again.
#[derive(Debug, Error)]
#[error("after {} good rows the store failed: {error}", imported.good)]
pub struct ImportError {
    /// What was done until then.
    pub imported: Imported,
    /// Why it ended.
    pub error: StoreError,
}

/// Stores the good rows of an intake and hands the problems on, a thousand rows at a time. `store` is `None` for a dry run.
pub async fn import<R: Read>(
    mut intake: Intake<'_, R>,
    store: Option<&Store>,
    mut tell: impl FnMut(Problem),
) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    while let Some(received) = intake.next(ROWS_AT_ONCE) {
        let good = received.facts.len() as u64;
        imported.bad += received.problems.len() as u64;
        received.problems.into_iter().for_each(&mut tell);
        if let Some(store) = store {
            let batch = Batch { facts: received.facts, ..Batch::default() };
            match store.accept(SOURCE, &batch, clock::now()).await {
                Ok(accepted) => imported.changed += accepted.changed.values().sum::<u64>(),
                Err(error) => return Err(ImportError { imported, error }),
            }
        }
        imported.good += good;
    }
    Ok(imported)
}

/// Looks up stored facts of one source, for receivers that complete them.
pub struct StoredFacts<'a> {
    /// The store.
    pub store: &'a Store,
    /// The source's name.
    pub source: &'a str,
}

#[async_trait]
impl FactLookup for StoredFacts<'_> {
    async fn fact(&self, family: &'static str, external_id: &str) -> Result<Option<Value>, SinkError> {
        let found = self.store.fact_body(self.source, family, external_id).await;
        found.map_err(|error| SinkError { message: error.to_string() })
    }

    async fn cursor(&self, name: &str) -> Result<Option<String>, SinkError> {
        let state = self.store.cursor(self.source, name).await;
        state.map_err(|error| SinkError { message: error.to_string() })
    }
}

/// Takes an event out of the inbox, in a turn.
pub(super) async fn receive_stored(
    store: &Store,
    metrics: &CollectMetrics,
    (source, receiver): (&str, &dyn Receiver),
    delivery: &WaitingDelivery,
    turn: &Fence,
) -> Result<Verdict, SourceError> {
    let failed = |error: StoreError| SourceError::Sink(SinkError { message: error.to_string() });
    let mut headers = HeaderMap::new();
    for (name, value) in &delivery.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.insert(name, value);
        }
    }
    let now = clock::now();
    let batch = match receiver.receive(&headers, delivery.body.as_bytes(), &StoredFacts { store, source }).await {
        Ok(batch) => batch,
        Err(ReceiveError::Malformed(reason)) => return Ok(Verdict::Bad(reason)),
        Err(ReceiveError::Sink(error)) => return Err(error.into()),
    };
    let accepted = store.accept_fenced(source, &batch, now, Some(turn)).await.map_err(failed)?;
    metrics.count_accepted(source, &accepted, &batch.rejects);
    metrics.set_last_success(source, now);
    if let Some(reporter) = delivery.headers.get(REPORTER) {
        let entry = AuditEntry {
            reporter: reporter.clone(),
            template: format!("events/{source}"),
            origin: "event",
            accepted: batch.facts.len() as u64,
            rejected: accepted.rejected,
        };
        store.audit(&entry, now).await.map_err(failed)?;
    }
    Ok(if batch.facts.is_empty() { Verdict::Ignored } else { Verdict::Processed })
}
