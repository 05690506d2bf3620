//! Reliability and debt items closed.

use super::is_upkeep;
use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "reliability_items_closed",
    title: "Reliability items closed",
    unit: Unit::PerDay,
    direction: Direction::Higher,
    shape: Shape::Rate,
    headline: Statistic::PerDay,
    meaning: "How many items of reliability and debt work the team finishes.",
    definition: "Work items classed as reliability, debt or refactoring (reliability and debt of [work_items]) per day, \
                 counted when they were last done.",
    reference: "chiplog's own, after the error budget policies of site reliability engineering.",
    needs: &[Need::WorkItems],
    minimum_observations: 0,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let closed = facts.work_items.iter().filter(|item| is_upkeep(item));
    let observations =
        closed.filter_map(|item| Some(Observation::new(item.done_at?, 1.0, evidence::work_item(item, ""))));
    Observed { observations: observations.collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::WorkClass;
    use crate::kpi::test_support::{World, at, value, work_item};

    #[test]
    fn debt_and_reliability_count_and_features_do_not() {
        // Two in 28 days.
        let done = |id: &str, class: Option<WorkClass>| {
            let mut item = work_item(id, "2026-10-01T00:00:00Z", None, Some("2026-10-05T12:00:00Z"));
            item.classes.extend(class);
            item
        };
        let items =
            vec![done("W-1", Some(WorkClass::Debt)), done("W-2", Some(WorkClass::Reliability)), done("W-3", None)];
        let world = World::default().with(|facts| facts.work_items = items);
        let rate = value(&world.outcome(&KPI, at("2026-10-10T00:00:00Z")), Statistic::PerDay);
        assert!((rate - 2.0 / 28.0).abs() < 1e-12);
    }
}
