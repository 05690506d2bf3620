//! From Jira's issues and sprints to work items and iterations. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::client::Site;
use super::payload::{ChangePayload, HistoryPayload, IssuePayload, SprintPayload};
use crate::facts::{Iteration, IterationMembership, Moment, WorkItem, WorkItemTransition};
use crate::sources::scrub;

/// A change of one field, with its moment.
type Change<'a> = (Moment, &'a ChangePayload);

/// An issue with its whole changelog as a work item.
pub(super) fn work_item(
    record: Value,
    changelog: Vec<Value>,
    site: &Site,
    base_url: &str,
) -> serde_json::Result<WorkItem> {
    let issue: IssuePayload = serde_json::from_value(record)?;
    let histories = changelog.into_iter().map(serde_json::from_value::<HistoryPayload>);
    let mut histories: Vec<HistoryPayload> = histories.collect::<serde_json::Result<_>>()?;
    histories.sort_by_key(|history| history.created);
    let of = |wanted: fn(&str) -> bool| -> Vec<Change<'_>> {
        let changes =
            histories.iter().flat_map(|history| history.items.iter().map(move |item| (history.created, item)));
        changes.filter(|(_, item)| wanted(&item.field)).collect()
    };
    let transitions = transitions(&issue, &of(|field| field == "status" || field == "resolution"), site);
    let iterations = memberships(&issue, &of(|field| field == "Sprint"), site);
    let fields = issue.fields;
    let words = fields.issuetype.into_iter().map(|kind| kind.name).chain(fields.labels);
    Ok(WorkItem {
        project: fields.project.key,
        components: fields.components.into_iter().map(|component| component.name).collect(),
        words: words.chain(fields.priority.map(|priority| priority.name)).collect(),
        title: scrub::scrubbed_line(&fields.summary, &[]),
        created_at: fields.created,
        transitions,
        iterations,
        points: site.points_fields.iter().find_map(|field| fields.custom.get(field)?.as_f64()),
        updated_at: fields.updated,
        url: Some(format!("{base_url}/browse/{}", issue.key)),
        id: issue.key,
    })
}

