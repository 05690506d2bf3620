//! `chiplog collect`: facts into the store, once or until told to stop.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::app::App;
use crate::pipeline::{CollectMetrics, Collector, Replica, progress};

use super::shutdown_signal;

pub(super) async fn run(config: &Path, once: bool) -> Result<ExitCode> {
    let app = App::open(config).await?;
    let (metrics, lease) = (CollectMetrics::new()?, app.config.server.lease);
    let replica = if once { Replica::visitor } else { Replica::new }(&app.store, metrics.clone(), lease)?;
    let collector = Collector::new(app.store.clone(), app.sources.clone(), metrics, progress::observer())
        .reaching_back(app.config.collect.history);
    let collector = collector.among(replica.clone());
    let stop = shutdown_signal()?;
    let code = if once {
        let beats = async {
            replica.run(&stop).await;
            std::future::pending().await
        };
        let report = tokio::select! {
            report = collector.run_once(&stop) => report,
            never = beats => never,
        };
        replica.leave().await;
        for source in &report.elsewhere {
            tracing::error!(
                source,
                "{source} is collected by another chiplog that runs: leave it to that one, or stop it"
            );
        }
        if report.stopped {
            tracing::error!("stopped before all was collected: what came is kept, and the next run goes on from there");
        }
        let complete = report.failures.is_empty() && report.elsewhere.is_empty() && !report.stopped;
        if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    } else {
        tokio::join!(replica.run(&stop), collector.run(app.config.collect.interval, &stop));
        ExitCode::SUCCESS
    };
    app.store.close().await;
    Ok(code)
}
