//! Reviews of months: golden ones of three demo teams, frozen and revised, their digests, and the team's own words.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chiplog::app::App;
use chiplog::expose::{pages, review_markdown};
use chiplog::facts::{Batch, Fact, Incident, IncidentUpdate, IncidentUpdateKind, Moment};
use chiplog::report::review::Reviewed;
use chiplog::store::KNOWN_SINCE;
use chiplog_simulator::demo;
use chiplog_simulator::world::World;
use chrono::NaiveDate;
use serde_json::Value;

use crate::harness::demo::Demo;
use crate::harness::{collect_well, now};

/// The teams of the golden reviews: a healthy one, one that got slower, and one with too little to tell.
const TEAMS: [&str; 3] = ["payments", "checkout", "research"];

/// Their repositories.
const REPOSITORIES: [&str; 8] =
    ["ledger", "payouts", "invoices", "fraud", "cart", "checkout-web", "pricing", "experiments"];

/// The moment at which the golden world stands still.
fn standing() -> Moment {
    "2026-11-10T12:00:00Z".parse().unwrap()
}

fn october() -> NaiveDate {
    "2026-10-01".parse().unwrap()
}

fn world() -> World {
    let mut world = demo::world(standing(), 1);
    world.repositories.retain(|repository| REPOSITORIES.contains(&repository.name.as_str()));
    world.series.retain(|series| REPOSITORIES.contains(&series.service.as_str()));
    world
}

/// The three teams, collected as they were at that moment, on whatever day the test runs.
async fn collected(more: &str) -> (Demo, App) {
    let demo = Demo::start_at(world(), standing, more).await;
    let days = (now() - standing()).num_days() + 470;
    let file = demo.installation.path("chiplog.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("interval = \"30s\"", &format!("interval = \"30s\"\nhistory = \"{days}d\""));
    std::fs::write(&file, text).unwrap();
    let app = demo.app().await;
    collect_well(&app).await;
    (demo, app)
}

async fn reviewed(app: &App, team: &str, revision: Option<u32>) -> Reviewed {
    let team = &app.organisation.teams[team];
    app.reviewer().reviewed(team, october(), revision, standing()).await.unwrap().unwrap()
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/reviews").join(name)
}

