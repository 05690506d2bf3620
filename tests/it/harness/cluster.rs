//! Several replicas of the real binary on one PostgreSQL.

use chiplog::pipeline::load_facts;
use chiplog::store::Store;
use chiplog_simulator::world::World;

use super::outside::{Outside, Told};
use super::postgres;
use super::program::{Installation, Program, until};

/// The replicas, their store and their world.
pub(crate) struct Cluster {
    pub(crate) outside: Outside,
    pub(crate) store: Store,
    pub(crate) members: Vec<Member>,
    /// How many webhooks were answered with 202.
    pub(crate) delivered: u64,
}

/// One replica.
pub(crate) struct Member {
    pub(crate) installation: Installation,
    pub(crate) program: Program,
    address: String,
    client: reqwest::Client,
}

/// What asks replicas.
#[expect(clippy::disallowed_methods, reason = "the test talks to loopback only")]
pub(crate) fn client() -> reqwest::Client {
    chiplog::sources::http::install_crypto_provider();
    reqwest::Client::new()
}

impl Member {
    /// Starts it, and returns once it can be asked.
    pub(crate) async fn start(installation: Installation, client: reqwest::Client) -> Self {
        let mut program = installation.start(&["serve", "--log", "chiplog=debug"]);
        let address = program.address().await;
        Self { installation, program, address, client }
    }

    /// Where it can be asked.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it answers. Empty where it does not.
    pub(crate) async fn get(&self, path: &str) -> String {
        match self.client.get(format!("{}{path}", self.address)).send().await {
            Ok(answer) if answer.status().is_success() => answer.text().await.unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// Whether it takes a webhook. `false` where it is down.
    pub(crate) async fn takes(&self, told: &Told) -> bool {
        self.post(told).await == Some(202)
    }

    /// The status of the answer to a webhook. `None` where there is no answer.
    pub(crate) async fn post(&self, told: &Told) -> Option<u16> {
        let url = format!("{}/api/v1/webhooks/{}", self.address, told.source);
        let mut request = self.client.post(url).body(told.webhook.body.clone());
        for (name, value) in &told.webhook.headers {
            request = request.header(*name, value);
        }
        Some(request.send().await.ok()?.status().as_u16())
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
        let outside = Outside::start(world, interval).await;
        let database = postgres::fresh_database().await;
        let config = outside.config(&database);
        let client = client();
        let members = (0..replicas).map(|_| Member::start(Installation::new(&config), client.clone()));
        let members = futures_util::future::join_all(members).await;
        let store = Store::open(&database).await.unwrap();
        Self { outside, store, members, delivered: 0 }
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

    /// Moves the world on, and sends many webhooks about it: each to one replica, and to the next where that is down, as a
    /// load balancer does.
    pub(crate) async fn step_told_by_webhooks(&mut self) {
        self.outside.step();
        for (place, told) in self.outside.told().iter().enumerate() {
            let mut taken = false;
            for turn in 0..self.members.len() {
                let member = &self.members[(place + turn) % self.members.len()];
                taken = taken || member.takes(told).await;
            }
            assert!(taken, "a webhook of {} was taken by nobody", told.source);
            self.delivered += 1;
        }
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
