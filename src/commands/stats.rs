//! `chiplog stats`: how large the store is, how it grows, and what a retention would forget.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chrono::{Datelike as _, Months, NaiveDate};
use indicatif::{HumanBytes, HumanCount};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::print;
use crate::app::read_config;
use crate::clock;
use crate::expose::terminal;
use crate::facts::Moment;
use crate::store::{FamilyGrowth, Prunable, Store, StoreSize, TableSize};

/// Months that are shown.
const SHOWN_MONTHS: u32 = 12;

/// Complete months whose mean is the growth per month.
const MONTHS_OF_GROWTH: u32 = 3;

/// Everything that the command tells.
#[derive(Debug, Serialize)]
struct Stats {
    /// Bytes of all tables with their indexes.
    bytes: u64,
    /// Bytes that deleted rows have left and new ones will fill.
    free_bytes: Option<u64>,
    /// Tables by size.
    tables: Vec<TableSize>,
    /// Facts by family.
    growth: Vec<Growth>,
    /// Facts that began in each of the last months, the running one included, oldest first.
    facts_by_month: BTreeMap<String, u64>,
    /// What the retention would forget now. `None` without one.
    retention: Option<Retention>,
}

/// How one family grows.
#[derive(Debug, PartialEq, Serialize)]
struct Growth {
    family: &'static str,
    facts: u64,
    oldest: NaiveDate,
    newest: NaiveDate,
    /// The mean over the last complete months.
    facts_per_month: f64,
    /// The same in bytes, by the family's mean size of a fact.
    bytes_per_month: f64,
}

#[derive(Debug, Serialize)]
struct Retention {
    ended_before: Moment,
    facts: u64,
    /// By the mean size of a fact of each family.
    bytes: f64,
    families: BTreeMap<&'static str, u64>,
}

pub(super) async fn run(config: &Path, retention: Option<Duration>, json: bool) -> Result<ExitCode> {
    let config = read_config(config)?;
    if let Some(problem) = retention.and_then(|retention| config.collect.too_short_for(retention)) {
        bail!("--retention {problem}");
    }
    let store = Store::open(config.store_url.expose_secret()).await?;
    let now = clock::now();
    let size = store.size().await?;
    let growth = store.growth().await?;
    let retention = match retention.or(config.retention) {
        None => None,
        Some(retention) => {
            let ended_before = chrono::Duration::from_std(retention).ok().and_then(|it| now.checked_sub_signed(it));
            let ended_before = ended_before.context("--retention is too long: write at most \"100y\"")?;
            Some((ended_before, store.prunable(ended_before).await?))
        }
    };
    store.close().await;
    let stats = stats(size, &growth, retention, now.date_naive());
    let text = if json { format!("{}\n", serde_json::to_string_pretty(&stats)?) } else { words(&stats) };
    print(&text).map(|()| ExitCode::SUCCESS)
}

fn stats(
    size: StoreSize,
    growth: &[FamilyGrowth],
    retention: Option<(Moment, Vec<Prunable>)>,
    today: NaiveDate,
) -> Stats {
    let mean_bytes = |family: &str| {
        let table = size.tables.iter().find(|table| table.table == family);
        table.map_or(0.0, |table| table.bytes as f64 / table.rows.max(1) as f64)
    };
    let this_month = today - chrono::Days::new(u64::from(today.day0()));
    let mut facts_by_month = BTreeMap::new();
    for back in 0..SHOWN_MONTHS {
        facts_by_month.insert(label(this_month - Months::new(back)), 0);
    }
    for (day, count) in growth.iter().flat_map(|family| &family.facts_by_day) {
        if let Some(facts) = facts_by_month.get_mut(&label(*day)) {
            *facts += count;
        }
    }
    let retention = retention.map(|(ended_before, prunable)| Retention {
        ended_before,
        facts: prunable.iter().map(|family| family.facts).sum(),
        bytes: prunable.iter().map(|family| family.facts as f64 * mean_bytes(family.family)).sum(),
        families: prunable.iter().map(|family| (family.family, family.facts)).collect(),
    });
    Stats {
        bytes: size.tables.iter().map(|table| table.bytes).sum(),
        free_bytes: size.free_bytes,
        growth: growth.iter().filter_map(|family| of_family(family, mean_bytes(family.family), this_month)).collect(),
        tables: size.tables,
        facts_by_month,
        retention,
    }
}

/// `2026-11`.
fn label(day: NaiveDate) -> String {
    day.format("%Y-%m").to_string()
}

