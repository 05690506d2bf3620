//! What pages ask of the store: a handful of statements, each answered by an index.

use std::collections::{BTreeMap, BTreeSet};

use chiplog::facts::Batch;
use chiplog::pipeline::{month_before, month_label};
use chiplog::store::{KNOWN_SINCE, ReviewRecord, Store};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row as _, SqlitePool};

use crate::harness::now;
use crate::harness::program::{Installation, Program, until};

/// No poll runs beside the pages (what these sources tell is sent), and one heart-beat.
const CONFIG: &str = r#"server.listen = "127.0.0.1:0"
server.lease = "1h"
[store]
url = "sqlite:chiplog.db"
[alertmanager]
match = { severity = "page" }
[reporters.people-team]
token_env = "PEOPLE_TOKEN"
scopes = ["events/alertmanager"]
[team.payments]
repositories = ["acme/ledger"]
"#;

/// The tables that no collection and no evaluation of this installation reads.
const TABLES: [&str; 5] = ["reviews", "review_evidence", "review_actions", "source_states", "quarantine"];

/// The statements of pages in the log so far.
fn statements(program: &Program) -> Vec<String> {
    let text = program.stderr();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_sqlx = lines.filter(|line| line["target"] == "sqlx::query");
    let texts = of_sqlx.map(|line| {
        let whole = line["fields"]["db.statement"].as_str().filter(|text| !text.trim().is_empty());
        let text = whole.or(line["fields"]["summary"].as_str()).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    let of_pages = |text: &String| {
        text.starts_with("SELECT") && TABLES.iter().any(|table| text.contains(&format!(" FROM {table} ")))
    };
    texts.filter(of_pages).collect()
}

async fn plan(pool: &SqlitePool, statement: &str) -> Vec<String> {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let steps = sqlx::query(explain).fetch_all(pool).await.unwrap();
    steps.iter().map(|step| step.get("detail")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_runs_a_handful_of_statements_and_each_is_answered_by_an_index() {
    chiplog::sources::http::install_crypto_provider();
    let installation = Installation::new(CONFIG);
    let url = format!("sqlite:{}", installation.path("chiplog.db").display());
    let store = Store::open(&url).await.unwrap();
    let (this, last) = (month_label(now().date_naive()), month_label(month_before(now().date_naive())));
    let record = ReviewRecord {
        team: "payments".to_owned(),
        month: last.clone(),
        revision: 1,
        frozen_at: now(),
        input_hash: String::new(),
        body: "{}".to_owned(),
    };
    assert!(store.freeze_review(&record, &BTreeMap::new()).await.unwrap());
    // The month that is over is looked after, because it is known.
    let cursors = vec![(KNOWN_SINCE.to_owned(), Some("2020-01-01T00:00:00Z".to_owned()))];
    store.accept("alertmanager", &Batch { cursors, ..Batch::default() }, now()).await.unwrap();
    let logged = ["serve", "--log", "info,sqlx::query=trace", "--log-format", "json"];
    let mut program = installation.start(&logged);
    let address = program.address().await;
    let address = address.split('"').next().unwrap_or_default().to_owned();
    #[expect(clippy::disallowed_methods, reason = "the test talks to loopback only")]
    let client = reqwest::Client::new();
    let ask = async |path: &str| client.get(format!("{address}{path}")).send().await.unwrap().status().as_u16();
    until("the first evaluation has ended", async || ask("/-/ready").await == 200).await;

    // Reviews are looked after every few seconds, for the first time after the first evaluation: pages are counted in between.
    let of_reviews = |text: &String| text.contains(" FROM reviews ");
    until("the reviews were looked after", async || statements(&program).iter().any(of_reviews)).await;

    let pool = SqlitePool::connect(&url).await.unwrap();
    let pages = [
        ("/teams/payments".to_owned(), 200, 0),
        ("/teams/payments/kpis/lead_time_for_changes".to_owned(), 200, 0),
        ("/teams/payments/kpis/lead_time_for_changes/evidence".to_owned(), 200, 0),
        ("/".to_owned(), 200, 0),
        ("/teams/payments/reviews".to_owned(), 200, 1),
        (format!("/teams/payments/reviews/{this}"), 200, 3),
        // There is no evidence in that document; it was looked for all the same.
        (format!("/teams/payments/reviews/{last}/evidence/lead_time_for_changes"), 404, 2),
        ("/data-quality".to_owned(), 200, 3),
        ("/collection".to_owned(), 200, 1),
    ];
    let mut seen = BTreeSet::new();
    for (path, status, expected) in pages {
        let asked = async || {
            let before = statements(&program).len();
            assert_eq!(ask(&path).await, status, "{path}");
            if expected > 0 {
                let told = async || statements(&program).len() >= before + expected;
                until("the statements are logged", told).await;
            }
            statements(&program).split_off(before)
        };
        // What looks after reviews may have looked meanwhile; it does not so twice running.
        let mut run = asked().await;
        if run.len() != expected {
            run = asked().await;
        }
        assert_eq!(run.len(), expected, "{path}: {run:#?}");
        for statement in run {
            for step in plan(&pool, &statement).await {
                let whole_table = step.starts_with("SCAN");
                assert!(!whole_table || step.contains(" INDEX "), "{path}: {statement}: {step}");
                assert!(!whole_table || !path.contains("/teams/"), "{path}: {statement}: {step}");
                assert!(!step.contains("TEMP B-TREE"), "{path}: {statement}: {step}");
            }
            seen.insert(statement);
        }
    }
    assert_eq!(seen.len(), 7, "{seen:#?}");
}
