//! `chiplog explain`: why a number is what it is.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow};

use super::kpis::unknown_team;
use super::{print, span};
use crate::app::App;
use crate::cli::Period;
use crate::clock;
use crate::expose::terminal;
use crate::kpi::{CATALOGUE, find};
use crate::pipeline::team_facts;
use crate::report;

pub(super) async fn run(
    config: &Path,
    team: &str,
    kpi: &str,
    period: Period,
    limit: usize,
    json: bool,
) -> Result<ExitCode> {
    let kpi = find(kpi).ok_or_else(|| {
        let known = CATALOGUE.iter().map(|kpi| kpi.id).collect::<Vec<_>>().join(", ");
        anyhow!("there is no KPI \"{kpi}\": known are {known}")
    })?;
    let app = App::open(config).await?;
    let team = app.organisation.teams.get(team).ok_or_else(|| anyhow!("{}", unknown_team(&app, team)))?;
    let span = span(period, &team.calendar, clock::now())?;
    let as_of = span.until;
    let attributed = app.attributed_of(&team.id, as_of).await?;
    let facts = team_facts(&app.organisation, &attributed, &app.families, team, as_of);
    let explanation = report::explain(kpi, &facts, &span);
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&explanation)?))?;
    } else {
        print(&terminal::explanation(&explanation, limit))?;
    }
    Ok(ExitCode::SUCCESS)
}
