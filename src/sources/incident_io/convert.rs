//! From incident.io's records to incidents. Pure; people are not read at all.

use serde::Deserialize;
use serde_json::Value;

use crate::facts::{Incident, IncidentUpdate, IncidentUpdateKind, Moment};
use crate::sources::{references, scrub};

/// The names of what an organisation sets up for itself.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) service_field: String,
    pub(super) impact: String,
    pub(super) acknowledged: String,
    pub(super) resolved: String,
}

#[derive(Debug, Deserialize)]
struct IncidentPayload {
    id: String,
    name: String,
    summary: Option<String>,
    created_at: Moment,
    updated_at: Moment,
    incident_status: StatusPayload,
    severity: Option<Named>,
    incident_type: Option<Named>,
    #[serde(default)]
    incident_timestamp_values: Vec<TimestampPayload>,
    #[serde(default)]
    custom_field_entries: Vec<FieldPayload>,
    permalink: Option<String>,
    mode: Option<String>,
    visibility: Option<String>,
}

#[derive(Debug, Deserialize)]
struct StatusPayload {
    category: String,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
struct TimestampPayload {
    incident_timestamp: Named,
    value: Option<MomentPayload>,
}

#[derive(Debug, Deserialize)]
struct MomentPayload {
    value: Option<Moment>,
}

#[derive(Debug, Deserialize)]
struct FieldPayload {
    custom_field: Named,
    #[serde(default)]
    values: Vec<Value>,
}

impl IncidentPayload {
    fn timestamp(&self, name: &str) -> Option<Moment> {
        let of_name =
            self.incident_timestamp_values.iter().find(|it| it.incident_timestamp.name.eq_ignore_ascii_case(name));
        of_name?.value.as_ref()?.value
    }

