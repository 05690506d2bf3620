//! What requests are answered from.

use std::sync::Arc;

use tokio::sync::watch;

use crate::expose::exposition::Exposition;
use crate::pipeline::Known;

/// What requests are answered from, in memory: no page of a team's numbers reads the store. Empty until the first evaluation has
/// ended.
#[derive(Default)]
pub struct Served {
    answers: watch::Sender<Option<Arc<Answers>>>,
}

/// What the newest evaluation found out, in both forms.
pub struct Answers {
    /// For pages and the API.
    pub known: Arc<Known>,
    /// As metrics.
    pub exposition: Exposition,
}

impl Served {
    /// What is served now. `None` until the first evaluation has ended.
    pub fn answers(&self) -> Option<Arc<Answers>> {
        self.answers.borrow().clone()
    }

    /// What is known now. `None` until the first evaluation has ended.
    pub fn known(&self) -> Option<Arc<Known>> {
        self.answers.borrow().as_ref().map(|answers| answers.known.clone())
    }

    /// Swaps what is served: whoever asks gets all of what was served before, or all of this.
    pub fn swap(&self, answers: Answers) {
        self.answers.send_replace(Some(answers.into()));
    }

    /// Waits until the first evaluation has ended.
    pub async fn first(&self) {
        // It fails only where the sender is gone, and that is here.
        let _ = self.answers.subscribe().wait_for(Option::is_some).await;
    }
}
