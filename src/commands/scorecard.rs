//! `chiplog scorecard`: how a team stands against its targets.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};

use super::kpis::unknown_team;
use super::print;
use crate::app::App;
use crate::clock;
use crate::expose::terminal;
use crate::pipeline::{team_facts, team_scorecards};
use crate::report::scorecard::scorecards;

pub(super) async fn run(config: &Path, team: &str, role: Option<&str>, json: bool) -> Result<ExitCode> {
    if let Some(role) = role
        && !scorecards().iter().any(|card| card.role == role)
    {
        let known = scorecards().iter().map(|card| card.role.as_str()).collect::<Vec<_>>().join(", ");
        bail!("there is no role \"{role}\": known are {known}");
    }
    let app = App::open(config).await?;
    let team = app.organisation.teams.get(team).ok_or_else(|| anyhow!("{}", unknown_team(&app, team)))?;
    let as_of = clock::now();
    let attributed = app.attributed_of(&team.id, as_of).await?;
    let facts = team_facts(&app.organisation, &attributed, &app.families, team, as_of);
    let mut cards = team_scorecards(&facts, app.scorecards.get(&team.id).map_or(&[], AsRef::as_ref));
    cards.retain(|card| role.is_none_or(|role| card.role == role));
    if json {
        let document = serde_json::json!({ "team": team.id, "as_of": as_of, "scorecards": cards });
        print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    } else {
        for card in &cards {
            print(&format!("{}\n", terminal::scorecard(&team.name, card)))?;
        }
        print(&format!("Why a number is what it is: chiplog explain {} KPI --window WINDOW\n", team.id))?;
    }
    Ok(ExitCode::SUCCESS)
}
