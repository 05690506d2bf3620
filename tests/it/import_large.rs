//! A large file of reported rows with bad ones among them: the good ones are stored once, the bad ones told by line, and
//! memory does not grow with the file.

use std::io::Write as _;
use std::process::Stdio;

use chiplog::facts::ReportedValue;
use chiplog::store::{Selection, Store};

use crate::harness::program::Installation;

const CONFIG: &str =
    "[store]\nurl = \"sqlite:chiplog.db\"\n[prometheus]\nbase_url = \"http://127.0.0.1:9\"\n[team.payments]\n";

/// One row; each hundredth is bad, in one of four ways.
fn row(number: usize) -> String {
    let good = format!("row-{number},payments,2026-10-01,4,6");
    match (number % 100, number / 100 % 4) {
        (50, 0) => good.replace(",4,", ",11,"),
        (50, 1) => good.replace("payments", "paiments"),
        (50, 2) => good.replace("2026-10-01", "yesterday"),
        (50, _) => format!("row-{number},payments"),
        _ => good,
    }
}

/// Imports so many rows through a pipe. Returns what was printed, and the most memory that the program had, in KiB,
/// once it had read all rows but the last.
fn import(installation: &Installation, count: usize) -> (String, u64) {
    let mut command = installation.command(&["import", "--template", "team_engagement", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let printed = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || std::io::read_to_string(printed).unwrap());
    let mut pipe = child.stdin.take().unwrap();
    writeln!(pipe, "id,team,date,score,answers").unwrap();
    let rows: Vec<String> = (1..=count).map(row).collect();
    // A pipe holds 64 KiB: when the last byte is taken, all before have been read.
    for chunk in rows.chunks(1000) {
        writeln!(pipe, "{}", chunk.join("\n")).unwrap();
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = peak.trim().trim_end_matches(" kB").parse().unwrap();
    drop(pipe);
    assert_eq!(child.wait().unwrap().code(), Some(1), "bad rows are told by the exit code as well");
    (reader.join().unwrap(), peak)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_rows_with_a_thousand_bad_ones() {
    let small = Installation::new(CONFIG);
    let (_, memory_of_small) = import(&small, 10_000);
    let installation = Installation::new(CONFIG);
    let (printed, memory) = import(&installation, 100_000);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 1001);
    assert_eq!(lines[1000], "team_engagement: 99000 good rows (99000 new or changed), 1000 bad rows");
    // The header is line 1, so row 50 is on line 51.
    for (place, expected) in [
        (0, "-:51: score: \"11\""),
        (1, "-:151: team: \"paiments\""),
        (2, "-:251: date: \"yesterday\""),
        (3, "-:351: "),
    ] {
        assert!(lines[place].starts_with(expected), "{}", lines[place]);
    }
    assert!(memory < memory_of_small + 8 * 1024, "{memory_of_small} KiB for 10,000 rows, {memory} KiB for 100,000");
    let store = Store::open(&format!("sqlite:{}", installation.path("chiplog.db").display())).await.unwrap();
    assert_eq!(store.facts::<ReportedValue>(&Selection::default()).await.unwrap().len(), 99_000);
    let (printed, _) = import(&installation, 100_000);
    assert!(printed.ends_with("team_engagement: 99000 good rows (0 new or changed), 1000 bad rows\n"), "stored once");
}
