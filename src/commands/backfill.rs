//! `chiplog backfill`: history for Prometheus, from the stored facts.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use chrono::{Datelike as _, Days, NaiveDate, NaiveTime};
use reqwest::Url;
use secrecy::SecretString;

use super::print;
use crate::address;
use crate::app::{App, environment};
use crate::clock;
use crate::expose::exposition::families;
use crate::expose::open_metrics::{History, check};
use crate::expose::remote_write;
use crate::facts::Moment;
use crate::pipeline::progress;
use crate::secret;

/// The span and the grid of a backfill.
pub(super) struct Grid {
    pub(super) from: Option<NaiveDate>,
    pub(super) until: Option<NaiveDate>,
    pub(super) step_days: u64,
}

impl Grid {
    /// The midnights of UTC, on a grid that does not move with the day on which it is asked for.
    fn moments(&self, now: Moment) -> Result<Vec<Moment>> {
        let today = now.date_naive();
        let until = self.until.unwrap_or(today).min(today);
        let from = self.from.unwrap_or_else(|| until - Days::new(365));
        if from > until {
            bail!("--from {from} comes after {until}: give a span that has begun");
        }
        let on_grid =
            |day: &NaiveDate| u64::try_from(day.num_days_from_ce()).is_ok_and(|day| day % self.step_days == 0);
        let days = from.iter_days().take_while(|day| *day <= until).filter(on_grid);
        Ok(days.map(|day| day.and_time(NaiveTime::MIN).and_utc()).collect())
    }
}

/// Where the history goes.
pub(super) enum Destination {
    /// A file, for promtool.
    File(PathBuf),
    /// A receiver of remote write, with the variable that holds its token.
    RemoteWrite { url: Url, token_env: Option<String> },
}

pub(super) async fn run(config: &Path, grid: Grid, destination: Destination) -> Result<ExitCode> {
    let app = App::open(config).await?;
    let moments = grid.moments(clock::now())?;
    let count = moments.len();
    let (mut evaluator, mut history) = (app.evaluator(), History::default());
    let observer = progress::observer();
    for (done, moment) in (1..).zip(moments) {
        for some in families(&evaluator.as_of(moment).await?) {
            history.add(moment.timestamp(), &some?);
        }
        observer.progress("backfill", "days", done, Some(count as u64));
    }
    app.store.close().await;
    match destination {
        Destination::File(output) => write(&history, &output, count),
        Destination::RemoteWrite { url, token_env } => send(&history, &url, token_env.as_deref()).await,
    }
}

/// Writes, checks and names the file.
fn write(history: &History, output: &Path, count: usize) -> Result<ExitCode> {
    let problem = || format!("{} cannot be written", output.display());
    // Whole or not at all: a file that is cut off must not look like one that is done.
    let part = output.with_extension("part");
    let mut writer = BufWriter::new(File::create(&part).with_context(problem)?);
    history.write(&mut writer).and_then(|()| writer.flush()).with_context(problem)?;
    let checked = check(BufReader::new(File::open(&part).with_context(problem)?));
    let checked = checked.map_err(|problem| anyhow::anyhow!("{}: {problem}", part.display()))?;
    std::fs::rename(&part, output).with_context(problem)?;
    print(&format!(
        "{}: {} samples of {} series over {count} moments, checked. Import them into an empty span of Prometheus' data:\n  \
         promtool tsdb create-blocks-from openmetrics --max-block-duration=768h {} DATA_FOLDER\n\
         Prometheus must keep them: --storage.tsdb.retention.time=2y\n",
        output.display(),
        checked.samples,
        checked.series,
        output.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn send(history: &History, url: &Url, token_env: Option<&str>) -> Result<ExitCode> {
    let token = token_env.map(|variable| secret::of_variable(variable, &environment)).transpose();
    let token = token.map_err(anyhow::Error::msg)?.map(SecretString::from);
    if token.is_some() && address::is_plain(url.as_str()) {
        tracing::warn!("the token is sent to {} unencrypted: use https", address::shown(url));
    }
    let total = history.samples();
    let observer = progress::observer();
    let sent = remote_write::send(history, url, token.as_ref(), |taken| {
        observer.progress("remote write", "samples", taken as u64, Some(total as u64));
    });
    sent.await.map_err(|problem| anyhow::anyhow!("{problem}"))?;
    print(&format!("{total} samples were taken by {}\n", url.host_str().unwrap_or_default()))?;
    Ok(ExitCode::SUCCESS)
}
