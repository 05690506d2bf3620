//! Change failure rate.

use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "change_failure_rate",
    title: "Change failure rate",
    unit: Unit::Ratio,
    direction: Direction::Lower,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How often a deployment to production needs immediate intervention.",
    definition: "Of the successful production deployments of the team's services, the share that failed: followed by an \
                 incident attributed to them, rolled back, or with a change of theirs reverted or hotfixed by a later \
                 deployment. A deployment fails at most once. Attempts that never reached production count in the \
                 deployment success rate instead.",
    reference: "DORA, \"DORA's software delivery performance metrics\" (dora.dev/guides/dora-metrics): change fail rate.",
    needs: &[Need::Deployments],
    minimum_observations: 10,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let finished = facts.deployments.iter().filter_map(|item| item.finished_at.map(|at| (item, at)));
    let observations = finished.map(|(item, at)| Observation {
        began_at: None,
        at,
        value: f64::from(u8::from(item.failure.is_some())),
        weight: 1.0,
        cases: 1.0,
        distinct: None,
        service: Some(item.service.clone()),
        part: None,
        evidence: evidence::deployment(
            item,
            item.failure.as_ref().map_or("did not fail", |failure| failure.explanation.as_str()),
        ),
    });
    Observed { observations: observations.collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kpi::test_support::{World, at, attempt, failed, shipping, value};
    use crate::kpi::{Outcome, Window};

    #[test]
    fn failures_are_a_share_of_the_deployments_that_reached_production() {
        // Twelve successes of which three failed, and one attempt that never got there: 3 / 12.
        let mut world =
            World::default().deployment(attempt("never", "2026-10-09T09:00:00Z", Some("2026-10-09T09:05:00Z")));
        for day in 1..=12 {
            let name = format!("d{day}");
            let deployment = shipping(&name, &format!("2026-10-{day:02}T12:00:00Z"), vec![]);
            world = world.deployment(if day % 4 == 0 { failed(deployment, None) } else { deployment });
        }
        let outcome = world.outcome(&KPI, at("2026-10-13T00:00:00Z"));
        assert_eq!(value(&outcome, Statistic::Share), 0.25);
    }

    #[test]
    fn nine_deployments_are_too_few() {
        let mut world = World::default();
        for day in 1..=9 {
            world = world.deployment(shipping(&format!("d{day}"), &format!("2026-10-{day:02}T12:00:00Z"), vec![]));
        }
        assert!(matches!(world.outcome(&KPI, at("2026-10-13T00:00:00Z")), Outcome::TooFew { minimum: 10, .. }));
    }

    proptest! {
        #[test]
        fn it_stays_between_none_and_all(failures in prop::collection::vec(any::<bool>(), 1..40)) {
            let mut world = World::default();
            for (number, fails) in failures.iter().enumerate() {
                let deployment = shipping(&format!("d{number}"), &format!("2026-10-05T12:{number:02}:00Z"), vec![]);
                world = world.deployment(if *fails { failed(deployment, None) } else { deployment });
            }
            let as_of = at("2026-10-06T00:00:00Z");
            if let Outcome::Value(summary) | Outcome::TooFew { summary, .. } = world.outcome_over(&KPI, Window::Days28, as_of) {
                prop_assert!((0.0..=1.0).contains(&summary.statistics[&Statistic::Share]));
            }
        }
    }
}
