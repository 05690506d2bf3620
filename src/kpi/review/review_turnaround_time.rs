//! Review turnaround time.

use super::{first_review, is_by_bot, ready_at};
use crate::facts::PullRequestState;
use crate::kpi::{
    Direction, ExclusionReason, Kpi, Need, Observation, Observed, OpenItem, Parts, Protection, Shape, Statistic,
    TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "review_turnaround_time",
    title: "Review turnaround time",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::P50,
    meaning: "How long a pull request waits for its first review by another person.",
    definition: "For each pull request: review first possible (opened, or first marked ready) → first review by a person \
                 other than the author from then on, in wall-clock time, counted when the review was given. Reviews by bots are no \
                 reviews; dismissed ones were given all the same. Pull requests of bots and those that ended without a \
                 review are left out; open ones that wait are shown as open, with their age.",
    reference: "chiplog's own; DORA's capability \"streamlining change approval\" (dora.dev/capabilities) rests on it.",
    needs: &[Need::PullRequests],
    minimum_observations: 5,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for item in &facts.pull_requests {
        let fact = &item.pull_request;
        let evidence = evidence::pull_request(item, "");
        let exclude = |reason: &str| ExclusionReason {
            at: fact.merged_at.or(fact.closed_at).unwrap_or(fact.created_at),
            reason: reason.to_owned(),
            evidence: evidence.clone(),
        };
        if is_by_bot(fact) {
            observed.left_out.push(exclude("opened by a bot"));
            continue;
        }
        let ended_at = fact.merged_at.or(fact.closed_at);
        let reviewed_at =
            first_review(fact).map(|review| review.submitted_at).filter(|at| ended_at.is_none_or(|end| *at <= end));
        match (ready_at(fact), reviewed_at) {
            (ready_at, Some(reviewed_at)) => {
                let from = ready_at.unwrap_or(fact.created_at);
                observed.observations.push(Observation {
                    began_at: Some(from),
                    at: reviewed_at,
                    value: (reviewed_at - from).as_seconds_f64(),
                    weight: 1.0,
                    cases: 1.0,
                    distinct: None,
                    service: item.services.first().cloned(),
                    part: None,
                    evidence,
                });
            }
            (Some(began_at), None) if fact.state == PullRequestState::Open => observed.open.push(OpenItem {
                began_at,
                age_seconds: (facts.as_of - began_at).as_seconds_f64(),
                part: None,
                evidence,
            }),
            (None, None) if fact.state == PullRequestState::Open => observed.left_out.push(exclude("still a draft")),
            _ => observed.left_out.push(exclude("no review by another person between being ready and its end")),
        }
    }
    observed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, merged_pull_request, review};

    #[test]
    fn it_is_the_wait_for_another_person() {
        let mut reviewed = merged_pull_request(1, "2026-10-05T10:00:00Z", "2026-10-05T18:00:00Z");
        reviewed.pull_request.reviews =
            vec![review("author", "2026-10-05T11:00:00Z"), review("other", "2026-10-05T13:00:00Z")];
        let unreviewed = merged_pull_request(2, "2026-10-05T10:00:00Z", "2026-10-05T18:00:00Z");
        let observed =
            World::default().pull_request(reviewed).pull_request(unreviewed).observed(&KPI, at("2026-10-06T00:00:00Z"));
        assert_eq!(observed.observations.iter().map(|item| item.value).collect::<Vec<_>>(), [10_800.0]);
        assert_eq!(observed.left_out[0].reason, "no review by another person between being ready and its end");
    }
}
