//! Levels that a query or a report gives, one row each.

use crate::facts::Moment;
use crate::kpi::{
    Direction, Evidence, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit,
    evidence,
};

/// What is the same for all of them.
const fn measured(
    id: &'static str,
    title: &'static str,
    unit: Unit,
    needs: &'static [Need],
    observe: fn(&TeamFacts<'_>) -> Observed,
) -> Kpi {
    Kpi {
        id,
        title,
        unit,
        direction: Direction::Lower,
        shape: Shape::Level,
        headline: Statistic::Mean,
        meaning: "",
        definition: "",
        reference: "Google, Site Reliability Engineering, chapter 4: service level indicators.",
        needs,
        minimum_observations: 1,
        protection: Protection::None,
        revision: 2,
        parts: Parts::Whole,
        observe,
    }
}

/// See the fields.
pub(in crate::kpi) const SLO_ATTAINMENT: Kpi = Kpi {
    direction: Direction::Higher,
    meaning: "How much of the time the team's services meet their service level objective.",
    definition: "The value of the query slo_attainment of [prometheus.queries] for each service and day (or as reported): the \
                 share of the day in which the service met its objective. The mean over days and services.",
    ..measured("slo_attainment", "SLO attainment", Unit::Ratio, &[Need::Measured("slo_attainment")], |facts| {
        observe(facts, "slo_attainment")
    })
};

/// See the fields.
pub(in crate::kpi) const LATENCY_P95: Kpi = Kpi {
    meaning: "How long the slowest 5 % of requests take at least.",
    definition: "The value of the query latency_p95 of [prometheus.queries] for each service and day (or as reported), in \
                 seconds. The mean over days and services: no percentile of the whole window, which only the histogram knows.",
    ..measured("latency_p95", "Latency, 95th percentile", Unit::Seconds, &[Need::Measured("latency_p95")], |facts| {
        observe(facts, "latency_p95")
    })
};

/// See the fields.
pub(in crate::kpi) const LATENCY_P99: Kpi = Kpi {
    meaning: "How long the slowest 1 % of requests take at least.",
    definition: "The value of the query latency_p99 of [prometheus.queries] for each service and day (or as reported), in \
                 seconds. The mean over days and services.",
    ..measured("latency_p99", "Latency, 99th percentile", Unit::Seconds, &[Need::Measured("latency_p99")], |facts| {
        observe(facts, "latency_p99")
    })
};

/// See the fields.
pub(in crate::kpi) const ERROR_RATE: Kpi = Kpi {
    meaning: "How many requests fail.",
    definition: "The value of the query error_rate of [prometheus.queries] for each service and day (or as reported): failed \
                 requests over all requests. The mean over days and services.",
    ..measured("error_rate", "Error rate", Unit::Ratio, &[Need::Measured("error_rate")], |facts| {
        observe(facts, "error_rate")
    })
};

/// See the fields.
pub(in crate::kpi) const REQUEST_THROUGHPUT: Kpi = Kpi {
    direction: Direction::Stable,
    meaning: "How much the team's services are used.",
    definition: "The value of the query request_throughput of [prometheus.queries] for each service and day (or as reported), \
                 in requests per second. The mean over days and services.",
    ..measured(
        "request_throughput",
        "Request throughput",
        Unit::PerSecond,
        &[Need::Measured("request_throughput")],
        |facts| observe(facts, "request_throughput"),
    )
};

/// The last moment of a day that was measured until `end`: it counts within the day, also that of the last day of a month.
pub(super) fn last_moment(end: Moment) -> Moment {
    end - chrono::Duration::milliseconds(1)
}

fn observe(facts: &TeamFacts<'_>, measure: &'static str) -> Observed {
    let sampled = facts.samples.iter().filter(|sample| sample.measure == measure).map(|sample| {
        let evidence = Evidence {
            key: sample.key.clone(),
            title: format!("{}, the day until {}", sample.service, sample.at.format("%Y-%m-%d %H:%M UTC")),
            url: sample.url.clone(),
            detail: String::new(),
        };
        Observation::new(last_moment(sample.at), sample.value, evidence).of_service(Some(&sample.service))
    });
    let reported = facts.reports_of(measure).map(|report| {
        Observation::new(report.at, report.value, evidence::report(report)).of_service(report.service.as_deref())
    });
    Observed { observations: sampled.chain(reported).collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, sample, value};
    use crate::kpi::{Outcome, Span, summarise};

    #[test]
    fn the_last_day_of_a_month_counts_in_it_and_the_day_before_the_first_does_not() {
        // The days until midnight of the 1st of October, and of the 1st of November: 30 September and 31 October.
        let world = World::default().with(|facts| {
            facts.samples = vec![
                sample("service", "latency_p95", "2026-10-01T00:00:00Z", 0.2),
                sample("service", "latency_p95", "2026-11-01T00:00:00Z", 0.3),
            ];
        });
        let october = Span { from: at("2026-10-01T00:00:00Z"), until: at("2026-11-01T00:00:00Z") };
        let observed = world.observed(&LATENCY_P95, october.until);
        let outcome = world.with_facts(october.until, |facts| summarise(&LATENCY_P95, &observed, &october, facts));
        let Outcome::Value(summary) = &outcome else { panic!("a value: {outcome:?}") };
        assert_eq!((value(&outcome, Statistic::Mean), summary.observations), (0.3, 1));
    }

    #[test]
    fn the_mean_over_days_and_services() {
        // 0.2 s and 0.3 s of one service, 0.7 s of the other: mean 0.4 s; the newest of each: (0.3 + 0.7) / 2 = 0.5 s.
        let world = World::default().with(|facts| {
            facts.samples = vec![
                sample("service", "latency_p95", "2026-10-05T00:00:00Z", 0.2),
                sample("service", "latency_p95", "2026-10-06T00:00:00Z", 0.3),
                sample("other", "latency_p95", "2026-10-05T00:00:00Z", 0.7),
                sample("other", "latency_p99", "2026-10-05T00:00:00Z", 9.0),
            ];
        });
        let outcome = world.outcome(&LATENCY_P95, at("2026-10-10T00:00:00Z"));
        assert!((value(&outcome, Statistic::Mean) - 0.4).abs() < 1e-12);
        assert!((value(&outcome, Statistic::Latest) - 0.5).abs() < 1e-12);
    }
}
