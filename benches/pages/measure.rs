//! Asking a running server, and what came of it.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::statements::Statements;

/// So many requests are measured of each kind of page.
const REQUESTS: usize = 500;

/// So many go before them.
const WARM_UP: usize = 20;

/// So many bodies are served again from memory, for comparison.
const KEPT: usize = 25;

/// What was measured of one kind of page.
pub(crate) struct Measured {
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    pub(crate) longest: Duration,
    /// The size of an answer, on average.
    pub(crate) bytes: usize,
    /// The p99 of serving the same bytes from memory.
    pub(crate) p99_from_memory: Duration,
    /// The most statements that a request ran.
    pub(crate) queries: usize,
}

impl Measured {
    /// How many times longer than serving the same bytes from memory.
    pub(crate) fn ratio(&self) -> f64 {
        self.p99.as_secs_f64() / self.p99_from_memory.as_secs_f64()
    }
}

/// Bodies that are served again as they are.
pub(crate) type Kept = Arc<RwLock<Vec<Vec<u8>>>>;

/// A route that serves kept bodies from memory.
pub(crate) fn from_memory(kept: Kept) -> Router {
    let serve = async |State(kept): State<Kept>, Path(place): Path<usize>| {
        let body = kept.read().unwrap()[place].clone();
        ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response()
    };
    Router::new().route("/from-memory/{place}", get(serve)).with_state(kept)
}

/// Asks for pages one after another over a connection that is kept.
pub(crate) struct Asking {
    pub(crate) client: reqwest::Client,
    pub(crate) address: String,
    pub(crate) statements: Statements,
    pub(crate) kept: Kept,
}

impl Asking {
    /// Measures one kind of page; `path` gives that of each request.
    pub(crate) async fn measure(&self, path: impl Fn(usize) -> String) -> Measured {
        self.kept.write().unwrap().clear();
        for place in 0..WARM_UP {
            self.ask(&path(place)).await;
        }
        let (mut times, mut bytes, mut queries) = (Vec::new(), 0, 0);
        for place in 0..REQUESTS {
            let before = self.statements.count();
            let (time, body) = self.ask(&path(place)).await;
            queries = queries.max(self.statements.count() - before);
            bytes += body.len();
            times.push(time);
            if place % (REQUESTS / KEPT) == 0 {
                self.kept.write().unwrap().push(body);
            }
        }
        let mut from_memory = Vec::new();
        for place in 0..REQUESTS {
            from_memory.push(self.ask(&format!("/from-memory/{}", place % KEPT)).await.0);
        }
        times.sort_unstable();
        from_memory.sort_unstable();
        Measured {
            median: at(&times, 50),
            p99: at(&times, 99),
            longest: at(&times, 100),
            bytes: bytes / REQUESTS,
            p99_from_memory: at(&from_memory, 99),
            queries,
        }
    }

    async fn ask(&self, path: &str) -> (Duration, Vec<u8>) {
        let began = Instant::now();
        let answer = self.client.get(format!("{}{path}", self.address)).send().await.unwrap();
        let status = answer.status();
        let body = answer.bytes().await.unwrap();
        let time = began.elapsed();
        assert!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&body));
        (time, body.into())
    }
}

/// The smallest value that so many of a hundred do not exceed.
fn at(ascending: &[Duration], percent: usize) -> Duration {
    ascending[(ascending.len() * percent).div_ceil(100) - 1]
}
