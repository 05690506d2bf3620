//! Regrettable attrition.

use super::hiring::anonymous;
use crate::kpi::{
    Direction, ExclusionReason, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "regrettable_attrition",
    title: "Regrettable attrition",
    unit: Unit::PerDay,
    direction: Direction::Lower,
    shape: Shape::Rate,
    headline: Statistic::PerDay,
    meaning: "How often people leave whom the team would have liked to keep.",
    definition: "Reported rows of leavers (how many, and the headcount of the team then), counted on the day that they are \
                 reported for, per day. A row without leavers tells that nobody left. Rows of teams smaller than the minimum \
                 group size are left out.",
    reference: "SHRM: regrettable turnover.",
    needs: &[Need::Reported("regrettable_attrition")],
    minimum_observations: 0,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for report in facts.reports_of("regrettable_attrition") {
        let title = format!("reported for {}", report.at.format("%Y-%m"));
        let evidence = anonymous(&report.key, &title);
        if report.cases < facts.organisation.minimum_group_size as f64 {
            let reason = "the team is smaller than the minimum group size".to_owned();
            observed.left_out.push(ExclusionReason { at: report.at, reason, evidence });
        } else if report.value > 0.0 {
            observed.observations.push(Observation::new(report.at, 1.0, evidence).standing_for(report.value));
        }
    }
    observed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, report, value};

    #[test]
    fn leavers_per_day_and_small_teams_stay_unknown() {
        // Two leavers in 28 days; the row of a team of four does not count.
        let world = World::default().with(|facts| {
            facts.reports = vec![
                report("regrettable_attrition", "2026-10-01T00:00:00Z", 2.0, 8.0),
                report("regrettable_attrition", "2026-10-02T00:00:00Z", 0.0, 8.0),
                report("regrettable_attrition", "2026-10-03T00:00:00Z", 1.0, 4.0),
            ];
        });
        let as_of = at("2026-10-10T00:00:00Z");
        assert!((value(&world.outcome(&KPI, as_of), Statistic::PerDay) - 2.0 / 28.0).abs() < 1e-12);
        assert_eq!(world.observed(&KPI, as_of).left_out.len(), 1);
    }
}
