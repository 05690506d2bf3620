//! Open vulnerabilities, day by day.

use chrono::Duration;

use super::alert_evidence;
use crate::attribution::{AlertSeverity, TeamSecurityAlert};
use crate::facts::Moment;
use crate::kpi::{
    Direction, Evidence, Kpi, Need, Observation, Observed, OpenItem, Parts, Protection, Shape, Statistic, TeamFacts,
    Unit,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "vulnerabilities_beyond_sla",
    title: "Vulnerabilities beyond SLA",
    unit: Unit::Count,
    direction: Direction::Lower,
    shape: Shape::Level,
    headline: Statistic::Latest,
    meaning: "How many critical and high weaknesses are open for longer than they may be.",
    definition: "Critical and high alerts that are open past their time (see vulnerability_sla_compliance), counted at the end \
                 of every day and now. Beside it all open alerts by severity. Dismissed alerts are not open.",
    reference: "chiplog's own, after the vulnerability ageing reports of security teams.",
    needs: &[Need::SecurityAlerts],
    minimum_observations: 1,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Alternatives {
        label: "measure",
        values: &["beyond_sla", "open_critical", "open_high", "open_medium", "open_low"],
    },
    observe,
};

/// How many days back are counted: the longest window.
const DAYS: i64 = 364;

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    let Some(first) = facts.security_alerts.iter().map(|alert| alert.opened_at).min() else {
        // Somebody looks, and there is nothing: that is a zero.
        return observed;
    };
    let now = facts.as_of - Duration::milliseconds(1);
    let moments = (0..DAYS).map(|day| now - Duration::days(day)).take_while(|moment| *moment >= first);
    for moment in moments {
        for (part, counts) in PARTS {
            let count = facts.security_alerts.iter().filter(|alert| counts(alert, moment)).count();
            let evidence = Evidence {
                key: format!("day:{}", moment.format("%Y-%m-%d")),
                title: format!("{count} open on {}", moment.format("%Y-%m-%d")),
                url: None,
                detail: String::new(),
            };
            observed.observations.push(Observation::new(moment, count as f64, evidence).of_part(part));
        }
    }
    for alert in facts.security_alerts.iter().filter(|alert| is_beyond(alert, now)) {
        observed.open.push(OpenItem {
            began_at: alert.opened_at,
            age_seconds: (facts.as_of - alert.opened_at).as_seconds_f64(),
            part: Some("beyond_sla"),
            evidence: alert_evidence(alert, alert.severity.label()),
        });
    }
    observed
}

/// Whether an alert counts at a moment.
type Counts = fn(&TeamSecurityAlert, Moment) -> bool;

/// What each part counts.
const PARTS: [(&str, Counts); 5] = [
    ("beyond_sla", is_beyond),
    ("open_critical", |alert, moment| alert.severity == AlertSeverity::Critical && is_open(alert, moment)),
    ("open_high", |alert, moment| alert.severity == AlertSeverity::High && is_open(alert, moment)),
    ("open_medium", |alert, moment| alert.severity == AlertSeverity::Medium && is_open(alert, moment)),
    ("open_low", |alert, moment| alert.severity == AlertSeverity::Low && is_open(alert, moment)),
];

fn is_open(alert: &TeamSecurityAlert, moment: Moment) -> bool {
    let ended_at = alert.fixed_at.or(alert.dismissed.as_ref().map(|(at, _)| *at));
    alert.opened_at <= moment && ended_at.is_none_or(|at| at > moment)
}

fn is_beyond(alert: &TeamSecurityAlert, moment: Moment) -> bool {
    is_open(alert, moment) && alert.due_at.is_some_and(|due| due < moment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, alert, at, value};
    use crate::kpi::{Window, summarise_part};

    #[test]
    fn counted_day_by_day() {
        // Critical since the 1st, due on the 8th, open. High since the 1st and fixed on the 10th: never beyond its 30 days.
        let alerts = vec![
            alert(1, AlertSeverity::Critical, "2026-10-01T00:00:00Z", None),
            alert(2, AlertSeverity::High, "2026-10-01T00:00:00Z", Some("2026-10-10T00:00:00Z")),
        ];
        let world = World::default().with(|facts| facts.security_alerts = alerts);
        let as_of = at("2026-10-12T00:00:00Z");
        let outcome = world.outcome_over(&KPI, Window::Days7, as_of);
        assert!((value(&outcome, Statistic::Latest) - 1.0).abs() < 1e-12);
        // The ends of the 5th to the 11th: beyond on the 8th, 9th, 10th and 11th: 4/7.
        assert!((value(&outcome, Statistic::Mean) - 4.0 / 7.0).abs() < 1e-12);
        let observed = world.observed(&KPI, as_of);
        assert_eq!(observed.open.len(), 1);
        let span = Window::Days7.span(as_of);
        let high = world.with_facts(as_of, |facts| summarise_part(&KPI, &observed, "open_high", &span, facts));
        // Open at the ends of the 5th to the 9th: 5/7, and none now.
        assert!((value(&high, Statistic::Mean) - 5.0 / 7.0).abs() < 1e-12);
        assert!(value(&high, Statistic::Latest).abs() < 1e-12);
    }
}
