//! Pull request cycle time.

use super::{is_by_bot, ready_at};
use crate::attribution::ServicePullRequest;
use crate::facts::{Moment, PullRequestState};
use crate::kpi::evidence::{self, remark_on};
use crate::kpi::{
    Direction, ExclusionReason, Kpi, Need, Observation, Observed, OpenItem, Parts, Protection, Shape, Statistic,
    TeamFacts, Unit,
};

/// The clocks: working time of the team's calendar, and the clock on the wall.
const CLOCKS: [&str; 2] = ["working", "wall"];

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "pr_cycle_time",
    title: "Pull request cycle time",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::P50,
    meaning: "How long a pull request takes from being ready for review until it is merged.",
    definition: "For each merged pull request: opened (or first marked ready, if it began as a draft) → merged, in working \
                 time of the team's calendar and in wall-clock time. Pull requests of bots and those closed without \
                 merging are left out; open ones are shown as open, with their age, unless they are drafts.",
    reference: "chiplog's own; SPACE (Forsgren et al., 2021) names it among the measures of efficiency and flow.",
    needs: &[Need::PullRequests],
    minimum_observations: 5,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Alternatives { label: "clock", values: &CLOCKS },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for item in &facts.pull_requests {
        let fact = &item.pull_request;
        let exclude = |reason: &str| ExclusionReason {
            at: fact.merged_at.or(fact.closed_at).unwrap_or(fact.created_at),
            reason: reason.to_owned(),
            evidence: evidence::pull_request(item, ""),
        };
        if is_by_bot(fact) {
            observed.left_out.push(exclude("opened by a bot"));
            continue;
        }
        let opened_at = ready_at(fact);
        match (fact.state, fact.merged_at, opened_at) {
            (PullRequestState::Merged, Some(merged_at), _) => {
                let opened_at = opened_at.unwrap_or(fact.created_at);
                observed.observations.extend(CLOCKS.map(|clock| merged(facts, item, clock, opened_at, merged_at)));
            }
            (PullRequestState::Open, _, Some(opened_at)) => {
                observed.open.extend(CLOCKS.map(|clock| OpenItem {
                    began_at: opened_at,
                    age_seconds: seconds(facts, clock, opened_at, facts.as_of),
                    part: Some(clock),
                    evidence: evidence::pull_request(item, "still open"),
                }));
            }
            (PullRequestState::Open, _, None) => observed.left_out.push(exclude("still a draft")),
            _ => observed.left_out.push(exclude("closed without merging")),
        }
    }
    observed
}

fn merged(
    facts: &TeamFacts<'_>,
    item: &ServicePullRequest,
    clock: &'static str,
    opened_at: Moment,
    merged_at: Moment,
) -> Observation {
    let seconds = seconds(facts, clock, opened_at, merged_at);
    let detail = format!(
        "ready {}, merged {}, in {clock} time{}",
        opened_at.format("%Y-%m-%d %H:%M"),
        merged_at.format("%Y-%m-%d %H:%M"),
        remark_on(seconds)
    );
    Observation {
        began_at: Some(opened_at),
        at: merged_at,
        value: seconds,
        weight: 1.0,
        cases: 1.0,
        distinct: None,
        service: item.services.first().cloned(),
        part: Some(clock),
        evidence: evidence::pull_request(item, detail),
    }
}

fn seconds(facts: &TeamFacts<'_>, clock: &str, from: Moment, until: Moment) -> f64 {
    if clock == "working" {
        return facts.calendar.working_seconds(from, until);
    }
    (until - from).as_seconds_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, merged_pull_request};

    #[test]
    fn working_time_leaves_out_the_weekend() {
        // Friday 2026-10-02 16:00 to Monday 2026-10-05 10:00: 66 hours on the wall, 2 of work.
        let world =
            World::default().pull_request(merged_pull_request(1, "2026-10-02T16:00:00Z", "2026-10-05T10:00:00Z"));
        let observed = world.observed(&KPI, at("2026-10-06T00:00:00Z"));
        let value = |clock| observed.observations.iter().find(|item| item.part == Some(clock)).unwrap().value;
        assert_eq!((value("working"), value("wall")), (7200.0, 66.0 * 3600.0));
    }

    #[test]
    fn bots_and_closed_ones_are_left_out_and_open_ones_shown() {
        let mut by_bot = merged_pull_request(1, "2026-10-02T10:00:00Z", "2026-10-02T11:00:00Z");
        by_bot.pull_request.author.as_mut().unwrap().bot = true;
        let mut closed = merged_pull_request(2, "2026-10-02T10:00:00Z", "2026-10-02T11:00:00Z");
        closed.pull_request.state = PullRequestState::Closed;
        closed.pull_request.merged_at = None;
        let mut open = merged_pull_request(3, "2026-10-05T10:00:00Z", "2026-10-05T11:00:00Z");
        open.pull_request.state = PullRequestState::Open;
        open.pull_request.merged_at = None;
        let world = World::default().pull_request(by_bot).pull_request(closed).pull_request(open);
        let observed = world.observed(&KPI, at("2026-10-05T13:00:00Z"));
        let reasons: Vec<&str> = observed.left_out.iter().map(|item| item.reason.as_str()).collect();
        assert_eq!(reasons, ["opened by a bot", "closed without merging"]);
        assert_eq!(observed.open.iter().map(|item| item.age_seconds).collect::<Vec<_>>(), [10_800.0, 10_800.0]);
        assert!(observed.observations.is_empty());
    }
}
