//! `chiplog collect`: facts into the store, once or until told to stop.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::app::App;
use crate::pipeline::{CollectMetrics, Collector, progress};

use super::shutdown_signal;

pub(super) async fn run(config: &Path, once: bool) -> Result<ExitCode> {
    let app = App::open(config).await?;
    let collector =
        Collector::new(app.store.clone(), app.sources.clone(), CollectMetrics::new()?, progress::observer());
    let stop = shutdown_signal()?;
    let code = if once {
        let report = collector.run_once(&stop).await;
        if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    } else {
        collector.run(app.config.collect.interval, &stop).await;
        ExitCode::SUCCESS
    };
    app.store.close().await;
    Ok(code)
}
