//! The commit graph: the default branch first, then whatever tags, releases and deployments point to beside it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::ledger::{PartKind, Progress};
use super::super::payload::{CommitNode, Page};
use super::super::{GithubSource, convert, queries};
use super::{Target, ask, note_progress, part, read_nodes, state};
use crate::address;
use crate::facts::{Batch, Fact, Moment, Reject};
use crate::sources::source::{BatchSink, SinkError, SourceError};

/// The largest page of a history.
const PAGE: u64 = 100;

/// How far the first walk has come. Once it is complete, a stored commit has all its ancestors stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct FirstWalk {
    head: Option<String>,
    next_page: Option<String>,
    complete: bool,
    progress: Progress,
}

/// Brings the top of the graph up to date: the first page of a repository that was never read; else what the default branch
/// leads to and is not stored. Returns whether history is left.
pub(super) async fn forward(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<bool, SourceError> {
    let Some((_, head)) = &target.head else { return Ok(false) };
    let walk: FirstWalk = state(sink, &target.cursor("commits")).await?.unwrap_or_default();
    if walk.head.is_none() && !walk.complete {
        return back(source, sink, target).await;
    }
    if walk.complete {
        settle(source, sink, target, head).await?;
    } else if !missing(sink, target, [head.clone()].into()).await?.is_empty() {
        // What is stored has its ancestors stored when the first walk ends.
        walk_to_known(source, sink, target, head).await?;
    }
    Ok(!walk.complete)
}

/// Reads one page of the first walk, if that is not complete. Returns whether there is more.
pub(super) async fn back(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<bool, SourceError> {
    let Some((_, head)) = &target.head else { return Ok(false) };
    let was_complete = first_walk(source, sink, target, head).await?;
    let waiting: BTreeSet<String> = state(sink, &target.cursor("heads")).await?.unwrap_or_default();
    let walk: FirstWalk = state(sink, &target.cursor("commits")).await?.unwrap_or_default();
    if walk.complete && !(was_complete && waiting.is_empty()) {
        settle(source, sink, target, head).await?;
    }
    Ok(!walk.complete)
}

/// Every ancestor of the default branch and of every commit that something was deployed, released or tagged from, back to
/// the beginning of the history that is wanted.
async fn settle(source: &GithubSource, sink: &dyn BatchSink, target: &Target, head: &str) -> Result<(), SourceError> {
    let mut heads: BTreeSet<String> = state(sink, &target.cursor("heads")).await?.unwrap_or_default();
    heads.insert(head.to_owned());
    reach(source, sink, target, heads).await?;
    sink.accept(Batch { cursors: vec![(target.cursor("heads"), None)], ..Batch::default() }).await?;
    Ok(())
}

/// Whether the first walk is complete: until then what else is pushed will be read by it.
pub(super) async fn is_walked(sink: &dyn BatchSink, target: &Target) -> Result<bool, SinkError> {
    let walk: Option<FirstWalk> = state(sink, &target.cursor("commits")).await?;
    Ok(walk.is_some_and(|walk| walk.complete))
}

/// Reads the history behind commits that are not stored, back to what is. Sets no cursor.
pub(super) async fn reach(
    source: &GithubSource,
    sink: &dyn BatchSink,
    target: &Target,
    heads: BTreeSet<String>,
) -> Result<(), SourceError> {
    for head in missing(sink, target, heads).await? {
        // An earlier walk of this round may have met it.
        if !missing(sink, target, [head.clone()].into()).await?.is_empty() {
            walk_to_known(source, sink, target, &head).await?;
        }
    }
    Ok(())
}

/// Remembers commits that must be known, in the same transaction as the facts that point to them.
pub(super) async fn with_heads(
    sink: &dyn BatchSink,
    target: &Target,
    oids: impl IntoIterator<Item = String>,
) -> Result<(String, Option<String>), SinkError> {
    let cursor = target.cursor("heads");
    let mut heads: BTreeSet<String> = state(sink, &cursor).await?.unwrap_or_default();
    heads.extend(oids);
    Ok((cursor, Some(json!(heads).to_string())))
}

/// One page of the whole default branch, taken up where it was left. Says whether it was complete before.
async fn first_walk(
    source: &GithubSource,
    sink: &dyn BatchSink,
    target: &Target,
    head: &str,
) -> Result<bool, SourceError> {
    let cursor = target.cursor("commits");
    let mut walk: FirstWalk = state(sink, &cursor).await?.unwrap_or_default();
    while !walk.complete {
        let from = walk.head.get_or_insert_with(|| head.to_owned()).clone();
        let Some(page) = page(source, target, &from, walk.next_page.as_deref()).await? else {
            if from == head {
                return Err(SourceError::Malformed(format!(
                    "GitHub shows no history of {} at its head",
                    target.full_name
                )));
            }
            // The branch was forced elsewhere since the walk began: it begins anew.
            walk = FirstWalk::default();
            continue;
        };
        let (facts, rejects) = facts(source, target, page.nodes).await?;
        walk.progress = Progress {
            done: walk.progress.done + facts.len() as u64,
            total: page.total_count.or(walk.progress.total),
            requests: walk.progress.requests + 1,
            covered: 0.0,
        };
        walk.next_page = page.page_info.next();
        walk.complete = walk.next_page.is_none();
        let cursors = vec![(cursor.clone(), Some(json!(walk).to_string()))];
        sink.accept(Batch { facts, rejects, cursors }).await?;
        note_progress(source, sink, target, PartKind::Commits, &walk.progress, walk.complete);
        return Ok(false);
    }
    Ok(true)
}

/// Walks back from a commit until everything that it still leads to is stored. What is found is stored together, so that
/// a stored commit has its ancestors stored.
async fn walk_to_known(
    source: &GithubSource,
    sink: &dyn BatchSink,
    target: &Target,
    head: &str,
) -> Result<(), SourceError> {
    let oldest = (source.context.now)() - source.context.history;
    let mut needed = BTreeSet::from([head.to_owned()]);
    let mut seen = BTreeSet::new();
    let mut found = Batch::default();
    let mut after: Option<String> = None;
    // A commit that was garbage-collected at the host has no history; attribution reports what points to it.
    while let Some(page) = page(source, target, head, after.as_deref()).await? {
        let mut parents = BTreeSet::new();
        let (nodes, rejects) = read_nodes::<CommitNode>(page.nodes, "commits", |node| id(target, node));
        found.rejects.extend(rejects);
        for node in &nodes {
            seen.insert(node.oid.clone());
            if needed.remove(&node.oid) && node.committed_date >= oldest {
                let new = node.parents.nodes.iter().map(|parent| parent.oid.clone());
                // A parent comes after its child in the same page, or on a later one.
                needed.extend(new.clone().filter(|oid| !seen.contains(oid)));
                parents.extend(new);
            }
        }
        let stored = stored(sink, target, parents.iter().chain(&needed).cloned().collect()).await?;
        needed.retain(|oid| !stored.contains(oid));
        let fresh = nodes.into_iter().filter(|node| !stored.contains(&node.oid)).collect();
        found.facts.extend(commit_facts(source, target, fresh).await?);
        after = page.page_info.next();
        if needed.is_empty() || after.is_none() {
            break;
        }
    }
    sink.accept(found).await?;
    Ok(())
}

/// A page of the history behind a commit. `None` where the host does not have the commit.
async fn page(
    source: &GithubSource,
    target: &Target,
    oid: &str,
    after: Option<&str>,
) -> Result<Option<Page>, SourceError> {
    let since: Moment = (source.context.now)() - source.context.history;
    let variables = target.variables(json!({ "oid": oid, "first": PAGE, "after": after, "since": since }));
    let data = ask(source, queries::HISTORY, &variables).await?;
    match part(&data, "/repository/object/history") {
        Ok(page) => Ok(Some(page)),
        Err(SourceError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn facts(
    source: &GithubSource,
    target: &Target,
    nodes: Vec<Value>,
) -> Result<(Vec<Fact>, Vec<Reject>), SourceError> {
    let (nodes, rejects) = read_nodes::<CommitNode>(nodes, "commits", |node| id(target, node));
    Ok((commit_facts(source, target, nodes).await?, rejects))
}

/// Commits as facts; of those without a pull request the files are read where that is wanted.
async fn commit_facts(
    source: &GithubSource,
    target: &Target,
    nodes: Vec<CommitNode>,
) -> Result<Vec<Fact>, SourceError> {
    let wanted = source.config.changed_files.contains(&target.full_name);
    let mut facts = Vec::new();
    for node in nodes {
        let alone = node.associated_pull_requests.as_ref().is_none_or(|associated| associated.nodes.is_empty());
        let paths = if wanted && alone { changed_files(source, target, &node.oid).await? } else { None };
        facts.push(Fact::Commit(convert::commit(node, &target.full_name, paths, &source.context.people)));
    }
    Ok(facts)
}

async fn changed_files(source: &GithubSource, target: &Target, oid: &str) -> Result<Option<Vec<String>>, SourceError> {
    let path = format!("{}/commits/{}", target.path()?, address::encoded(oid));
    let answer = source.client.get(&path, None).await?;
    let body = answer.body.unwrap_or_default();
    if !body["sha"].is_string() {
        return Err(SourceError::Malformed(format!("GitHub's answer to {path} is no commit")));
    }
    let files = body["files"].as_array();
    Ok(files.map(|files| files.iter().filter_map(|file| file["filename"].as_str()).map(str::to_owned).collect()))
}

fn id(target: &Target, node: &Value) -> String {
    format!("{}@{}", target.full_name, node["oid"].as_str().unwrap_or_default())
}

/// Which of these commits are not stored.
async fn missing(sink: &dyn BatchSink, target: &Target, oids: BTreeSet<String>) -> Result<Vec<String>, SinkError> {
    let stored = stored(sink, target, oids.iter().cloned().collect()).await?;
    Ok(oids.into_iter().filter(|oid| !stored.contains(oid)).collect())
}

async fn stored(sink: &dyn BatchSink, target: &Target, oids: Vec<String>) -> Result<BTreeSet<String>, SinkError> {
    let keys = oids.iter().map(|oid| format!("{}@{oid}", target.full_name)).collect();
    let stored = sink.stored("commits", keys).await?;
    Ok(oids.into_iter().filter(|oid| stored.contains(&format!("{}@{oid}", target.full_name))).collect())
}
