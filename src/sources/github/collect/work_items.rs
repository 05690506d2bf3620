//! Issues as work items.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::ledger::{PartKind, Progress};
use super::super::payload::{IssueNode, Page};
use super::super::{GithubSource, convert, queries};
use super::{PageSize, Target, note_progress, part, read_nodes, state};
use crate::facts::{Batch, Fact, FactFamily as _, Incident, Moment, WorkItem};
use crate::sources::shape;
use crate::sources::source::{BatchSink, SourceError};

/// How far issues have been read; they are read in the order of their last change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Read {
    /// What changed from then on is read next.
    since: Option<Moment>,
    /// What is left of the time before that, oldest first.
    history: Option<History>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct History {
    since: Moment,
    until: Moment,
    progress: Progress,
}

/// Issues that changed since the last look. Returns whether history is left.
pub(super) async fn forward(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<bool, SourceError> {
    if !source.config.work_items {
        return Ok(false);
    }
    let now = (source.context.now)();
    let cursor = target.cursor("work_items");
    let mut read: Read = state(sink, &cursor).await?.unwrap_or_default();
    let Some(mut since) = read.since else {
        let progress = Progress::default();
        read.history = Some(History { since: now - source.context.history, until: now, progress });
        read.since = Some(now);
        let cursors = vec![(cursor, Some(json!(read).to_string()))];
        sink.accept(Batch { cursors, ..Batch::default() }).await?;
        return back(source, sink, target).await;
    };
    loop {
        let mut page = page(source, sink, target, since).await?;
        let goes_on = page.newest.is_some_and(|newest| newest > since) && page.has_more;
        since = page.newest.unwrap_or(since);
        read.since = Some(since);
        page.batch.cursors.push((cursor.clone(), Some(json!(read).to_string())));
        sink.accept(page.batch).await?;
        if !goes_on {
            return Ok(read.history.is_some());
        }
    }
}

/// One page of history, if any is left. Returns whether there is more.
pub(super) async fn back(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<bool, SourceError> {
    let cursor = target.cursor("work_items");
    let mut read: Read = state(sink, &cursor).await?.unwrap_or_default();
    let Some(history) = read.history.as_mut() else { return Ok(false) };
    let mut page = page(source, sink, target, history.since).await?;
    let done = history.progress.done + page.count;
    // GitHub counts what is left: the page, and what changed after it.
    let total = page.total.map(|total| history.progress.done + total);
    history.progress = Progress { done, total, requests: history.progress.requests + 1, covered: 0.0 };
    let progress = history.progress;
    match page.newest.filter(|newest| page.has_more && *newest > history.since && *newest <= history.until) {
        Some(newest) => history.since = newest,
        None => read.history = None,
    }
    page.batch.cursors.push((cursor, Some(json!(read).to_string())));
    sink.accept(page.batch).await?;
    note_progress(source, sink, target, PartKind::WorkItems, &progress, read.history.is_none());
    Ok(read.history.is_some())
}

/// Issues that were read together.
struct Issues {
    batch: Batch,
    count: u64,
    /// The newest change among them.
    newest: Option<Moment>,
    has_more: bool,
    /// How many there are from here on.
    total: Option<u64>,
}

/// One page, or more where one holds nothing but issues that changed at the same moment.
async fn page(
    source: &GithubSource,
    sink: &dyn BatchSink,
    target: &Target,
    since: Moment,
) -> Result<Issues, SourceError> {
    let mut issues = Issues { batch: Batch::default(), count: 0, newest: None, has_more: false, total: None };
    let (mut size, mut after): (PageSize, Option<String>) = (PageSize::of(PageSize::LARGEST), None);
    loop {
        let variables = target.variables(json!({ "since": since, "after": after }));
        let data = size.ask(source, queries::WORK_ITEMS, &variables).await?;
        let page: Page = part(&data, "/repository/issues")?;
        let id = |node: &Value| format!("{}#{}", target.full_name, node["number"]);
        let (nodes, rejects) = read_nodes::<IssueNode>(page.nodes, WorkItem::FAMILY, id);
        issues.batch.rejects.extend(rejects);
        issues.count += nodes.len() as u64;
        issues.total = issues.total.or(page.total_count);
        issues.newest = issues.newest.max(nodes.iter().map(|node| node.updated_at).max());
        let nodes: Vec<IssueNode> = nodes.into_iter().filter(|node| !is_incident(source, node)).collect();
        for node in &nodes {
            issues.batch.facts.extend(no_longer(source, sink, &target.full_name, node).await?);
        }
        let numbers: Vec<u64> = nodes.iter().map(|node| node.number).collect();
        let types = match issues.newest {
            Some(newest) => issue_types(source, target, (since, newest), &numbers).await?,
            None => BTreeMap::new(),
        };
        for node in nodes {
            let issue_type = types.get(&node.number).cloned().flatten();
            let now = convert::work_item(node, &target.full_name, issue_type);
            issues.batch.facts.push(Fact::WorkItem(match known(sink, &now.id).await? {
                Some(known) => convert::remember(now, known),
                None => now,
            }));
        }
        after = page.page_info.next();
        issues.has_more = after.is_some();
        if !issues.has_more || issues.newest.is_some_and(|newest| newest > since) {
            return Ok(issues);
        }
    }
}

/// The work item as it is stored; one that an older version wrote differently counts as none.
pub(super) async fn known(sink: &dyn BatchSink, id: &str) -> Result<Option<WorkItem>, SourceError> {
    let stored = sink.fact(WorkItem::FAMILY, id).await?;
    Ok(stored.and_then(|stored| serde_json::from_value(stored).ok()))
}

/// Whether one of its labels makes an issue an incident.
pub(super) fn is_incident(source: &GithubSource, node: &IssueNode) -> bool {
    let labels = node.labels.iter().flat_map(|labels| &labels.nodes);
    labels.into_iter().any(|label| source.config.incident_labels.contains(&label.name))
}

/// The incident that an issue was while it had the label.
pub(super) async fn no_longer(
    source: &GithubSource,
    sink: &dyn BatchSink,
    repository: &str,
    node: &IssueNode,
) -> Result<Option<Fact>, SourceError> {
    if source.config.incident_labels.is_empty() {
        return Ok(None);
    }
    let known = sink.fact(Incident::FAMILY, &format!("{repository}#{}", node.number)).await?;
    let known = known.and_then(|known| serde_json::from_value::<Incident>(known).ok()).filter(|known| !known.withdrawn);
    Ok(known.map(|known| Fact::Incident(Incident { withdrawn: true, updated_at: node.updated_at, ..known })))
}

/// The organisation's types of these issues, which changed in a span: REST tells them, GraphQL does not.
async fn issue_types(
    source: &GithubSource,
    target: &Target,
    (since, until): (Moment, Moment),
    numbers: &[u64],
) -> Result<BTreeMap<u64, Option<String>>, SourceError> {
    let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
    let base = target.path()?;
    let first = format!("{base}/issues?state=all&sort=updated&direction=asc&per_page=100&since={since}");
    let mut next = Some(first);
    let mut told = BTreeMap::new();
    while let Some(path) = next {
        let answer = source.client.get(&path, None).await?;
        let issues = shape::whole_list(answer.body.unwrap_or_default(), "issues", "GitHub")?;
        told.extend(issues.iter().filter_map(|issue| Some((issue["number"].as_u64()?, type_of(issue)))));
        let last = issues.last().and_then(|issue| issue["updated_at"].as_str()?.parse::<Moment>().ok());
        next = answer.next.filter(|_| last.is_none_or(|last| last <= until));
    }
    // What changes meanwhile goes to the end of the list, and what stood behind it moves up to a page that was read before.
    for number in numbers {
        if !told.contains_key(number) {
            let alone = match source.client.get(&format!("{base}/issues/{number}"), None).await {
                Ok(answer) => type_of(&answer.body.unwrap_or_default()),
                Err(SourceError::NotFound(_)) => None,
                Err(error) => return Err(error),
            };
            told.insert(*number, alone);
        }
    }
    Ok(told)
}

fn type_of(issue: &Value) -> Option<String> {
    issue["type"]["name"].as_str().map(str::to_owned)
}
