//! How fast pages are at 200 teams and two years of facts: the table of `docs/pages-benchmark.md`.
//! `cargo bench --bench pages`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "the table is the result, and what fails may stop")]

#[path = "../corpus/mod.rs"]
#[expect(clippy::allow_attributes, reason = "each benchmark uses what it needs of the corpus")]
#[allow(dead_code, unused_imports, reason = "each benchmark uses what it needs of the corpus")]
mod corpus;
mod measure;
mod reviews;
mod statements;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chiplog::app::App;
use chiplog::attribution::attribute;
use chiplog::config::Readers;
use chiplog::expose::access::Access;
use chiplog::expose::exposition::Exposition;
use chiplog::expose::web::{Answers, Served, WebState, router};
use chiplog::facts::Moment;
use chiplog::kpi::CATALOGUE;
use chiplog::pipeline::{CollectMetrics, Known, evaluate, month_before, month_label};
use chrono::{DurationRound as _, NaiveDate};

use corpus::{Size, team_id};
use measure::{Asking, Kept, Measured};
use statements::Statements;

/// 200 teams with two years of facts.
const SIZE: Size = Size { teams: 200, services: 3, days: 730 };

/// No page may take longer, in one of a hundred cases.
const GOAL: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() {
    chiplog::sources::http::install_crypto_provider();
    let statements = Statements::listen();
    let folder = tempfile::tempdir().unwrap();
    let app = corpus::assemble(SIZE, &format!("sqlite:{}/chiplog.db", folder.path().display())).await;
    let now = chiplog::clock::now().duration_trunc(chrono::Duration::minutes(1)).unwrap();
    let known = Arc::new(known(&app, now).await);
    let last_month = month_before(now.date_naive());
    reviews::freeze_others(&app, &known, last_month, now).await;

    let served = Arc::new(Served::default());
    served.swap(Answers { known, exposition: Exposition::default() });
    let state = WebState {
        served,
        metrics: CollectMetrics::new().unwrap(),
        sources: app.sources.clone().into(),
        reviewer: app.reviewer(),
        reporters: Arc::new([]),
        access: Access::new(Readers::default()),
    };
    let kept = Kept::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let routes = router(state).merge(measure::from_memory(kept.clone()));
    let serving = tokio::spawn(async move { axum::serve(listener, routes).await });
    #[expect(clippy::disallowed_methods, reason = "the benchmark talks to loopback only")]
    let client = reqwest::Client::new();
    statements.take();
    tell_pages(&Asking { client, address, statements: statements.clone(), kept }, last_month, now).await;
    println!("\nHow SQLite answers the statements that those pages ran:\n");
    for statement in statements.take() {
        println!("    {statement}");
        for step in statements::plan(folder.path(), &statement).await {
            println!("        {step}");
        }
    }
    serving.abort();
    app.store.close().await;
}

/// Makes the facts and evaluates them, and tells how long that took.
async fn known(app: &App, now: Moment) -> Known {
    let facts = corpus::all_facts(SIZE, now);
    println!(
        "{} teams: {} commits, {} pull requests, {} deployments, {} CI runs, {} incidents, {} work items",
        SIZE.teams,
        facts.commits.len(),
        facts.pull_requests.len(),
        facts.deployments.len(),
        facts.ci_runs.len(),
        facts.incidents.len(),
        facts.work_items.len()
    );
    println!("resident memory with the facts: {}", resident());
    reviews::freeze_some_from_store(app, &facts, month_before(now.date_naive()), now).await;
    let began = Instant::now();
    let attributed = attribute(&app.organisation, &facts, now);
    println!("attribution: {:.1} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    let snapshot = evaluate(&app.organisation, &attributed, &app.families, &app.scorecards, now);
    println!("evaluation: {:.1} s", began.elapsed().as_secs_f64());
    let known = Known::whole(&app.organisation, &facts, attributed, snapshot);
    drop(facts);
    println!("resident memory after the evaluation: {}\n", resident());
    known
}

async fn tell_pages(asking: &Asking, last_month: NaiveDate, now: Moment) {
    let (last, this) = (month_label(last_month), month_label(now.date_naive()));
    // Spread over all teams: 37 has no factor in common with their number.
    let team = |place: usize| team_id(place * 37 % SIZE.teams);
    let kpi = |place: usize| CATALOGUE[place % CATALOGUE.len()].id;
    println!("| page | p50 | p99 | longest | bytes | p99 ÷ p99 of the same bytes from memory | queries |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    tell("team", &asking.measure(|place| format!("/teams/{}", team(place))).await);
    tell("team, JSON", &asking.measure(|place| format!("/api/v1/teams/{}", team(place))).await);
    tell("overview", &asking.measure(|_| "/".to_owned()).await);
    let path = |place| format!("/teams/{}/kpis/{}", team(place), kpi(place));
    tell("KPI", &asking.measure(path).await);
    for window in ["28d", "364d"] {
        let path = |place| format!("/teams/{}/kpis/{}/evidence?window={window}", team(place), kpi(place));
        tell(&format!("evidence, {window}"), &asking.measure(path).await);
    }
    tell("frozen review", &asking.measure(|place| format!("/teams/{}/reviews/{last}", team(place))).await);
    let path = |place| format!("/teams/{}/reviews/{last}/evidence/lead_time_for_changes", team(place));
    tell("evidence of a frozen review", &asking.measure(path).await);
    tell("draft review", &asking.measure(|place| format!("/teams/{}/reviews/{this}", team(place))).await);
    tell("list of reviews", &asking.measure(|place| format!("/teams/{}/reviews", team(place))).await);
    tell("data quality", &asking.measure(|_| "/data-quality".to_owned()).await);
}

fn tell(page: &str, measured: &Measured) {
    let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    println!(
        "| {page} | {} | {}{} | {} | {} | {:.0} | {} |",
        milliseconds(measured.median),
        milliseconds(measured.p99),
        if measured.p99 < GOAL { "" } else { ": too long" },
        milliseconds(measured.longest),
        measured.bytes,
        measured.ratio(),
        measured.queries
    );
}

/// The memory that the program holds, as Linux tells; elsewhere it is not known.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.map_or_else(|| "unknown".to_owned(), |kilobytes| format!("{} MB", kilobytes / 1024))
}
