//! Why a number is what it is.

use std::fmt::Write as _;

use askama::Template;

use super::parts::{Place, ShownRow, minute, shown, stage_strip, web_address};
use crate::address;
use crate::expose::charts::{self, StageSpan, TimeBar};
use crate::expose::views::{EvidenceQuery, EvidenceView};
use crate::facts::Moment;
use crate::kpi::{Unit, format_value};
use crate::report::{KpiRow, Staged};

#[derive(Template)]
#[template(path = "evidence.html")]
struct Page<'a> {
    view: &'a EvidenceView,
    name: &'a str,
    parent: String,
    parent_title: String,
    answer: String,
    from: String,
    until: String,
    rows: Vec<ShownRow>,
    staged: bool,
    typical: Option<ShownTypical<'a>>,
    pieces: Vec<ShownPiece<'a>>,
    open: Vec<ShownPiece<'a>>,
    left_out: Vec<ShownLeft<'a>>,
    first: usize,
    last: usize,
    previous: Option<String>,
    next: Option<String>,
}

struct ShownTypical<'a> {
    title: &'a str,
    url: Option<String>,
    chart: String,
}

struct ShownPiece<'a> {
    value: String,
    at: String,
    title: &'a str,
    url: Option<String>,
    detail: &'a str,
    bar: String,
}

struct ShownLeft<'a> {
    at: String,
    title: &'a str,
    url: Option<String>,
    reason: &'a str,
}

/// The evidence of a number over a window. `name` is the team's name.
pub fn page(view: &EvidenceView, name: &str, query: &EvidenceQuery) -> askama::Result<String> {
    let window = query.window.as_deref().unwrap_or("28d");
    let parent = format!("/teams/{}/kpis/{}", view.team, view.kpi);
    render(view, name, window, (parent, view.title.clone()), |offset| link(view, query, window, offset))
}

/// The evidence that was frozen with a review.
pub fn review_page(view: &EvidenceView, name: &str, month: &str, revision: Option<u32>) -> askama::Result<String> {
    let revision = revision.map(|revision| format!("?revision={revision}")).unwrap_or_default();
    let parent = format!("/teams/{}/reviews/{month}{revision}", view.team);
    let separator = if revision.is_empty() { "?" } else { "&" };
    let own = format!("/teams/{}/reviews/{month}/evidence/{}{revision}{separator}", view.team, view.kpi);
    render(view, name, month, (parent, format!("Review of {month}")), |offset| format!("{own}offset={offset}"))
}

fn render(
    view: &EvidenceView,
    name: &str,
    span: &str,
    (parent, parent_title): (String, String),
    link: impl Fn(usize) -> String,
) -> askama::Result<String> {
    let unit = view.rows.first().map_or(Unit::Count, |row| row.unit);
    let answer = view.rows.first().and_then(|row| row.value).map(|value| format_value(unit, value));
    let last = (view.offset + view.observations.len()).min(view.total);
    let page = Page {
        name,
        parent,
        parent_title,
        answer: answer.unwrap_or_else(|| "no value".to_owned()),
        from: minute(view.from),
        until: minute(view.until),
        rows: view.rows.iter().map(|row| shown_row(view, span, row)).collect(),
        staged: view.observations.iter().chain(&view.open).any(|it| !it.stages.is_empty()),
        typical: view.typical.as_ref().map(|it| ShownTypical {
            title: &it.piece.title,
            url: web_address(it.piece.url.as_ref()),
            chart: typical(it, view.until),
        }),
        pieces: view.observations.iter().map(|it| piece(it, unit, view.until)).collect(),
        open: view.open.iter().map(|it| piece(it, unit, view.until)).collect(),
        left_out: view
            .left_out
            .iter()
            .map(|it| ShownLeft {
                at: minute(it.at),
                title: &it.title,
                url: web_address(it.url.as_ref()),
                reason: &it.reason,
            })
            .collect(),
        first: view.offset + 1,
        last,
        previous: (view.offset > 0).then(|| link(view.offset.saturating_sub(view.limit))),
        next: (last < view.total).then(|| link(last)),
        view,
    };
    page.render()
}

fn shown_row(view: &EvidenceView, span: &str, row: &KpiRow) -> ShownRow {
    let (kpi, part) = (view.kpi.as_str(), row.part.as_deref());
    let place = Place { team: &view.team, kpi, part, tier: view.tier, span, unit: row.unit, link: None };
    shown(&place, row, String::new(), None)
}

fn link(view: &EvidenceView, query: &EvidenceQuery, window: &str, offset: usize) -> String {
    let mut link = format!("/teams/{}/kpis/{}/evidence?window={window}&offset={offset}", view.team, view.kpi);
    let limit = query.limit.map(|limit| limit.to_string());
    let tier = query.tier.map(|tier| tier.to_string());
    let until = query.until.map(|until| until.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    let given = [
        ("part", view.part.as_deref()),
        ("service", query.service.as_deref()),
        ("tier", tier.as_deref()),
        ("limit", limit.as_deref()),
        ("until", until.as_deref()),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            let _ = write!(link, "&{name}={}", address::encoded(value));
        }
    }
    link
}

fn piece(it: &Staged, unit: Unit, as_of: Moment) -> ShownPiece<'_> {
    ShownPiece {
        value: format_value(unit, it.piece.value),
        at: minute(it.piece.at),
        title: &it.piece.title,
        url: web_address(it.piece.url.as_ref()),
        detail: &it.piece.detail,
        bar: stage_strip(&it.stages, as_of),
    }
}

/// The case that stands nearest to the value, stage by stage.
fn typical(it: &Staged, as_of: Moment) -> String {
    let spans: Vec<StageSpan> = it
        .stages
        .iter()
        .map(|stage| StageSpan { name: stage.stage.clone(), from: stage.from, until: stage.until })
        .collect();
    charts::time_bar(&TimeBar { id: "typical", title: &it.piece.title, stages: &spans, as_of })
}
