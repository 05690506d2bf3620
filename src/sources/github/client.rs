//! Requests to GitHub: which credential makes them and when, limits and errors.

mod links;
mod member;
mod send;
mod sight;
mod told;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use reqwest::Url;
use serde_json::{Value, json};

use super::budget::{Limits, Resource, Urgency};
use super::config::GithubConfig;
use super::governor::Governor;
use super::ledger::Ledger;
use crate::facts::Moment;
use crate::sources::shape;
use crate::sources::source::{Clock, ConfigureError, SourceError};
pub(super) use links::next_page;
use member::{Member, Request};
use sight::Sight;

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

/// Reads the clock and waits by it.
#[derive(Clone)]
pub(super) struct Time {
    pub(super) now: Clock,
    pub(super) sleep: Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
}

impl Time {
    /// Waits in real time.
    pub(super) fn new(now: Clock) -> Self {
        Self { now, sleep: Arc::new(|wait| Box::pin(tokio::time::sleep(wait))) }
    }

    pub(super) fn now(&self) -> Moment {
        (self.now)()
    }
}

/// The ways to one GitHub, one for each credential. Clones share them and differ in what they ask for.
#[derive(Clone)]
pub(super) struct Client {
    shared: Arc<Shared>,
    urgency: Urgency,
    /// The `owner/name` that requests are about, where they do not tell themselves.
    repository: Option<String>,
    /// The one credential to ask with.
    only: Option<usize>,
}

struct Shared {
    base_url: String,
    /// The same, to compare links with.
    base: Url,
    members: Vec<Member>,
    reserve: f64,
    time: Time,
    /// Counts the answers to a backfill.
    ledger: Arc<Ledger>,
    sight: Sight,
    requests: AtomicU64,
    not_modified: AtomicU64,
    points: AtomicU64,
    waited_milliseconds: AtomicU64,
}

