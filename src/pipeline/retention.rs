//! Forgetting what ended long ago, once a day.

use std::time::Duration;

use super::Stop;
use super::metrics::CollectMetrics;
use crate::clock;
use crate::store::Store;

/// How often what is too old is looked for. The first look comes when the program starts.
const LOOK_EVERY: Duration = Duration::from_hours(24);

/// Forgets facts that ended longer ago than `retention`, until told to stop. Without a retention everything stays.
pub async fn keep_pruned(store: &Store, retention: Option<Duration>, metrics: &CollectMetrics, stop: &Stop) {
    let retention = retention.and_then(|retention| chrono::Duration::from_std(retention).ok());
    let Some(retention) = retention else { return };
    let mut stop = stop.clone();
    while !*stop.borrow() {
        let pruned = tokio::select! {
            pruned = store.prune(clock::now() - retention) => pruned,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match pruned {
            Ok(pruned) => {
                for (family, facts) in pruned {
                    metrics.pruned.with_label_values(&[family]).inc_by(facts);
                    tracing::info!(family, facts, "forgot {facts} {family}, which ended longer ago than the retention");
                }
            }
            Err(error) => tracing::error!("old facts could not be forgotten, this is tried again tomorrow: {error}"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}
