//! `chiplog serve`: collect, evaluate and serve until told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;

use super::digests::keep_reviewed;
use super::shutdown_signal;
use crate::app::App;
use crate::attribution::attribute;
use crate::clock;
use crate::expose::prometheus::{Exposition, families};
use crate::expose::receive::{self, ReceiveState, WebhookState};
use crate::expose::web::{Served, WebState, router};
use crate::pipeline::{
    CollectMetrics, Collector, Deliverer, Inbox, Known, Stop, diagnose, evaluate, keep_pruned, load_facts, progress,
};

/// How often the evaluator looks whether facts have changed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Windows end now, so they move even when nothing changes.
const EVALUATE_AT_LEAST_EVERY: Duration = Duration::from_mins(5);

pub(super) async fn run(config: &Path) -> Result<ExitCode> {
    let app = Arc::new(App::open(config).await?);
    let address = app.config.server.listen;
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!(
            "{address} cannot be listened on: is another chiplog running? Set listen in [server] to another address"
        )
    })?;
    let address = listener.local_addr().unwrap_or(address);
    let stop = shutdown_signal()?;
    let metrics = CollectMetrics::new()?;
    for state in app.store.source_states().await? {
        if let Some(at) = state.last_success_at {
            metrics.set_last_success(&state.source, at);
        }
    }
    let served = Arc::new(Served::default());
    let state = WebState {
        served: served.clone(),
        metrics: metrics.clone(),
        sources: app.sources.clone().into(),
        reviewer: app.reviewer(),
        reporters: app.config.reporters.clone().into(),
    };
    let deliverer = Deliverer {
        store: app.store.clone(),
        sources: app.sources.clone().into(),
        metrics: metrics.clone(),
        inbox: Inbox::open(app.store.clone(), metrics.clone()),
        turn: Arc::default(),
    };
    let mut stopped = stop.clone();
    let received = receive::router(ReceiveState {
        reporters: app.config.reporters.clone().into(),
        store: app.store.clone(),
        sources: app.sources.clone().into(),
        metrics: metrics.clone(),
        known: app.known_to_reporters(clock::now()),
        turn: deliverer.turn.clone(),
        webhooks: WebhookState::new(deliverer.inbox.clone()),
    });
    let web = axum::serve(listener, router(state).merge(received)).with_graceful_shutdown(async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    tracing::info!("serving http://{address}");
    let collector = Collector::new(app.store.clone(), app.sources.clone(), metrics.clone(), progress::observer());
    let (web, (), (), (), (), ()) = tokio::join!(
        web,
        collector.run(app.config.collect.interval, &stop),
        deliverer.keep_delivered(&stop),
        keep_evaluated(&app, &served, &metrics, &stop),
        keep_reviewed(&app, &served, &stop),
        keep_pruned(&app.store, app.config.retention, &metrics, &stop),
    );
    app.store.close().await;
    tracing::info!("stopped");
    web.context("the server failed")?;
    Ok(ExitCode::SUCCESS)
}

/// Evaluates at once, and again whenever facts have changed: at a distance that grows with the cost, so that a long
/// backfill shows its first numbers early and is not slowed down by evaluations.
async fn keep_evaluated(app: &App, served: &Served, metrics: &CollectMetrics, stop: &Stop) {
    let mut stop = stop.clone();
    let mut evaluated: Option<(Instant, Duration, u64)> = None;
    while !*stop.borrow() {
        let changes = metrics.changes();
        let due = evaluated.is_none_or(|(at, cost, known)| {
            let rest = (cost * 10).max(LOOK_EVERY);
            (changes != known && at.elapsed() >= rest) || at.elapsed() >= EVALUATE_AT_LEAST_EVERY
        });
        if due {
            let began = Instant::now();
            if let Err(error) = evaluate_once(app, served).await {
                tracing::error!("the evaluation failed, what was known stays served: {error:#}");
            }
            evaluated = Some((Instant::now(), began.elapsed(), changes));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

async fn evaluate_once(app: &App, served: &Served) -> Result<()> {
    let began = Instant::now();
    let as_of = clock::now();
    let facts = load_facts(&app.store).await?;
    let (organisation, yielded, scorecards) = (app.organisation.clone(), app.families.clone(), app.scorecards.clone());
    let (known, exposition) = tokio::task::spawn_blocking(move || {
        let attributed = attribute(&organisation, &facts, as_of);
        let findings = diagnose(&organisation, &facts, &attributed);
        drop(facts);
        let snapshot = evaluate(&organisation, &attributed, &yielded, &scorecards, as_of);
        let mut families = families(&snapshot);
        let help = "How long the last evaluation of all KPIs took.";
        families.gauge("chiplog_kpi_evaluation_duration_seconds", help, &[], began.elapsed().as_secs_f64());
        let exposition = Exposition::render(&families)?;
        Ok::<_, prometheus::Error>((Known { snapshot, attributed, findings }, exposition))
    })
    .await
    .context("the evaluation was interrupted")??;
    served.known.store(Some(Arc::new(known)));
    served.exposition.store(Some(Arc::new(exposition)));
    tracing::debug!(seconds = began.elapsed().as_secs_f64(), "evaluated");
    Ok(())
}
