//! The simulated Jira, cloud and data centre.

use axum::http::StatusCode;
use chrono::Duration;
use serde_json::{Value, json};

use crate::json_server::{Api, Asked};
use crate::world::{JiraChange, JiraIssue, JiraSprint, Moment, World};

/// A Jira of the cloud. What is accepted is the user `ada@example.com` with the token `jira_simulated`.
pub const CLOUD: Api = Api {
    name: "Jira cloud",
    authorization: "Basic YWRhQGV4YW1wbGUuY29tOmppcmFfc2ltdWxhdGVk",
    error,
    respond: |world, asked| respond(world, asked, true),
};

/// A Jira of a data centre. The personal access token that is accepted is `jira_simulated`.
pub const DATA_CENTER: Api = Api {
    name: "Jira data centre",
    authorization: "Bearer jira_simulated",
    error,
    respond: |world, asked| respond(world, asked, false),
};

/// The cloud lists only so many of the newest changes with an issue.
const INLINE_CHANGES: usize = 3;

const STATUSES: [(&str, &str, &str); 3] =
    [("1", "To Do", "new"), ("3", "In Progress", "indeterminate"), ("5", "Done", "done")];

fn error(status: StatusCode) -> Value {
    json!({ "errorMessages": [status.to_string()], "errors": {} })
}

fn respond(world: &World, asked: &Asked, is_cloud: bool) -> (StatusCode, Value) {
    let found = match asked.parts().as_slice() {
        ["rest", "api", "2", "serverInfo"] => {
            Some(json!({ "deploymentType": if is_cloud { "Cloud" } else { "Server" }, "version": "10.3.0" }))
        }
        ["rest", "api", version, rest @ ..] if (*version == "3") == is_cloud => api(world, asked, is_cloud, rest),
        ["rest", "agile", "1.0", "board", "1", "sprint"] => {
            let sprints: Vec<Value> = world.jira.sprints.iter().map(sprint).collect();
            Some(values(asked, sprints))
        }
        _ => None,
    };
    found.map_or_else(|| (StatusCode::NOT_FOUND, error(StatusCode::NOT_FOUND)), |body| (StatusCode::OK, body))
}

fn api(world: &World, asked: &Asked, is_cloud: bool, rest: &[&str]) -> Option<Value> {
    match rest {
        ["status"] => {
            let status = |(id, name, key): &(&str, &str, &str)| json!({ "id": id, "name": name, "statusCategory": { "key": key } });
            Some(STATUSES.iter().map(status).collect())
        }
        ["field"] => Some(json!([
            { "id": "summary", "name": "Summary" },
            { "id": "customfield_10020", "name": "Sprint", "schema": { "custom": "com.pyxis.greenhopper.jira:gh-sprint" } },
            {
                "id": "customfield_10016", "name": "Story point estimate",
                "schema": { "custom": "com.pyxis.greenhopper.jira:jsw-story-points" },
            },
        ])),
        ["search", "jql"] if is_cloud => {
            let found = search(world, asked)?;
            let begin = asked.number("nextPageToken", 0);
            let size = asked.number("maxResults", 50).min(100);
            let more = begin + size < found.len();
            let shown = found.into_iter().skip(begin).take(size);
            let shown: Vec<Value> = shown.map(|it| issue(world, &as_found(it, asked), true)).collect();
            let next = more.then(|| (begin + size).to_string());
            Some(json!({ "issues": shown, "nextPageToken": next, "isLast": !more }))
        }
        ["search"] if !is_cloud => {
            let found = search(world, asked)?;
            let (begin, size, total) =
                (asked.number("startAt", 0), asked.number("maxResults", 50).min(100), found.len());
            let shown: Vec<Value> =
                found.into_iter().skip(begin).take(size).map(|it| issue(world, it, false)).collect();
            Some(json!({ "issues": shown, "startAt": begin, "maxResults": size, "total": total }))
        }
        ["issue", key, "changelog"] if is_cloud => {
            let found = world.jira.issues.iter().find(|issue| issue.key == *key)?;
            Some(values(asked, histories(world, found)))
        }
        _ => None,
    }
}

fn values(asked: &Asked, all: Vec<Value>) -> Value {
    let (begin, size, total) = (asked.number("startAt", 0), asked.number("maxResults", 50).min(100), all.len());
    let shown: Vec<Value> = all.into_iter().skip(begin).take(size).collect();
    json!({ "startAt": begin, "maxResults": size, "total": total, "isLast": begin + size >= total, "values": shown })
}

/// An issue as the cloud's search finds it: for a minute after a webhook has told of a change without that, unless the query
/// names the issue as one to be looked at as it is now. Rounds of polling come later, and find all.
fn as_found(fact: &JiraIssue, asked: &Asked) -> JiraIssue {
    let mut found = fact.clone();
    let is_by_webhook = asked.parameter("jql").is_some_and(|jql| jql.contains("key in ("));
    if is_by_webhook && !asked.all("reconcileIssues").contains(&number_of(&fact.key).as_str()) {
        found.changes.retain(|(at, _)| asked.now - *at > Duration::minutes(1));
    }
    found
}

