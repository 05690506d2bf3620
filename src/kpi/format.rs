//! Values as people read them.

use super::definition::Unit;

/// A value with its unit: `1.8 d`, `43.2 h`, `12.5 %`, `1.4/day`.
pub fn format_value(unit: Unit, value: f64) -> String {
    format_beside(unit, value, value)
}

/// An interval, both ends in the unit of the larger: `0.95/week – 6.86/week`.
pub fn format_interval(unit: Unit, (low, high): (f64, f64)) -> String {
    let largest = low.abs().max(high.abs());
    format!("{} – {}", format_beside(unit, low, largest), format_beside(unit, high, largest))
}

/// A value in the unit that people would take for another one, which stands beside it.
pub fn format_beside(unit: Unit, value: f64, beside: f64) -> String {
    match unit {
        Unit::Seconds => duration(value, beside),
        Unit::Ratio => percent(value),
        Unit::PerDay => per_time(value, beside),
        Unit::PerPullRequest | Unit::Score => format!("{value:.2}"),
        Unit::PerSecond => format!("{value:.1}/s"),
        Unit::Count => format!("{value:.1}").trim_end_matches(".0").to_owned(),
        Unit::CostPerUnit => three_digits(value),
    }
}

/// Near nothing and near everything the second digit matters: 99.85 % is not 99.9 %.
fn percent(ratio: f64) -> String {
    let near_an_end = (ratio > 0.0 && ratio < 0.01) || (ratio > 0.99 && ratio < 1.0);
    let digits = if near_an_end { 2 } else { 1 };
    format!("{:.digits$} %", ratio * 100.0)
}

/// A number with three digits that tell something: `0.000352`, `12.5`.
fn three_digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a number can have")]
    let digits = (2.0 - value.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    format!("{value:.digits$}")
}

/// Events per day, or per week or year where they are rare.
fn per_time(per_day: f64, beside: f64) -> String {
    match beside.abs() {
        0.0 => "0/day".to_owned(),
        size if size >= 0.5 => format!("{per_day:.2}/day"),
        size if size >= 0.05 => format!("{:.2}/week", per_day * 7.0),
        _ => format!("{:.1}/year", per_day * 365.0),
    }
}

/// Hours up to two days, because "43 hours" is how people speak; days beyond.
fn duration(seconds: f64, beside: f64) -> String {
    match beside.abs() {
        size if size < 1.0 && size > 0.0 => format!("{:.0} ms", seconds * 1000.0),
        size if size < 60.0 => format!("{}", Seconds(seconds)),
        size if size < 3600.0 => format!("{:.1} min", seconds / 60.0),
        size if size < 48.0 * 3600.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.1} d", seconds / 86_400.0),
    }
}

/// Seconds with one digit behind the point where it tells something.
struct Seconds(f64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = usize::from(self.0.abs() < 10.0 && self.0.fract() != 0.0);
        write!(formatter, "{:.digits$} s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_unit_that_people_would() {
        let shown: Vec<String> =
            [42.0, 90.0, 155_520.0, 345_600.0, -90.0].iter().map(|value| format_value(Unit::Seconds, *value)).collect();
        assert_eq!(shown, ["42 s", "1.5 min", "43.2 h", "4.0 d", "-1.5 min"]);
        assert_eq!(format_value(Unit::Ratio, 0.125), "12.5 %");
        let rates: Vec<String> = [1.4, 0.2, 0.01, 0.0].iter().map(|value| format_value(Unit::PerDay, *value)).collect();
        assert_eq!(rates, ["1.40/day", "1.40/week", "3.6/year", "0/day"]);
        assert_eq!(format_interval(Unit::PerDay, (0.1357, 0.98)), "0.14/day – 0.98/day");
        assert_eq!(format_interval(Unit::Seconds, (2280.0, 13_680.0)), "0.6 h – 3.8 h");
        assert_eq!(format_value(Unit::Seconds, 0.25), "250 ms");
        assert_eq!(format_value(Unit::Count, 3.0), "3");
        assert_eq!(format_value(Unit::Ratio, 0.9985), "99.85 %");
        let costs: Vec<String> =
            [0.000_352, 12.5, 420.0].iter().map(|value| format_value(Unit::CostPerUnit, *value)).collect();
        assert_eq!(costs, ["0.000352", "12.5", "420"]);
    }
}