/// The status it was created in, and every move since. A resolution says why it was ended, beside the status that ended it,
/// and is a move that stands where that status does.
fn transitions(issue: &IssuePayload, changes: &[Change<'_>], site: &Site) -> Vec<WorkItemTransition> {
    let stage = |id: Option<&str>| id.and_then(|id| site.stages.get(id).copied());
    let is_status = |change: &ChangePayload| change.field == "status";
    let status = &issue.fields.status;
    let (id, name) = match changes.iter().find(|(_, change)| is_status(change)) {
        Some((_, change)) => (change.from.as_deref(), change.from_text.as_deref().unwrap_or_default()),
        None => (Some(status.id.as_str()), status.name.as_str()),
    };
    let mut moves = vec![WorkItemTransition { at: issue.fields.created, status: name.to_owned(), stage: stage(id) }];
    let mut changes = changes.to_vec();
    changes.sort_by_key(|(at, change)| (*at, !is_status(change)));
    let mut standing = stage(id);
    for (at, change) in changes {
        let name = change.to_text.clone().unwrap_or_default();
        if is_status(change) {
            standing = stage(change.to.as_deref());
        } else if name.is_empty() {
            continue;
        }
        moves.push(WorkItemTransition { at, status: name, stage: standing });
    }
    moves
}

/// The ids in `12, 13`, as the changelog writes sprints.
fn ids(text: Option<&str>) -> BTreeSet<String> {
    let parts = text.unwrap_or_default().split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The stays in sprints: from the one it was created in through each change.
fn memberships(issue: &IssuePayload, changes: &[Change<'_>], site: &Site) -> Vec<IterationMembership> {
    let first = match changes.first() {
        Some((_, change)) => ids(change.from.as_deref()),
        None => present_sprints(issue, site),
    };
    let created = issue.fields.created;
    let stay = |iteration: &String, at: Moment| IterationMembership {
        iteration: iteration.clone(),
        added_at: Some(at),
        removed_at: None,
    };
    let mut stays: Vec<IterationMembership> = first.iter().map(|id| stay(id, created)).collect();
    for (at, change) in changes {
        let now = ids(change.to.as_deref());
        for open in stays.iter_mut().filter(|open| open.removed_at.is_none() && !now.contains(&open.iteration)) {
            open.removed_at = Some(*at);
        }
        for id in &now {
            if !stays.iter().any(|open| open.removed_at.is_none() && open.iteration == *id) {
                stays.push(stay(id, *at));
            }
        }
    }
    stays
}

/// The sprints that the issue itself names: objects in the cloud, in a data centre texts with `id=12` in them.
fn present_sprints(issue: &IssuePayload, site: &Site) -> BTreeSet<String> {
    let values = site.sprint_fields.iter().filter_map(|field| issue.fields.custom.get(field)?.as_array());
    let id = |value: &Value| match value {
        Value::String(text) => {
            let inner = text.rsplit('[').next()?;
            inner.split(',').find_map(|part| part.trim().strip_prefix("id=")).map(str::to_owned)
        }
        value => value["id"].as_u64().map(|id| id.to_string()),
    };
    values.flatten().filter_map(id).collect()
}

/// A sprint as an iteration. `None` for one that has not begun.
pub(super) fn iteration(
    record: Value,
    board: u64,
    now: Moment,
    base_url: &str,
) -> serde_json::Result<Option<Iteration>> {
    let sprint: SprintPayload = serde_json::from_value(record)?;
    let Some((started_at, ends_at)) = sprint.start_date.zip(sprint.end_date.or(sprint.complete_date)) else {
        return Ok(None);
    };
    Ok((started_at <= now).then(|| Iteration {
        id: sprint.id.to_string(),
        board: board.to_string(),
        name: sprint.name,
        started_at,
        ends_at,
        closed_at: sprint.complete_date,
        updated_at: sprint.complete_date.unwrap_or(started_at),
        url: Some(format!("{base_url}/secure/RapidBoard.jspa?rapidView={board}&view=reporting&sprint={}", sprint.id)),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::facts::WorkItemStage;

    fn at(day: u32) -> Moment {
        format!("2026-10-{day:02}T12:00:00Z").parse().unwrap()
    }

    fn site() -> Site {
        let stages = [("1", WorkItemStage::ToDo), ("3", WorkItemStage::InProgress), ("5", WorkItemStage::Done)];
        Site {
            is_cloud: true,
            stages: stages.into_iter().map(|(id, stage)| (id.to_owned(), stage)).collect(),
            sprint_fields: vec!["customfield_10020".to_owned()],
            points_fields: vec!["customfield_10016".to_owned()],
        }
    }

    fn issue(sprint: &Value) -> Value {
        json!({ "key": "PAY-7", "fields": {
            "summary": "Refunds fail", "issuetype": { "name": "Bug" }, "labels": ["production"], "priority": { "name": "High" },
            "components": [{ "name": "api" }], "project": { "key": "PAY" }, "created": "2026-10-01T14:00:00.000+0200",
            "updated": "2026-10-09T12:00:00.000+0000", "status": { "id": "5", "name": "Done" },
            "assignee": { "emailAddress": "ada@example.com" }, "customfield_10016": 3.0, "customfield_10020": sprint,
        } })
    }

    fn history(day: u32, field: &str, from: (&str, &str), to: (&str, &str)) -> Value {
        json!({ "created": at(day), "author": { "displayName": "Ada" }, "items": [
            { "field": field, "from": from.0, "fromString": from.1, "to": to.0, "toString": to.1 },
        ] })
    }

    #[test]
    fn the_changelog_tells_every_move_whatever_its_order() {
        let changelog = vec![
            history(8, "status", ("3", "In Progress"), ("5", "Done")),
            history(2, "status", ("1", "To Do"), ("3", "In Progress")),
        ];
        let item = work_item(issue(&Value::Null), changelog, &site(), "https://jira").unwrap();
        let moves: Vec<_> = item.transitions.iter().map(|it| (it.at, it.status.as_str(), it.stage)).collect();
        let expected = [
            (at(1), "To Do", Some(WorkItemStage::ToDo)),
            (at(2), "In Progress", Some(WorkItemStage::InProgress)),
            (at(8), "Done", Some(WorkItemStage::Done)),
        ];
        assert_eq!(moves, expected);
        assert_eq!(
            (item.points, item.words.as_slice()),
            (Some(3.0), &["Bug", "production", "High"].map(str::to_owned)[..])
        );
        assert!(!format!("{item:?}").to_lowercase().contains("ada"));
    }

    #[test]
    fn a_resolution_stands_where_the_status_does_that_came_with_it() {
        let mut ended = history(8, "resolution", ("", ""), ("10001", "Won't Do"));
        let to_done = json!({ "field": "status", "from": "1", "fromString": "To Do", "to": "5", "toString": "Done" });
        ended["items"].as_array_mut().unwrap().push(to_done);
        let cleared = json!({ "created": at(9), "items": [
            { "field": "resolution", "from": "10001", "fromString": "Won't Do", "to": null, "toString": null },
        ] });
        let item = work_item(issue(&Value::Null), vec![ended, cleared], &site(), "https://jira").unwrap();
        let moves: Vec<_> = item.transitions.iter().map(|it| (it.at, it.status.as_str(), it.stage)).collect();
        let expected = [
            (at(1), "To Do", Some(WorkItemStage::ToDo)),
            (at(8), "Done", Some(WorkItemStage::Done)),
            (at(8), "Won't Do", Some(WorkItemStage::Done)),
        ];
        assert_eq!(moves, expected);
    }

    #[test]
    fn stays_in_sprints_follow_the_changelog_from_the_first() {
        let changelog = vec![
            history(3, "Sprint", ("", ""), ("41", "S 41")),
            history(6, "Sprint", ("41", "S 41"), ("41, 42", "S 41, S 42")),
        ];
        let item = work_item(issue(&Value::Null), changelog, &site(), "https://jira").unwrap();
        let stays: Vec<_> =
            item.iterations.iter().map(|it| (it.iteration.as_str(), it.added_at, it.removed_at)).collect();
        assert_eq!(stays, [("41", Some(at(3)), None), ("42", Some(at(6)), None)]);
        let left = vec![history(3, "Sprint", ("41", "S 41"), ("42", "S 42"))];
        let item = work_item(issue(&Value::Null), left, &site(), "https://jira").unwrap();
        let stays: Vec<_> =
            item.iterations.iter().map(|it| (it.iteration.as_str(), it.added_at, it.removed_at)).collect();
        assert_eq!(stays, [("41", Some(at(1)), Some(at(3))), ("42", Some(at(3)), None)]);
    }

    #[test]
    fn an_issue_that_never_left_its_sprint_names_it_itself() {
        let data_centre =
            json!(["com.atlassian.greenhopper.service.sprint.Sprint@1f[id=41,rapidViewId=3,state=ACTIVE,name=S 41]"]);
        for sprint in [json!([{ "id": 41, "name": "S 41" }]), data_centre] {
            let item = work_item(issue(&sprint), Vec::new(), &site(), "https://jira").unwrap();
            let stays: Vec<_> = item.iterations.iter().map(|it| (it.iteration.as_str(), it.added_at)).collect();
            assert_eq!(stays, [("41", Some(at(1)))]);
        }
    }

    #[test]
    fn a_sprint_is_an_iteration_once_it_has_begun() {
        let sprint = json!({ "id": 41, "name": "S 41", "state": "closed", "startDate": "2026-10-01T12:00:00.000Z",
            "endDate": "2026-10-08T12:00:00.000Z", "completeDate": "2026-10-09T12:00:00.000Z" });
        let made = iteration(sprint.clone(), 3, at(20), "https://jira").unwrap().unwrap();
        assert_eq!((made.started_at, made.ends_at, made.closed_at), (at(1), at(8), Some(at(9))));
        assert_eq!(iteration(json!({ "id": 42, "name": "S 42" }), 3, at(20), "https://jira").unwrap(), None);
    }
}
