//! Test coverage.

use crate::kpi::{
    Direction, Evidence, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit,
    evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "test_coverage",
    title: "Test coverage of critical modules",
    unit: Unit::Ratio,
    direction: Direction::Higher,
    shape: Shape::Level,
    headline: Statistic::Latest,
    meaning: "How much of the code that matters the tests run.",
    definition: "Lines covered over lines that can be covered, of the files in the service's critical_paths (all of its \
                 files unless given), from lcov, Cobertura or JaCoCo reports of the default branch, or as reported. The \
                 newest report of each name and day counts, those of a day together; the headline is the newest day of each \
                 service.",
    reference: "chiplog's own; line coverage as the report formats define it.",
    needs: &[Need::Coverage],
    minimum_observations: 1,
    protection: Protection::None,
    revision: 2,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let measured = facts.coverage.iter().map(|item| {
        let evidence = Evidence {
            key: item.key.clone(),
            title: item.service.clone(),
            url: item.url.clone(),
            detail: format!("{} of {} lines", item.covered, item.lines),
        };
        let share = item.covered as f64 / item.lines as f64;
        Observation::new(item.at, share, evidence).of_service(Some(&item.service))
    });
    let reported = facts.reports_of("test_coverage").map(|report| {
        Observation::new(report.at, report.value, evidence::report(report)).of_service(report.service.as_deref())
    });
    Observed { observations: measured.chain(reported).collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::ServiceCoverage;
    use crate::kpi::test_support::{World, at, value};

    #[test]
    fn the_newest_of_each_service() {
        // service: 80 of 100 lines, newer than 50 of 100; other: 120 of 200. (0.8 + 0.6) / 2 = 0.7.
        let covered = |service: &str, moment: &str, covered, lines| ServiceCoverage {
            key: format!("test:{service}/{moment}"),
            service: service.to_owned(),
            team: Some("team".to_owned()),
            url: None,
            at: at(moment),
            covered,
            lines,
        };
        let world = World::default().with(|facts| {
            facts.coverage = vec![
                covered("service", "2026-10-05T10:00:00Z", 50, 100),
                covered("service", "2026-10-06T10:00:00Z", 80, 100),
                covered("other", "2026-10-04T10:00:00Z", 120, 200),
            ];
        });
        assert!((value(&world.outcome(&KPI, at("2026-10-10T00:00:00Z")), Statistic::Latest) - 0.7).abs() < 1e-12);
    }
}
