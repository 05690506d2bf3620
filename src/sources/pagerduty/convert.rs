//! From PagerDuty's records to incidents. Pure; agents are not read at all.

use serde::Deserialize;

use crate::facts::{Incident, IncidentUpdate, IncidentUpdateKind, InventoryEntry, Moment};
use crate::sources::{references, scrub};

#[derive(Debug, Deserialize)]
pub(super) struct IncidentPayload {
    pub(super) id: String,
    #[serde(default)]
    title: String,
    service: Reference,
    urgency: Option<String>,
    priority: Option<Reference>,
    created_at: Moment,
    resolved_at: Option<Moment>,
    last_status_change_at: Option<Moment>,
    html_url: Option<String>,
    resolve_reason: Option<ResolveReason>,
}

/// Why an incident was resolved, where that is more than its end.
#[derive(Debug, Deserialize)]
struct ResolveReason {
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    #[serde(default)]
    pub(super) id: String,
    summary: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LogEntryPayload {
    #[serde(rename = "type")]
    kind: String,
    created_at: Moment,
    pub(super) incident: Reference,
}

/// A service as an entry of an inventory.
pub(super) fn on_call_service(record: &serde_json::Value) -> InventoryEntry {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let attributes = [("title", &record["name"]), ("escalation_policy", &record["escalation_policy"]["summary"])];
    InventoryEntry {
        name: text(&record["id"]),
        attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect(),
    }
}

/// An incident with its log.
pub(super) fn incident(payload: IncidentPayload, log: &[LogEntryPayload]) -> Incident {
    let updates = log.iter().filter_map(|entry| {
        let kind = match entry.kind.as_str() {
            "acknowledge_log_entry" => IncidentUpdateKind::Acknowledged,
            "resolve_log_entry" => IncidentUpdateKind::Resolved,
            "reopen_log_entry" => IncidentUpdateKind::Reopened,
            _ => return None,
        };
        Some(IncidentUpdate { at: entry.created_at, kind })
    });
    let mut updates: Vec<IncidentUpdate> = updates.collect();
    updates.sort_by_key(|update| update.at);
    let resolved = |update: &IncidentUpdate| update.kind == IncidentUpdateKind::Resolved;
    // Where the log is no longer kept, the incident itself still tells when it was resolved.
    if let Some(resolved_at) = payload.resolved_at
        && !updates.iter().any(resolved)
    {
        updates.push(IncidentUpdate { at: resolved_at, kind: IncidentUpdateKind::Resolved });
    }
    let newest = updates.iter().map(|update| update.at).max();
    let words = [payload.priority.and_then(|priority| priority.summary), payload.urgency];
    Incident {
        service: payload.service.id,
        service_name: payload.service.summary,
        title: scrub::scrubbed_line(&payload.title, &[]),
        severity_words: words.into_iter().flatten().take(1).collect(),
        created_at: payload.created_at,
        impact_started_at: None,
        causes: references::causes(&payload.title, None),
        withdrawn: payload.resolve_reason.is_some_and(|reason| reason.kind == "merge_resolve_reason"),
        updated_at: newest.max(payload.last_status_change_at).unwrap_or(payload.created_at),
        updates,
        url: payload.html_url,
        id: payload.id,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload() -> IncidentPayload {
        let incident = json!({
            "id": "Q1", "title": "Ledger is down, ada@example.org called", "service": { "id": "PLEDGER", "summary": "Ledger" },
            "urgency": "high", "priority": { "summary": "P2" }, "created_at": "2026-10-05T12:00:00Z",
            "resolved_at": "2026-10-05T14:00:00Z", "last_status_change_at": "2026-10-05T14:00:00Z", "html_url": "https://x/Q1",
            "assignments": [{ "assignee": { "summary": "Ada Lovelace" } }],
        });
        serde_json::from_value(incident).unwrap()
    }

    fn entry(kind: &str, at: &str) -> LogEntryPayload {
        let entry = json!({ "type": format!("{kind}_log_entry"), "created_at": at, "incident": { "id": "Q1" }, "agent": { "summary": "Ada Lovelace" } });
        serde_json::from_value(entry).unwrap()
    }

    #[test]
    fn the_log_tells_acknowledged_resolved_and_reopened() {
        let log = [
            entry("resolve", "2026-10-05T14:00:00Z"),
            entry("reopen", "2026-10-05T13:10:00Z"),
            entry("resolve", "2026-10-05T13:00:00Z"),
            entry("annotate", "2026-10-05T12:30:00Z"),
            entry("acknowledge", "2026-10-05T12:05:00Z"),
        ];
        let fact = incident(payload(), &log);
        let moment = |text: &str| Some(text.parse().unwrap());
        assert_eq!(fact.acknowledged_at(), moment("2026-10-05T12:05:00Z"));
        assert_eq!(fact.resolved_at(), moment("2026-10-05T14:00:00Z"));
        assert_eq!(fact.updates.len(), 4);
        assert_eq!(fact.severity_words, ["P2"]);
    }

    #[test]
    fn without_a_log_the_incident_tells_its_resolution() {
        let fact = incident(payload(), &[]);
        assert_eq!(fact.resolved_at(), Some("2026-10-05T14:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_was_merged_into_another_is_withdrawn() {
        let merged: ResolveReason =
            serde_json::from_value(json!({ "type": "merge_resolve_reason", "incident": { "id": "Q2" } })).unwrap();
        assert!(!incident(payload(), &[]).withdrawn);
        assert!(incident(IncidentPayload { resolve_reason: Some(merged), ..payload() }, &[]).withdrawn);
    }

    #[test]
    fn nobody_is_named() {
        let text = serde_json::to_string(&incident(payload(), &[entry("resolve", "2026-10-05T14:00:00Z")])).unwrap();
        assert!(!text.contains("Lovelace") && !text.contains("example.org"), "{text}");
    }

    /// PagerDuty's published examples, where they are present: its description is in no package registry, but in
    /// `reference/REST/openapiv3.json` of its repository `api-schema`.
    #[test]
    fn the_examples_of_the_description_are_read() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pagerduty-openapi/openapiv3.json");
        let Ok(text) = std::fs::read_to_string(path) else { return };
        let description: serde_json::Value = serde_json::from_str(&text).unwrap();
        let examples = |path: &str, list: &str| {
            let content = &description["paths"][path]["get"]["responses"]["200"]["content"]["application/json"];
            content["examples"]["response"]["value"][list].as_array().unwrap().clone()
        };
        for record in examples("/incidents", "incidents") {
            let read: IncidentPayload = serde_json::from_value(record.clone()).unwrap();
            let fact = incident(read, &[]);
            assert_eq!(fact.resolved_at().is_some(), record["resolved_at"].is_string());
            assert!(!fact.service.is_empty() && !fact.severity_words.is_empty() && fact.url.is_some(), "{fact:?}");
        }
        for record in examples("/log_entries", "log_entries") {
            assert!(!serde_json::from_value::<LogEntryPayload>(record).unwrap().incident.id.is_empty());
        }
        for record in examples("/services", "services") {
            let service = on_call_service(&record);
            assert!(!service.name.is_empty() && !service.attributes["escalation_policy"].is_empty(), "{service:?}");
        }
    }
}
