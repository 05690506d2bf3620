//! Throughput.

use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "throughput",
    title: "Throughput",
    unit: Unit::PerDay,
    direction: Direction::Stable,
    shape: Shape::Rate,
    headline: Statistic::PerDay,
    meaning: "How much work the team gets done, and how evenly.",
    definition: "Work items per day, each counted when it was last done; beside it their story points where the tracker has \
                 them. The variation is the coefficient of variation of the whole weeks of the span.",
    reference: "Kanban Guide (2020): throughput is the number of work items finished per unit of time.",
    needs: &[Need::WorkItems],
    minimum_observations: 0,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Alternatives { label: "measure", values: &["items", "points"] },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    // A tracker without points has done none, and that is no zero.
    if facts.work_items.iter().all(|item| item.points.is_none()) {
        observed.unknown_parts.push("points");
    }
    for item in &facts.work_items {
        let Some(done_at) = item.done_at else { continue };
        let done = Observation::new(done_at, 1.0, evidence::work_item(item, ""));
        if let Some(points) = item.points {
            observed.observations.push(done.clone().weighing(points).of_part("points"));
        }
        observed.observations.push(done.of_part("items"));
    }
    observed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, value, work_item};
    use crate::kpi::{Window, summarise_part};

    #[test]
    fn items_and_points_per_day_and_how_much_weeks_differ() {
        // Three items of 2, 3 and 5 points in 28 days: 3/28 and 10/28 a day. Weeks of 2, 1, 0 and 0 items: mean 0.75,
        // variance (1.25² + 0.25² + 0.75² + 0.75²) / 3 = 0.91667, so √0.91667 / 0.75 = 1.27657.
        let done = |id: &str, day: u8, points| {
            let mut item = work_item(id, "2026-10-01T00:00:00Z", None, Some(&format!("2026-10-{day:02}T12:00:00Z")));
            item.points = Some(points);
            item
        };
        let items = vec![done("W-1", 28, 2.0), done("W-2", 27, 3.0), done("W-3", 20, 5.0)];
        let world = World::default().with(|facts| facts.work_items = items);
        let as_of = at("2026-10-29T00:00:00Z");
        let outcome = world.outcome(&KPI, as_of);
        assert!((value(&outcome, Statistic::PerDay) - 3.0 / 28.0).abs() < 1e-12);
        assert!((value(&outcome, Statistic::WeeklyVariation) - 1.276_57).abs() < 1e-4);
        let observed = world.observed(&KPI, as_of);
        let points = world
            .with_facts(as_of, |facts| summarise_part(&KPI, &observed, "points", &Window::Days28.span(as_of), facts));
        assert!((value(&points, Statistic::PerDay) - 10.0 / 28.0).abs() < 1e-12);
    }
}
