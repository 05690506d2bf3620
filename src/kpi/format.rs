//! Values as people read them.

use super::definition::Unit;

/// A value with its unit: `1.8 d`, `43.2 h`, `12.5 %`, `1.4/day`.
pub fn format_value(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Seconds => duration(value),
        Unit::Ratio => format!("{:.1} %", value * 100.0),
        Unit::PerDay => format!("{value:.2}/day"),
        Unit::PerPullRequest => format!("{value:.2}"),
    }
}

/// Hours up to two days, because "43 hours" is how people speak; days beyond.
fn duration(seconds: f64) -> String {
    match seconds.abs() {
        size if size < 60.0 => format!("{seconds:.0} s"),
        size if size < 3600.0 => format!("{:.1} min", seconds / 60.0),
        size if size < 48.0 * 3600.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.1} d", seconds / 86_400.0),
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
        assert_eq!(format_value(Unit::PerDay, 1.4), "1.40/day");
    }
}
