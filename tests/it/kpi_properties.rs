//! What holds of every KPI, whatever the facts: the demo organisation's facts in any order, at any moment.

use std::collections::BTreeSet;

use chiplog::app::App;
use chiplog::attribution::{FactsInput, attribute};
use chiplog::facts::{Batch, Fact, Moment, Sourced};
use chiplog::kpi::{CATALOGUE, Kpi, Outcome, Shape, Statistic, Summary, Window};
use chiplog::pipeline::{Snapshot, evaluate, load_facts};
use chiplog_simulator::demo;
use chrono::Duration;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use crate::harness::demo::{Demo, small_world};
use crate::harness::now;

/// Two teams of the demo, collected and reported.
async fn organisation() -> (Demo, App, FactsInput) {
    let demo = Demo::start(small_world(5)).await;
    demo.installation.run_well(&["collect", "--once"]);
    demo.import(demo::reports(now()));
    let app = demo.app().await;
    let facts = load_facts(&app.store).await.unwrap();
    assert!(facts.work_items.len() > 100 && facts.reported_values.len() > 100);
    (demo, app, facts)
}

fn snapshot(app: &App, facts: &FactsInput, as_of: Moment) -> Snapshot {
    let attributed = attribute(&app.organisation, facts, as_of);
    evaluate(&app.organisation, &attributed, &app.families, &app.scorecards, as_of)
}

fn shuffle<T>(facts: &mut [Sourced<T>], random: &mut ChaCha8Rng) {
    facts.shuffle(random);
}

/// The same facts in another order.
fn shuffled(facts: &FactsInput, seed: u64) -> FactsInput {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut facts = facts.clone();
    shuffle(&mut facts.repositories, &mut random);
    shuffle(&mut facts.team_repositories, &mut random);
    shuffle(&mut facts.commits, &mut random);
    shuffle(&mut facts.pull_requests, &mut random);
    shuffle(&mut facts.deployments, &mut random);
    shuffle(&mut facts.releases, &mut random);
    shuffle(&mut facts.tags, &mut random);
    shuffle(&mut facts.ci_runs, &mut random);
    shuffle(&mut facts.incidents, &mut random);
    shuffle(&mut facts.work_items, &mut random);
    shuffle(&mut facts.iterations, &mut random);
    shuffle(&mut facts.security_alerts, &mut random);
    shuffle(&mut facts.test_reports, &mut random);
    shuffle(&mut facts.coverage_reports, &mut random);
    shuffle(&mut facts.samples, &mut random);
    shuffle(&mut facts.inventories, &mut random);
    shuffle(&mut facts.reported_values, &mut random);
    facts
}

/// Everything that a snapshot says; sums of fractions may differ in their last digits.
fn told(snapshot: &Snapshot) -> Vec<String> {
    let summary = |summary: &Summary| {
        let values: Vec<String> =
            summary.statistics.iter().map(|(name, value)| format!("{name:?} {value:.9}")).collect();
        format!("{values:?} of {} and {} open", summary.observations, summary.open)
    };
    let mut told = Vec::new();
    for team in snapshot.teams.iter().map(|team| team.open().unwrap()) {
        for kpi in &team.kpis {
            for (window, assessment) in &kpi.windows {
                let outcomes = std::iter::once(&assessment.whole).chain(assessment.parts.iter().map(|(_, part)| part));
                for outcome in outcomes {
                    let text = match outcome {
                        Outcome::Value(of) | Outcome::TooFew { summary: of, .. } => summary(of),
                        other => format!("{other:?}"),
                    };
                    told.push(format!("{} {} {window:?}: {text}", team.id, kpi.kpi.id));
                }
            }
        }
    }
    told.push(format!("{:?}", snapshot.unmapped));
    told
}

