//! Keeps what is served up to date: one replica evaluates and publishes, the others follow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::app::App;
use crate::attribution::{Organisation, attribute};
use crate::clock;
use crate::expose::prometheus::{Exposition, families};
use crate::expose::web::Served;
use crate::pipeline::{
    Evaluated, FactsAtHand, Followed, Known, Lease, Publication, Replica, Stop, diagnose, evaluate, fingerprint,
    load_facts,
};
use crate::store::{Fence, Store};

/// The lease of evaluation.
const LEASE: &str = "evaluation";

/// How often is looked whether facts have changed, or whether another has published.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// A failure (the store is down) is not repeated at once.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Windows end now, so they move even when nothing changes.
const EVALUATE_AT_LEAST_EVERY: Duration = Duration::from_mins(5);

/// What this replica evaluates, and what it knows of others.
struct Evaluation<'a> {
    app: &'a App,
    organisation: Arc<Organisation>,
    served: &'a Served,
    publication: Publication,
    /// What entitles this replica to publish, while it does.
    holding: Option<Fence>,
    /// When this replica last evaluated, what it cost, and how often facts had changed by then.
    last: Option<(Instant, Duration, i64)>,
}

/// Serves at once what was published before, if it fits, and then evaluates or follows until told to stop.
pub(super) async fn keep_evaluated(app: &App, served: &Served, replica: &Replica, stop: &Stop) {
    let mut stop = stop.clone();
    let publication = Publication::new(fingerprint(&app.organisation, &app.families, &app.scorecards));
    let organisation = Arc::new(app.organisation.clone());
    let mut evaluation = Evaluation { app, organisation, served, publication, holding: None, last: None };
    if let Err(error) = evaluation.follow().await {
        tracing::error!("what was known before cannot be served, it is evaluated anew: {error:#}");
    }
    while !*stop.borrow() {
        let lease = replica.hold(LEASE).await;
        let mut pause = LOOK_EVERY;
        if let Err(error) = evaluation.look(lease.as_ref(), replica).await {
            tracing::error!("the evaluation failed, what was known stays served: {error:#}");
            pause = AFTER_FAILURE;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

impl Evaluation<'_> {
    async fn look(&mut self, lease: Option<&Lease>, replica: &Replica) -> Result<()> {
        let fence = lease.map(Lease::fence);
        if fence != self.holding.as_ref() {
            self.holding = fence.cloned();
            // Whoever takes over publishes at once: what was last published may be of another.
            self.last = None;
        }
        let Some(fence) = fence else {
            // What is published may be of another version or configuration, as during an upgrade: then this one tells what it
            // makes of the facts. Before the first heart-beat it is not known whether somebody else is there.
            let alone = !self.follow().await? && replica.sight().borrow().replicas > 0;
            return if alone { self.evaluate_if_due().await.map(drop) } else { Ok(()) };
        };
        let Some(known) = self.evaluate_if_due().await? else { return Ok(()) };
        match self.publication.publish(&self.app.store, fence, &known).await {
            Err(error) if error.is_fenced() => tracing::warn!("not published: {error}"),
            published => published?,
        }
        Ok(())
    }

    /// Serves what others have published since the last look. `false` if what is published does not fit.
    async fn follow(&mut self) -> Result<bool> {
        match self.publication.follow(&self.app.store, self.served.known.load_full()).await? {
            Followed::Nothing => Ok(true),
            Followed::Loaded(evaluated) => self.take_over(*evaluated).await.map(|()| true),
            Followed::Unfit => Ok(false),
        }
    }

    /// Evaluates whenever facts have changed: at a distance that grows with the cost, so that a long backfill shows its first
    /// numbers early and is not slowed down by evaluations.
    async fn evaluate_if_due(&mut self) -> Result<Option<Arc<Known>>> {
        let changes = self.app.store.changes().await?;
        let due = self.last.is_none_or(|(at, cost, known)| {
            let rest = (cost * 10).max(LOOK_EVERY);
            (changes != known && at.elapsed() >= rest) || at.elapsed() >= EVALUATE_AT_LEAST_EVERY
        });
        if !due {
            return Ok(None);
        }
        let began = Instant::now();
        let evaluated = self.evaluate(began).await;
        // A failure is not repeated at once either.
        self.last = Some((Instant::now(), began.elapsed(), changes));
        evaluated.map(Some)
    }

    async fn evaluate(&self, began: Instant) -> Result<Arc<Known>> {
        let as_of = clock::now();
        let facts = load_facts(&self.app.store).await?;
        let (organisation, store) = (self.organisation.clone(), self.app.store.clone());
        let (yielded, scorecards) = (self.app.families.clone(), self.app.scorecards.clone());
        let evaluated = tokio::task::spawn_blocking(move || {
            let attributed = attribute(&organisation, &facts, as_of);
            let findings = diagnose(&organisation, &facts, &attributed);
            drop(facts);
            let snapshot = evaluate(&organisation, &attributed, &yielded, &scorecards, as_of);
            let facts = FactsAtHand::now(store, organisation, as_of, attributed);
            with_exposition(Known { snapshot, facts, findings, seconds: began.elapsed().as_secs_f64() })
        });
        let (known, exposition) = evaluated.await.context("the evaluation was interrupted")??;
        tracing::debug!(seconds = known.seconds, "evaluated");
        Ok(self.serve(known, exposition))
    }

    /// Serves what another replica, or an earlier run, has published.
    async fn take_over(&self, evaluated: Evaluated) -> Result<()> {
        let (organisation, store) = (self.organisation.clone(), self.app.store.clone());
        let made = tokio::task::spawn_blocking(move || with_exposition(known_of(evaluated, store, organisation)));
        let (known, exposition) = made.await.context("the rendering was interrupted")??;
        let as_of = known.snapshot.as_of;
        if self.served.known.load().is_none() {
            tracing::info!("serving what was known at {}", as_of.format("%Y-%m-%d %H:%M:%S UTC"));
        }
        tracing::debug!(%as_of, "took over a snapshot");
        self.serve(known, exposition);
        Ok(())
    }

    fn serve(&self, known: Known, exposition: Exposition) -> Arc<Known> {
        let known = Arc::new(known);
        self.served.known.store(Some(known.clone()));
        self.served.exposition.store(Some(Arc::new(exposition)));
        known
    }
}

fn known_of(evaluated: Evaluated, store: Store, organisation: Arc<Organisation>) -> Known {
    let Evaluated { snapshot, findings, seconds } = evaluated;
    let facts = FactsAtHand::later(store, organisation, snapshot.as_of);
    Known { snapshot, facts, findings, seconds }
}

fn with_exposition(known: Known) -> Result<(Known, Exposition), prometheus::Error> {
    let mut families = families(&known.snapshot);
    let help = "How long the last evaluation of all KPIs took.";
    families.gauge("chiplog_kpi_evaluation_duration_seconds", help, &[], known.seconds);
    let exposition = Exposition::render(&families)?;
    Ok((known, exposition))
}
