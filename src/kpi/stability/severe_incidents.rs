//! Severe incidents.

use std::collections::BTreeSet;

use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "severe_incidents",
    title: "Severe incidents",
    unit: Unit::PerDay,
    direction: Direction::Lower,
    shape: Shape::Rate,
    headline: Statistic::PerDay,
    meaning: "How often the team's services have incidents of severity 1 or 2, and how often for the same cause again.",
    definition: "Incidents of severity 1 and 2 of the team's services per day, counted when they began. A repeat is one \
                 whose service and cause (a label that begins with cause:) an earlier severe incident had; repeats are \
                 counted in all and once more apart.",
    reference: "chiplog's own, after the repeat-incident reviews of site reliability engineering.",
    needs: &[Need::Incidents],
    minimum_observations: 0,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Alternatives { label: "kind", values: &["all", "repeat"] },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    let mut causes = BTreeSet::new();
    for item in facts.incidents.iter().filter(|item| item.severity.0 <= 2) {
        let repeat = item.cause_tag.as_ref().is_some_and(|cause| !causes.insert((&item.service, cause)));
        let parts: &[&'static str] = if repeat { &["all", "repeat"] } else { &["all"] };
        let cause = item.cause_tag.as_deref().unwrap_or("no cause given");
        observed.observations.extend(parts.iter().map(|part| Observation {
            began_at: None,
            at: item.began_at,
            value: 1.0,
            weight: 1.0,
            cases: 1.0,
            distinct: None,
            service: item.service.clone(),
            part: Some(part),
            evidence: evidence::incident(item, format!("severity {}, {cause}", item.severity.0)),
        }));
    }
    observed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::Severity;
    use crate::kpi::test_support::{World, at, incident, value};

    #[test]
    fn a_cause_that_comes_again_is_a_repeat() {
        let severe = |id: &str, day: u8, level, cause: Option<&str>| {
            let mut item = incident(id, &format!("2026-10-{day:02}T12:00:00Z"), None);
            item.severity = Severity(level);
            item.cause_tag = cause.map(str::to_owned);
            item
        };
        let world = World::default()
            .incident(severe("i1", 1, 1, Some("cause:certificate")))
            .incident(severe("i2", 2, 2, Some("cause:certificate")))
            .incident(severe("i3", 3, 2, None))
            .incident(severe("i4", 4, 3, Some("cause:certificate")));
        let observed = world.observed(&KPI, at("2026-10-10T12:00:00Z"));
        let mild = World::default().incident(severe("i5", 5, 4, None));
        let outcome = mild.outcome(&KPI, at("2026-10-10T12:00:00Z"));
        assert_eq!(value(&outcome, Statistic::PerDay), 0.0, "only mild incidents: no severe one is a true zero");
        let count = |part| observed.observations.iter().filter(|item| item.part == Some(part)).count();
        assert_eq!((count("all"), count("repeat")), (3, 1));
    }
}
