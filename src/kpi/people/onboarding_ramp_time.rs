//! Onboarding ramp time.

use super::hiring::anonymous;
use crate::attribution::LONGEST_VIEW;
use crate::facts::Moment;
use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, OpenItem, Parts, Protection, Shape, Statistic, TeamFacts, Unit,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "onboarding_ramp_time",
    title: "Onboarding ramp time",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::P50,
    meaning: "How long it takes until somebody who joins has a first change merged, and one in production.",
    definition: "For each reported joiner (the day of joining, and the login, of which only a keyed hash is kept): joined until \
                 the first pull request of theirs in the team's repositories was merged, and until the first deployment with a \
                 change of theirs. Counted when that happened, in threes, so that nobody is told alone, and without anything \
                 that tells who they are.",
    reference: "DX, time to first and tenth pull request of new developers.",
    needs: &[Need::Reported("onboarding_ramp_time"), Need::PullRequests],
    minimum_observations: 3,
    protection: Protection::People,
    revision: 2,
    parts: Parts::Alternatives { label: "milestone", values: &["first_pull_request", "first_deployment"] },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for report in facts.reports_of("onboarding_ramp_time") {
        let (Some(person), Some(joined_at)) = (&report.person, report.began_at) else { continue };
        // What somebody did first is not known of those who came before all that is looked back to.
        if joined_at < facts.as_of - LONGEST_VIEW {
            continue;
        }
        let own = facts.pull_requests.iter().filter(|item| {
            item.pull_request.author.as_ref().is_some_and(|author| author.key == person.key)
                && item.pull_request.merged_at.is_some_and(|at| at >= joined_at)
        });
        let merged = own.clone().filter_map(|item| item.pull_request.merged_at).min();
        let deployed = own.filter_map(|item| item.deployed.as_ref().map(|(_, at)| *at)).min();
        for (part, reached) in [("first_pull_request", merged), ("first_deployment", deployed)] {
            add(&mut observed, part, joined_at, reached, facts.as_of, &report.key);
        }
    }
    observed
}

fn add(
    observed: &mut Observed,
    part: &'static str,
    joined_at: Moment,
    reached: Option<Moment>,
    as_of: Moment,
    key: &str,
) {
    let evidence = anonymous(key, "a joiner");
    match reached {
        Some(at) => observed.observations.push(Observation::lasting(joined_at, at, evidence).of_part(part)),
        None => observed.open.push(OpenItem {
            began_at: joined_at,
            age_seconds: (as_of - joined_at).as_seconds_f64(),
            part: Some(part),
            evidence,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::Outcome;
    use crate::kpi::test_support::{World, at, merged_pull_request, person, report, value};

    fn world(joiners: &[(&str, &str)]) -> World {
        let mut world = World::default();
        for (number, (login, merged_at)) in joiners.iter().enumerate() {
            let mut item = merged_pull_request(number as u64, "2026-10-02T00:00:00Z", merged_at);
            item.pull_request.author = Some(person(login));
            let mut joined = report("onboarding_ramp_time", "2026-10-01T00:00:00Z", number as f64, 1.0);
            (joined.began_at, joined.person) = (Some(at("2026-10-01T00:00:00Z")), Some(person(login)));
            world = world.pull_request(item).with(|facts| facts.reports.push(joined));
        }
        world
    }

    #[test]
    fn from_joining_to_the_first_merged_pull_request() {
        // 3, 5 and 10 days: median 5.
        let three = [("a", "2026-10-04T00:00:00Z"), ("b", "2026-10-06T00:00:00Z"), ("c", "2026-10-11T00:00:00Z")];
        let outcome = world(&three).outcome(&KPI, at("2026-10-12T00:00:00Z"));
        assert!((value(&outcome, Statistic::P50) - 5.0 * 86_400.0).abs() < 1e-9);
        let Outcome::TooFew { summary, .. } = world(&three[..2]).outcome(&KPI, at("2026-10-12T00:00:00Z")) else {
            panic!("two joiners are too few");
        };
        assert!(summary.statistics.is_empty(), "two people are not told apart from one");
    }
}
