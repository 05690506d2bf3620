//! The simulated GitHub and PagerDuty as a program.

use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use anyhow::{Context as _, Result};
use chiplog_simulator::github::{GithubOptions, GithubSimulator};
use chiplog_simulator::pagerduty::{PagerdutyOptions, PagerdutySimulator};
use chiplog_simulator::world::Moment;
use chiplog_simulator::{demo, histories};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// A simulated GitHub and PagerDuty, for trying chiplog without accounts.
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
        /// Write a configuration of chiplog for the demo to this file, once both servers are up.
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
    let Command::Serve { world, github_listen, pagerduty_listen, write_config, latency_ms } = Cli::parse().command;
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
    let pagerduty =
        PagerdutySimulator::start_at(shared, PagerdutyOptions::new(Arc::new(now)), &pagerduty_listen).await?;
    tracing::info!("GitHub at {}, PagerDuty at {}", github.base_url(), pagerduty.base_url());
    if let Some(path) = write_config {
        let config = demo::config(github.base_url(), pagerduty.base_url(), now());
        std::fs::write(&path, config).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        ended = tokio::signal::ctrl_c() => ended?,
    }
    Ok(())
}
