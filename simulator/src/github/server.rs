//! The HTTP side: authentication, budgets, faults, and the headers that every answer has.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::access::{Access, Budget, Resource, Token, bearer, check_jwt};
use super::graphql::Graphql;
use super::log::{LoggedRequest, RequestLog};
use super::trouble::{bad_json, bad_jwt, error_body, faulty, out_of_time, rate_limited, too_often, unauthorized};
use super::{GithubOptions, SharedWorld, rest};
use crate::wire;

/// No query may ask for more nodes than this.
const MOST_NODES_OF_ALL: u64 = 500_000;

/// What every request is answered from.
struct Server {
    world: SharedWorld,
    options: GithubOptions,
    base_url: String,
    access: Access,
    graphql: Graphql,
    log: RequestLog,
    answered: AtomicU64,
}

/// A request as it came in.
struct Incoming<'r> {
    method: &'r Method,
    /// The path below the root of the API.
    path: &'r str,
    query: &'r str,
    headers: &'r HeaderMap,
    body: &'r Bytes,
    /// The root of the API: an Enterprise Server has it at `/api/v3`.
    root: String,
}

pub(super) fn router(world: SharedWorld, options: GithubOptions, base_url: String, log: RequestLog) -> Result<Router> {
    let base_url = options.calls_itself.clone().unwrap_or(base_url);
    let graphql = Graphql::new(&options.schema)?;
    let answered = AtomicU64::new(0);
    let server = Server { world, options, base_url, access: Access::default(), graphql, log, answered };
    Ok(Router::new().fallback(answer).with_state(Arc::new(server)))
}

async fn answer(State(server): State<Arc<Server>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 10 << 20).await.unwrap_or_default();
    let graphql = is_graphql(&parts.method, below_the_root(parts.uri.path()));
    let resource = if graphql { Resource::Graphql } else { Resource::Core };
    let token = bearer(&parts.headers).map(str::to_owned);
    let exceeded = token.as_ref().and_then(|token| server.access.begin(token, resource, &server.options));
    let _under_way = token.clone().map(|token| UnderWay { server: server.clone(), token });
    if let Some(seconds) = exceeded {
        let route = format!("{} {}", parts.method, parts.uri.path());
        server.log.add(LoggedRequest { route, status: 403, refused: true, token, ..LoggedRequest::default() });
        return too_often(seconds);
    }
    if !server.options.latency.is_zero() {
        tokio::time::sleep(server.options.latency).await;
    }
    // Executing GraphQL takes a while in a debug build; other requests go on meanwhile.
    let joined =
        tokio::task::spawn_blocking(move || server.answer(&parts.method, &parts.uri, &parts.headers, &body)).await;
    joined.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// A request that counts among those at the same time until it is answered, or its sender is gone.
struct UnderWay {
    server: Arc<Server>,
    token: String,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.server.access.end(&self.token);
    }
}

/// The path below the root of the API: an Enterprise Server has it at `/api/v3`.
fn below_the_root(path: &str) -> &str {
    path.strip_prefix("/api/v3").unwrap_or(path)
}

fn is_graphql(method: &Method, path: &str) -> bool {
    method == Method::POST && (path == "/graphql" || path == "/api/graphql")
}

impl Server {
    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Response {
        let path = below_the_root(uri.path());
        let root = format!("{}{}", self.base_url, uri.path().strip_suffix(path).unwrap_or_default());
        let incoming = Incoming { method, path, query: uri.query().unwrap_or_default(), headers, body, root };
        let mut logged = LoggedRequest {
            route: format!("{method} {path}{}", uri.query().map(|query| format!("?{query}")).unwrap_or_default()),
            ..LoggedRequest::default()
        };
        let graphql = is_graphql(method, path);
        logged.token = bearer(headers).map(str::to_owned);
        let fault = self.options.faults.take();
        let mut response = match &fault {
            Some(fault) if !wire::is_of_the_way_back(fault) => {
                faulty(fault, uri.path_and_query().map_or("/", |path| path.as_str()))
            }
            _ if graphql => self.graphql(&incoming, &mut logged),
            _ => self.rest(&incoming, &mut logged),
        };
        if let Some(fault) = fault {
            response.extensions_mut().insert(fault);
        }
        logged.status = response.status().as_u16();
        self.log.add(logged);
        let number = self.answered.fetch_add(1, Ordering::Relaxed) + 1;
        set(&mut response, "x-github-request-id", &format!("51A0:{number:06X}"));
        response
    }

