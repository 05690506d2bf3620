//! How fast known weaknesses are mended.

pub(super) mod dependency_freshness;
pub(super) mod vulnerabilities_beyond_sla;
pub(super) mod vulnerability_remediation_time;
pub(super) mod vulnerability_sla_compliance;

use crate::attribution::TeamSecurityAlert;
use crate::kpi::{Evidence, ExclusionReason};

/// An alert as evidence.
fn alert_evidence(alert: &TeamSecurityAlert, detail: impl Into<String>) -> Evidence {
    Evidence { key: alert.key.clone(), title: alert.title.clone(), url: alert.url.clone(), detail: detail.into() }
}

/// Why a dismissed alert does not count.
fn dismissed(alert: &TeamSecurityAlert) -> Option<ExclusionReason> {
    let (at, reason) = alert.dismissed.as_ref()?;
    let reason = if reason.is_empty() { "dismissed".to_owned() } else { format!("dismissed: {reason}") };
    Some(ExclusionReason { at: *at, reason, evidence: alert_evidence(alert, alert.severity.label()) })
}