fn of_family(family: &FamilyGrowth, mean_bytes: f64, this_month: NaiveDate) -> Option<Growth> {
    let (oldest, _) = family.facts_by_day.first_key_value()?;
    let (newest, _) = family.facts_by_day.last_key_value()?;
    let lately: u64 =
        family.facts_by_day.range(this_month - Months::new(MONTHS_OF_GROWTH)..this_month).map(|(_, count)| count).sum();
    let facts_per_month = lately as f64 / f64::from(MONTHS_OF_GROWTH);
    Some(Growth {
        family: family.family,
        facts: family.facts_by_day.values().sum(),
        oldest: *oldest,
        newest: *newest,
        facts_per_month,
        bytes_per_month: facts_per_month * mean_bytes,
    })
}

fn words(stats: &Stats) -> String {
    let mut text = String::new();
    let facts: u64 = stats.growth.iter().map(|family| family.facts).sum();
    let free = stats
        .free_bytes
        .map_or_else(String::new, |bytes| format!(", {} of the file are free for what comes", HumanBytes(bytes)));
    let _ = writeln!(text, "{} facts; {} on disk with indexes{free}.\n", HumanCount(facts), HumanBytes(stats.bytes));
    let rows = stats.tables.iter().map(|table| {
        vec![table.table.clone(), HumanCount(table.rows).to_string(), HumanBytes(table.bytes).to_string()]
    });
    let _ = writeln!(text, "{}", terminal::table(&["table", "rows", "size"], rows));
    let rows = stats.growth.iter().map(|family| {
        vec![
            family.family.to_owned(),
            family.oldest.to_string(),
            family.newest.to_string(),
            HumanCount(whole(family.facts_per_month)).to_string(),
            HumanBytes(whole(family.bytes_per_month)).to_string(),
        ]
    });
    let _ =
        writeln!(text, "{}", terminal::table(&["facts", "oldest", "newest", "new per month", "size per month"], rows));
    let per_month: f64 = stats.growth.iter().map(|family| family.bytes_per_month).sum();
    let _ = writeln!(
        text,
        "Growth: {} per month, the mean of the last {MONTHS_OF_GROWTH} complete months; {} in a year.",
        HumanBytes(whole(per_month)),
        HumanBytes(whole(per_month * 12.0))
    );
    let months = stats.facts_by_month.iter().map(|(month, facts)| format!("{month}: {}", HumanCount(*facts)));
    let _ = writeln!(text, "New facts by month: {}.", months.collect::<Vec<_>>().join(", "));
    let _ = match &stats.retention {
        None => writeln!(text, "Retention: none, everything is kept; see what one would forget with --retention 800d."),
        Some(retention) => writeln!(
            text,
            "Retention: {} facts ended before {} and would be forgotten, about {}{}.",
            HumanCount(retention.facts),
            retention.ended_before.format("%Y-%m-%d"),
            HumanBytes(whole(retention.bytes)),
            retention
                .families
                .iter()
                .map(|(family, facts)| format!("; {family}: {}", HumanCount(*facts)))
                .collect::<String>()
        ),
    };
    text
}

/// A mean as a whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "means of counts are small and not negative"
)]
fn whole(mean: f64) -> u64 {
    mean.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn growth_is_the_mean_of_the_last_complete_months() {
        let counts =
            [("2025-01-31", 7), ("2026-07-31", 100), ("2026-08-01", 30), ("2026-10-31", 60), ("2026-11-02", 500)];
        let family = FamilyGrowth {
            family: "tags",
            facts_by_day: counts.into_iter().map(|(date, count)| (day(date), count)).collect(),
        };
        let table = TableSize { table: "tags".to_owned(), rows: 697, bytes: 69_700 };
        let size = StoreSize { tables: vec![table], free_bytes: None };
        let prunable = vec![Prunable { family: "tags", facts: 7 }];
        let retention = Some(("2025-09-01T00:00:00Z".parse().unwrap(), prunable));
        let stats = stats(size, &[family], retention, day("2026-11-27"));
        let expected = Growth {
            family: "tags",
            facts: 697,
            oldest: day("2025-01-31"),
            newest: day("2026-11-02"),
            facts_per_month: 30.0,
            bytes_per_month: 3000.0,
        };
        assert_eq!(stats.growth, [expected]);
        assert_eq!(stats.facts_by_month["2026-07"], 100);
        assert_eq!(stats.facts_by_month["2026-11"], 500);
        assert_eq!(stats.facts_by_month.len(), 12);
        let retention = stats.retention.unwrap();
        assert_eq!((retention.facts, retention.bytes), (7, 700.0));
    }
}
