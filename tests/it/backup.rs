//! A dump is of one moment and goes into either engine; what was restored is what was dumped.

use std::os::unix::fs::PermissionsExt as _;

use crate::harness::demo::{Demo, small_world};
use crate::harness::{last_month, postgres};

/// The lines of a dump in an order of their own: engines return rows as they like.
fn sorted(dump: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = dump.lines().collect();
    lines.sort_unstable();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_sqlite_move_to_postgresql_and_back() {
    let demo = Demo::start(small_world(4)).await;
    let installation = &demo.installation;
    installation.run_well(&["collect", "--once"]);
    installation.run_well(&["review", "payments", "--month", &last_month()]);
    let config = std::fs::read_to_string(installation.path("chiplog.toml")).unwrap();
    let store_at = |url: &str| {
        let config = config.replace("sqlite:chiplog.db", url);
        std::fs::write(installation.path("chiplog.toml"), config).unwrap();
    };
    let month = || installation.run_well(&["kpis", "--month", &last_month(), "--json"]);
    let numbers = month();
    let told = installation.run_well(&["dump"]);
    assert!(told.starts_with("chiplog-dump.jsonl: ") && told.contains("keep it secret"), "{told}");
    let path = installation.path("chiplog-dump.jsonl");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let dump = std::fs::read_to_string(&path).unwrap();
    assert!(dump.contains("\"reviews\"") && dump.lines().count() > 3_000);

    store_at(&postgres::fresh_database().await);
    let told = installation.run_well(&["restore", "chiplog-dump.jsonl"]);
    assert!(told.ends_with(" rows restored.\n"), "{told}");
    assert_eq!(month(), numbers);
    let from_postgresql = installation.run_well(&["dump", "-"]);
    assert!(sorted(&from_postgresql) == sorted(&dump), "PostgreSQL gives back what it was given");
    // A round of collection goes on where the dump was made.
    let requests = demo.github.log().count();
    installation.run_well(&["collect", "--once"]);
    assert!(demo.github.log().count() - requests < 20, "cursors came along");

    store_at("sqlite:again.db");
    installation.run_well(&["restore", "chiplog-dump.jsonl"]);
    assert!(sorted(&installation.run_well(&["dump", "-"])) == sorted(&dump), "and so does SQLite");
    let refused = installation.run(&["restore", "chiplog-dump.jsonl"]);
    let refused = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.starts_with("chiplog: the store is not empty: there are "), "{refused}");

    // A dump that was cut off leaves the store as empty as it was.
    store_at("sqlite:third.db");
    std::fs::write(
        installation.path("cut.jsonl"),
        dump.lines().take(2_000).map(|line| format!("{line}\n")).collect::<String>(),
    )
    .unwrap();
    let refused = installation.run(&["restore", "cut.jsonl"]);
    let refused = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(
        refused,
        "chiplog: line 2001 of the dump: the dump is cut off: its last line is missing. Nothing was restored\n"
    );
    installation.run_well(&["restore", "chiplog-dump.jsonl"]);
}
