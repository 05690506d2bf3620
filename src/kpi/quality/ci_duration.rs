//! Duration of CI.

use std::collections::BTreeMap;

use super::run_evidence;
use crate::attribution::TeamCiRun;
use crate::facts::Moment;
use crate::kpi::{Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "ci_duration",
    title: "CI duration",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::P50,
    meaning: "How long a change waits for its checks.",
    definition: "For each validated change (a commit of a pull request, or one on the default branch): the first attempts of \
                 all its workflow runs, from the creation of the first to the end of the last. Changes with a run that was \
                 cancelled, skipped or is under way are left out, and so are workflows that deploy. Beside it queue: from \
                 creation until the first run began.",
    reference: "CDEvents: from pipelineRun queued to pipelineRun finished.",
    needs: &[Need::CiRuns],
    minimum_observations: 5,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Alternatives { label: "phase", values: &["total", "queue"] },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut changes: BTreeMap<(&str, &str, &str), Vec<&TeamCiRun>> = BTreeMap::new();
    for run in facts.ci_runs.iter().filter(|run| validates(run)) {
        changes.entry((&run.repository, &run.sha, &run.event)).or_default().push(run);
    }
    let mut observed = Observed::default();
    for runs in changes.values() {
        let firsts = runs.iter().map(|run| run.attempts[0]);
        let ended: Option<Vec<Moment>> = firsts.clone().map(|first| first.succeeded.and(first.ended_at)).collect();
        let (Some(created_at), Some(started_at), Some(ended_at)) = (
            firsts.clone().map(|first| first.created_at).min(),
            firsts.clone().map(|first| first.started_at).min(),
            ended.and_then(|ended| ended.into_iter().max()),
        ) else {
            continue;
        };
        let detail = format!("{} workflow runs", runs.len());
        let total = Observation::lasting(created_at, ended_at, run_evidence(runs[0], detail));
        let queue = Observation { value: (started_at - created_at).as_seconds_f64(), ..total.clone() };
        observed.observations.extend([total.of_part("total"), queue.of_part("queue")]);
    }
    observed
}

/// Runs for pull requests, and those on the default branch.
fn validates(run: &TeamCiRun) -> bool {
    run.on_default_branch || matches!(run.event.as_str(), "pull_request" | "pull_request_target" | "merge_group")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, ci_run, value};

    #[test]
    fn a_change_waits_for_its_slowest_workflow() {
        // Two workflows of one commit: 10:00 to 10:08 and 10:01 to 10:15, so 15 minutes. A failed one takes its time too.
        let world = World::default().with(|facts| {
            facts.ci_runs = vec![
                ci_run(1, "lint", "a", &[("2026-10-05T10:00:00Z", "2026-10-05T10:08:00Z", Some(true))]),
                ci_run(2, "test", "a", &[("2026-10-05T10:01:00Z", "2026-10-05T10:15:00Z", Some(false))]),
                ci_run(3, "test", "b", &[("2026-10-05T11:00:00Z", "2026-10-05T11:01:00Z", None)]),
            ];
        });
        let outcome = world.outcome(&KPI, at("2026-10-10T00:00:00Z"));
        assert!((value(&outcome, Statistic::P50) - 900.0).abs() < 1e-9);
    }
}
