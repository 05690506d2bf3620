//! What every source is and does.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::Duration;
use http::HeaderMap;
use thiserror::Error;

use super::budget::BudgetReport;
use super::finding::Finding;
use super::webhook::Webhook;
use crate::facts::{Batch, Moment, PersonHasher};

/// A source's table of the configuration file, with its place in the file for errors.
pub type SourceTable<'a> = toml::Spanned<toml::de::DeValue<'a>>;

/// Reads the clock.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// Reads an environment variable.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Builds a source from its table.
pub type Configure = fn(SourceTable<'_>, &SourceContext) -> Result<Arc<dyn Source>, ConfigureError>;

/// A kind of source: what the configuration, `doctor`, the metrics and the contract tests need to know of it.
pub struct Kind {
    /// The name: the table of the configuration file and the default name of a source of this kind.
    pub name: &'static str,
    /// One sentence: what it brings.
    pub summary: &'static str,
    /// The families of facts it yields, by [`crate::facts::FactFamily::FAMILY`].
    pub families: &'static [&'static str],
    /// A commented example of its table, every key shown; part of `config/chiplog.example.toml`.
    pub example: &'static str,
    /// What personal data it sees and what becomes of it.
    pub privacy: &'static str,
    /// Where a credential is made, and what it must be allowed. Empty where none is needed.
    pub credential: &'static str,
    /// Builds a source from its table of the configuration file. The table is spanned, so that errors carry the line;
    /// secrets named by `*_env` and `*_file` keys are read through the context.
    pub configure: Configure,
}

/// Why a table of the configuration file does not make a source.
#[derive(Debug, Error)]
pub enum ConfigureError {
    /// The table has a wrong key, type or value. Carries the place in the file.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// A value is well-formed and yet impossible. The message says key, what was expected and how to mend it.
    #[error("{key}: {problem}")]
    Value {
        /// The key within the source's table.
        key: String,
        /// What is wrong and how to mend it.
        problem: String,
    },
}

/// What a source is given by the program around it.
#[derive(Clone)]
pub struct SourceContext {
    /// Turns logins into keyed hashes at the border.
    pub people: PersonHasher,
    /// How far back a first collection goes.
    pub history: Duration,
    /// How long facts are kept after they ended; what ended earlier need not be handed over. `None` is for ever.
    pub retention: Option<Duration>,
    /// How long an answer may take.
    pub timeout: std::time::Duration,
    /// The clock.
    pub now: Clock,
    /// Reads an environment variable; tests give their own.
    pub environment: Environment,
    /// The files that checklists of operational readiness ask for.
    pub readiness_files: Vec<String>,
    /// Resolves relative paths of the configuration file.
    pub base_directory: std::path::PathBuf,
}

/// A configured source.
#[async_trait]
pub trait Source: Send + Sync {
    /// The name: `source` label of metrics, first part of every fact's key. Stable.
    fn name(&self) -> &str;

    /// The kind's name.
    fn kind(&self) -> &'static str;

    /// The families of facts that it yields as it is configured.
    fn families(&self) -> Vec<&'static str>;

    /// Collects what is new since the cursors in `sink`, page by page, and returns when there is nothing more.
    ///
    /// Each page is handed to [`BatchSink::accept`] together with the cursor that says how to go on after it; both
    /// are stored in one transaction. A cancelled collection loses at most the page in hand. A bad record is a
    /// [`Reject`]; a failing part (one repository gone) is reported by [`BatchSink::report`] and the rest goes on.
    async fn collect(&self, sink: &dyn BatchSink) -> Result<(), SourceError>;

    /// Looks at what the credentials may see, for `doctor`: reads only, a handful of requests.
    async fn diagnose(&self) -> Vec<Finding>;

    /// Where it shows its credentials, for `doctor`. `None` where it has none to show.
    fn shows_credentials_to(&self) -> Option<&str> {
        None
    }

    /// How far back a first collection goes.
    fn reaches_back(&self) -> Reach {
        Reach::History
    }

    /// What is still to be read of the history, for `doctor`: reads only. `None` where a source cannot tell.
    async fn history_left(&self, _stored: &dyn FactLookup) -> Option<Finding> {
        None
    }

    /// The side of the source that tools send to. `None` for sources that only fetch.
    fn receiver(&self) -> Option<&dyn Receiver> {
        None
    }

