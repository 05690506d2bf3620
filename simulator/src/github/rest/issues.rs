//! Issues and their events.

use serde_json::{Value, json};

use super::shapes::{number_of, repository_page, repository_url, time, user, user_or_ghost};
use super::{Answer, Asked, paging};
use crate::world::{Issue, Moment, PullRequest, Repository};

/// Whether `state` asks for this one; without it open ones are asked for.
pub(super) fn wanted_state(asked: &Asked<'_>, is_closed: bool) -> bool {
    match asked.parameter("state").unwrap_or("open") {
        "all" => true,
        "closed" => is_closed,
        _ => !is_closed,
    }
}

/// Sorts as `direction` asks.
pub(super) fn by_moment<T>(asked: &Asked<'_>, default: &str, items: &mut [T], key: impl Fn(&T) -> (Moment, u64)) {
    items.sort_by_key(key);
    if asked.parameter("direction").unwrap_or(default) == "desc" {
        items.reverse();
    }
}

/// A label.
pub(super) fn label(repository: &str, name: &str) -> Value {
    let id = number_of(name);
    json!({
        "id": id, "node_id": format!("LA_{id}"), "url": format!("{repository}/labels/{name}"), "name": name,
        "color": "ededed", "default": false, "description": "",
    })
}

/// What the list of issues holds: pull requests are issues too.
#[derive(Clone, Copy)]
enum Listed<'a> {
    Issue(&'a Issue),
    PullRequest(&'a PullRequest),
}

impl Listed<'_> {
    fn number(&self) -> u64 {
        match self {
            Self::Issue(fact) => fact.number,
            Self::PullRequest(fact) => fact.number,
        }
    }

    fn created_at(&self) -> Moment {
        match self {
            Self::Issue(fact) => fact.created_at,
            Self::PullRequest(fact) => fact.created_at,
        }
    }

    fn updated_at(&self) -> Moment {
        match self {
            Self::Issue(fact) => fact.updated_at,
            Self::PullRequest(fact) => fact.updated_at,
        }
    }

    fn is_closed(&self) -> bool {
        match self {
            Self::Issue(fact) => fact.closed_at.is_some(),
            Self::PullRequest(fact) => fact.merged_at.or(fact.closed_at).is_some(),
        }
    }

    fn labels(&self) -> &[String] {
        match self {
            Self::Issue(fact) => &fact.labels,
            Self::PullRequest(fact) => &fact.labels,
        }
    }
}

/// The issues and pull requests that have all labels asked for, newest first unless asked otherwise.
pub(super) fn issues(asked: &Asked<'_>, of: &Repository) -> Answer {
    let since = asked.parameter("since").and_then(|since| since.parse::<Moment>().ok());
    let labels: Vec<&str> = asked.parameter("labels").into_iter().flat_map(|labels| labels.split(',')).collect();
    let all = of.issues.iter().map(Listed::Issue).chain(of.pull_requests.iter().map(Listed::PullRequest));
    let wanted = all.filter(|item| {
        wanted_state(asked, item.is_closed())
            && since.is_none_or(|since| item.updated_at() >= since)
            && labels.iter().all(|label| item.labels().iter().any(|held| held == label))
    });
    let mut items: Vec<Listed<'_>> = wanted.collect();
    let by_update = asked.parameter("sort") == Some("updated");
    by_moment(asked, "desc", &mut items, |item| {
        (if by_update { item.updated_at() } else { item.created_at() }, item.number())
    });
    paging::list(asked, &items, |item| match item {
        Listed::Issue(fact) => issue(asked, of, fact),
        Listed::PullRequest(fact) => of_pull_request(asked, of, fact),
    })
}

