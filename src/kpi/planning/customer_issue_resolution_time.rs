//! Customer issue resolution time.

use super::DROPPED;
use crate::attribution::WorkClass;
use crate::kpi::{
    Direction, ExclusionReason, Kpi, Need, Observation, Observed, OpenItem, Parts, Protection, Shape, Statistic,
    TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "customer_issue_resolution_time",
    title: "Customer issue resolution time",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::P50,
    meaning: "How long a customer with a serious problem waits until it is solved.",
    definition: "Bugs of high impact that customers reported (bug, customer and high_impact of [work_items]): created until \
                 last done, in wall-clock time. Open ones are shown with their age; those that were ended without being done \
                 (dropped of [work_items]) are left out.",
    reference: "chiplog's own, after the time to resolution of service desks.",
    needs: &[Need::WorkItems],
    minimum_observations: 5,
    protection: Protection::None,
    revision: 2,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    let wanted = [WorkClass::Bug, WorkClass::Customer, WorkClass::HighImpact];
    for item in facts.work_items.iter().filter(|item| wanted.iter().all(|class| item.is(*class))) {
        let evidence = evidence::work_item(item, "");
        match (item.done_at, item.dropped_at) {
            (Some(done_at), _) => observed.observations.push(Observation::lasting(item.created_at, done_at, evidence)),
            (None, Some(at)) => observed.left_out.push(ExclusionReason { at, reason: DROPPED.to_owned(), evidence }),
            (None, None) => observed.open.push(OpenItem {
                began_at: item.created_at,
                age_seconds: (facts.as_of - item.created_at).as_seconds_f64(),
                part: None,
                evidence,
            }),
        }
    }
    observed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, value, work_item};

    #[test]
    fn serious_bugs_of_customers_from_opening_to_done() {
        // 24 h and 48 h: median 36 h. The bug of low impact does not count; the open one is shown.
        let bug = |id: &str, done_at: Option<&str>, serious: bool| {
            let mut item = work_item(id, "2026-10-05T00:00:00Z", None, done_at);
            item.classes = [WorkClass::Bug, WorkClass::Customer].into();
            if serious {
                item.classes.insert(WorkClass::HighImpact);
            }
            item
        };
        let items = vec![
            bug("W-1", Some("2026-10-06T00:00:00Z"), true),
            bug("W-2", Some("2026-10-07T00:00:00Z"), true),
            bug("W-3", Some("2026-10-09T00:00:00Z"), false),
            bug("W-4", None, true),
        ];
        let world = World::default().with(|facts| facts.work_items = items);
        let as_of = at("2026-10-10T00:00:00Z");
        assert!((value(&world.outcome(&KPI, as_of), Statistic::P50) - 36.0 * 3600.0).abs() < 1e-9);
        assert_eq!(world.observed(&KPI, as_of).open.len(), 1);
    }
}
