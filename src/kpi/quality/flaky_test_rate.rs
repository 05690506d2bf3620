//! Flaky tests.

use super::run_evidence;
use crate::kpi::{
    Direction, Evidence, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "flaky_test_rate",
    title: "Flaky test rate",
    unit: Unit::Ratio,
    direction: Direction::Lower,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How often a red check says nothing about the change.",
    definition: "tests, where JUnit XML reports are given: of the tests executed on a commit, the share that both failed and \
                 passed on it (retried within a run, or in another run of the same suite). Every test of every commit is a \
                 case. runs, where they are not: of the workflow runs that have ended, the share that failed and then \
                 succeeded when run again on the same commit. The headline is tests where there are any.",
    reference: "Luo et al., An Empirical Analysis of Flaky Tests (FSE 2014): pass and fail on the same code.",
    needs: &[Need::TestOutcomes],
    minimum_observations: 20,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Alternatives { label: "level", values: &["tests", "runs"] },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let tests = facts.test_results.iter().filter(|result| result.executed > 0).map(|result| {
        let names: Vec<&str> = result.flaky.iter().map(String::as_str).take(5).collect();
        let evidence = Evidence {
            key: result.key.clone(),
            title: result.title.clone(),
            url: result.url.clone(),
            detail: format!("{} tests, {} flaky {}", result.executed, result.flaky.len(), names.join(", ")),
        };
        let share = (result.flaky.len() as f64 / result.executed as f64).min(1.0);
        Observation::new(result.at, share, evidence).standing_for(result.executed as f64).of_part("tests")
    });
    let runs = facts.ci_runs.iter().filter_map(|run| {
        let last = run.attempts.last()?;
        let succeeded = last.succeeded?;
        let flaky = succeeded && run.attempts.iter().any(|attempt| attempt.succeeded == Some(false));
        let detail = if flaky { "failed, then succeeded when run again" } else { "" };
        Some(Observation::case(last.ended_at?, flaky, run_evidence(run, detail)).of_part("runs"))
    });
    Observed { observations: tests.chain(runs).collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::TeamTestResult;
    use crate::kpi::test_support::{World, at, ci_run, value};

    #[test]
    fn runs_are_asked_where_there_are_no_test_reports() {
        // One of two runs failed and then succeeded on the same commit.
        let (from, until) = ("2026-10-05T10:00:00Z", "2026-10-05T10:08:00Z");
        let world = World::default().with(|facts| {
            facts.ci_runs = vec![
                ci_run(1, "test", "a", &[(from, until, Some(false)), (until, "2026-10-05T10:20:00Z", Some(true))]),
                ci_run(2, "test", "b", &[(from, until, Some(false)), (until, "2026-10-05T10:20:00Z", Some(false))]),
            ];
        });
        assert!((value(&world.outcome(&KPI, at("2026-10-10T00:00:00Z")), Statistic::Share) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn every_test_of_every_commit_is_a_case() {
        // 1 of 100 and 2 of 50 tests: 3/150 = 2 %, n = 150.
        let result = |sha: &str, executed, flaky: &[&str]| TeamTestResult {
            key: format!("test:{sha}"),
            teams: vec!["team".to_owned()],
            title: sha.to_owned(),
            url: None,
            repository: "acme/service".to_owned(),
            at: at("2026-10-05T10:00:00Z"),
            executed,
            flaky: flaky.iter().map(|name| (*name).to_owned()).collect(),
        };
        let world = World::default()
            .with(|facts| facts.test_results = vec![result("a", 100, &["one"]), result("b", 50, &["one", "two"])]);
        let crate::kpi::Outcome::Value(summary) = world.outcome(&KPI, at("2026-10-10T00:00:00Z")) else {
            panic!("a value");
        };
        assert!((summary.statistics[&Statistic::Share] - 0.02).abs() < 1e-12);
        assert_eq!(summary.observations, 150);
    }
}
