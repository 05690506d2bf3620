//! Review participation.

use std::collections::BTreeSet;

use super::is_by_bot;
use super::pull_request::human_reviews;
use crate::facts::{Review, ReviewState};
use crate::kpi::{
    Direction, Distinct, ExclusionReason, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic,
    TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "review_participation",
    title: "Review participation",
    unit: Unit::PerPullRequest,
    direction: Direction::Higher,
    shape: Shape::Level,
    headline: Statistic::Mean,
    meaning: "How much review the team's merged pull requests get.",
    definition: "Per merged pull request: meaningful reviews by people other than the author (with a text, comments on \
                 lines, or changes requested). Beside it the share of merged pull requests that another person reviewed, \
                 and the number of distinct reviewers that each author of merged pull requests had in the span, as a mean \
                 over the authors. Numbers of the team, never of a person. \
                 Pull requests of bots are left out.",
    reference: "chiplog's own; SPACE (Forsgren et al., 2021) names it among the measures of communication and collaboration.",
    needs: &[Need::PullRequests],
    minimum_observations: 5,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Alternatives { label: "measure", values: &["meaningful_reviews", "reviewed", "distinct_reviewers"] },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for item in &facts.pull_requests {
        let fact = &item.pull_request;
        let Some(merged_at) = fact.merged_at else { continue };
        if is_by_bot(fact) {
            let evidence = evidence::pull_request(item, "");
            observed.left_out.push(ExclusionReason { at: merged_at, reason: "opened by a bot".to_owned(), evidence });
            continue;
        }
        let meaningful = human_reviews(fact).filter(|review| is_meaningful(review)).count();
        let reviewed = human_reviews(fact).any(|review| review.submitted_at <= merged_at);
        let reviewers: BTreeSet<_> = human_reviews(fact).filter_map(|review| review.author.as_ref()).collect();
        let measures = [
            ("meaningful_reviews", meaningful as f64),
            ("reviewed", f64::from(u8::from(reviewed))),
            ("distinct_reviewers", reviewers.len() as f64),
        ];
        let reviewed_for = fact.author.as_ref().map(|author| author.key.clone()).unwrap_or_default();
        let members: BTreeSet<String> = reviewers.iter().map(|reviewer| reviewer.key.clone()).collect();
        observed.observations.extend(measures.map(|(part, value)| Observation {
            began_at: None,
            at: merged_at,
            value,
            weight: 1.0,
            cases: 1.0,
            distinct:
                (part == "distinct_reviewers").then(|| Distinct { of: reviewed_for.clone(), members: members.clone() }),
            service: item.services.first().cloned(),
            part: Some(part),
            evidence: evidence::pull_request(item, ""),
        }));
    }
    observed
}

fn is_meaningful(review: &Review) -> bool {
    review.has_body || review.inline_comments > 0 || review.state == ReviewState::ChangesRequested
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, merged_pull_request, person, review, value};
    use crate::kpi::{Window, summarise_part};

    #[test]
    fn an_approval_without_a_word_is_a_review_but_not_a_meaningful_one() {
        let mut item = merged_pull_request(1, "2026-10-05T10:00:00Z", "2026-10-05T18:00:00Z");
        let mut with_comments = review("second", "2026-10-05T12:00:00Z");
        with_comments.inline_comments = 2;
        item.pull_request.reviews = vec![review("first", "2026-10-05T11:00:00Z"), with_comments.clone(), with_comments];
        let observed = World::default().pull_request(item).observed(&KPI, at("2026-10-06T00:00:00Z"));
        let values: Vec<f64> = observed.observations.iter().map(|item| item.value).collect();
        assert_eq!(values, [2.0, 1.0, 2.0]);
    }

    #[test]
    fn distinct_reviewers_are_counted_for_each_author_over_the_span() {
        // One author's two pull requests had the reviewers a and b, and b and c: three. Another's had none: 3 / 2.
        let merged = |number, author: &str, reviewers: &[&str]| {
            let mut item = merged_pull_request(number, "2026-10-05T10:00:00Z", "2026-10-05T18:00:00Z");
            item.pull_request.author = Some(person(author));
            item.pull_request.reviews = reviewers.iter().map(|by| review(by, "2026-10-05T11:00:00Z")).collect();
            item
        };
        let world = World::default()
            .pull_request(merged(1, "one", &["a", "b"]))
            .pull_request(merged(2, "one", &["b", "c"]))
            .pull_request(merged(3, "two", &[]));
        let as_of = at("2026-10-06T00:00:00Z");
        let observed = world.observed(&KPI, as_of);
        let outcome = world.with_facts(as_of, |facts| {
            summarise_part(&KPI, &observed, "distinct_reviewers", &Window::Days28.span(as_of), facts)
        });
        assert_eq!(value(&outcome, Statistic::Mean), 1.5);
    }
}
