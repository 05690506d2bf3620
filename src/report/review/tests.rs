//! The review of a month, with hand-computed numbers.

use super::*;
use crate::kpi::test_support::{World, at, failed, merged_pull_request, shipping, shipping_after};
use crate::kpi::{CATALOGUE, Evidence, Observation, Observed, Protection, Shape};
use crate::report::scorecard::{Status, scorecards};

/// Reviews October 2026, as of its end, of a team in UTC.
fn october(world: &World) -> ReviewWithEvidence {
    world.with_facts(at("2026-11-01T00:00:00Z"), |facts| {
        let observed = CATALOGUE.iter().map(|kpi| (kpi.id, (kpi.observe)(facts))).collect();
        review(&ReviewInputs {
            facts,
            observed: &observed,
            scorecards: scorecards(),
            trends: Vec::new(),
            month: "2026-10-15".parse().unwrap(),
            events: vec![KnownEvent {
                from: "2026-09-28".parse().unwrap(),
                until: Some("2026-10-02".parse().unwrap()),
                text: "code freeze".to_owned(),
            }],
            coverage: Vec::new(),
        })
    })
}

fn row<'a>(made: &'a ReviewWithEvidence, kpi: &str) -> &'a HeadlineRow {
    made.review.headline.iter().find(|row| row.kpi == kpi).unwrap()
}

#[test]
fn the_month_is_told_beside_the_months_before_it() {
    // October: 10, 20, 30, 40, 50 hours, median 30. September: five of 8, median 8. A year ago: 70 hours, too few.
    let world = World::default()
        .deployment(shipping_after("d1", "2025-10-05", &[70]))
        .deployment(shipping_after("d2", "2026-09-10", &[8, 8, 8, 8, 8]))
        .deployment(shipping_after("d3", "2026-10-12", &[10, 20, 30]))
        .deployment(shipping_after("d4", "2026-10-20", &[40, 50]))
        .deployment(shipping_after("d5", "2026-11-02", &[1]));
    let made = october(&world);
    let lead_time = row(&made, "lead_time_for_changes");
    assert_eq!((lead_time.value, lead_time.observations), (Some(30.0 * 3600.0), 5));
    assert_eq!(lead_time.previous_month, Compared { value: Some(8.0 * 3600.0), observations: 5 });
    assert_eq!(lead_time.three_months, lead_time.previous_month, "July and August had none");
    assert_eq!(lead_time.year_ago, Compared { value: None, observations: 1 });
    let target = lead_time.target.as_ref().unwrap();
    assert_eq!((target.words.as_str(), target.status), ("at most 3.0 d", Status::OnTarget));
    assert_eq!(made.evidence["lead_time_for_changes"].observations.len(), 5);
    // Two deployments in 31 days.
    assert_eq!(row(&made, "deployment_frequency").value, Some(2.0 / 31.0));
    let spread = &made.review.distributions[0];
    assert_eq!(spread.months.iter().map(|month| month.observations).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 5, 5]);
    assert_eq!(spread.months[6].percentiles.unwrap()[2], 30.0 * 3600.0);
    assert_eq!(spread.months[6].values.len(), 5);
    assert!(spread.months[5].values.is_empty(), "single values are shown of the reviewed month only");
}

#[test]
fn durations_of_single_people_are_never_spread_out() {
    let protected = CATALOGUE.iter().filter(|kpi| kpi.protection != Protection::None && kpi.shape == Shape::Duration);
    let mut looked_at = 0;
    for kpi in protected {
        World::default().with_facts(at("2026-11-01T00:00:00Z"), |facts| {
            let evidence = Evidence { key: "k".to_owned(), title: "t".to_owned(), url: None, detail: String::new() };
            let one = Observation::lasting(at("2026-10-01T00:00:00Z"), at("2026-10-02T00:00:00Z"), evidence);
            let observed = Observed { observations: vec![one], ..Observed::default() };
            let day = "2026-10-15".parse().unwrap();
            assert_eq!(distribution(kpi, None, &observed, facts, day, None), None, "{}", kpi.id);
        });
        looked_at += 1;
    }
    assert!(looked_at > 1);
}

#[test]
fn events_that_touch_the_month_are_told() {
    let made = october(&World::default().deployment(shipping_after("d1", "2026-10-12", &[10])));
    let told: Vec<&str> = made.review.events.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(told, ["code freeze"]);
    assert_eq!((made.review.month.as_str(), made.review.working_days), ("2026-10", (22, 22)));
}

#[test]
fn the_slowest_item_names_the_stage_that_took_longest() {
    // Merged two hours after opening on the 5th, in production ten hours later: deploy takes longest.
    let mut item = merged_pull_request(7, "2026-10-05T10:00:00Z", "2026-10-05T12:00:00Z");
    item.pull_request.own_commits.clear();
    item.deployed = Some(("d1".to_owned(), at("2026-10-05T22:00:00Z")));
    let made = october(&World::default().pull_request(item));
    let slowest = &made.review.slowest[0];
    assert_eq!((slowest.seconds, slowest.longest.as_deref()), (12.0 * 3600.0, Some("deploy")));
    let stages = made.review.stages.unwrap();
    let seconds = |name: &str| stages.stages.iter().find(|stage| stage.stage == name).unwrap().seconds;
    assert_eq!((seconds("review"), seconds("deploy"), stages.observations), (7200.0, 36_000.0, 1));
    assert_eq!(stages.stages[0].seconds_before, None, "nothing was delivered in the three months before");
}

#[test]
fn failed_deployments_of_the_month_are_named() {
    let of_october = failed(shipping("d1", "2026-10-10T12:00:00Z", Vec::new()), Some("2026-10-10T13:00:00Z"));
    let of_september = failed(shipping("d0", "2026-09-10T12:00:00Z", Vec::new()), None);
    let made = october(&World::default().deployment(of_september).deployment(of_october));
    let named: Vec<_> = made.review.failed_deployments.iter().map(|it| (it.finished_at, it.recovered_at)).collect();
    assert_eq!(named, [(at("2026-10-10T12:00:00Z"), Some(at("2026-10-10T13:00:00Z")))]);
}
