//! The PagerDuty source against the simulated PagerDuty.

use std::sync::Arc;

use chiplog::app::App;
use chiplog::facts::Incident;
use chiplog::store::Selection;
use chiplog_simulator::github::{Fault, Faults, SharedWorld};
use chiplog_simulator::json_server::{JsonServer, ServerOptions};
use chiplog_simulator::pagerduty;
use chiplog_simulator::world::{self, Moment, World};
use chrono::Duration;

use crate::harness::{app, collect, collect_well, now, shared};

async fn serve(world: &SharedWorld, faults: Faults) -> JsonServer {
    let options = ServerOptions { faults, ..ServerOptions::new(Arc::new(now)) };
    JsonServer::start(&pagerduty::API, world.clone(), options).await.unwrap()
}

fn config(pagerduty: &JsonServer) -> String {
    format!("[pagerduty]\ntoken_env = \"PAGERDUTY_TOKEN\"\nbase_url = \"{}\"\n", pagerduty.base_url())
}

fn entry(kind: &str, at: Moment) -> world::LogEntry {
    world::LogEntry { kind: kind.to_owned(), at, agent: "dev-ada".to_owned() }
}

fn incident(number: u64, created_at: Moment) -> world::Incident {
    let log = vec![
        entry("trigger", created_at),
        entry("acknowledge", created_at + Duration::minutes(5)),
        entry("resolve", created_at + Duration::minutes(50)),
    ];
    world::Incident {
        id: format!("Q{number}"),
        number,
        title: "Trouble".to_owned(),
        service: "PSHOP".to_owned(),
        urgency: "high".to_owned(),
        priority: Some("P2".to_owned()),
        created_at,
        log,
    }
}

/// So many incidents, evenly over so many days.
fn world_of(count: u64, days: i64) -> SharedWorld {
    let begin = now() - Duration::days(days);
    let step = Duration::days(days) / i32::try_from(count + 1).unwrap();
    let incidents = (1..=count).map(|number| incident(number, begin + step * i32::try_from(number).unwrap()));
    let service = world::IncidentService { id: "PSHOP".to_owned(), name: "Shop".to_owned(), escalation_policy: None };
    shared(World { incident_services: vec![service], incidents: incidents.collect(), ..World::default() })
}

async fn incidents(app: &App) -> Vec<Incident> {
    let facts = app.store.facts::<Incident>(&Selection::default()).await.unwrap();
    facts.into_iter().map(|item| item.fact).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_of_more_than_six_months_come_with_their_times() {
    let server = serve(&world_of(300, 440), Faults::default()).await;
    let app = app(&config(&server)).await;
    collect_well(&app).await;
    let found = incidents(&app).await;
    assert_eq!(found.len(), 300);
    for incident in &found {
        assert_eq!(incident.acknowledged_at().unwrap() - incident.created_at, Duration::minutes(5));
        assert_eq!(incident.resolved_at().unwrap() - incident.created_at, Duration::minutes(50));
    }
    assert!(!serde_json::to_string(&found).unwrap().contains("dev-ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_highest_offset_are_read_in_smaller_windows() {
    // 3,500 incidents in a month have 10,500 log entries: more than PagerDuty shows of one window.
    let server = serve(&world_of(3_500, 30), Faults::default()).await;
    let app = app(&config(&server)).await;
    collect_well(&app).await;
    let found = incidents(&app).await;
    assert_eq!(found.len(), 3_500);
    assert!(found.iter().all(|incident| incident.resolved_at().is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_incident_that_is_resolved_now_is_read_again_and_idle_rounds_are_cheap() {
    let world = world_of(40, 300);
    world.write().unwrap().incidents[2].log.truncate(1);
    let server = serve(&world, Faults::default()).await;
    let app = app(&config(&server)).await;
    collect_well(&app).await;
    assert_eq!(incidents(&app).await.iter().filter(|incident| incident.resolved_at().is_none()).count(), 1);
    server.log().clear();
    collect_well(&app).await;
    assert!(server.log().count() <= 2, "{:?}", server.log().requests());
    world.write().unwrap().incidents[2].log.push(entry("resolve", now()));
    collect_well(&app).await;
    assert!(incidents(&app).await.iter().all(|incident| incident.resolved_at().is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_on_the_way_changes_nothing_in_the_end() {
    let world = world_of(250, 400);
    let undisturbed = {
        let server = serve(&world, Faults::default()).await;
        let app = app(&config(&server)).await;
        collect_well(&app).await;
        incidents(&app).await
    };
    for fault in [Fault::Status(500), Fault::TooManyRequests(0), Fault::BrokenJson] {
        let faults = Faults::default();
        faults.pass(2);
        faults.next(&fault, 2);
        let server = serve(&world, faults).await;
        let app = app(&config(&server)).await;
        collect_well(&app).await;
        assert!(incidents(&app).await == undisturbed, "{fault:?}");
    }
    for cut in 0..9 {
        let faults = Faults::default();
        faults.pass(cut);
        faults.next(&Fault::Unauthorized, 1);
        let server = serve(&world, faults).await;
        let app = app(&config(&server)).await;
        let report = collect(&app).await;
        assert!(report.failures.contains_key("pagerduty"), "cut at {cut}");
        collect_well(&app).await;
        assert!(incidents(&app).await == undisturbed, "cut at {cut}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_after_a_round_was_interrupted_is_in_the_next_one() {
    for cut in 0..9 {
        let world = world_of(250, 400);
        world.write().unwrap().incidents[249].log.truncate(1);
        let faults = Faults::default();
        faults.pass(cut);
        faults.next(&Fault::Unauthorized, 1);
        let server = serve(&world, faults).await;
        let app = app(&config(&server)).await;
        assert!(collect(&app).await.failures.contains_key("pagerduty"), "cut at {cut}");
        // It may be of a window that was read before the interruption.
        world.write().unwrap().incidents[249].log.push(entry("resolve", now()));
        collect_well(&app).await;
        let found = incidents(&app).await;
        assert!(found.len() == 250 && found.iter().all(|incident| incident.resolved_at().is_some()), "cut at {cut}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_key_says_what_to_do() {
    let server = serve(&world_of(1, 10), Faults::default()).await;
    let app = app(&config(&server).replace("PAGERDUTY_TOKEN", "BAD_TOKEN")).await;
    let report = collect(&app).await;
    assert_eq!(
        report.failures["pagerduty"].to_string(),
        "PagerDuty refuses the API key in $BAD_TOKEN (401): make a new read-only one and start chiplog again"
    );
}