    fn graphql(&self, incoming: &Incoming<'_>, logged: &mut LoggedRequest) -> Response {
        let Some(token) = self.access.token(incoming.headers, &self.options) else { return unauthorized() };
        let Ok(request) = serde_json::from_slice::<Value>(incoming.body) else { return bad_json() };
        logged.variables = request["variables"].to_string();
        let prepared = match self.graphql.prepare(&request) {
            Ok(prepared) => prepared,
            Err(errors) => return json_answer(StatusCode::OK, &json!({ "errors": errors })),
        };
        logged.operation.clone_from(&prepared.operation);
        if prepared.nodes > MOST_NODES_OF_ALL {
            let message = format!(
                "This query requests up to {} possible nodes which exceeds the maximum limit of 500,000.",
                with_commas(prepared.nodes)
            );
            let errors = json!([{ "type": "MAX_NODE_LIMIT_EXCEEDED", "message": message }]);
            return json_answer(StatusCode::OK, &json!({ "errors": errors }));
        }
        let in_time = prepared.nodes <= self.options.most_nodes;
        // What takes GitHub too long costs extra.
        let points = if in_time { prepared.points } else { prepared.points * 2 };
        let (budget, enough) = self.access.spend(&token.text, Resource::Graphql, points, &self.options);
        if !enough {
            logged.refused = true;
            return with_budget(rate_limited(Resource::Graphql), budget, Resource::Graphql);
        }
        logged.points = points;
        if !in_time {
            return with_budget(out_of_time(), budget, Resource::Graphql);
        }
        let rate_limit = json!({
            "limit": budget.limit, "cost": prepared.points, "remaining": budget.remaining(), "used": budget.used,
            "nodeCount": prepared.nodes, "resetAt": budget.reset_at,
        });
        let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
        let answer = self.graphql.execute(&prepared, &world, &token.sight, rate_limit);
        let response = with_budget(json_answer(StatusCode::OK, &answer), budget, Resource::Graphql);
        with_scopes(response, &token)
    }

    fn rest(&self, incoming: &Incoming<'_>, logged: &mut LoggedRequest) -> Response {
        if let Some(response) = self.as_app(incoming) {
            return response;
        }
        if incoming.path.starts_with("/storage/") {
            return self.storage(incoming);
        }
        let Some(token) = self.access.token(incoming.headers, &self.options) else { return unauthorized() };
        if incoming.method != Method::GET {
            let message = format!("the simulator does not serve {} {}", incoming.method, incoming.path);
            return json_answer(StatusCode::NOT_IMPLEMENTED, &error_body(StatusCode::NOT_IMPLEMENTED, &message));
        }
        if incoming.path == "/rate_limit" {
            return self.rate_limit(&token);
        }
        let listed = {
            let root = &incoming.root;
            rest::webhooks::deliveries(&self.options.hook.sent(), incoming.path, incoming.query, root)
        };
        let answer = if let Some(listed) = listed {
            listed
        } else {
            let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
            rest::answer(&world, &token.sight, incoming.path, incoming.query, &incoming.root)
        };
        // GitHub's tags differ by token.
        let etag = answer.etag(&token.text);
        let asked = incoming.headers.get("if-none-match").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let unchanged = answer.status == StatusCode::OK && asked.split(',').any(|tag| same_tag(tag, &etag));
        let (budget, enough) = self.access.spend(&token.text, Resource::Core, u64::from(!unchanged), &self.options);
        if !enough {
            logged.refused = true;
            return with_budget(rate_limited(Resource::Core), budget, Resource::Core);
        }
        let has_etag = answer.status == StatusCode::OK;
        let mut response = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { answer.into_response() };
        if has_etag {
            set(&mut response, "etag", &etag);
        }
        with_scopes(with_budget(response, budget, Resource::Core), &token)
    }

