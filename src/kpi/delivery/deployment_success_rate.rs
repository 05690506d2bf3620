//! Deployment success rate.

use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "deployment_success_rate",
    title: "Deployment success rate",
    unit: Unit::Ratio,
    direction: Direction::Higher,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How often an attempt to deploy to production succeeds.",
    definition: "Of the production deployment attempts of the team's services that have ended, the share that succeeded: \
                 a success counts when it finished, a failure when it failed. Attempts under way are left out.",
    reference: "chiplog's own; DORA's change failure rate looks only at deployments that reached production.",
    needs: &[Need::Deployments],
    minimum_observations: 5,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let ended = facts.deployments.iter().filter_map(|item| {
        let success = item.finished_at.map(|at| (1.0, at));
        success.or(item.failed_at.map(|at| (0.0, at))).map(|(value, at)| (item, value, at))
    });
    let observations = ended.map(|(item, value, at)| Observation {
        began_at: None,
        at,
        value,
        weight: 1.0,
        cases: 1.0,
        distinct: None,
        service: Some(item.service.clone()),
        part: None,
        evidence: evidence::deployment(item, if value > 0.5 { "succeeded" } else { "failed" }),
    });
    Observed { observations: observations.collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, attempt, shipping, value};

    #[test]
    fn attempts_under_way_are_left_out() {
        // Three successes, one failure, one under way: 3 / 4.
        let mut world = World::default();
        for day in ["2026-10-05", "2026-10-06", "2026-10-07"] {
            world = world.deployment(shipping(day, &format!("{day}T12:00:00Z"), vec![]));
        }
        let world = world
            .deployment(attempt("failed", "2026-10-08T12:00:00Z", Some("2026-10-08T12:10:00Z")))
            .deployment(attempt("under way", "2026-10-09T12:00:00Z", None));
        let outcome = world.outcome(&KPI, at("2026-10-10T00:00:00Z"));
        assert_eq!(value(&outcome, Statistic::Share), 0.75);
    }
}
