//! What the simulated GitHub has sent by webhook, and whether it arrived.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::world::Moment;

/// A delivery of a webhook.
#[derive(Debug, Clone)]
pub struct SentDelivery {
    /// The number in the list: later deliveries have higher ones.
    pub id: u64,
    /// The id that goes with it, the same when it is sent again.
    pub guid: String,
    /// The event.
    pub event: String,
    /// When it was sent.
    pub delivered_at: Moment,
    /// What it was answered with; 502 where nobody answered.
    pub status: u16,
    /// The payload.
    pub payload: Value,
}

/// The deliveries of the one webhook, with the id 1, of the organisation, of each repository and of the App.
#[derive(Debug, Clone, Default)]
pub struct HookLog {
    sent: Arc<Mutex<Vec<SentDelivery>>>,
}

impl HookLog {
    /// Notes a delivery.
    pub fn add(&self, delivery: SentDelivery) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
    }

    /// All of them, oldest first.
    pub fn sent(&self) -> Vec<SentDelivery> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
