//! The HTTP side: metrics, health, pages for people, and the JSON API, which tells what the pages tell.

mod actions;
mod api;
mod lookup;
mod pages;
mod queries;
mod served;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::access::{Access, admit};
use super::exposition::Exposition;
use super::joined::Joined;
use super::prometheus::{self, CONTENT_TYPE};
use super::{openapi, receive};
use crate::config::Reporter;
use crate::pipeline::{CollectMetrics, Reviewer};
use crate::sources::Source;

pub use served::{Answers, Served};

/// State of the router.
#[derive(Clone)]
pub struct WebState {
    /// What is known.
    pub served: Arc<Served>,
    /// Live counters, and how far collections have come.
    pub metrics: CollectMetrics,
    /// The sources, for what they tell of themselves.
    pub sources: Arc<[Arc<dyn Source>]>,
    /// Reviews.
    pub reviewer: Reviewer,
    /// Who may write a team's actions.
    pub reporters: Arc<[Reporter]>,
    /// Who may read.
    pub access: Access,
}

/// The routes. Whether the program is well tells nothing of its teams, and who writes needs a token: only reading asks who
/// reads.
pub fn router(state: WebState) -> Router {
    let (reading, read) = api::routes().split_for_parts();
    let (writing, written) = actions::routes().split_for_parts();
    let description = openapi::text(&openapi::document([read, written, receive::description()]));
    let description = ([(header::CONTENT_TYPE, "application/json")], description);
    let reading = reading
        .route("/metrics", get(metrics))
        .route("/api/v1/openapi.json", get(move || std::future::ready(description.clone())))
        .merge(pages::routes())
        .merge(actions::form());
    reading
        .layer(from_fn_with_state(state.access.clone(), admit))
        .route("/-/healthy", get(|| async { "chiplog is healthy.\n" }))
        .route("/-/ready", get(ready))
        .merge(writing)
        .with_state(state)
}

async fn ready(State(state): State<WebState>) -> Response {
    if state.served.known().is_some() {
        return "chiplog is ready.\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "chiplog has not evaluated its facts yet.\n").into_response()
}

/// The counters of the running program: the collection's, and what sources tell of themselves.
fn live(state: &WebState) -> Result<Exposition, ::prometheus::Error> {
    let sources: Vec<_> = state.sources.iter().map(|source| (source.name(), source.telemetry())).collect();
    prometheus::live(state.metrics.gather(), &sources)
}

async fn metrics(State(state): State<WebState>, headers: HeaderMap) -> Response {
    let live = match live(&state) {
        Ok(live) => live,
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    };
    let known = state.served.answers();
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.split(',').any(|encoding| encoding.trim().starts_with("gzip")) {
        let parts: Vec<&Exposition> = known.iter().map(|answers| &answers.exposition).chain([&live]).collect();
        let body = Body::new(Joined::of(Exposition::gzip(&parts)));
        return ([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CONTENT_ENCODING, "gzip")], body).into_response();
    }
    // It takes a while to unpack.
    let unpack =
        move || known.iter().map(|answers| answers.exposition.plain()).chain([live.plain()]).collect::<Vec<_>>();
    let Ok(texts) = tokio::task::spawn_blocking(unpack).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let body = Body::new(Joined::of(texts));
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response()
}
