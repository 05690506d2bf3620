//! Cycle time of work items.

use super::DROPPED;
use crate::kpi::{
    Direction, ExclusionReason, Kpi, Need, Observation, Observed, OpenItem, Parts, Protection, Shape, Statistic,
    TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "work_item_cycle_time",
    title: "Work item cycle time",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::P50,
    meaning: "How long a work item takes from the day work on it begins until it is done.",
    definition: "For each item that is done: the first time that it was in progress until the last time that it was done, in \
                 wall-clock time and in working time of the team's calendar. Which statuses mean in progress and done is \
                 told by the tracker, or by [work_items]. Items that were never seen in progress are left out, and those that \
                 were ended without being done (dropped of [work_items]); items under way are shown with their age.",
    reference: "Kanban Guide (2020): cycle time is the time between when a work item started and when it finished.",
    needs: &[Need::WorkItems],
    minimum_observations: 5,
    protection: Protection::None,
    revision: 2,
    parts: Parts::Alternatives { label: "clock", values: &["wall", "working"] },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for item in &facts.work_items {
        let evidence = evidence::work_item(item, "");
        if let Some(at) = item.dropped_at {
            observed.left_out.push(ExclusionReason { at, reason: DROPPED.to_owned(), evidence });
            continue;
        }
        match (item.started_at, item.done_at) {
            (Some(began_at), Some(done_at)) => {
                let wall = Observation::lasting(began_at, done_at, evidence);
                let working = facts.calendar.working_seconds(began_at, done_at);
                observed.observations.push(Observation { value: working, ..wall.clone() }.of_part("working"));
                observed.observations.push(wall.of_part("wall"));
            }
            (Some(began_at), None) => {
                let ages = [
                    ("wall", (facts.as_of - began_at).as_seconds_f64()),
                    ("working", facts.calendar.working_seconds(began_at, facts.as_of)),
                ];
                observed.open.extend(ages.map(|(part, age_seconds)| OpenItem {
                    began_at,
                    age_seconds,
                    part: Some(part),
                    evidence: evidence.clone(),
                }));
            }
            (None, Some(at)) => {
                let reason = "was never seen in progress: add the status that means it to in_progress of [work_items]";
                observed.left_out.push(ExclusionReason { at, reason: reason.to_owned(), evidence });
            }
            (None, None) => {}
        }
    }
    observed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, value, work_item};
    use crate::kpi::{Window, summarise_part};

    #[test]
    fn from_in_progress_to_done_on_both_clocks() {
        // Monday 12:00 to Tuesday 12:00: 24 h on the wall. Working days are 09:00 to 17:00: 5 h + 3 h.
        let item = work_item("W-1", "2026-10-01T12:00:00Z", Some("2026-10-05T12:00:00Z"), Some("2026-10-06T12:00:00Z"));
        let open = work_item("W-2", "2026-10-01T12:00:00Z", Some("2026-10-05T12:00:00Z"), None);
        let never = work_item("W-3", "2026-10-01T12:00:00Z", None, Some("2026-10-06T12:00:00Z"));
        let mut dropped = work_item("W-4", "2026-10-01T12:00:00Z", Some("2026-10-05T12:00:00Z"), None);
        dropped.dropped_at = Some(at("2026-10-07T12:00:00Z"));
        let world = World::default().with(|facts| facts.work_items = vec![item, open, never, dropped]);
        let as_of = at("2026-10-10T12:00:00Z");
        let observed = world.observed(&KPI, as_of);
        assert_eq!((observed.observations.len(), observed.open.len(), observed.left_out.len()), (2, 2, 2));
        assert!((value(&world.outcome(&KPI, as_of), Statistic::P50) - 86_400.0).abs() < 1e-9);
        let working = world
            .with_facts(as_of, |facts| summarise_part(&KPI, &observed, "working", &Window::Days28.span(as_of), facts));
        assert!((value(&working, Statistic::P50) - 8.0 * 3600.0).abs() < 1e-9);
    }
}
