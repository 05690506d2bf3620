//! What is around chiplog: simulated servers whose world goes on changing, and webhooks that tell of it.

use std::sync::Arc;

use chiplog_simulator::demo;
use chiplog_simulator::github::{Faults, GithubOptions, GithubSimulator, SharedWorld};
use chiplog_simulator::json_server::{JsonServer, ServerOptions};
use chiplog_simulator::webhooks::{self, Sent};
use chiplog_simulator::world::{Deployment, LogEntry, World};
use chiplog_simulator::{pagerduty, prometheus};

use super::program::Installation;
use super::{environment, now, shared};

/// Pull requests that webhooks of a step tell of.
const WEBHOOKS_OF_A_STEP: usize = 50;

/// The servers and their world.
pub(crate) struct Outside {
    pub(crate) world: SharedWorld,
    pub(crate) github: GithubSimulator,
    /// What goes wrong, whichever server is asked.
    pub(crate) faults: Faults,
    config: String,
    steps: u64,
    _servers: [JsonServer; 2],
}

/// A webhook that is ready to be sent to a source.
pub(crate) struct Told {
    pub(crate) source: &'static str,
    /// The id of the delivery.
    pub(crate) id: String,
    pub(crate) webhook: Sent,
}

impl Outside {
    /// Starts the servers.
    pub(crate) async fn start(world: World, interval: &str) -> Self {
        chiplog::sources::http::install_crypto_provider();
        let (world, faults) = (shared(world), Faults::default());
        let options = GithubOptions { faults: faults.clone(), ..GithubOptions::new(Arc::new(now)) };
        let github = GithubSimulator::start(world.clone(), options).await.unwrap();
        let options = ServerOptions { faults: faults.clone(), ..ServerOptions::new(Arc::new(now)) };
        let pagerduty = JsonServer::start(&pagerduty::API, world.clone(), options.clone()).await.unwrap();
        let prometheus = JsonServer::start(&prometheus::API, world.clone(), options).await.unwrap();
        let addresses = demo::Addresses {
            github: github.base_url(),
            pagerduty: pagerduty.base_url(),
            prometheus: prometheus.base_url(),
        };
        let config =
            demo::config(&addresses, now()).replace("interval = \"30s\"", &format!("interval = \"{interval}\""));
        let config = format!("server.listen = \"127.0.0.1:0\"\nserver.lease = \"2s\"\n{config}");
        Self { world, github, faults, config, steps: 0, _servers: [pagerduty, prometheus] }
    }

    /// The configuration of a program that takes webhooks, on a store of this URL.
    pub(crate) fn config(&self, store: &str) -> String {
        let signed = |config: String, source: &str, secret: &str| {
            let table = format!("[{source}]\n");
            config.replace(&table, &format!("{table}webhook = {{ secret_env = \"{secret}\" }}\n"))
        };
        let config = signed(self.config.replace("sqlite:chiplog.db", store), "github", "GITHUB_WEBHOOK_SECRET");
        signed(config, "pagerduty", "PAGERDUTY_WEBHOOK_SECRET")
    }

    /// An installation with a store of its own, in front of the same servers.
    pub(crate) fn single(&self) -> Installation {
        Installation::new(&self.config)
    }

    /// How often the world was moved on.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
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

    /// Webhooks about the last step, and about much else of the repository that it concerned.
    pub(crate) fn told(&self) -> Vec<Told> {
        let (github, pagerduty) =
            (environment("GITHUB_WEBHOOK_SECRET").unwrap(), environment("PAGERDUTY_WEBHOOK_SECRET").unwrap());
        let (step, world) = (self.steps, self.world.read().unwrap());
        let repository = &world.repositories[usize::try_from(step).unwrap() % world.repositories.len()];
        let name = format!("{}/{}", repository.owner, repository.name);
        let mut subjects = vec![("deployment_status", (9_000_000 + step).to_string())];
        let numbers = repository.pull_requests.iter().map(|item| ("pull_request", item.number.to_string()));
        subjects.extend(numbers.take(WEBHOOKS_OF_A_STEP));
        let of_github = subjects.into_iter().filter_map(|(event, subject)| {
            let id = format!("step-{step}-{event}-{subject}");
            let webhook = webhooks::of_github(&world, event, &name, &subject, &id, &github)?;
            Some(Told { source: "github", id, webhook })
        });
        let mut told: Vec<Told> = of_github.collect();
        let (incident, id) = (format!("QSTEP{step}"), format!("step-{step}"));
        let webhook = webhooks::of_pagerduty(&world, &incident, &id, now(), &pagerduty);
        told.extend(webhook.map(|webhook| Told { source: "pagerduty", id, webhook }));
        told
    }
}
