//! The simulated GitHub: GraphQL validated and executed against GitHub's own published schema, REST of GitHub's shapes,
//! budgets with real arithmetic, faults on demand.

mod access;
mod faults;
mod graphql;
mod hook;
mod log;
mod rest;
mod server;
mod sight;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use access::AppOptions;
pub use faults::{Fault, Faults};
pub use hook::{HookLog, SentDelivery};
pub use log::{LoggedRequest, RequestLog};

use crate::wire;
use crate::world::{Moment, World};

/// Where the pages for people would be; the addresses in answers begin with it.
const WEB: &str = "https://github.example";

/// The login behind the personal access token.
const VIEWER: &str = "simulated-viewer";

/// The world as servers share it; a test may change it between two polls.
pub type SharedWorld = Arc<RwLock<World>>;

/// Reads the clock of the simulation.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// How the simulated GitHub behaves.
#[derive(Clone)]
pub struct GithubOptions {
    /// GitHub's GraphQL schema; see [`schema_path`].
    pub schema: PathBuf,
    /// The clock.
    pub now: Clock,
    /// The personal access token that is accepted.
    pub token: String,
    /// What the personal access token may do, as `X-OAuth-Scopes` tells it: without `repo` no repository is seen, without
    /// `read:org` no team.
    pub scopes: String,
    /// More personal access tokens that are accepted, with what each may see. They have the same scopes.
    pub more_tokens: Vec<TokenOptions>,
    /// A GitHub App whose installation tokens are accepted too.
    pub app: Option<AppOptions>,
    /// GraphQL points per hour and token.
    pub points_per_hour: u64,
    /// REST requests per hour and token.
    pub requests_per_hour: u64,
    /// The secondary limits.
    pub secondary: SecondaryLimits,
    /// Queries that may return more nodes than this get a 502, as GitHub's ten seconds would give, and cost twice.
    pub most_nodes: u64,
    /// How long each answer takes.
    pub latency: std::time::Duration,
    /// The root that its links and redirects begin with; where it listens unless given.
    pub calls_itself: Option<String>,
    /// What goes wrong.
    pub faults: Faults,
    /// What was sent by webhook.
    pub hook: HookLog,
}

impl GithubOptions {
    /// The usual behaviour, with the schema where the set-up scripts put it.
    pub fn new(now: Clock) -> Self {
        Self {
            schema: schema_path(),
            now,
            token: "ghp_simulated".to_owned(),
            scopes: "read:org, read:project, repo".to_owned(),
            more_tokens: Vec::new(),
            app: None,
            points_per_hour: 5000,
            requests_per_hour: 5000,
            secondary: SecondaryLimits::default(),
            most_nodes: 60_000,
            latency: std::time::Duration::ZERO,
            calls_itself: None,
            faults: Faults::default(),
            hook: HookLog::default(),
        }
    }
}

/// A personal access token.
#[derive(Debug, Clone)]
pub struct TokenOptions {
    /// The token.
    pub token: String,
    /// The owners whose repositories it sees; all where that is empty.
    pub owners: Vec<String>,
}

/// What GitHub calls secondary limits: how often and how many at once a token may ask.
#[derive(Debug, Clone, Copy)]
pub struct SecondaryLimits {
    /// GraphQL requests of a minute.
    pub graphql_per_minute: u64,
    /// REST requests of a minute.
    pub rest_per_minute: u64,
    /// Requests at the same time.
    pub at_once: u64,
}

impl Default for SecondaryLimits {
    fn default() -> Self {
        Self { graphql_per_minute: 2000, rest_per_minute: 900, at_once: 100 }
    }
}

/// The payload of a webhook, with the shapes of GitHub's REST objects. `subject` is the number or id of what it is about: of
/// a pull request, an issue, a deployment, a release, a run, an alert; for a push the branch, or `tags/NAME`. `None` where
/// the world has no such thing.
pub fn payload(world: &World, event: &str, repository: &str, subject: &str) -> Option<serde_json::Value> {
    rest::webhooks::payload(world, event, repository, subject)
}

/// Where the set-up scripts put GitHub's GraphQL schema.
pub fn schema_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/github-schema/schema.graphql")
}

/// A running simulated GitHub. It ends when this is dropped.
pub struct GithubSimulator {
    base_url: String,
    log: RequestLog,
    server: JoinHandle<()>,
}

impl GithubSimulator {
    /// Starts it on a free loopback port.
    pub async fn start(world: SharedWorld, options: GithubOptions) -> Result<Self> {
        Self::start_at(world, options, "127.0.0.1:0").await
    }

    /// Starts it at an address.
    pub async fn start_at(world: SharedWorld, options: GithubOptions, address: &str) -> Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let log = RequestLog::default();
        let router = server::router(world, options, base_url.clone(), log.clone())?;
        let server = tokio::spawn(async move {
            if let Err(error) = wire::serve(listener, router).await {
                tracing::error!("the simulated GitHub failed: {error}");
            }
        });
        Ok(Self { base_url, log, server })
    }

    /// The root of the REST API; GraphQL is at `/graphql` below it. As an Enterprise Server it is at `/api/v3`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Ends it. Dropping it does the same.
    pub fn stop(self) {}

    /// What was asked so far.
    pub fn log(&self) -> &RequestLog {
        &self.log
    }
}

impl Drop for GithubSimulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
