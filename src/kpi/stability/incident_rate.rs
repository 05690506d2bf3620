//! Incident rate.

use crate::attribution::Severity;
use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "incident_rate",
    title: "Incident rate",
    unit: Unit::PerDay,
    direction: Direction::Lower,
    shape: Shape::Rate,
    headline: Statistic::PerDay,
    meaning: "How often the team's services have incidents, severe ones weighing more.",
    definition: "Incidents of the team's services per day, counted when they began and weighted by severity: 10, 5, 2, 1 \
                 and 0.5 for severities 1 to 5. The severities are shown apart, with plain counts as observations.",
    reference: "chiplog's own; the weights are a convention, told here so that the number can be taken apart.",
    needs: &[Need::Incidents],
    minimum_observations: 0,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Breakdown { label: "severity", values: &["1", "2", "3", "4", "5"] },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let observations = facts.incidents.iter().map(|item| Observation {
        began_at: None,
        at: item.began_at,
        value: 1.0,
        weight: item.severity.weight(),
        cases: 1.0,
        distinct: None,
        service: item.service.clone(),
        part: Some(part(item.severity)),
        evidence: evidence::incident(item, format!("severity {}", item.severity.0)),
    });
    Observed { observations: observations.collect(), ..Observed::default() }
}

fn part(severity: Severity) -> &'static str {
    match severity.0 {
        0 | 1 => "1",
        2 => "2",
        3 => "3",
        4 => "4",
        _ => "5",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, incident, value};
    use crate::kpi::{Window, summarise_part};

    #[test]
    fn severe_incidents_weigh_more_and_severities_add_up() {
        // One of severity 1 and two of severity 3 in 7 days: (10 + 2 + 2) / 7 = 2 a day; severity 3 alone 4 / 7.
        let mut severe = incident("i1", "2026-10-08T12:00:00Z", None);
        severe.severity = Severity(1);
        let world = World::default()
            .incident(severe)
            .incident(incident("i2", "2026-10-07T12:00:00Z", None))
            .incident(incident("i3", "2026-10-06T12:00:00Z", None));
        let as_of = at("2026-10-10T12:00:00Z");
        assert!((value(&world.outcome_over(&KPI, Window::Days7, as_of), Statistic::PerDay) - 2.0).abs() < 1e-12);
        let observed = world.observed(&KPI, as_of);
        let third =
            world.with_facts(as_of, |facts| summarise_part(&KPI, &observed, "3", &Window::Days7.span(as_of), facts));
        assert!((value(&third, Statistic::PerDay) - 4.0 / 7.0).abs() < 1e-12);
        let fifth =
            world.with_facts(as_of, |facts| summarise_part(&KPI, &observed, "5", &Window::Days7.span(as_of), facts));
        assert!(value(&fifth, Statistic::PerDay).is_sign_positive(), "none of a severity is zero, and not minus zero");
    }
}
