//! Success of CI on the default branch.

use super::run_evidence;
use crate::kpi::{Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "ci_success_rate",
    title: "CI success rate",
    unit: Unit::Ratio,
    direction: Direction::Higher,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How often the default branch is green.",
    definition: "Workflow runs on the default branch that have ended: the share whose last attempt succeeded. Cancelled and \
                 skipped runs are left out, and so are workflows that deploy.",
    reference: "CircleCI, State of Software Delivery: success rate of the default branch.",
    needs: &[Need::CiRuns],
    minimum_observations: 10,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let observations = facts.ci_runs.iter().filter(|run| run.on_default_branch).filter_map(|run| {
        let last = run.attempts.last()?;
        let succeeded = last.succeeded?;
        let detail = if succeeded { "succeeded" } else { "failed" };
        Some(Observation::case(last.ended_at?, succeeded, run_evidence(run, detail)))
    });
    Observed { observations: observations.collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, ci_run, value};

    #[test]
    fn the_last_attempt_counts_and_cancelled_runs_do_not() {
        // Green, green on the second attempt, red: 2/3.
        let world = World::default().with(|facts| {
            let (from, until) = ("2026-10-05T10:00:00Z", "2026-10-05T10:08:00Z");
            facts.ci_runs = vec![
                ci_run(1, "test", "a", &[(from, until, Some(true))]),
                ci_run(2, "test", "b", &[(from, until, Some(false)), (until, "2026-10-05T10:20:00Z", Some(true))]),
                ci_run(3, "test", "c", &[(from, until, Some(false))]),
                ci_run(4, "test", "d", &[(from, until, None)]),
            ];
        });
        let share = value(&world.outcome(&KPI, at("2026-10-10T00:00:00Z")), Statistic::Share);
        assert!((share - 2.0 / 3.0).abs() < 1e-12);
    }
}
