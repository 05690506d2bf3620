//! What GitHub would send of a change, with the shapes of its REST objects, and the list of what it has sent.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::shapes::{full_repository, time, user};
use super::{Answer, Asked, actions, alerts, issues, pulls, releases, repositories};
use crate::github::VIEWER;
use crate::github::hook::SentDelivery;
use crate::github::sight::Sight;
use crate::world::{Repository, World};

/// The root of the addresses in payloads.
const API: &str = "https://api.github.example";

/// The payload of an event. `subject` is the number or id of what it is about: of a pull request, an issue, a deployment, a
/// release, a run, an alert; for a push the branch or `tags/NAME`. `None` where the world has no such thing.
pub(in crate::github) fn payload(world: &World, event: &str, full_name: &str, subject: &str) -> Option<Value> {
    let of = world.repositories.iter().find(|of| format!("{}/{}", of.owner, of.name) == full_name)?;
    let sight = Sight::default();
    let asked = Asked { world, sight: &sight, parameters: BTreeMap::new(), root: API, url: API.to_owned() };
    let number = subject.parse::<u64>().unwrap_or_default();
    let pull = || of.pull_requests.iter().find(|it| it.number == number).map(|it| pulls::pull(&asked, of, it));
    let deployment =
        || of.deployments.iter().find(|it| it.id == number).map(|it| repositories::deployment(&asked, of, it));
    let mut payload = match event {
        "ping" => json!({ "zen": "Keep it logically awesome.", "hook_id": 1 }),
        "pull_request" => json!({ "action": "edited", "number": number, "pull_request": pull()? }),
        "pull_request_review" => {
            json!({ "action": "submitted", "pull_request": pull()?, "review": { "state": "approved" } })
        }
        "issues" => {
            let issue = of.issues.iter().find(|it| it.number == number)?;
            json!({ "action": "edited", "issue": issues::issue(&asked, of, issue) })
        }
        "deployment" => json!({ "action": "created", "deployment": deployment()? }),
        "deployment_status" => {
            let state = of.deployments.iter().find(|it| it.id == number)?.statuses.last()?.0.to_lowercase();
            json!({ "action": "created", "deployment": deployment()?, "deployment_status": { "state": state } })
        }
        "release" => {
            let release = of.releases.iter().find(|it| it.id == number)?;
            json!({ "action": "published", "release": releases::release(&asked, of, release) })
        }
        "workflow_run" => {
            let run = of.workflow_runs.iter().filter(|it| it.id == number).max_by_key(|it| it.attempt)?;
            json!({ "action": run.status, "workflow_run": actions::run(&asked, of, run) })
        }
        "push" => push(of, subject)?,
        _ => {
            let scanner = event.strip_suffix("_alert")?.replace('_', "-");
            let of_scanner = |it: &&crate::world::SecurityAlert| {
                it.repository == full_name && it.scanner == scanner && it.number == number
            };
            let alert = world.security_alerts.iter().find(of_scanner)?;
            json!({ "action": "created", "alert": alerts::alert(&asked, of, alert) })
        }
    };
    payload["repository"] = full_repository(API, of);
    payload["organization"] = json!({ "login": of.owner, "id": 1 });
    payload["sender"] = user(API, world, VIEWER);
    Some(payload)
}

fn push(of: &Repository, subject: &str) -> Option<Value> {
    let (reference, sha) = match subject.strip_prefix("tags/") {
        Some(name) => (format!("refs/tags/{name}"), of.tags.iter().find(|tag| tag.name == name)?.sha.clone()),
        None => (format!("refs/heads/{subject}"), of.branches.get(subject)?.clone()),
    };
    let head = of.commits.get(&sha)?;
    let commit = json!({
        "id": sha, "message": head.message, "timestamp": time(head.committed_at),
        "author": { "name": head.author, "email": format!("{}@users.example", head.author), "username": head.author },
    });
    Some(json!({
        "ref": reference, "before": "0".repeat(40), "after": sha, "created": false, "deleted": false, "forced": false,
        "base_ref": null, "commits": [commit], "head_commit": commit, "pusher": { "name": head.author },
    }))
}

/// Answers for a list of deliveries, newest first, and for one of them whole. `None` for other paths.
pub(in crate::github) fn deliveries(sent: &[SentDelivery], path: &str, parameters: &str, root: &str) -> Option<Answer> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (["orgs", _, "hooks", "1", "deliveries", rest @ ..]
    | ["repos", _, _, "hooks", "1", "deliveries", rest @ ..]
    | ["app", "hook", "deliveries", rest @ ..]) = parts.as_slice()
    else {
        return None;
    };
    Some(match rest {
        [] => page(sent, path, &super::parameters(parameters), root),
        [id] => Answer::found(sent.iter().find(|item| item.id.to_string() == *id).map(whole)),
        _ => Answer::error(StatusCode::NOT_IMPLEMENTED, "the simulator lists deliveries, it does not send them again"),
    })
}

fn page(sent: &[SentDelivery], path: &str, parameters: &BTreeMap<String, String>, root: &str) -> Answer {
    let size = parameters.get("per_page").and_then(|size| size.parse().ok()).unwrap_or(30_usize).clamp(1, 100);
    let before = parameters.get("cursor").and_then(|cursor| cursor.parse::<u64>().ok()).unwrap_or(u64::MAX);
    let mut items: Vec<&SentDelivery> = sent.iter().filter(|item| item.id < before).collect();
    items.sort_by_key(|item| std::cmp::Reverse(item.id));
    let shown: Vec<Value> = items.iter().take(size).map(|item| listed(item)).collect();
    let mut answer = Answer::ok(Value::Array(shown));
    if items.len() > size {
        let next = format!("<{root}{path}?per_page={size}&cursor={}>; rel=\"next\"", items[size - 1].id);
        answer.headers.push(("link", next));
    }
    answer
}

fn listed(item: &SentDelivery) -> Value {
    json!({
        "id": item.id, "guid": item.guid, "delivered_at": time(item.delivered_at), "redelivery": false,
        "duration": 0.2, "status": if item.status == 202 { "OK" } else { "failed" }, "status_code": item.status,
        "event": item.event, "action": item.payload["action"], "installation_id": null,
        "repository_id": item.payload["repository"]["id"], "throttled_at": null,
    })
}

fn whole(item: &SentDelivery) -> Value {
    let mut whole = listed(item);
    whole["url"] = json!("https://chiplog.example/api/v1/webhooks/github");
    whole["request"] = json!({
        "headers": { "X-GitHub-Event": item.event, "X-GitHub-Delivery": item.guid }, "payload": item.payload,
    });
    whole["response"] = json!({ "headers": {}, "payload": null });
    whole
}
