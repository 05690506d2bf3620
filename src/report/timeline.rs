//! What happened to a team's services, in the order of time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::review::{IncidentLine, incidents};
use crate::facts::Moment;
use crate::kpi::{Span, TeamFacts};

/// Deployments and incidents of a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// The first moment.
    pub from: Moment,
    /// The first moment after it.
    pub until: Moment,
    /// The deployments that succeeded, oldest first.
    pub deployments: Vec<DeploymentLine>,
    /// The incidents that began, oldest first.
    pub incidents: Vec<IncidentLine>,
}

/// A deployment on the time line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentLine {
    /// The service.
    pub service: String,
    /// What people call it.
    pub title: String,
    /// Where people open it.
    pub url: Option<String>,
    /// When it finished.
    pub finished_at: Moment,
    /// Why it counts as failed, if it does.
    pub failure: Option<String>,
}

/// The time line of a team over a span.
pub fn timeline(facts: &TeamFacts<'_>, span: &Span) -> Timeline {
    let finished = facts.deployments.iter().filter_map(|item| {
        let finished_at = item.finished_at.filter(|at| span.contains(*at))?;
        Some(DeploymentLine {
            service: item.service.clone(),
            title: item.title.clone(),
            url: item.url.clone(),
            finished_at,
            failure: item.failure.as_ref().map(|failure| failure.explanation.clone()),
        })
    });
    Timeline { from: span.from, until: span.until, deployments: finished.collect(), incidents: incidents(facts, span) }
}
