//! Webhooks to the running program: from a signed request to a changed number, and what happens when something fails.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use chiplog::facts::{Deployment, Incident};
use chiplog::store::{Selection, Store};
use chiplog_simulator::github::{GithubSimulator, SharedWorld};
use chiplog_simulator::load::{self, Load};
use chiplog_simulator::webhooks::{self, Sent};
use chiplog_simulator::world::{self, World};
use chrono::Duration;
use serde_json::{Value, json};

use crate::github_source::repository;
use crate::harness::program::{Installation, Program, until};
use crate::harness::{environment, github, github_with, now, shared};

const NAME: &str = "acme/repository-001";
const PATH: &str = "/api/v1/webhooks/github";

fn world_with_deployments() -> SharedWorld {
    let mut first = repository(1, 30);
    let shas: Vec<String> = first.pull_requests.iter().filter_map(|item| item.merge_commit.clone()).collect();
    let deployed = |number: u64| (number, now() - Duration::days(6 - i64::try_from(number).unwrap()));
    first.deployments =
        [1, 2].map(deployed).map(|(id, at)| deployment(id, &shas[usize::try_from(id).unwrap()], at)).into();
    shared(World { organization: "acme".to_owned(), repositories: vec![first], ..World::default() })
}

fn deployment(id: u64, sha: &str, at: world::Moment) -> world::Deployment {
    world::Deployment {
        id,
        sha: sha.to_owned(),
        reference: "main".to_owned(),
        environment: "production".to_owned(),
        task: "deploy".to_owned(),
        created_at: at,
        statuses: vec![("SUCCESS".to_owned(), at)],
        creator: "dev-ada".to_owned(),
    }
}

fn config(github: &GithubSimulator) -> String {
    format!(
        r#"server.listen = "127.0.0.1:0"
[store]
url = "sqlite:chiplog.db"
[collect]
interval = "1h"
[github]
token_env = "GITHUB_TOKEN"
organization = "acme"
base_url = "{}"
webhook = {{ secret_env = "GITHUB_WEBHOOK_SECRET", previous_secret_env = "GITHUB_WEBHOOK_SECRET_BEFORE" }}
[alertmanager]
[cdevents]
[reporters.tools]
token_env = "ARGO_CD_TOKEN"
scopes = ["events/*"]
[reporters.people]
token_env = "PEOPLE_TOKEN"
scopes = ["reports/*"]
[team.payments]
repositories = ["{NAME}"]
[service.shop]
repository = "{NAME}"
team = "payments"
deployments = {{ environment = "production" }}
"#,
        github.base_url()
    )
}

struct Running {
    installation: Installation,
    program: Program,
    address: String,
    client: reqwest::Client,
}

impl Running {
    async fn start(config: &str) -> Self {
        Self::start_in(Installation::new(config)).await
    }

    async fn start_in(installation: Installation) -> Self {
        chiplog::sources::http::install_crypto_provider();
        let mut program = installation.start(&["serve", "--log", "debug"]);
        let address = program.address().await;
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { installation, program, address, client }
    }

    /// Waits until the first collection has ended and its numbers are served.
    async fn until_collected(&self) {
        until("the first numbers are served", async || {
            let metrics = self.metrics().await;
            metrics.contains("chiplog_source_last_success_timestamp_seconds{source=\"github\"}")
                && observations(&metrics).is_some()
        })
        .await;
    }

    async fn metrics(&self) -> String {
        let answer = self.client.get(format!("{}/metrics", self.address)).send().await.unwrap();
        answer.text().await.unwrap()
    }

    async fn count(&self, outcome: &str) -> u64 {
        let name = format!("chiplog_webhook_deliveries_total{{outcome=\"{outcome}\",source=\"github\"}} ");
        value(&self.metrics().await, &name).unwrap_or_default()
    }

    async fn post(&self, path: &str, sent: &Sent) -> (u16, Value) {
        let mut request = self.client.post(format!("{}{path}", self.address)).body(sent.body.clone());
        for (name, value) in &sent.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        assert_eq!(status == 503, answer.headers().contains_key("retry-after"));
        (status, answer.json().await.unwrap())
    }

