//! Commits and deployments of a repository.

use serde_json::{Value, json};

use super::shapes::{number_of, repository_page, repository_url, time, user};
use super::{Answer, Asked, paging};
use crate::world::{Commit, Deployment, Moment, Repository};

/// GitHub shows at most so many files of a commit.
const MOST_FILES: usize = 3000;

/// A commit by its object id, a branch or a tag, with the files it changes: 300 a page.
pub(super) fn commit(asked: &Asked<'_>, of: &Repository, reference: &str) -> Answer {
    let tagged = of.tags.iter().find(|tag| tag.name == reference).map(|tag| &tag.sha);
    let named = of.branches.get(reference).or(tagged).and_then(|sha| of.commits.get(sha));
    let Some(fact) = of.commits.get(reference).or(named) else {
        let message = format!("No commit found for SHA: {reference}");
        return Answer::error(axum::http::StatusCode::UNPROCESSABLE_ENTITY, &message);
    };
    let files: Vec<(usize, &String)> = fact.paths.iter().enumerate().take(MOST_FILES).collect();
    paging::page(
        asked,
        &files,
        paging::FILES,
        |(place, path)| file(asked, of, fact, *place, path),
        |files| {
            let mut body = without_files(asked, of, fact);
            body["files"] = files.into();
            body
        },
    )
}

/// A commit as lists have it.
pub(super) fn without_files(asked: &Asked<'_>, of: &Repository, fact: &Commit) -> Value {
    let url = format!("{}/commits/{}", repository_url(asked.root, of), fact.sha);
    let git = |kind: &str, sha: &str| format!("{}/git/{kind}/{sha}", repository_url(asked.root, of));
    let page = |sha: &str| format!("{}/commit/{sha}", repository_page(of));
    let parents = fact.parents.iter().map(|sha| {
        json!({ "sha": sha, "url": format!("{}/commits/{sha}", repository_url(asked.root, of)), "html_url": page(sha) })
    });
    let account = asked.world.accounts.get(&fact.author);
    let name = account.map_or(fact.author.as_str(), |account| account.name.as_str());
    let email = account.map_or_else(|| format!("{}@users.example", fact.author), |account| account.email.clone());
    let signed = |at: Moment| json!({ "name": name, "email": email, "date": time(at) });
    let author = user(asked.root, asked.world, &fact.author);
    json!({
        "sha": fact.sha, "node_id": format!("C_{}_{}", of.id, fact.sha), "url": url, "html_url": page(&fact.sha),
        "comments_url": format!("{url}/comments"),
        "commit": {
            "url": git("commits", &fact.sha), "message": fact.message, "comment_count": 0,
            "author": signed(fact.authored_at), "committer": signed(fact.committed_at),
            "tree": { "sha": fact.sha, "url": git("trees", &fact.sha) },
        },
        "author": author, "committer": author, "parents": parents.collect::<Vec<_>>(),
        "stats": {
            "additions": fact.additions, "deletions": fact.deletions, "total": fact.additions + fact.deletions,
        },
    })
}

/// One file of a commit. The world knows the lines of the whole commit only; the first file has them all.
fn file(asked: &Asked<'_>, of: &Repository, commit: &Commit, place: usize, path: &str) -> Value {
    let (additions, deletions) = if place == 0 { (commit.additions, commit.deletions) } else { (0, 0) };
    let (page, sha) = (repository_page(of), &commit.sha);
    json!({
        "sha": null, "filename": path, "status": "modified", "additions": additions, "deletions": deletions,
        "changes": additions + deletions, "blob_url": format!("{page}/blob/{sha}/{path}"),
        "raw_url": format!("{page}/raw/{sha}/{path}"),
        "contents_url": format!("{}/contents/{path}?ref={sha}", repository_url(asked.root, of)),
    })
}

/// The deployments, newest first, that have the `sha`, `ref`, `task` and `environment` asked for.
pub(super) fn deployments(asked: &Asked<'_>, of: &Repository) -> Answer {
    let is = |name: &str, value: &str| asked.parameter(name).is_none_or(|wanted| wanted == "none" || wanted == value);
    let wanted = of.deployments.iter().filter(|item| {
        is("sha", &item.sha)
            && is("ref", &item.reference)
            && is("task", &item.task)
            && is("environment", &item.environment)
    });
    let mut items: Vec<&Deployment> = wanted.collect();
    items.sort_by_key(|item| std::cmp::Reverse((item.created_at, item.id)));
    paging::list(asked, &items, |item| deployment(asked, of, item))
}

fn by_id<'a>(of: &'a Repository, id: &str) -> Option<&'a Deployment> {
    of.deployments.iter().find(|item| item.id.to_string() == id)
}

/// One deployment.
pub(super) fn deployment_by_id(asked: &Asked<'_>, of: &Repository, id: &str) -> Answer {
    Answer::found(by_id(of, id).map(|item| deployment(asked, of, item)))
}

pub(super) fn deployment(asked: &Asked<'_>, of: &Repository, fact: &Deployment) -> Value {
    let repository = repository_url(asked.root, of);
    let url = format!("{repository}/deployments/{}", fact.id);
    json!({
        "id": fact.id, "node_id": format!("D_{}_{}", of.id, fact.id), "sha": fact.sha, "ref": fact.reference,
        "task": fact.task, "payload": {}, "environment": fact.environment, "original_environment": fact.environment,
        "description": null, "creator": user(asked.root, asked.world, &fact.creator),
        "created_at": time(fact.created_at), "updated_at": time(fact.created_at), "statuses_url": format!("{url}/statuses"),
        "repository_url": repository, "url": url, "transient_environment": false,
        "production_environment": fact.environment == "production",
    })
}

/// The statuses of a deployment, newest first. REST has no word for "waiting"; it says "pending".
pub(super) fn deployment_statuses(asked: &Asked<'_>, of: &Repository, id: &str) -> Answer {
    let Some(fact) = by_id(of, id) else { return Answer::not_found() };
    let repository = repository_url(asked.root, of);
    let deployment = format!("{repository}/deployments/{}", fact.id);
    let page = format!("{}/deployments/{}", repository_page(of), fact.environment);
    let statuses: Vec<(usize, &(String, Moment))> = fact.statuses.iter().enumerate().rev().collect();
    paging::list(asked, &statuses, |(place, (state, at))| {
        let number = number_of(&format!("{}/{place}", fact.id));
        let state = if state == "WAITING" { "pending".to_owned() } else { state.to_lowercase() };
        json!({
            "id": number, "node_id": format!("DS_{number}"), "url": format!("{deployment}/statuses/{number}"),
            "state": state, "creator": user(asked.root, asked.world, &fact.creator), "description": "",
            "environment": fact.environment, "target_url": page, "log_url": page, "environment_url": page,
            "created_at": time(*at), "updated_at": time(*at), "deployment_url": deployment,
            "repository_url": repository,
        })
    })
}
