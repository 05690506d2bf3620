//! Keeps what is served up to date: one replica evaluates and publishes, the others follow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::sync::Mutex;

use crate::app::App;
use crate::clock;
use crate::expose::exposition::Exposition;
use crate::expose::web::{Answers, Served};
use crate::pipeline::{
    Evaluated, Evaluator, Evidence, Followed, Known, Lease, Publication, Replica, Stop, fingerprint, last_published,
};
use crate::store::Fence;

/// The lease of evaluation.
const LEASE: &str = "evaluation";

/// A failure (the store is down) is not repeated at once.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The longest rest after an evaluation: what happens next is out within two seconds.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// What this replica evaluates, and what it knows of others.
struct Evaluation<'a> {
    app: &'a App,
    served: &'a Served,
    fingerprint: String,
    publication: Publication,
    /// What entitles this replica to publish, while it does.
    holding: Option<Fence>,
    /// What this replica evaluates with, while it does.
    evaluator: Option<Evaluator>,
    /// Reads the evidence of what others have evaluated.
    reader: Arc<Mutex<Evaluator>>,
}

/// Serves at once what was published before, if it fits, and then evaluates or follows until told to stop: as soon as facts
/// change, and with a rest after that in proportion to the cost, so that a long backfill shows its first numbers early and
/// is not slowed down much by evaluations.
pub(super) async fn keep_evaluated(app: &App, served: &Served, replica: &Replica, stop: &Stop) {
    let mut stop = stop.clone();
    let mut evaluation = Evaluation::new(app, served);
    if let Err(error) = evaluation.begin().await {
        tracing::error!("what was known before cannot be served, it is evaluated anew: {error:#}");
    }
    while !*stop.borrow() {
        let lease = replica.hold(LEASE).await;
        let rest = match evaluation.look(lease.as_ref(), replica).await {
            Ok(rest) => rest,
            Err(error) => {
                tracing::error!("the evaluation failed, what was known stays served: {error:#}");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        tokio::select! {
            () = app.store.changed() => {}
            () = tokio::time::sleep(app.store.look_every()) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Evaluations leave most of the processors to what brings the facts.
fn rest_after(cost: Duration) -> Duration {
    (cost * 4).min(LONGEST_REST)
}

impl<'a> Evaluation<'a> {
    fn new(app: &'a App, served: &'a Served) -> Self {
        let fingerprint = fingerprint(&app.organisation, &app.families, &app.scorecards);
        Self {
            app,
            served,
            publication: Publication::new(fingerprint.clone()),
            fingerprint,
            holding: None,
            evaluator: None,
            reader: Arc::new(Mutex::new(app.evaluator())),
        }
    }

    /// Serves what was known before: as it is, or under another configuration until it is evaluated under this.
    async fn begin(&mut self) -> Result<()> {
        if self.follow().await? {
            return Ok(());
        }
        let is_team = |team: &str| self.app.organisation.teams.contains_key(team);
        if let Some(evaluated) = last_published(&self.app.store, is_team).await? {
            tracing::info!(
                "the configuration or the version has changed: everything is evaluated anew, what was known is served meanwhile"
            );
            self.take_over(evaluated).await?;
        }
        Ok(())
    }

    /// Evaluates or follows, and says how long to rest.
    async fn look(&mut self, lease: Option<&Lease>, replica: &Replica) -> Result<Duration> {
        let fence = lease.map(Lease::fence);
        if fence != self.holding.as_ref() {
            self.holding = fence.cloned();
            // Nobody else publishes any more: what is published now is what this replica goes on from.
            let follows = fence.is_some() && self.follow().await?;
            if !follows {
                self.publication = Publication::new(self.fingerprint.clone());
                if let Some(evaluator) = &mut self.evaluator {
                    evaluator.look_at_all();
                }
            } else if let Some(known) = self.served.known() {
                let mut evaluator = self.app.evaluator();
                evaluator.take_over(&known);
                self.evaluator = Some(evaluator);
            }
        }
        let Some(fence) = fence.cloned() else {
            // What is published may be of another version or configuration, as during an upgrade: then this one tells what it
            // makes of the facts. Before the first heart-beat it is not known whether somebody else is there.
            if self.follow().await? {
                self.evaluator = None;
            } else if replica.sight().borrow().replicas > 0 {
                return self.evaluate(None).await;
            }
            return Ok(Duration::ZERO);
        };
        self.evaluate(Some(&fence)).await
    }

    /// Serves what others have published since the last look. `false` if what is published does not fit.
    async fn follow(&mut self) -> Result<bool> {
        match self.publication.follow(&self.app.store, self.served.known()).await? {
            Followed::Nothing => Ok(true),
            Followed::Loaded(evaluated) => self.take_over(*evaluated).await.map(|()| true),
            Followed::Unfit => Ok(false),
        }
    }

    /// Evaluates what has changed or is due, if anything; serves it, and publishes it where a lease entitles to that.
    async fn evaluate(&mut self, fence: Option<&Fence>) -> Result<Duration> {
        let began = Instant::now();
        let evaluator = self.evaluator.get_or_insert_with(|| self.app.evaluator());
        let Some(updated) = evaluator.update_some(clock::now()).await? else {
            if let Some(fence) = fence {
                if let Some(known) = self.served.known().filter(|_| !self.publication.is_known()) {
                    self.publish(fence, &known).await?;
                }
                self.note().await?;
            }
            return Ok(Duration::ZERO);
        };
        let (parts, teams) = (updated.parts, updated.teams.len());
        let known = updated.known;
        self.serve(known.clone()).await?;
        if let Some(fence) = fence {
            self.publish(fence, &known).await?;
            self.note().await?;
        }
        tracing::debug!(seconds = began.elapsed().as_secs_f64(), parts, teams, "evaluated");
        Ok(rest_after(began.elapsed()))
    }

    /// What is published is noted as evaluated.
    async fn note(&mut self) -> Result<()> {
        match &mut self.evaluator {
            Some(evaluator) if self.publication.is_known() => Ok(evaluator.note().await?),
            _ => Ok(()),
        }
    }

    async fn publish(&mut self, fence: &Fence, known: &Arc<Known>) -> Result<()> {
        match self.publication.publish(&self.app.store, fence, known).await {
            Err(error) if error.is_fenced() => tracing::warn!("not published: {error}"),
            published => published?,
        }
        Ok(())
    }

    /// Serves what another replica, or an earlier run, has published.
    async fn take_over(&self, evaluated: Evaluated) -> Result<()> {
        let Evaluated { snapshot, findings } = evaluated;
        let as_of = snapshot.as_of;
        if self.served.known().is_none() {
            tracing::info!("serving what was known at {}", as_of.format("%Y-%m-%d %H:%M:%S UTC"));
        }
        tracing::debug!(%as_of, "took over a snapshot");
        let evidence = Evidence::read(self.reader.clone());
        self.serve(Arc::new(Known { snapshot, evidence, findings })).await
    }

    /// Swaps what is served for what is known now. The metrics of many teams take a while to render: beside the server's own
    /// threads, and only those of teams that have changed.
    async fn serve(&self, known: Arc<Known>) -> Result<()> {
        let (now, before) = (known.clone(), self.served.answers());
        let exposition = tokio::task::spawn_blocking(move || match before {
            Some(before) => before.exposition.updated(&before.known.snapshot, &now.snapshot),
            None => Exposition::of(&now.snapshot),
        });
        let exposition = exposition.await.context("the rendering was interrupted")??;
        self.served.swap(Answers { known, exposition });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_in_proportion_to_the_cost_and_never_long() {
        assert_eq!(rest_after(Duration::from_millis(20)), Duration::from_millis(80));
        assert_eq!(rest_after(Duration::from_millis(400)), LONGEST_REST);
        assert_eq!(rest_after(Duration::from_secs(3)), LONGEST_REST);
    }
}
