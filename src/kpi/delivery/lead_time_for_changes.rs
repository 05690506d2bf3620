//! Lead time for changes.

use crate::attribution::{ServiceDeployment, Shipment, ShippedChange};
use crate::facts::Moment;
use crate::kpi::evidence::remark_on;
use crate::kpi::stages::change_key;
use crate::kpi::{
    Direction, Evidence, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "lead_time_for_changes",
    title: "Lead time for changes",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::P50,
    meaning: "How long it takes from writing a change until it runs in production.",
    definition: "For each commit that first reaches production with a successful production deployment of its service, \
                 by git ancestry: deployment finished − commit authored. Merge commits don't count; a squash- or \
                 rebase-merged pull request is represented by its own commits. The first known deployment of a service is \
                 the baseline and yields none. A commit counts once per service, whoever (or whatever bot) wrote it.",
    reference: "DORA, \"DORA's software delivery performance metrics\" (dora.dev/guides/dora-metrics): change lead time.",
    needs: &[Need::Commits, Need::Deployments],
    minimum_observations: 5,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for deployment in &facts.deployments {
        let (Some(finished_at), Shipment::Commits { changes, .. }) = (deployment.finished_at, &deployment.shipment)
        else {
            continue;
        };
        observed.observations.extend(changes.iter().map(|change| observation(deployment, change, finished_at)));
    }
    observed
}

fn observation(deployment: &ServiceDeployment, change: &ShippedChange, finished_at: Moment) -> Observation {
    let seconds = (finished_at - change.authored_at).as_seconds_f64();
    let pull_request = change.pull_request.map(|number| format!(", pull request #{number}")).unwrap_or_default();
    let authored = change.authored_at.format("%Y-%m-%d %H:%M");
    let detail = format!("authored {authored}{pull_request}, shipped with {}{}", deployment.title, remark_on(seconds));
    let short: String = change.sha.chars().take(10).collect();
    Observation {
        began_at: None,
        at: finished_at,
        value: seconds,
        weight: 1.0,
        cases: 1.0,
        distinct: None,
        service: Some(deployment.service.clone()),
        part: None,
        evidence: Evidence {
            key: change_key(&deployment.repository, &change.sha),
            title: format!("{}@{short} {}", deployment.repository, change.title),
            url: change.url.clone(),
            detail,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, change, shipping, value};

    #[test]
    fn it_is_the_time_from_authoring_to_the_end_of_the_deployment() {
        // Deployed on the 10th at 12:00; authored 24, 48 and 96 hours before: median 48 h, mean 56 h.
        let changes = vec![
            change("a", "2026-10-09T12:00:00Z"),
            change("b", "2026-10-08T12:00:00Z"),
            change("c", "2026-10-06T12:00:00Z"),
        ];
        let world = World::default().deployment(shipping("d1", "2026-10-10T12:00:00Z", changes));
        let outcome = world.outcome(&KPI, at("2026-10-11T00:00:00Z"));
        assert_eq!(value(&outcome, Statistic::P50), 48.0 * 3600.0);
        assert_eq!(value(&outcome, Statistic::Mean), 56.0 * 3600.0);
    }

    #[test]
    fn a_baseline_yields_none() {
        let mut baseline = shipping("d1", "2026-10-10T12:00:00Z", Vec::new());
        baseline.shipment = Shipment::Baseline;
        let world = World::default().deployment(baseline);
        assert!(world.observed(&KPI, at("2026-10-11T00:00:00Z")).observations.is_empty());
    }

    #[test]
    fn a_negative_lead_time_is_kept_and_remarked_on() {
        let world = World::default().deployment(shipping(
            "d1",
            "2026-10-10T12:00:00Z",
            vec![change("a", "2026-10-10T12:00:01Z")],
        ));
        let observed = world.observed(&KPI, at("2026-10-11T00:00:00Z"));
        assert_eq!(observed.observations[0].value, -1.0);
        assert!(observed.observations[0].evidence.detail.contains("negative"));
    }
}
