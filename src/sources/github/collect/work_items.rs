//! Issues as work items.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::super::payload::{IssueNode, Page};
use super::super::{GithubSource, convert, queries};
use super::{PageSize, Target, part, read_nodes, state};
use crate::facts::{Batch, Fact, FactFamily as _, Moment, WorkItem};
use crate::sources::source::{BatchSink, SourceError};

/// Issues that changed since the last look, those that changed first first.
pub(super) async fn collect(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<(), SourceError> {
    if !source.config.work_items {
        return Ok(());
    }
    let cursor = target.cursor("work_items");
    let oldest = (source.context.now)() - source.context.history;
    let mut since: Moment = state(sink, &cursor).await?.unwrap_or(oldest).max(oldest);
    let types = issue_types(source, target, since).await?;
    let (mut size, mut after, mut done): (PageSize, Option<String>, u64) = (PageSize::new(), None, 0);
    loop {
        let variables = target.variables(json!({ "since": since, "after": after }));
        let data = size.ask(source, queries::WORK_ITEMS, &variables).await?;
        let page: Page = part(&data, "/repository/issues")?;
        let id = |node: &Value| format!("{}#{}", target.full_name, node["number"]);
        let (nodes, rejects) = read_nodes::<IssueNode>(page.nodes, WorkItem::FAMILY, id);
        done += nodes.len() as u64;
        let newest = nodes.iter().map(|node| node.updated_at).max();
        let mut facts = Vec::new();
        for node in nodes.into_iter().filter(|node| !is_incident(source, node)) {
            let issue_type = types.get(&node.number).cloned();
            let now = convert::work_item(node, &target.full_name, issue_type);
            facts.push(Fact::WorkItem(match known(sink, &now.id).await? {
                Some(known) => convert::remember(now, known),
                None => now,
            }));
        }
        after = page.page_info.next();
        since = newest.filter(|_| after.is_none()).unwrap_or(since);
        let cursors = if after.is_none() { vec![(cursor.clone(), Some(json!(since).to_string()))] } else { Vec::new() };
        sink.accept(Batch { facts, rejects, cursors }).await?;
        sink.progress(&format!("{} issues", target.full_name), done, page.total_count);
        if after.is_none() {
            return Ok(());
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

/// The organisation's types of the issues that changed: REST tells them, GraphQL does not.
async fn issue_types(
    source: &GithubSource,
    target: &Target,
    since: Moment,
) -> Result<BTreeMap<u64, String>, SourceError> {
    let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
    let first = format!(
        "/repos/{}/{}/issues?state=all&sort=updated&direction=asc&per_page=100&since={since}",
        target.owner, target.name
    );
    let mut next = Some(first);
    let mut types = BTreeMap::new();
    while let Some(path) = next {
        let answer = source.client.get(&path, None).await?;
        for issue in answer.body.as_ref().and_then(Value::as_array).into_iter().flatten() {
            if let (Some(number), Some(name)) = (issue["number"].as_u64(), issue["type"]["name"].as_str()) {
                types.insert(number, name.to_owned());
            }
        }
        next = answer.next;
    }
    Ok(types)
}
