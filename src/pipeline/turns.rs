//! Whose turn it is: a source is collected by the replica that holds its lease, and by no other.

use std::sync::Arc;
use std::time::Duration;

use super::collect::{Collector, Stop};
use super::replica::{Lease, Replica};
use crate::clock;
use crate::sources::Source;

/// Collects a source whenever it is this replica's turn, until told to stop.
pub(super) async fn take_turns(
    collector: &Collector,
    replica: &Replica,
    source: &Arc<dyn Source>,
    interval: Duration,
    stop: &Stop,
) {
    let sources = collector.sources().len();
    // Whoever starts alone was stopped or changed by people, who look whether it works: they wait for no interval.
    let mut first = true;
    while let Some(lease) = wait_for_turn(replica, source.name(), sources, stop).await {
        let at_once = std::mem::take(&mut first) && replica.sight().borrow().came_alone;
        let rest = if at_once { Duration::ZERO } else { rest_of_interval(collector, source, interval).await };
        let mut pause = rest;
        while goes_on(replica, &lease, sources, pause, stop).await {
            pause = collector.collect_and_pause(source, Some(&lease), interval, stop).await;
        }
        if *stop.borrow() {
            return;
        }
    }
}

/// Waits until this replica has the lease of a source. `None` when told to stop.
async fn wait_for_turn(replica: &Replica, source: &str, sources: usize, stop: &Stop) -> Option<Lease> {
    let (mut sight, mut stop) = (replica.sight(), stop.clone());
    loop {
        let seen = sight.borrow_and_update().replicas > 0;
        if *stop.borrow() {
            return None;
        }
        if seen && let Some(lease) = replica.hold_source(source, sources).await {
            return Some(lease);
        }
        tokio::select! {
            changed = sight.changed() => changed.ok()?,
            _ = stop.wait_for(|stop| *stop) => return None,
        }
    }
}

/// The lease of a source for a single round. `None` if another program is still there and has it: the lease of one that
/// died has ended by then.
pub(super) async fn wait_a_while(replica: &Replica, source: &str, sources: usize, stop: &Stop) -> Option<Lease> {
    let patience = replica.lasts() * 2;
    tokio::time::timeout(patience, wait_for_turn(replica, source, sources, stop)).await.ok().flatten()
}

/// What is left of the interval since the last round, whoever made it. One that failed is tried again at once.
async fn rest_of_interval(collector: &Collector, source: &Arc<dyn Source>, interval: Duration) -> Duration {
    let states = collector.store().source_states().await.unwrap_or_default();
    let state = states.into_iter().find(|state| state.source == source.name());
    let last = state.filter(|state| state.last_success_at == Some(state.last_attempt_at));
    let since = last.and_then(|state| (clock::now() - state.last_attempt_at).to_std().ok());
    since.map_or(Duration::ZERO, |since| interval.saturating_sub(since))
}

/// Waits between rounds. `false` once it is another's turn, or when told to stop.
async fn goes_on(replica: &Replica, lease: &Lease, sources: usize, pause: Duration, stop: &Stop) -> bool {
    let (mut sight, mut stop) = (replica.sight(), stop.clone());
    let over = tokio::time::sleep(pause);
    tokio::pin!(over);
    loop {
        if *stop.borrow() || lease.is_lost() || replica.give_up_surplus(lease, sources).await {
            return false;
        }
        tokio::select! {
            () = &mut over => return true,
            () = lease.lost() => return false,
            // Whether another replica has come or gone.
            changed = sight.changed() => if changed.is_err() { return false },
            _ = stop.wait_for(|stop| *stop) => return false,
        }
    }
}
