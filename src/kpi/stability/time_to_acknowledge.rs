//! Time to acknowledge.

use crate::kpi::{
    Direction, ExclusionReason, Kpi, Need, Observation, Observed, OpenItem, Parts, Protection, Shape, Statistic,
    TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "time_to_acknowledge",
    title: "Time to acknowledge",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::P50,
    meaning: "How long it takes until somebody takes an incident on.",
    definition: "For each incident of the team's services: first acknowledged − triggered. Incidents that were resolved \
                 without an acknowledgement are left out; open ones without one are shown as open, with their age.",
    reference: "Incident response practice (MTTA), as PagerDuty's operational reviews define it.",
    needs: &[Need::Incidents],
    minimum_observations: 3,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for item in facts.incidents.iter().filter(|item| item.created_at <= facts.as_of) {
        let evidence = evidence::incident(item, format!("severity {}", item.severity.0));
        match (item.acknowledged_at, item.resolved_at) {
            (Some(acknowledged_at), _) => observed.observations.push(Observation {
                began_at: Some(item.created_at),
                at: acknowledged_at,
                value: (acknowledged_at - item.created_at).as_seconds_f64(),
                weight: 1.0,
                cases: 1.0,
                distinct: None,
                service: item.service.clone(),
                part: None,
                evidence,
            }),
            (None, Some(at)) => {
                let reason = "resolved without an acknowledgement".to_owned();
                observed.left_out.push(ExclusionReason { at, reason, evidence });
            }
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
    use crate::kpi::test_support::{World, at, incident, value};

    #[test]
    fn it_is_the_time_to_the_first_acknowledgement() {
        // Acknowledged after 2, 4 and 12 minutes: the median is 4; one was resolved unacknowledged.
        let mut world = World::default().incident(incident("i0", "2026-10-04T12:00:00Z", Some("2026-10-04T13:00:00Z")));
        for (day, minutes) in [(5, 2), (6, 4), (7, 12)] {
            let mut acknowledged = incident(&format!("i{day}"), &format!("2026-10-{day:02}T12:00:00Z"), None);
            acknowledged.acknowledged_at = Some(acknowledged.created_at + chrono::Duration::minutes(minutes));
            world = world.incident(acknowledged);
        }
        let as_of = at("2026-10-10T12:00:00Z");
        assert_eq!(value(&world.outcome(&KPI, as_of), Statistic::P50), 240.0);
        assert_eq!(world.observed(&KPI, as_of).left_out.len(), 1);
    }
}
