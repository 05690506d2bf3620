//! What requests are answered from.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::SetOnce;

use crate::expose::exposition::Exposition;
use crate::pipeline::Known;

/// What requests are answered from, in memory: no page of a team's numbers reads the store. Empty until the first evaluation has
/// ended.
#[derive(Default)]
pub struct Served {
    answers: ArcSwapOption<Answers>,
    is_known: SetOnce<()>,
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
        self.answers.load_full()
    }

    /// What is known now. `None` until the first evaluation has ended.
    pub fn known(&self) -> Option<Arc<Known>> {
        self.answers.load().as_ref().map(|answers| answers.known.clone())
    }

    /// Swaps what is served: whoever asks gets all of what was served before, or all of this.
    pub fn swap(&self, answers: Answers) {
        self.answers.store(Some(answers.into()));
        // It is the first only once.
        let _ = self.is_known.set(());
    }

    /// Waits until the first evaluation has ended.
    pub async fn first(&self) {
        self.is_known.wait().await;
    }
}
