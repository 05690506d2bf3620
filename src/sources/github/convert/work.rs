//! Issues and the items of projects as work items. GitHub tells the moves of an item on a board only as they are now, so
//! what was seen before is remembered.

use chrono::{Duration, NaiveTime};

use super::super::payload::{IssueNode, ProjectItemNode, ProjectNode};
use crate::facts::{Iteration, IterationMembership, Moment, WorkItem, WorkItemStage, WorkItemTransition};
use crate::sources::scrub;

/// The statuses that an issue itself has; all others are those of a project's status field.
const OF_ISSUES: [&str; 4] = ["assigned", "closed", "closed as not planned", "reopened"];

/// An issue as a work item: assigned, closed, reopened. `issue_type` is the organisation's type of issue, where it has one.
pub(in super::super) fn work_item(node: IssueNode, repository: &str, issue_type: Option<String>) -> WorkItem {
    let names: Vec<&str> = node.author.iter().map(|author| author.login.as_str()).collect();
    let moves = node.timeline_items.nodes.iter().filter_map(|event| {
        let (status, stage) = match (event.kind.as_str(), event.state_reason.as_deref()) {
            ("AssignedEvent", _) => ("assigned", None),
            ("ClosedEvent", Some("NOT_PLANNED" | "DUPLICATE")) => ("closed as not planned", Some(WorkItemStage::Done)),
            ("ClosedEvent", _) => ("closed", Some(WorkItemStage::Done)),
            ("ReopenedEvent", _) => ("reopened", Some(WorkItemStage::ToDo)),
            _ => return None,
        };
        Some(WorkItemTransition { at: event.created_at?, status: status.to_owned(), stage })
    });
    let mut transitions: Vec<WorkItemTransition> = moves.collect();
    if let Some(at) = node.closed_at
        && transitions.last().is_none_or(|last| last.stage != Some(WorkItemStage::Done))
    {
        transitions.push(WorkItemTransition { at, status: "closed".to_owned(), stage: Some(WorkItemStage::Done) });
    }
    transitions.sort_by_key(|transition| transition.at);
    let labels = node.labels.map(|labels| labels.nodes).unwrap_or_default();
    WorkItem {
        id: format!("{repository}#{}", node.number),
        project: repository.to_owned(),
        components: Vec::new(),
        words: issue_type.into_iter().chain(labels.into_iter().map(|label| label.name)).collect(),
        title: scrub::scrubbed_line(&node.title, &names),
        created_at: node.created_at,
        transitions,
        iterations: Vec::new(),
        points: None,
        updated_at: node.updated_at,
        url: node.url,
    }
}

/// An issue that was read again keeps what projects have told of it.
pub(in super::super) fn remember(mut now: WorkItem, known: WorkItem) -> WorkItem {
    let of_projects = |transition: &WorkItemTransition| !OF_ISSUES.contains(&transition.status.as_str());
    now.transitions.extend(known.transitions.into_iter().filter(of_projects));
    now.transitions.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.status.cmp(&b.status)));
    now.iterations = known.iterations;
    now.points = known.points;
    now.updated_at = now.updated_at.max(known.updated_at);
    now
}

/// A known work item with what a project says of it now: its status and points, and the iteration it is in. An earlier
/// iteration of the same project was left when the present one was set.
pub(in super::super) fn with_project(known: &WorkItem, project: &str, node: &ProjectItemNode) -> WorkItem {
    let mut item = known.clone();
    if let Some((status, at)) = node.status.as_ref().and_then(|status| Some((status.name.clone()?, status.updated_at?)))
    {
        let new = WorkItemTransition { at, status, stage: None };
        if !item.transitions.contains(&new) {
            item.transitions.push(new);
            item.transitions.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.status.cmp(&b.status)));
        }
    }
    let present = node
        .iteration
        .as_ref()
        .and_then(|value| Some((iteration_id(project, value.iteration_id.as_deref()?), value.updated_at?)));
    let of_project = format!("{project}/");
    let left_at = present.as_ref().map_or(node.updated_at, |(_, at)| *at);
    for membership in &mut item.iterations {
        let is_present = present.as_ref().is_some_and(|(id, _)| *id == membership.iteration);
        if membership.iteration.starts_with(&of_project) && !is_present && membership.removed_at.is_none() {
            membership.removed_at = Some(left_at);
        }
    }
    if let Some((iteration, at)) = present
        && !item.iterations.iter().any(|known| known.iteration == iteration && known.removed_at.is_none())
    {
        item.iterations.push(IterationMembership { iteration, added_at: Some(at), removed_at: None });
    }
    if let Some(points) = &node.points {
        item.points = points.number;
    }
    item.updated_at = item.updated_at.max(node.updated_at);
    item
}