impl Client {
    /// `governor` gives the governor of a credential by its fingerprint.
    pub(super) fn new(
        config: &GithubConfig,
        time: Time,
        ledger: Arc<Ledger>,
        governor: impl Fn([u8; 32], Limits) -> Arc<Governor>,
    ) -> Result<Self, ConfigureError> {
        crate::sources::http::install_crypto_provider();
        let base_url = config.base_url.clone();
        let members = config.credentials.iter().map(|credential| {
            let governor = governor(credential.fingerprint(&base_url), Limits::of(&base_url));
            Member::new(&base_url, credential, governor, config.timeout)
        });
        let shared = Shared {
            members: members.collect::<Result<_, _>>()?,
            base: config.base.clone(),
            base_url,
            reserve: config.reserve,
            time,
            ledger,
            sight: Sight::default(),
            requests: AtomicU64::new(0),
            not_modified: AtomicU64::new(0),
            points: AtomicU64::new(0),
            waited_milliseconds: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared), urgency: Urgency::Fresh, repository: None, only: None })
    }

    /// The same for requests of this urgency about a repository.
    pub(super) fn asking(&self, urgency: Urgency, repository: Option<&str>) -> Self {
        Self { urgency, repository: repository.map(str::to_owned), ..self.clone() }
    }

    /// The same through each credential alone, with its label.
    pub(super) fn each(&self) -> Vec<(String, Self)> {
        let members = self.shared.members.iter().enumerate();
        let alone = members.map(|(place, member)| (member.label.clone(), Self { only: Some(place), ..self.clone() }));
        alone.collect()
    }

    /// The same without the credentials that are refused, while there are others.
    pub(super) fn each_good(&self) -> Vec<(String, Self)> {
        let now = self.shared.time.now();
        let is_good =
            |client: &Self| client.only.is_none_or(|place| !self.shared.members[place].governor.is_set_aside(now));
        let (good, refused): (Vec<_>, Vec<_>) = self.each().into_iter().partition(|(_, client)| is_good(client));
        if good.is_empty() { refused } else { good }
    }

    /// Waits by the client's clock.
    pub(super) fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        (self.shared.time.sleep)(wait)
    }

    /// How many credentials there are.
    pub(super) fn credentials(&self) -> usize {
        self.shared.members.len()
    }

    /// The credentials that see a repository, by their place; all of them where that is not known.
    pub(super) fn seers(&self, repository: &str) -> BTreeSet<usize> {
        self.shared.sight.of(repository).unwrap_or_else(|| (0..self.credentials()).collect())
    }

    /// Takes note of which credentials see a repository.
    pub(super) fn seen_by(&self, repository: &str, labels: &[String]) {
        let members = self.shared.members.iter().enumerate();
        let seers = members.filter(|(_, member)| labels.contains(&member.label)).map(|(place, _)| place);
        self.shared.sight.set(repository, seers.collect());
    }

    /// Asks GraphQL and returns the data. What is hidden or gone in it is `null`, and its reader says so.
    pub(super) async fn graphql(&self, query: &str, variables: &Value) -> Result<Value, CallError> {
        let body = json!({ "query": query, "variables": variables });
        let request = Request::Graphql(&body);
        let about = self.repository.clone().or_else(|| sight::of_variables(variables));
        let (mut refusals, mut tried) = (0, BTreeSet::new());
        loop {
            let sent = self.send(Resource::Graphql, &request, about.as_deref(), &mut tried).await?;
            let attempt = &sent.attempt;
            self.must_be_here(attempt)?;
            if matches!(attempt.status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT) {
                return Err(CallError::TooMuch);
            }
            if !attempt.status.is_success() {
                return Err(unexpected(attempt.status, "a query").into());
            }
            let mut answer: Value = serde_json::from_slice(&attempt.body).unwrap_or_default();
            let errors = shape::take(&mut answer, "errors");
            let errors = errors.as_array().cloned().unwrap_or_default();
            let first = errors.first().unwrap_or(&Value::Null);
            let (kind, message) =
                (first["type"].as_str().unwrap_or_default(), first["message"].as_str().unwrap_or_default());
            if kind == "RATE_LIMITED" || message.contains("rate limit") {
                self.hold(sent.member, &attempt.headers, "API rate limit exceeded", refusals)?;
                refusals += 1;
                continue;
            }
            if kind == "MAX_NODE_LIMIT_EXCEEDED" || message.contains("timeout") {
                return Err(CallError::TooMuch);
            }
            let data = shape::take(&mut answer, "data");
            if !data.is_object() && errors.is_empty() {
                let text = "GitHub's answer to a query has no data: check base_url, and what is in between";
                return Err(SourceError::Malformed(text.to_owned()).into());
            }
            if let Some(cost) = data["rateLimit"]["cost"].as_u64() {
                self.shared.points.fetch_add(cost, Ordering::Relaxed);
                self.shared.members[sent.member].governor.spent(self.ask(Resource::Graphql), cost);
            }
            let nothing = data
                .as_object()
                .is_none_or(|data| data.iter().all(|(key, value)| key == "rateLimit" || value.is_null()));
            if kind == "INSUFFICIENT_SCOPES" || (nothing && !errors.is_empty()) {
                // What one credential does not see, another may.
                let hidden = matches!(kind, "NOT_FOUND" | "FORBIDDEN" | "INSUFFICIENT_SCOPES");
                if hidden && self.has_others(&mut tried, sent.member) {
                    continue;
                }
                return Err(self.graphql_error(sent.member, kind, message).into());
            }
            // What is hidden or gone is null for good; any other gap is an answer that broke off, and is asked for again.
            let for_good = |error: &Value| matches!(error["type"].as_str(), Some("NOT_FOUND" | "FORBIDDEN"));
            if !errors.iter().all(for_good) {
                return Err(CallError::TooMuch);
            }
            self.learn(about.as_deref(), &tried, sent.member);
            return Ok(data);
        }
    }

    /// Gets a REST path; with the tag of an earlier answer an unchanged one costs nothing.
    ///
    /// GitHub's tags differ by credential, so with several of them the tag carries the label of the one that got it, and
    /// that one is asked again.
    pub(super) async fn get(&self, path: &str, etag: Option<&str>) -> Result<RestAnswer, SourceError> {
        let (asker, tag) = self.owner_of(etag);
        let asking = asker.map_or_else(|| self.clone(), |asker| Self { only: Some(asker), ..self.clone() });
        let mut headers = HeaderMap::new();
        if let Some(tag) = tag.and_then(|tag| tag.parse().ok()) {
            headers.insert(http::header::IF_NONE_MATCH, tag);
        }
        let about = self.repository.clone().or_else(|| sight::of_path(path));
        let mut tried = BTreeSet::new();
        let mut sent = asking.follow(path, &headers, about.as_deref(), &mut tried).await;
        let shows_nothing = match &sent {
            Ok(sent) => sent.attempt.status == StatusCode::NOT_FOUND,
            Err(error) => matches!(error, SourceError::Unauthorized(_) | SourceError::Forbidden(_)),
        };
        if shows_nothing && asking.only != self.only && tried.len() < self.credentials() {
            // The credential of the tag has it no longer: the others ask without the tag.
            sent = self.follow(path, &HeaderMap::new(), about.as_deref(), &mut tried).await;
        }
        let sent = sent?;
        let (attempt, member) = (&sent.attempt, &self.shared.members[sent.member]);
        let header = |name: &str| attempt.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if attempt.status == StatusCode::NOT_MODIFIED {
            self.shared.not_modified.fetch_add(1, Ordering::Relaxed);
            return Ok(RestAnswer { body: None, etag: etag.map(str::to_owned), next: None });
        }
        member.governor.spent(self.ask(Resource::Core), 1);
        if matches!(attempt.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Err(SourceError::NotFound(format!(
                "{} does not show {path} to {}",
                self.shared.base_url, member.name
            )));
        }
        self.must_be_here(attempt)?;
        if !attempt.status.is_success() {
            return Err(unexpected(attempt.status, path));
        }
        self.learn(about.as_deref(), &tried, sent.member);
        let next = next_page(&self.shared.base, &attempt.headers)?;
        let body = serde_json::from_slice(&attempt.body)
            .map_err(|error| SourceError::Malformed(format!("GitHub's answer to {path} is no JSON: {error}")))?;
        let etag = header("etag").map(|tag| self.owned_by(sent.member, tag));
        Ok(RestAnswer { body: Some(body), etag, next })
    }

    /// Where GitHub sends for what it keeps elsewhere. `None` where it is there no more.
    pub(super) async fn location(&self, path: &str) -> Result<Option<Url>, SourceError> {
        let about = self.repository.clone().or_else(|| sight::of_path(path));
        let sent = self.follow(path, &HeaderMap::new(), about.as_deref(), &mut BTreeSet::new()).await?;
        let attempt = sent.attempt;
        self.shared.members[sent.member].governor.spent(self.ask(Resource::Core), 1);
        match attempt.status {
            StatusCode::FOUND | StatusCode::TEMPORARY_REDIRECT => {
                let malformed = || SourceError::Malformed(format!("GitHub redirects {path} nowhere"));
                links::target(&self.shared.base, &attempt).map(Some).ok_or_else(malformed)
            }
            StatusCode::GONE | StatusCode::NOT_FOUND => Ok(None),
            status => {
                Err(SourceError::Malformed(format!("GitHub answers {status} to {path}; a redirect was expected")))
            }
        }
    }

    /// The scopes of a classic token. `None` where GitHub does not tell (Apps, fine-grained tokens).
    pub(super) async fn scopes(&self) -> Result<Option<String>, SourceError> {
        let sent = self.follow("/rate_limit", &HeaderMap::new(), None, &mut BTreeSet::new()).await?;
        self.must_be_here(&sent.attempt)?;
        let scopes = sent.attempt.headers.get("x-oauth-scopes").and_then(|value| value.to_str().ok());
        Ok(scopes.map(str::to_owned))
    }

    fn graphql_error(&self, member: usize, kind: &str, message: &str) -> SourceError {
        let name = &self.shared.members[member].name;
        if kind == "NOT_FOUND" || message.starts_with("Could not resolve to") {
            return SourceError::NotFound(format!(
                "{message} Check the name, and that {name} may see it (SSO authorised, scope read:org for teams)"
            ));
        }
        if kind == "FORBIDDEN" || kind == "INSUFFICIENT_SCOPES" {
            return SourceError::Forbidden(format!("GitHub does not show this to {name}: {message}"));
        }
        SourceError::Malformed(format!("GitHub refuses the query: {message}"))
    }

    /// Whose tag it is, and the tag as GitHub gave it. One whose credential cannot ask now is of no use.
    fn owner_of<'t>(&self, etag: Option<&'t str>) -> (Option<usize>, Option<&'t str>) {
        let Some(etag) = etag.filter(|_| self.credentials() > 1) else { return (self.only, etag) };
        let Some((label, tag)) = etag.split_once(' ') else { return (self.only, None) };
        let now = self.shared.time.now();
        let can_ask = |member: &Member| {
            let usable = member.governor.usable(Resource::Core, self.shared.reserve, now);
            member.label == label && !member.governor.is_set_aside(now) && usable.is_none_or(|usable| usable > 0.0)
        };
        match self.shared.members.iter().position(can_ask) {
            Some(owner) => (Some(owner), Some(tag)),
            None => (self.only, None),
        }
    }

    fn owned_by(&self, member: usize, tag: String) -> String {
        if self.credentials() > 1 { format!("{} {tag}", self.shared.members[member].label) } else { tag }
    }
}

/// An answer of a status that none of GitHub's errors has; something in between has answered perhaps.
fn unexpected(status: StatusCode, path: &str) -> SourceError {
    SourceError::Malformed(format!("GitHub answers {status} to {path}: check base_url, and what is in between"))
}
