//! Requests to GitHub: authentication and transport by octocrab, limits and errors by chiplog.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt as _;
use octocrab::Octocrab;
use octocrab::models::{AppId, InstallationId};
use reqwest::Url;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::budget::{Budget, LONGEST_WAIT, Wait, wait_after_refusal};
use super::config::{Credential, GithubConfig};
use crate::sources::source::{Clock, ConfigureError, SourceError, Telemetry};

/// How often a request is tried in all, refusals for limits not counted.
const TRIES: u32 = 5;

/// How often limits are waited for before a collection gives up until the next round.
const REFUSALS: u32 = 6;

/// Why a request gave nothing.
#[derive(Debug)]
pub(super) enum CallError {
    /// GitHub could not answer in time, or refuses so many nodes: ask for less at once.
    TooMuch,
    /// Everything else.
    Source(SourceError),
}

impl From<SourceError> for CallError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

/// An answer of the REST API.
pub(super) struct RestAnswer {
    /// The body; `None` for "not modified".
    pub(super) body: Option<Value>,
    /// The tag of the body, for the next time.
    pub(super) etag: Option<String>,
    /// The path of the next page.
    pub(super) next: Option<String>,
}

/// One token's way to one GitHub.
pub(super) struct Client {
    rest: Octocrab,
    graphql: Octocrab,
    base_url: String,
    credential: String,
    is_app: bool,
    now: Clock,
    budget: Mutex<Budget>,
    requests: AtomicU64,
    not_modified: AtomicU64,
    points: AtomicU64,
    waited_milliseconds: AtomicU64,
}

