//! Deployment frequency.

use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "deployment_frequency",
    title: "Deployment frequency",
    unit: Unit::PerDay,
    direction: Direction::Higher,
    shape: Shape::Rate,
    headline: Statistic::PerDay,
    meaning: "How often the team brings its services into production.",
    definition: "Successful production deployments of the team's services per calendar day, counted when they finished \
                 (their first success); beside it the share of the team's working days with at least one: of the whole days \
                 of the span, and of today as soon as it has one.",
    reference: "DORA, \"DORA's software delivery performance metrics\" (dora.dev/guides/dora-metrics): deployment frequency.",
    needs: &[Need::Deployments],
    minimum_observations: 0,
    protection: Protection::None,
    revision: 2,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let finished = facts.deployments.iter().filter_map(|item| item.finished_at.map(|at| (item, at)));
    let observations = finished.map(|(item, at)| Observation {
        began_at: None,
        at,
        value: 1.0,
        weight: 1.0,
        cases: 1.0,
        distinct: None,
        service: Some(item.service.clone()),
        part: None,
        evidence: evidence::deployment(item, ""),
    });
    Observed { observations: observations.collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, shipping, value};
    use crate::kpi::{Outcome, Window};

    #[test]
    fn it_counts_successes_per_day_and_working_days_with_one() {
        // Thursday 2026-10-08 twice, Friday once; within 7 days: 3 / 7 per day, on 2 of 5 working days.
        let world = World::default()
            .deployment(shipping("d1", "2026-10-08T09:00:00Z", vec![]))
            .deployment(shipping("d2", "2026-10-08T15:00:00Z", vec![]))
            .deployment(shipping("d3", "2026-10-09T15:00:00Z", vec![]));
        let outcome = world.outcome_over(&KPI, Window::Days7, at("2026-10-12T00:00:00Z"));
        assert!((value(&outcome, Statistic::PerDay) - 3.0 / 7.0).abs() < 1e-12);
        assert!((value(&outcome, Statistic::WorkingDaysWithOne) - 0.4).abs() < 1e-12);
    }

    #[test]
    fn a_team_that_deploys_every_working_day_does_so_at_every_hour() {
        // Monday to Friday at 15:00 for three weeks: Wednesday noon, Wednesday evening and Saturday all say so.
        let days = [5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23];
        let world = days.iter().fold(World::default(), |world, day| {
            world.deployment(shipping(&format!("d{day}"), &format!("2026-10-{day:02}T15:00:00Z"), vec![]))
        });
        for now in ["2026-10-21T12:00:00Z", "2026-10-21T16:00:00Z", "2026-10-24T12:00:00Z"] {
            let known = World::default().with(|facts| {
                facts.deployments =
                    world.attributed.deployments.iter().filter(|it| it.created_at < at(now)).cloned().collect();
            });
            let outcome = known.outcome_over(&KPI, Window::Days7, at(now));
            assert_eq!(value(&outcome, Statistic::WorkingDaysWithOne), 1.0, "{now}");
        }
        // And one that pauses on a Tuesday has four of five.
        let paused = World::default().with(|facts| {
            let tuesday = at("2026-10-20T15:00:00Z");
            facts.deployments =
                world.attributed.deployments.iter().filter(|it| it.created_at != tuesday).cloned().collect();
        });
        let outcome = paused.outcome_over(&KPI, Window::Days7, at("2026-10-24T12:00:00Z"));
        assert!((value(&outcome, Statistic::WorkingDaysWithOne) - 0.8).abs() < 1e-12);
    }

    #[test]
    fn nothing_for_a_week_is_zero_after_a_first_deployment_and_no_data_before() {
        let world = World::default().deployment(shipping("d1", "2026-09-01T09:00:00Z", vec![]));
        let after = world.outcome_over(&KPI, Window::Days7, at("2026-10-12T00:00:00Z"));
        assert_eq!(value(&after, Statistic::PerDay), 0.0);
        assert_eq!(world.outcome_over(&KPI, Window::Days7, at("2026-08-12T00:00:00Z")), Outcome::NoData);
    }
}
