//! The simulated servers as a program.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use anyhow::{Context as _, Result};
use chiplog_simulator::github::{GithubOptions, GithubSimulator};
use chiplog_simulator::json_server::{JsonServer, ServerOptions};
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
}

#[expect(clippy::disallowed_methods, reason = "the simulated servers follow the real clock")]
fn now() -> Moment {
    chrono::Utc::now()
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).init();
    let Command::Serve { world, github_listen, pagerduty_listen, prometheus_listen, write_config, latency_ms } =
        Cli::parse().command;
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