/// Iterations have ids that are unique within their project.
fn iteration_id(project: &str, id: &str) -> String {
    format!("{project}/{id}")
}

/// The iterations of a project. Their days are those of UTC.
pub(in super::super) fn iterations(project: &ProjectNode) -> Vec<Iteration> {
    let configuration = project.iterations.as_ref().and_then(|field| field.configuration.as_ref());
    let nodes = configuration.into_iter().flat_map(|it| it.iterations.iter().chain(&it.completed_iterations));
    let made = nodes.map(|node| {
        let started_at: Moment = node.start_date.and_time(NaiveTime::MIN).and_utc();
        Iteration {
            id: iteration_id(&project.id, &node.id),
            board: project.title.clone(),
            name: node.title.clone(),
            started_at,
            ends_at: started_at + Duration::days(i64::from(node.duration)),
            closed_at: None,
            updated_at: project.updated_at,
            url: project.url.clone(),
        }
    });
    made.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(day: u32) -> Moment {
        format!("2026-10-{day:02}T12:00:00Z").parse().unwrap()
    }

    fn issue() -> WorkItem {
        let node = json!({
            "number": 7, "title": "Refunds fail, says @ada", "createdAt": at(1), "updatedAt": at(4), "closedAt": at(4),
            "author": { "__typename": "User", "login": "ada" }, "url": null,
            "labels": { "nodes": [{ "name": "production" }] },
            "timelineItems": { "nodes": [
                { "__typename": "AssignedEvent", "createdAt": at(2) },
                { "__typename": "ClosedEvent", "createdAt": at(4), "stateReason": "COMPLETED" },
            ] },
        });
        work_item(serde_json::from_value(node).unwrap(), "acme/shop", Some("Bug".to_owned()))
    }

    fn project(status: &str, status_at: u32, iteration: Option<(&str, u32)>, read: u32) -> ProjectItemNode {
        let iteration = iteration.map(|(id, day)| json!({ "iterationId": id, "updatedAt": at(day) }));
        let node = json!({
            "updatedAt": at(read), "content": { "number": 7, "repository": { "nameWithOwner": "acme/shop" } },
            "status": { "name": status, "updatedAt": at(status_at) }, "iteration": iteration,
            "points": { "number": 3.0 },
        });
        serde_json::from_value(node).unwrap()
    }

    #[test]
    fn an_issue_is_assigned_and_closed() {
        let item = issue();
        assert_eq!(
            (item.id.as_str(), item.words.as_slice()),
            ("acme/shop#7", &["Bug".to_owned(), "production".to_owned()][..])
        );
        let moves: Vec<(&str, Moment)> = item.transitions.iter().map(|it| (it.status.as_str(), it.at)).collect();
        assert_eq!(moves, [("assigned", at(2)), ("closed", at(4))]);
        assert!(!item.title.contains("ada"), "{}", item.title);
    }

    #[test]
    fn moves_on_a_board_are_remembered_also_when_the_issue_is_read_again() {
        let seen = with_project(&issue(), "P", &project("In Progress", 3, Some(("i1", 2)), 3));
        let moved = with_project(&seen, "P", &project("Done", 5, Some(("i2", 5)), 5));
        let again = remember(issue(), moved.clone());
        assert_eq!(again, moved);
        let statuses: Vec<&str> = again.transitions.iter().map(|it| it.status.as_str()).collect();
        assert_eq!(statuses, ["assigned", "In Progress", "closed", "Done"]);
        let stays: Vec<_> =
            again.iterations.iter().map(|it| (it.iteration.as_str(), it.added_at, it.removed_at)).collect();
        assert_eq!(stays, [("P/i1", Some(at(2)), Some(at(5))), ("P/i2", Some(at(5)), None)]);
        assert_eq!(again.points, Some(3.0));
        assert_eq!(with_project(&moved, "P", &project("Done", 5, Some(("i2", 5)), 5)), moved, "twice changes nothing");
        let left = with_project(&moved, "P", &project("Done", 5, None, 9));
        assert_eq!(left.iterations[1].removed_at, Some(at(9)));
    }
}
