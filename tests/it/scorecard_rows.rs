//! Every row of the three scorecards: live with the demo organisation, told how to configure without anything, and moved
//! by the facts that it is made of.

use chiplog::attribution::Attributed;
use chiplog::kpi::Window;
use chiplog::pipeline::team_facts;
use chiplog::report::explain;
use chiplog_simulator::demo;
use chiplog_simulator::world::{Event, Incident, Issue, LogEntry, Moment, World};
use chrono::Duration;
use serde_json::Value;

use crate::harness::demo::{Demo, small_world};
use crate::harness::now;
use crate::harness::program::Installation;

const TEAM: &str = "payments";

/// The rest of a test that fails and then passes.
const FLAKY: &str = "name=\"test 9\"><failure/></testcase><testcase classname=\"suite\" name=\"test 9\"/>";

/// The rows of all scorecards of the team, as the program prints them, by role and id.
fn rows(installation: &Installation) -> Vec<(String, Value)> {
    let printed: Value = serde_json::from_str(&installation.run_well(&["scorecard", TEAM, "--json"])).unwrap();
    let cards = printed["scorecards"].as_array().unwrap().iter();
    let of_card = |card: &Value| -> Vec<(String, Value)> {
        let role = card["role"].as_str().unwrap().to_owned();
        let named = |row: &Value| (format!("{role}/{}", row["id"].as_str().unwrap()), row.clone());
        card["rows"].as_array().unwrap().iter().map(named).collect()
    };
    cards.flat_map(of_card).collect()
}

fn measures(row: &Value) -> &Vec<Value> {
    row["measures"].as_array().unwrap()
}

