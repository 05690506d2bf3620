//! Is a request that nobody would think of answered as the description of the API says? schemathesis makes them of it.

use std::path::Path;
use std::process::Command;

use chiplog_simulator::demo;

use crate::harness::demo::{Demo, small_world};
use crate::harness::now;
use crate::harness::program::Program;

const SENDING: &str = r#"
[cdevents]
[alertmanager]
match = { severity = "page" }
[reporters.all]
token_env = "PEOPLE_TOKEN"
scopes = ["*"]
"#;

const TOKEN: &str = "Authorization: Bearer people-report-here-too";

/// A few made-up requests per operation, beside those at the edges of what is described: valid ones and others.
const EXAMPLES: &str = "5";

/// The same requests each time.
const SEED: &str = "20261130";

/// What is asked of each answer: all but that what is described as good is taken, since JSON can describe neither CDEvents
/// nor which teams there are.
const CHECKS: [&str; 4] = ["--checks", "all", "--exclude-checks", "positive_data_acceptance"];

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_nobody_would_think_of_are_answered_as_described() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schemathesis = root.join("target/schemathesis/bin/st");
    assert!(schemathesis.exists(), "{} is missing: run `scripts/test` once", schemathesis.display());
    let demo = Demo::start_at(small_world(1), now, SENDING).await;
    demo.installation.run_well(&["collect", "--once"]);
    demo.import(demo::reports(now()));
    let (serving, address) = demo.serve().await;

    let mut command = Command::new(schemathesis);
    command.arg("--config-file").arg(root.join("tests/schemathesis.toml"));
    command.args(["--no-color", "run", &format!("{address}/api/v1/openapi.json")]);
    // Two workers sometimes meet in CPython's parser, which keeps the depth of both in one place.
    command.args([
        "--header",
        TOKEN,
        "--seed",
        SEED,
        "--max-examples",
        EXAMPLES,
        "--workers",
        "1",
        "--warnings",
        "off",
    ]);
    command.args(CHECKS).arg("--continue-on-failure").current_dir(demo.installation.path(""));
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{told}{}", String::from_utf8_lossy(&done.stderr));
    assert!(requests(&told) > 500, "{told}");
    assert_unharmed(&serving, &address).await;
    println!("{} requests fuzzed", requests(&told));
}

/// How many requests schemathesis says to have made.
fn requests(told: &str) -> u64 {
    let line = told.lines().skip_while(|line| !line.starts_with("Test cases:")).nth(1).unwrap_or_default();
    line.split_whitespace().next().and_then(|count| count.parse().ok()).unwrap_or_default()
}

/// Nothing has panicked, and the numbers are still served.
async fn assert_unharmed(serving: &Program, address: &str) {
    let stderr = serving.stderr();
    assert!(!stderr.contains("panicked"), "{stderr}");
    let metrics = reqwest::get(format!("{address}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("chiplog_kpi"), "{metrics}");
}
