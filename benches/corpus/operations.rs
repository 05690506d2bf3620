//! What a team runs and plans: deployments, incidents, work items and sprints.

use chiplog::facts::{
    Deployment, DeploymentState, DeploymentStatus, Incident, IncidentUpdate, IncidentUpdateKind, Iteration,
    IterationMembership, Moment, Sourced, WorkItem, WorkItemStage, WorkItemTransition,
};
use chrono::Duration;
use rand::RngExt as _;

use super::history::TeamHistory;
use super::organisation::{pagerduty_id, project, repository, service_id};

/// Incidents of a team in two years.
const INCIDENTS: usize = 40;

/// Work items of a team in two years.
const WORK_ITEMS: usize = 400;

/// A deployment on each working day, of one service after the other; some fail and are tried again.
pub(super) fn deployments(history: &mut TeamHistory<'_>) {
    for (place, day) in history.working_days().into_iter().enumerate() {
        let service = place % history.size.services;
        let at = history.moment(day, 10, 18);
        let head = history.landed[service].iter().rev().find(|(landed, _)| *landed <= at).map(|(_, sha)| sha.clone());
        let Some(sha) = head.filter(|_| at < history.now - Duration::hours(1)) else { continue };
        if history.happens(5) {
            deploy(history, service, (place, "first"), &sha, at - Duration::minutes(40), DeploymentState::Failure);
        }
        // A branch that was deleted before it was collected, now and then.
        let sha = if history.happens(1) { "0".repeat(40) } else { sha };
        deploy(history, service, (place, "last"), &sha, at, DeploymentState::Success);
    }
}

fn deploy(
    history: &mut TeamHistory<'_>,
    service: usize,
    (place, attempt): (usize, &str),
    sha: &str,
    created_at: Moment,
    state: DeploymentState,
) {
    let name = repository(history.team, service);
    let ended_at = created_at + history.lasting(0.15);
    let status = |at, state| DeploymentStatus { at, state, url: None };
    let fact = Deployment {
        id: format!("{place}-{attempt}"),
        service: None,
        sha: sha.to_owned(),
        reference: Some("main".to_owned()),
        environment: "production".to_owned(),
        task: Some("deploy".to_owned()),
        created_at,
        statuses: vec![status(created_at, DeploymentState::InProgress), status(ended_at, state)],
        url: Some(format!("https://github.com/{name}/deployments/{place}-{attempt}")),
        repository: name,
    };
    history.facts.deployments.push(Sourced { source: "github".to_owned(), fact });
}

/// Incidents, half of them some hours after a deployment, and two of a service that nobody configured.
pub(super) fn incidents(history: &mut TeamHistory<'_>) {
    let days = history.working_days();
    for place in 0..history.in_two_years(INCIDENTS) {
        let service = history.random.random_range(0..history.size.services);
        let day = days[history.random.random_range(0..days.len() - 1)];
        let created_at = if history.happens(50) { history.moment(day, 14, 23) } else { history.moment(day, 0, 12) };
        let resolved_at = created_at + history.lasting(2.0);
        let acknowledged_at = created_at + (resolved_at - created_at) / 5;
        let update = |at, kind| IncidentUpdate { at, kind };
        let known = place >= 2;
        let word = ["P1", "P2", "P3", "P3", "P4"][history.random.random_range(0..5)];
        let fact = Incident {
            id: format!("I{}-{place}", history.team),
            service: if known { pagerduty_id(history.team, service) } else { format!("PX{}", history.team) },
            service_name: Some(if known { service_id(history.team, service) } else { "Legacy".to_owned() }),
            title: format!("Error rate of {} is high", service_id(history.team, service)),
            severity_words: vec![word.to_owned()],
            created_at,
            impact_started_at: None,
            updates: vec![
                update(acknowledged_at, IncidentUpdateKind::Acknowledged),
                update(resolved_at, IncidentUpdateKind::Resolved),
            ],
            causes: Vec::new(),
            withdrawn: false,
            updated_at: resolved_at,
            url: Some(format!("https://acme.pagerduty.com/incidents/I{}-{place}", history.team)),
        };
        history.facts.incidents.push(Sourced { source: "pagerduty".to_owned(), fact });
    }
}

/// Work items, planned in sprints of two weeks; some are sent back from done.
pub(super) fn work_items(history: &mut TeamHistory<'_>) {
    let (project, days) = (project(history.team), history.size.days.cast_signed());
    let first = history.now - Duration::days(days);
    let sprint_id = |place: i64| format!("{project}-{place}");
    let sprints = days / 14;
    for place in 0..sprints {
        let started_at = first + Duration::days(14 * place);
        let ends_at = started_at + Duration::days(14);
        let fact = Iteration {
            id: sprint_id(place),
            board: "1".to_owned(),
            name: format!("Sprint {place}"),
            started_at,
            ends_at,
            closed_at: Some(ends_at).filter(|at| *at < history.now),
            updated_at: ends_at,
            url: None,
        };
        history.facts.iterations.push(Sourced { source: "jira".to_owned(), fact });
    }
    for number in 0..history.in_two_years(WORK_ITEMS) {
        let day = history.random.random_range(0..days);
        let created_at = first + Duration::days(day) + history.lasting(4.0).min(Duration::hours(20));
        let begun_at = created_at + history.lasting(60.0);
        let done_at = begun_at + history.lasting(40.0);
        let mut moves =
            vec![(begun_at, "In Progress", WorkItemStage::InProgress), (done_at, "Done", WorkItemStage::Done)];
        if history.happens(8) {
            moves.push((done_at + Duration::hours(30), "In Progress", WorkItemStage::InProgress));
            moves.push((done_at + Duration::hours(60), "Done", WorkItemStage::Done));
        }
        moves.retain(|(at, ..)| *at < history.now);
        let kind = ["Story", "Story", "Bug", "Task", "Improvement"][history.random.random_range(0..5)];
        let mut words = vec![kind.to_owned()];
        for (percent, word) in [(15, "production"), (10, "customer"), (12, "tech-debt"), (6, "reliability")] {
            if history.happens(percent) {
                words.push(word.to_owned());
            }
        }
        let membership = IterationMembership {
            iteration: sprint_id((begun_at - first).num_days() / 14),
            added_at: Some(created_at),
            removed_at: None,
        };
        let transitions = moves.iter().map(|(at, status, stage)| WorkItemTransition {
            at: *at,
            status: (*status).to_owned(),
            stage: Some(*stage),
        });
        let fact = WorkItem {
            id: format!("{project}-{number}"),
            project: project.clone(),
            components: Vec::new(),
            words,
            title: "Customers can pay in parts".to_owned(),
            created_at,
            transitions: transitions.collect(),
            iterations: vec![membership],
            points: Some(f64::from(history.random.random_range(1_u8..9))),
            updated_at: moves.last().map_or(created_at, |(at, ..)| *at),
            url: Some(format!("https://acme.atlassian.net/browse/{project}-{number}")),
        };
        history.facts.work_items.push(Sourced { source: "jira".to_owned(), fact });
    }
}
