//! Evidence for the things that KPIs rest on.

use super::outcome::Evidence;
use crate::attribution::{ServiceDeployment, ServiceIncident, ServicePullRequest, TeamReport, TeamWorkItem};

/// A deployment as evidence.
pub(super) fn deployment(deployment: &ServiceDeployment, detail: impl Into<String>) -> Evidence {
    Evidence {
        key: deployment.key.clone(),
        title: format!("{} · {}", deployment.service, deployment.title),
        url: deployment.url.clone(),
        detail: detail.into(),
    }
}

/// A pull request as evidence.
pub(super) fn pull_request(item: &ServicePullRequest, detail: impl Into<String>) -> Evidence {
    let fact = &item.pull_request;
    Evidence {
        key: item.key.clone(),
        title: format!("{}#{} {}", fact.repository, fact.number, fact.title),
        url: fact.url.clone(),
        detail: detail.into(),
    }
}

/// An incident as evidence.
pub(super) fn incident(incident: &ServiceIncident, detail: impl Into<String>) -> Evidence {
    let service = incident.service.as_deref().unwrap_or("no service");
    Evidence {
        key: incident.key.clone(),
        title: format!("{service} · {}", incident.title),
        url: incident.url.clone(),
        detail: detail.into(),
    }
}

/// A remark on a duration that cannot be: shown, counted as it is, never clamped in silence.
pub(super) fn remark_on(seconds: f64) -> &'static str {
    if seconds < 0.0 { " (negative: the clocks or the order of events disagree)" } else { "" }
}

/// A work item as evidence.
pub(super) fn work_item(item: &TeamWorkItem, detail: impl Into<String>) -> Evidence {
    Evidence { key: item.key.clone(), title: item.title.clone(), url: item.url.clone(), detail: detail.into() }
}

/// A reported value as evidence.
pub(super) fn report(report: &TeamReport) -> Evidence {
    let about = report.service.as_deref().or(report.team.as_deref()).unwrap_or_default();
    Evidence {
        key: report.key.clone(),
        title: format!("{} of {about}, reported for {}", report.template, report.at.format("%Y-%m-%d")),
        url: None,
        detail: report.segment.clone().unwrap_or_default(),
    }
}
