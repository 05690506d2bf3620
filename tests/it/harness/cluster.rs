//! Several replicas of the real binary on one PostgreSQL, in front of simulated servers whose world goes on changing.

use std::sync::Arc;

use chiplog::pipeline::load_facts;
use chiplog::store::Store;
use chiplog_simulator::demo;
use chiplog_simulator::github::{GithubOptions, GithubSimulator, SharedWorld};
use chiplog_simulator::json_server::{JsonServer, ServerOptions};
use chiplog_simulator::webhooks::{self, Sent};
use chiplog_simulator::world::{Deployment, LogEntry, World};
use chiplog_simulator::{pagerduty, prometheus};

use super::program::{Installation, Program, until};
use super::{environment, now, postgres, shared};

/// Pull requests that webhooks of a step tell of.
const WEBHOOKS_OF_A_STEP: usize = 50;

/// The replicas, their store and their world.
pub(crate) struct Cluster {
    pub(crate) world: SharedWorld,
    pub(crate) github: GithubSimulator,
    pub(crate) store: Store,
    pub(crate) members: Vec<Member>,
    config: String,
    steps: u64,
    /// How many webhooks were answered with 202.
    pub(crate) delivered: u64,
    _servers: [JsonServer; 2],
}

/// One replica.
pub(crate) struct Member {
    installation: Installation,
    pub(crate) program: Program,
    address: String,
    client: reqwest::Client,
}

impl Member {
    async fn start(installation: Installation, client: reqwest::Client) -> Self {
        let mut program = installation.start(&["serve", "--log", "chiplog=debug"]);
        let address = program.address().await;
        Self { installation, program, address, client }
    }

