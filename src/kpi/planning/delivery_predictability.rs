//! Delivery predictability.

use crate::attribution::{PlannedItem, TeamIteration};
use crate::kpi::{
    Direction, Evidence, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "delivery_predictability",
    title: "Delivery predictability",
    unit: Unit::Ratio,
    direction: Direction::Higher,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How much of what the team commits to at the start of an iteration is done by its end.",
    definition: "For each iteration that has ended: the items that were in it when it began (committed), and the share of \
                 them that were done when it was closed, or was to end. Items taken out on the way stay committed. Beside it \
                 the same in story points, and scope_added: of all items in the iteration at its end, the share that was \
                 added after it began. Counted when the iteration ended.",
    reference: "Scrum's commitment reliability: completed committed work over committed work of a sprint.",
    needs: &[Need::WorkItems, Need::Iterations],
    minimum_observations: 5,
    protection: Protection::None,
    revision: 2,
    parts: Parts::Alternatives { label: "measure", values: &["items", "points", "scope_added"] },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for iteration in &facts.iterations {
        for item in &iteration.items {
            if item.committed {
                let word = if item.done { "committed and done" } else { "committed, not done" };
                let case = Observation::case(iteration.ended_at, item.done, evidence(iteration, item, word));
                if let Some(points) = item.points {
                    observed.observations.push(case.clone().weighing(points).of_part("points"));
                }
                observed.observations.push(case.of_part("items"));
            }
            if !item.still_in {
                continue;
            }
            let word = if item.committed { "there from the start" } else { "added later" };
            let added = Observation::case(iteration.ended_at, !item.committed, evidence(iteration, item, word));
            observed.observations.push(added.of_part("scope_added"));
        }
    }
    observed
}

fn evidence(iteration: &TeamIteration, item: &PlannedItem, word: &str) -> Evidence {
    Evidence {
        key: item.key.clone(),
        title: item.title.clone(),
        url: item.url.clone(),
        detail: format!("{}: {word}", iteration.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, value};
    use crate::kpi::{Window, summarise_part};

    #[test]
    fn what_was_committed_and_what_came_later_are_told_apart() {
        // Committed: 8 + 1 + 1 points, of which 8 + 1 are done: 2/3 of the items, 9/10 of the points. One of four was added.
        let item = |key: &str, points, committed, done| PlannedItem {
            key: key.to_owned(),
            title: key.to_owned(),
            url: None,
            points: Some(points),
            committed,
            still_in: true,
            done,
        };
        let iteration = TeamIteration {
            team: "team".to_owned(),
            name: "Sprint 41".to_owned(),
            ended_at: at("2026-10-09T12:00:00Z"),
            items: vec![
                item("a", 8.0, true, true),
                item("b", 1.0, true, true),
                item("c", 1.0, true, false),
                item("d", 5.0, false, true),
            ],
        };
        let world = World::default().with(|facts| facts.iterations.push(iteration));
        let as_of = at("2026-10-10T12:00:00Z");
        let observed = world.observed(&KPI, as_of);
        let share = |part| {
            let span = Window::Days28.span(as_of);
            world.with_facts(as_of, |facts| {
                value(&summarise_part(&KPI, &observed, part, &span, facts), Statistic::Share)
            })
        };
        assert!((share("items") - 2.0 / 3.0).abs() < 1e-12);
        assert!((share("points") - 0.9).abs() < 1e-12);
        assert!((share("scope_added") - 0.25).abs() < 1e-12);
    }

    #[test]
    fn what_was_taken_out_stays_committed_and_is_no_longer_in_scope() {
        let item = |key: &str, committed, still_in| PlannedItem {
            key: key.to_owned(),
            title: key.to_owned(),
            url: None,
            points: None,
            committed,
            still_in,
            done: still_in,
        };
        let items = vec![item("a", true, true), item("b", true, false), item("c", false, true)];
        let (name, ended_at) = ("Sprint 41".to_owned(), at("2026-10-09T12:00:00Z"));
        let iteration = TeamIteration { team: "team".to_owned(), name, ended_at, items };
        let observed =
            World::default().with(|facts| facts.iterations.push(iteration)).observed(&KPI, at("2026-10-10T12:00:00Z"));
        let cases = |part| {
            observed
                .observations
                .iter()
                .filter(|case| case.part == Some(part))
                .map(|case| case.value)
                .collect::<Vec<_>>()
        };
        // One of the two that were committed is done, and one of the two at the end was added.
        assert_eq!((cases("items"), cases("scope_added")), (vec![1.0, 0.0], vec![0.0, 1.0]));
    }
}
