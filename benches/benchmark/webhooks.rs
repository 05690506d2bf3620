//! Table 7: webhooks at a thousand a second, and how long it takes from one of them to the changed metric.

use std::process::{Command, Stdio};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use chiplog_simulator::demo;
use chiplog_simulator::github::{GithubOptions, GithubSimulator};
use chiplog_simulator::json_server::{JsonServer, ServerOptions};
use chiplog_simulator::load::{self, Load, LoadReport};
use chiplog_simulator::webhooks::{self, Sent};
use chiplog_simulator::world::{Deployment, World};
use chiplog_simulator::{pagerduty, prometheus};

use crate::document::{Section, Table, count, seconds};
use crate::process::Running;
use crate::{median, postgres, progress};

/// So many a second.
const RATE: u64 = 1000;

/// The longest that a changed number may take to be out, in seconds.
const GOAL: f64 = 2.0;

/// So many changes are followed to the metric, one after the other, before the load and during it.
const CHANGES: usize = 10;

/// Whatever takes longer is given up.
const PATIENCE: Duration = Duration::from_mins(3);

/// The repository of the demo that the changes are made in.
const DEPLOYED: &str = "ledger";

const SECRET: &str = "a secret of the benchmark";
const SOURCE: &str = "/api/v1/webhooks/github";

pub(crate) async fn section(quick: bool) -> Section {
    let for_seconds = if quick { 3 } else { 60 };
    let mut table = Table::new(&[
        "store, programs",
        "sent",
        "lost",
        "answered, p50",
        "p99",
        "slowest",
        "the last processed after",
        "webhook to metric: program that was asked",
        "all programs",
        "all programs, during the load",
    ]);
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", folder.path().join("webhooks.db").display());
    for (engine, store, programs) in [
        ("SQLite", sqlite, 1),
        ("PostgreSQL", postgres::fresh_database().await, 1),
        ("PostgreSQL", postgres::fresh_database().await, 3),
    ] {
        progress(&format!("{engine}, {programs} programs"));
        let measured = Site::start(&store, programs).await.measured(for_seconds).await;
        let load = &measured.load;
        let answered = |percent| seconds(load.percentile(percent) / 1000.0);
        table.row([
            format!("{engine}, {programs}"),
            count(usize::try_from(load.sent).unwrap()),
            count(usize::try_from(load.sent - load.accepted).unwrap()),
            answered(50.0),
            answered(99.0),
            answered(100.0),
            seconds(measured.processed_after),
            told(&measured.asked),
            told(&measured.everywhere),
            told(&measured.under_load),
        ]);
    }
    let left_out = vec![
        format!(
            "The demo organisation (8 teams), collected before. {RATE} webhooks a second for {for_seconds} s over 50 connections that \
             are kept open, about pull requests that are stored already; sender, servers and chiplog share the machine. Lost is \
             what was not answered with 202; all that was answered so was processed, or the benchmark fails."
        ),
        format!(
            "Webhook to metric: a deployment is made, its webhook sent to one program, and `/metrics` of all programs read every \
             twenty milliseconds until it tells of the deployment; median and slowest of {CHANGES}. The load is sent to the same \
             program."
        ),
        "Left out are TLS and a network. PostgreSQL runs on the same machine with fsync off, as in the tests."
            .to_owned(),
    ];
    Section { number: 7, title: "Webhooks", tables: vec![table], left_out }
}

fn told(times: &[f64]) -> String {
    let slowest = times.iter().copied().fold(0.0, f64::max);
    let text = format!("{}, slowest {}", seconds(median(times)), seconds(slowest));
    if slowest <= GOAL { text } else { format!("**{text}**: misses the goal") }
}

/// Programs on one store, and the simulated tools that they were told to collect.
struct Site {
    world: Arc<RwLock<World>>,
    programs: Vec<(Running, String)>,
    client: reqwest::Client,
    _servers: (GithubSimulator, [JsonServer; 2]),
    _folder: tempfile::TempDir,
}

struct Measured {
    load: LoadReport,
    processed_after: f64,
    /// Seconds until the program that was asked told of a change, and until all did; the same during the load.
    asked: Vec<f64>,
    everywhere: Vec<f64>,
    under_load: Vec<f64>,
}

impl Site {
    async fn start(store: &str, programs: usize) -> Self {
        let now = || Arc::new(chiplog::clock::now);
        let world = Arc::new(RwLock::new(demo::world(chiplog::clock::now(), 1)));
        let github = GithubSimulator::start(world.clone(), GithubOptions::new(now())).await.unwrap();
        let pagerduty = JsonServer::start(&pagerduty::API, world.clone(), ServerOptions::new(now())).await.unwrap();
        let prometheus = JsonServer::start(&prometheus::API, world.clone(), ServerOptions::new(now())).await.unwrap();
        let addresses = demo::Addresses {
            github: github.base_url(),
            pagerduty: pagerduty.base_url(),
            prometheus: prometheus.base_url(),
        };
        let config = demo::config(&addresses, chiplog::clock::now())
            .replace("sqlite:chiplog.db", store)
            .replace("interval = \"30s\"", "interval = \"1h\"")
            .replace("[github]\n", "[github]\nwebhook = { secret_env = \"GITHUB_WEBHOOK_SECRET\" }\n");
        let folder = tempfile::tempdir().unwrap();
        let programs = (0..programs).map(|number| serve(&folder, &config, number)).collect();
        #[expect(clippy::disallowed_methods, reason = "the benchmark talks to loopback only")]
        let client = reqwest::Client::new();
        Self { world, programs, client, _servers: (github, [pagerduty, prometheus]), _folder: folder }
    }