    async fn store(&self) -> Store {
        Store::open(&format!("sqlite:{}", self.installation.path("chiplog.db").display())).await.unwrap()
    }
}

fn value(metrics: &str, name: &str) -> Option<u64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// How many deployments stand behind the number of the last week.
fn observations(metrics: &str) -> Option<f64> {
    let of_week = |line: &&str| {
        line.starts_with("chiplog_kpi_observations{kpi=\"deployment_frequency\"") && line.contains("window=\"7d\"")
    };
    metrics.lines().filter(of_week).filter_map(|line| line.rsplit(' ').next()?.parse().ok()).reduce(f64::max)
}

fn secret() -> String {
    environment("GITHUB_WEBHOOK_SECRET").unwrap()
}

fn sent(world: &SharedWorld, event: &str, subject: &str, guid: &str, secret: &str) -> Sent {
    webhooks::of_github(&world.read().unwrap(), event, NAME, subject, guid, secret).unwrap()
}

fn state(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["delivery"].as_str().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_delivery_becomes_a_fact_and_a_number() {
    let world = world_with_deployments();
    let github = github(&world).await;
    let running = Running::start(&config(&github)).await;
    running.until_collected().await;
    let before = observations(&running.metrics().await).unwrap();
    {
        let first = &mut world.write().unwrap().repositories[0];
        let sha = first.pull_requests[20].merge_commit.clone().unwrap();
        first.deployments.push(deployment(3, &sha, now()));
    }
    let began = Instant::now();
    let answer = running.post(PATH, &sent(&world, "deployment_status", "3", "guid-1", &secret())).await;
    assert_eq!(state(&answer), (202, "accepted"));
    println!("answered after {:.3} s", began.elapsed().as_secs_f64());
    until("the delivery is processed", async || running.count("processed").await > 0).await;
    println!("stored after {:.3} s", began.elapsed().as_secs_f64());
    until("the number has changed", async || observations(&running.metrics().await) > Some(before)).await;
    println!("shown after {:.3} s", began.elapsed().as_secs_f64());

    // The same again changes nothing; one that is signed with the secret before is good while that is configured.
    let again = running.post(PATH, &sent(&world, "deployment_status", "3", "guid-1", &secret())).await;
    assert_eq!(state(&again), (202, "duplicate"));
    let before = environment("GITHUB_WEBHOOK_SECRET_BEFORE").unwrap();
    let old = running.post(PATH, &sent(&world, "pull_request", "3", "guid-2", &before)).await;
    assert_eq!(state(&old), (202, "accepted"));
    until("both are processed", async || running.count("processed").await == 2).await;
    assert_eq!(running.count("duplicate").await, 1);
    assert_eq!(value(&running.metrics().await, "chiplog_webhook_oldest_waiting_seconds{source=\"github\"} "), Some(0));

    // The page of the collection tells the same.
    let told = running.client.get(format!("{}/api/v1/collection", running.address)).send().await.unwrap();
    let told: Value = told.json().await.unwrap();
    let of_github = told["webhooks"].as_array().unwrap().iter().find(|it| it["source"] == "github").unwrap();
    let counts = ["accepted", "duplicate", "processed", "missed"].map(|name| of_github[name].as_u64().unwrap());
    assert_eq!(counts, [2, 1, 2, 0]);
    let page = running.client.get(format!("{}/collection", running.address)).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("Missed and fetched"));

    // Nothing of a payload is kept or told.
    let log = running.program.stderr();
    for text in [format!("{again:?}"), log, running.metrics().await] {
        for word in ["dev-ada", "simulated-viewer", &secret(), &before] {
            assert!(!text.contains(word), "{word} is told");
        }
    }
    let store = running.store().await;
    until("nothing waits", async || store.waiting_delivery_counts().await.unwrap().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_or_makes_no_sense_is_refused() {
    let world = world_with_deployments();
    let github = github(&world).await;
    let running = Running::start(&config(&github)).await;
    let good = sent(&world, "pull_request", "3", "guid-1", &secret());
    let forged = Sent { body: good.body.replace("\"number\":3", "\"number\":4"), ..good.clone() };
    let unsigned = Sent {
        headers: good.headers.iter().filter(|(name, _)| !name.starts_with("x-hub")).cloned().collect(),
        ..good.clone()
    };
    let other = sent(&world, "pull_request", "3", "guid-1", "another-secret-of-length");
    let mut told = Vec::new();
    for refused in [&forged, &unsigned, &other] {
        let (status, answer) = running.post(PATH, refused).await;
        assert_eq!(status, 401, "{answer}");
        told.push(answer["error"].clone());
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "the answer says what was wrong: {told:?}");
    let payload = |text: &str| webhooks::github_signed(&json!(text), "push", "guid-2", &secret());
    let (status, answer) = running.post(PATH, &payload("no webhook")).await;
    assert_eq!(status, 400, "{answer}");
    assert_eq!(running.post("/api/v1/webhooks/nobody", &good).await.0, 404);
    // What is larger than GitHub sends is refused by its length alone, before any of it is sent.
    let length = 25 * 1024 * 1024 + 1;
    let request = format!("POST {PATH} HTTP/1.1\r\nhost: chiplog\r\ncontent-length: {length}\r\n\r\n");
    let mut connection = std::net::TcpStream::connect(running.address.trim_start_matches("http://")).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("larger than 26214400 bytes"), "{answer}");
    assert_eq!((running.count("refused").await, running.count("malformed").await), (3, 2));
    assert_eq!(running.count("accepted").await, 0);
    // Those who announce much and send nothing take nothing from others.
    let largest = format!("POST {PATH} HTTP/1.1\r\nhost: chiplog\r\ncontent-length: {}\r\n\r\n", length - 1);
    let idle: Vec<std::net::TcpStream> = (0..12)
        .map(|_| {
            let mut connection = std::net::TcpStream::connect(running.address.trim_start_matches("http://")).unwrap();
            connection.write_all(largest.as_bytes()).unwrap();
            connection
        })
        .collect();
    let (status, answer) = running.post(PATH, &good).await;
    assert_eq!((status, idle.len()), (202, 12), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_without_signatures_send_with_a_token() {
    let world = world_with_deployments();
    let github = github(&world).await;
    let running = Running::start(&config(&github)).await;
    let alert = json!({
        "version": "4", "groupKey": "{}:{service=\"shop\"}", "status": "firing", "receiver": "chiplog",
        "groupLabels": { "service": "shop" }, "commonLabels": { "service": "shop", "severity": "page" },
        "commonAnnotations": { "summary": "Slow" }, "externalURL": "http://alertmanager",
        "alerts": [{ "status": "firing", "startsAt": "2026-10-05T12:00:00Z", "labels": {}, "annotations": {} }],
    });
    let with = |token: &str, body: &Value| {
        let headers =
            vec![("content-type", "application/json".to_owned()), ("authorization", format!("Bearer {token}"))];
        Sent { headers, body: body.to_string() }
    };
    let (tools, people) = (environment("ARGO_CD_TOKEN").unwrap(), environment("PEOPLE_TOKEN").unwrap());
    let path = "/api/v1/webhooks/alertmanager";
    assert_eq!(running.post(path, &with("a-wrong-token-of-length", &alert)).await.0, 401);
    assert_eq!(running.post(path, &with(&people, &alert)).await.0, 403);
    assert_eq!(running.post(path, &with(&tools, &json!({ "hello": 1 }))).await.0, 400);
    assert_eq!(state(&running.post(path, &with(&tools, &alert)).await), (202, "accepted"));
    assert_eq!(state(&running.post(path, &with(&tools, &alert)).await), (202, "duplicate"));
    let event = json!({
        "context": { "specversion": "0.5.0", "id": "e1", "source": "/ci", "type": "dev.cdevents.service.deployed.0.3.0",
            "timestamp": "2026-10-05T12:00:00Z" },
        "subject": { "id": "shop", "source": "/ci", "content": { "environment": { "id": "production" },
            "artifactId": format!("pkg:generic/shop@{}", "a".repeat(40)) } },
    });
    let path = "/api/v1/webhooks/cdevents";
    assert_eq!(state(&running.post(path, &with(&tools, &event)).await), (202, "accepted"));
    let structured = json!({
        "specversion": "1.0", "id": "e1", "source": "/ci", "type": "dev.cdevents.service.deployed.0.3.0", "data": event,
    });
    // The same event in another mode is the same event.
    assert_eq!(state(&running.post(path, &with(&tools, &structured)).await), (202, "duplicate"));
    let store = running.store().await;
    until("both are stored", async || {
        let incidents = store.facts::<Incident>(&Selection::default()).await.unwrap();
        let deployments = store.facts::<Deployment>(&Selection::default()).await.unwrap();
        incidents.iter().any(|item| item.source == "alertmanager")
            && deployments.iter().any(|item| item.source == "cdevents")
    })
    .await;
    until("both are audited", async || store.audited().await.unwrap() == [("tools".to_owned(), 2)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_told_and_the_delivery_is_taken_later() {
    let world = world_with_deployments();
    let github = github(&world).await;
    let running = Running::start(&config(&github)).await;
    running.until_collected().await;
    let url = format!("sqlite:{}", running.installation.path("chiplog.db").display());
    let database = sqlx::SqlitePool::connect(&url).await.unwrap();
    let rename = async |from: &'static str, to: &'static str| {
        let statement = format!("ALTER TABLE {from} RENAME TO {to}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&database).await.unwrap();
    };
    let delivery = sent(&world, "pull_request", "3", "guid-1", &secret());
    rename("webhook_deliveries", "gone").await;
    let (status, answer) = running.post(PATH, &delivery).await;
    assert_eq!(status, 503, "{answer}");
    rename("gone", "webhook_deliveries").await;
    assert_eq!(state(&running.post(PATH, &delivery).await), (202, "accepted"));
    until("it is processed", async || running.count("processed").await == 1).await;
    assert_eq!(running.count("unavailable").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_processed_after_a_kill() {
    let world = world_with_deployments();
    // Each answer of GitHub takes a while, so that the program is killed before it could have processed anything.
    let github = github_with(&world, |options| options.latency = std::time::Duration::from_secs(2)).await;
    let mut running = Running::start(&config(&github)).await;
    for number in 1..=10 {
        let delivery = sent(&world, "pull_request", &number.to_string(), &format!("guid-{number}"), &secret());
        assert_eq!(state(&running.post(PATH, &delivery).await), (202, "accepted"));
    }
    running.program.kill();
    let Running { installation, .. } = running;
    let store = Store::open(&format!("sqlite:{}", installation.path("chiplog.db").display())).await.unwrap();
    assert_eq!(store.waiting_delivery_counts().await.unwrap()[0].count, 10);
    let running = Running::start_in(installation).await;
    until("all ten are processed", async || running.count("processed").await == 10).await;
    assert_eq!(running.count("accepted").await, 0, "none was sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn none_of_thousands_is_lost() {
    let world = world_with_deployments();
    let github = github(&world).await;
    let running = Running::start(&config(&github)).await;
    running.until_collected().await;
    github.log().clear();
    let deliveries = (1..=20).map(|number| sent(&world, "pull_request", &number.to_string(), "", &secret())).collect();
    let load = Load { url: format!("{}{PATH}", running.address), deliveries, count: 2000, rate: None, connections: 32 };
    let report = load::run(load).await.unwrap();
    println!("{report}");
    assert_eq!((report.accepted, report.lost), (2000, 0));
    until("all are processed", async || running.count("processed").await == 2000).await;
    println!("GitHub was asked {} times for 2,000 webhooks", github.log().count());
    assert_eq!(running.count("accepted").await, 2000);
    assert_eq!(running.count("failed").await, 0);
}
