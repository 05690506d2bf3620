//! Stores of every earlier version are brought up to date, and tell what they told, as a new store with the same facts does.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::harness::postgres;
use crate::harness::program::Installation;

/// The configuration that the stores were made with. Nothing is collected: the servers are gone.
const CONFIG: &str = r#"
[collect]
history = "100d"
[github]
token_env = "GITHUB_TOKEN"
repositories = ["acme/ledger"]
base_url = "http://127.0.0.1:9"
workflow_runs = false
work_items = true
security_alerts = true
[pagerduty]
token_env = "PAGERDUTY_TOKEN"
services = ["PLEDGER"]
base_url = "http://127.0.0.1:9"
[team.payments]
repositories = ["acme/ledger"]
time_zone = "Europe/Berlin"
[service.ledger]
repository = "acme/ledger"
team = "payments"
pagerduty = ["PLEDGER"]
"#;

const MONTH: [&str; 5] = ["kpis", "payments", "--month", "2026-10", "--json"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas")
}

fn versions() -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// A store of an earlier version, with the configuration that names it.
async fn installation_of(version: &str, engine: &str) -> Installation {
    let statements = unpacked(&folder().join(version).join(format!("{engine}.sql.gz")));
    if engine == "postgres" {
        let url = postgres::fresh_database().await;
        postgres::run_file(&url, &statements);
        return Installation::new(&format!("store.url = \"{url}\"\n{CONFIG}"));
    }
    let installation = Installation::new(&format!("store.url = \"sqlite:chiplog.db\"\n{CONFIG}"));
    let url = format!("sqlite:{}?mode=rwc", installation.path("chiplog.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&pool).await.unwrap();
    pool.close().await;
    installation
}

/// Everything that the earlier version told is told again; later versions may tell more.
fn tells_what_it_told(what: &str, then: &Value, now: &Value) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            for (key, value) in then {
                let now = now.get(key).unwrap_or_else(|| panic!("{what}.{key} is gone"));
                tells_what_it_told(&format!("{what}.{key}"), value, now);
            }
        }
        _ => assert_eq!(then, now, "{what}"),
    }
}

/// What earlier versions told wrongly, and the verdict now: points of a tracker that has none were 0.
const CORRECTED: [(&str, &str); 1] = [("throughput points", "no_data")];

/// Each KPI, or part of one, by its name.
fn kpis(told: &Value) -> impl Iterator<Item = (String, &Value)> {
    let kpis = told[0]["kpis"].as_array().unwrap().iter();
    kpis.map(|kpi| (format!("{} {}", kpi["kpi"].as_str().unwrap(), kpi["part"].as_str().unwrap_or("as a whole")), kpi))
}

async fn upgrade(version: &str, engine: &str) -> Value {
    let installation = installation_of(version, engine).await;
    let told = |installation: &Installation| -> Value { serde_json::from_str(&installation.run_well(&MONTH)).unwrap() };
    let now = told(&installation);
    let then = std::fs::read_to_string(folder().join(version).join("numbers.json")).unwrap();
    let then: Value = serde_json::from_str(&then).unwrap();
    let mut values = 0;
    for (id, kpi) in kpis(&then) {
        let (_, same) = kpis(&now).find(|(known, _)| *known == id).unwrap_or_else(|| panic!("{id} is gone"));
        if let Some((_, verdict)) = CORRECTED.iter().find(|(corrected, _)| *corrected == id) {
            assert_eq!(same["verdict"], *verdict, "{version}, {engine}: {id}");
            continue;
        }
        // What a KPI's own words are may change.
        let mut kpi = kpi.clone();
        kpi.as_object_mut().unwrap().retain(|key, _| !["title", "remedy"].contains(&key.as_str()));
        tells_what_it_told(&format!("{version}, {engine}: {id}"), &kpi, same);
        values += usize::from(kpi["verdict"] == "value");
    }
    assert!(values >= 8, "{version}: only {values} numbers were compared");
    let review = folder().join(version).join("review.md");
    if let Ok(review) = std::fs::read_to_string(review) {
        assert_eq!(installation.run_well(&["review", "payments", "--month", "2026-10"]), review, "{version}, {engine}");
    }

    // A new store that is given the same tells the same.
    installation.run_well(&["dump", "dump.jsonl"]);
    let fresh = Installation::new(&format!("store.url = \"sqlite:chiplog.db\"\n{CONFIG}"));
    std::fs::copy(installation.path("dump.jsonl"), fresh.path("dump.jsonl")).unwrap();
    fresh.run_well(&["restore", "dump.jsonl"]);
    assert_eq!(told(&fresh), now, "{version}, {engine}: a new store tells something else");
    now
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_every_earlier_version_go_on() {
    let versions = versions();
    assert!(versions.len() >= 3, "{versions:?}");
    for version in versions {
        let (sqlite, postgres) = (upgrade(&version, "sqlite").await, upgrade(&version, "postgres").await);
        assert_eq!(sqlite, postgres, "{version}");
    }
}

#[test]
fn the_changelog_has_an_entry_for_this_version_and_every_state_of_the_tables() {
    let changelog = std::fs::read_to_string(folder().join("../../CHANGELOG.md")).unwrap();
    let table = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let has = |version: &str| changelog.lines().any(|line| line.starts_with(&format!("## [{version}]")));
    assert!(has("Unreleased"));
    assert!(has(env!("CARGO_PKG_VERSION")), "CHANGELOG.md has no entry for {}", env!("CARGO_PKG_VERSION"));
    for version in versions() {
        assert!(has(&version), "CHANGELOG.md has no entry for {version}");
        assert!(table.contains(&format!("| {version} |")), "tests/schemas/README.md has no row for {version}");
    }
    // Of each entry what it says stands under the headings of Keep a Changelog.
    let known = ["### Added", "### Changed", "### Deprecated", "### Removed", "### Fixed", "### Security"];
    for heading in changelog.lines().filter(|line| line.starts_with("### ")) {
        assert!(known.contains(&heading), "{heading}");
    }
}
