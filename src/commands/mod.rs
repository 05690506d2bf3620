//! The commands: each wires what it needs and prints.

mod backfill;
mod backup;
mod collect;
mod digests;
mod doctor;
mod evaluation;
mod explain;
mod health;
mod import;
mod kpis;
mod review;
mod scorecard;
mod serve;
mod stats;
mod token;
mod trends;
mod try_clone;
mod unfinished;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use chrono::NaiveDate;
use clap::CommandFactory as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

pub use self::review::ReviewArguments;
use crate::cli::{Cli, Command, ConfigCommand, Period, month};
use crate::facts::Moment;
use crate::kpi::Span;
use crate::pipeline::{Stop, month_label};
use crate::stats::WorkingCalendar;
use crate::{app, report, telemetry};

/// The example configuration: every key, explained.
pub const EXAMPLE_CONFIG: &str = include_str!("../../config/chiplog.example.toml");

/// Runs a command line.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    telemetry::start(&cli.log, cli.log_format)?;
    crate::sources::http::install_crypto_provider();
    match cli.command {
        // Boxed: all that runs side by side makes a large future.
        Command::Serve => Box::pin(serve::run(&cli.config)).await,
        Command::Collect { once } => collect::run(&cli.config, once).await,
        Command::Try { path, tags, window } => try_clone::run(&path, &tags, window).await,
        Command::Kpis { team, period, json } => kpis::run(&cli.config, team.as_deref(), period, json).await,
        Command::Explain { team, kpi, period, limit, json } => {
            explain::run(&cli.config, &team, &kpi, period, limit, json).await
        }
        Command::Scorecard { team, role, json } => scorecard::run(&cli.config, &team, role.as_deref(), json).await,
        Command::Trends { team, json } => trends::run(&cli.config, &team, json).await,
        Command::Review(arguments) => review::run(&cli.config, arguments).await,
        Command::Import { template, file, dry_run } => {
            import::run(&cli.config, template.as_deref(), file.as_deref(), dry_run).await
        }
        Command::Backfill { from, until, step_days, output, remote_write, remote_write_token_env } => {
            let destination = match remote_write {
                None => backfill::Destination::File(output),
                Some(url) => backfill::Destination::RemoteWrite { url, token_env: remote_write_token_env },
            };
            backfill::run(&cli.config, backfill::Grid { from, until, step_days }, destination).await
        }
        Command::Alertmanager => {
            let config = app::read_config(&cli.config)?;
            let teams: Vec<&str> = config.organisation.teams.keys().map(String::as_str).collect();
            print(&report::alertmanager_example(&teams)).map(|()| ExitCode::SUCCESS)
        }
        Command::Doctor { fix_hints } => doctor::run(&cli.config, fix_hints).await,
        Command::Health { url } => health::run(&cli.config, url).await,
        Command::Stats { retention, json } => stats::run(&cli.config, retention, json).await,
        Command::Token => token::token(),
        Command::HashPassword => token::hash_password(),
        Command::Dump { file } => backup::dump(&cli.config, &file).await,
        Command::Restore { file } => backup::restore(&cli.config, &file).await,
        Command::Completions { shell } => completions(shell).map(|()| ExitCode::SUCCESS),
        Command::Man => manual_page().map(|()| ExitCode::SUCCESS),
        Command::Config(ConfigCommand::Check) => check_config(&cli.config),
        Command::Config(ConfigCommand::Example) => print(EXAMPLE_CONFIG).map(|()| ExitCode::SUCCESS),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "chiplog", &mut text);
    print(&String::from_utf8_lossy(&text))
}

fn manual_page() -> Result<()> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text).context("the manual page cannot be made")?;
    print(&String::from_utf8_lossy(&text))
}

fn check_config(path: &Path) -> Result<ExitCode> {
    let config = app::read_config(path)?;
    let sources = app::check_sources(&config, &app::environment)?;
    let (teams, services) = (config.organisation.teams.len(), config.organisation.services.len());
    print(&format!(
        "{}: good. Sources: {sources}, teams: {teams}, services with rules of their own: {services}.\n\
         `chiplog doctor` connects to the sources and looks further.\n",
        path.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output. A reader that has gone away (`| head`) is no error.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Turns true at the first SIGTERM or SIGINT; a second one ends the program at once.
fn shutdown_signal() -> Result<Stop> {
    let (sender, receiver) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be listened to")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be listened to")?;
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        tracing::info!("stopping");
        sender.send_replace(true);
        next().await;
        std::process::exit(130);
    });
    Ok(receiver)
}

/// Ends when the program is told to stop.
async fn told_to_stop(mut stop: Stop) {
    // Whoever would tell lives as long as the program.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The span that a period means for a team; it is evaluated as of its end. A month that is over is seen as it was when it
/// ended, with what was open then; one that lasts ends now, since its other days have no events yet.
fn span(period: Period, calendar: &WorkingCalendar, now: Moment) -> Result<Span> {
    let Some(first_day) = period.month else { return Ok(period.window.span(now)) };
    has_begun(first_day, calendar, now)?;
    let (from, until) = calendar.month_span(first_day);
    Ok(Span { from, until: until.min(now) })
}

/// Refuses a month of which there is nothing to look at yet.
fn has_begun(month: NaiveDate, calendar: &WorkingCalendar, now: Moment) -> Result<()> {
    if calendar.month_span(month).0 >= now {
        bail!("--month: {} has not begun yet: write the month that lasts, or one before it", month_label(month));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::Window;

    #[test]
    fn a_month_that_lasts_ends_now_and_one_that_has_not_begun_is_refused() {
        let calendar = WorkingCalendar { time_zone: chrono_tz::Europe::Berlin, ..WorkingCalendar::default() };
        let at = |text: &str| -> Moment { text.parse().unwrap() };
        let span = |text: &str| {
            let period = Period { window: Window::Days28, month: Some(month(text).unwrap()) };
            span(period, &calendar, at("2026-11-10T12:00:00Z"))
        };
        let over = span("2026-10").unwrap();
        assert_eq!((over.from, over.until), (at("2026-09-30T22:00:00Z"), at("2026-10-31T23:00:00Z")));
        let lasting = span("2026-11").unwrap();
        assert_eq!((lasting.from, lasting.until), (at("2026-10-31T23:00:00Z"), at("2026-11-10T12:00:00Z")));
        assert_eq!(
            span("2026-12").unwrap_err().to_string(),
            "--month: 2026-12 has not begun yet: write the month that lasts, or one before it"
        );
    }
}