/// Compares with the golden file; a stale one is written anew, and the test fails once.
fn compare(name: &str, text: &str) -> Option<String> {
    let file = golden(name);
    if std::fs::read_to_string(&file).ok().as_deref() == Some(text) {
        return None;
    }
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    Some(name.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reviews_of_three_teams_are_the_golden_ones_byte_by_byte() {
    let (_demo, app) = collected("").await;
    let teams = TEAMS.map(str::to_owned);
    let frozen = app.reviewer().freeze(&teams, october(), standing()).await.unwrap();
    assert_eq!(frozen.len(), 3);
    let mut stale = Vec::new();
    for team in TEAMS {
        let reviewed = reviewed(&app, team, None).await;
        let (markdown, html) = (review_markdown::review(&reviewed), pages::exported_review(&reviewed).unwrap());
        stale.extend(compare(&format!("{team}.md"), &markdown));
        stale.extend(compare(&format!("{team}.html"), &html));
    }
    let word = |team: &str| {
        let markdown = std::fs::read_to_string(golden(&format!("{team}.md"))).unwrap();
        markdown.lines().find(|line| line.starts_with("- Lead time for changes: ")).unwrap_or_default().to_owned()
    };
    assert!(word("payments").contains("steady"), "{}", word("payments"));
    assert!(word("checkout").contains("worsening"), "{}", word("checkout"));
    let research = std::fs::read_to_string(golden("research.md")).unwrap();
    assert!(research.contains("too few to tell"));
    assert!(
        stale.is_empty(),
        "these golden reviews were stale and are written anew: look at the difference: {stale:?}"
    );
    // Made a second time from the same facts, in another program: the same bytes.
    for frozen in &frozen {
        let made = app.reviewer().make(&frozen.review.team, october(), standing()).await.unwrap().unwrap();
        assert_eq!(made.review, frozen.review);
        assert_eq!(chiplog::report::review::input_hash(&made), frozen.input_hash);
    }
}

fn late_incident(id: &str, at: &str) -> Fact {
    let began: Moment = at.parse().unwrap();
    Fact::Incident(Incident {
        id: id.to_owned(),
        service: "PLEDGER".to_owned(),
        service_name: None,
        title: "Refunds were late".to_owned(),
        severity_words: vec!["P2".to_owned()],
        created_at: began,
        impact_started_at: None,
        updates: vec![IncidentUpdate { at: began + chrono::Duration::hours(9), kind: IncidentUpdateKind::Resolved }],
        causes: Vec::new(),
        withdrawn: false,
        updated_at: began + chrono::Duration::hours(9),
        url: None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_month_stays_as_it_is_and_a_revision_shows_what_came_late() {
    let (demo, app) = collected("").await;
    let reviewer = app.reviewer();
    reviewer.freeze(&["payments".to_owned()], october(), standing()).await.unwrap();
    let before = reviewed(&app, "payments", None).await;
    assert_eq!((before.revision, before.changes.len()), (Some(1), 0));
    assert!(reviewer.revise("payments", october(), standing()).await.unwrap().is_none(), "nothing has changed");

    // One becomes known late; another is written down in November for what began in October.
    let mut retrospective = late_incident("QLATER", "2026-10-30T10:00:00Z");
    if let Fact::Incident(incident) = &mut retrospective {
        incident.impact_started_at = Some(incident.created_at);
        incident.created_at = "2026-11-02T09:00:00Z".parse().unwrap();
    }
    let facts = vec![late_incident("QLATE", "2026-10-14T10:00:00Z"), retrospective];
    let batch = Batch { facts, ..Batch::default() };
    app.store.accept("pagerduty", &batch, standing()).await.unwrap();
    reviewer.freeze(&["payments".to_owned()], october(), standing()).await.unwrap();
    let after = reviewed(&app, "payments", None).await;
    assert_eq!(
        pages::review_page(&before).unwrap(),
        pages::review_page(&after).unwrap(),
        "late facts change nothing by themselves"
    );

    let revised = reviewer.revise("payments", october(), standing()).await.unwrap().unwrap();
    assert_eq!(revised.revision, 2);
    let restore = revised.changes.iter().find(|change| change.kpi == "time_to_restore").unwrap();
    assert_eq!(restore.observations_after, restore.observations_before + 2);
    let reason = &restore.reasons[0];
    assert!(reason.starts_with("2 became known after the month was frozen: ledger · Refunds were late"), "{reason}");
    assert!(revised.other_changes.contains(&"the incidents".to_owned()), "{:?}", revised.other_changes);
    assert!(revised.changes.iter().all(|change| change.kpi != "lead_time_for_changes"), "only what changed is told");
    let first = reviewed(&app, "payments", Some(1)).await;
    assert_eq!(review_markdown::review(&first), review_markdown::review(&before), "the first look can still be read");
    let evidence = reviewer.evidence("payments", october(), 2).await.unwrap();
    assert_eq!(evidence["time_to_restore"].observations.len(), restore.observations_after);
    // The command tells the newest revision, and what it changes.
    let printed = demo.installation.run_well(&["review", "payments", "--month", "2026-10"]);
    assert!(printed.contains("revision 2") && printed.contains("## What this revision changes"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_of_which_nothing_was_collected_stays_a_draft() {
    let (demo, app) = collected("").await;
    let (reviewer, calendar) = (app.reviewer(), &app.organisation.teams["payments"].calendar);
    let known_since = async |source: &str, since: &str| {
        let cursors = vec![(KNOWN_SINCE.to_owned(), Some(since.to_owned()))];
        app.store.accept(source, &Batch { cursors, ..Batch::default() }, standing()).await.unwrap();
    };
    known_since("github", "2026-10-10T00:00:00+00:00").await;
    assert_eq!(reviewer.stays_draft(calendar, october(), standing()).await.unwrap(), None);
    let coverage = reviewed(&app, "payments", None).await.coverage();
    let expected = "github is known since 2026-10-10 00:00 UTC only: facts from before may be missing";
    assert!(coverage.iter().any(|told| told == expected), "{coverage:?}");

    for source in &app.sources {
        known_since(source.name(), "2026-11-02T00:00:00+00:00").await;
    }
    let why = reviewer.stays_draft(calendar, october(), standing()).await.unwrap();
    assert_eq!(why.as_deref(), Some("nothing is known from before 2026-11-02: so far back was collected"));
    demo.installation.run_well(&["review", "payments", "--month", "2026-10"]);
    assert!(reviewer.frozen("payments", october(), None).await.unwrap().is_none());

    // Nothing is kept of what is said of a month that has not begun.
    std::fs::write(demo.installation.path("actions.txt"), "Ship smaller\n").unwrap();
    let output = demo.installation.run(&["review", "payments", "--month", "2999-01", "--actions", "actions.txt"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("--month: 2999-01 has not begun yet"));
    assert_eq!(app.store.review_actions("payments", "2999-01").await.unwrap(), "");
}

/// What a chat received, and how it answers.
#[derive(Clone, Default)]
struct Chat {
    received: Arc<Mutex<Vec<(String, Value)>>>,
    broken: Arc<Mutex<bool>>,
}

async fn receive(State(chat): State<Chat>, headers: HeaderMap, body: String) -> StatusCode {
    if *chat.broken.lock().unwrap() {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    chat.received.lock().unwrap().push((key, serde_json::from_str(&body).unwrap()));
    StatusCode::OK
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_posted_once_per_team_and_month_whatever_happens() {
    let chat = Chat::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/hooks/{kind}", post(receive)).with_state(chat.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let hook = |name: &str, format: &str| {
        format!("[[reviews.webhooks]]\nname = \"{name}\"\nformat = \"{format}\"\nurl_file = \"{name}.url\"\n")
    };
    let config = format!(
        "[reviews]\nbase_url = \"https://chiplog.example.com/\"\n{}{}teams = [\"payments\"]\n",
        hook("everybody", "slack"),
        hook("payments", "teams")
    );
    // The addresses lie in files beside the configuration, which is read when the app opens.
    let demo = Demo::start_at(world(), standing, "").await;
    for name in ["everybody", "payments"] {
        std::fs::write(demo.installation.path(&format!("{name}.url")), format!("http://{address}/hooks/{name}\n"))
            .unwrap();
    }
    let file = demo.installation.path("chiplog.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n{config}")).unwrap();
    demo.installation.run_well(&["collect", "--once"]);
    let digest = ["review", "--all", "--month", "2026-10", "--output", "reviews", "--format", "html", "--post"];

    *chat.broken.lock().unwrap() = true;
    let failed = demo.installation.run(&digest);
    assert_eq!(failed.status.code(), Some(1));
    let log = String::from_utf8(failed.stderr).unwrap();
    assert!(log.contains("could not be posted: it answered 500"), "{log}");
    assert!(!log.contains("/hooks/"), "the address is a secret");
    *chat.broken.lock().unwrap() = false;
    demo.installation.run_well(&digest);
    demo.installation.run_well(&digest);
    let received = chat.received.lock().unwrap();
    let teams = demo.world.read().unwrap().teams.len();
    assert_eq!(received.len(), teams + 1, "each team's once to the one, payments' once to the other");
    let of_payments: Vec<&Value> =
        received.iter().filter(|(key, _)| key == "chiplog-review-payments-2026-10").map(|(_, body)| body).collect();
    assert_eq!(of_payments.len(), 2);
    let slack = of_payments.iter().find(|body| body["blocks"].is_array()).unwrap();
    assert_eq!(
        slack["blocks"][0]["text"]["text"],
        "*<https://chiplog.example.com/teams/payments/reviews/2026-10|Payments: review of 2026-10>*"
    );
    let text = slack["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(text.contains("Speed: lead time for changes") && text.contains("Stability: change failure rate"), "{text}");
    let page = std::fs::read_to_string(demo.installation.path("reviews/payments-2026-10.html")).unwrap();
    assert!(
        page.contains("<h1>Payments: review of 2026-10</h1>") && !page.contains("href=\"/"),
        "one file, no link to chiplog"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_program_freezes_the_month_that_is_over() {
    let demo = Demo::start(crate::harness::demo::small_world(1)).await;
    // Nothing was collected before: the month must wait for the first collection to end.
    let (mut program, address) = demo.serve().await;
    let over = chiplog::pipeline::month_before(crate::harness::today_of_payments());
    let month = chiplog::pipeline::month_label(over);
    crate::harness::program::until("the month is frozen", async || {
        let answer = reqwest::get(format!("{address}/api/v1/teams/payments/reviews")).await.unwrap();
        let known: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let mut reviews = known["reviews"].as_array().unwrap().iter();
        reviews.any(|review| review["month"] == month.as_str() && review["revision"] == 1)
    })
    .await;
    assert_eq!(program.terminate(), Some(0));
    let printed = demo.installation.run_well(&["review", "payments", "--month", &month, "--revise"]);
    assert!(printed.contains(", revision 1. "), "everything was known when the month was frozen: {printed}");
}
