//! Time to restore (MTTR).

use crate::kpi::evidence::remark_on;
use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, OpenItem, Parts, Protection, Shape, Statistic, TeamFacts, Unit,
    evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "time_to_restore",
    title: "Mean time to restore",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::Mean,
    meaning: "How long incidents of the team's services last, whatever caused them.",
    definition: "For each incident of the team's services: resolved − started (the start of the impact where given, else \
                 the creation). A reopened incident counts to its last resolution. Incidents that are open are shown as \
                 open, with their age. The mean is the headline; p50 and p90 stand beside it.",
    reference: "DORA until 2022, \"time to restore service\"; the history is told at dora.dev/insights/dora-metrics-history.",
    needs: &[Need::Incidents],
    minimum_observations: 3,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for item in &facts.incidents {
        match item.resolved_at {
            Some(resolved_at) => observed.observations.push(Observation {
                began_at: Some(item.began_at),
                at: resolved_at,
                value: (resolved_at - item.began_at).as_seconds_f64(),
                weight: 1.0,
                cases: 1.0,
                distinct: None,
                service: item.service.clone(),
                part: None,
                evidence: evidence::incident(
                    item,
                    format!(
                        "severity {}{}",
                        item.severity.0,
                        remark_on((resolved_at - item.began_at).as_seconds_f64())
                    ),
                ),
            }),
            None => observed.open.push(OpenItem {
                began_at: item.began_at,
                age_seconds: (facts.as_of - item.began_at).as_seconds_f64(),
                part: None,
                evidence: evidence::incident(item, format!("severity {}, still open", item.severity.0)),
            }),
        }
    }
    observed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::Outcome;
    use crate::kpi::test_support::{World, at, incident, value};

    #[test]
    fn the_mean_counts_resolved_incidents_and_shows_open_ones() {
        // 30, 60 and 180 minutes: mean 90, median 60.
        let world = World::default()
            .incident(incident("i1", "2026-10-05T12:00:00Z", Some("2026-10-05T12:30:00Z")))
            .incident(incident("i2", "2026-10-06T12:00:00Z", Some("2026-10-06T13:00:00Z")))
            .incident(incident("i3", "2026-10-07T12:00:00Z", Some("2026-10-07T15:00:00Z")))
            .incident(incident("i4", "2026-10-08T12:00:00Z", None));
        let outcome = world.outcome(&KPI, at("2026-10-10T12:00:00Z"));
        assert_eq!(value(&outcome, Statistic::Mean), 5400.0);
        assert_eq!(value(&outcome, Statistic::P50), 3600.0);
        let Outcome::Value(summary) = outcome else { panic!("a value") };
        assert_eq!((summary.observations, summary.open), (3, 1));
    }
}
