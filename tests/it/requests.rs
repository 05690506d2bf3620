//! Each request has an id: in its answer, in the log, and in what it is refused with.

use std::collections::BTreeSet;
use std::sync::Arc;

use chiplog::report::alert_rules;
use chiplog_simulator::github::{GithubOptions, GithubSimulator};
use reqwest::{Client, Response};
use serde_json::Value;

use crate::harness::demo::{Demo, small_world};
use crate::harness::program::{Installation, Program, until};

/// Nothing is polled: what this source tells is sent.
const CONFIG: &str = r#"server.listen = "127.0.0.1:0"
[alertmanager]
match = { severity = "page" }
[reporters.people-team]
token_env = "PEOPLE_TOKEN"
scopes = ["events/alertmanager"]
[team.payments]
repositories = ["acme/ledger"]
"#;

fn client() -> Client {
    chiplog::sources::http::install_crypto_provider();
    #[expect(clippy::disallowed_methods, reason = "the test talks to loopback only")]
    Client::new()
}

fn id_of(answer: &Response) -> String {
    answer.headers()["x-request-id"].to_str().unwrap().to_owned()
}

/// The lines of the log that name an id as JSON has it.
fn lines_of(program: &Program, id: &str) -> Vec<Value> {
    let text = program.stderr();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["span"]["request_id"] == id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_and_every_line_of_the_log_has_the_id_of_its_request() {
    let installation = Installation::new(CONFIG);
    let mut program = installation.start(&["serve", "--log", "debug", "--log-format", "json"]);
    let address = program.address().await;
    let address = address.split('"').next().unwrap().to_owned();
    let client = client();
    let get = async |path: &str, id: &str| {
        client.get(format!("{address}{path}")).header("X-Request-Id", id).send().await.unwrap()
    };
    until("the first evaluation has ended", async || get("/-/ready", "wait").await.status().is_success()).await;

    // A proxy's id is taken over; what could break a line of the log is not.
    assert_eq!(id_of(&get("/", "proxy-4711").await), "proxy-4711");
    let made = id_of(&get("/-/healthy", "two words").await);
    assert!(made != "two words" && made.len() > 9, "{made}");
    assert_ne!(id_of(&get("/metrics", "").await), made);

    // What is refused says its id: as JSON, as a page, and when a token is wrong.
    let refused = get("/api/v1/teams/nobody/kpis?secret=4242", "refused-1").await;
    assert_eq!((refused.status().as_u16(), id_of(&refused).as_str()), (400, "refused-1"));
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["request_id"], "refused-1", "{refused}");
    let page = get("/teams/nobody", "refused-2").await.text().await.unwrap();
    assert!(page.contains("Request refused-2"), "{page}");
    let sent = client.post(format!("{address}/api/v1/events/alertmanager")).body("{}").send().await.unwrap();
    let id = id_of(&sent);
    assert_eq!((sent.status().as_u16(), &sent.json::<Value>().await.unwrap()["request_id"]), (401, &Value::from(id)));

    // The log knows the request by it, and says nothing of the query.
    until("the request is logged", async || !lines_of(&program, "refused-1").is_empty()).await;
    let line = lines_of(&program, "refused-1").swap_remove(0);
    assert_eq!((&line["fields"]["message"], &line["fields"]["status"]), (&"answered".into(), &400.into()), "{line}");
    assert_eq!((&line["span"]["method"], &line["span"]["path"]), (&"GET".into(), &"/api/v1/teams/nobody/kpis".into()));
    assert!(!program.stderr().contains("4242") && !program.stderr().contains("two words"));

    let metrics = get("/metrics", "last").await.text().await.unwrap();
    assert!(metrics.contains("chiplog_http_requests_total{code=\"400\"} 1\n"), "{metrics}");
    assert!(metrics.contains("chiplog_http_requests_total{code=\"401\"} 1\n"), "{metrics}");
}

/// The families that alerts about chiplog itself ask for.
fn families_of_alerts() -> BTreeSet<String> {
    let rules = alert_rules();
    let health = rules.split("- name: chiplog-health").nth(1).unwrap().to_owned();
    let words = health.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("chiplog_")).map(str::to_owned).collect()
}

/// A family that nobody exposes would make an alert that never fires.
#[tokio::test(flavor = "multi_thread")]
async fn what_alerts_ask_for_is_exposed() {
    // Something is left out for good, and not only until all is collected: a repository that two teams say they have.
    let shared =
        ["one", "other"].map(|team| format!("[team.{team}]\nrepositories = [\"elsewhere/shared\"]\n")).concat();
    let demo = Demo::start_at(small_world(1), crate::harness::now, &shared).await;
    let config = std::fs::read_to_string(demo.installation.path("chiplog.toml")).unwrap();
    let config = config.replacen("[github]\n", "[github]\nwebhook = { secret_env = \"GITHUB_WEBHOOK_SECRET\" }\n", 1);
    // History takes long enough to be seen while it is read.
    let latency = std::time::Duration::from_millis(300);
    let options = GithubOptions { latency, ..GithubOptions::new(Arc::new(crate::harness::now)) };
    let slow = GithubSimulator::start(demo.world.clone(), options).await.unwrap();
    let config = config.replace(demo.github.base_url(), slow.base_url());
    std::fs::write(demo.installation.path("chiplog.toml"), config).unwrap();
    let mut program = demo.installation.start(&["serve"]);
    let address = program.address().await;
    let client = client();
    let metrics = async || client.get(format!("{address}/metrics")).send().await.unwrap().text().await.unwrap();
    let mut families = families_of_alerts();
    assert!(families.len() >= 13, "{families:?}");
    let exposed = async |family: &str| {
        let header = format!("# TYPE {family} ");
        until(&format!("{family} is exposed"), async || metrics().await.contains(&header)).await;
    };
    // Told only while history is read, which begins now.
    let passing = "chiplog_source_backfill_repositories";
    assert!(families.remove(passing));
    exposed(passing).await;
    for family in &families {
        exposed(family).await;
    }
    let text = metrics().await;
    for line in [
        "chiplog_source_quarantined_total{source=\"github\"} 0\n",
        "chiplog_webhook_deliveries_total{outcome=\"refused\",source=\"github\"} 0\n",
        "chiplog_http_requests_total{code=\"500\"} 0\n",
        "chiplog_lease_held{lease=\"source/github\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} is missing: {text}");
    }
    let beat = text.lines().find_map(|line| line.strip_prefix("chiplog_store_last_answer_timestamp_seconds "));
    let age = crate::harness::now().timestamp() as f64 - beat.unwrap().parse::<f64>().unwrap();
    assert!((-1.0..60.0).contains(&age), "{age}");
    drop(program);
}