    /// What it answers. Empty where it does not.
    pub(crate) async fn get(&self, path: &str) -> String {
        match self.client.get(format!("{}{path}", self.address)).send().await {
            Ok(answer) if answer.status().is_success() => answer.text().await.unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// Whether it takes a webhook. `false` where it is down.
    async fn post(&self, path: &str, webhook: &Sent) -> bool {
        let mut request = self.client.post(format!("{}{path}", self.address)).body(webhook.body.clone());
        for (name, value) in &webhook.headers {
            request = request.header(*name, value);
        }
        request.send().await.is_ok_and(|answer| answer.status().as_u16() == 202)
    }

    /// What it tells of the teams: everything but what belongs to this one program.
    pub(crate) async fn told_of_teams(&self) -> String {
        let own = [
            "chiplog_source_",
            "chiplog_lease_",
            "chiplog_replica",
            "chiplog_facts_",
            "chiplog_http_",
            "chiplog_webhook_",
            "chiplog_store_",
        ];
        let metrics = self.get("/metrics").await;
        let named = |line: &str| line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").to_owned();
        metrics
            .lines()
            .filter(|line| !own.iter().any(|prefix| named(line).starts_with(prefix)))
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// Its name among the replicas.
    pub(crate) async fn id(&self) -> String {
        let metrics = self.get("/metrics").await;
        let line = metrics.lines().find(|line| line.starts_with("chiplog_replica_info"));
        line.and_then(|line| line.split('"').nth(1)).unwrap_or_default().to_owned()
    }
}

impl Cluster {
    /// Starts the servers and so many replicas. Leases are short, so that the test is.
    pub(crate) async fn start(world: World, replicas: usize, interval: &str) -> Self {
        chiplog::sources::http::install_crypto_provider();
        let world = shared(world);
        let github = GithubSimulator::start(world.clone(), GithubOptions::new(Arc::new(now))).await.unwrap();
        let options = ServerOptions::new(Arc::new(now));
        let pagerduty = JsonServer::start(&pagerduty::API, world.clone(), options.clone()).await.unwrap();
        let prometheus = JsonServer::start(&prometheus::API, world.clone(), options).await.unwrap();
        let addresses = demo::Addresses {
            github: github.base_url(),
            pagerduty: pagerduty.base_url(),
            prometheus: prometheus.base_url(),
        };
        let database = postgres::fresh_database().await;
        let config =
            demo::config(&addresses, now()).replace("interval = \"30s\"", &format!("interval = \"{interval}\""));
        let config = format!("server.listen = \"127.0.0.1:0\"\nserver.lease = \"2s\"\n{config}");
        let signed = |source: &str, secret: &str| {
            (format!("[{source}]\n"), format!("[{source}]\nwebhook = {{ secret_env = \"{secret}\" }}\n"))
        };
        let mut replica = config.replace("sqlite:chiplog.db", &database);
        for (table, with_webhook) in
            [signed("github", "GITHUB_WEBHOOK_SECRET"), signed("pagerduty", "PAGERDUTY_WEBHOOK_SECRET")]
        {
            replica = replica.replace(&table, &with_webhook);
        }
        #[expect(clippy::disallowed_methods, reason = "the test talks to loopback only")]
        let client = reqwest::Client::new();
        let members = (0..replicas).map(|_| Member::start(Installation::new(&replica), client.clone()));
        let members = futures_util::future::join_all(members).await;
        let store = Store::open(&database).await.unwrap();
        let (steps, delivered) = (0, 0);
        Self { world, github, store, members, config, steps, delivered, _servers: [pagerduty, prometheus] }
    }

    /// An installation with a store of its own, in front of the same servers.
    pub(crate) fn single(&self) -> Installation {
        Installation::new(&self.config)
    }

    /// Which replica holds a lease now.
    pub(crate) async fn holder(&self, lease: &str) -> Option<usize> {
        let leases = self.store.leases().await.unwrap();
        let held = leases.into_iter().find(|held| held.live && held.name == lease)?;
        for (index, member) in self.members.iter().enumerate() {
            if member.id().await == held.holder {
                return Some(index);
            }
        }
        None
    }

    /// Waits until a replica that can be asked holds a lease.
    pub(crate) async fn held_by(&self, lease: &str) -> usize {
        let mut holder = None;
        until(&format!("{lease} is held"), async || {
            holder = self.holder(lease).await;
            holder.is_some()
        })
        .await;
        holder.unwrap()
    }

    /// Kills a replica and starts it again.
    pub(crate) async fn kill(&mut self, index: usize) {
        let mut member = self.members.remove(index);
        member.program.kill();
        self.members.insert(index, Member::start(member.installation, member.client).await);
    }

    /// Ends a replica as an orderly restart does, and starts it again with a configuration in which something is replaced.
    pub(crate) async fn restart(&mut self, index: usize, replaced: &str, by: &str) {
        let mut member = self.members.remove(index);
        assert_eq!(member.program.terminate(), Some(0), "{}", member.program.stderr());
        let file = member.installation.path("chiplog.toml");
        let config = std::fs::read_to_string(&file).unwrap();
        assert!(config.contains(replaced));
        std::fs::write(&file, config.replace(replaced, by)).unwrap();
        self.members.insert(index, Member::start(member.installation, member.client).await);
    }

    /// Moves the world on: a pull request gets a label and is deployed, and an incident begins and ends.
    pub(crate) fn step(&mut self) {
        self.steps += 1;
        let (step, at) = (self.steps, now());
        let mut world = self.world.write().unwrap();
        let index = usize::try_from(step).unwrap();
        let repositories = world.repositories.len();
        let repository = &mut world.repositories[index % repositories];
        let items = repository.pull_requests.len();
        let item = &mut repository.pull_requests[(index * 7) % items];
        item.labels.push(format!("step-{step}"));
        item.updated_at = at;
        let head = repository.branches[&repository.default_branch].clone();
        repository.deployments.push(Deployment {
            id: 9_000_000 + step,
            sha: item.merge_commit.clone().unwrap_or(head),
            reference: repository.default_branch.clone(),
            environment: "production".to_owned(),
            task: "deploy".to_owned(),
            created_at: at,
            statuses: vec![("SUCCESS".to_owned(), at)],
            creator: item.author.clone(),
        });
        let mut incident = world.incidents[index % world.incidents.len()].clone();
        incident.id = format!("QSTEP{step}");
        incident.number = 900_000 + step;
        incident.created_at = at;
        let agent = incident.log.first().map(|entry| entry.agent.clone()).unwrap_or_default();
        incident.log = vec![LogEntry { kind: "resolve".to_owned(), at, agent }];
        world.incidents.push(incident);
    }

    /// Moves the world on, and sends many webhooks about it: each to one replica, and to the next where that is down, as a
    /// load balancer does.
    pub(crate) async fn step_told_by_webhooks(&mut self) {
        self.step();
        let (github, pagerduty) =
            (environment("GITHUB_WEBHOOK_SECRET").unwrap(), environment("PAGERDUTY_WEBHOOK_SECRET").unwrap());
        let mut sent: Vec<(&str, Sent)> = Vec::new();
        {
            let (step, world) = (self.steps, self.world.read().unwrap());
            let repository = &world.repositories[usize::try_from(step).unwrap() % world.repositories.len()];
            let name = format!("{}/{}", repository.owner, repository.name);
            let mut subjects = vec![("deployment_status", (9_000_000 + step).to_string())];
            let numbers = repository.pull_requests.iter().map(|item| ("pull_request", item.number.to_string()));
            subjects.extend(numbers.take(WEBHOOKS_OF_A_STEP));
            for (event, subject) in subjects {
                let guid = format!("step-{step}-{event}-{subject}");
                sent.extend(
                    webhooks::of_github(&world, event, &name, &subject, &guid, &github).map(|it| ("github", it)),
                );
            }
            let (incident, id) = (format!("QSTEP{step}"), format!("step-{step}"));
            sent.extend(webhooks::of_pagerduty(&world, &incident, &id, now(), &pagerduty).map(|it| ("pagerduty", it)));
        }
        for (place, (source, webhook)) in sent.iter().enumerate() {
            let mut taken = false;
            for turn in 0..self.members.len() {
                let member = &self.members[(place + turn) % self.members.len()];
                if !taken {
                    taken = member.post(&format!("/api/v1/webhooks/{source}"), webhook).await;
                }
            }
            assert!(taken, "a webhook of {source} was taken by nobody");
            self.delivered += 1;
        }
    }

    /// How often the world was moved on.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }
}

/// All facts of a store, without the keys of people and the moments of reading, which differ between stores.
pub(crate) async fn all_facts(store: &Store) -> Vec<String> {
    fn told<F: serde::Serialize>(family: &str, facts: &[chiplog::facts::Sourced<F>], all: &mut Vec<String>) {
        all.extend(
            facts.iter().map(|item| format!("{family} {} {}", item.source, serde_json::to_string(&item.fact).unwrap())),
        );
    }
    let facts = load_facts(store).await.unwrap();
    let mut all = Vec::new();
    told("repositories", &facts.repositories, &mut all);
    told("team_repositories", &facts.team_repositories, &mut all);
    told("commits", &facts.commits, &mut all);
    told("pull_requests", &facts.pull_requests, &mut all);
    told("deployments", &facts.deployments, &mut all);
    told("releases", &facts.releases, &mut all);
    told("tags", &facts.tags, &mut all);
    told("ci_runs", &facts.ci_runs, &mut all);
    told("incidents", &facts.incidents, &mut all);
    told("work_items", &facts.work_items, &mut all);
    told("iterations", &facts.iterations, &mut all);
    told("security_alerts", &facts.security_alerts, &mut all);
    told("test_reports", &facts.test_reports, &mut all);
    told("coverage_reports", &facts.coverage_reports, &mut all);
    told("samples", &facts.samples, &mut all);
    told("inventories", &facts.inventories, &mut all);
    told("reported_values", &facts.reported_values, &mut all);
    let key = regex::Regex::new(r#""key":"[0-9a-f]{16}"|"observed_at":"[^"]*""#).unwrap();
    all.iter().map(|fact| key.replace_all(fact, "").into_owned()).collect()
}