/// The number that Jira knows an issue by, beside its key.
fn number_of(key: &str) -> String {
    let (_, number) = key.split_once('-').unwrap_or_default();
    (10_000 + number.parse::<u64>().unwrap_or_default()).to_string()
}

/// The issues that the query asks for: of a project, changed within so many minutes, in the order of their changes.
fn search<'a>(world: &'a World, asked: &Asked) -> Option<Vec<&'a JiraIssue>> {
    let jql = asked.parameter("jql")?;
    let minutes = jql.split_once("updated >= \"-").and_then(|(_, rest)| rest.split_once('m')?.0.parse::<i64>().ok());
    let since = minutes.map(|minutes| asked.now - Duration::minutes(minutes));
    let project = jql
        .split_once("project = ")
        .map(|(_, rest)| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>());
    let keys = jql.split_once("key in (").map(|(_, rest)| rest.split(')').next().unwrap_or_default());
    let keys: Option<Vec<&str>> = keys.map(|keys| keys.split(',').map(str::trim).collect());
    let wanted = |issue: &&JiraIssue| {
        keys.as_ref().is_none_or(|keys| keys.contains(&issue.key.as_str()))
            && since.is_none_or(|since| issue.updated_at() >= since)
            && project.as_ref().is_none_or(|project| issue.key.starts_with(&format!("{project}-")))
    };
    let mut found: Vec<&JiraIssue> = world.jira.issues.iter().filter(wanted).collect();
    found.sort_by_key(|issue| (issue.updated_at(), issue.key.clone()));
    Some(found)
}

/// An issue as a webhook has it.
pub(crate) fn issue_of(world: &World, key: &str) -> Option<Value> {
    world.jira.issues.iter().find(|issue| issue.key == key).map(|found| issue(world, found, true))
}

/// Jira writes moments with an offset that has no colon.
fn time(moment: Moment) -> String {
    moment.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

fn status_id(name: &str) -> &'static str {
    STATUSES.iter().find(|(_, known, _)| *known == name).map_or("1", |(id, ..)| id)
}

fn issue(world: &World, fact: &JiraIssue, is_cloud: bool) -> Value {
    let status = fact.changes.iter().rev().find_map(|(_, change)| match change {
        JiraChange::Status(name) => Some(name.as_str()),
        JiraChange::Sprints(_) => None,
    });
    let status = status.unwrap_or("To Do");
    let sprints = fact.changes.iter().rev().find_map(|(_, change)| match change {
        JiraChange::Sprints(ids) => Some(ids.clone()),
        JiraChange::Status(_) => None,
    });
    let sprints: Vec<Value> = sprints
        .unwrap_or_default()
        .iter()
        .map(|id| {
            if is_cloud {
                json!({ "id": id, "name": format!("Sprint {id}"), "state": "closed", "boardId": 1 })
            } else {
                json!(format!(
                    "com.atlassian.greenhopper.service.sprint.Sprint@1[id={id},rapidViewId=1,name=Sprint {id}]"
                ))
            }
        })
        .collect();
    let mut all = histories(world, fact);
    let total = all.len();
    if is_cloud {
        all.reverse();
        all.truncate(INLINE_CHANGES);
    }
    let (project, _) = fact.key.split_once('-').unwrap_or_default();
    json!({
        "id": number_of(&fact.key), "key": fact.key,
        "changelog": { "startAt": 0, "maxResults": all.len(), "total": total, "histories": all },
        "fields": {
            "summary": fact.summary, "issuetype": { "name": fact.kind }, "labels": fact.labels, "components": [],
            "priority": { "name": "Medium" }, "project": { "key": project }, "created": time(fact.created_at),
            "updated": time(fact.updated_at()), "status": { "id": status_id(status), "name": status },
            "customfield_10020": sprints, "customfield_10016": fact.points,
        },
    })
}

/// The changes of an issue, oldest first. An account of the world has made them all.
fn histories(world: &World, fact: &JiraIssue) -> Vec<Value> {
    let who = world.accounts.values().next().map(|account| account.name.as_str()).unwrap_or_default();
    let (mut status, mut sprints) = ("To Do".to_owned(), Vec::new());
    let join = |ids: &[u64]| ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let made = fact.changes.iter().enumerate().map(|(place, (at, change))| {
        let item = match change {
            JiraChange::Status(to) => {
                let from = std::mem::replace(&mut status, to.clone());
                json!({
                    "field": "status", "fieldtype": "jira", "from": status_id(&from), "fromString": from,
                    "to": status_id(to), "toString": to,
                })
            }
            JiraChange::Sprints(to) => {
                let from = std::mem::replace(&mut sprints, to.clone());
                json!({ "field": "Sprint", "fieldtype": "custom", "from": join(&from), "to": join(to) })
            }
        };
        json!({ "id": place.to_string(), "created": time(*at), "author": { "displayName": who }, "items": [item] })
    });
    made.collect()
}

fn sprint(fact: &JiraSprint) -> Value {
    json!({
        "id": fact.id, "name": fact.name, "state": if fact.completed.is_some() { "closed" } else { "active" },
        "startDate": fact.start, "endDate": fact.end, "completeDate": fact.completed, "originBoardId": 1,
    })
}