/// A request that may have to be made several times.
enum Request<'a> {
    /// A query with its variables.
    Graphql(&'a Value),
    /// A path of the REST API, with headers.
    Get(&'a str, HeaderMap),
}

/// One attempt, read to its end.
struct Attempt {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    pub(super) fn new(config: &GithubConfig, now: Clock) -> Result<Self, ConfigureError> {
        crate::sources::http::install_crypto_provider();
        // An Enterprise Server has GraphQL beside `/api/v3`, not below it.
        let graphql_base = config.base_url.strip_suffix("/v3").unwrap_or(&config.base_url);
        let (credential, is_app) = match &config.credential {
            Credential::Token { place, .. } => (format!("the token in {place}"), false),
            Credential::App { id, .. } => (format!("the GitHub App {id}"), true),
        };
        Ok(Self {
            rest: octocrab(&config.base_url, &config.credential)?,
            graphql: octocrab(graphql_base, &config.credential)?,
            base_url: config.base_url.clone(),
            credential,
            is_app,
            now,
            budget: Mutex::default(),
            requests: AtomicU64::new(0),
            not_modified: AtomicU64::new(0),
            points: AtomicU64::new(0),
            waited_milliseconds: AtomicU64::new(0),
        })
    }

    /// Asks GraphQL and returns the data. What is hidden or gone in it is `null`, and its reader says so.
    pub(super) async fn graphql(&self, query: &str, variables: &Value) -> Result<Value, CallError> {
        let request = json!({ "query": query, "variables": variables });
        let mut refusals = 0;
        loop {
            let attempt = self.send("graphql", &Request::Graphql(&request)).await?;
            if matches!(attempt.status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT) {
                return Err(CallError::TooMuch);
            }
            let mut answer: Value = serde_json::from_slice(&attempt.body).unwrap_or_default();
            let errors = answer["errors"].take();
            let errors = errors.as_array().cloned().unwrap_or_default();
            let first = errors.first().unwrap_or(&Value::Null);
            let (kind, message) =
                (first["type"].as_str().unwrap_or_default(), first["message"].as_str().unwrap_or_default());
            if kind == "RATE_LIMITED" || message.contains("rate limit") {
                self.wait_after(&attempt.headers, "API rate limit exceeded", refusals).await?;
                refusals += 1;
                continue;
            }
            if kind == "MAX_NODE_LIMIT_EXCEEDED" || message.contains("timeout") {
                return Err(CallError::TooMuch);
            }
            let data = answer["data"].take();
            if let Some(cost) = data["rateLimit"]["cost"].as_u64() {
                self.points.fetch_add(cost, Ordering::Relaxed);
            }
            let nothing = data
                .as_object()
                .is_none_or(|data| data.iter().all(|(key, value)| key == "rateLimit" || value.is_null()));
            if kind == "INSUFFICIENT_SCOPES" || (nothing && !errors.is_empty()) {
                return Err(self.graphql_error(kind, message).into());
            }
            // What is hidden or gone is null for good; any other gap is an answer that broke off, and is asked for again.
            let for_good = |error: &Value| matches!(error["type"].as_str(), Some("NOT_FOUND" | "FORBIDDEN"));
            if !errors.iter().all(for_good) {
                return Err(CallError::TooMuch);
            }
            return Ok(data);
        }
    }

    /// Gets a REST path; with the tag of an earlier answer an unchanged one costs nothing.
    pub(super) async fn get(&self, path: &str, etag: Option<&str>) -> Result<RestAnswer, SourceError> {
        let mut headers = HeaderMap::new();
        if let Some(etag) = etag.and_then(|etag| etag.parse().ok()) {
            headers.insert(http::header::IF_NONE_MATCH, etag);
        }
        let attempt = self.send("core", &Request::Get(path, headers)).await?;
        let header = |name: &str| attempt.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if attempt.status == StatusCode::NOT_MODIFIED {
            self.not_modified.fetch_add(1, Ordering::Relaxed);
            return Ok(RestAnswer { body: None, etag: etag.map(str::to_owned), next: None });
        }
        if attempt.status == StatusCode::NOT_FOUND {
            return Err(SourceError::NotFound(format!(
                "{} does not show {path} to {}",
                self.base_url, self.credential
            )));
        }
        let next = header("link").and_then(|link| next_page(&link)).map(|url| url.replacen(&self.base_url, "", 1));
        let body = serde_json::from_slice(&attempt.body)
            .map_err(|error| SourceError::Malformed(format!("GitHub's answer to {path} is no JSON: {error}")))?;
        Ok(RestAnswer { body: Some(body), etag: header("etag"), next })
    }

    /// Where GitHub sends for what it keeps elsewhere. `None` where it is there no more.
    pub(super) async fn location(&self, path: &str) -> Result<Option<Url>, SourceError> {
        let attempt = self.send("core", &Request::Get(path, HeaderMap::new())).await?;
        match attempt.status {
            StatusCode::FOUND | StatusCode::TEMPORARY_REDIRECT => {
                let location = attempt.headers.get(http::header::LOCATION).and_then(|value| value.to_str().ok());
                let malformed = || SourceError::Malformed(format!("GitHub redirects {path} nowhere"));
                location.and_then(|location| location.parse().ok()).map(Some).ok_or_else(malformed)
            }
            StatusCode::GONE | StatusCode::NOT_FOUND => Ok(None),
            status => {
                Err(SourceError::Malformed(format!("GitHub answers {status} to {path}; a redirect was expected")))
            }
        }
    }

    /// The scopes of a classic token. `None` where GitHub does not tell (Apps, fine-grained tokens).
    pub(super) async fn scopes(&self) -> Result<Option<String>, SourceError> {
        let attempt = self.send("core", &Request::Get("/rate_limit", HeaderMap::new())).await?;
        let scopes = attempt.headers.get("x-oauth-scopes").and_then(|value| value.to_str().ok());
        Ok(scopes.map(str::to_owned))
    }

    /// What is left, as `doctor` tells it.
    pub(super) fn budget_left(&self) -> Vec<String> {
        let budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let left = budget.left().iter();
        left.map(|(resource, left)| format!("{resource}: {} of {} left", left.remaining, left.limit)).collect()
    }

    pub(super) fn telemetry(&self) -> Vec<Telemetry> {
        let plain = |name, help, value: f64| Telemetry { name, help, labels: Vec::new(), value };
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let mut samples = vec![
            plain("requests_total", "Requests that the source has made.", count(&self.requests)),
            plain(
                "not_modified_total",
                "Requests that cost nothing because nothing had changed.",
                count(&self.not_modified),
            ),
            plain("graphql_points_total", "GraphQL points that the source has spent.", count(&self.points)),
            plain(
                "rate_limit_wait_seconds_total",
                "Time spent waiting for limits.",
                count(&self.waited_milliseconds) / 1000.0,
            ),
        ];
        let budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        for (resource, left) in budget.left() {
            let labels = vec![("resource", resource.clone())];
            let help = "What is left of the hourly budget.";
            samples.push(Telemetry {
                name: "rate_limit_remaining",
                help,
                labels: labels.clone(),
                value: left.remaining as f64,
            });
            let help = "The hourly budget.";
            samples.push(Telemetry { name: "rate_limit_limit", help, labels, value: left.limit as f64 });
        }
        samples
    }

    /// Sends until there is an answer that means something: waits for budgets and refusals, tries broken connections,
    /// broken bodies and server errors again.
    async fn send(&self, resource: &str, request: &Request<'_>) -> Result<Attempt, SourceError> {
        let (mut tries, mut refusals) = (0, 0);
        loop {
            self.wait_for_budget(resource).await?;
            tries += 1;
            self.requests.fetch_add(1, Ordering::Relaxed);
            let problem = match read(self.perform(request).await).await {
                Err(problem) => problem,
                Ok(attempt) => {
                    self.budget.lock().unwrap_or_else(PoisonError::into_inner).note(&attempt.headers);
                    match self.judge(resource, &attempt, tries, refusals)? {
                        Judgement::Good => return Ok(attempt),
                        Judgement::Again(problem) => problem,
                        Judgement::Refused(message) => {
                            self.wait_after(&attempt.headers, &message, refusals).await?;
                            refusals += 1;
                            tries -= 1;
                            continue;
                        }
                    }
                }
            };
            if tries >= TRIES {
                let place = &self.base_url;
                return Err(SourceError::Unavailable(format!(
                    "{problem} at {place}, after {tries} tries: check base_url and the network; chiplog goes on trying"
                )));
            }
            // The jitter keeps replicas that met the same trouble from coming back together.
            let jitter = u64::from(rand_byte());
            tokio::time::sleep(Duration::from_millis((100 << tries) + jitter)).await;
        }
    }

    fn judge(&self, resource: &str, attempt: &Attempt, tries: u32, refusals: u32) -> Result<Judgement, SourceError> {
        let message = || {
            let body: Value = serde_json::from_slice(&attempt.body).unwrap_or_default();
            body["message"].as_str().unwrap_or_default().to_owned()
        };
        match attempt.status {
            StatusCode::UNAUTHORIZED if self.is_app && tries == 1 => {
                Ok(Judgement::Again("the installation token has ended".to_owned()))
            }
            StatusCode::UNAUTHORIZED => Err(SourceError::Unauthorized(format!(
                "GitHub refuses {} (401 {}): it has expired or was revoked. Make a new one and start chiplog again",
                self.credential,
                message()
            ))),
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                let message = message();
                if wait_after_refusal(&attempt.headers, &message, refusals, (self.now)()).is_some() {
                    return Ok(Judgement::Refused(message));
                }
                let accepted = attempt.headers.get("x-accepted-oauth-scopes").and_then(|value| value.to_str().ok());
                let needed = accepted.filter(|scopes| !scopes.is_empty()).map_or_else(
                    || "read access to repositories, pull requests, deployments, actions and members".to_owned(),
                    |scopes| format!("one of the scopes {scopes}"),
                );
                Err(SourceError::Forbidden(format!(
                    "GitHub does not let {} do this (403 {message}): give it {needed}",
                    self.credential
                )))
            }
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT if resource == "graphql" => Ok(Judgement::Good),
            status if status.is_server_error() => Ok(Judgement::Again(format!("GitHub answers {status}"))),
            StatusCode::OK if serde_json::from_slice::<serde::de::IgnoredAny>(&attempt.body).is_err() => {
                Ok(Judgement::Again("GitHub answers with broken JSON".to_owned()))
            }
            _ => Ok(Judgement::Good),
        }
    }

    fn graphql_error(&self, kind: &str, message: &str) -> SourceError {
        if kind == "NOT_FOUND" || message.starts_with("Could not resolve to") {
            return SourceError::NotFound(format!(
                "{message} Check the name, and that {} may see it (SSO authorised, scope read:org for teams)",
                self.credential
            ));
        }
        if kind == "FORBIDDEN" || kind == "INSUFFICIENT_SCOPES" {
            return SourceError::Forbidden(format!("GitHub does not show this to {}: {message}", self.credential));
        }
        SourceError::Malformed(format!("GitHub refuses the query: {message}"))
    }

    async fn perform(&self, request: &Request<'_>) -> octocrab::Result<Answer> {
        match request {
            // An App's tokens come from below `/api/v3`, also where GraphQL lies beside it.
            Request::Graphql(body) if self.is_app && self.base_url.ends_with("/v3") => {
                let token = self.rest.installation_token().await?;
                self.graphql.user_access_token(token)?._post("/graphql", Some(*body)).await
            }
            Request::Graphql(body) => self.graphql._post("/graphql", Some(*body)).await,
            Request::Get(path, headers) => self.rest._get_with_headers(*path, Some(headers.clone())).await,
        }
    }

    async fn wait_for_budget(&self, resource: &str) -> Result<(), SourceError> {
        loop {
            let until = self.budget.lock().unwrap_or_else(PoisonError::into_inner).wait_until(resource, (self.now)());
            let Some((until, reason)) = until else { return Ok(()) };
            let wait = (until - (self.now)()).to_std().unwrap_or_default();
            let why = match reason {
                Wait::Refused => "it asked to wait".to_owned(),
                Wait::Reserve => format!("the {resource} budget of {} is down to the reserve", self.credential),
                Wait::Pace => format!("{} asks as often in a minute as its {resource} limit allows", self.credential),
            };
            self.wait(wait, &why).await?;
        }
    }

    async fn wait_after(&self, headers: &HeaderMap, message: &str, refusals: u32) -> Result<(), SourceError> {
        let wait = wait_after_refusal(headers, message, refusals, (self.now)()).unwrap_or(Duration::from_mins(1));
        if refusals >= REFUSALS {
            return self.rate_limited(Duration::from_mins(5), message);
        }
        if let Ok(hold) = chrono::Duration::from_std(wait) {
            self.budget.lock().unwrap_or_else(PoisonError::into_inner).hold_until((self.now)() + hold);
        }
        self.wait(wait, message).await
    }

    async fn wait(&self, wait: Duration, why: &str) -> Result<(), SourceError> {
        if wait > LONGEST_WAIT {
            return self.rate_limited(wait, why);
        }
        if wait > Duration::from_secs(5) {
            tracing::info!(seconds = wait.as_secs(), "waiting {} s for GitHub: {why}", wait.as_secs());
        }
        let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.waited_milliseconds.fetch_add(milliseconds, Ordering::Relaxed);
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn rate_limited(&self, wait: Duration, why: &str) -> Result<(), SourceError> {
        let retry_at = (self.now)() + chrono::Duration::from_std(wait).unwrap_or_default();
        let at = retry_at.format("%H:%M UTC");
        Err(SourceError::RateLimited { message: format!("{why}; chiplog goes on at {at}"), retry_at })
    }
}

/// What an answer means for the request.
enum Judgement {
    Good,
    Again(String),
    Refused(String),
}

/// An answer whose body is still to be read.
type Answer = Response<http_body_util::combinators::BoxBody<axum::body::Bytes, octocrab::Error>>;

async fn read(answer: octocrab::Result<Answer>) -> Result<Attempt, String> {
    let answer = answer.map_err(|error| match error {
        octocrab::Error::GitHub { source, .. } => {
            format!("GitHub gives the App no token ({}): check id, installation_id and the private key", source.message)
        }
        _ => "GitHub cannot be reached".to_owned(),
    })?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(|_| "GitHub's answer breaks off".to_owned())?;
    Ok(Attempt { status: parts.status, headers: parts.headers, body: body.to_bytes().to_vec() })
}

fn rand_byte() -> u8 {
    let mut byte = [0];
    // Without random numbers there is no jitter, and nothing else is lost.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

fn octocrab(base_url: &str, credential: &Credential) -> Result<Octocrab, ConfigureError> {
    let problem = |key: &str, problem: String| ConfigureError::Value { key: key.to_owned(), problem };
    let builder = Octocrab::builder()
        .base_uri(base_url)
        .map_err(|_| problem("base_url", "is no URL".to_owned()))?
        .set_connect_timeout(Some(Duration::from_secs(10)))
        .set_read_timeout(Some(Duration::from_secs(30)));
    match credential {
        Credential::Token { token, .. } => builder
            .personal_token(token.expose_secret().to_owned())
            .build()
            .map_err(|error| problem("token_env", format!("cannot be used: {error}"))),
        Credential::App { id, installation_id, private_key } => builder
            .app_from_rsa_pem(AppId(*id), private_key.expose_secret().as_bytes())
            .map_err(|_| {
                problem("app", "private_key is no RSA key in PEM form: download it anew from the App's page".to_owned())
            })?
            .build()
            .and_then(|app| app.installation(InstallationId(*installation_id)))
            .map_err(|error| problem("app", format!("cannot be used: {error}"))),
    }
}

/// The URL of the next page in a `Link` header.
pub(super) fn next_page(link: &str) -> Option<String> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let (_, rest) = next.split_once('<')?;
    Some(rest.split_once('>')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_read_from_the_link_header() {
        let link = "<https://a/x?page=1>; rel=\"prev\", <https://a/x?page=3>; rel=\"next\"";
        assert_eq!(next_page(link).as_deref(), Some("https://a/x?page=3"));
        assert_eq!(next_page("<https://a/x?page=1>; rel=\"prev\""), None);
    }
}
