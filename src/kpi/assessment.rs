//! A KPI over one span: as a whole, and part by part.

use serde::{Deserialize, Serialize};

use super::{Kpi, Observed, Outcome, Parts, Span, TeamFacts, summarise, summarise_part};

/// What a KPI says over one span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The KPI as a whole; for alternatives this is the first of them.
    pub whole: Outcome,
    /// Its parts, in the order of the catalogue. Empty where it has none, or is not configured.
    #[serde(deserialize_with = "super::stored::parts")]
    pub parts: Vec<(&'static str, Outcome)>,
}

/// Summarises observations over a span, as a whole and part by part.
pub fn assess(kpi: &Kpi, observed: &Observed, span: &Span, facts: &TeamFacts<'_>) -> Assessment {
    let whole = summarise(kpi, observed, span, facts);
    let parts = match kpi.parts {
        Parts::Alternatives { values, .. } | Parts::Breakdown { values, .. }
            if !matches!(whole, Outcome::NotConfigured(_)) =>
        {
            values.iter().map(|part| (*part, summarise_part(kpi, observed, part, span, facts))).collect()
        }
        _ => Vec::new(),
    };
    Assessment { whole, parts }
}
