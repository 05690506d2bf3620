//! `chiplog backfill`: history for Prometheus, from the stored facts.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use chrono::{Datelike as _, Days, NaiveDate, NaiveTime};
use reqwest::Url;
use secrecy::SecretString;

use super::unfinished::Unfinished;
use super::{print, shutdown_signal, told_to_stop};
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

/// Readable for everybody whom the umask lets: metrics are shown to all anyway.
const USUAL: u32 = 0o666;

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
    // Evaluating takes long: whether what comes of it has a place to go is seen before.
    match destination {
        Destination::File(output) => {
            let unfinished = Unfinished::begin(&output, USUAL)?;
            write(&history(&app, moments).await?, unfinished, &output, count)
        }
        Destination::RemoteWrite { url, token_env } => {
            let token = token_env.map(|variable| secret::of_variable(&variable, &environment)).transpose();
            let token = token.map_err(anyhow::Error::msg)?.map(SecretString::from);
            send(&history(&app, moments).await?, &url, token).await
        }
    }
}

/// Evaluates every moment.
async fn history(app: &App, moments: Vec<Moment>) -> Result<History> {
    let (total, stop) = (moments.len() as u64, shutdown_signal()?);
    let evaluating = async {
        let (mut evaluator, mut history) = (app.evaluator(), History::default());
        let observer = progress::observer();
        for (done, moment) in (1..).zip(moments) {
            for some in families(&evaluator.as_of(moment).await?) {
                history.add(moment.timestamp(), &some?);
            }
            observer.progress("backfill", "days", done, Some(total));
        }
        anyhow::Ok(history)
    };
    let history = tokio::select! {
        history = evaluating => history,
        () = told_to_stop(stop) => Err(anyhow!("stopped before all moments were evaluated: nothing is written")),
    };
    app.store.close().await;
    history
}

/// Writes, checks and names the file.
fn write(history: &History, unfinished: Unfinished, output: &Path, count: usize) -> Result<ExitCode> {
    let problem = || format!("{} cannot be written", output.display());
    let mut writer = BufWriter::new(&unfinished.file);
    history.write(&mut writer).and_then(|()| writer.flush()).with_context(problem)?;
    drop(writer);
    let checked = check(BufReader::new(File::open(&unfinished.part).with_context(problem)?));
    let checked = checked.map_err(|problem| anyhow!("{}: {problem}", output.display()))?;
    unfinished.finish()?;
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

async fn send(history: &History, url: &Url, token: Option<SecretString>) -> Result<ExitCode> {
    if token.is_some() && address::is_plain(url.as_str()) {
        tracing::warn!("the token is sent to {} unencrypted: use https", address::shown(url));
    }
    let total = history.samples();
    let observer = progress::observer();
    let sent = remote_write::send(history, url, token.as_ref(), |taken| {
        observer.progress("remote write", "samples", taken as u64, Some(total as u64));
    });
    sent.await.map_err(|problem| anyhow!("{problem}"))?;
    print(&format!("{total} samples were taken by {}\n", url.host_str().unwrap_or_default()))?;
    Ok(ExitCode::SUCCESS)
}
