//! `chiplog review`: the review of a team's month.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use chrono::NaiveDate;
use clap::{Args, ValueEnum};

use super::kpis::unknown_team;
use super::{digests, has_begun, month, print, shutdown_signal};
use crate::app::App;
use crate::attribution::Team;
use crate::clock;
use crate::expose::{pages, review_markdown};
use crate::facts::Moment;
use crate::pipeline::{Reviewer, month_before, month_label};
use crate::report::review::{Actions, Reviewed};

/// Which review, and what to do with it.
#[derive(Debug, Args)]
pub struct ReviewArguments {
    /// The team's slug.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    team: Option<String>,
    /// Every team: one file each in the folder of --output.
    #[arg(long, requires = "output")]
    all: bool,
    /// The month in the team's time zone, for example 2026-10; the last one that is over unless given.
    #[arg(long, value_parser = month, value_name = "YYYY-MM")]
    month: Option<NaiveDate>,
    /// How it is written.
    #[arg(long, value_enum, default_value = "markdown")]
    format: Format,
    /// The file to write, or with --all the folder; standard output unless given.
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Look at a frozen month again: facts that came late make a new revision that says what changed and why.
    #[arg(long)]
    revise: bool,
    /// Post the digest to the webhooks of [reviews]; each gets it once per team and month.
    #[arg(long)]
    post: bool,
    /// Take the team's actions from this text file: a line for each, at most three; what came of one stands below it,
    /// indented.
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    actions: Option<PathBuf>,
}

/// How a review is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a wiki, a chat or a pull request.
    Markdown,
    /// One page with everything in it, which prints well.
    Html,
    /// For programs.
    Json,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Json => "json",
        }
    }
}

pub(super) async fn run(config: &Path, arguments: ReviewArguments) -> Result<ExitCode> {
    let app = App::open(config).await?;
    let now = clock::now();
    let teams: Vec<&Team> = match &arguments.team {
        Some(team) => vec![app.organisation.teams.get(team).ok_or_else(|| anyhow!("{}", unknown_team(&app, team)))?],
        None => app.organisation.teams.values().collect(),
    };
    let reviewer = app.reviewer();
    if let Some(month) = arguments.month {
        // Before anything is written.
        teams.iter().try_for_each(|team| has_begun(month, &team.calendar, now))?;
    }
    if let (Some(file), [team]) = (&arguments.actions, teams.as_slice()) {
        let month = arguments.month.unwrap_or_else(|| month_before(team.calendar.day(now)));
        take_actions(&reviewer, team, month, file, now).await?;
    }
    if let (true, Some(folder)) = (arguments.all, &arguments.output) {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    if arguments.all && !arguments.revise {
        // All at once: the facts are loaded and attributed once.
        freeze_all(&reviewer, &teams, arguments.month, now).await?;
    }
    let stop = shutdown_signal()?;
    let mut failed = 0;
    for team in teams {
        let month = arguments.month.unwrap_or_else(|| month_before(team.calendar.day(now)));
        let told = reviewed(&reviewer, team, month, arguments.revise, now).await?;
        let text = match arguments.format {
            Format::Markdown => review_markdown::review(&told),
            Format::Html => pages::exported_review(&told)?,
            Format::Json => format!("{}\n", serde_json::to_string_pretty(&told)?),
        };
        write(&arguments, team, month, &text)?;
        if arguments.post {
            failed += digests::post(&app, &reviewer, std::slice::from_ref(&team.id), month, &stop).await;
        }
    }
    app.store.close().await;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The frozen review, or one that is frozen now, or a draft where the month or its collection is not complete.
async fn reviewed(reviewer: &Reviewer, team: &Team, month: NaiveDate, revise: bool, now: Moment) -> Result<Reviewed> {
    let over = Reviewer::is_over(&team.calendar, month, now);
    let may_be_frozen = over && reviewer.frozen(&team.id, month, None).await?.is_none();
    let incomplete = if may_be_frozen { reviewer.stays_draft(&team.calendar, month, now).await? } else { None };
    if let Some(why) = &incomplete {
        tracing::warn!("{} is over, but this is a draft: {why}", month_label(month));
    }
    if over && incomplete.is_none() {
        if revise {
            let revised = reviewer.revise(&team.id, month, now).await?;
            let told = revised.map_or_else(|| "nothing differs".to_owned(), |it| format!("revision {}", it.revision));
            tracing::info!("{} of {}: {told}", month_label(month), team.id);
        } else {
            reviewer.freeze(std::slice::from_ref(&team.id), month, now).await?;
        }
    }
    reviewer.reviewed(team, month, None, now).await?.ok_or_else(|| anyhow!("the review could not be made"))
}

async fn freeze_all(reviewer: &Reviewer, teams: &[&Team], month: Option<NaiveDate>, now: Moment) -> Result<()> {
    let mut ready: BTreeMap<NaiveDate, Vec<String>> = BTreeMap::new();
    for team in teams {
        let month = month.unwrap_or_else(|| month_before(team.calendar.day(now)));
        let over = Reviewer::is_over(&team.calendar, month, now);
        if over && reviewer.stays_draft(&team.calendar, month, now).await?.is_none() {
            ready.entry(month).or_default().push(team.id.clone());
        }
    }
    for (month, teams) in ready {
        reviewer.freeze(&teams, month, now).await?;
    }
    Ok(())
}

async fn take_actions(reviewer: &Reviewer, team: &Team, month: NaiveDate, file: &Path, now: Moment) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let actions = Actions::parse(&text).map_err(|problem| anyhow!("{}: {problem}", file.display()))?;
    reviewer.store.set_review_actions(&team.id, &month_label(month), &actions.text(), now).await?;
    Ok(())
}

fn write(arguments: &ReviewArguments, team: &Team, month: NaiveDate, text: &str) -> Result<()> {
    let Some(output) = &arguments.output else { return print(text) };
    let file = if arguments.all {
        output.join(format!("{}-{}.{}", team.id, month_label(month), arguments.format.extension()))
    } else {
        output.clone()
    };
    std::fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))
}
