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
    definition: "For each validated change (a commit of a pull request, or one on the default branch): the first attempt of \
                 the first run of each of its workflows, from the creation of the first to the end of the last. Changes with \
                 a run that was cancelled, skipped or is under way are left out, and so are workflows that deploy, and runs \
                 by schedule or by hand. Beside it queue: from creation until the first run began.",
    reference: "CDEvents: from pipelineRun queued to pipelineRun finished.",
    needs: &[Need::CiRuns],
    minimum_observations: 5,
    protection: Protection::None,
    revision: 2,
    parts: Parts::Alternatives { label: "phase", values: &["total", "queue"] },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let rank = |run: &TeamCiRun| (run.attempts[0].created_at, run.key.clone());
    let mut changes: BTreeMap<(&str, &str, &str), BTreeMap<&str, &TeamCiRun>> = BTreeMap::new();
    for run in facts.ci_runs.iter().filter(|run| validates(run)) {
        let of_change = changes.entry((&run.repository, &run.sha, &run.event)).or_default();
        let first = of_change.entry(&run.workflow).or_insert(run);
        // Reopening and labels run a workflow once more, days later perhaps: nobody has waited since the first.
        if rank(run) < rank(first) {
            *first = run;
        }
    }
    let mut observed = Observed::default();
    for runs in changes.values() {
        let Some(earliest) = runs.values().min_by_key(|run| rank(run)) else { continue };
        let firsts = runs.values().map(|run| run.attempts[0]);
        let ended: Option<Vec<Moment>> = firsts.clone().map(|first| first.succeeded.and(first.ended_at)).collect();
        let (Some(created_at), Some(started_at), Some(ended_at)) = (
            firsts.clone().map(|first| first.created_at).min(),
            firsts.clone().map(|first| first.started_at).min(),
            ended.and_then(|ended| ended.into_iter().max()),
        ) else {
            continue;
        };
        let detail = format!("{} workflow runs", runs.len());
        let total = Observation::lasting(created_at, ended_at, run_evidence(earliest, detail));
        let queue = Observation { value: (started_at - created_at).as_seconds_f64(), ..total.clone() };
        observed.observations.extend([total.of_part("total"), queue.of_part("queue")]);
    }
    observed
}

/// Runs for pull requests, and those on the default branch that a change has begun.
fn validates(run: &TeamCiRun) -> bool {
    match run.event.as_str() {
        "pull_request" | "pull_request_target" | "merge_group" => true,
        "schedule" | "workflow_dispatch" | "repository_dispatch" => false,
        _ => run.on_default_branch,
    }
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
                // The same workflow once more, four days later, and one of every night: nobody waits for those.
                ci_run(4, "test", "a", &[("2026-10-09T10:01:00Z", "2026-10-09T10:15:00Z", Some(true))]),
                TeamCiRun {
                    event: "schedule".to_owned(),
                    ..ci_run(5, "nightly", "a", &[("2026-10-07T02:00:00Z", "2026-10-07T04:00:00Z", Some(true))])
                },
            ];
        });
        let outcome = world.outcome(&KPI, at("2026-10-10T00:00:00Z"));
        assert!((value(&outcome, Statistic::P50) - 900.0).abs() < 1e-9);
        assert!((value(&outcome, Statistic::Mean) - 900.0).abs() < 1e-9);
    }
}
