//! The stages of a pull request's lead time.

use crate::attribution::ServicePullRequest;
use crate::facts::Moment;
use crate::kpi::evidence::{self, remark_on};
use crate::kpi::review::is_by_bot;
use crate::kpi::stages::of_pull_request;
use crate::kpi::{
    Direction, ExclusionReason, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit,
};

/// The stages, in their order.
const STAGES: [&str; 4] = ["coding", "pickup", "review", "deploy"];

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "lead_time_stage",
    title: "Lead time by stage",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::P50,
    meaning: "Where the lead time of merged pull requests goes: coding, waiting for review, review, deployment.",
    definition: "Per merged pull request: coding is first own commit authored → opened (ready for review, if it began as a \
                 draft); pickup is opened → first review by another person; review is first review → merged; deploy is \
                 merged → finish of the first production deployment that contains it. Without a review before merging, \
                 opened → merged is the review stage. The stages sum to the pull request's lead time; all count at \
                 the merge. Negative stages are counted as they are and remarked on. Pull requests of bots are left out.",
    reference: "chiplog's own, after the stages that DORA's value stream management guide names (dora.dev/guides).",
    needs: &[Need::PullRequests],
    minimum_observations: 5,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Alternatives { label: "stage", values: &STAGES },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for item in &facts.pull_requests {
        let Some(merged_at) = item.pull_request.merged_at else { continue };
        if is_by_bot(&item.pull_request) {
            let evidence = evidence::pull_request(item, "");
            observed.left_out.push(ExclusionReason { at: merged_at, reason: "opened by a bot".to_owned(), evidence });
            continue;
        }
        observed.observations.extend(stages(item, merged_at));
    }
    observed
}

/// The stages that have ended, each as an observation. All count at the merge, so that the stages of a month are those of
/// one set of pull requests.
fn stages(item: &ServicePullRequest, merged_at: Moment) -> Vec<Observation> {
    let ended = of_pull_request(item).into_iter().filter_map(|stage| stage.until.map(|until| (stage, until)));
    let observations = ended.filter_map(|(stage, until)| {
        let part = STAGES.into_iter().find(|known| *known == stage.stage)?;
        let seconds = (until - stage.from).as_seconds_f64();
        let what = match (part, &item.deployed) {
            ("coding", _) => "first own commit → opened".to_owned(),
            ("pickup", _) => "opened → first review".to_owned(),
            ("deploy", Some((key, _))) => format!("merged → in production with {key}"),
            _ => "review → merged".to_owned(),
        };
        let evidence = evidence::pull_request(item, format!("{what}{}", remark_on(seconds)));
        let observation = Observation::new(merged_at, seconds, evidence).of_part(part);
        Some(observation.of_service(item.services.first().map(String::as_str)))
    });
    observations.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::summarise_part;
    use crate::kpi::test_support::{World, at, merged_pull_request, review};
    use crate::kpi::{Outcome, Window};

    fn medians(world: &World) -> Vec<Option<f64>> {
        let as_of = at("2026-10-20T00:00:00Z");
        let observed = world.observed(&KPI, as_of);
        let parts = ["coding", "pickup", "review", "deploy"];
        let outcomes = parts.map(|part| {
            world.with_facts(as_of, |facts| summarise_part(&KPI, &observed, part, &Window::Days28.span(as_of), facts))
        });
        outcomes
            .iter()
            .map(|outcome| match outcome {
                Outcome::Value(summary) | Outcome::TooFew { summary, .. } => {
                    summary.statistics.get(&Statistic::P50).copied()
                }
                _ => None,
            })
            .collect()
    }

    #[test]
    fn the_stages_sum_to_the_lead_time() {
        // Authored 08:00, opened 10:00, reviewed 13:00, merged 14:30, deployed 15:00: 2 h, 3 h, 1.5 h, 0.5 h.
        let mut item = merged_pull_request(1, "2026-10-05T10:00:00Z", "2026-10-05T14:30:00Z");
        item.pull_request.own_commits[0].authored_at = at("2026-10-05T08:00:00Z");
        item.pull_request.reviews = vec![review("reviewer", "2026-10-05T13:00:00Z")];
        item.deployed = Some(("d1".to_owned(), at("2026-10-05T15:00:00Z")));
        let stages = medians(&World::default().pull_request(item));
        assert_eq!(stages, [Some(7200.0), Some(10_800.0), Some(5400.0), Some(1800.0)]);
        assert_eq!(stages.iter().flatten().sum::<f64>(), 7.0 * 3600.0);
    }

    #[test]
    fn without_a_review_before_the_merge_there_is_no_pickup() {
        let mut item = merged_pull_request(1, "2026-10-05T10:00:00Z", "2026-10-05T14:00:00Z");
        item.pull_request.reviews = vec![review("reviewer", "2026-10-06T09:00:00Z")];
        let stages = medians(&World::default().pull_request(item));
        assert_eq!((stages[1], stages[2], stages[3]), (None, Some(14_400.0), None));
    }

    #[test]
    fn a_negative_stage_is_counted_and_remarked_on() {
        let mut item = merged_pull_request(1, "2026-10-05T10:00:00Z", "2026-10-05T14:00:00Z");
        item.pull_request.own_commits[0].authored_at = at("2026-10-05T11:00:00Z");
        let world = World::default().pull_request(item);
        let observed = world.observed(&KPI, at("2026-10-20T00:00:00Z"));
        let coding = observed.observations.iter().find(|observation| observation.part == Some("coding")).unwrap();
        assert_eq!(coding.value, -3600.0);
        assert!(coding.evidence.detail.contains("negative"), "{}", coding.evidence.detail);
    }
}
