//! Defect escape rate.

use crate::attribution::WorkClass;
use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "defect_escape_rate",
    title: "Defect escape rate",
    unit: Unit::Ratio,
    direction: Direction::Lower,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How many of the bugs that are found are found in production.",
    definition: "Bugs, counted when they were created: the share that was found in production. Types, labels or fields tell \
                 which items are bugs and which of those were found in production (bug and production_bug of [work_items]).",
    reference: "ISTQB: defect detection percentage, seen from the other side (defects found after release over all defects).",
    needs: &[Need::WorkItems],
    minimum_observations: 10,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let bugs = facts.work_items.iter().filter(|item| item.is(WorkClass::Bug));
    let observations = bugs.map(|item| {
        let escaped = item.is(WorkClass::ProductionBug);
        let detail = if escaped { "found in production" } else { "found before production" };
        Observation::case(item.created_at, escaped, evidence::work_item(item, detail))
    });
    Observed { observations: observations.collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, value, work_item};

    #[test]
    fn one_of_four_bugs_escaped_and_a_story_is_no_bug() {
        let created = |id: &str, classes: &[WorkClass]| {
            let mut item = work_item(id, "2026-10-05T00:00:00Z", None, None);
            item.classes = classes.iter().copied().collect();
            item
        };
        let bug = [WorkClass::Bug];
        let items = vec![
            created("W-1", &[WorkClass::Bug, WorkClass::ProductionBug]),
            created("W-2", &bug),
            created("W-3", &bug),
            created("W-4", &bug),
            created("W-5", &[]),
        ];
        let world = World::default().with(|facts| facts.work_items = items);
        assert!((value(&world.outcome(&KPI, at("2026-10-10T00:00:00Z")), Statistic::Share) - 0.25).abs() < 1e-12);
    }
}
