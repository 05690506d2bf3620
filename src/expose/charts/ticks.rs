//! Round values for axes, and round moments.

use chrono::{DateTime, Datelike, TimeDelta, Utc};

use crate::kpi::{Unit, format_value};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;

/// Where an axis of durations starts if none is positive.
pub(super) const DURATION_START: f64 = 1.0;

/// What people call round: each about four to ten times the one before.
const COARSE: [f64; 15] = [
    0.001,
    0.01,
    0.1,
    1.0,
    10.0,
    MINUTE,
    10.0 * MINUTE,
    HOUR,
    4.0 * HOUR,
    DAY,
    7.0 * DAY,
    28.0 * DAY,
    84.0 * DAY,
    364.0 * DAY,
    3_640.0 * DAY,
];

/// Between those, for values that lie close together.
const FINE: [f64; 13] = [
    30.0,
    2.0 * MINUTE,
    5.0 * MINUTE,
    20.0 * MINUTE,
    30.0 * MINUTE,
    2.0 * HOUR,
    8.0 * HOUR,
    12.0 * HOUR,
    2.0 * DAY,
    4.0 * DAY,
    14.0 * DAY,
    56.0 * DAY,
    168.0 * DAY,
];

/// A round value and what stands beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub value: f64,
    pub label: String,
}

/// Round durations from at or below `low` to at or above `high`: at least two.
pub(super) fn duration_ticks(low: f64, high: f64) -> Vec<Tick> {
    let coarse = around(&COARSE, low, high);
    let values = if coarse.len() > 3 {
        coarse
    } else {
        let mut all = [&COARSE[..], &FINE[..]].concat();
        all.sort_by(f64::total_cmp);
        around(&all, low, high)
    };
    values.into_iter().map(|value| Tick { value, label: plain(&format_value(Unit::Seconds, value)) }).collect()
}

/// Those of the ascending round values that are needed to hold a span.
fn around(round: &[f64], low: f64, high: f64) -> Vec<f64> {
    let last = round.len() - 1;
    let from = round.iter().rposition(|value| *value <= low).unwrap_or(0).min(last - 1);
    let until = round.iter().position(|value| *value >= high).unwrap_or(last).max(from + 1);
    round[from..=until].to_vec()
}

