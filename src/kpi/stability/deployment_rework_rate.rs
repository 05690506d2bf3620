//! Deployment rework rate.

use crate::attribution::FixKind;
use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "deployment_rework_rate",
    title: "Deployment rework rate",
    unit: Unit::Ratio,
    direction: Direction::Lower,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How many deployments were unplanned: made to fix what an earlier one broke.",
    definition: "Of the successful production deployments of the team's services, the share that rolled back to an earlier \
                 version, shipped the revert of a change that was in production, or shipped a hotfix.",
    reference: "DORA, \"DORA's software delivery performance metrics\" (dora.dev/guides/dora-metrics): deployment rework rate.",
    needs: &[Need::Deployments],
    minimum_observations: 10,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let finished = facts.deployments.iter().filter_map(|item| item.finished_at.map(|at| (item, at)));
    let observations = finished.map(|(item, at)| {
        let detail = match &item.fix {
            None => "planned",
            Some(FixKind::Rollback(why) | FixKind::Revert(why) | FixKind::Hotfix(why)) => why.as_str(),
        };
        Observation {
            began_at: None,
            at,
            value: f64::from(u8::from(item.fix.is_some())),
            weight: 1.0,
            cases: 1.0,
            distinct: None,
            service: Some(item.service.clone()),
            part: None,
            evidence: evidence::deployment(item, detail),
        }
    });
    Observed { observations: observations.collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, shipping, value};

    #[test]
    fn fixes_are_a_share_of_all_deployments() {
        // Ten deployments, a rollback and a hotfix among them: 2 / 10.
        let mut world = World::default();
        for day in 1..=10 {
            let mut deployment = shipping(&format!("d{day}"), &format!("2026-10-{day:02}T12:00:00Z"), vec![]);
            deployment.fix = match day {
                4 => Some(FixKind::Rollback("back to v1".to_owned())),
                8 => Some(FixKind::Hotfix("hotfix #8".to_owned())),
                _ => None,
            };
            world = world.deployment(deployment);
        }
        assert_eq!(value(&world.outcome(&KPI, at("2026-10-13T00:00:00Z")), Statistic::Share), 0.2);
    }
}