    /// What it may still spend at its tool, and what it still has to read. `None` for sources without a budget to mind.
    fn budget(&self) -> Option<BudgetReport> {
        None
    }

    /// The side of the source that takes signed webhooks. `None` where it has none, or no secret is configured.
    fn webhook(&self) -> Option<&dyn Webhook> {
        None
    }

    /// Live counters of the source, as Prometheus samples, for `/metrics`: requests by outcome, budget left.
    fn telemetry(&self) -> Vec<Telemetry>;
}

/// How far back a first collection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// As far as `history` in `[collect]` asks for.
    History,
    /// To the beginning of what there is.
    Beginning,
    /// Not at all: what is known is what was sent since the source was set up.
    Nothing,
}

/// Takes what a tool sends by HTTP.
#[async_trait]
pub trait Receiver: Send + Sync {
    /// Makes facts of one request. Facts that earlier requests began are completed: `stored` has them. A bad record among
    /// good ones is a [`crate::facts::Reject`].
    async fn receive(&self, headers: &HeaderMap, body: &[u8], stored: &dyn FactLookup) -> Result<Batch, ReceiveError>;

    /// An id of a request, the same when it is sent again. A request that makes no sense is told at once.
    fn delivery_id(&self, headers: &HeaderMap, body: &[u8]) -> Result<String, ReceiveError>;
}

/// What is stored already.
#[async_trait]
pub trait FactLookup: Send + Sync {
    /// The document of one fact of the receiving source.
    async fn fact(&self, family: &'static str, external_id: &str) -> Result<Option<serde_json::Value>, SinkError>;

    /// The stored state of a cursor of the receiving source.
    async fn cursor(&self, name: &str) -> Result<Option<String>, SinkError>;
}

/// Why a request was not taken.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// It makes no sense as a whole. The text says what was expected.
    #[error("{0}")]
    Malformed(String),
    /// What is stored cannot be looked up.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

/// A number a source tells of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// The family's name after `chiplog_source_`, for example `requests_total`.
    pub name: &'static str,
    /// The help text.
    pub help: &'static str,
    /// Labels beside `source`.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

/// Where batches go, and where cursors are kept.
#[async_trait]
pub trait BatchSink: Send + Sync {
    /// The stored state of a cursor. `None` if it was never set.
    async fn cursor(&self, name: &str) -> Result<Option<String>, SinkError>;

    /// Which of these facts are stored already, by external id: so that a walk through a history can stop at what is
    /// known.
    async fn stored(&self, family: &'static str, external_ids: Vec<String>) -> Result<BTreeSet<String>, SinkError>;

    /// The document of one stored fact: for what can only be told by comparing with what was known before.
    async fn fact(&self, family: &'static str, external_id: &str) -> Result<Option<serde_json::Value>, SinkError>;

    /// Stores facts, rejects and cursors in one transaction.
    async fn accept(&self, batch: Batch) -> Result<(), SinkError>;

    /// How far a long collection has come, for bars, log lines and metrics. `total` is `None` while unknown.
    fn progress(&self, part: &str, done: u64, total: Option<u64>);

    /// A part that failed while the rest goes on (one repository gone, one permission missing).
    fn report(&self, part: &str, error: &SourceError);
}

/// The store did not take a batch.
#[derive(Debug, Error)]
#[error("the collected facts could not be stored: {message}")]
pub struct SinkError {
    /// The store's own message.
    pub message: String,
}

/// Why a source could not be collected. The text says what to do.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The credentials are refused.
    #[error("{0}")]
    Unauthorized(String),
    /// The credentials lack a permission.
    #[error("{0}")]
    Forbidden(String),
    /// What was asked for does not exist (or is hidden from these credentials).
    #[error("{0}")]
    NotFound(String),
    /// The budget is used up; try again at the given moment.
    #[error("{message}")]
    RateLimited {
        /// The sentence for people.
        message: String,
        /// When the budget is renewed.
        retry_at: Moment,
    },
    /// The host cannot be reached or answers with errors.
    #[error("{0}")]
    Unavailable(String),
    /// The answer makes no sense.
    #[error("{0}")]
    Malformed(String),
    /// The store did not take the batch.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

impl SourceError {
    /// The `reason` label of `chiplog_source_errors_total`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable(_) => "unavailable",
            Self::Malformed(_) => "malformed",
            Self::Sink(_) => "store",
        }
    }
}
