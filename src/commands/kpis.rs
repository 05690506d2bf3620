//! `chiplog kpis`: the table of a team's KPIs.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::{print, span};
use crate::app::App;
use crate::cli::Period;
use crate::clock;
use crate::expose::terminal;
use crate::pipeline::team_facts;
use crate::report::kpi_rows;

pub(super) async fn run(config: &Path, team: Option<&str>, period: Period, json: bool) -> Result<ExitCode> {
    let app = App::open(config).await?;
    let now = clock::now();
    let teams: Vec<_> =
        app.organisation.teams.values().filter(|known| team.is_none_or(|team| team == known.id)).collect();
    if teams.is_empty() {
        bail!("{}", unknown_team(&app, team.unwrap_or_default()));
    }
    let mut documents = Vec::new();
    // Teams that have nothing to do with one another are loaded one after the other.
    let mut evaluator = app.evaluator();
    for team in teams {
        let span = span(period, &team.calendar, now)?;
        let as_of = span.until;
        let attributed = evaluator.attributed(&team.id, as_of).await?;
        let facts = team_facts(&app.organisation, &attributed, &app.families, team, as_of);
        let rows = kpi_rows(&facts, &span);
        if json {
            documents
                .push(serde_json::json!({ "team": team.id, "from": span.from, "until": span.until, "kpis": rows }));
            continue;
        }
        let day = "%Y-%m-%d %H:%M";
        let heading = format!("{}: {} to {} UTC\n", team.name, span.from.format(day), span.until.format(day));
        print(&format!("{heading}{}\n", terminal::kpi_table(&rows)))?;
    }
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&documents)?))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The complaint about a team that the configuration does not have.
pub(super) fn unknown_team(app: &App, team: &str) -> String {
    let known = app.organisation.teams.keys().cloned().collect::<Vec<_>>().join(", ");
    if known.is_empty() {
        return "the configuration has no team: add [team.SLUG]".to_owned();
    }
    format!("there is no team \"{team}\": known are {known}")
}
