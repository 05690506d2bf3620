//! Rework rate.

use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "rework_rate",
    title: "Rework rate",
    unit: Unit::Ratio,
    direction: Direction::Lower,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How much of what was called done had to be taken up again.",
    definition: "Work items, counted when they were first done: the share that was later reopened or sent back from done. \
                 An item counts once, however often it comes back.",
    reference: "chiplog's own; reopened work is the usual measure of rework in issue trackers.",
    needs: &[Need::WorkItems],
    minimum_observations: 10,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let observations = facts.work_items.iter().filter_map(|item| {
        let returned = item.returned_at.first();
        let detail = returned.map(|at| format!("sent back on {}", at.format("%Y-%m-%d"))).unwrap_or_default();
        Some(Observation::case(item.first_done_at?, returned.is_some(), evidence::work_item(item, detail)))
    });
    Observed { observations: observations.collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, value, work_item};

    #[test]
    fn an_item_that_came_back_twice_counts_once() {
        // Two of four done items came back: one half.
        let done = |id: &str, returned: &[&str]| {
            let mut item = work_item(id, "2026-10-01T00:00:00Z", None, Some("2026-10-05T12:00:00Z"));
            item.returned_at = returned.iter().map(|moment| at(moment)).collect();
            item
        };
        let items = vec![
            done("W-1", &[]),
            done("W-2", &["2026-10-06T12:00:00Z", "2026-10-07T12:00:00Z"]),
            done("W-3", &["2026-10-06T12:00:00Z"]),
            done("W-4", &[]),
        ];
        let world = World::default().with(|facts| facts.work_items = items);
        assert!((value(&world.outcome(&KPI, at("2026-10-10T00:00:00Z")), Statistic::Share) - 0.5).abs() < 1e-12);
    }
}
