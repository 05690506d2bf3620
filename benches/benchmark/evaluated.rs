//! Evaluation as the running service does it: the one place that knows how.

use std::sync::Arc;
use std::time::Instant;

use chiplog::app::App;
use chiplog::facts::Moment;
use chiplog::pipeline::{Evaluator, Known};

/// What keeps an organisation evaluated.
pub(crate) struct Evaluating {
    app: App,
    evaluator: Evaluator,
}

impl Evaluating {
    pub(crate) fn new(app: App) -> Self {
        let evaluator = app.evaluator();
        Self { app, evaluator }
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Evaluates what has changed since the last time, and everything at the first. Also tells the seconds it took.
    pub(crate) async fn update(&mut self, now: Moment) -> (Arc<Known>, f64) {
        let began = Instant::now();
        let updated = self.evaluator.update(now).await.unwrap();
        (updated.unwrap().known, began.elapsed().as_secs_f64())
    }
}
