//! What people report: surveys, hiring, cost, readiness ticks, through CSV or the JSON call.

use serde::{Deserialize, Serialize};

use super::{FactFamily, Moment, Person};

/// One reported row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportedValue {
    /// What it is for: the id of a template, which is that of the KPI or of one of its inputs.
    pub template: String,
    /// The reporter's own id of the row within the template: the same id again replaces the row.
    pub id: String,
    /// The team, where the template is about teams.
    pub team: Option<String>,
    /// The service, where the template is about services.
    pub service: Option<String>,
    /// When it began, for durations: the position was opened, the person joined.
    pub began_at: Option<Moment>,
    /// When it counts. For a duration that has not ended: when it was reported.
    pub at: Moment,
    /// Whether a duration has ended.
    pub ended: bool,
    /// The value, in the template's unit: a score, an amount, 0 or 1.
    pub value: f64,
    /// How many answers, cases or people stand behind the value.
    pub cases: f64,
    /// A part of the template: the item of a checklist, the currency.
    pub segment: Option<String>,
    /// The person it is about, as a keyed hash, where the template needs one to find their pull requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// When it was reported: tells which of two reports of a row is the newer. Not kept, so that the same report again
    /// changes nothing.
    #[serde(skip)]
    pub reported_at: Moment,
}

impl FactFamily for ReportedValue {
    const FAMILY: &'static str = "reported_values";

    fn external_id(&self) -> String {
        format!("{}/{}", self.template, self.id)
    }
    fn scope(&self) -> &str {
        &self.template
    }
    fn started_at(&self) -> Moment {
        self.began_at.unwrap_or(self.at)
    }
    fn ended_at(&self) -> Option<Moment> {
        self.ended.then_some(self.at)
    }
    fn version_at(&self) -> Moment {
        self.reported_at
    }
}
