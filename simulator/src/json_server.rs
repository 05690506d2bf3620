//! What all simulated tools but GitHub share: JSON over HTTP, one authorization, faults on demand, a log of requests.

use std::sync::{Arc, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::github::{Clock, Fault, Faults, LoggedRequest, RequestLog, SharedWorld};
use crate::wire;
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
            if let Err(error) = wire::serve(listener, router).await {
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
    let fault = served.options.faults.take();
    let mut response = match &fault {
        Some(fault) if !wire::is_of_the_way_back(fault) => served.faulty(fault, &request),
        _ => served.respond(&request),
    };
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    served.log.add(LoggedRequest {
        route: format!("GET {path}?{query}"),
        status: response.status().as_u16(),
        token: authorization(&request).map(str::to_owned),
        ..LoggedRequest::default()
    });
    if let Some(fault) = fault {
        response.extensions_mut().insert(fault);
    }
    response
}

fn authorization(request: &Request<Body>) -> Option<&str> {
    request.headers().get("authorization")?.to_str().ok()
}

fn json(status: StatusCode, text: String) -> Response {
    (status, [("content-type", "application/json; charset=utf-8")], text).into_response()
}

impl Served {
    fn respond(&self, request: &Request<Body>) -> Response {
        if authorization(request).unwrap_or_default() != self.api.authorization {
            return self.failed(StatusCode::UNAUTHORIZED);
        }
        let parameters = Query::try_from_uri(request.uri()).map(|query| query.0).unwrap_or_default();
        let asked = Asked { path: request.uri().path().to_owned(), parameters, now: (self.options.now)() };
        let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
        let (status, body) = (self.api.respond)(&world, &asked);
        json(status, body.to_string())
    }

    fn faulty(&self, fault: &Fault, request: &Request<Body>) -> Response {
        match fault {
            Fault::TooManyRequests(seconds) => {
                let mut response = self.failed(StatusCode::TOO_MANY_REQUESTS);
                response.headers_mut().insert("retry-after", HeaderValue::from(*seconds));
                response
            }
            Fault::BrokenJson => json(StatusCode::OK, "{\"broken\": [".to_owned()),
            Fault::Unauthorized => self.failed(StatusCode::UNAUTHORIZED),
            Fault::Status(status) => self.failed(StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY)),
            other => wire::answer(other, request.uri().path_and_query().map_or("/", |path| path.as_str())),
        }
    }

    fn failed(&self, status: StatusCode) -> Response {
        json(status, (self.api.error)(status).to_string())
    }
}
