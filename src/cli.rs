//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::address;
use crate::commands::ReviewArguments;
use crate::kpi::Window;

/// Measures how fast a team ships, and how safely.
///
/// chiplog polls GitHub, PagerDuty and local clones, keeps the facts, and derives DORA's metrics and more for each team:
/// as Prometheus metrics, as tables, and explained down to the very commits, pull requests and incidents.
///
/// A first look without any token: `chiplog try PATH-TO-CLONE`
#[derive(Debug, Parser)]
#[command(name = "chiplog", version, max_term_width = 110, arg_required_else_help = true)]
pub struct Cli {
    /// The configuration file.
    #[arg(long, short, global = true, default_value = "chiplog.toml", env = "CHIPLOG_CONFIG", value_name = "FILE")]
    pub config: PathBuf,

    /// How log lines on standard error look.
    #[arg(long, global = true, default_value = "text", value_enum)]
    pub log_format: LogFormat,

    /// What to log: a level, or `module=level` pairs, for example `info,chiplog::sources=debug`.
    #[arg(long, global = true, default_value = "info", env = "CHIPLOG_LOG", value_name = "FILTER")]
    pub log: String,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Collect, evaluate and serve metrics and pages until told to stop.
    ///
    /// What the store already knows is served at once; a source that is down never stops the others.
    Serve,

    /// Collect facts without serving them.
    ///
    /// Goes on polling until told to stop; with --once, collects what is new and ends. The exit code is 1 when a source
    /// failed, or when it was stopped before all was collected.
    Collect {
        /// Collect what is new, then end.
        #[arg(long)]
        once: bool,
    },

    /// Print the scorecard of a local git clone: no token, no configuration, nothing stored.
    ///
    /// Tags count as deployments. Reviews and incidents are not in git: connect GitHub and PagerDuty for those.
    Try {
        /// The folder of the clone.
        path: PathBuf,
        /// Which tags are deployments: a regular expression.
        #[arg(long, default_value = r"^v?\d+(\.\d+)+$", value_name = "REGEX", value_parser = pattern)]
        tags: String,
        /// The window to show.
        #[arg(long, default_value = "364d", value_parser = window)]
        window: Window,
    },

    /// Print the KPIs of a team.
    Kpis {
        /// The team's slug. Without it, all teams are printed.
        team: Option<String>,
        /// The span of time.
        #[command(flatten)]
        period: Period,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },

    /// Print how a team stands against the targets of the role scorecards.
    ///
    /// Each row is on target, near, off, or says why it cannot be told: too few, no data, not configured. Teams set
    /// targets of their own with `targets` in [team.SLUG].
    Scorecard {
        /// The team's slug.
        team: String,
        /// Only this role: software-engineer, senior-software-engineer or engineering-manager.
        #[arg(long)]
        role: Option<String>,
        /// Print JSON instead of tables.
        #[arg(long)]
        json: bool,
    },

    /// Tell whether the team's KPIs have got worse or better, with the weekly numbers behind each verdict.
    ///
    /// Complete weeks are compared with those before them; a change is told only when it is large, is not by chance among
    /// all series of all teams, and stands in two weeks running. "Too few to tell" is an answer too.
    Trends {
        /// The team's slug.
        team: String,
        /// Print JSON instead of words.
        #[arg(long)]
        json: bool,
    },

    /// Explain one number: the commits, pull requests, deployments and incidents behind it, and what was left out.
    Explain {
        /// The team's slug.
        team: String,
        /// The KPI's id, for example `lead_time_for_changes`; `chiplog kpis` lists the titles.
        kpi: String,
        /// The span of time.
        #[command(flatten)]
        period: Period,
        /// How many entries of each list to print.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Print JSON with every entry.
        #[arg(long)]
        json: bool,
    },

    /// Write the monthly review of a team: what its numbers were, what changed, what it resolved to do.
    ///
    /// The first look at a month that is over freezes it: facts that come later change nothing, until --revise looks again and
    /// says what changed and why. A month that lasts is a draft.
    Review(ReviewArguments),

    /// Import reported facts from a CSV file: surveys, hiring, cost, coverage, readiness ticks.
    ///
    /// Without FILE the template is printed, ready to be filled in; without --template the templates are listed. Bad rows are
    /// listed with their line and left out, the good ones are stored; the same row id again replaces the row. The exit code
    /// is 1 when a row was bad.
    Import {
        /// What is reported: the id of a template.
        #[arg(long)]
        template: Option<String>,
        /// The CSV file; `-` reads standard input.
        #[arg(requires = "template")]
        file: Option<PathBuf>,
        /// Check every row and store nothing.
        #[arg(long)]
        dry_run: bool,
    },

