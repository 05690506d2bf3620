//! Evaluation as the running service does it: the one place that knows how.

use std::sync::Arc;
use std::time::Instant;

use chiplog::app::App;
use chiplog::attribution::attribute;
use chiplog::facts::Moment;
use chiplog::pipeline::{Known, diagnose, evaluate, load_facts};

/// What keeps an organisation evaluated.
pub(crate) struct Evaluating {
    app: App,
}

impl Evaluating {
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Evaluates what has changed since the last time, and everything at the first. Also tells the seconds it took.
    pub(crate) async fn update(&mut self, now: Moment) -> (Arc<Known>, f64) {
        let began = Instant::now();
        let facts = load_facts(&self.app.store).await.unwrap();
        let attributed = attribute(&self.app.organisation, &facts, now);
        let findings = diagnose(&self.app.organisation, &facts, &attributed);
        drop(facts);
        let snapshot = evaluate(&self.app.organisation, &attributed, &self.app.families, &self.app.scorecards, now);
        (Arc::new(Known { snapshot, attributed, findings }), began.elapsed().as_secs_f64())
    }
}
