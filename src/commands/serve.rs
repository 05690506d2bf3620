//! `chiplog serve`: collect, evaluate and serve until told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;

use super::digests::keep_reviewed;
use super::evaluating::keep_evaluated;
use super::shutdown_signal;
use crate::app::App;
use crate::clock;
use crate::expose::receive::{self, ReceiveState};
use crate::expose::web::{Served, WebState, router};
use crate::pipeline::{CollectMetrics, Collector, progress};

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
    let mut stopped = stop.clone();
    let received = receive::router(ReceiveState {
        reporters: app.config.reporters.clone().into(),
        store: app.store.clone(),
        sources: app.sources.clone().into(),
        metrics: metrics.clone(),
        known: app.known_to_reporters(clock::now()),
        turn: Arc::default(),
    });
    let web = axum::serve(listener, router(state).merge(received)).with_graceful_shutdown(async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    tracing::info!("serving http://{address}");
    let collector = Collector::new(app.store.clone(), app.sources.clone(), metrics.clone(), progress::observer());
    let (web, (), (), ()) = tokio::join!(
        web,
        collector.run(app.config.collect.interval, &stop),
        keep_evaluated(&app, &served, &stop),
        keep_reviewed(&app, &served, &stop),
    );
    app.store.close().await;
    tracing::info!("stopped");
    web.context("the server failed")?;
    Ok(ExitCode::SUCCESS)
}
