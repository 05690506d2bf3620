//! Deployments, releases, tags, and issues as incidents.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::payload::{DeploymentNode, IssueNode, Page, ReleaseNode, TagNode};
use super::super::{GithubSource, convert, queries};
use super::history::with_heads;
use super::walk::PageRead;
use super::{PageSize, Target, ask, part, read_nodes, state};
use crate::facts::{Batch, Deployment, Fact, Moment, Reject};
use crate::sources::shape;
use crate::sources::source::{BatchSink, SourceError};

/// Reads again what was under way: a later status does not move a deployment in GitHub's order.
pub(super) async fn open_deployments(
    source: &GithubSource,
    sink: &dyn BatchSink,
    target: &Target,
) -> Result<(), SourceError> {
    let cursor = target.cursor("open_deployments");
    let open: BTreeSet<String> = state(sink, &cursor).await?.unwrap_or_default();
    if open.is_empty() {
        return Ok(());
    }
    let mut still_open = BTreeSet::new();
    let mut facts = Vec::new();
    let ids: Vec<&String> = open.iter().collect();
    for chunk in ids.chunks(100) {
        let mut data = ask(source, queries::OPEN_DEPLOYMENTS, &json!({ "ids": chunk })).await?;
        let nodes = shape::list(&mut data, "nodes", "GitHub")?;
        for node in nodes.into_iter().filter_map(|node| serde_json::from_value::<DeploymentNode>(node).ok()) {
            let id = node.id.clone();
            let fact = convert::deployment(node, &target.full_name, &target.url);
            if is_open(source, &fact) {
                still_open.insert(id);
            }
            facts.push(Fact::Deployment(fact));
        }
    }
    let cursors = vec![(cursor, Some(json!(still_open).to_string()))];
    sink.accept(Batch { facts, cursors, ..Batch::default() }).await?;
    Ok(())
}

/// Whether a deployment may still change: one without an end for a month has been given up.
fn is_open(source: &GithubSource, fact: &Deployment) -> bool {
    fact.is_under_way() && (source.context.now)() - fact.created_at < chrono::Duration::days(30)
}

/// One page of deployments, without what was created before `floor`.
pub(super) async fn deployments_page(
    source: &GithubSource,
    sink: &dyn BatchSink,
    target: &Target,
    (size, after): (&mut PageSize, Option<&str>),
    floor: Moment,
) -> Result<PageRead, SourceError> {
    let variables = target.variables(json!({ "after": after }));
    let data = size.ask(source, queries::DEPLOYMENTS, &variables).await?;
    let page: Page = part(&data, "/repository/deployments")?;
    let id = |node: &Value| format!("{}/deployments/{}", target.full_name, node["databaseId"]);
    let (nodes, rejects) = read_nodes::<DeploymentNode>(page.nodes, "deployments", id);
    let moments: Vec<Moment> = nodes.iter().map(|node| node.created_at).collect();
    let open_cursor = target.cursor("open_deployments");
    let mut open: BTreeSet<String> = state(sink, &open_cursor).await?.unwrap_or_default();
    let mut heads = BTreeSet::new();
    let mut facts = Vec::new();
    for node in nodes.into_iter().filter(|node| node.created_at >= floor) {
        let id = node.id.clone();
        let fact = convert::deployment(node, &target.full_name, &target.url);
        heads.insert(fact.sha.clone());
        if is_open(source, &fact) {
            open.insert(id);
        }
        facts.push(Fact::Deployment(fact));
    }
    let cursors = vec![(open_cursor, Some(json!(open).to_string())), with_heads(sink, target, heads).await?];
    let batch = Batch { facts, rejects, cursors };
    Ok(PageRead { batch, moments, info: page.page_info, total: page.total_count })
}

/// All releases and tags: few enough to be read whole whenever one of them is new.
pub(super) async fn releases_and_tags(
    source: &GithubSource,
    sink: &dyn BatchSink,
    target: &Target,
) -> Result<(), SourceError> {
    let oldest = (source.context.now)() - source.context.history;
    let (mut releases, mut tags) = ((true, None), (true, None));
    while releases.0 || tags.0 {
        let variables = target.variables(json!({
            "first": 100, "releases": releases.0, "releasesAfter": releases.1, "tags": tags.0, "tagsAfter": tags.1,
        }));
        let data = ask(source, queries::RELEASES_AND_TAGS, &variables).await?;
        let mut batch = Batch::default();
        let mut heads = BTreeSet::new();
        if releases.0 {
            let page: Page = part(&data, "/repository/releases")?;
            let id = |node: &Value| format!("{}/releases/{}", target.full_name, node["databaseId"]);
            let (nodes, rejects) = read_nodes::<ReleaseNode>(page.nodes, "releases", id);
            batch.rejects.extend(rejects);
            for release in nodes.into_iter().filter_map(|node| convert::release(node, &target.full_name)) {
                if release.published_at >= oldest {
                    heads.extend(release.sha.clone());
                    batch.facts.push(Fact::Release(release));
                }
            }
            releases.1 = page.page_info.next();
            releases.0 = releases.1.is_some();
        }
        if tags.0 {
            let page: Page = part(&data, "/repository/refs")?;
            let id = |node: &Value| format!("{}/tags/{}", target.full_name, node["name"].as_str().unwrap_or_default());
            let (nodes, rejects) = read_nodes::<TagNode>(page.nodes, "tags", id);
            batch.rejects.extend(rejects);
            for node in nodes {
                let external_id = format!("{}/tags/{}", target.full_name, node.name);
                match convert::tag(node, &target.full_name, &target.url) {
                    Some(tag) if tag.tagged_at >= oldest => {
                        heads.insert(tag.sha.clone());
                        batch.facts.push(Fact::Tag(tag));
                    }
                    Some(_) => {}
                    None => batch.rejects.push(Reject {
                        family: "tags",
                        external_id,
                        reason: "the tag does not lead to a commit".to_owned(),
                    }),
                }
            }
            tags.1 = page.page_info.next();
            tags.0 = tags.1.is_some();
        }
        batch.cursors.push(with_heads(sink, target, heads).await?);
        sink.accept(batch).await?;
    }
    Ok(())
}

/// Issues with an incident label, those that changed first first.
pub(super) async fn incidents(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<(), SourceError> {
    if source.config.incident_labels.is_empty() {
        return Ok(());
    }
    let cursor = target.cursor("incidents");
    let oldest = (source.context.now)() - source.context.history;
    let mut since: Moment = state(sink, &cursor).await?.unwrap_or(oldest).max(oldest);
    let (mut size, mut after): (PageSize, Option<String>) = (PageSize::new(), None);
    loop {
        let variables = json!({ "labels": source.config.incident_labels, "since": since, "after": after });
        let data = size.ask(source, queries::ISSUES, &target.variables(variables)).await?;
        let page: Page = part(&data, "/repository/issues")?;
        let id = |node: &Value| format!("{}#{}", target.full_name, node["number"]);
        let (nodes, rejects) = read_nodes::<IssueNode>(page.nodes, "incidents", id);
        let newest = nodes.iter().map(|node| node.updated_at).max();
        let facts = nodes.into_iter().map(|node| Fact::Incident(convert::incident(node, &target.full_name))).collect();
        after = page.page_info.next();
        if after.is_none() {
            since = newest.unwrap_or(since);
        }
        let cursors = if after.is_none() { vec![(cursor.clone(), Some(json!(since).to_string()))] } else { Vec::new() };
        sink.accept(Batch { facts, rejects, cursors }).await?;
        if after.is_none() {
            return Ok(());
        }
    }
}
