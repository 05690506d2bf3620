//! `kill -9` in the midst of collecting, storing and evaluating, again and again: whoever starts next goes on, and in the end
//! everything is as if nobody had been killed.

use std::time::Duration;

use chiplog::store::Store;
use chiplog_simulator::github::Fault;
use chiplog_simulator::world::World;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::harness::cluster::{Member, all_facts, client};
use crate::harness::outside::Outside;
use crate::harness::program::{Installation, until};
use crate::harness::{now, postgres};
use crate::replicas::{differences, facts_of_a_single_run, world};

/// How often each engine is killed unless `CHIPLOG_KILLS` says otherwise.
const KILLS: usize = 8;

/// A store that has survived so many is compared, and a new one begins: most kills are to hit a first collection.
const KILLS_OF_A_STORE: usize = 10;

/// A program is killed at one of its first requests.
const LATEST_REQUEST: usize = 25;

/// The longest that it lives on while its request waits, in milliseconds: so it is killed while it stores or evaluates, too.
const LONGEST_REST: u64 = 60;

/// Where a metric of a team is shown, teams are known.
pub(crate) const KNOWN: &str = "chiplog_lead_time_for_changes_seconds{";

#[derive(Debug, Clone, Copy)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// The URL of a store of its own: of SQLite this one, of PostgreSQL a fresh database.
    pub(crate) async fn store(self, sqlite: &str) -> String {
        match self {
            Self::Sqlite => sqlite.to_owned(),
            Self::Postgres => postgres::fresh_database().await,
        }
    }
}

/// What a store has gone through.
#[derive(Debug, Default)]
struct Survived {
    kills: usize,
    /// Programs that had evaluated something.
    evaluated: usize,
    /// Programs that served what those before them had known.
    served_at_once: usize,
    /// Webhooks that were answered with 202.
    webhooks: usize,
    facts: usize,
}

#[expect(clippy::disallowed_methods, reason = "a test reads the environment like any program")]
fn kills() -> usize {
    std::env::var("CHIPLOG_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS)
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_survives_kills_at_any_moment() {
    survive(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_survives_kills_at_any_moment() {
    survive(Engine::Postgres).await;
}

/// A world that takes some thirty requests to be read.
pub(crate) fn one_team(seed: u64) -> World {
    let mut world = world(seed);
    world.repositories.truncate(1);
    world
}

async fn survive(engine: Engine) {
    let mut left = kills();
    for seed in 1.. {
        let survived = survive_on_one_store(engine, seed, left.min(KILLS_OF_A_STORE)).await;
        println!("seed {seed}: {survived:?}");
        left -= survived.kills;
        if left == 0 {
            return;
        }
    }
}

async fn survive_on_one_store(engine: Engine, seed: u64, kills: usize) -> Survived {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut outside = Outside::start(one_team(seed), "1s").await;
    let url = engine.store("sqlite:chiplog.db").await;
    let mut installation = Installation::new(&outside.config(&url).replace("lease = \"2s\"", "lease = \"1s\""));
    let url = url.replace("chiplog.db", &installation.path("chiplog.db").display().to_string());
    let (mut survived, mut known, mut taken) = (Survived::default(), false, Vec::new());
    while survived.kills < kills {
        outside.step();
        let met = outside.faults.met();
        outside.faults.pass(random.random_range(0..LATEST_REQUEST));
        outside.faults.next(&Fault::Silence, 1);
        let mut member = Member::start(installation, client()).await;
        if known {
            until("what was known is served", async || member.get("/metrics").await.contains(KNOWN)).await;
        }
        let told = outside.told();
        let hit = async {
            outside.faults.until_met(met + 1).await;
            known |= member.get("/metrics").await.contains(KNOWN);
            tokio::time::sleep(Duration::from_millis(random.random_range(0..LONGEST_REST))).await;
        };
        let sending = async {
            for told in &told {
                if member.takes(told).await {
                    taken.push(told.id.clone());
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = hit => {}
            never = sending => never,
        }
        member.program.kill();
        outside.faults.clear();
        let log = member.program.stderr();
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
        survived.kills += 1;
        survived.evaluated += usize::from(log.contains(" evaluated "));
        survived.served_at_once += usize::from(log.contains("serving what was known at"));
        installation = member.installation;
    }
    survived.webhooks = taken.len();
    let member = Member::start(installation, client()).await;
    survived.facts = ends_like_one_left_alone(&outside, member, &url, &taken).await;
    survived
}

/// Lets a program finish its work, compares what is stored with what one has stored that was left alone, and returns how many
/// facts there are. `taken` are the ids of webhooks that were answered with 202.
pub(crate) async fn ends_like_one_left_alone(
    outside: &Outside,
    mut member: Member,
    url: &str,
    taken: &[String],
) -> usize {
    let (store, still) = (Store::open(url).await.unwrap(), now());
    until("everything is collected and processed", async || {
        let states = store.source_states().await.unwrap();
        let collected = states.iter().filter(|state| state.last_success_at.is_some_and(|at| at > still)).count();
        collected == 3 && store.waiting_delivery_counts().await.unwrap().is_empty()
    })
    .await;
    until("the teams are known", async || member.get("/metrics").await.contains(KNOWN)).await;
    assert_eq!(member.program.terminate(), Some(0), "{}", member.program.stderr());
    let (expected, found) = (facts_of_a_single_run(outside).await, all_facts(&store).await);
    assert!(expected.len() > 1_000, "{}", expected.len());
    assert!(expected == found, "{:#?}", differences(&expected, &found));
    let dump = member.installation.run_well(&["dump", "-"]);
    let processed = processed_deliveries(&dump);
    let lost: Vec<&String> = taken.iter().filter(|id| !processed.contains(id)).collect();
    assert!(lost.is_empty(), "webhooks that were answered and lost: {lost:?}");
    if url.starts_with("sqlite:") {
        let database = sqlx::SqlitePool::connect(url).await.unwrap();
        let verdict: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&database).await.unwrap();
        assert_eq!(verdict, "ok");
    }
    found.len()
}

/// The ids of the deliveries that were processed without an error, as a dump has them.
fn processed_deliveries(dump: &str) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    let mut processed = Vec::new();
    for line in dump.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["table"].is_string() {
            let is_wanted = line["table"] == "webhook_deliveries";
            columns = if is_wanted { serde_json::from_value(line["columns"].clone()).unwrap() } else { Vec::new() };
        }
        let cell = |name: &str| Some(&line[columns.iter().position(|column| column == name)?]);
        if let (Some(Value::String(id)), Some(Value::Number(_)), Some(Value::Null)) =
            (cell("delivery_id"), cell("processed_at_ms"), cell("error"))
        {
            processed.push(id.clone());
        }
    }
    processed
}
