//! Workflow runs, by REST: GraphQL knows neither conclusion nor attempt.

use std::collections::BTreeSet;

use chrono::{Duration, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::payload::RunNode;
use super::super::{GithubSource, convert};
use super::{Target, read_nodes, state};
use crate::facts::{Batch, Fact, Moment};
use crate::sources::source::{BatchSink, SourceError};

/// GitHub shows at most so many runs of one window.
const MOST_OF_A_WINDOW: usize = 1000;

/// How long after its creation a run is looked at again: it may still be under way, or be run again.
const OVERLAP: Duration = Duration::days(3);

/// How far runs have been read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Walk {
    /// The tag of the newest page, so that an unchanged one costs nothing.
    etag: Option<String>,
    /// All runs that were created until then are stored.
    read_until: Option<Moment>,
    /// The end of the window that comes next in a backfill, newest first; `None` when none is under way.
    backfill_until: Option<Moment>,
    /// When that backfill began: it brings what was created until then.
    backfill_began_at: Option<Moment>,
}

/// Looks whether there are newer runs, and reads windows of creation back to what is known.
pub(super) async fn collect(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<(), SourceError> {
    let cursor = target.cursor("runs");
    let mut walk: Walk = state(sink, &cursor).await?.unwrap_or_default();
    let base = format!("/repos/{}/{}/actions/runs", target.owner, target.name);
    let newest = source.client.get(&format!("{base}?per_page=100"), walk.etag.as_deref()).await?;
    if newest.body.is_none() && walk.backfill_until.is_none() {
        return Ok(());
    }
    let now = (source.context.now)();
    let oldest = now - source.context.history;
    let floor = walk.read_until.map_or(oldest, |until| until - OVERLAP).max(oldest);
    if let Some(body) = &newest.body {
        let runs = body["workflow_runs"].as_array().cloned().unwrap_or_default();
        let complete = newest.next.is_none() || reaches(&runs, floor);
        let batch = batch(source, (&target.owner, &target.name), &target.full_name, runs).await?;
        walk.etag = newest.etag;
        // What the newest page leaves out is read in windows; until that is done, the walk has not come to its end.
        if complete && walk.backfill_until.is_none() {
            walk.read_until = Some(now);
        } else if walk.backfill_until.is_none() {
            walk.backfill_until = Some(now);
            walk.backfill_began_at = Some(now);
        }
        store(sink, &cursor, &walk, batch).await?;
    }
    let mut width = Duration::days(30);
    while let Some(until) = walk.backfill_until {
        let from = (until - width).max(floor);
        let Some(runs) = window(source, &base, from, until).await? else {
            width = (width / 2).max(Duration::minutes(10));
            continue;
        };
        let batch = batch(source, (&target.owner, &target.name), &target.full_name, runs).await?;
        walk.backfill_until = (from > floor).then_some(from);
        if walk.backfill_until.is_none() {
            walk.read_until = walk.backfill_began_at.take();
        }
        store(sink, &cursor, &walk, batch).await?;
        width = (width * 2).min(Duration::days(30));
    }
    Ok(())
}

async fn store(sink: &dyn BatchSink, cursor: &str, walk: &Walk, mut batch: Batch) -> Result<(), SourceError> {
    batch.cursors.push((cursor.to_owned(), Some(json!(walk).to_string())));
    Ok(sink.accept(batch).await?)
}

fn reaches(runs: &[Value], floor: Moment) -> bool {
    let created = |run: &Value| run["created_at"].as_str().and_then(|at| at.parse::<Moment>().ok());
    runs.iter().filter_map(created).any(|created| created < floor)
}

/// All runs that were created in a window. `None` where it holds more than GitHub shows.
async fn window(
    source: &GithubSource,
    base: &str,
    from: Moment,
    until: Moment,
) -> Result<Option<Vec<Value>>, SourceError> {
    let text = |moment: Moment| moment.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut next = Some(format!("{base}?created={}..{}&per_page=100", text(from), text(until)));
    let mut runs = Vec::new();
    while let Some(path) = next {
        let answer = source.client.get(&path, None).await?;
        let body = answer.body.unwrap_or_default();
        runs.extend(body["workflow_runs"].as_array().cloned().unwrap_or_default());
        next = answer.next;
    }
    let narrow = until - from <= Duration::minutes(10);
    Ok((runs.len() < MOST_OF_A_WINDOW || narrow).then_some(runs))
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
            let path = format!("/repos/{owner}/{name}/actions/runs/{}/attempts/{attempt}", node.id);
            let answer = source.client.get(&path, None).await?;
            let earlier = answer.body.and_then(|body| serde_json::from_value::<RunNode>(body).ok());
            facts.extend(earlier.map(|earlier| Fact::CiRun(convert::run(earlier, full_name))));
        }
        facts.push(Fact::CiRun(convert::run(node, full_name)));
    }
    Ok(Batch { facts, rejects, ..Batch::default() })
}