    async fn measured(&self, for_seconds: u64) -> Measured {
        self.until_collected().await;
        let (asked, everywhere) = self.changes().await;
        let load = Load {
            url: format!("{}{SOURCE}", self.programs[0].1),
            deliveries: self.deliveries(),
            count: RATE * for_seconds,
            rate: Some(RATE),
            connections: 50,
        };
        let (load, (_, under_load)) = tokio::join!(load::run(load), self.changes());
        let load = load.unwrap();
        let began = Instant::now();
        let expected = load.accepted + 2 * CHANGES as u64;
        while self.processed().await < expected {
            assert!(began.elapsed() < PATIENCE, "{} of {expected} were processed", self.processed().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Measured { load, processed_after: began.elapsed().as_secs_f64(), asked, everywhere, under_load }
    }

    /// Waits until all sources were collected and every program tells of it.
    async fn until_collected(&self) {
        let began = Instant::now();
        for (_, address) in &self.programs {
            let is_told = |text: &str| {
                let success = |source| format!("chiplog_source_last_success_timestamp_seconds{{source=\"{source}\"}}");
                ["github", "pagerduty", "prometheus"].iter().all(|source| text.contains(&success(source)))
                    && text.contains("chiplog_last_deployment_timestamp_seconds{")
            };
            while !self.metrics(address).await.is_some_and(|text| is_told(&text)) {
                assert!(began.elapsed() < PATIENCE, "the demo was not collected in time");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }

    /// Makes changes one after the other, and follows each to the metrics of the program that was asked, and of all.
    async fn changes(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut asked, mut everywhere) = (Vec::new(), Vec::new());
        for _ in 0..CHANGES {
            // Metrics tell seconds.
            tokio::time::sleep(Duration::from_millis(1100)).await;
            let (sent, second) = self.deployment();
            let began = Instant::now();
            let mut request = self.client.post(format!("{}{SOURCE}", self.programs[0].1)).body(sent.body);
            for (name, value) in sent.headers {
                request = request.header(name, value);
            }
            assert_eq!(request.send().await.unwrap().status().as_u16(), 202);
            for (place, (_, address)) in self.programs.iter().enumerate() {
                while !self.metrics(address).await.is_some_and(|text| tells_of(&text, second)) {
                    assert!(began.elapsed() < PATIENCE, "the change never came");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                if place == 0 {
                    asked.push(began.elapsed().as_secs_f64());
                }
            }
            everywhere.push(began.elapsed().as_secs_f64());
        }
        (asked, everywhere)
    }

    /// Deploys again what was deployed last, and tells the second.
    fn deployment(&self) -> (Sent, i64) {
        let now = chiplog::clock::now();
        let mut world = self.world.write().unwrap();
        let newest = world.repositories.iter().flat_map(|it| &it.deployments).map(|it| it.id).max();
        let repository = world.repositories.iter_mut().find(|it| it.name == DEPLOYED).unwrap();
        let mut production = repository.deployments.iter().filter(|it| it.environment == "production");
        let last = production.next_back().unwrap().clone();
        let (id, statuses) = (newest.unwrap_or_default() + 1, vec![("SUCCESS".to_owned(), now)]);
        repository.deployments.push(Deployment { id, created_at: now, statuses, ..last });
        let name = format!("{}/{}", repository.owner, repository.name);
        let guid = format!("change-{id}");
        let sent = webhooks::of_github(&world, "deployment_status", &name, &id.to_string(), &guid, SECRET).unwrap();
        (sent, now.timestamp())
    }

    fn deliveries(&self) -> Vec<Sent> {
        let world = self.world.read().unwrap();
        let newest = world.repositories.iter().filter_map(|of| Some((of, of.pull_requests.last()?)));
        let made = newest.filter_map(|(of, item)| {
            let name = format!("{}/{}", of.owner, of.name);
            webhooks::of_github(&world, "pull_request", &name, &item.number.to_string(), "", SECRET)
        });
        made.collect()
    }

    /// How many deliveries all programs have processed.
    async fn processed(&self) -> u64 {
        let mut all = 0;
        for (_, address) in &self.programs {
            let text = self.metrics(address).await.unwrap_or_default();
            let line = "chiplog_webhook_deliveries_total{outcome=\"processed\",source=\"github\"} ";
            all += text.lines().find_map(|it| it.strip_prefix(line)?.parse::<u64>().ok()).unwrap_or_default();
        }
        all
    }

    async fn metrics(&self, address: &str) -> Option<String> {
        self.client.get(format!("{address}/metrics")).send().await.ok()?.text().await.ok()
    }
}

fn tells_of(metrics: &str, second: i64) -> bool {
    let of_team = metrics.lines().filter(|line| line.starts_with("chiplog_last_deployment_timestamp_seconds{"));
    of_team.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).any(|at| at >= second as f64)
}

fn serve(folder: &tempfile::TempDir, config: &str, number: usize) -> (Running, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = folder.path().join(format!("chiplog-{number}.toml"));
    std::fs::write(&file, format!("server.listen = \"127.0.0.1:{port}\"\n{config}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chiplog"));
    command.arg("--config").arg(&file).arg("serve").stdout(Stdio::null()).stderr(Stdio::null());
    command.env("GITHUB_TOKEN", "ghp_simulated").env("PAGERDUTY_TOKEN", "pd_simulated");
    command.env("GITHUB_WEBHOOK_SECRET", SECRET);
    (Running(command.spawn().unwrap()), format!("http://127.0.0.1:{port}"))
}
