//! Failed deployment recovery time.

use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, OpenItem, Parts, Protection, Shape, Statistic, TeamFacts, Unit,
    evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "failed_deployment_recovery_time",
    title: "Failed deployment recovery time",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::P50,
    meaning: "How long it takes to recover from a deployment that failed in production.",
    definition: "For each failed production deployment: service well again − deployment finished. It is well again when the \
                 incident was resolved or the rollback, revert or hotfix finished, whichever came first. Failures of \
                 other causes don't count (that is MTTR); those not recovered yet are shown as open, with their age.",
    reference: "DORA, \"DORA's software delivery performance metrics\" (dora.dev/guides/dora-metrics): failed deployment recovery time.",
    needs: &[Need::Deployments],
    minimum_observations: 3,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for item in &facts.deployments {
        let (Some(finished_at), Some(failure)) = (item.finished_at, &item.failure) else { continue };
        let evidence = evidence::deployment(item, &failure.explanation);
        match failure.recovered_at {
            Some(recovered_at) => observed.observations.push(Observation {
                began_at: Some(finished_at),
                at: recovered_at,
                value: (recovered_at - finished_at).as_seconds_f64(),
                weight: 1.0,
                cases: 1.0,
                distinct: None,
                service: Some(item.service.clone()),
                part: None,
                evidence,
            }),
            None => observed.open.push(OpenItem {
                began_at: finished_at,
                age_seconds: (facts.as_of - finished_at).as_seconds_f64(),
                part: None,
                evidence,
            }),
        }
    }
    observed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, failed, shipping, value};

    #[test]
    fn it_runs_from_the_end_of_the_deployment_to_recovery() {
        // Recovered after 30, 60 and 120 minutes; one has not recovered.
        let world = World::default()
            .deployment(failed(shipping("d1", "2026-10-05T12:00:00Z", vec![]), Some("2026-10-05T12:30:00Z")))
            .deployment(failed(shipping("d2", "2026-10-06T12:00:00Z", vec![]), Some("2026-10-06T13:00:00Z")))
            .deployment(failed(shipping("d3", "2026-10-07T12:00:00Z", vec![]), Some("2026-10-07T14:00:00Z")))
            .deployment(failed(shipping("d4", "2026-10-08T12:00:00Z", vec![]), None))
            .deployment(shipping("d5", "2026-10-09T12:00:00Z", vec![]));
        let as_of = at("2026-10-10T12:00:00Z");
        let outcome = world.outcome(&KPI, as_of);
        assert_eq!(value(&outcome, Statistic::P50), 3600.0);
        // With the open one, S falls to 3/4, 2/4: the median of all four is the second, one hour.
        assert_eq!(value(&outcome, Statistic::P50WithOpen), 3600.0);
        assert_eq!(world.observed(&KPI, as_of).open[0].age_seconds, 2.0 * 86_400.0);
    }
}
