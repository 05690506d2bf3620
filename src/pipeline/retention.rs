//! Forgetting what ended long ago, once a day.

use std::time::Duration;

use super::Stop;
use super::metrics::CollectMetrics;
use super::replica::Replica;
use crate::clock;
use crate::facts::Moment;
use crate::store::Store;

/// The lease of whoever forgets: one replica does.
const LEASE: &str = "retention";

/// How often what is too old is looked for. The first look comes when the program starts.
const PRUNE_EVERY: chrono::Duration = chrono::Duration::hours(24);

/// How often is looked whether it is time, and this replica's turn.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Forgets facts that ended longer ago than `retention`, until told to stop. Without a retention everything stays.
pub async fn keep_pruned(
    store: &Store,
    retention: Option<Duration>,
    metrics: &CollectMetrics,
    replica: &Replica,
    stop: &Stop,
) {
    let retention = retention.and_then(|retention| chrono::Duration::from_std(retention).ok());
    let Some(retention) = retention else { return };
    let mut stop = stop.clone();
    let mut pruned_at: Option<Moment> = None;
    while !*stop.borrow() {
        let now = clock::now();
        let is_time = pruned_at.is_none_or(|at| now - at >= PRUNE_EVERY);
        if is_time && replica.hold(LEASE).await.is_some() {
            tokio::select! {
                () = prune(store, retention, metrics) => pruned_at = Some(now),
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

async fn prune(store: &Store, retention: chrono::Duration, metrics: &CollectMetrics) {
    match store.prune(clock::now() - retention).await {
        Ok(pruned) => {
            for (family, facts) in pruned {
                metrics.pruned.with_label_values(&[family]).inc_by(facts);
                tracing::info!(family, facts, "forgot {facts} {family}, which ended longer ago than the retention");
            }
        }
        Err(error) => tracing::error!("old facts could not be forgotten, this is tried again tomorrow: {error}"),
    }
}
