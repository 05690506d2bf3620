//! Scores that people give, one row each.

use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// What is the same for all of them.
const fn survey(
    id: &'static str,
    title: &'static str,
    protection: Protection,
    needs: &'static [Need],
    observe: fn(&TeamFacts<'_>) -> Observed,
) -> Kpi {
    Kpi {
        id,
        title,
        unit: Unit::Score,
        direction: Direction::Higher,
        shape: Shape::Level,
        headline: Statistic::Mean,
        meaning: "",
        definition: "",
        reference: "SPACE (Forsgren et al., 2021): satisfaction and well-being are asked, not inferred.",
        needs,
        minimum_observations: 1,
        protection,
        revision: 2,
        parts: Parts::Whole,
        observe,
    }
}

/// See the fields.
pub(in crate::kpi) const STAKEHOLDER_SATISFACTION: Kpi = Kpi {
    meaning: "How content those are who depend on the team.",
    definition: "Reported answers on a scale of 1 to 5, each row standing for its number of answers: their mean. They count \
                 in groups, in order of time, each as soon as it has the minimum group size; fewer are not shown.",
    ..survey(
        "stakeholder_satisfaction",
        "Stakeholder satisfaction",
        Protection::Answers,
        &[Need::Reported("stakeholder_satisfaction")],
        |facts| observe(facts, "stakeholder_satisfaction", None),
    )
};

/// See the fields.
pub(in crate::kpi) const TEAM_ENGAGEMENT: Kpi = Kpi {
    meaning: "How the team's own people feel about their work.",
    definition: "score: reported answers on a scale of 1 to 5, their mean. enps: reported answers to \"would you recommend \
                 working here\" on a scale of 0 to 10 (template team_enps): the share of 9 and 10 minus that of 0 to 6, times \
                 100. Answers count in groups, in order of time, each as soon as it has the minimum group size; fewer are not shown.",
    parts: Parts::Alternatives { label: "measure", values: &["score", "enps"] },
    ..survey("team_engagement", "Team engagement", Protection::Answers, &[Need::Reported("team_engagement")], |facts| {
        let mut observed = observe(facts, "team_engagement", Some("score"));
        for mut answer in observe(facts, "team_enps", Some("enps")).observations {
            answer.value = promoter_score(answer.value);
            observed.observations.push(answer);
        }
        observed
    })
};

/// See the fields.
pub(in crate::kpi) const MENTORING_IMPACT: Kpi = Kpi {
    meaning: "How much mentoring helps those who are mentored.",
    definition: "Reported answers of mentored people on a scale of 1 to 5: their mean. They count in groups, in order of time, \
                 each as soon as it has the minimum group size; fewer are not shown.",
    ..survey(
        "mentoring_impact",
        "Mentoring impact",
        Protection::Answers,
        &[Need::Reported("mentoring_impact")],
        |facts| observe(facts, "mentoring_impact", None),
    )
};

/// See the fields.
pub(in crate::kpi) const PROMOTION_READINESS: Kpi = Kpi {
    unit: Unit::Ratio,
    meaning: "How many of the team's people are ready for their next step, or near it.",
    definition: "Reported share of people who are ready for promotion within a year, each row standing for its number of \
                 people. A row of fewer people than the minimum group size is not shown, however many such rows there are.",
    ..survey(
        "promotion_readiness",
        "Promotion readiness",
        Protection::Answers,
        &[Need::Reported("promotion_readiness")],
        promotion_readiness,
    )
};

/// See the fields.
pub(in crate::kpi) const DOCUMENTATION_QUALITY: Kpi = Kpi {
    meaning: "How useful the documentation of the team's systems is.",
    definition: "Reported scores on a scale of 1 to 5, each row standing for its number of answers: their mean.",
    reference: "DORA, documentation quality: clear, findable, reliable.",
    revision: 1,
    ..survey(
        "documentation_quality",
        "Documentation quality",
        Protection::None,
        &[Need::Reported("documentation_quality")],
        |facts| observe(facts, "documentation_quality", None),
    )
};

fn observe(facts: &TeamFacts<'_>, template: &str, part: Option<&'static str>) -> Observed {
    let answers = facts.reports_of(template).map(|report| Observation {
        part,
        ..Observation::new(report.at, report.value, evidence::report(report)).standing_for(report.cases)
    });
    Observed { observations: answers.collect(), ..Observed::default() }
}

/// Rows of one team after the other are of the same people: what is too few in one is too few in all. The newest of such rows
/// tells how few they are.
fn promotion_readiness(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = observe(facts, "promotion_readiness", None);
    let is_enough = |row: &Observation| row.cases >= facts.organisation.minimum_group_size as f64;
    if observed.observations.iter().any(is_enough) {
        observed.observations.retain(is_enough);
    } else {
        let newest = observed.observations.drain(..).max_by_key(|row| row.at);
        observed.observations.extend(newest);
    }
    observed
}

/// What one answer from 0 to 10 gives to the net promoter score.
fn promoter_score(answer: f64) -> f64 {
    match answer {
        answer if answer >= 9.0 => 100.0,
        answer if answer <= 6.0 => -100.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, report, value};
    use crate::kpi::{Outcome, Window, summarise_part};

    #[test]
    fn answers_are_weighed_by_their_number() {
        // 4 answers of 4.5 on average and 6 of 3.5: (18 + 21) / 10 = 3.9, n = 10.
        let world = World::default().with(|facts| {
            facts.reports = vec![
                report("stakeholder_satisfaction", "2026-10-01T00:00:00Z", 4.5, 4.0),
                report("stakeholder_satisfaction", "2026-10-02T00:00:00Z", 3.5, 6.0),
            ];
        });
        let Outcome::Value(summary) = world.outcome(&STAKEHOLDER_SATISFACTION, at("2026-10-10T00:00:00Z")) else {
            panic!("a value");
        };
        assert!((summary.statistics[&Statistic::Mean] - 3.9).abs() < 1e-12);
        assert_eq!(summary.observations, 10);
        assert!(!summary.statistics.contains_key(&Statistic::Latest), "the newest answer is one person's");
    }

    #[test]
    fn few_answers_are_withheld() {
        let world = World::default()
            .with(|facts| facts.reports = vec![report("team_engagement", "2026-10-01T00:00:00Z", 4.5, 4.0)]);
        let outcome = world.outcome(&TEAM_ENGAGEMENT, at("2026-10-10T00:00:00Z"));
        let Outcome::TooFew { summary, minimum } = outcome else { panic!("too few: {outcome:?}") };
        assert!(summary.statistics.is_empty() && summary.interval.is_none());
        assert_eq!((summary.observations, minimum), (4, 5));
    }

    #[test]
    fn the_same_few_people_are_not_enough_by_being_told_of_twice() {
        let rows = |cases: [f64; 2]| {
            let world = World::default().with(|facts| {
                facts.reports = vec![
                    report("promotion_readiness", "2026-09-20T00:00:00Z", 0.5, cases[0]),
                    report("promotion_readiness", "2026-10-01T00:00:00Z", 0.25, cases[1]),
                ];
            });
            world.outcome(&PROMOTION_READINESS, at("2026-10-10T00:00:00Z"))
        };
        let Outcome::TooFew { summary, minimum } = rows([3.0, 4.0]) else { panic!("too few") };
        assert_eq!((summary.observations, minimum), (4, 5));
        // Of six people, half: the row of four says nothing.
        let Outcome::Value(summary) = rows([6.0, 4.0]) else { panic!("a value") };
        assert_eq!((summary.statistics[&Statistic::Mean], summary.observations), (0.5, 6));
    }

    #[test]
    fn promoters_minus_detractors() {
        // Two promoters, two passives, one detractor of 5: (2 − 1) / 5 × 100 = 20.
        let world = World::default().with(|facts| {
            let answers = [10.0, 9.0, 8.0, 7.0, 3.0];
            facts.reports =
                answers.iter().map(|answer| report("team_enps", "2026-10-01T00:00:00Z", *answer, 1.0)).collect();
        });
        let as_of = at("2026-10-10T00:00:00Z");
        let observed = world.observed(&TEAM_ENGAGEMENT, as_of);
        let span = Window::Days28.span(as_of);
        let enps = world.with_facts(as_of, |facts| summarise_part(&TEAM_ENGAGEMENT, &observed, "enps", &span, facts));
        assert!((value(&enps, Statistic::Mean) - 20.0).abs() < 1e-12);
    }
}
