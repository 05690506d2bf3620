//! The HTTP side: authentication, budgets, faults, and the headers that every answer has.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::access::{Access, Budget, Resource};
use super::faults::Fault;
use super::graphql::Graphql;
use super::log::{LoggedRequest, RequestLog};
use super::{GithubOptions, SharedWorld, rest};

/// What every request is answered from.
pub(super) struct Server {
    pub(super) world: SharedWorld,
    pub(super) options: GithubOptions,
    pub(super) base_url: String,
    access: Access,
    graphql: Graphql,
    log: RequestLog,
}

pub(super) fn router(world: SharedWorld, options: GithubOptions, base_url: String, log: RequestLog) -> Result<Router> {
    let graphql = Graphql::new(&options.schema)?;
    let server = Server { world, options, base_url, access: Access::default(), graphql, log };
    Ok(Router::new().fallback(answer).with_state(Arc::new(server)))
}

async fn answer(State(server): State<Arc<Server>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 10 << 20).await.unwrap_or_default();
    if !server.options.latency.is_zero() {
        tokio::time::sleep(server.options.latency).await;
    }
    // Executing GraphQL takes a while in a debug build; other requests go on meanwhile.
    let joined =
        tokio::task::spawn_blocking(move || server.answer(&parts.method, &parts.uri, &parts.headers, &body)).await;
    joined.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

impl Server {
    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Response {
        let path = uri.path().strip_prefix("/api/v3").unwrap_or(uri.path());
        let graphql = path == "/graphql" || path == "/api/graphql";
        let (response, points, variables) = match self.options.faults.take() {
            Some(fault) => (faulty(&fault), 0, String::new()),
            None if graphql => self.graphql(headers, body),
            None => (self.rest(method, path, uri.query().unwrap_or_default(), headers), 0, String::new()),
        };
        let route = format!("{method} {path}{}", uri.query().map(|query| format!("?{query}")).unwrap_or_default());
        self.log.add(LoggedRequest { route, variables, status: response.status().as_u16(), points });
        response
    }

    fn graphql(&self, headers: &HeaderMap, body: &Bytes) -> (Response, u64, String) {
        let Some(token) = self.access.token(headers, &self.options) else { return (unauthorized(), 0, String::new()) };
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let variables = request["variables"].to_string();
        let world = self.world.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let prepared = match self.graphql.prepare(&request) {
            Ok(prepared) => prepared,
            Err(errors) => return (json_answer(StatusCode::OK, &json!({ "errors": errors })), 0, variables),
        };
        if prepared.nodes > 500_000 {
            let message = format!(
                "This query requests up to {} possible nodes which exceeds the maximum limit of 500,000.",
                prepared.nodes
            );
            let errors = json!({ "errors": [{ "type": "MAX_NODE_LIMIT_EXCEEDED", "message": message }] });
            return (json_answer(StatusCode::OK, &errors), 0, variables);
        }
        let (budget, enough) = self.access.spend(&token, Resource::Graphql, prepared.points, &self.options);
        if !enough {
            return (with_budget(graphql_rate_limited(), budget, Resource::Graphql), 0, variables);
        }
        if prepared.nodes > self.options.most_nodes {
            let body = json!({ "message": "We couldn't respond to your request in time." });
            return (
                with_budget(json_answer(StatusCode::BAD_GATEWAY, &body), budget, Resource::Graphql),
                prepared.points,
                variables,
            );
        }
        let rate_limit = json!({
            "limit": budget.limit, "cost": prepared.points, "remaining": budget.remaining(), "used": budget.used,
            "nodeCount": prepared.nodes, "resetAt": budget.reset_at,
        });
        let answer = self.graphql.execute(&prepared, &world, rate_limit);
        let response = with_budget(json_answer(StatusCode::OK, &answer), budget, Resource::Graphql);
        (self.with_scopes(response), prepared.points, variables)
    }

