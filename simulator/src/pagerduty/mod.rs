//! The simulated PagerDuty: services, incidents and log entries of its REST API v2.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Duration};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::github::{Clock, Fault, Faults, LoggedRequest, RequestLog, SharedWorld};
use crate::world::{Incident, IncidentService, LogEntry, Moment, World};

/// PagerDuty shows nothing beyond this offset.
const HIGHEST_OFFSET: usize = 10_000;

/// How the simulated PagerDuty behaves.
#[derive(Clone)]
pub struct PagerdutyOptions {
    /// The clock.
    pub now: Clock,
    /// The API key that is accepted.
    pub token: String,
    /// What goes wrong.
    pub faults: Faults,
}

impl PagerdutyOptions {
    /// The usual behaviour.
    pub fn new(now: Clock) -> Self {
        Self { now, token: "pd_simulated".to_owned(), faults: Faults::default() }
    }
}

/// A running simulated PagerDuty. It ends when this is dropped.
pub struct PagerdutySimulator {
    base_url: String,
    log: RequestLog,
    server: JoinHandle<()>,
}

struct Server {
    world: SharedWorld,
    options: PagerdutyOptions,
    log: RequestLog,
}

impl PagerdutySimulator {
    /// Starts it on a free loopback port.
    pub async fn start(world: SharedWorld, options: PagerdutyOptions) -> Result<Self> {
        Self::start_at(world, options, "127.0.0.1:0").await
    }

    /// Starts it at an address.
    pub async fn start_at(world: SharedWorld, options: PagerdutyOptions, address: &str) -> Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let log = RequestLog::default();
        let state = Arc::new(Server { world, options, log: log.clone() });
        let router = Router::new().fallback(answer).with_state(state);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!("the simulated PagerDuty failed: {error}");
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

impl Drop for PagerdutySimulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(server): State<Arc<Server>>, request: Request<Body>) -> Response {
    let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    let authorized = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let (status, body, retry_after) = match server.options.faults.take() {
        Some(Fault::TooManyRequests(seconds)) => {
            (StatusCode::TOO_MANY_REQUESTS, error(2020, "Rate Limit Exceeded"), Some(seconds))
        }
        Some(Fault::BrokenJson) => (StatusCode::OK, Value::Null, None),
        Some(Fault::Unauthorized) => (StatusCode::UNAUTHORIZED, error(2006, "Unauthorized"), None),
        Some(Fault::Status(status)) => (
            StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
            error(2000, "Internal Server Error"),
            None,
        ),
        _ if authorized != Some(format!("Token token={}", server.options.token).as_str()) => {
            (StatusCode::UNAUTHORIZED, error(2006, "Unauthorized"), None)
        }
        _ => {
            let world = server.world.read().unwrap_or_else(PoisonError::into_inner);
            let (status, body) = respond(&world, &path, &parameters(&query), (server.options.now)());
            (status, body, None)
        }
    };
    let route = format!("GET {path}?{query}");
    server.log.add(LoggedRequest {
        route,
        variables: String::new(),
        status: status.as_u16(),
        ..LoggedRequest::default()
    });
    let text = if body.is_null() { "{\"incidents\": [".to_owned() } else { body.to_string() };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json; charset=utf-8"));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
    }
    response
}

fn error(code: u64, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message, "errors": [] } })
}

type Parameters = BTreeMap<String, Vec<String>>;

fn parameters(query: &str) -> Parameters {
    let mut parameters = Parameters::new();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let decode = |text: &str| text.replace("%3A", ":").replace("%2B", "+").replace("%5B", "[").replace("%5D", "]");
        parameters.entry(decode(name)).or_default().push(decode(value));
    }
    parameters
}

fn respond(world: &World, path: &str, parameters: &Parameters, now: Moment) -> (StatusCode, Value) {
    match path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["abilities"] => (StatusCode::OK, json!({ "abilities": ["teams", "urgencies"] })),
        ["services"] => page("services", world.incident_services.iter().collect(), parameters, service),
        ["incidents"] => incidents(world, parameters, now),
        ["log_entries"] => log_entries(world, parameters, now),
        ["incidents", id, "log_entries"] => {
            let found = world.incidents.iter().find(|incident| incident.id == *id);
            found.map_or_else(not_found, |incident| {
                let log = incident.log.iter().enumerate().collect();
                page("log_entries", log, parameters, |(place, item)| entry(world, incident, place, item))
            })
        }
        _ => not_found(),
    }
}

fn not_found() -> (StatusCode, Value) {
    (StatusCode::NOT_FOUND, error(2100, "Not Found"))
}

fn bad(message: &str) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, error(2001, message))
}

