//! A trend in one sentence.

use std::fmt::Write as _;

use crate::kpi::{Kpi, Unit, format_value};
use crate::trend::{Trend, TrendVerdict};

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
    if trend.with_open {
        text.push_str(" Told of what began in those weeks, by the wall clock, with what is still open.");
    }
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

/// A weekly value in words. Rates are compared per working day.
pub fn value_of(kpi: &Kpi, value: f64) -> String {
    match kpi.unit {
        Unit::PerDay => format!("{value:.2} per working day"),
        unit => format_value(unit, value),
    }
}

fn change(trend: &Trend, effect: f64) -> String {
    if trend.effect_in_points { format!("{:+.1} points", effect * 100.0) } else { format!("×{effect:.2}") }
}