    fn rest(&self, method: &Method, path: &str, query: &str, headers: &HeaderMap) -> Response {
        if let Some(response) = self.installation_token(method, path, headers) {
            return response;
        }
        let Some(token) = self.access.token(headers, &self.options) else { return unauthorized() };
        if path == "/rate_limit" {
            let (budget, _) = self.access.spend(&token, Resource::Core, 0, &self.options);
            let body = json!({ "rate": { "limit": budget.limit, "remaining": budget.remaining(), "used": budget.used, "reset": budget.reset_at.timestamp() } });
            return self.with_scopes(with_budget(json_answer(StatusCode::OK, &body), budget, Resource::Core));
        }
        let answer = {
            let world = self.world.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            rest::answer(&world, path, query, &self.base_url)
        };
        let asked = headers.get("if-none-match").and_then(|value| value.to_str().ok());
        let unchanged = answer.status == StatusCode::OK && asked == Some(answer.etag().as_str());
        let (budget, enough) = self.access.spend(&token, Resource::Core, u64::from(!unchanged), &self.options);
        if !enough {
            let body = json!({ "message": "API rate limit exceeded for installation." });
            return with_budget(json_answer(StatusCode::FORBIDDEN, &body), budget, Resource::Core);
        }
        let etag = answer.etag();
        let mut response = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { answer.into_response() };
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            response.headers_mut().insert("etag", etag);
        }
        self.with_scopes(with_budget(response, budget, Resource::Core))
    }

    /// `POST /app/installations/ID/access_tokens` and the look-up of an organisation's installation, for an App's JWT.
    fn installation_token(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
        let app = self.options.app.as_ref()?;
        let id = app.installation_id;
        let jwt = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
        if jwt.split('.').count() != 3 {
            return None;
        }
        if method == Method::POST && path == format!("/app/installations/{id}/access_tokens") {
            let (token, expires_at) = self.access.issue((self.options.now)());
            let body =
                json!({ "token": token, "expires_at": expires_at, "permissions": {}, "repository_selection": "all" });
            return Some(json_answer(StatusCode::CREATED, &body));
        }
        None
    }

    fn with_scopes(&self, mut response: Response) -> Response {
        if let Ok(scopes) = HeaderValue::from_str(&self.options.scopes) {
            response.headers_mut().insert("x-oauth-scopes", scopes);
        }
        response
    }
}

pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/json; charset=utf-8")], body.to_string()).into_response()
}

fn unauthorized() -> Response {
    let body =
        json!({ "message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401" });
    json_answer(StatusCode::UNAUTHORIZED, &body)
}

fn graphql_rate_limited() -> Response {
    let error = json!({ "type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1." });
    json_answer(StatusCode::OK, &json!({ "errors": [error] }))
}

fn with_budget(mut response: Response, budget: Budget, resource: Resource) -> Response {
    let headers = response.headers_mut();
    let values = [
        ("x-ratelimit-limit", budget.limit.to_string()),
        ("x-ratelimit-remaining", budget.remaining().to_string()),
        ("x-ratelimit-used", budget.used.to_string()),
        ("x-ratelimit-reset", budget.reset_at.timestamp().to_string()),
        ("x-ratelimit-resource", resource.name().to_owned()),
    ];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

fn faulty(fault: &Fault) -> Response {
    let retry_after = |mut response: Response, seconds: u64| {
        response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
        response
    };
    match fault {
        Fault::Status(status) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            json_answer(status, &json!({ "message": "Something went wrong." }))
        }
        Fault::SecondaryLimit(seconds) => {
            let body = json!({ "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again." });
            retry_after(json_answer(StatusCode::FORBIDDEN, &body), *seconds)
        }
        Fault::TooManyRequests(seconds) => retry_after(
            json_answer(StatusCode::TOO_MANY_REQUESTS, &json!({ "message": "Too many requests." })),
            *seconds,
        ),
        Fault::GraphqlRateLimited => {
            let mut response = graphql_rate_limited();
            response.headers_mut().insert("retry-after", HeaderValue::from(0_u64));
            response
        }
        Fault::BrokenJson => {
            (StatusCode::OK, [("content-type", "application/json")], "{\"data\":{\"repos").into_response()
        }
        Fault::Unauthorized => unauthorized(),
    }
}
