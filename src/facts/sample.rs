//! Values of a service that the user's monitoring knows, one per day, kept so that months stay known.

use serde::{Deserialize, Serialize};

use super::{FactFamily, Moment};

/// The value of one measure of one service over one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The name of the service in the monitoring: the value of the series' label.
    pub service: String,
    /// What was measured: `latency_p95`, `slo_attainment`.
    pub measure: String,
    /// The end of the day that it was measured over.
    pub at: Moment,
    /// The value, in the measure's base unit.
    pub value: f64,
    /// Where people see it.
    pub url: Option<String>,
}

impl FactFamily for Sample {
    const FAMILY: &'static str = "samples";

    fn external_id(&self) -> String {
        format!("{}/{}/{}", self.service, self.measure, self.at.format("%Y-%m-%dT%H:%M"))
    }
    fn scope(&self) -> &str {
        &self.service
    }
    fn started_at(&self) -> Moment {
        self.at
    }
    fn ended_at(&self) -> Option<Moment> {
        Some(self.at)
    }
    fn version_at(&self) -> Moment {
        self.at
    }
}