/// A pull request as the list of issues has it.
fn of_pull_request(asked: &Asked<'_>, of: &Repository, fact: &PullRequest) -> Value {
    let repository = repository_url(asked.root, of);
    let (url, pull) = (format!("{repository}/issues/{}", fact.number), format!("{repository}/pulls/{}", fact.number));
    let page = format!("{}/pull/{}", repository_page(of), fact.number);
    let closed_at = fact.merged_at.or(fact.closed_at);
    json!({
        "id": of.id * 1_000_000 + fact.number, "node_id": format!("P_{}_{}", of.id, fact.number),
        "number": fact.number, "title": fact.title, "body": fact.body, "draft": fact.draft,
        "state": if closed_at.is_some() { "closed" } else { "open" }, "state_reason": null,
        "user": user(asked.root, asked.world, &fact.author), "type": null,
        "labels": fact.labels.iter().map(|name| label(&repository, name)).collect::<Vec<_>>(), "assignee": null,
        "assignees": [], "milestone": null, "locked": false, "comments": 0, "author_association": "MEMBER",
        "created_at": time(fact.created_at), "updated_at": time(fact.updated_at), "closed_at": closed_at.map(time),
        "url": url, "repository_url": repository, "html_url": page, "labels_url": format!("{url}/labels{{/name}}"),
        "comments_url": format!("{url}/comments"), "events_url": format!("{url}/events"),
        "timeline_url": format!("{url}/timeline"),
        "pull_request": {
            "url": pull, "html_url": page, "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"),
            "merged_at": fact.merged_at.map(time),
        },
    })
}

/// One issue.
pub(super) fn issue_by_number(asked: &Asked<'_>, of: &Repository, number: &str) -> Answer {
    Answer::found(find(of, number).map(|item| issue(asked, of, item)))
}

fn find<'a>(of: &'a Repository, number: &str) -> Option<&'a Issue> {
    of.issues.iter().find(|item| item.number.to_string() == number)
}

pub(super) fn issue(asked: &Asked<'_>, of: &Repository, fact: &Issue) -> Value {
    let repository = repository_url(asked.root, of);
    let url = format!("{repository}/issues/{}", fact.number);
    json!({
        "id": of.id * 1_000_000 + fact.number, "node_id": format!("I_{}_{}", of.id, fact.number),
        "number": fact.number, "title": fact.title, "body": fact.body,
        "state": if fact.closed_at.is_some() { "closed" } else { "open" },
        "state_reason": fact.closed_at.map(|_| "completed"), "user": user(asked.root, asked.world, &fact.author),
        "labels": fact.labels.iter().map(|name| label(&repository, name)).collect::<Vec<_>>(), "assignee": null,
        "assignees": [], "milestone": null, "locked": false, "comments": 0, "author_association": "MEMBER",
        "type": fact.issue_type.as_ref().map(|name| issue_type(name)),
        "created_at": time(fact.created_at), "updated_at": time(fact.updated_at), "closed_at": fact.closed_at.map(time),
        "url": url, "repository_url": repository, "html_url": format!("{}/issues/{}", repository_page(of), fact.number),
        "labels_url": format!("{url}/labels{{/name}}"), "comments_url": format!("{url}/comments"),
        "events_url": format!("{url}/events"), "timeline_url": format!("{url}/timeline"),
    })
}

/// The events of an issue, oldest first; `timeline` has them as well. The world does not know who did them, so the
/// issue's author stands for all.
pub(super) fn events(asked: &Asked<'_>, of: &Repository, number: &str, kind: &str) -> Answer {
    let Some(fact) = find(of, number) else { return Answer::not_found() };
    let repository = repository_url(asked.root, of);
    let numbered: Vec<(usize, &crate::world::Event)> = fact.events.iter().enumerate().collect();
    paging::list(asked, &numbered, |(place, event)| {
        let id = number_of(&format!("{}/{}/{place}", of.id, fact.number));
        let mut body = json!({
            "id": id, "node_id": format!("E_{id}"), "url": format!("{repository}/issues/{kind}/{id}"),
            "actor": user_or_ghost(asked.root, asked.world, &fact.author), "event": name_of(&event.kind),
            "commit_id": null, "commit_url": null, "created_at": time(event.at), "performed_via_github_app": null,
        });
        if event.kind == "LabeledEvent" {
            let name = fact.labels.first().map(String::as_str).unwrap_or_default();
            body["label"] = json!({ "name": name, "color": "ededed" });
        }
        body
    })
}

/// `ClosedEvent` is `closed` in REST, `AddedToMergeQueueEvent` is `added_to_merge_queue`.
fn name_of(type_name: &str) -> String {
    let mut name = String::new();
    for letter in type_name.trim_end_matches("Event").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The organisation's type of an issue.
fn issue_type(name: &str) -> Value {
    let id = number_of(name);
    json!({ "id": id, "node_id": format!("IT_{id}"), "name": name, "description": null })
}
