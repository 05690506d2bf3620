//! `chiplog serve`: collect, evaluate and serve until told to stop.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::middleware::from_fn_with_state;

use super::digests::keep_reviewed;
use super::evaluation::keep_evaluated;
use super::shutdown_signal;
use crate::app::App;
use crate::clock;
use crate::expose::access::Access;
use crate::expose::guard::{Limits, guard};
use crate::expose::listen;
use crate::expose::receive::{self, ReceiveState, WebhookState};
use crate::expose::requests::identify;
use crate::expose::web::{Served, WebState, router};
use crate::pipeline::{CollectMetrics, Collector, Deliverer, Inbox, Replica, Stop, keep_pruned, progress};

pub(super) async fn run(config: &Path) -> Result<ExitCode> {
    let app = Arc::new(App::open(config).await?);
    let address = app.config.server.listen;
    let certificate = match &app.config.server.certificate {
        Some(certificate) => Some((certificate.clone(), listen::tls(certificate)?)),
        None => None,
    };
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let listener = bind(address).with_context(|| {
        format!(
            "{address} cannot be listened on: is another chiplog running? Set listen in [server] to another address"
        )
    })?;
    let address = listener.local_addr().unwrap_or(address);
    let stop = shutdown_signal()?;
    let metrics = CollectMetrics::new()?;
    let replica = Replica::new(&app.store, metrics.clone(), app.config.server.lease)?;
    let served = Arc::new(Served::default());
    let state = WebState {
        served: served.clone(),
        metrics: metrics.clone(),
        sources: app.sources.clone().into(),
        reviewer: app.reviewer(),
        reporters: app.config.reporters.clone().into(),
        access: Access::new(app.config.server.readers.clone()),
    };
    let deliverer = Deliverer {
        store: app.store.clone(),
        sources: app.sources.clone().into(),
        metrics: metrics.clone(),
        inbox: Inbox::open(app.store.clone(), metrics.clone()),
        turn: Arc::default(),
        fence: None,
    };
    let received = receive::router(ReceiveState {
        reporters: app.config.reporters.clone().into(),
        store: app.store.clone(),
        sources: app.sources.clone().into(),
        metrics: metrics.clone(),
        known: app.known_to_reporters(clock::now()),
        turn: deliverer.turn.clone(),
        webhooks: WebhookState::new(deliverer.inbox.clone()),
    });
    metrics.begin_at_zero(&app.sources);
    let routes = router(state).merge(received).layer(from_fn_with_state(Limits::default(), guard));
    let routes = routes.layer(from_fn_with_state(metrics.clone(), identify));
    tracing::info!("serving {scheme}://{address}");
    let collector = Collector::new(app.store.clone(), app.sources.clone(), metrics.clone(), progress::observer())
        .reaching_back(app.config.collect.history);
    let collector = collector.among(replica.clone());
    let (web, (), (), (), (), (), (), ()) = tokio::join!(
        listen::serve(listener, certificate, routes, &stop),
        replica.run(&stop),
        collector.run(app.config.collect.interval, &stop),
        deliverer.keep_delivered_among(&replica, &stop),
        keep_evaluated(&app, &served, &replica, &stop),
        keep_reviewed(&app, &served, &replica, &stop),
        keep_pruned(&app.store, app.config.retention, &metrics, &replica, &stop),
        keep_told(&app, &metrics, &replica, &stop),
    );
    app.store.close().await;
    tracing::info!("stopped");
    web.context("the server failed")?;
    Ok(ExitCode::SUCCESS)
}

/// A listener there, as the server wants it.
fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Tells of all sources when they were last collected, whichever replica did it: alerts look at any of them.
async fn keep_told(app: &App, metrics: &CollectMetrics, replica: &Replica, stop: &Stop) {
    let (mut beats, mut stop) = (replica.sight(), stop.clone());
    while !*stop.borrow() {
        match app.store.source_states().await {
            Ok(states) => {
                // What was once collected and is configured no more stands still rightly.
                let is_configured = |name: &str| app.sources.iter().any(|source| source.name() == name);
                for state in states.into_iter().filter(|state| is_configured(&state.source)) {
                    if let Some(at) = state.last_success_at {
                        metrics.set_last_success(&state.source, at);
                    }
                }
            }
            Err(error) => tracing::warn!("how sources fare cannot be told: {error}"),
        }
        tokio::select! {
            _ = beats.changed() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}
