//! One team.

use askama::Template;

use super::parts::{ShownMeasure, ShownRow, Word, measure, minute, row, seconds, trend, web_address};
use crate::expose::charts::{self, DeploymentMark, IncidentMark};
use crate::expose::views::TeamView;
use crate::facts::Moment;
use crate::kpi::{Window, find};
use crate::report::Timeline;
use crate::report::review::{HEADLINE, IncidentLine, Side};
use crate::report::scorecard::ScorecardStatus;
use crate::report::trend_words::sentence;
use crate::trend::{Trend, TrendVerdict};

#[derive(Template)]
#[template(path = "team.html")]
struct Page<'a> {
    id: &'a str,
    name: &'a str,
    services: String,
    as_of: String,
    window: &'static str,
    windows: Vec<&'static str>,
    dora: [Group; 2],
    scorecards: Vec<ShownCard<'a>>,
    linked: bool,
    trends: Vec<ShownTrend>,
    timeline: String,
    failed: usize,
    deployments: Vec<ShownDeployment<'a>>,
    incidents: Vec<ShownIncident<'a>>,
    rows: Vec<ShownRow>,
}

struct Group {
    id: &'static str,
    title: &'static str,
    tiles: Vec<Tile>,
}

struct Tile {
    row: ShownRow,
    spark: String,
}

struct ShownTrend {
    title: &'static str,
    link: String,
    word: Word,
    sentence: String,
    spark: String,
}

struct ShownDeployment<'a> {
    at: String,
    service: &'a str,
    title: &'a str,
    url: Option<String>,
    failure: &'a str,
}

/// An incident as it is shown.
pub(super) struct ShownIncident<'a> {
    pub(super) began: String,
    pub(super) title: &'a str,
    pub(super) url: Option<String>,
    pub(super) severity: u8,
    pub(super) lasted: String,
    pub(super) cause: &'a str,
    pub(super) cause_url: Option<String>,
}

/// A scorecard as it is shown.
pub(super) struct ShownCard<'a> {
    pub(super) role: &'a str,
    pub(super) title: &'a str,
    pub(super) rows: Vec<ShownCardRow<'a>>,
}

/// A row of a scorecard as it is shown.
pub(super) struct ShownCardRow<'a> {
    pub(super) title: &'a str,
    pub(super) measures: Vec<ShownMeasure>,
}

/// The page of a team.
pub fn page(view: &TeamView) -> askama::Result<String> {
    let team = &view.kpis.team;
    let verdict = |kpi: &str| verdict(&view.trends, kpi);
    let page = Page {
        id: team,
        name: &view.name,
        services: view.services.join(", "),
        as_of: minute(view.kpis.until),
        window: view.kpis.window,
        windows: Window::ALL.iter().map(|window| window.label()).collect(),
        dora: [group(view, "speed", "Speed", Side::Speed), group(view, "stability", "Stability", Side::Stability)],
        scorecards: view.scorecards.iter().map(|known| card(team, known, None, true)).collect(),
        linked: true,
        trends: view.trends.iter().filter_map(|trend| shown_trend(team, trend)).collect(),
        timeline: timeline(&view.timeline),
        failed: view.timeline.deployments.iter().filter(|it| it.failure.is_some()).count(),
        deployments: deployments(&view.timeline),
        incidents: view.timeline.incidents.iter().rev().map(incident).collect(),
        rows: view.kpis.kpis.iter().map(|known| row(team, view.kpis.window, known, verdict(&known.kpi))).collect(),
    };
    page.render()
}

fn verdict(trends: &[Trend], kpi: &str) -> Option<TrendVerdict> {
    trends.iter().find(|trend| trend.kpi == kpi).map(|trend| trend.verdict)
}

fn group(view: &TeamView, id: &'static str, title: &'static str, side: Side) -> Group {
    let wanted = HEADLINE.iter().filter(|(_, of)| *of == side).filter_map(|(kpi, _)| {
        let known = view.kpis.kpis.iter().find(|row| row.kpi == *kpi)?;
        let trend = view.trends.iter().find(|trend| trend.kpi == *kpi);
        let spark = trend.map(|trend| charts::sparkline(known.unit, &trend.weeks, None)).unwrap_or_default();
        let shown = row(&view.kpis.team, view.kpis.window, known, trend.map(|trend| trend.verdict));
        Some(Tile { row: shown, spark })
    });
    Group { id, title, tiles: wanted.collect() }
}

fn shown_trend(team: &str, known: &Trend) -> Option<ShownTrend> {
    let kpi = find(known.kpi)?;
    Some(ShownTrend {
        title: kpi.title,
        link: format!("/teams/{team}/kpis/{}", kpi.id),
        word: trend(known.verdict),
        sentence: sentence(kpi, known),
        spark: charts::sparkline(kpi.unit, &known.weeks, None),
    })
}

/// A scorecard; `until` is set where its windows ended in the past.
pub(super) fn card<'a>(team: &str, card: &'a ScorecardStatus, until: Option<Moment>, links: bool) -> ShownCard<'a> {
    let rows = card.rows.iter().map(|row| ShownCardRow {
        title: &row.title,
        measures: row.measures.iter().map(|known| measure(team, known, until, links)).collect(),
    });
    ShownCard { role: &card.role, title: &card.title, rows: rows.collect() }
}

fn timeline(known: &Timeline) -> String {
    let deployments: Vec<DeploymentMark> = known
        .deployments
        .iter()
        .map(|it| DeploymentMark {
            moment: it.finished_at,
            title: format!("{} · {}", it.service, it.title),
            failed: it.failure.is_some(),
        })
        .collect();
    let incidents: Vec<IncidentMark> = known
        .incidents
        .iter()
        .map(|it| IncidentMark {
            began: it.began_at,
            ended: it.resolved_at,
            title: it.title.clone(),
            severity: it.severity.to_string(),
        })
        .collect();
    charts::timeline(&charts::Timeline {
        id: "timeline",
        title: "Deployments and incidents",
        from: known.from,
        until: known.until,
        deployments: &deployments,
        incidents: &incidents,
    })
}

fn deployments(known: &Timeline) -> Vec<ShownDeployment<'_>> {
    let shown = known.deployments.iter().rev().map(|it| ShownDeployment {
        at: minute(it.finished_at),
        service: &it.service,
        title: &it.title,
        url: web_address(it.url.as_ref()),
        failure: it.failure.as_deref().unwrap_or_default(),
    });
    shown.collect()
}

/// An incident as a row.
pub(super) fn incident(it: &IncidentLine) -> ShownIncident<'_> {
    let lasted = it.resolved_at.map(|at| seconds((at - it.began_at).as_seconds_f64()));
    ShownIncident {
        began: minute(it.began_at),
        title: &it.title,
        url: web_address(it.url.as_ref()),
        severity: it.severity,
        lasted: lasted.unwrap_or_else(|| "open".to_owned()),
        cause: it.caused_by.as_ref().map_or("", |cause| &cause.title),
        cause_url: it.caused_by.as_ref().and_then(|cause| web_address(cause.url.as_ref())),
    }
}
