//! Pull requests, those that changed last first.

use serde_json::json;

use super::super::payload::{Page, PullRequestNode, PullRequestRest};
use super::super::{GithubSource, convert, queries};
use super::walk::PageRead;
use super::{PageSize, Target, ask, part, read_nodes};
use crate::facts::{Batch, Fact, Moment};
use crate::sources::source::SourceError;

/// One page, without what changed last before `floor`.
pub(super) async fn page(
    source: &GithubSource,
    target: &Target,
    (size, after): (&mut PageSize, Option<&str>),
    floor: Moment,
) -> Result<PageRead, SourceError> {
    let variables = target.variables(json!({ "after": after }));
    let data = size.ask(source, queries::PULL_REQUESTS, &variables).await?;
    let page: Page = part(&data, "/repository/pullRequests")?;
    let id = |node: &serde_json::Value| format!("{}#{}", target.full_name, node["number"]);
    let (nodes, rejects) = read_nodes::<PullRequestNode>(page.nodes, "pull_requests", id);
    let moments: Vec<Moment> = nodes.iter().map(|node| node.updated_at).collect();
    let mut facts = Vec::new();
    for mut node in nodes.into_iter().filter(|node| node.updated_at >= floor) {
        complete(source, (&target.owner, &target.name), &mut node).await?;
        facts.push(Fact::PullRequest(convert::pull_request(node, &target.full_name, &source.context.people)));
    }
    let batch = Batch { facts, rejects, ..Batch::default() };
    Ok(PageRead { batch, moments, info: page.page_info, total: page.total_count })
}

/// Reads on where a pull request has more commits, reviews or files than its page holds.
pub(super) async fn complete(
    source: &GithubSource,
    (owner, name): (&str, &str),
    node: &mut PullRequestNode,
) -> Result<(), SourceError> {
    loop {
        let commits = node.commits.page_info.next();
        let reviews = node.reviews.as_ref().and_then(|reviews| reviews.page_info.next());
        let files = node.files.as_ref().and_then(|files| files.page_info.next());
        if commits.is_none() && reviews.is_none() && files.is_none() {
            return Ok(());
        }
        let variables = json!({
            "owner": owner, "name": name, "number": node.number,
            "commits": commits.is_some(), "commitsAfter": commits,
            "reviews": reviews.is_some(), "reviewsAfter": reviews,
            "files": files.is_some(), "filesAfter": files,
        });
        let data = ask(source, queries::PULL_REQUEST_REST, &variables).await?;
        let rest: PullRequestRest = part(&data, "/repository/pullRequest")?;
        if let Some(more) = rest.commits {
            node.commits.nodes.extend(more.nodes);
            node.commits.page_info = more.page_info;
        }
        if let (Some(known), Some(more)) = (&mut node.reviews, rest.reviews) {
            known.nodes.extend(more.nodes);
            known.page_info = more.page_info;
        }
        if let (Some(known), Some(more)) = (&mut node.files, rest.files) {
            known.nodes.extend(more.nodes);
            known.page_info = more.page_info;
        }
    }
}