    /// Where archives lie: it refuses whoever shows a token that is not meant for it.
    fn storage(&self, incoming: &Incoming<'_>) -> Response {
        if incoming.headers.contains_key("authorization") {
            return (StatusCode::BAD_REQUEST, "a token that is not for this host").into_response();
        }
        let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
        match rest::archive(&world, incoming.path) {
            Some(bytes) => (StatusCode::OK, [("content-type", "application/zip")], bytes).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    /// Asking for what is left costs nothing.
    fn rate_limit(&self, token: &Token) -> Response {
        let budget = |resource| self.access.spend(&token.text, resource, 0, &self.options).0;
        let (core, graphql) = (budget(Resource::Core), budget(Resource::Graphql));
        let body = rest::app::rate_limit(&core, &graphql);
        with_scopes(with_budget(json_answer(StatusCode::OK, &body), core, Resource::Core), token)
    }

    /// What an App asks for with its JWT.
    fn as_app(&self, incoming: &Incoming<'_>) -> Option<Response> {
        let app = self.options.app.as_ref()?;
        let jwt = bearer(incoming.headers).filter(|credential| credential.contains('.'))?;
        if let Err(why) = check_jwt(jwt, app) {
            return Some(bad_jwt(why));
        }
        if incoming.path.starts_with("/app/hook/") {
            let (sent, root) = (self.options.hook.sent(), &incoming.root);
            let listed = rest::webhooks::deliveries(&sent, incoming.path, incoming.query, root)?;
            return Some(listed.into_response());
        }
        let organization = self.world.read().unwrap_or_else(PoisonError::into_inner).organization.clone();
        let asked = rest::app::Asked::of(incoming.method, incoming.path, app, &organization);
        let (status, body) = match asked {
            rest::app::Asked::Token => {
                let (token, expires_at) = self.access.issue((self.options.now)());
                (StatusCode::CREATED, rest::app::token(&token, expires_at))
            }
            rest::app::Asked::Answer(body) => (StatusCode::OK, body),
            rest::app::Asked::Nothing => (StatusCode::NOT_FOUND, error_body(StatusCode::NOT_FOUND, "Not Found")),
        };
        Some(json_answer(status, &body))
    }
}

/// Weak comparison: `W/"1"` and `"1"` are the same.
fn same_tag(asked: &str, tag: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    asked.trim() == "*" || strong(asked) == strong(tag)
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Sets a header.
pub(super) fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// An answer with a JSON body; headers and body go out in one write.
pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/json; charset=utf-8")], body.to_string()).into_response()
}

/// Personal access tokens are told their scopes; installations have none.
fn with_scopes(mut response: Response, token: &Token) -> Response {
    if token.sight.scopes.is_some() {
        set(&mut response, "x-oauth-scopes", &token.sight.scopes().collect::<Vec<_>>().join(", "));
    }
    response
}

fn with_budget(mut response: Response, budget: Budget, resource: Resource) -> Response {
    set(&mut response, "x-ratelimit-limit", &budget.limit.to_string());
    set(&mut response, "x-ratelimit-remaining", &budget.remaining().to_string());
    set(&mut response, "x-ratelimit-used", &budget.used.to_string());
    set(&mut response, "x-ratelimit-reset", &budget.reset_at.timestamp().to_string());
    set(&mut response, "x-ratelimit-resource", resource.name());
    response
}