/// Proportions lie within 0 and 1, counts and durations of waiting are not negative, values lie within their intervals.
fn check(kpi: &Kpi, outcome: &Outcome, at: &str) {
    let (Outcome::Value(summary) | Outcome::TooFew { summary, .. }) = outcome else { return };
    for (statistic, value) in &summary.statistics {
        assert!(value.is_finite(), "{at}: {statistic:?} is {value}");
        let is_share = kpi.shape == Shape::Proportion && *statistic == Statistic::Share;
        if is_share || *statistic == Statistic::WorkingDaysWithOne {
            assert!((0.0..=1.0).contains(value), "{at}: {statistic:?} is {value}");
        }
        if kpi.shape == Shape::Rate {
            assert!(*value >= 0.0, "{at}: {statistic:?} is {value}");
        }
    }
    if let (Some((low, high)), Some(value)) = (summary.interval, summary.statistics.get(&kpi.headline)) {
        assert!(low <= *value + 1e-9 && *value <= high + 1e-9, "{at}: {value} outside {low} to {high}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_count_the_same_in_any_order_and_proportions_stay_proportions() {
    let (_demo, app, facts) = organisation().await;
    let as_of = now();
    let expected = told(&snapshot(&app, &facts, as_of));
    assert!(expected.len() > CATALOGUE.len() * Window::ALL.len() * 8);
    for seed in 0..4 {
        let found = told(&snapshot(&app, &shuffled(&facts, seed), as_of));
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(expected, found, "with the order of seed {seed}");
        }
    }
    for days in [0, 9, 40, 130, 300, 460] {
        let snapshot = snapshot(&app, &facts, as_of - Duration::days(days));
        for team in snapshot.teams.iter().map(|team| team.open().unwrap()) {
            for kpi in &team.kpis {
                for (window, assessment) in &kpi.windows {
                    let at = format!("{} {} {window:?} {days} days ago", team.id, kpi.kpi.id);
                    check(kpi.kpi, &assessment.whole, &at);
                    assessment
                        .parts
                        .iter()
                        .for_each(|(part, outcome)| check(kpi.kpi, outcome, &format!("{at} {part}")));
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_has_all_facts_that_name_it_in_the_order_of_the_whole() {
    /// Whether there was anything to pick.
    fn picks<T: PartialEq + std::fmt::Debug>(all: &[T], picked: &[&T], names: impl Fn(&T) -> bool) -> bool {
        assert_eq!(all.iter().filter(|item| names(item)).collect::<Vec<_>>(), picked);
        !picked.is_empty()
    }
    let (_demo, app, facts) = organisation().await;
    let found = attribute(&app.organisation, &facts, now());
    let mut families = BTreeSet::new();
    for team in app.organisation.teams.keys() {
        let of_team = found.of_team(team);
        let owns = |owner: &Option<String>| owner.as_ref() == Some(team);
        let seen = [
            picks(&found.deployments, &of_team.deployments, |it| owns(&it.team)),
            picks(&found.pull_requests, &of_team.pull_requests, |it| it.teams.contains(team)),
            picks(&found.incidents, &of_team.incidents, |it| owns(&it.team)),
            picks(&found.work_items, &of_team.work_items, |it| owns(&it.team)),
            picks(&found.iterations, &of_team.iterations, |it| it.team == *team),
            picks(&found.ci_runs, &of_team.ci_runs, |it| it.teams.contains(team)),
            picks(&found.test_results, &of_team.test_results, |it| it.teams.contains(team)),
            picks(&found.coverage, &of_team.coverage, |it| owns(&it.team)),
            picks(&found.security_alerts, &of_team.security_alerts, |it| it.teams.contains(team)),
            picks(&found.samples, &of_team.samples, |it| owns(&it.team)),
            picks(&found.readiness, &of_team.readiness, |it| owns(&it.team)),
            picks(&found.reports, &of_team.reports, |it| owns(&it.team)),
            picks(&found.left_out, &of_team.left_out, |it| owns(&it.team)),
        ];
        families.extend(seen.iter().enumerate().filter(|(_, seen)| **seen).map(|(place, _)| place));
    }
    assert!(families.len() > 8, "the demo has only the families {families:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_twice_changes_nothing_of_any_family() {
    let (_demo, app, facts) = organisation().await;
    let mut by_source: std::collections::BTreeMap<String, Vec<Fact>> = std::collections::BTreeMap::new();
    let mut add = |source: &str, fact: Fact| by_source.entry(source.to_owned()).or_default().push(fact);
    facts.work_items.iter().for_each(|it| add(&it.source, Fact::WorkItem(it.fact.clone())));
    facts.iterations.iter().for_each(|it| add(&it.source, Fact::Iteration(it.fact.clone())));
    facts.security_alerts.iter().for_each(|it| add(&it.source, Fact::SecurityAlert(it.fact.clone())));
    facts.test_reports.iter().for_each(|it| add(&it.source, Fact::TestReport(it.fact.clone())));
    facts.coverage_reports.iter().for_each(|it| add(&it.source, Fact::CoverageReport(it.fact.clone())));
    facts.samples.iter().for_each(|it| add(&it.source, Fact::Sample(it.fact.clone())));
    facts.inventories.iter().for_each(|it| add(&it.source, Fact::Inventory(it.fact.clone())));
    facts.pull_requests.iter().for_each(|it| add(&it.source, Fact::PullRequest(it.fact.clone())));
    facts.incidents.iter().for_each(|it| add(&it.source, Fact::Incident(it.fact.clone())));
    facts.ci_runs.iter().for_each(|it| add(&it.source, Fact::CiRun(it.fact.clone())));
    let before = told(&snapshot(&app, &facts, now()));
    for (source, facts) in by_source {
        let batch = Batch { facts, ..Batch::default() };
        let accepted = app.store.accept(&source, &batch, now()).await.unwrap();
        assert!(accepted.changed.is_empty(), "{source}: {:?}", accepted.changed);
    }
    let again = load_facts(&app.store).await.unwrap();
    assert!(told(&snapshot(&app, &again, now())).len() == before.len());
}
