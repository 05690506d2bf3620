//! Share of work on technical debt.

use super::is_upkeep;
use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "tech_debt_ratio",
    title: "Tech debt service ratio",
    unit: Unit::Ratio,
    direction: Direction::Stable,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How much of the finished work keeps the system healthy: debt, refactoring, reliability.",
    definition: "Work items, counted when they were last done: the share classed as debt, refactoring or reliability (debt \
                 and reliability of [work_items]). Beside it the same in story points, where the tracker has them.",
    reference: "chiplog's own; the usual allocation of capacity to debt is 15 to 30 %.",
    needs: &[Need::WorkItems],
    minimum_observations: 10,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Alternatives { label: "measure", values: &["items", "points"] },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for item in &facts.work_items {
        let Some(done_at) = item.done_at else { continue };
        let upkeep = is_upkeep(item);
        let detail = if upkeep { "debt or reliability" } else { "" };
        let case = Observation::case(done_at, upkeep, evidence::work_item(item, detail));
        if let Some(points) = item.points {
            observed.observations.push(case.clone().weighing(points).of_part("points"));
        }
        observed.observations.push(case.of_part("items"));
    }
    observed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::WorkClass;
    use crate::kpi::test_support::{World, at, value, work_item};
    use crate::kpi::{Window, summarise_part};

    #[test]
    fn items_and_points_of_debt() {
        // One of four items, and 5 of 20 + 5 = 25 points: 25 % and 20 %.
        let done = |id: &str, class: Option<WorkClass>, points| {
            let mut item = work_item(id, "2026-10-01T00:00:00Z", None, Some("2026-10-05T12:00:00Z"));
            item.classes.extend(class);
            item.points = Some(points);
            item
        };
        let items = vec![
            done("W-1", Some(WorkClass::Debt), 5.0),
            done("W-2", None, 10.0),
            done("W-3", None, 5.0),
            done("W-4", None, 5.0),
        ];
        let world = World::default().with(|facts| facts.work_items = items);
        let as_of = at("2026-10-10T00:00:00Z");
        let observed = world.observed(&KPI, as_of);
        let share = |part| {
            let span = Window::Days28.span(as_of);
            world.with_facts(as_of, |facts| {
                value(&summarise_part(&KPI, &observed, part, &span, facts), Statistic::Share)
            })
        };
        assert!((share("items") - 0.25).abs() < 1e-12 && (share("points") - 0.2).abs() < 1e-12);
    }
}
