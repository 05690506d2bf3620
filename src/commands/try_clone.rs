//! `chiplog try`: the first true numbers, from a local clone and nothing else.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::{print, shutdown_signal};
use crate::app::{App, environment, kind_names};
use crate::clock;
use crate::config::{Config, Document};
use crate::expose::terminal;
use crate::facts::{Commit, Moment};
use crate::kpi::Window;
use crate::pipeline::{CollectMetrics, Collector, progress, team_facts};
use crate::report::kpi_rows;
use crate::store::Selection;

/// The one team of the scorecard.
const TEAM: &str = "clone";

pub(super) async fn run(path: &Path, tags: &str, window: Window) -> Result<ExitCode> {
    let path = path.canonicalize().with_context(|| format!("{}: cannot be opened", path.display()))?;
    let app = App::assemble(config(&path, tags)?, &environment).await?;
    let stop = shutdown_signal()?;
    let collector =
        Collector::new(app.store.clone(), app.sources.clone(), CollectMetrics::new()?, progress::observer());
    let report = collector.run_once(&stop).await;
    if let Some((_, failure)) = report.failures.into_iter().next() {
        return Err(failure).context("the clone cannot be read");
    }
    let as_of = as_of(&app).await?;
    let attributed = app.attributed(as_of).await?;
    let Some(team) = app.organisation.teams.get(TEAM) else { return Ok(ExitCode::FAILURE) };
    let facts = team_facts(&app.organisation, &attributed, &app.families, team, as_of);
    let rows = kpi_rows(&facts, &window.span(as_of));
    let deployments = attributed.deployments.len();
    print(&format!(
        "{}: the {} until {} UTC; {deployments} tags count as deployments (--tags chooses others)\n{}\
         Reviews, pull request times and incidents are not in git: connect GitHub and PagerDuty (`chiplog config example`).\n",
        path.display(),
        window.label(),
        as_of.format("%Y-%m-%d %H:%M"),
        terminal::kpi_table(&rows),
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn config(path: &Path, tags: &str) -> Result<Config> {
    let path = toml::Value::from(path.display().to_string());
    let tags = toml::Value::from(tags);
    let text = format!(
        "store.url = \"sqlite::memory:\"\n\
         [git]\npath = {path}\nrepository = \"local/{TEAM}\"\n\
         [team.{TEAM}]\n\
         [service.{TEAM}]\nrepository = \"local/{TEAM}\"\nteam = \"{TEAM}\"\ndeployments = {{ tag = {tags} }}\n"
    );
    let document = Document::parse(Path::new("chiplog try"), text)?;
    Ok(Config::check(document, &kind_names(), &environment)?)
}

/// Now, or the moment after the newest commit of a clone that has been resting for more than a week, so that an old
/// clone shows its last numbers and not an empty window.
async fn as_of(app: &App) -> Result<Moment> {
    let commits = app.store.facts::<Commit>(&Selection::default()).await?;
    let newest = commits.iter().map(|commit| commit.fact.committed_at).max();
    let now = clock::now();
    Ok(newest
        .filter(|newest| now - *newest > chrono::Duration::days(7))
        .map_or(now, |newest| newest + chrono::Duration::seconds(1)))
}
