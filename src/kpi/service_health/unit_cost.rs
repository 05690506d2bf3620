//! Unit cost.

use std::collections::BTreeMap;

use super::measured::last_moment;
use crate::facts::Moment;
use crate::kpi::{
    Direction, Evidence, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit,
    evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "unit_cost",
    title: "Unit cost",
    unit: Unit::CostPerUnit,
    direction: Direction::Lower,
    shape: Shape::Level,
    headline: Statistic::Mean,
    meaning: "What one request, transaction or user costs.",
    definition: "Cost over volume of each service and day, from the queries cost and volume of [prometheus.queries], or as \
                 reported (cost and volume in one row). The mean weighs each day by its volume, so that it is the cost of all \
                 days over the volume of all days. In the currency that the query or the report has.",
    reference: "FinOps Foundation: unit economics.",
    needs: &[Need::Cost],
    minimum_observations: 1,
    protection: Protection::None,
    revision: 2,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut days: BTreeMap<(&str, Moment), [Option<f64>; 2]> = BTreeMap::new();
    for sample in &facts.samples {
        let place = match sample.measure.as_str() {
            "cost" => 0,
            "volume" => 1,
            _ => continue,
        };
        days.entry((&sample.service, sample.at)).or_default()[place] = Some(sample.value);
    }
    let sampled = days.into_iter().filter_map(|((service, at), parts)| {
        let [Some(cost), Some(volume)] = parts else { return None };
        let evidence = Evidence {
            key: format!("{service}/unit_cost/{}", at.format("%Y-%m-%d")),
            title: format!("{service}, the day until {}", at.format("%Y-%m-%d %H:%M UTC")),
            url: None,
            detail: format!("{cost:.2} for {volume:.0}"),
        };
        (volume > 0.0).then(|| {
            Observation::new(last_moment(at), cost / volume, evidence).weighing(volume).of_service(Some(service))
        })
    });
    // A reported row carries cost over volume as its value, and the volume as its cases; it is one observation.
    let reported = facts.reports_of("unit_cost").map(|report| {
        Observation::new(report.at, report.value, evidence::report(report))
            .weighing(report.cases)
            .of_service(report.service.as_deref())
    });
    Observed { observations: sampled.chain(reported).collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, report, sample, value};

    #[test]
    fn the_cost_of_all_days_over_the_volume_of_all_days() {
        // 10 for 1,000, 30 for 1,000, and 20 for 2,000 as reported: 60 / 4,000 = 0.015. The mean of the ratios would be
        // 0.01667.
        let world = World::default().with(|facts| {
            facts.samples = vec![
                sample("service", "cost", "2026-10-05T00:00:00Z", 10.0),
                sample("service", "volume", "2026-10-05T00:00:00Z", 1000.0),
                sample("service", "cost", "2026-10-06T00:00:00Z", 30.0),
                sample("service", "volume", "2026-10-06T00:00:00Z", 1000.0),
                sample("service", "cost", "2026-10-07T00:00:00Z", 99.0),
            ];
            facts.reports = vec![report("unit_cost", "2026-10-07T00:00:00Z", 0.01, 2000.0)];
        });
        let outcome = world.outcome(&KPI, at("2026-10-10T00:00:00Z"));
        assert!((value(&outcome, Statistic::Mean) - 0.015).abs() < 1e-12);
    }
}
