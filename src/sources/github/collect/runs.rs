//! Workflow runs, by REST: GraphQL knows neither conclusion nor attempt.

use std::collections::BTreeSet;

use chrono::{Duration, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::ledger::{PartKind, Progress};
use super::super::payload::RunNode;
use super::super::{GithubSource, convert};
use super::probe::repository_path;
use super::{Target, note_progress, read_nodes, state};
use crate::facts::{Batch, Fact, Moment};
use crate::sources::clocks;
use crate::sources::shape;
use crate::sources::source::{BatchSink, SourceError};

/// GitHub shows at most so many runs of one window.
const MOST_OF_A_WINDOW: u64 = 1000;

/// How long after its creation a run is looked at again: it may still be under way, or be run again.
const OVERLAP: Duration = Duration::days(3);

/// The widest and the narrowest window of creation that is asked for.
const WIDEST: Duration = Duration::days(30);
const NARROWEST: Duration = Duration::minutes(10);

/// How far runs have been read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Walk {
    /// The tag of the newest page, so that an unchanged one costs nothing.
    etag: Option<String>,
    /// All runs that were created until then are stored, but for those in a gap.
    read_until: Option<Moment>,
    /// What the newest page left out when it was last read.
    gap: Option<Gap>,
    /// What is left of the way back through history.
    history: Option<Gap>,
}

/// A span of creation that has still to be read, newest first, in windows of as many runs as GitHub shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Gap {
    from: Moment,
    until: Moment,
    began_with: Moment,
    window_minutes: i64,
    /// The page that comes next in the window, and how many runs the window had so far.
    next_page: Option<String>,
    seen: u64,
    requests: u64,
}

impl Gap {
    fn new(from: Moment, until: Moment) -> Self {
        let window_minutes = WIDEST.num_minutes();
        Self { from, until, began_with: until, window_minutes, next_page: None, seen: 0, requests: 0 }
    }

    fn window(&self) -> Duration {
        Duration::minutes(self.window_minutes)
    }

    /// Takes note of a page of the window: how many runs it had, how many GitHub says the window has, and what comes next.
    /// Returns whether the gap is closed.
    fn note(&mut self, runs: u64, total: Option<u64>, next_page: Option<String>) -> bool {
        self.requests += 1;
        self.seen += runs;
        self.next_page = next_page;
        let too_many = total.is_some_and(|total| total > MOST_OF_A_WINDOW)
            || (self.next_page.is_none() && self.seen >= MOST_OF_A_WINDOW);
        if too_many && self.window() > NARROWEST {
            self.window_minutes = (self.window_minutes / 2).max(NARROWEST.num_minutes());
            (self.next_page, self.seen) = (None, 0);
            return false;
        }
        if self.next_page.is_some() {
            return false;
        }
        self.until = (self.until - self.window()).max(self.from);
        self.window_minutes = (self.window_minutes * 2).min(WIDEST.num_minutes());
        self.seen = 0;
        self.until <= self.from
    }

    fn progress(&self) -> Progress {
        let days = |span: Duration| u64::try_from(span.num_days()).unwrap_or_default();
        let (whole, done) = (self.began_with - self.from, self.began_with - self.until);
        Progress {
            done: days(done),
            total: Some(days(whole)),
            requests: self.requests,
            covered: done.num_minutes() as f64 / whole.num_minutes().max(1) as f64,
        }
    }
}

