//! Bounds as people write them.

use crate::kpi::{Kpi, Statistic, Unit};

/// The unit of a statistic of a KPI: shares of days and variations are ratios whatever the KPI measures.
pub fn unit_of(kpi: &Kpi, statistic: Statistic) -> Unit {
    match statistic {
        Statistic::WorkingDaysWithOne | Statistic::WeeklyVariation => Unit::Ratio,
        _ => kpi.unit,
    }
}

/// Reads `7d`, `15%`, `1/week` or a plain number, whatever the unit asks for; the result is in base units.
///
/// # Errors
/// A sentence that says how to write it.
pub fn parse_quantity(unit: Unit, text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (example, value) = match unit {
        Unit::Seconds => ("\"48h\"", humantime::parse_duration(text).ok().map(|duration| duration.as_secs_f64())),
        Unit::Ratio => ("\"15%\"", ratio(text)),
        Unit::PerDay => ("\"1/week\"", rate(text)),
        Unit::PerPullRequest | Unit::PerSecond | Unit::Count | Unit::Score | Unit::CostPerUnit => {
            ("\"4\"", text.parse().ok())
        }
    };
    value
        .filter(|value: &f64| value.is_finite() && *value >= 0.0)
        .ok_or_else(|| format!("\"{text}\" is no {}: write for example {example}", unit.metric_suffix()))
}

fn ratio(text: &str) -> Option<f64> {
    match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok().map(|percent| percent / 100.0),
        None => text.parse().ok(),
    }
}

fn rate(text: &str) -> Option<f64> {
    let (number, span) = text.split_once('/')?;
    let days = match span.trim() {
        "day" => 1.0,
        "week" => 7.0,
        "month" => 365.0 / 12.0,
        "year" => 365.0,
        _ => return None,
    };
    Some(number.trim().parse::<f64>().ok()? / days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_in_the_unit_of_the_kpi() {
        assert_eq!(parse_quantity(Unit::Seconds, "2d"), Ok(172_800.0));
        assert_eq!(parse_quantity(Unit::Seconds, "300ms"), Ok(0.3));
        assert_eq!(parse_quantity(Unit::Ratio, "15%"), Ok(0.15));
        assert_eq!(parse_quantity(Unit::Ratio, "0.8"), Ok(0.8));
        assert_eq!(parse_quantity(Unit::PerDay, "7/week"), Ok(1.0));
        assert_eq!(parse_quantity(Unit::Score, "4"), Ok(4.0));
        let error = parse_quantity(Unit::Seconds, "soon").unwrap_err();
        assert_eq!(error, "\"soon\" is no seconds: write for example \"48h\"");
        assert!(parse_quantity(Unit::Ratio, "NaN").is_err());
    }
}
