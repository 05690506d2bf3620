//! All teams.

use askama::Template;

use super::parts::{Word, minute, row};
use crate::expose::views::{OrganisationView, TeamSummary};
use crate::kpi::Window;
use crate::report::Verdict;

#[derive(Template)]
#[template(path = "organisation.html")]
struct Page<'a> {
    as_of: String,
    window: &'static str,
    windows: Vec<&'static str>,
    speed: Vec<&'a str>,
    stability: Vec<&'a str>,
    teams: Vec<ShownTeam<'a>>,
}

struct ShownTeam<'a> {
    id: &'a str,
    name: &'a str,
    services: String,
    rows: Vec<Cell>,
}

struct Cell {
    value: String,
    observations: String,
    short: &'static str,
    trend: Option<Word>,
}

/// The page of all teams.
pub fn page(view: &OrganisationView) -> askama::Result<String> {
    let first = view.teams.first();
    let page = Page {
        as_of: minute(view.as_of),
        window: view.window,
        windows: Window::ALL.iter().map(|window| window.label()).collect(),
        speed: first.iter().flat_map(|team| &team.speed).map(|row| row.title.as_ref()).collect(),
        stability: first.iter().flat_map(|team| &team.stability).map(|row| row.title.as_ref()).collect(),
        teams: view.teams.iter().map(|team| shown(team, view.window)).collect(),
    };
    page.render()
}

fn shown<'a>(team: &'a TeamSummary, window: &str) -> ShownTeam<'a> {
    let cells = team.speed.iter().chain(&team.stability).map(|known| {
        let shown = row(&team.id, window, known, team.trends.get(known.kpi.as_ref()).copied());
        let short = match known.verdict {
            Verdict::Value | Verdict::TooFew => "too few",
            Verdict::NoData => "no data",
            Verdict::NotConfigured => "not configured",
        };
        Cell { value: shown.value, observations: shown.observations, short, trend: shown.trend }
    });
    let services = match team.services.len() {
        0 => "nothing deployed yet".to_owned(),
        1..=3 => team.services.join(", "),
        count => format!("{count} services"),
    };
    ShownTeam { id: &team.id, name: &team.name, services, rows: cells.collect() }
}
