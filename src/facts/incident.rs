//! Incidents, from whatever tool reports them.

use serde::{Deserialize, Serialize};

use super::{ChangeReference, FactFamily, Moment};

/// What happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentUpdateKind {
    /// Somebody (or something) took it on.
    Acknowledged,
    /// Resolved or closed.
    Resolved,
    /// Opened again after it was resolved.
    Reopened,
}

/// One change of an incident's state.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IncidentUpdate {
    /// When.
    pub at: Moment,
    /// What.
    pub kind: IncidentUpdateKind,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// The tool's id of the incident.
    pub id: String,
    /// The tool's service: a PagerDuty service id, or `owner/name` of the repository for GitHub issues.
    pub service: String,
    /// The tool's name of the service, where it has one.
    pub service_name: Option<String>,
    /// The title, without the names of people.
    pub title: String,
    /// What the tool says of its weight, in its own words: priority (`P1`), urgency (`high`), severity labels.
    /// Which word means which severity is decided from the configuration.
    pub severity_words: Vec<String>,
    /// When it was created or triggered.
    pub created_at: Moment,
    /// When users began to suffer, where the tool tells. Falls back to `created_at`.
    pub impact_started_at: Option<Moment>,
    /// Acknowledgements, resolutions and reopenings, oldest first.
    pub updates: Vec<IncidentUpdate>,
    /// Deployments, commits or pull requests that the incident names as its cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<ChangeReference>,
    /// Whether it is no incident after all: canceled, merged into another, closed as not planned, or without the label that made
    /// it one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// When the tool's record last changed.
    pub updated_at: Moment,
    /// Where people open it.
    pub url: Option<String>,
}

impl Incident {
    /// When the trouble began: the start of the impact where given, else the creation.
    pub fn began_at(&self) -> Moment {
        self.impact_started_at.unwrap_or(self.created_at)
    }

    /// The last resolution, unless it was reopened after it. `None` while it is open.
    pub fn resolved_at(&self) -> Option<Moment> {
        let last = self.updates.iter().rfind(|update| update.kind != IncidentUpdateKind::Acknowledged)?;
        (last.kind == IncidentUpdateKind::Resolved).then_some(last.at)
    }

    /// The first acknowledgement. `None` if nobody has acknowledged it.
    pub fn acknowledged_at(&self) -> Option<Moment> {
        self.updates.iter().find(|update| update.kind == IncidentUpdateKind::Acknowledged).map(|update| update.at)
    }
}

impl FactFamily for Incident {
    const FAMILY: &'static str = "incidents";

    fn external_id(&self) -> String {
        self.id.clone()
    }
    fn scope(&self) -> &str {
        &self.service
    }
    fn started_at(&self) -> Moment {
        self.began_at()
    }
    fn ended_at(&self) -> Option<Moment> {
        self.resolved_at()
    }
    fn version_at(&self) -> Moment {
        self.updated_at
    }
}
