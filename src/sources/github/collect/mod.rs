//! One round: which repositories, what has changed in them, and the parts of those that have.

mod changes;
pub(super) mod deliveries;
mod files;
mod history;
mod listing;
mod operations;
mod probe;
mod projects;
mod queue;
mod reports;
mod repository;
mod round;
mod runs;
mod security;
mod walk;
mod work_items;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::GithubSource;
use super::client::CallError;
use super::ledger::{PartKind, Progress};
use crate::facts::Reject;
use crate::sources::shape;
use crate::sources::source::{BatchSink, SinkError, SourceError};
pub(super) use listing::{Found, found, of_team};
use probe::{Probe, Target};
pub(super) use repository::{HistoryLeft, history_left};
pub(super) use round::all;

/// Takes note of how far a part of a repository has come.
fn note_progress(
    source: &GithubSource,
    sink: &dyn BatchSink,
    target: &Target,
    kind: PartKind,
    progress: &Progress,
    is_finished: bool,
) {
    let (done, total) = source.ledger.note(&target.full_name, kind, progress, is_finished);
    sink.progress(kind.name(), done, total);
}

/// The state of a cursor; one that an older version wrote differently counts as none.
pub(super) async fn state<T: DeserializeOwned>(sink: &dyn BatchSink, name: &str) -> Result<Option<T>, SinkError> {
    Ok(sink.cursor(name).await?.and_then(|state| serde_json::from_str(&state).ok()))
}

/// Asks for something that is never too much.
pub(super) async fn ask(source: &GithubSource, query: &str, variables: &Value) -> Result<Value, SourceError> {
    for _ in 0..3 {
        match source.client.graphql(query, variables).await {
            Ok(data) => return Ok(data),
            Err(CallError::Source(error)) => return Err(error),
            Err(CallError::TooMuch) => {}
        }
    }
    Err(SourceError::Unavailable("GitHub does not answer in time; chiplog goes on trying".to_owned()))
}

/// Pages whose size follows what GitHub can answer: half after a time-out, more after each success.
pub(super) struct PageSize {
    size: u64,
}

impl PageSize {
    const SMALLEST: u64 = 5;
    pub(super) const LARGEST: u64 = 100;

    pub(super) fn new() -> Self {
        Self { size: 50 }
    }

    /// As an earlier walk left it.
    pub(super) fn of(size: u64) -> Self {
        Self { size: size.clamp(Self::SMALLEST, Self::LARGEST) }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Asks for one page; `variables` without `first`.
    pub(super) async fn ask(
        &mut self,
        source: &GithubSource,
        query: &str,
        variables: &Value,
    ) -> Result<Value, SourceError> {
        let mut failures = 0;
        loop {
            let mut variables = variables.clone();
            variables["first"] = json!(self.size);
            match source.client.graphql(query, &variables).await {
                Ok(data) => {
                    self.size = (self.size + self.size / 2).min(Self::LARGEST);
                    return Ok(data);
                }
                Err(CallError::Source(error)) => return Err(error),
                Err(CallError::TooMuch) if failures > 8 => {
                    return Err(SourceError::Unavailable(
                        "GitHub does not answer in time, not even small pages; chiplog goes on trying".to_owned(),
                    ));
                }
                Err(CallError::TooMuch) => {
                    failures += 1;
                    self.size = (self.size / 2).max(Self::SMALLEST);
                    tracing::debug!(size = self.size, "GitHub could not answer in time: smaller pages");
                }
            }
        }
    }
}

/// A part of the data that must be there.
pub(super) fn part<T: DeserializeOwned>(data: &Value, pointer: &str) -> Result<T, SourceError> {
    let found = data.pointer(pointer).filter(|part| !part.is_null());
    let found = found.ok_or_else(|| SourceError::NotFound(format!("GitHub shows nothing at {pointer}")))?;
    let unexpected = |error| shape::unexpected(&format!("GitHub's answer at {pointer}"), &error);
    T::deserialize(found).map_err(|error| SourceError::Malformed(unexpected(error)))
}

/// The same, with words of its own for what GitHub does not show.
pub(super) fn shown<T: DeserializeOwned>(
    data: &Value,
    pointer: &str,
    missing: impl FnOnce() -> String,
) -> Result<T, SourceError> {
    part(data, pointer).map_err(|error| match error {
        SourceError::NotFound(_) => SourceError::NotFound(missing()),
        error => error,
    })
}

fn record<T: DeserializeOwned>(node: Value) -> Result<T, SourceError> {
    let unexpected = |error| shape::unexpected("a repository", &error);
    serde_json::from_value(node).map_err(|error| SourceError::Malformed(unexpected(error)))
}

/// The nodes of a page, each read for itself: the bad ones become rejects, the good ones go on.
pub(super) fn read_nodes<T: DeserializeOwned>(
    nodes: Vec<Value>,
    family: &'static str,
    id: impl Fn(&Value) -> String,
) -> (Vec<T>, Vec<Reject>) {
    let (mut read, mut rejects) = (Vec::new(), Vec::new());
    for node in nodes {
        let external_id = id(&node);
        match serde_json::from_value(node) {
            Ok(node) => read.push(node),
            Err(error) => rejects.push(shape::unreadable(family, external_id, &error)),
        }
    }
    (read, rejects)
}
