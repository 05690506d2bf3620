//! Operational readiness.

use crate::kpi::{
    Direction, Evidence, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "operational_readiness",
    title: "Operational readiness",
    unit: Unit::Ratio,
    direction: Direction::Higher,
    shape: Shape::Level,
    headline: Statistic::Latest,
    meaning: "How much of their checklist the team's services fulfil.",
    definition: "The share of a service's checklist that holds, on each day on which it was looked at. The checklist depends on \
                 the tier ([[readiness]]; unless given: runbook, owners, on-call, alerts, dashboard). An item holds by a file \
                 in the repository, an escalation policy of the incident tool, an alert rule of Prometheus, or a reported \
                 tick. The headline is the newest of each service.",
    reference: "Google, Site Reliability Engineering, chapter 32: production readiness reviews.",
    needs: &[Need::Readiness],
    minimum_observations: 1,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let observations = facts.readiness.iter().map(|item| {
        let holding = item.checks.iter().filter(|(_, holds)| *holds).count();
        let names = |wanted: bool| {
            let named = item.checks.iter().filter(|(_, holds)| *holds == wanted).map(|(name, _)| name.as_str());
            named.collect::<Vec<_>>().join(", ")
        };
        let (there, missing) = (names(true), names(false));
        let detail = match (there.is_empty(), missing.is_empty()) {
            (_, true) => format!("all of it: {there}"),
            (true, false) => format!("missing: {missing}"),
            (false, false) => format!("there: {there}; missing: {missing}"),
        };
        let evidence = Evidence {
            key: format!("readiness:{}/{}", item.service, item.at.format("%Y-%m-%d")),
            title: item.service.clone(),
            url: item.url.clone(),
            detail,
        };
        let share = holding as f64 / item.checks.len() as f64;
        Observation::new(item.at, share, evidence).of_service(Some(&item.service))
    });
    Observed { observations: observations.collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::ServiceReadiness;
    use crate::kpi::test_support::{World, at, value};

    #[test]
    fn the_newest_look_at_each_service() {
        // 1 of 2 items, later 2 of 2; the other service 0 of 1: (1 + 0) / 2.
        let looked = |service: &str, moment: &str, checks: &[(&str, bool)]| ServiceReadiness {
            service: service.to_owned(),
            team: Some("team".to_owned()),
            url: None,
            at: at(moment),
            checks: checks.iter().map(|(name, holds)| ((*name).to_owned(), *holds)).collect(),
        };
        let world = World::default().with(|facts| {
            facts.readiness = vec![
                looked("service", "2026-10-05T00:00:00Z", &[("runbook", true), ("alerts", false)]),
                looked("service", "2026-10-06T00:00:00Z", &[("runbook", true), ("alerts", true)]),
                looked("other", "2026-10-06T00:00:00Z", &[("runbook", false)]),
            ];
        });
        assert!((value(&world.outcome(&KPI, at("2026-10-10T00:00:00Z")), Statistic::Latest) - 0.5).abs() < 1e-12);
    }
}
