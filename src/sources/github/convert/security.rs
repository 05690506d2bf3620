//! Alerts of Dependabot, code scanning and secret scanning. Who dismissed one and the secret itself are not read.

use serde::Deserialize;

use crate::facts::{Moment, SecurityAlert, SecurityAlertKind};

#[derive(Debug, Deserialize)]
struct Common {
    number: u64,
    created_at: Moment,
    updated_at: Option<Moment>,
    html_url: Option<String>,
    fixed_at: Option<Moment>,
    dismissed_at: Option<Moment>,
    auto_dismissed_at: Option<Moment>,
    dismissed_reason: Option<String>,
    resolved_at: Option<Moment>,
    resolution: Option<String>,
    secret_type_display_name: Option<String>,
    secret_type: Option<String>,
    security_advisory: Option<Advisory>,
    security_vulnerability: Option<Vulnerability>,
    rule: Option<Rule>,
}

#[derive(Debug, Deserialize)]
struct Advisory {
    ghsa_id: Option<String>,
    severity: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Vulnerability {
    package: Option<Package>,
    severity: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Rule {
    id: Option<String>,
    description: Option<String>,
    severity: Option<String>,
    security_severity_level: Option<String>,
}

fn alert(
    read: Common,
    repository: &str,
    kind: SecurityAlertKind,
    severity: Option<String>,
    title: String,
) -> SecurityAlert {
    SecurityAlert {
        repository: repository.to_owned(),
        kind,
        number: read.number,
        severity,
        title,
        opened_at: read.created_at,
        updated_at: read
            .updated_at
            .into_iter()
            .chain(read.fixed_at)
            .chain(read.dismissed_at)
            .max()
            .unwrap_or(read.created_at),
        fixed_at: read.fixed_at,
        dismissed_at: read.dismissed_at.or(read.auto_dismissed_at),
        dismissed_reason: read.dismissed_reason,
        url: read.html_url,
    }
}

/// An alert of Dependabot.
pub(in super::super) fn dependency_alert(
    record: serde_json::Value,
    repository: &str,
) -> serde_json::Result<SecurityAlert> {
    let read: Common = serde_json::from_value(record)?;
    let vulnerability = read.security_vulnerability.as_ref();
    let advisory = read.security_advisory.as_ref();
    let severity = vulnerability.and_then(|it| it.severity.clone()).or_else(|| advisory?.severity.clone());
    let package = vulnerability.and_then(|it| it.package.as_ref()).map_or("a dependency", |package| &package.name);
    let advisory = advisory.and_then(|it| it.ghsa_id.clone()).unwrap_or_default();
    let title = format!("{package} {advisory}").trim().to_owned();
    Ok(alert(read, repository, SecurityAlertKind::Dependency, severity, title))
}

/// An alert of code scanning. Where a rule has no level of security, its severity counts: `error`, `warning`, `note`.
pub(in super::super) fn code_alert(record: serde_json::Value, repository: &str) -> serde_json::Result<SecurityAlert> {
    let read: Common = serde_json::from_value(record)?;
    let rule = read.rule.as_ref();
    let severity = rule.and_then(|rule| rule.security_severity_level.clone().or_else(|| rule.severity.clone()));
    let title = rule.and_then(|rule| rule.description.clone().or_else(|| rule.id.clone())).unwrap_or_default();
    Ok(alert(read, repository, SecurityAlertKind::Code, severity, title))
}

/// An alert of secret scanning: a revoked secret is fixed, every other resolution is a dismissal.
pub(in super::super) fn secret_alert(record: serde_json::Value, repository: &str) -> serde_json::Result<SecurityAlert> {
    let mut read: Common = serde_json::from_value(record)?;
    let revoked = read.resolution.as_deref() == Some("revoked");
    if revoked {
        read.fixed_at = read.resolved_at;
    } else {
        read.dismissed_at = read.resolved_at;
        read.dismissed_reason = read.resolution.take();
    }
    let title = read.secret_type_display_name.clone().or_else(|| read.secret_type.clone()).unwrap_or_default();
    Ok(alert(read, repository, SecurityAlertKind::Secret, None, title))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_revoked_secret_is_fixed_and_any_other_resolution_dismisses() {
        let alert = |resolution: &str| {
            let record = json!({
                "number": 2, "created_at": "2026-10-01T00:00:00Z", "state": "resolved", "resolution": resolution,
                "resolved_at": "2026-10-03T00:00:00Z", "secret": "canary", "secret_type_display_name": "API key",
            });
            secret_alert(record, "acme/shop").unwrap()
        };
        let fixed = alert("revoked");
        assert!(fixed.fixed_at.is_some() && fixed.dismissed_at.is_none());
        let dismissed = alert("false_positive");
        assert_eq!(dismissed.dismissed_reason.as_deref(), Some("false_positive"));
        assert!(dismissed.fixed_at.is_none() && dismissed.dismissed_at.is_some());
        assert!(!format!("{dismissed:?}").contains("canary"));
    }
}
