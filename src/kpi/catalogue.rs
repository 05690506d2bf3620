//! All KPIs, and what derives from their entries.

use super::definition::{Kpi, Unit};
use super::{delivery, people, planning, quality, review, security, service_health, stability};

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
    &planning::work_item_cycle_time::KPI,
    &planning::throughput::KPI,
    &planning::delivery_predictability::KPI,
    &planning::rework_rate::KPI,
    &planning::defect_escape_rate::KPI,
    &planning::customer_issue_resolution_time::KPI,
    &planning::improvement_share::KPI,
    &planning::tech_debt_ratio::KPI,
    &planning::reliability_items_closed::KPI,
    &quality::ci_duration::KPI,
    &quality::ci_success_rate::KPI,
    &quality::flaky_test_rate::KPI,
    &quality::test_coverage::KPI,
    &quality::documentation_completeness::KPI,
    &people::survey::DOCUMENTATION_QUALITY,
    &security::vulnerability_remediation_time::KPI,
    &security::vulnerability_sla_compliance::KPI,
    &security::vulnerabilities_beyond_sla::KPI,
    &security::dependency_freshness::KPI,
    &service_health::measured::SLO_ATTAINMENT,
    &service_health::measured::LATENCY_P95,
    &service_health::measured::LATENCY_P99,
    &service_health::measured::ERROR_RATE,
    &service_health::measured::REQUEST_THROUGHPUT,
    &service_health::unit_cost::KPI,
    &service_health::operational_readiness::KPI,
    &people::onboarding_ramp_time::KPI,
    &people::survey::STAKEHOLDER_SATISFACTION,
    &people::survey::TEAM_ENGAGEMENT,
    &people::survey::MENTORING_IMPACT,
    &people::survey::PROMOTION_READINESS,
    &people::regrettable_attrition::KPI,
    &people::hiring::TIME_TO_FILL,
    &people::hiring::OFFER_ACCEPTANCE_RATE,
    &people::hiring::INTERVIEW_TO_OFFER_RATE,
];

/// The KPI of an id.
pub fn find(id: &str) -> Option<&'static Kpi> {
    CATALOGUE.iter().find(|kpi| kpi.id == id).copied()
}

/// The name of the metric family: `chiplog_`, the id, and the unit where the id does not end with it.
pub fn metric_name(kpi: &Kpi) -> String {
    let suffix = match kpi.unit {
        // `_count` is kept for histograms and summaries; of costs nobody but the reporter knows the currency.
        Unit::Count | Unit::CostPerUnit => String::new(),
        unit => format!("_{}", unit.metric_suffix()),
    };
    if kpi.id.ends_with(&suffix) { format!("chiplog_{}", kpi.id) } else { format!("chiplog_{}{suffix}", kpi.id) }
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
            assert!(
                kpi.id.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_'),
                "{}",
                kpi.id
            );
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
