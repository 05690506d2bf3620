//! All KPIs, and what derives from their entries.

use std::fmt::Write as _;

use super::definition::Kpi;
use super::{delivery, review, stability};

/// Every KPI, in the order of tables. A new one is a file and a line here.
pub const CATALOGUE: &[&Kpi] = &[
    &delivery::lead_time_for_changes::KPI,
    &delivery::deployment_frequency::KPI,
    &stability::change_failure_rate::KPI,
    &stability::failed_deployment_recovery_time::KPI,
    &stability::deployment_rework_rate::KPI,
    &stability::time_to_restore::KPI,
    &delivery::deployment_success_rate::KPI,
    &delivery::lead_time_stage::KPI,
    &review::pr_cycle_time::KPI,
    &review::review_turnaround_time::KPI,
    &review::review_participation::KPI,
    &stability::incident_rate::KPI,
    &stability::severe_incidents::KPI,
    &stability::time_to_acknowledge::KPI,
];

/// The KPI of an id.
pub fn find(id: &str) -> Option<&'static Kpi> {
    CATALOGUE.iter().find(|kpi| kpi.id == id).copied()
}

/// The name of the metric family: `chiplog_`, the id, and the unit.
pub fn metric_name(kpi: &Kpi) -> String {
    format!("chiplog_{}_{}", kpi.id, kpi.unit.metric_suffix())
}

/// The table of the README, as Markdown.
pub fn reference_table() -> String {
    let mut table = String::from("| KPI | metric | what it tells | definition |\n| --- | --- | --- | --- |\n");
    for kpi in CATALOGUE {
        let _ = writeln!(table, "| {} | `{}` | {} | {} |", kpi.title, metric_name(kpi), kpi.meaning, kpi.definition);
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::definition::{Parts, Shape, Statistic};
    use super::*;

    #[test]
    fn every_entry_is_complete() {
        let ids: BTreeSet<&str> = CATALOGUE.iter().map(|kpi| kpi.id).collect();
        assert_eq!(ids.len(), CATALOGUE.len(), "ids are unique");
        for kpi in CATALOGUE {
            assert!(kpi.id.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'), "{}", kpi.id);
            for text in [kpi.meaning, kpi.definition, kpi.reference] {
                assert!(text.len() > 20 && text.ends_with('.') && !text.contains('|'), "{}: {text:?}", kpi.id);
            }
            assert!(!kpi.title.ends_with('.') && kpi.revision >= 1 && !kpi.needs.is_empty(), "{}", kpi.id);
            let fits = match kpi.shape {
                Shape::Duration => matches!(kpi.headline, Statistic::P50 | Statistic::P90 | Statistic::Mean),
                Shape::Proportion => kpi.headline == Statistic::Share,
                Shape::Rate => kpi.headline == Statistic::PerDay,
                Shape::Level => matches!(kpi.headline, Statistic::Mean | Statistic::Latest),
            };
            assert!(fits, "{}: the headline does not fit the shape", kpi.id);
            if let Parts::Alternatives { values, .. } | Parts::Breakdown { values, .. } = kpi.parts {
                assert!(values.len() > 1, "{}: one part is no part", kpi.id);
            }
        }
    }
}