/// Looks whether there are newer runs, and reads back to what is known. Returns whether history is left.
pub(super) async fn forward(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<bool, SourceError> {
    let cursor = target.cursor("runs");
    let mut walk: Walk = state(sink, &cursor).await?.unwrap_or_default();
    let base = base(target)?;
    let now = (source.context.now)();
    let newest = source.client.get(&format!("{base}?per_page=100"), walk.etag.as_deref()).await?;
    if let Some(mut body) = newest.body {
        let runs = shape::list(&mut body, "workflow_runs", "GitHub")?;
        let oldest = now - source.context.history;
        let floor = clocks::read_until(walk.read_until, now).map_or(oldest, |until| until - OVERLAP).max(oldest);
        let last = runs.iter().filter_map(created).min().unwrap_or(now);
        let complete = newest.next.is_none() || last < floor;
        let gap = (!complete).then(|| Gap::new(floor, last));
        if walk.read_until.is_none() {
            let progress = gap.as_ref().map(Gap::progress).unwrap_or_default();
            note_progress(source, sink, target, PartKind::Runs, &progress, gap.is_none());
            walk.history = gap;
        } else if let Some(gap) = gap {
            // A gap that was not closed yet ends where this one begins, or later.
            let from = walk.gap.map_or(gap.from, |open| open.from.min(gap.from));
            walk.gap = Some(Gap { from, ..gap });
        }
        walk.read_until = Some(now);
        walk.etag = newest.etag;
        let batch = batch(source, (&target.owner, &target.name), &target.full_name, runs).await?;
        store(sink, &cursor, &walk, batch).await?;
    }
    while let Some(gap) = walk.gap.as_mut() {
        let (batch, closed) = page(source, target, &base, gap).await?;
        walk.gap = walk.gap.filter(|_| !closed);
        store(sink, &cursor, &walk, batch).await?;
    }
    Ok(walk.history.is_some())
}

/// Reads one page of history, if any is left. Returns whether there is more.
pub(super) async fn back(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<bool, SourceError> {
    let cursor = target.cursor("runs");
    let mut walk: Walk = state(sink, &cursor).await?.unwrap_or_default();
    let Some(history) = walk.history.as_mut() else { return Ok(false) };
    let (batch, closed) = page(source, target, &base(target)?, history).await?;
    let progress = history.progress();
    walk.history = walk.history.filter(|_| !closed);
    store(sink, &cursor, &walk, batch).await?;
    note_progress(source, sink, target, PartKind::Runs, &progress, closed);
    Ok(!closed)
}

fn base(target: &Target) -> Result<String, SourceError> {
    Ok(format!("{}/actions/runs", target.path()?))
}

async fn store(sink: &dyn BatchSink, cursor: &str, walk: &Walk, mut batch: Batch) -> Result<(), SourceError> {
    batch.cursors.push((cursor.to_owned(), Some(json!(walk).to_string())));
    Ok(sink.accept(batch).await?)
}

fn created(run: &Value) -> Option<Moment> {
    run["created_at"].as_str().and_then(|at| at.parse::<Moment>().ok())
}

/// One page of a gap, and whether that closes it. A window that holds more than GitHub shows is asked for again, narrower.
async fn page(source: &GithubSource, target: &Target, base: &str, gap: &mut Gap) -> Result<(Batch, bool), SourceError> {
    let text = |moment: Moment| moment.to_rfc3339_opts(SecondsFormat::Secs, true);
    let from = (gap.until - gap.window()).max(gap.from);
    let first = || format!("{base}?created={}..{}&per_page=100", text(from), text(gap.until));
    // Versions before this one stored what GitHub gave, which may be no path.
    let path = gap.next_page.clone().filter(|path| path.starts_with('/')).unwrap_or_else(first);
    let answer = source.client.get(&path, None).await?;
    let mut body = answer.body.unwrap_or_default();
    let runs = shape::list(&mut body, "workflow_runs", "GitHub")?;
    let closed = gap.note(runs.len() as u64, body["total_count"].as_u64(), answer.next);
    Ok((batch(source, (&target.owner, &target.name), &target.full_name, runs).await?, closed))
}

/// Runs as facts, with their earlier attempts, which the listing does not show.
pub(super) async fn batch(
    source: &GithubSource,
    (owner, name): (&str, &str),
    full_name: &str,
    runs: Vec<Value>,
) -> Result<Batch, SourceError> {
    let id = |node: &Value| format!("{full_name}/runs/{}/attempts/{}", node["id"], node["run_attempt"]);
    let (nodes, rejects) = read_nodes::<RunNode>(runs, "ci_runs", id);
    let mut facts = Vec::new();
    let mut seen = BTreeSet::new();
    for node in nodes {
        for attempt in 1..node.run_attempt {
            if !seen.insert((node.id, attempt)) {
                continue;
            }
            let path = format!("{}/actions/runs/{}/attempts/{attempt}", repository_path(owner, name)?, node.id);
            let answer = source.client.get(&path, None).await?;
            let body = answer.body.unwrap_or_default();
            if !body["id"].is_number() {
                return Err(SourceError::Malformed(format!("GitHub's answer to {path} is no run")));
            }
            let earlier = serde_json::from_value::<RunNode>(body).ok();
            facts.extend(earlier.map(|earlier| Fact::CiRun(convert::run(earlier, full_name))));
        }
        facts.push(Fact::CiRun(convert::run(node, full_name)));
    }
    Ok(Batch { facts, rejects, ..Batch::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_read_in_windows_that_are_narrow_enough() {
        let at = |day: i64| Moment::from_timestamp(day * 86_400, 0).unwrap();
        let mut gap = Gap::new(at(0), at(45));
        // Too many in thirty days: fifteen.
        assert!(!gap.note(100, Some(1500), Some("page 2".to_owned())));
        assert_eq!((gap.until, gap.window(), gap.next_page.as_deref()), (at(45), Duration::days(15), None));
        assert!(!gap.note(100, Some(150), Some("page 2".to_owned())));
        assert_eq!((gap.until, gap.next_page.as_deref()), (at(45), Some("page 2")));
        assert!(!gap.note(50, Some(150), None));
        assert_eq!((gap.until, gap.window()), (at(30), Duration::days(30)));
        let progress = gap.progress();
        assert_eq!((progress.done, progress.total, progress.requests), (15, Some(45), 3));
        assert!((progress.covered - 1.0 / 3.0).abs() < 1e-9);
        // GitHub tells no number and shows no more than a thousand.
        for page in 0..9 {
            assert!(!gap.note(100, None, Some(format!("page {page}"))));
        }
        assert!(!gap.note(100, None, None));
        assert_eq!((gap.until, gap.window()), (at(30), Duration::days(15)));
        assert!(!gap.note(10, None, None));
        assert!(gap.note(10, None, None));
    }
}
