//! Trends in words.

use std::fmt::Write as _;

use crate::kpi::{Kpi, Unit, find, format_value};
use crate::trend::{Trend, TrendVerdict};

/// The weeks that are printed of each series.
const SHOWN_WEEKS: usize = 16;

/// The trends of a team, each explained with its weekly numbers.
pub fn trends(team: &str, trends: &[Trend]) -> String {
    let mut text = format!("{team}: trends of complete weeks, each judged with all teams' others in mind\n");
    for trend in trends {
        let Some(kpi) = find(trend.kpi) else { continue };
        let _ = write!(text, "\n{}: {}\n  {}\n", kpi.title, trend.verdict.words(), sentence(kpi, trend));
        let _ = writeln!(text, "  {}", weeks(kpi, trend));
    }
    text
}

/// What was compared and what came of it.
pub fn sentence(kpi: &Kpi, trend: &Trend) -> String {
    let (now, before) = trend.observations;
    let (Some(current), Some(baseline), Some(effect)) = (trend.current, trend.baseline, trend.effect) else {
        return format!("{now} observations now and {before} before are too few to compare.");
    };
    let value = |value: f64| value_of(kpi, value);
    let mut text = format!(
        "{} now (n {now}) against {} before (n {before}), {}",
        value(current),
        value(baseline),
        change(trend, effect)
    );
    if let Some((low, high)) = trend.interval {
        let _ = if trend.effect_in_points {
            write!(text, " ({:+.1} to {:+.1})", low * 100.0, high * 100.0)
        } else {
            write!(text, " ({low:.2} to {high:.2})")
        };
    }
    let _ = write!(text, ", p {:.4}, q {:.4}.", trend.p_worse, trend.q_worse);
    if let Some(monday) = trend.confirmed_since {
        let _ = write!(text, " Confirmed since the week of {monday}.");
    }
    if let Some(monday) = trend.changed_in {
        let _ = write!(text, " The weekly values changed most in the week of {monday}.");
    }
    if trend.verdict == TrendVerdict::TooFew {
        text.push_str(" That is too little to tell a trend.");
    }
    text
}

/// Rates are compared per working day.
fn value_of(kpi: &Kpi, value: f64) -> String {
    match kpi.unit {
        Unit::PerDay => format!("{value:.2} per working day"),
        unit => format_value(unit, value),
    }
}

fn change(trend: &Trend, effect: f64) -> String {
    if trend.effect_in_points { format!("{:+.1} points", effect * 100.0) } else { format!("×{effect:.2}") }
}

fn weeks(kpi: &Kpi, trend: &Trend) -> String {
    let skipped = trend.weeks.len().saturating_sub(SHOWN_WEEKS);
    let shown = trend.weeks[skipped..].iter().map(|week| {
        let value =
            week.value.map_or_else(|| "–".to_owned(), |value| value_of(kpi, value).replace(" per working day", ""));
        let mark = if week.compared { "" } else { "*" };
        format!("{} {value} ({}){mark}", week.monday.format("%m-%d"), week.observations)
    });
    format!("weeks: {}", shown.collect::<Vec<_>>().join("; "))
}
