//! Alerts of Dependabot, code scanning and secret scanning.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::issues::by_moment;
use super::shapes::{repository_page, repository_url, time};
use super::{Answer, Asked, paging};
use crate::world::{Repository, SecurityAlert};

/// The alerts of a scanner; it is switched on where the world has any for the repository.
pub(super) fn alerts(asked: &Asked<'_>, of: &Repository, scanner: &str) -> Answer {
    let full_name = format!("{}/{}", of.owner, of.name);
    let of_scanner = |item: &&SecurityAlert| item.repository == full_name && item.scanner == scanner;
    let mut items: Vec<&SecurityAlert> = asked.world.security_alerts.iter().filter(of_scanner).collect();
    if items.is_empty() {
        return match scanner {
            "dependabot" => Answer::error(StatusCode::FORBIDDEN, "Dependabot alerts are disabled for this repository."),
            "code-scanning" => Answer::error(StatusCode::NOT_FOUND, "no analysis found"),
            _ => Answer::error(StatusCode::NOT_FOUND, "Secret scanning is disabled on this repository."),
        };
    }
    let by_update = asked.parameter("sort") == Some("updated");
    by_moment(asked, "desc", &mut items, |item| {
        (if by_update { item.updated_at() } else { item.opened_at }, item.number)
    });
    paging::list(asked, &items, |item| alert(asked, of, item))
}

/// An alert, as its scanner shows it.
pub(super) fn alert(asked: &Asked<'_>, of: &Repository, fact: &SecurityAlert) -> Value {
    match fact.scanner.as_str() {
        "dependabot" => dependency(asked, of, fact),
        "code-scanning" => code(asked, of, fact),
        _ => secret(asked, of, fact),
    }
}

fn state(fact: &SecurityAlert) -> &'static str {
    match (fact.fixed_at, fact.dismissed_at) {
        (Some(_), _) => "fixed",
        (_, Some(_)) => "dismissed",
        _ => "open",
    }
}

/// What alerts of all three scanners have.
fn common(asked: &Asked<'_>, of: &Repository, fact: &SecurityAlert) -> Value {
    let (scanner, number) = (&fact.scanner, fact.number);
    json!({
        "number": number, "created_at": time(fact.opened_at), "updated_at": time(fact.updated_at()),
        "url": format!("{}/{scanner}/alerts/{number}", repository_url(asked.root, of)),
        "html_url": format!("{}/security/{scanner}/{number}", repository_page(of)),
    })
}

fn with(mut common: Value, more: Value) -> Value {
    if let (Value::Object(common), Value::Object(more)) = (&mut common, more) {
        common.extend(more);
    }
    common
}

fn dependency(asked: &Asked<'_>, of: &Repository, fact: &SecurityAlert) -> Value {
    let package = json!({ "ecosystem": "npm", "name": "left-pad" });
    let vulnerability = json!({
        "package": package, "severity": fact.severity, "vulnerable_version_range": "< 2.0.0",
        "first_patched_version": { "identifier": "2.0.0" },
    });
    let advisory = json!({
        "ghsa_id": "GHSA-0000-0000-0000", "cve_id": null, "summary": "Trouble", "description": "Trouble",
        "vulnerabilities": [vulnerability], "severity": fact.severity, "cvss": { "score": 7.5, "vector_string": null },
        "cwes": [], "identifiers": [{ "type": "GHSA", "value": "GHSA-0000-0000-0000" }], "references": [],
        "published_at": time(fact.opened_at), "updated_at": time(fact.opened_at), "withdrawn_at": null,
    });
    let more = json!({
        "state": state(fact), "security_advisory": advisory, "security_vulnerability": vulnerability,
        "dependency": { "package": package, "manifest_path": "package.json", "scope": "runtime" },
        "dismissed_at": fact.dismissed_at.map(time), "dismissed_by": null, "dismissed_comment": null,
        "dismissed_reason": fact.dismissed_at.map(|_| "tolerable_risk"), "fixed_at": fact.fixed_at.map(time),
    });
    with(common(asked, of, fact), more)
}

fn code(asked: &Asked<'_>, of: &Repository, fact: &SecurityAlert) -> Value {
    let instance = json!({
        "ref": "refs/heads/main", "analysis_key": "codeql.yml:analyze", "category": "codeql", "environment": "{}",
        "state": state(fact), "commit_sha": "0".repeat(40), "message": { "text": "Trouble" },
        "location": { "path": "src/a.js", "start_line": 1, "end_line": 1, "start_column": 1, "end_column": 2 },
        "classifications": [],
    });
    let url = format!("{}/code-scanning/alerts/{}/instances", repository_url(asked.root, of), fact.number);
    let more = json!({
        "state": state(fact), "fixed_at": fact.fixed_at.map(time), "dismissed_by": null,
        "dismissed_at": fact.dismissed_at.map(time), "dismissed_comment": null,
        "dismissed_reason": fact.dismissed_at.map(|_| "false positive"), "instances_url": url,
        "rule": {
            "id": "js/zipslip", "severity": "error", "security_severity_level": fact.severity, "tags": ["security"],
            "description": "Arbitrary file write", "name": "js/zipslip",
        },
        "tool": { "name": "CodeQL", "guid": null, "version": "2.4.0" }, "most_recent_instance": instance,
    });
    with(common(asked, of, fact), more)
}

fn secret(asked: &Asked<'_>, of: &Repository, fact: &SecurityAlert) -> Value {
    let resolved_at = fact.fixed_at.or(fact.dismissed_at);
    let resolution = resolved_at.map(|_| if fact.fixed_at.is_some() { "revoked" } else { "false_positive" });
    let locations = format!("{}/secret-scanning/alerts/{}/locations", repository_url(asked.root, of), fact.number);
    // The secret itself is left out only where that is asked for.
    let hidden = asked.parameter("hide_secret") == Some("true");
    let more = json!({
        "state": if resolved_at.is_some() { "resolved" } else { "open" }, "resolution": resolution,
        "resolved_at": resolved_at.map(time), "resolved_by": null, "secret_type": "api_key",
        "secret_type_display_name": "API key", "secret": if hidden { "" } else { "canary-secret" },
        "locations_url": locations, "push_protection_bypassed": false,
    });
    with(common(asked, of, fact), more)
}
