//! `chiplog trends`: has it got worse?

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow};

use super::kpis::unknown_team;
use super::print;
use crate::app::App;
use crate::clock;
use crate::expose::trend_text;

pub(super) async fn run(config: &Path, team: &str, json: bool) -> Result<ExitCode> {
    let app = App::open(config).await?;
    let team = app.organisation.teams.get(team).ok_or_else(|| anyhow!("{}", unknown_team(&app, team)))?;
    let as_of = clock::now();
    let mut trends = app.evaluator().trends(as_of, |_| as_of).await?;
    trends.retain(|trend| trend.team == team.id);
    if json {
        let document = serde_json::json!({ "team": team.id, "as_of": as_of, "trends": trends });
        print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    } else {
        print(&trend_text::trends(&team.name, &trends))?;
    }
    Ok(ExitCode::SUCCESS)
}
