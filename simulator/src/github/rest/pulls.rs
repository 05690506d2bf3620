//! Pull requests.

use serde_json::{Value, json};

use super::issues::{by_moment, label, wanted_state};
use super::shapes::{full_repository, owner, repository_page, repository_url, time, user, with};
use super::{Answer, Asked, paging};
use crate::world::{PullRequest, Repository};

/// The pull requests: open ones and newest first unless asked otherwise.
pub(super) fn pulls(asked: &Asked<'_>, of: &Repository) -> Answer {
    let is = |name: &str, value: &str| asked.parameter(name).is_none_or(|wanted| wanted == value);
    let wanted = of.pull_requests.iter().filter(|item| {
        wanted_state(asked, item.merged_at.or(item.closed_at).is_some())
            && is("base", &item.base)
            && is("head", &format!("{}:{}", of.owner, item.head))
    });
    let mut items: Vec<&PullRequest> = wanted.collect();
    // The oldest come first where another order than by creation is asked for, GitHub says; `direction` overrides it.
    let sort = asked.parameter("sort").unwrap_or("created");
    let default = if sort == "created" { "desc" } else { "asc" };
    by_moment(asked, default, &mut items, |item| {
        (if sort == "updated" { item.updated_at } else { item.created_at }, item.number)
    });
    paging::list(asked, &items, |item| pull(asked, of, item))
}

/// A pull request as lists have it.
pub(super) fn pull(asked: &Asked<'_>, of: &Repository, fact: &PullRequest) -> Value {
    let repository = repository_url(asked.root, of);
    let url = format!("{repository}/pulls/{}", fact.number);
    let issue = format!("{repository}/issues/{}", fact.number);
    let page = format!("{}/pull/{}", repository_page(of), fact.number);
    let head = fact.own_commits.last().map(|commit| commit.sha.as_str()).unwrap_or_default();
    let base = of.branches.get(&fact.base).map(String::as_str).unwrap_or_default();
    let statuses = format!("{repository}/statuses/{head}");
    let within = full_repository(asked.root, of);
    let end = |name: &str, sha: &str| {
        json!({
            "label": format!("{}:{name}", of.owner), "ref": name, "sha": sha,
            "repo": within, "user": owner(asked.root, &of.owner),
        })
    };
    let closed_at = fact.closed_at.or(fact.merged_at);
    let link = |url: &str| json!({ "href": url });
    let own = json!({
        "id": of.id * 1_000_000 + fact.number, "node_id": format!("P_{}_{}", of.id, fact.number),
        "number": fact.number, "state": if closed_at.is_some() { "closed" } else { "open" }, "locked": false,
        "title": fact.title, "body": fact.body, "draft": fact.draft, "user": user(asked.root, asked.world, &fact.author),
        "labels": fact.labels.iter().map(|name| label(&repository, name)).collect::<Vec<_>>(),
        "created_at": time(fact.created_at), "updated_at": time(fact.updated_at), "closed_at": closed_at.map(time),
        "merged_at": fact.merged_at.map(time), "merge_commit_sha": fact.merge_commit, "assignee": null,
        "assignees": [], "requested_reviewers": [], "requested_teams": [], "milestone": null, "auto_merge": null,
        "author_association": "MEMBER", "head": end(&fact.head, head), "base": end(&fact.base, base),
    });
    let addresses = json!({
        "url": url, "html_url": page, "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"),
        "issue_url": issue, "commits_url": format!("{url}/commits"), "comments_url": format!("{issue}/comments"),
        "review_comments_url": format!("{url}/comments"), "statuses_url": statuses,
        "review_comment_url": format!("{repository}/pulls/comments{{/number}}"),
        "_links": {
            "self": link(&url), "html": link(&page), "issue": link(&issue),
            "comments": link(&format!("{issue}/comments")), "commits": link(&format!("{url}/commits")),
            "review_comments": link(&format!("{url}/comments")), "statuses": link(&statuses),
            "review_comment": link(&format!("{repository}/pulls/comments{{/number}}")),
        },
    });
    with(own, addresses)
}