    /// Write the history of all metrics as OpenMetrics, for a Prometheus that has none yet.
    ///
    /// Every moment of the span is evaluated from the stored facts, as known then and with today's definitions: what was
    /// open at that moment is open. The file is checked before it gets its name, and promtool's call is printed.
    Backfill {
        /// The first day; a year before the last unless given.
        #[arg(long)]
        from: Option<NaiveDate>,
        /// The last day; today unless given.
        #[arg(long)]
        until: Option<NaiveDate>,
        /// A point every so many days.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=28))]
        step_days: u64,
        /// The file to write.
        #[arg(long, default_value = "chiplog-history.om", conflicts_with = "remote_write")]
        output: PathBuf,
        /// Send the history to this address by Prometheus remote write instead: Mimir, Thanos, `VictoriaMetrics`.
        #[arg(long, value_name = "URL", value_parser = address::readable)]
        remote_write: Option<reqwest::Url>,
        /// The environment variable with the bearer token of the receiver.
        #[arg(long, value_name = "VARIABLE", requires = "remote_write")]
        remote_write_token_env: Option<String>,
    },

    /// Print an Alertmanager configuration with a route for each team.
    Alertmanager,

    /// Check credentials, sources and rules, and say why a number is missing.
    ///
    /// The exit code is 1 when something is wrong.
    Doctor {
        /// Print the exact steps that mend each finding: lines to paste, permissions to tick, commands to run.
        #[arg(long)]
        fix_hints: bool,
    },

    /// Ask a running chiplog whether it answers: for container engines and scripts.
    ///
    /// The exit code is 1 when it does not.
    Health {
        /// Whom to ask; the address that the configuration listens on unless given.
        #[arg(long, value_parser = address::readable)]
        url: Option<reqwest::Url>,
    },

    /// Make a token for somebody (or something) that sends facts, and the line of the configuration that knows it.
    Token,

    /// Hash a password that is read from standard input, for `basic_auth_users` in [server].
    ///
    /// For example: openssl rand -base64 24 | tee password | chiplog hash-password
    HashPassword,

    /// Tell how large the store is, how fast it grows, and what retention would forget.
    ///
    /// Reads the whole store once; nothing is changed. `retention` in [store] has `chiplog serve` forget facts so long after
    /// they ended; frozen reviews stay as they are.
    Stats {
        /// Tell what this retention would forget, instead of the configured one: for example 800d or 2years.
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        retention: Option<Duration>,
        /// Print JSON instead of tables.
        #[arg(long)]
        json: bool,
    },

    /// Write everything in the store into a file: a backup, and the way from SQLite to PostgreSQL or back.
    ///
    /// The file is of one moment, also while chiplog runs, and gets its name only when it is whole. It holds the key that people
    /// are hashed with, so it is made readable for you alone.
    Dump {
        /// The file to write; `-` writes to standard output.
        #[arg(default_value = "chiplog-dump.jsonl")]
        file: PathBuf,
    },

    /// Fill an empty store with a dump, all of it or nothing.
    ///
    /// The store is the one that [store] names, of either engine: to move from SQLite to PostgreSQL, dump, change the url, restore.
    Restore {
        /// The file to read; `-` reads standard input.
        file: PathBuf,
    },

    /// Print what a shell needs to complete chiplog's commands.
    ///
    /// For example: `chiplog completions bash > /etc/bash_completion.d/chiplog`
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },

    /// Print the manual page; `chiplog man | man -l -` shows it.
    Man,

    /// Check the configuration, or print an example.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// What to do with the configuration.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// Check the configuration file without connecting to anything.
    Check,
    /// Print an example with every key.
    Example,
}

/// A span of time: a rolling window or a calendar month of the team's time zone.
#[derive(Debug, Clone, Copy, Args)]
pub struct Period {
    /// A rolling window that ends now: 7d, 28d, 84d or 364d.
    #[arg(long, default_value = "28d", value_parser = window, conflicts_with = "month")]
    pub window: Window,
    /// A calendar month in the team's time zone, for example 2026-10; the one that lasts ends now.
    #[arg(long, value_parser = month, value_name = "YYYY-MM")]
    pub month: Option<NaiveDate>,
}

fn window(text: &str) -> Result<Window, String> {
    let found = Window::ALL.into_iter().find(|window| window.label() == text);
    found.ok_or_else(|| "take one of 7d, 28d, 84d and 364d".to_owned())
}

/// The text of a regular expression.
fn pattern(text: &str) -> Result<String, String> {
    regex::Regex::new(text).map(|_| text.to_owned()).map_err(|error| format!("is no regular expression: {error}"))
}

/// The first day of the month.
pub fn month(text: &str) -> Result<NaiveDate, String> {
    format!("{text}-01").parse().map_err(|_| "write the month as YYYY-MM, for example 2026-10".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_wrong_month_says_how_to_write_one() {
        let error = Cli::try_parse_from(["chiplog", "kpis", "shop", "--month", "October"]).unwrap_err().to_string();
        assert!(error.contains("write the month as YYYY-MM, for example 2026-10"), "{error}");
    }

    #[test]
    fn a_wrong_pattern_of_tags_names_its_flag() {
        let error = Cli::try_parse_from(["chiplog", "try", ".", "--tags", "("]).unwrap_err().to_string();
        assert!(error.contains("--tags <REGEX>") && error.contains("unclosed group"), "{error}");
    }
}
