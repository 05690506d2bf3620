//! The hiring funnel, one row each.

use crate::kpi::{
    Direction, Evidence, Kpi, Need, Observation, Observed, OpenItem, Parts, Protection, Shape, Statistic, TeamFacts,
    Unit,
};

/// See the fields.
pub(in crate::kpi) const TIME_TO_FILL: Kpi = Kpi {
    id: "hiring_time_to_fill",
    title: "Hiring time to fill",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::P50,
    meaning: "How long a position stays open.",
    definition: "Reported positions: opened until an offer was accepted. They count in threes, in order of time, so that none is told \
                 alone.",
    reference: "SHRM, Human Capital Benchmarking: time to fill.",
    needs: &[Need::Reported("hiring_time_to_fill")],
    minimum_observations: 3,
    protection: Protection::People,
    revision: 2,
    parts: Parts::Whole,
    observe: positions,
};

/// See the fields.
pub(in crate::kpi) const OFFER_ACCEPTANCE_RATE: Kpi = Kpi {
    id: "offer_acceptance_rate",
    title: "Offer acceptance rate",
    unit: Unit::Ratio,
    direction: Direction::Higher,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How many of the team's offers are accepted.",
    definition: "Reported offers that were answered (each row gives how many, and how many of them were accepted): the share \
                 that was accepted. Rows count together, in order of time, until they are three offers or more.",
    reference: "SHRM, Human Capital Benchmarking: offer acceptance rate.",
    needs: &[Need::Reported("offer_acceptance_rate")],
    minimum_observations: 3,
    protection: Protection::People,
    revision: 2,
    parts: Parts::Whole,
    observe: |facts| shares(facts, "offer_acceptance_rate"),
};

/// See the fields.
pub(in crate::kpi) const INTERVIEW_TO_OFFER_RATE: Kpi = Kpi {
    id: "interview_to_offer_rate",
    title: "Interview-to-offer rate",
    unit: Unit::Ratio,
    direction: Direction::Higher,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How many interviewed candidates get an offer.",
    definition: "Reported candidates who were interviewed (each row gives how many, and how many of them got an offer): the \
                 share that got one. Rows count together, in order of time, until they are three candidates or more.",
    reference: "SHRM, Human Capital Benchmarking: interview-to-offer ratio.",
    needs: &[Need::Reported("interview_to_offer_rate")],
    minimum_observations: 3,
    protection: Protection::People,
    revision: 2,
    parts: Parts::Whole,
    observe: |facts| shares(facts, "interview_to_offer_rate"),
};

/// Evidence that tells of no single person: what was reported, not about whom.
pub(super) fn anonymous(key: &str, title: &str) -> Evidence {
    Evidence { key: key.to_owned(), title: title.to_owned(), url: None, detail: String::new() }
}

fn positions(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for report in facts.reports_of("hiring_time_to_fill") {
        let Some(began_at) = report.began_at else { continue };
        let evidence = anonymous(&report.key, "a position");
        // What was filled after the moment of evaluation was open then.
        if report.ended && report.at <= facts.as_of {
            observed.observations.push(Observation::lasting(began_at, report.at, evidence));
        } else {
            let age_seconds = (facts.as_of - began_at).as_seconds_f64();
            observed.open.push(OpenItem { began_at, age_seconds, part: None, evidence });
        }
    }
    observed
}

fn shares(facts: &TeamFacts<'_>, template: &'static str) -> Observed {
    let rows = facts.reports_of(template).map(|report| {
        let title = format!("{:.0} cases, reported for {}", report.cases, report.at.format("%Y-%m-%d"));
        Observation::new(report.at, report.value, anonymous(&report.key, &title)).standing_for(report.cases)
    });
    Observed { observations: rows.collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, report, value};

    #[test]
    fn positions_that_are_filled_and_those_that_are_not() {
        // 30, 40 and 60 days: median 40.
        let position = |moment: &str, filled: Option<&str>| {
            let mut row = report("hiring_time_to_fill", filled.unwrap_or("2026-10-09T00:00:00Z"), 0.0, 1.0);
            row.began_at = Some(at(moment));
            row.ended = filled.is_some();
            row
        };
        let world = World::default().with(|facts| {
            facts.reports = vec![
                position("2026-09-05T00:00:00Z", Some("2026-10-05T00:00:00Z")),
                position("2026-08-26T00:00:00Z", Some("2026-10-05T00:00:00Z")),
                position("2026-08-06T00:00:00Z", Some("2026-10-05T00:00:00Z")),
                position("2026-09-01T00:00:00Z", None),
            ];
        });
        let as_of = at("2026-10-10T00:00:00Z");
        assert!((value(&world.outcome(&TIME_TO_FILL, as_of), Statistic::P50) - 40.0 * 86_400.0).abs() < 1e-6);
        assert_eq!(world.observed(&TIME_TO_FILL, as_of).open.len(), 1);
    }

    #[test]
    fn rows_count_for_as_many_offers_as_they_tell() {
        // 3 of 4 and 1 of 3: 4/7. The one after them would be told by what it changes, and waits for others.
        let world = World::default().with(|facts| {
            facts.reports = vec![
                report("offer_acceptance_rate", "2026-10-01T00:00:00Z", 0.75, 4.0),
                report("offer_acceptance_rate", "2026-10-02T00:00:00Z", 1.0 / 3.0, 3.0),
                report("offer_acceptance_rate", "2026-10-03T00:00:00Z", 1.0, 1.0),
            ];
        });
        let share = value(&world.outcome(&OFFER_ACCEPTANCE_RATE, at("2026-10-10T00:00:00Z")), Statistic::Share);
        assert!((share - 4.0 / 7.0).abs() < 1e-12);
    }
}
