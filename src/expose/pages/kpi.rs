//! One KPI of a team.

use std::collections::BTreeSet;

use askama::Template;

use super::parts::{Place, ShownMeasure, ShownRow, Word, evidence_link, measure, minute, row, shown, trend};
use super::review_charts::{MonthRow, spread_rows};
use crate::expose::charts::{self, Month, Quantiles};
use crate::expose::views::KpiView;
use crate::kpi::{Unit, format_value};
use crate::report::KpiRow;
use crate::report::review::Distribution;

#[derive(Template)]
#[template(path = "kpi.html")]
struct Page<'a> {
    team: &'a str,
    name: &'a str,
    kpi: &'static str,
    title: &'static str,
    meaning: &'static str,
    definition: &'static str,
    reference: &'static str,
    metric: &'a str,
    direction: &'static str,
    headline: &'static str,
    minimum: usize,
    revision: u32,
    as_of: String,
    trend: Option<ShownTrend<'a>>,
    statistics: Vec<&'a str>,
    windows: Vec<ShownWindow<'a>>,
    weekly: Option<String>,
    weekly_note: &'static str,
    weeks: Vec<ShownWeek>,
    spread: Option<String>,
    spread_part: String,
    spread_months: Vec<MonthRow<'a>>,
    months: Vec<ShownMonth<'a>>,
    targets: Vec<ShownMeasure>,
}

struct ShownTrend<'a> {
    word: Word,
    sentence: &'a str,
}

struct ShownWindow<'a> {
    window: &'static str,
    rows: Vec<WindowRow<'a>>,
}

struct WindowRow<'a> {
    part: &'a str,
    shown: ShownRow,
    others: Vec<String>,
}

struct ShownWeek {
    monday: String,
    value: String,
    observations: usize,
    compared: bool,
}

struct ShownMonth<'a> {
    month: &'a str,
    shown: ShownRow,
}

/// The page of a KPI. `name` is the team's name.
pub fn page(view: &KpiView, name: &str) -> askama::Result<String> {
    let entry = &view.entry;
    let rows = || view.windows.iter().flat_map(|window| &window.rows);
    let statistics: BTreeSet<&str> =
        rows().flat_map(|row| row.statistics.keys()).map(AsRef::as_ref).filter(|it| *it != entry.headline).collect();
    let statistics: Vec<&str> = statistics.into_iter().collect();
    let windows = view.windows.iter().map(|window| ShownWindow {
        window: window.window,
        rows: window.rows.iter().map(|known| window_row(view, window.window, known, &statistics)).collect(),
    });
    let page = Page {
        team: &view.team,
        name,
        kpi: entry.kpi,
        title: entry.title,
        meaning: entry.meaning,
        definition: entry.definition,
        reference: entry.reference,
        metric: &entry.metric,
        direction: entry.direction,
        headline: entry.headline,
        minimum: entry.minimum_observations,
        revision: entry.revision,
        as_of: minute(view.as_of),
        trend: view.trend.as_ref().map(|it| ShownTrend { word: trend(it.trend.verdict), sentence: &it.sentence }),
        windows: windows.collect(),
        statistics,
        weekly: weekly(view),
        weekly_note: weekly_note(entry.unit),
        weeks: weeks(view),
        spread: view.distribution.as_ref().map(|it| spread(it, "spread")),
        spread_part: view
            .distribution
            .as_ref()
            .and_then(|it| it.part.as_ref())
            .map(|it| format!(", {it}"))
            .unwrap_or_default(),
        spread_months: view.distribution.as_ref().map(spread_rows).unwrap_or_default(),
        months: view
            .months
            .iter()
            .map(|it| ShownMonth { month: &it.month, shown: month_row(view, &it.month, &it.row) })
            .collect(),
        targets: view.targets.iter().map(|known| measure(&view.team, known, None, true)).collect(),
    };
    page.render()
}

fn window_row<'a>(view: &KpiView, window: &str, known: &'a KpiRow, statistics: &[&str]) -> WindowRow<'a> {
    let place = Place {
        team: &view.team,
        kpi: &known.kpi,
        part: known.part.as_deref(),
        tier: None,
        span: window,
        unit: known.unit,
        link: Some(evidence_link(&view.team, &known.kpi, known.part.as_deref(), window, None)),
    };
    let other = |statistic: &&str| {
        let value = known.statistics.get(*statistic);
        let unit =
            if matches!(*statistic, "working_days_with_one" | "weekly_variation") { Unit::Ratio } else { known.unit };
        value
            .map(|value| Place { unit, link: place.link.clone(), ..place }.value(statistic, *value))
            .unwrap_or_default()
    };
    WindowRow {
        part: known.part.as_deref().unwrap_or("all"),
        others: statistics.iter().map(other).collect(),
        shown: row(&view.team, window, known, None),
    }
}

/// A month has no window: its number leads nowhere, it is a look back.
fn month_row(view: &KpiView, month: &str, known: &KpiRow) -> ShownRow {
    let (kpi, part) = (known.kpi.as_ref(), known.part.as_deref());
    let place = Place { team: &view.team, kpi, part, tier: None, span: month, unit: known.unit, link: None };
    shown(&place, known, String::new(), None)
}

fn weekly(view: &KpiView) -> Option<String> {
    let trend = &view.trend.as_ref()?.trend;
    // The part that stands for the KPI, whose weeks these are.
    let part = view.windows.first().and_then(|window| window.rows.first()).and_then(|row| row.part.as_ref());
    let bound = |name: &str| {
        let of_headline = view.targets.iter().filter(|it| {
            it.statistic == view.entry.headline && it.part.as_ref() == part && it.before.is_none() && it.tier.is_none()
        });
        // Weeks of rates are per working day, targets per calendar day: they are not drawn together.
        let drawn = of_headline.filter(|_| view.entry.unit != Unit::PerDay);
        drawn.flat_map(|it| &it.bounds).find(|bound| bound.bound.ends_with(name)).map(|bound| bound.value)
    };
    Some(charts::weekly_line(&charts::WeeklyLine {
        id: "weekly",
        title: view.entry.title,
        unit: view.entry.unit,
        weeks: &trend.weeks,
        target_min: bound("min"),
        target_max: bound("max"),
        changed_in: trend.changed_in,
    }))
}

/// What a week's value is.
pub(super) fn weekly_note(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "The value of a week is the geometric mean of its durations.",
        Unit::PerDay => "The value of a week is its number of events per working day.",
        _ => "The value of a week is its share.",
    }
}

fn weeks(view: &KpiView) -> Vec<ShownWeek> {
    let known = view.trend.iter().flat_map(|it| it.trend.weeks.iter().rev());
    let shown = known.map(|week| ShownWeek {
        monday: week.monday.to_string(),
        value: week.value.map(|value| format_value(view.entry.unit, value)).unwrap_or_default(),
        observations: week.observations,
        compared: week.compared,
    });
    shown.collect()
}

/// The chart of a spread.
pub(super) fn spread(known: &Distribution, id: &str) -> String {
    let months: Vec<Month> = known
        .months
        .iter()
        .map(|month| Month {
            label: month.month.clone(),
            n: month.observations,
            quantiles: month.percentiles.map(|[p10, p25, p50, p75, p90]| Quantiles { p10, p25, p50, p75, p90 }),
            values: month.values.clone(),
        })
        .collect();
    charts::distribution(&charts::Distribution {
        id,
        title: &known.title,
        unit: Unit::Seconds,
        months: &months,
        target_max: known.target_max,
    })
}
