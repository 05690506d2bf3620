//! One KPI of a team: what it means, what it was, how it was spread, whether it moves.

use chrono::Months;
use serde::Serialize;
use utoipa::ToSchema;

use super::rows_over;
use crate::facts::Moment;
use crate::kpi::{CATALOGUE, Kpi, Observed, Shape, Span, TeamFacts, Unit, Window, assess, metric_name};
use crate::pipeline::{Snapshot, TeamSnapshot};
use crate::report::KpiRow;
use crate::report::review::{Distribution, distribution};
use crate::report::rows_of;
use crate::report::scorecard::MeasureStatus;
use crate::report::trend_words::sentence;
use crate::trend::Trend;

/// The KPI page shows so many months.
const MONTHS: u32 = 13;

/// One KPI of the catalogue.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CatalogueEntry {
    /// The id.
    pub kpi: &'static str,
    /// The title.
    pub title: &'static str,
    /// The name of the metric family.
    pub metric: String,
    /// The unit of values.
    pub unit: Unit,
    /// Which way is better: `lower`, `higher`, `stable`.
    pub direction: &'static str,
    /// The statistic that stands for it.
    pub headline: &'static str,
    /// What it tells, in one sentence.
    pub meaning: &'static str,
    /// Exactly what is counted and what is left out.
    pub definition: &'static str,
    /// Where the definition comes from.
    pub reference: &'static str,
    /// Below this many observations the verdict is "too few".
    pub minimum_observations: usize,
    /// Rises whenever the definition changes.
    pub revision: u32,
}

/// One KPI of a team.
#[derive(Debug, Serialize, ToSchema)]
pub struct KpiView {
    /// The team's slug.
    pub team: String,
    /// The moment of evaluation.
    pub as_of: Moment,
    /// What it is.
    #[serde(flatten)]
    pub entry: CatalogueEntry,
    /// Its values over each window.
    pub windows: Vec<WindowValues>,
    /// Its values month by month, oldest first; the last month lasts.
    pub months: Vec<MonthValue>,
    /// How it was spread, for durations.
    pub distribution: Option<Distribution>,
    /// Whether it moves, where that is tested.
    pub trend: Option<TrendView>,
    /// The targets of the scorecards for it.
    pub targets: Vec<MeasureStatus>,
}

/// The values over one window.
#[derive(Debug, Serialize, ToSchema)]
pub struct WindowValues {
    /// The window's label.
    pub window: &'static str,
    /// Part by part.
    pub rows: Vec<KpiRow>,
}

/// The value of one month.
#[derive(Debug, Serialize, ToSchema)]
pub struct MonthValue {
    /// The month, `2026-10`.
    pub month: String,
    /// The value.
    pub row: KpiRow,
}

/// A trend with its sentence.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrendView {
    /// What was compared and what came of it.
    pub sentence: String,
    /// The trend.
    #[serde(flatten)]
    pub trend: Trend,
}

/// The catalogue.
pub fn catalogue() -> Vec<CatalogueEntry> {
    CATALOGUE.iter().map(|kpi| entry(kpi)).collect()
}

fn entry(kpi: &Kpi) -> CatalogueEntry {
    CatalogueEntry {
        kpi: kpi.id,
        title: kpi.title,
        metric: metric_name(kpi),
        unit: kpi.unit,
        direction: kpi.direction.label(),
        headline: kpi.headline.label(),
        meaning: kpi.meaning,
        definition: kpi.definition,
        reference: kpi.reference,
        minimum_observations: kpi.minimum_observations,
        revision: kpi.revision,
    }
}

/// The page of a KPI. `facts` are those of the team, as of its snapshot.
pub fn kpi_view(snapshot: &Snapshot, team: &TeamSnapshot, kpi: &'static Kpi, facts: &TeamFacts<'_>) -> KpiView {
    let observed = (kpi.observe)(facts);
    let measured = team.kpis.iter().find(|measured| measured.kpi.id == kpi.id);
    let windows = measured.into_iter().flat_map(|measured| {
        Window::ALL.iter().map(|window| WindowValues { window: window.label(), rows: rows_over(measured, *window) })
    });
    let trend = snapshot.trends.iter().find(|trend| trend.team == team.id && trend.kpi == kpi.id);
    let targeted = team.scorecards.iter().flat_map(|card| &card.rows).flat_map(|row| &row.measures);
    let mut targets: Vec<MeasureStatus> = Vec::new();
    for measure in targeted.filter(|measure| measure.kpi == kpi.id) {
        if !targets.contains(measure) {
            targets.push(measure.clone());
        }
    }
    KpiView {
        team: team.id.clone(),
        as_of: team.as_of,
        entry: entry(kpi),
        windows: windows.collect(),
        months: months(kpi, &observed, facts),
        distribution: (kpi.shape == Shape::Duration).then(|| spread(kpi, &observed, facts, &targets)).flatten(),
        trend: trend.map(|trend| TrendView { sentence: sentence(kpi, trend), trend: trend.clone() }),
        targets,
    }
}

fn spread(
    kpi: &'static Kpi,
    observed: &Observed,
    facts: &TeamFacts<'_>,
    targets: &[MeasureStatus],
) -> Option<Distribution> {
    let whole = Span { from: Moment::MIN_UTC, until: facts.as_of };
    let part = rows_of(kpi, &assess(kpi, observed, &whole, facts)).into_iter().next()?.part;
    let of_headline =
        targets.iter().filter(|it| it.statistic == kpi.headline.label() && it.part == part && it.tier.is_none());
    let bounds = of_headline.flat_map(|it| &it.bounds).find(|bound| bound.bound.ends_with("max"));
    distribution(kpi, part.as_deref(), observed, facts, facts.calendar.day(facts.as_of), bounds.map(|it| it.value))
}

fn months(kpi: &'static Kpi, observed: &Observed, facts: &TeamFacts<'_>) -> Vec<MonthValue> {
    let today = facts.calendar.day(facts.as_of);
    let days = (0..MONTHS).rev().filter_map(|back| today.checked_sub_months(Months::new(back)));
    let values = days.filter_map(|day| {
        let (from, until) = facts.calendar.month_span(day);
        let span = Span { from, until: until.min(facts.as_of) };
        let row = rows_of(kpi, &assess(kpi, observed, &span, facts)).into_iter().next()?;
        Some(MonthValue { month: day.format("%Y-%m").to_string(), row })
    });
    values.collect()
}
