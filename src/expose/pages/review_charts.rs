//! The charts of a review.

use super::kpi::spread;
use super::parts::{Word, seconds, trend};
use crate::expose::charts::{self, StageBar, StageBars, WeeklyLine};
use crate::kpi::{Unit, format_value};
use crate::report::review::{Distribution, HeadlineRow, Review, StageBreakdown, TrendTold};

/// A KPI week by week.
pub(super) struct Weekly<'a> {
    pub(super) title: &'a str,
    pub(super) word: Word,
    pub(super) sentence: &'a str,
    pub(super) drawing: String,
    pub(super) weeks: Vec<WeekRow>,
}

/// One week.
pub(super) struct WeekRow {
    pub(super) monday: String,
    pub(super) value: String,
    pub(super) observations: usize,
}

/// How a duration was spread.
pub(super) struct Spread<'a> {
    pub(super) title: String,
    pub(super) drawing: String,
    pub(super) months: Vec<MonthRow<'a>>,
}

/// One month of it.
pub(super) struct MonthRow<'a> {
    pub(super) month: &'a str,
    pub(super) observations: usize,
    pub(super) values: Vec<String>,
}

/// Where the time went.
pub(super) struct Stages {
    pub(super) sentence: String,
    pub(super) drawing: String,
    pub(super) rows: Vec<(String, String, String)>,
}

/// The KPIs whose trends are tested, week by week.
pub(super) fn weekly(review: &Review) -> Vec<Weekly<'_>> {
    let tested = review.headline.iter().filter_map(|row| Some((row, row.trend.as_ref()?)));
    tested.map(|(row, told)| of_kpi(row, told)).collect()
}

fn of_kpi<'a>(row: &'a HeadlineRow, told: &'a TrendTold) -> Weekly<'a> {
    // Weeks of rates are per working day, targets per calendar day: they are not drawn together.
    let target = row.target.as_ref().filter(|_| row.unit != Unit::PerDay);
    let drawing = charts::weekly_line(&WeeklyLine {
        id: &format!("weeks-{}", row.kpi),
        title: &row.title,
        unit: row.unit,
        weeks: &told.weeks,
        target_min: target.and_then(|target| target.min),
        target_max: target.and_then(|target| target.max),
        changed_in: told.changed_in,
    });
    let weeks = told.weeks.iter().rev().map(|week| WeekRow {
        monday: week.monday.to_string(),
        value: week.value.map(|value| format_value(row.unit, value)).unwrap_or_default(),
        observations: week.observations,
    });
    Weekly { title: &row.title, word: trend(told.verdict), sentence: &told.sentence, drawing, weeks: weeks.collect() }
}

/// How durations were spread.
pub(super) fn spreads(review: &Review) -> Vec<Spread<'_>> {
    let shown = review.distributions.iter().map(|known| {
        let part = known.part.as_ref().map(|part| format!(" · {part}")).unwrap_or_default();
        Spread {
            title: format!("{}{part}", known.title),
            drawing: spread(known, &format!("spread-{}", known.kpi)),
            months: spread_rows(known),
        }
    });
    shown.collect()
}

/// The numbers behind the chart of a spread.
pub(super) fn spread_rows(known: &Distribution) -> Vec<MonthRow<'_>> {
    let rows = known.months.iter().map(|month| MonthRow {
        month: &month.month,
        observations: month.observations,
        values: month.percentiles.map_or_else(|| vec!["–".to_owned(); 5], |values| values.map(seconds).to_vec()),
    });
    rows.collect()
}

/// Where the time went, against the three months before.
pub(super) fn stages(known: &StageBreakdown) -> Stages {
    let stages_of = |value: &dyn Fn(&crate::report::review::StageMean) -> Option<f64>| -> Vec<(String, f64)> {
        known.stages.iter().filter_map(|stage| Some((stage.stage.clone(), value(stage)?))).collect()
    };
    let bar = |label: &str, stages| StageBar { label: label.to_owned(), stages };
    let mut bars = vec![bar("This month", stages_of(&|stage| Some(stage.seconds)))];
    let before = stages_of(&|stage| stage.seconds_before);
    if !before.is_empty() {
        bars.push(bar("Three months before", before));
    }
    let rows = known.stages.iter().map(|stage| {
        let before = stage.seconds_before.map_or_else(|| "–".to_owned(), seconds);
        (stage.stage.clone(), seconds(stage.seconds), before)
    });
    Stages {
        sentence: known.sentence(),
        drawing: charts::stage_bars(&StageBars { id: "stages", title: "Mean time by stage", bars: &bars }),
        rows: rows.collect(),
    }
}
