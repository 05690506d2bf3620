//! No secret comes out: not in logs of any level, errors, pages, metrics, the API or dumps.

use std::fmt::Write as _;
use std::process::Output;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chiplog_simulator::json_server::{JsonServer, ServerOptions};
use chiplog_simulator::{jira, pagerduty};

use crate::harness::program::{Installation, until};
use crate::harness::{ENVIRONMENT, github, now, postgres};
use crate::source_contract::world;

/// What the URL of the store holds.
const PASSWORD: &str = "canary-of-the-store";

/// What a file holds.
const OF_A_FILE: &str = "canary-of-a-file-0123456789";

/// Every key that names a secret. Some of the tools are there, some are not.
fn config(github: &str, pagerduty: &str, jira: &str) -> String {
    format!(
        r#"[server]
listen = "127.0.0.1:0"
[store]
url_env = "STORE_URL"
[github]
token_env = "GITHUB_TOKEN"
tokens_env = ["SECOND_TOKEN"]
organization = "acme"
base_url = "{github}/api/v3"
webhook = {{ secret_env = "GITHUB_WEBHOOK_SECRET", previous_secret_env = "GITHUB_WEBHOOK_SECRET_BEFORE", hook = "organization/1" }}
[[pagerduty]]
token_env = "PAGERDUTY_TOKEN"
base_url = "{pagerduty}"
webhook = {{ secret_env = "PAGERDUTY_WEBHOOK_SECRET" }}
[[pagerduty]]
name = "of-a-file"
token_file = "pagerduty-token"
base_url = "{pagerduty}"
[jira]
base_url = "{jira}"
token_env = "JIRA_TOKEN"
jql = "project = PAY"
webhook = {{ secret_env = "JIRA_WEBHOOK_SECRET" }}
[opsgenie]
token_env = "OPSGENIE_TOKEN"
base_url = "http://127.0.0.1:9"
[jira_operations]
cloud_id = "cloud-1"
token_env = "JIRA_OPERATIONS_TOKEN"
base_url = "http://127.0.0.1:9"
[incident_io]
token_env = "INCIDENT_IO_TOKEN"
base_url = "http://127.0.0.1:9"
webhook = {{ secret_env = "INCIDENT_IO_WEBHOOK_SECRET" }}
[prometheus]
token_env = "PROMETHEUS_TOKEN"
base_url = "http://127.0.0.1:9"
queries = {{ latency_p95 = "demo_latency_p95" }}
[alertmanager]
match = {{ severity = "page" }}
[reporters.people-team]
token_env = "PEOPLE_TOKEN"
scopes = ["reports/*"]
[reporters.ci]
token_env = "CI_TOKEN"
scopes = ["test_reports/*"]
[reviews]
webhooks = [{{ name = "slack", format = "slack", url_env = "SLACK_WEBHOOK_URL" }}]
[team.payments]
repositories = ["acme/shop"]
"#
    )
}

/// The secrets, each with what would betray it.
fn secrets() -> Vec<String> {
    // Neither is a secret: an account's name.
    let named = ENVIRONMENT.iter().filter(|(name, _)| *name != "JIRA_USER").map(|(_, value)| (*value).to_owned());
    let plain: Vec<String> = named.chain([PASSWORD.to_owned(), OF_A_FILE.to_owned()]).collect();
    let encoded = plain.iter().map(|secret| STANDARD.encode(secret).trim_end_matches('=').to_owned());
    encoded.chain(plain.iter().cloned()).collect()
}

#[track_caller]
fn assert_tells_none(place: &str, text: &str) {
    for secret in secrets() {
        let found = text.find(&secret).map(|at| text[at.saturating_sub(200)..].chars().take(300).collect::<String>());
        assert_eq!(found, None, "{place} tells {secret}");
    }
}

fn whole(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    let _ = write!(text, "\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_comes_out_of_anything() {
    chiplog::sources::http::install_crypto_provider();
    let world = world();
    let github = github(&world).await;
    let clock = || ServerOptions::new(Arc::new(now));
    let pagerduty = JsonServer::start(&pagerduty::API, world.clone(), clock()).await.unwrap();
    let jira = JsonServer::start(&jira::DATA_CENTER, world, clock()).await.unwrap();
    let installation = Installation::new(&config(github.base_url(), pagerduty.base_url(), jira.base_url()));
    std::fs::write(installation.path("pagerduty-token"), OF_A_FILE).unwrap();
    let url = postgres::fresh_database().await.replace("postgres@", &format!("postgres:{PASSWORD}@"));
    let run = |arguments: &[&str], url: &str| {
        let output = installation.command(arguments).args(["--log", "trace"]).env("STORE_URL", url).output().unwrap();
        let text = whole(&output);
        assert_tells_none(&arguments.join(" "), &text);
        text
    };
    let mut told = 0;
    for arguments in [
        &["config", "check"][..],
        &["doctor", "--fix-hints"],
        &["collect", "--once"],
        &["kpis"],
        &["stats"],
        &["dump", "all.dump"],
    ] {
        told += run(arguments, &url).len();
    }
    assert_tells_none("the dump", &String::from_utf8_lossy(&std::fs::read(installation.path("all.dump")).unwrap()));
    let unreachable = run(&["kpis"], &format!("postgres://postgres:{PASSWORD}@127.0.0.1:9/chiplog"));
    assert!(unreachable.contains("127.0.0.1:9"), "{unreachable}");
    told += unreachable.len();

    let mut serving = installation.command(&["serve", "--log", "trace"]);
    let mut program = crate::harness::program::Program::spawn(serving.env("STORE_URL", &url));
    let address = program.address().await;
    let client = reqwest::Client::builder().build().unwrap();
    let get = async |path: &str| client.get(format!("{address}{path}")).send().await.unwrap().text().await.unwrap();
    until("there is something to show", async || get("/-/ready").await.contains("is ready")).await;
    for path in
        ["/", "/metrics", "/collection", "/data-quality", "/teams/payments", "/api/v1/openapi.json", "/api/v1/teams"]
    {
        let text = get(path).await;
        assert_tells_none(path, &text);
        told += text.len();
    }
    for (path, token) in [
        ("/api/v1/reports/team_engagement", "people-report-here-too"),
        ("/api/v1/reports/team_engagement", "ci-reports-what-it-measured"),
        ("/api/v1/webhooks/github", "github-signs-with-this"),
        ("/api/v1/webhooks/alertmanager", "people-report-here-too"),
    ] {
        let request = client.post(format!("{address}{path}")).bearer_auth(token).body("{ broken");
        assert_tells_none(path, &request.send().await.unwrap().text().await.unwrap());
    }
    assert_eq!(program.terminate(), Some(0));
    assert_tells_none("the log of serve", &program.stderr());
    told += program.stderr().len();
    assert!(told > 100_000, "{told} bytes were looked at");
}