/// Ticks at 1, 2 or 5 times a power of ten. The axis starts at zero unless the values lie close together far from it.
pub(super) fn moderate_ticks(unit: Unit, low: f64, high: f64) -> Vec<Tick> {
    let (factor, suffix) = shown_in(unit, high);
    let near_together = low > 0.0 && high - low < 0.25 * high;
    let start = if near_together { low * factor } else { low.min(0.0) * factor };
    let end = if high * factor > start { high * factor } else { start + 1.0 };
    let step = round_step((end - start) / 4.0);
    let (first, last) = ((start / step + 1e-9).floor(), (end / step - 1e-9).ceil());
    let last = if last > first { last } else { first + 1.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a dozen steps")]
    let count = (last - first) as usize;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a few digits")]
    let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let tick = |index: usize| {
        let shown = (first + index as f64) * step;
        let label = if shown == 0.0 { format!("0{suffix}") } else { format!("{shown:.digits$}{suffix}") };
        Tick { value: shown / factor, label }
    };
    (0..=count).map(tick).collect()
}

/// The smallest of 1, 2 and 5 times a power of ten that is no less.
fn round_step(wanted: f64) -> f64 {
    let power = 10_f64.powf(wanted.max(1e-9).log10().floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= wanted * (1.0 - 1e-9));
    times.unwrap_or(10.0) * power
}

/// The unit in which an axis counts, as `format_value` would take it for the greatest value.
fn shown_in(unit: Unit, high: f64) -> (f64, &'static str) {
    match unit {
        Unit::Ratio => (100.0, " %"),
        Unit::PerDay if high >= 0.5 || high <= 0.0 => (1.0, "/day"),
        Unit::PerDay if high >= 0.05 => (7.0, "/week"),
        Unit::PerDay => (365.0, "/year"),
        Unit::PerSecond => (1.0, "/s"),
        Unit::Seconds | Unit::PerPullRequest | Unit::Count | Unit::Score | Unit::CostPerUnit => (1.0, ""),
    }
}

/// A label without a digit that says nothing: `24 h` of `24.0 h`.
fn plain(label: &str) -> String {
    label.replace(".0 ", " ")
}

/// Round moments within a span with their labels, in UTC: at most `most`.
pub(super) fn moment_ticks(from: DateTime<Utc>, until: DateTime<Utc>, most: usize) -> Vec<(DateTime<Utc>, String)> {
    let hours = [1, 2, 4, 6, 12, 24, 48, 7 * 24, 14 * 24, 28 * 24, 84 * 24, 364 * 24, 3_640 * 24];
    let span = (until - from).num_minutes().max(1);
    let fits = |hours: &&i64| span / (**hours * 60) < i64::try_from(most).unwrap_or(i64::MAX);
    let step = hours.iter().find(fits).unwrap_or(&hours[12]) * 3600;
    // A Monday, so that steps of weeks begin at Mondays.
    let monday = -3 * 86_400;
    let first = from.timestamp() + (monday - from.timestamp()).rem_euclid(step);
    let mut ticks: Vec<(DateTime<Utc>, String)> = Vec::new();
    let mut at = DateTime::from_timestamp(first, 0).unwrap_or(from);
    while at <= until && ticks.len() < most {
        let before = ticks.last().map(|(moment, _)| *moment);
        ticks.push((at, moment_label(at, before, step)));
        at += TimeDelta::seconds(step);
    }
    ticks
}

/// The day, with the year where it is not told by the label before; within days the time, with the day likewise.
fn moment_label(at: DateTime<Utc>, before: Option<DateTime<Utc>>, step: i64) -> String {
    let new_day = before.is_none_or(|before| before.date_naive() != at.date_naive());
    let new_year = before.is_none_or(|before| before.year() != at.year());
    let form = match (step < 86_400, new_day, new_year) {
        (true, false, _) => "%H:%M",
        (true, true, _) => "%-d %b %H:%M",
        (false, _, true) => "%-d %b %Y",
        (false, _, false) => "%-d %b",
    };
    at.format(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn durations_have_the_ticks_that_people_call_round() {
        let wide = duration_ticks(90.0, 2_000_000.0);
        assert_eq!(labels(&wide), ["1 min", "10 min", "1 h", "4 h", "24 h", "7 d", "28 d"]);
        // Two to three days lie between a day and a week: finer ticks.
        assert_eq!(labels(&duration_ticks(180_000.0, 260_000.0)), ["2 d", "4 d"]);
        assert_eq!(labels(&duration_ticks(3_600.0, 3_600.0)), ["1 h", "2 h"]);
        assert_eq!(labels(&duration_ticks(1e-9, 0.005)), ["1 ms", "10 ms"]);
        assert_eq!(labels(&duration_ticks(1e12, 1e12)), ["364 d", "3640 d"]);
    }

    #[test]
    fn other_values_have_steps_of_one_two_and_five() {
        assert_eq!(labels(&moderate_ticks(Unit::PerDay, 0.6, 3.6)), ["0/day", "1/day", "2/day", "3/day", "4/day"]);
        assert_eq!(labels(&moderate_ticks(Unit::Ratio, 0.02, 0.17)), ["0 %", "5 %", "10 %", "15 %", "20 %"]);
        assert_eq!(labels(&moderate_ticks(Unit::PerDay, 0.0, 0.2)), ["0/week", "0.5/week", "1.0/week", "1.5/week"]);
        assert_eq!(labels(&moderate_ticks(Unit::Count, 7.0, 7.0)), ["7.0", "7.5", "8.0"]);
        assert_eq!(labels(&moderate_ticks(Unit::Ratio, 0.0, 0.0)), ["0 %", "0.5 %", "1.0 %"]);
        // Close together and far from zero: the axis does not start there.
        let availability = moderate_ticks(Unit::Ratio, 0.9951, 0.9989);
        assert_eq!(labels(&availability), ["99.5 %", "99.6 %", "99.7 %", "99.8 %", "99.9 %"]);
    }

    #[test]
    fn moments_are_round_too() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let labels = |from: &str, until: &str| -> Vec<String> {
            moment_ticks(at(from), at(until), 7).into_iter().map(|(_, label)| label).collect()
        };
        // Four weeks from a Wednesday: Mondays.
        assert_eq!(
            labels("2025-12-03T10:00:00Z", "2026-01-01T00:00:00Z"),
            ["8 Dec 2025", "15 Dec", "22 Dec", "29 Dec"]
        );
        assert_eq!(
            labels("2026-03-01T20:30:00Z", "2026-03-02T09:00:00Z"),
            ["1 Mar 22:00", "2 Mar 00:00", "02:00", "04:00", "06:00", "08:00"]
        );
        assert_eq!(labels("2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z"), ["2 Mar 09:00"]);
    }
}
