//! Projects: their iterations, and the status, iteration and points of the issues in them.

use serde_json::json;

use super::super::payload::{Page, ProjectItemNode, ProjectNode};
use super::super::{GithubSource, convert, queries};
use super::work_items::known;
use super::{PageSize, ask, part, read_nodes, shown};
use crate::facts::{Batch, Fact, FactFamily as _, WorkItem};
use crate::sources::source::{BatchSink, SourceError};

/// Reads each project that has changed. While history is left, issues that are not known yet are still to come: what has
/// changed is then read again.
pub(super) async fn collect(
    source: &GithubSource,
    sink: &dyn BatchSink,
    history_is_left: bool,
) -> Result<(), SourceError> {
    let Some(login) = &source.config.organization else { return Ok(()) };
    for number in &source.config.projects.numbers {
        match one(source, sink, login, *number, history_is_left).await {
            Ok(()) => {}
            Err(error @ (SourceError::NotFound(_) | SourceError::Forbidden(_) | SourceError::Malformed(_))) => {
                sink.report(&format!("project {number}"), &error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn one(
    source: &GithubSource,
    sink: &dyn BatchSink,
    login: &str,
    number: u64,
    history_is_left: bool,
) -> Result<(), SourceError> {
    let fields = &source.config.projects;
    let variables = json!({ "login": login, "number": number, "iteration": fields.iteration_field() });
    let data = ask(source, queries::PROJECT, &variables).await?;
    let project: ProjectNode = shown(&data, "/organization/projectV2", || {
        format!(
            "GitHub shows no project {number} of {login}: check projects.numbers, and that the token has the scope read:project"
        )
    })?;
    let cursor = format!("{}/project", project.id);
    let state = format!("{} {fields:?}", project.updated_at.to_rfc3339());
    if sink.cursor(&cursor).await?.as_deref() == Some(&state) {
        return Ok(());
    }
    let facts = convert::iterations(&project).into_iter().map(Fact::Iteration).collect();
    sink.accept(Batch { facts, ..Batch::default() }).await?;
    items(source, sink, login, number, &project).await?;
    if history_is_left {
        return Ok(());
    }
    Ok(sink.accept(Batch { cursors: vec![(cursor, Some(state))], ..Batch::default() }).await?)
}

/// All items of a project; GitHub does not tell which of them have changed.
async fn items(
    source: &GithubSource,
    sink: &dyn BatchSink,
    login: &str,
    number: u64,
    project: &ProjectNode,
) -> Result<(), SourceError> {
    let fields = &source.config.projects;
    let (mut size, mut after, mut done): (PageSize, Option<String>, u64) = (PageSize::new(), None, 0);
    loop {
        let variables = json!({
            "login": login, "number": number, "after": after, "status": fields.status_field(),
            "iteration": fields.iteration_field(), "points": fields.points_field(),
        });
        let data = size.ask(source, queries::PROJECT_ITEMS, &variables).await?;
        let page: Page = part(&data, "/organization/projectV2/items")?;
        let id = |node: &serde_json::Value| format!("{} {}", project.title, node["content"]);
        let (nodes, rejects) = read_nodes::<ProjectItemNode>(page.nodes, WorkItem::FAMILY, id);
        done += nodes.len() as u64;
        let mut facts = Vec::new();
        for node in nodes {
            let content = node.content.as_ref();
            let issue = content.and_then(|it| Some((&it.repository.as_ref()?.name_with_owner, it.number?)));
            let Some((repository, issue)) = issue else { continue };
            // Issues of repositories that are not collected are not known.
            if let Some(known) = known(sink, &format!("{repository}#{issue}")).await? {
                facts.push(Fact::WorkItem(convert::with_project(&known, &project.id, &node)));
            }
        }
        sink.accept(Batch { facts, rejects, ..Batch::default() }).await?;
        sink.progress(&format!("project {number}"), done, page.total_count);
        after = page.page_info.next();
        if after.is_none() {
            return Ok(());
        }
    }
}
