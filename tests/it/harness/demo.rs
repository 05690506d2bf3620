//! The demo organisation behind simulated servers, and an installation that collects it.

use std::sync::Arc;

use chiplog::app::App;
use chiplog::facts::Moment;
use chiplog_simulator::demo;
use chiplog_simulator::github::{GithubOptions, GithubSimulator, SharedWorld};
use chiplog_simulator::json_server::{JsonServer, ServerOptions};
use chiplog_simulator::world::World;
use chiplog_simulator::{pagerduty, prometheus};

use super::program::{Installation, Program, until};
use super::{now, shared};

/// The repositories of a small part of the organisation: two teams that deploy in different ways.
const SMALL: [&str; 5] = ["ledger", "payouts", "invoices", "fraud", "search-api"];

/// A part of the organisation, for tests that don't need all of it.
pub(crate) fn small_world(seed: u64) -> World {
    let mut world = demo::world(now(), seed);
    world.repositories.retain(|repository| SMALL.contains(&repository.name.as_str()));
    world.series.retain(|series| SMALL.contains(&series.service.as_str()));
    world
}

/// All of it.
pub(crate) struct Demo {
    pub(crate) world: SharedWorld,
    pub(crate) github: GithubSimulator,
    pub(crate) installation: Installation,
    _servers: [JsonServer; 2],
}

impl Demo {
    /// Starts the servers and writes the configuration.
    pub(crate) async fn start(world: World) -> Self {
        Self::start_at(world, now, "").await
    }

    /// The same with servers that follow another clock, and more lines of configuration.
    pub(crate) async fn start_at(world: World, clock: fn() -> Moment, more: &str) -> Self {
        let world: SharedWorld = shared(world);
        let github = GithubSimulator::start(world.clone(), GithubOptions::new(Arc::new(clock))).await.unwrap();
        let options = ServerOptions::new(Arc::new(clock));
        let pagerduty = JsonServer::start(&pagerduty::API, world.clone(), options.clone()).await.unwrap();
        let prometheus = JsonServer::start(&prometheus::API, world.clone(), options).await.unwrap();
        let addresses = demo::Addresses {
            github: github.base_url(),
            pagerduty: pagerduty.base_url(),
            prometheus: prometheus.base_url(),
        };
        let config = demo::config(&addresses, clock());
        let installation = Installation::new(&format!("server.listen = \"127.0.0.1:0\"\n{config}\n{more}"));
        Self { world, github, installation, _servers: [pagerduty, prometheus] }
    }

    /// Imports what people report.
    pub(crate) fn import(&self, reports: Vec<(&'static str, String)>) {
        for (template, rows) in reports {
            std::fs::write(self.installation.path("rows.csv"), rows).unwrap();
            self.installation.run_well(&["import", "--template", template, "rows.csv"]);
        }
    }

    /// Serves what was collected; returns once it can be asked.
    pub(crate) async fn serve(&self) -> (Program, String) {
        chiplog::sources::http::install_crypto_provider();
        let mut program = self.installation.start(&["serve"]);
        let address = program.address().await;
        until("chiplog is ready", async || {
            let answer = reqwest::get(format!("{address}/-/ready")).await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        (program, address)
    }

    /// The same configuration and store, opened in this process.
    pub(crate) async fn app(&self) -> App {
        let config = std::fs::read_to_string(self.installation.path("chiplog.toml")).unwrap();
        let store = format!("sqlite:{}", self.installation.path("chiplog.db").display());
        super::app(&config.replace("sqlite:chiplog.db", &store)).await
    }
}
