//! What all simulated tools but GitHub share: JSON over HTTP, one authorization, faults on demand, a log of requests.

use std::sync::{Arc, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::github::{Clock, Fault, Faults, LoggedRequest, RequestLog, SharedWorld};
use crate::world::{Moment, World};

/// A tool.
pub struct Api {
    /// Its name, for messages.
    pub name: &'static str,
    /// What the header `Authorization` has to be.
    pub authorization: &'static str,
    /// The body of an error.
    pub error: fn(StatusCode) -> Value,
    /// Answers a GET.
    pub respond: fn(&World, &Asked) -> (StatusCode, Value),
}

/// A request.
pub struct Asked {
    /// The path.
    pub path: String,
    /// The parameters, decoded.
    pub parameters: Vec<(String, String)>,
    /// The moment of the simulation.
    pub now: Moment,
}

impl Asked {
    /// A parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.parameters.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    /// A parameter that is a number.
    pub fn number(&self, name: &str, default: usize) -> usize {
        self.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// The parts of the path.
    pub fn parts(&self) -> Vec<&str> {
        self.path.trim_matches('/').split('/').collect()
    }
}

/// How a simulated tool behaves.
#[derive(Clone)]
pub struct ServerOptions {
    /// The clock.
    pub now: Clock,
    /// What goes wrong.
    pub faults: Faults,
}

impl ServerOptions {
    /// The usual behaviour.
    pub fn new(now: Clock) -> Self {
        Self { now, faults: Faults::default() }
    }
}

/// A running simulated tool. It ends when this is dropped.
pub struct JsonServer {
    base_url: String,
    log: RequestLog,
    server: JoinHandle<()>,
}

struct Served {
    api: &'static Api,
    world: SharedWorld,
    options: ServerOptions,
    log: RequestLog,
}

impl JsonServer {
    /// Starts it on a free loopback port.
    pub async fn start(api: &'static Api, world: SharedWorld, options: ServerOptions) -> Result<Self> {
        Self::start_at(api, world, options, "127.0.0.1:0").await
    }

    /// Starts it at an address.
    pub async fn start_at(
        api: &'static Api,
        world: SharedWorld,
        options: ServerOptions,
        address: &str,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let log = RequestLog::default();
        let state = Arc::new(Served { api, world, options, log: log.clone() });
        let router = Router::new().fallback(answer).with_state(state);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!("the simulated {} failed: {error}", api.name);
            }
        });
        Ok(Self { base_url, log, server })
    }

    /// The root of the API.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What was asked so far.
    pub fn log(&self) -> &RequestLog {
        &self.log
    }
}

impl Drop for JsonServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(served): State<Arc<Served>>, request: Request<Body>) -> Response {
    let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    let authorized = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let failed = |status: StatusCode| (status, (served.api.error)(status));
    let (mut retry_after, mut location) = (None, None);
    let (status, body) = match served.options.faults.take() {
        Some(Fault::TooManyRequests(seconds)) => {
            retry_after = Some(seconds);
            failed(StatusCode::TOO_MANY_REQUESTS)
        }
        Some(Fault::Redirect(to)) => {
            location = HeaderValue::from_str(&format!("{to}{}", request.uri())).ok();
            failed(StatusCode::FOUND)
        }
        Some(Fault::BrokenJson) => (StatusCode::OK, Value::Null),
        Some(Fault::Unauthorized) => failed(StatusCode::UNAUTHORIZED),
        Some(Fault::Status(status)) => failed(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY)),
        _ if authorized.unwrap_or_default() != served.api.authorization => failed(StatusCode::UNAUTHORIZED),
        _ => {
            let parameters = Query::try_from_uri(request.uri()).map(|query| query.0).unwrap_or_default();
            let asked = Asked { path: path.clone(), parameters, now: (served.options.now)() };
            let world = served.world.read().unwrap_or_else(PoisonError::into_inner);
            (served.api.respond)(&world, &asked)
        }
    };
    let route = format!("GET {path}?{query}");
    let token = authorized.map(str::to_owned);
    served.log.add(LoggedRequest { route, status: status.as_u16(), token, ..LoggedRequest::default() });
    let text = if body.is_null() { "{\"broken\": [".to_owned() } else { body.to_string() };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json; charset=utf-8"));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
    }
    if let Some(location) = location {
        response.headers_mut().insert("location", location);
    }
    response
}