fn page<T>(name: &str, items: Vec<T>, parameters: &Parameters, body: impl Fn(T) -> Value) -> (StatusCode, Value) {
    let number = |name: &str, default: usize| {
        parameters.get(name).and_then(|values| values.first()?.parse().ok()).unwrap_or(default)
    };
    let (limit, offset) = (number("limit", 25).min(100), number("offset", 0));
    if offset + limit > HIGHEST_OFFSET {
        return bad("Offset + limit must not exceed 10000");
    }
    let total = items.len();
    let shown: Vec<Value> = items.into_iter().skip(offset).take(limit).map(body).collect();
    (
        StatusCode::OK,
        json!({ name: shown, "limit": limit, "offset": offset, "total": null, "more": offset + limit < total }),
    )
}

/// The span that is asked for: the last month unless said otherwise, at most six months.
fn span(parameters: &Parameters, now: Moment) -> Result<(Moment, Moment), (StatusCode, Value)> {
    let moment = |name: &str| {
        let text = parameters.get(name)?.first()?;
        Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&chrono::Utc))
    };
    let until = moment("until").unwrap_or(now);
    let since = moment("since").unwrap_or(until - Duration::days(30));
    if until - since > Duration::days(183) {
        return Err(bad("The date range must not exceed 6 months"));
    }
    Ok((since, until))
}

fn incidents(world: &World, parameters: &Parameters, now: Moment) -> (StatusCode, Value) {
    let all = parameters.get("date_range").is_some_and(|values| values.iter().any(|value| value == "all"));
    let (since, until) = match span(parameters, now) {
        Ok(span) => span,
        Err(answer) => return answer,
    };
    let one_of =
        |name: &str, value: &str| parameters.get(name).is_none_or(|values| values.iter().any(|wanted| wanted == value));
    let mut found: Vec<&Incident> = world
        .incidents
        .iter()
        .filter(|incident| all || (since <= incident.created_at && incident.created_at < until))
        .filter(|incident| one_of("statuses[]", status(incident)) && one_of("service_ids[]", &incident.service))
        .collect();
    found.sort_by_key(|incident| (incident.created_at, incident.number));
    page("incidents", found, parameters, |incident| incident_body(world, incident))
}

fn log_entries(world: &World, parameters: &Parameters, now: Moment) -> (StatusCode, Value) {
    let (since, until) = match span(parameters, now) {
        Ok(span) => span,
        Err(answer) => return answer,
    };
    let mut entries: Vec<(&Incident, usize, &LogEntry)> = world
        .incidents
        .iter()
        .flat_map(|incident| incident.log.iter().enumerate().map(move |(place, item)| (incident, place, item)))
        .filter(|(_, _, item)| since <= item.at && item.at < until)
        .collect();
    entries.sort_by_key(|(_, _, item)| std::cmp::Reverse(item.at));
    page("log_entries", entries, parameters, |(incident, place, item)| entry(world, incident, place, item))
}

/// The state after the last entry that changed it.
fn status(incident: &Incident) -> &'static str {
    let last = incident.log.iter().rfind(|item| matches!(item.kind.as_str(), "acknowledge" | "resolve" | "reopen"));
    match last.map(|item| item.kind.as_str()) {
        Some("acknowledge") => "acknowledged",
        Some("resolve") => "resolved",
        _ => "triggered",
    }
}

fn service(service: &IncidentService) -> Value {
    json!({ "id": service.id, "type": "service", "summary": service.name, "name": service.name, "status": "active" })
}

fn agent(world: &World, login: &str) -> Value {
    let name = world.accounts.get(login).map_or(login, |account| account.name.as_str());
    json!({ "id": format!("U{login}"), "type": "user_reference", "summary": name })
}

fn incident_body(world: &World, incident: &Incident) -> Value {
    let name = world.incident_services.iter().find(|service| service.id == incident.service);
    let name = name.map_or(incident.service.as_str(), |service| service.name.as_str());
    let resolved =
        (status(incident) == "resolved").then(|| incident.log.iter().rfind(|item| item.kind == "resolve")).flatten();
    let assignments: Vec<Value> =
        incident.log.iter().map(|item| json!({ "at": item.at, "assignee": agent(world, &item.agent) })).collect();
    json!({
        "id": incident.id, "type": "incident", "incident_number": incident.number, "title": incident.title,
        "summary": format!("[#{}] {}", incident.number, incident.title), "status": status(incident),
        "urgency": incident.urgency, "priority": incident.priority.as_ref().map(|name| json!({ "summary": name, "name": name })),
        "service": { "id": incident.service, "type": "service_reference", "summary": name },
        "created_at": incident.created_at, "resolved_at": resolved.map(|item| item.at),
        "last_status_change_at": incident.log.iter().map(|item| item.at).max().unwrap_or(incident.created_at),
        "html_url": format!("https://pagerduty.example/incidents/{}", incident.id), "assignments": assignments,
    })
}

fn entry(world: &World, incident: &Incident, place: usize, item: &LogEntry) -> Value {
    json!({
        "id": format!("R{}{place:03}", incident.id), "type": format!("{}_log_entry", item.kind), "created_at": item.at,
        "agent": agent(world, &item.agent), "incident": { "id": incident.id, "type": "incident_reference" },
        "service": { "id": incident.service, "type": "service_reference" },
    })
}