    /// The services that the custom field names, else the incident's type.
    fn services(&self, names: &Names) -> Vec<String> {
        let field = self
            .custom_field_entries
            .iter()
            .find(|entry| entry.custom_field.name.eq_ignore_ascii_case(&names.service_field));
        let name = |value: &Value| {
            let places = [&value["value_catalog_entry"]["name"], &value["value_option"]["value"], &value["value_text"]];
            places.into_iter().find_map(Value::as_str).map(str::to_owned)
        };
        let services: Vec<String> = field.into_iter().flat_map(|field| &field.values).filter_map(name).collect();
        if services.is_empty() { self.incident_type.iter().map(|it| it.name.clone()).collect() } else { services }
    }
}

/// An incident as facts, one for each service that it hit. None of what is no incident: tests, tutorials, what is still in
/// triage, and what was declined there.
pub(super) fn incidents(record: Value, names: &Names) -> serde_json::Result<Vec<Incident>> {
    let payload: IncidentPayload = serde_json::from_value(record)?;
    let category = payload.incident_status.category.as_str();
    if matches!(category, "triage" | "declined") || matches!(payload.mode.as_deref(), Some("test" | "tutorial")) {
        return Ok(Vec::new());
    }
    let is_over = matches!(category, "learning" | "closed" | "canceled" | "merged" | "post-incident");
    let resolved_at = payload.timestamp(&names.resolved).or(Some(payload.updated_at)).filter(|_| is_over);
    let update = |at: Option<Moment>, kind| at.map(|at| IncidentUpdate { at, kind });
    let updates = [
        update(payload.timestamp(&names.acknowledged), IncidentUpdateKind::Acknowledged),
        update(resolved_at, IncidentUpdateKind::Resolved),
    ];
    let mut updates: Vec<IncidentUpdate> = updates.into_iter().flatten().collect();
    updates.sort_by_key(|update| update.at);
    let is_private = payload.visibility.as_deref() == Some("private");
    let title = if is_private { "private incident".to_owned() } else { scrub::scrubbed_line(&payload.name, &[]) };
    let severity_words: Vec<String> = payload.severity.iter().map(|severity| severity.name.clone()).collect();
    let mut services = payload.services(names);
    if services.is_empty() {
        services.push(String::new());
    }
    let facts = services.into_iter().enumerate().map(|(place, service)| Incident {
        id: if place == 0 { payload.id.clone() } else { format!("{}/{service}", payload.id) },
        service,
        service_name: None,
        title: title.clone(),
        severity_words: severity_words.clone(),
        created_at: payload.created_at,
        impact_started_at: payload.timestamp(&names.impact),
        updates: updates.clone(),
        causes: references::causes(payload.summary.as_deref().unwrap_or_default(), None),
        withdrawn: matches!(category, "canceled" | "merged"),
        updated_at: payload.updated_at,
        url: payload.permalink.clone(),
    });
    Ok(facts.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names() -> Names {
        Names {
            service_field: "Affected service".to_owned(),
            impact: "Impact started".to_owned(),
            acknowledged: "Accepted at".to_owned(),
            resolved: "Resolved at".to_owned(),
        }
    }

    fn record(category: &str) -> Value {
        let timestamp =
            |name: &str, at: &str| json!({ "incident_timestamp": { "name": name }, "value": { "value": at } });
        json!({
            "id": "01", "name": "Refunds fail", "created_at": "2026-10-05T12:00:00Z", "mode": "standard",
            "updated_at": "2026-10-05T15:00:00Z", "visibility": "public", "permalink": "https://app.incident.io/1",
            "incident_status": { "category": category, "name": "Closed" }, "severity": { "name": "Major" },
            "incident_timestamp_values": [
                timestamp("Impact started", "2026-10-05T11:50:00Z"), timestamp("Accepted at", "2026-10-05T12:02:00Z"),
                timestamp("Resolved at", "2026-10-05T13:00:00Z"),
            ],
            "custom_field_entries": [{ "custom_field": { "name": "Affected service" }, "values": [
                { "value_option": { "value": "ledger" } }, { "value_catalog_entry": { "name": "checkout" } },
            ] }],
        })
    }

    #[test]
    fn each_service_that_was_hit_has_the_incident() {
        let facts = incidents(record("closed"), &names()).unwrap();
        let ids: Vec<(&str, &str)> = facts.iter().map(|fact| (fact.id.as_str(), fact.service.as_str())).collect();
        assert_eq!(ids, [("01", "ledger"), ("01/checkout", "checkout")]);
        assert_eq!(facts[0].began_at(), "2026-10-05T11:50:00Z".parse::<Moment>().unwrap());
        assert_eq!(facts[0].acknowledged_at(), Some("2026-10-05T12:02:00Z".parse().unwrap()));
        assert_eq!(facts[0].resolved_at(), Some("2026-10-05T13:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_is_open_is_not_resolved_and_what_was_declined_is_none() {
        assert_eq!(incidents(record("live"), &names()).unwrap()[0].resolved_at(), None);
        assert!(incidents(record("declined"), &names()).unwrap().is_empty());
        let withdrawn = |category| incidents(record(category), &names()).unwrap()[0].withdrawn;
        assert_eq!(["closed", "canceled", "merged"].map(withdrawn), [false, true, true]);
    }

    /// incident.io's published examples; the set-up scripts fetch its description.
    #[test]
    fn the_examples_of_the_description_are_read() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/incident-io-openapi/openapi.json");
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{} is missing: run `scripts/test` once ({error})", path.display()));
        let description: Value = serde_json::from_str(&text).unwrap();
        let content = &description["paths"]["/v2/incidents"]["get"]["responses"]["200"]["content"]["application/json"];
        let example = [&content["example"], &content["examples"]["default"]["value"], &content["schema"]["example"]];
        let example = example.into_iter().find(|example| example["incidents"].is_array()).unwrap();
        let mut records = example["incidents"].as_array().unwrap().clone();
        let webhook = &description["components"]["schemas"]["WebhookIncidentV2"]["example"];
        records.extend(webhook.is_object().then(|| webhook.clone()));
        let names = Names { service_field: "Affected Team".to_owned(), ..names() };
        for mut record in records {
            // The example is in triage; an incident that was accepted and closed has all that a KPI needs.
            record["incident_status"]["category"] = json!("closed");
            let facts = incidents(record.clone(), &names).unwrap();
            assert_eq!(facts[0].service, "Primary On-call");
            assert!(facts[0].impact_started_at.is_some() && facts[0].resolved_at().is_some());
            assert_eq!(facts[0].severity_words, ["Minor"]);
            assert!(!format!("{facts:?}").contains("lisa"));
        }
    }
}
