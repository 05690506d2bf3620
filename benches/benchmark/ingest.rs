//! Table 2: facts into the store, beside the bare insert of the same rows.

use std::time::Instant;

use chiplog::facts::{Batch, Fact, Moment};
use chiplog::store::Store;
use chrono::Duration;

use crate::corpus::{self, Size};
use crate::document::{Section, Table, count, ratio};
use crate::raw_insert::{Page, Raw, Row};
use crate::{median, postgres, progress};

/// So many facts come together, as from a few pages of a source.
const FACTS_PER_BATCH: usize = 1000;

/// One fact in so many is another one when the facts come again.
const CHANGED_ONE_IN: usize = 10;

/// The least share of the bare insert's speed.
const GOAL: f64 = 0.5;

#[derive(Clone, Copy, PartialEq)]
enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    /// The URL of an empty store.
    async fn fresh(self, folder: &tempfile::TempDir, name: &str) -> String {
        match self {
            Self::Sqlite => format!("sqlite:{}/{name}.db", folder.path().display()),
            Self::Postgres => postgres::fresh_database().await,
        }
    }
}

/// Rows per second of one round.
struct Round {
    raw: f64,
    fresh: f64,
    unchanged: f64,
    changed: f64,
}

pub(crate) async fn section(quick: bool) -> Section {
    let now = chiplog::clock::now();
    let size = Size { teams: if quick { 5 } else { 50 }, services: 1, days: 545 };
    let facts = corpus::by_source(corpus::all_facts(size, now));
    let batches: Vec<(String, Vec<Fact>)> = facts
        .into_iter()
        .flat_map(|(source, facts)| {
            facts.chunks(FACTS_PER_BATCH).map(|chunk| (source.clone(), chunk.to_vec())).collect::<Vec<_>>()
        })
        .collect();
    let rows: usize = batches.iter().map(|(_, facts)| facts.len()).sum();
    let mut table = Table::new(&["engine", "what comes", "rows per second", "bare insert, rows per second", "share"]);
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut rounds = Vec::new();
        for place in 0..if quick { 1 } else { 5 } {
            progress(&format!("{}, round {}", engine.name(), place + 1));
            rounds.push(round(engine, &batches, place % 2 == 0, now).await);
        }
        let of = |value: fn(&Round) -> f64| median(&rounds.iter().map(value).collect::<Vec<_>>());
        let raw = of(|round| round.raw);
        for (what, speed) in [
            ("new facts", of(|round| round.fresh)),
            ("the same again", of(|round| round.unchanged)),
            ("the same, one in ten changed", of(|round| round.changed)),
        ] {
            let number = |value: f64| {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
                count(value.round() as usize)
            };
            let share = speed / raw;
            table.row([
                engine.name().to_owned(),
                what.to_owned(),
                number(speed),
                number(raw),
                ratio(share, Some(share >= GOAL)),
            ]);
        }
    }
    let left_out = vec![
        format!(
            "{} facts of {} teams in batches of {FACTS_PER_BATCH}, each in a transaction with 500 rows to a statement, for both; \
             medians of five rounds, in which chiplog and the bare insert take turns in going first.",
            count(rows),
            size.teams
        ),
        "The bare insert is given finished rows; chiplog's time includes making them: JSON, duplicates of a batch, \
         quarantine, and what has changed."
            .to_owned(),
        "\"The same again\" is compared with the bare insert into an empty table, because a bare insert cannot be repeated."
            .to_owned(),
        "PostgreSQL runs beside it on the same machine with fsync off, as in the tests, for both.".to_owned(),
    ];
    Section { number: 2, title: "Facts into the store", tables: vec![table], left_out }
}

async fn round(engine: Engine, batches: &[(String, Vec<Fact>)], raw_first: bool, now: Moment) -> Round {
    let folder = tempfile::tempdir_in(crate::folder()).unwrap();
    let mut raw = 0.0;
    if raw_first {
        raw = bare(engine, &folder, batches).await;
    }
    let store = Store::open(&engine.fresh(&folder, "store").await).await.unwrap();
    let fresh = accepted(&store, batches, now, <[Fact]>::len).await;
    let unchanged = accepted(&store, batches, now, |_| 0).await;
    let others: Vec<(String, Vec<Fact>)> =
        batches.iter().map(|(source, facts)| (source.clone(), some_changed(facts))).collect();
    let changed = accepted(&store, &others, now, |facts| facts.len().div_ceil(CHANGED_ONE_IN)).await;
    store.close().await;
    if !raw_first {
        raw = bare(engine, &folder, batches).await;
    }
    Round { raw, fresh, unchanged, changed }
}

/// Rows per second of the bare insert into tables that chiplog has made.
async fn bare(engine: Engine, folder: &tempfile::TempDir, batches: &[(String, Vec<Fact>)]) -> f64 {
    let pages: Vec<Page> =
        batches.iter().map(|(source, facts)| (source.clone(), facts.iter().map(Row::of).collect())).collect();
    let url = engine.fresh(folder, "raw").await;
    Store::open(&url).await.unwrap().close().await;
    let raw = Raw::connect(&url).await;
    let began = Instant::now();
    raw.insert(&pages).await;
    let seconds = began.elapsed().as_secs_f64();
    raw.close().await;
    pages.iter().map(|(_, rows)| rows.len()).sum::<usize>() as f64 / seconds
}

/// Rows per second of the store; it must say that `expected` of each batch have changed.
async fn accepted(
    store: &Store,
    batches: &[(String, Vec<Fact>)],
    now: Moment,
    expected: impl Fn(&[Fact]) -> usize,
) -> f64 {
    let made: Vec<(&String, Batch)> =
        batches.iter().map(|(source, facts)| (source, Batch { facts: facts.clone(), ..Batch::default() })).collect();
    let began = Instant::now();
    let mut changed = 0;
    for (source, batch) in &made {
        changed += store.accept(source, batch, now).await.unwrap().changed.values().sum::<u64>();
    }
    let seconds = began.elapsed().as_secs_f64();
    let wanted: usize = batches.iter().map(|(_, facts)| expected(facts)).sum();
    assert_eq!(changed, wanted as u64, "so many facts are new or different");
    batches.iter().map(|(_, facts)| facts.len()).sum::<usize>() as f64 / seconds
}

/// The same facts, of which one in ten has gone on since.
fn some_changed(facts: &[Fact]) -> Vec<Fact> {
    let changed = facts.iter().enumerate().map(|(place, fact)| {
        let mut fact = fact.clone();
        if place % CHANGED_ONE_IN == 0 {
            change(&mut fact);
        }
        fact
    });
    changed.collect()
}

fn change(fact: &mut Fact) {
    let second = Duration::seconds(1);
    match fact {
        Fact::Repository(fact) => fact.observed_at += second,
        Fact::Commit(fact) => fact.subject += " again",
        Fact::PullRequest(fact) => {
            fact.title += " again";
            fact.updated_at += second;
        }
        Fact::Deployment(fact) => fact.reference = Some("release".to_owned()),
        Fact::CiRun(fact) => fact.updated_at += second,
        Fact::Incident(fact) => fact.updated_at += second,
        Fact::WorkItem(fact) => fact.updated_at += second,
        Fact::Iteration(fact) => fact.updated_at += second,
        other => panic!("the corpus has no {other:?}"),
    }
}
