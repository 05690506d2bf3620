//! The inbox: deliveries are stored before they are answered, many of them in one transaction.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use super::metrics::CollectMetrics;
use crate::clock;
use crate::facts::Moment;
use crate::store::{NewDelivery, Store, StoreError};

/// How many deliveries may wait to be stored. More are refused, and the tool sends them again.
const MOST_WAITING: usize = 4096;

/// How many deliveries, and bytes of them, are stored in one transaction at most.
const MOST_AT_ONCE: usize = 500;
const MOST_BYTES_AT_ONCE: usize = 8 * 1024 * 1024;

/// A store that takes longer is not there: GitHub waits ten seconds for its answer, and is told before.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// What has become of a delivery that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is stored, and will be processed.
    Accepted,
    /// It had come before.
    Duplicate,
}

/// A delivery could not be stored; the tool is to send it again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InboxError {
    /// More come than can be stored.
    #[error("too many deliveries wait to be stored: send it again in a moment")]
    Full,
    /// The store failed.
    #[error("{0}")]
    Store(String),
}

/// Where deliveries are handed in. Clones share it.
#[derive(Clone)]
pub struct Inbox {
    sender: mpsc::Sender<Waiting>,
    came: Arc<watch::Sender<u64>>,
    metrics: CollectMetrics,
}

/// A delivery, and where its answer goes.
struct Waiting {
    delivery: NewDelivery,
    answer: oneshot::Sender<Result<Taken, InboxError>>,
}

impl Inbox {
    /// An inbox of a store. Its writer runs until the last clone is gone, and answers everything that was handed in.
    pub fn open(store: Store, metrics: CollectMetrics) -> Self {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        let came = Arc::new(watch::Sender::new(0));
        tokio::spawn(write(store, receiver, came.clone()));
        Self { sender, came, metrics }
    }

    /// Stores a delivery: when this returns well, it is on the disk.
    pub async fn take(&self, delivery: NewDelivery) -> Result<Taken, InboxError> {
        let source = delivery.source.clone();
        let (answer, answered) = oneshot::channel();
        let taken = match self.sender.try_send(Waiting { delivery, answer }) {
            Ok(()) => answered.await.unwrap_or_else(|_| Err(stopped())),
            Err(mpsc::error::TrySendError::Full(_)) => Err(InboxError::Full),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(stopped()),
        };
        let outcome = match taken {
            Ok(Taken::Accepted) => "accepted",
            Ok(Taken::Duplicate) => "duplicate",
            Err(_) => "unavailable",
        };
        self.metrics.count_deliveries(&source, outcome, 1);
        taken
    }

    /// Counts a delivery that is not to be stored: `refused`, `malformed` or `unavailable`.
    pub fn turn_away(&self, source: &str, outcome: &'static str) {
        self.metrics.count_deliveries(source, outcome, 1);
    }

    /// Changes whenever deliveries have been stored.
    pub fn came(&self) -> watch::Receiver<u64> {
        self.came.subscribe()
    }
}

fn stopped() -> InboxError {
    InboxError::Store("the inbox has stopped: start chiplog again".to_owned())
}

/// Stores what waits, and again what came meanwhile: the more comes, the more is stored in one transaction.
async fn write(store: Store, mut receiver: mpsc::Receiver<Waiting>, came: Arc<watch::Sender<u64>>) {
    let mut last = Moment::default();
    while let Some(first) = receiver.recv().await {
        let mut bytes = first.delivery.body.len();
        let (mut deliveries, mut answers) = (vec![first.delivery], vec![first.answer]);
        while deliveries.len() < MOST_AT_ONCE && bytes < MOST_BYTES_AT_ONCE {
            let Ok(next) = receiver.try_recv() else { break };
            bytes += next.delivery.body.len();
            deliveries.push(next.delivery);
            answers.push(next.answer);
        }
        // The moment rises from transaction to transaction, so that the order is kept whatever the clock does.
        last = clock::now().max(last + chrono::Duration::milliseconds(1));
        let stored = tokio::time::timeout(LONGEST_WAIT, store.receive_deliveries(&deliveries, last)).await;
        match stored.unwrap_or_else(|_| Err(StoreError::silent(LONGEST_WAIT))) {
            Ok(new) => {
                if new.contains(&true) {
                    came.send_modify(|times| *times += 1);
                }
                for (answer, new) in answers.into_iter().zip(new) {
                    // Who asked may have gone; the delivery is stored all the same.
                    let _ = answer.send(Ok(if new { Taken::Accepted } else { Taken::Duplicate }));
                }
            }
            Err(error) => {
                tracing::error!("{} deliveries could not be stored: {error}", deliveries.len());
                for answer in answers {
                    let _ = answer.send(Err(InboxError::Store(error.to_string())));
                }
            }
        }
    }
}
