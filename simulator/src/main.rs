//! The simulated servers as a program.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use anyhow::{Context as _, Result};
use chiplog_simulator::github::{GithubOptions, GithubSimulator};
use chiplog_simulator::json_server::{JsonServer, ServerOptions};
use chiplog_simulator::load::{self, Load};
use chiplog_simulator::webhooks::{self, Sent};
use chiplog_simulator::world::Moment;
use chiplog_simulator::{demo, histories, pagerduty, prometheus};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// A simulated GitHub, PagerDuty and Prometheus, for trying chiplog without accounts.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a world until told to stop. The tokens are `ghp_simulated` and `pd_simulated`.
    Serve {
        /// What to serve: `demo`, or the folder of a real history.
        #[arg(long, default_value = "demo")]
        world: String,
        /// Where the simulated GitHub listens.
        #[arg(long, default_value = "127.0.0.1:0")]
        github_listen: String,
        /// Where the simulated PagerDuty listens.
        #[arg(long, default_value = "127.0.0.1:0")]
        pagerduty_listen: String,
        /// Where the simulated Prometheus listens.
        #[arg(long, default_value = "127.0.0.1:0")]
        prometheus_listen: String,
        /// Write a configuration of chiplog for the demo to this file, and the rows that people report into the folder
        /// `reports` beside it, once all servers are up.
        #[arg(long)]
        write_config: Option<PathBuf>,
        /// How long each answer of GitHub takes, in milliseconds.
        #[arg(long, default_value_t = 0)]
        latency_ms: u64,
    },
    /// Send signed webhooks of GitHub to a running chiplog at a rate, and say how many were taken and how fast. Each has a
    /// new id; they are about pull requests of the demo.
    Webhooks {
        /// Where to: `http://127.0.0.1:9847/api/v1/webhooks/github`.
        url: String,
        /// How many a second.
        #[arg(long, default_value_t = 1000)]
        rate: u64,
        /// For how long.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// How many connections are kept open.
        #[arg(long, default_value_t = 50)]
        connections: u64,
        /// The environment variable with the secret.
        #[arg(long, default_value = "GITHUB_WEBHOOK_SECRET")]
        secret_env: String,
        /// How many pull requests they are about.
        #[arg(long, default_value_t = 20)]
        pull_requests: usize,
    },
}

#[expect(clippy::disallowed_methods, reason = "the simulated servers follow the real clock")]
fn now() -> Moment {
    chrono::Utc::now()
}

#[expect(clippy::disallowed_methods, reason = "a program of its own, which has no other configuration")]
fn secret(variable: &str) -> Result<String> {
    std::env::var(variable).with_context(|| format!("the environment variable {variable} is not set: export it"))
}

/// Webhooks about the newest pull requests of the demo.
fn deliveries(pull_requests: usize, secret: &str) -> Vec<Sent> {
    let world = demo::world(now(), 1);
    let all = world.repositories.iter().flat_map(|of| of.pull_requests.iter().map(move |item| (of, item)));
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(_, item)| std::cmp::Reverse(item.updated_at));
    let made = all.into_iter().take(pull_requests).filter_map(|(of, item)| {
        let name = format!("{}/{}", of.owner, of.name);
        webhooks::of_github(&world, "pull_request", &name, &item.number.to_string(), "", secret)
    });
    made.collect()
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).init();
    let (world, github_listen, pagerduty_listen, prometheus_listen, write_config, latency_ms) =
        match Cli::parse().command {
            Command::Webhooks { url, rate, seconds, connections, secret_env, pull_requests } => {
                let secret = secret(&secret_env)?;
                let deliveries = deliveries(pull_requests, &secret);
                let load = Load { url, deliveries, count: rate * seconds, rate: Some(rate), connections };
                let report = load::run(load).await?;
                tracing::info!("{report}");
                anyhow::ensure!(report.lost == 0, "{} deliveries were lost", report.lost);
                return Ok(());
            }
            Command::Serve { world, github_listen, pagerduty_listen, prometheus_listen, write_config, latency_ms } => {
                (world, github_listen, pagerduty_listen, prometheus_listen, write_config, latency_ms)
            }
        };
    let made = if world == "demo" { demo::world(now(), 1) } else { histories::load(world.as_ref(), true)? };
    let pull_requests: usize = made.repositories.iter().map(|repository| repository.pull_requests.len()).sum();
    tracing::info!(
        "{} repositories, {pull_requests} pull requests, {} incidents",
        made.repositories.len(),
        made.incidents.len()
    );
    let shared = Arc::new(RwLock::new(made));
    let mut options = GithubOptions::new(Arc::new(now));
    options.latency = std::time::Duration::from_millis(latency_ms);
    let github = GithubSimulator::start_at(shared.clone(), options, &github_listen).await?;
    let options = ServerOptions::new(Arc::new(now));
    let pagerduty = JsonServer::start_at(&pagerduty::API, shared.clone(), options.clone(), &pagerduty_listen).await?;
    let prometheus = JsonServer::start_at(&prometheus::API, shared, options, &prometheus_listen).await?;
    let addresses = demo::Addresses {
        github: github.base_url(),
        pagerduty: pagerduty.base_url(),
        prometheus: prometheus.base_url(),
    };
    tracing::info!(
        "GitHub at {}, PagerDuty at {}, Prometheus at {}",
        addresses.github,
        addresses.pagerduty,
        addresses.prometheus
    );
    if let Some(path) = write_config {
        write_files(&path, &addresses)?;
    }
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        ended = tokio::signal::ctrl_c() => ended?,
    }
    Ok(())
}

/// The configuration last: who waits for it finds the rest there.
fn write_files(path: &Path, addresses: &demo::Addresses<'_>) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(".")).join("reports");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    for (template, rows) in demo::reports(now()) {
        let file = folder.join(format!("{template}.csv"));
        std::fs::write(&file, rows).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    std::fs::write(path, demo::config(addresses, now()))
        .with_context(|| format!("{} cannot be written", path.display()))
}