/// The values of a row, measure by measure.
fn values(row: &Value) -> Vec<Option<f64>> {
    measures(row).iter().map(|measure| measure["value"].as_f64()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_has_a_value_a_number_a_target_a_status_and_evidence() {
    let demo = Demo::start(organisation()).await;
    demo.installation.run_well(&["collect", "--once"]);
    demo.import(demo::reports(now()));
    let rows = rows(&demo.installation);
    assert_eq!(rows.len(), 61);
    let app = demo.app().await;
    let attributed = app.attributed(now()).await.unwrap();
    for (name, row) in &rows {
        let status = row["status"].as_str().unwrap();
        assert!(["on_target", "near", "off", "too_few"].contains(&status), "{name}: {status}");
        assert!(measures(row).iter().any(|measure| measure["value"].is_number()), "{name} has no value: {row}");
        for measure in measures(row) {
            assert!(!measure["target"].as_str().unwrap().is_empty(), "{name}: {measure}");
            assert!(measure["observations"].is_u64(), "{name}: {measure}");
        }
        let found: usize = measures(row).iter().map(|measure| evidence(&app, &attributed, measure)).sum();
        assert!(found > 0, "{name} has no evidence");
    }
}

/// How many pieces of evidence explain a measure over its window, or, where nothing happened in that, over a year.
fn evidence(app: &chiplog::app::App, attributed: &Attributed, measure: &Value) -> usize {
    let as_of = now();
    let kpi = chiplog::kpi::find(measure["kpi"].as_str().unwrap()).unwrap();
    let facts = team_facts(&app.organisation, attributed, &app.families, &app.organisation.teams[TEAM], as_of);
    let window = Window::ALL.into_iter().find(|window| window.label() == measure["window"]).unwrap();
    let mut pieces = explain(kpi, &facts, &window.span(as_of)).observations;
    if pieces.is_empty() {
        pieces = explain(kpi, &facts, &Window::Days364.span(as_of)).observations;
    }
    assert!(pieces.iter().all(|piece| !piece.title.is_empty() && !piece.key.is_empty()), "{}", kpi.id);
    pieces.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anything_each_row_says_what_to_configure() {
    let installation = Installation::new("[prometheus]\nbase_url = \"http://127.0.0.1:9\"\n[team.payments]\n");
    let rows = rows(&installation);
    assert_eq!(rows.len(), 61);
    for (name, row) in rows {
        assert_eq!(row["status"], "not_configured", "{name}");
        for measure in measures(&row) {
            let remedy = measure["remedy"].as_str().unwrap_or_default();
            assert!(remedy.contains('[') || remedy.contains('`'), "{name}: {remedy:?} says nothing to do");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_facts_give_other_values_in_every_row() {
    let moment = now();
    let demo = Demo::start(organisation()).await;
    demo.installation.run_well(&["collect", "--once"]);
    demo.import(demo::reports(moment));
    let mut world = organisation();
    change(&mut world);
    let other = Demo::start(world).await;
    other.installation.run_well(&["collect", "--once"]);
    other.import(
        demo::reports(moment).into_iter().map(|(template, rows)| (template, changed(template, &rows))).collect(),
    );
    let (before, after) = (rows(&demo.installation), rows(&other.installation));
    let same: Vec<&String> = before
        .iter()
        .zip(&after)
        .filter(|((_, before), (_, after))| values(before) == values(after))
        .map(|((name, _), _)| name)
        .collect();
    assert!(same.is_empty(), "these rows don't follow their facts: {same:?}");
}

/// The team with everything that is rare planted, so that no row depends on the day on which the test runs: incidents
/// after deployments, and work of every kind that was done in each of the last months.
fn organisation() -> World {
    let mut world = small_world(1);
    let ledger = world.repositories.iter_mut().find(|repository| repository.name == "ledger").unwrap();
    let shipped: Vec<Moment> = ledger
        .deployments
        .iter()
        .filter(|it| it.environment == "production" && it.created_at < now() - Duration::days(1))
        .filter_map(|it| it.statuses.iter().find(|(state, _)| state == "SUCCESS").map(|(_, at)| *at))
        .collect();
    for (number, at) in shipped.iter().rev().step_by(3).take(30).enumerate() {
        let entry = |kind: &str, minutes: i64| LogEntry {
            kind: kind.to_owned(),
            at: *at + Duration::minutes(minutes),
            agent: "dev-payments-01".to_owned(),
        };
        world.incidents.push(Incident {
            id: format!("QPLANTED{number}"),
            number: 90_000 + number as u64,
            title: "Refunds fail".to_owned(),
            service: "PLEDGER".to_owned(),
            urgency: "high".to_owned(),
            priority: Some("P3".to_owned()),
            created_at: *at + Duration::minutes(60),
            log: vec![entry("acknowledge", 65), entry("resolve", 120 + i64::try_from(number).unwrap())],
        });
    }
    world.incidents.sort_by_key(|incident| incident.created_at);
    let labels = [&["production", "customer", "high-impact"][..], &["reliability"], &["tech-debt"], &["improvement"]];
    for (number, days) in (3..150).step_by(6).enumerate() {
        let label = labels[number % labels.len()];
        let closed_at = now() - Duration::days(days);
        ledger.issues.push(Issue {
            number: 200_000 + number as u64,
            title: "Planted".to_owned(),
            body: String::new(),
            author: "dev-payments-01".to_owned(),
            labels: label.iter().map(|label| (*label).to_owned()).collect(),
            created_at: closed_at - Duration::days(2),
            updated_at: closed_at,
            closed_at: Some(closed_at),
            events: vec![Event { kind: "ClosedEvent".to_owned(), at: closed_at }],
            issue_type: Some(if number % 4 == 0 { "Bug" } else { "Task" }.to_owned()),
        });
    }
    world
}

/// Changes something of everything that the team's numbers are made of.
fn change(world: &mut World) {
    let recent = now() - Duration::days(120);
    for repository in &mut world.repositories {
        let mut place = 0;
        repository.deployments.retain(|_| {
            place += 1;
            place % 8 > 3
        });
        for item in &mut repository.pull_requests {
            item.created_at -= Duration::hours(7);
            item.paths.retain(|path| !path.starts_with("docs/"));
            item.labels.retain(|label| label != "improvement");
            let number = item.number;
            item.reviews.retain(|_| number % 3 != 0);
            for review in &mut item.reviews {
                review.submitted_at -= Duration::hours(3);
            }
        }
        for issue in &mut repository.issues {
            // Reliability and debt are called features from now on, and so is every other issue.
            let is_upkeep = issue.labels.iter().any(|label| label == "reliability" || label == "tech-debt");
            if is_upkeep || issue.number % 2 == 1 && !issue.labels.iter().any(|label| label == "customer") {
                issue.labels.clear();
                issue.issue_type = Some("Feature".to_owned());
            }
            // Sent back more often, and later done.
            if (issue.number % 3 > 0 || issue.labels.iter().any(|label| label == "customer"))
                && let Some(closed_at) = issue.closed_at.filter(|at| *at > recent)
            {
                for (kind, hours) in [("ReopenedEvent", 1), ("ClosedEvent", 30)] {
                    let at = closed_at + Duration::hours(hours);
                    issue.events.push(Event { kind: kind.to_owned(), at });
                }
            }
        }
        for run in repository.workflow_runs.iter_mut().filter(|run| run.workflow == "ci") {
            run.updated_at += Duration::minutes(2);
            if run.id % 5 == 0 {
                run.conclusion = Some("failure".to_owned());
            }
        }
    }
    for item in world.projects.iter_mut().flat_map(|project| &mut project.items) {
        if item.number % 3 == 1 {
            item.iteration = None;
        }
    }
    // Fewer deployments with as many failures may happen to be the same share: none of those that were planted fails.
    world.incidents.retain(|incident| !incident.id.starts_with("QPLANTED"));
    for incident in &mut world.incidents {
        for entry in incident.log.iter_mut().filter(|entry| entry.kind == "resolve") {
            entry.at += Duration::minutes(25);
        }
        incident.priority = Some("P1".to_owned());
    }
    for alert in &mut world.security_alerts {
        alert.fixed_at = alert.fixed_at.map(|at| at + Duration::days(9)).filter(|at| *at < now());
        "critical".clone_into(&mut alert.severity);
    }
    for artifact in &mut world.artifacts {
        for text in artifact.files.values_mut() {
            *text = text.replace("DA:1,1\n", "DA:1,0\n").replace("name=\"test 9\"/>", FLAKY);
        }
    }
    for series in &mut world.series {
        for (day, value) in &mut series.values {
            // Not all days alike, so that trends move as well.
            *value *= if *day > now() - Duration::days(20) { 0.9 } else { 0.95 };
        }
        if series.measure == "volume" {
            series.values.values_mut().for_each(|value| *value *= 1.3);
        }
    }
    for files in world.files.values_mut() {
        files.remove("RUNBOOK.md");
    }
}

/// Rows with other numbers: the last column of most is one less or one more.
fn changed(template: &str, rows: &str) -> String {
    let mut lines = rows.lines();
    let header = lines.next().unwrap().to_owned();
    let changed = lines.enumerate().map(|(place, line)| {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        let (column, text) = match template {
            "promotion_readiness" | "offer_acceptance_rate" | "interview_to_offer_rate" => (3, "1".to_owned()),
            "regrettable_attrition" => (3, "2".to_owned()),
            "hiring_time_to_fill" => (2, "2025-01-01".to_owned()),
            "onboarding_ramp_time" => (2, format!("2025-{:02}-11", 8 + place % 4)),
            "operational_readiness" => (4, "no".to_owned()),
            _ => (3, "3".to_owned()),
        };
        cells[column] = text;
        cells.join(",")
    });
    [header].into_iter().chain(changed).map(|line| line + "\n").collect()
}
