//! The id of a request: it is in the answer's headers, in every line of the log that the request causes, and in what the
//! request is refused with, so that whoever complains can be told why.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use crate::pipeline::CollectMetrics;

/// The header that carries it, in requests of proxies that have given one and in every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken over.
const LONGEST: usize = 64;

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// The id of the request that is being answered. `None` outside of requests.
pub fn current_id() -> Option<String> {
    CURRENT.try_with(ToString::to_string).ok()
}

/// Gives a request its id, and counts how it was answered.
pub async fn identify(State(metrics): State<CollectMetrics>, request: Request, next: Next) -> Response {
    let id: Arc<str> = given(request.headers()).unwrap_or_else(made).into();
    // Of the highest level, so that the id is also in warnings when nothing else is logged. The query may hold anything and
    // stays out.
    let span =
        tracing::error_span!("request", request_id = %id, method = %request.method(), path = request.uri().path());
    CURRENT.scope(id.clone(), answered(metrics, id, request, next)).instrument(span).await
}

async fn answered(metrics: CollectMetrics, id: Arc<str>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let mut answer = next.run(request).await;
    metrics.count_request(answer.status().as_str());
    let (status, seconds) = (answer.status().as_u16(), began.elapsed().as_secs_f64());
    tracing::debug!(status, seconds, "answered");
    if let Ok(id) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    answer
}

/// The id that a proxy or a tool has given, unless it could do harm in a line of the log.
fn given(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_sane = (1..=LONGEST).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    is_sane.then(|| id.to_owned())
}

/// A new id: a random part for this run of the program, and a number.
fn made() -> String {
    static RUN: OnceLock<u32> = OnceLock::new();
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let run = RUN.get_or_init(|| getrandom::u32().unwrap_or_default());
    format!("{run:08x}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given_as(id: &[u8]) -> Option<String> {
        given(&HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_bytes(id).unwrap())]))
    }

    #[test]
    fn a_sane_id_is_taken_over_and_no_other() {
        assert_eq!(given(&HeaderMap::new()), None);
        for sane in ["4f2c9a10-7", "Root.1_2-3", &"x".repeat(64)] {
            assert_eq!(given_as(sane.as_bytes()).as_deref(), Some(sane));
        }
        let too_long = "x".repeat(65);
        for other in ["", "two words", "a\"b", "a{b}", "<b>", "\u{e9}", &too_long] {
            assert_eq!(given_as(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn ids_that_are_made_are_sane_and_never_the_same() {
        let (one, other) = (made(), made());
        assert_ne!(one, other);
        assert_eq!(given_as(one.as_bytes()), Some(one));
    }
}
