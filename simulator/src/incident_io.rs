//! The simulated incident.io: the world's incidents in its shapes.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::json_server::{Api, Asked};
use crate::world::{Incident, Moment, World};

/// incident.io. The API key that is accepted is `inc_simulated`.
pub const API: Api = Api { name: "incident.io", authorization: "Bearer inc_simulated", error, respond };

fn error(status: StatusCode) -> Value {
    json!({ "type": "error", "status": status.as_u16(), "errors": [{ "code": "error", "message": status.to_string() }] })
}

fn respond(world: &World, asked: &Asked) -> (StatusCode, Value) {
    if let ["v2", "incidents", id] = asked.parts().as_slice() {
        let found = incident(world, id).map(|record| (StatusCode::OK, json!({ "incident": record })));
        return found.unwrap_or_else(|| (StatusCode::NOT_FOUND, error(StatusCode::NOT_FOUND)));
    }
    if asked.parts().as_slice() != ["v2", "incidents"] {
        return (StatusCode::NOT_FOUND, error(StatusCode::NOT_FOUND));
    }
    let since = asked.parameter("updated_at[gte]").and_then(|since| since.parse::<Moment>().ok());
    let mut found: Vec<&Incident> =
        world.incidents.iter().filter(|incident| since.is_none_or(|since| updated_at(incident) >= since)).collect();
    found.sort_by_key(|incident| (incident.created_at, incident.number));
    let total = found.len();
    let begin = asked
        .parameter("after")
        .map_or(0, |after| found.iter().position(|incident| incident.id == after).map_or(total, |place| place + 1));
    let size = asked.number("page_size", 25).min(250);
    let shown: Vec<&Incident> = found.into_iter().skip(begin).take(size).collect();
    let after = shown.last().filter(|_| begin + size < total).map(|incident| incident.id.clone());
    let body = json!({
        "incidents": shown.into_iter().map(shape).collect::<Vec<_>>(),
        "pagination_meta": { "after": after, "page_size": size, "total_record_count": total },
    });
    (StatusCode::OK, body)
}

/// One incident, as the list and webhooks have it.
pub(crate) fn incident(world: &World, id: &str) -> Option<Value> {
    world.incidents.iter().find(|incident| incident.id == id).map(shape)
}

fn updated_at(incident: &Incident) -> Moment {
    incident.log.iter().map(|entry| entry.at).max().unwrap_or(incident.created_at)
}

fn shape(incident: &Incident) -> Value {
    let at = |kind: &str| incident.log.iter().find(|entry| entry.kind == kind).map(|entry| entry.at);
    let timestamp = |name: &str, at: Option<Moment>| {
        let value = at.map(|at| json!({ "value": at }));
        json!({ "incident_timestamp": { "id": name, "name": name, "rank": 1 }, "value": value })
    };
    let category = if at("resolve").is_some() { "closed" } else { "live" };
    let agent = incident.log.last().map(|entry| entry.agent.as_str()).unwrap_or_default();
    json!({
        "id": incident.id, "reference": format!("INC-{}", incident.number), "name": incident.title, "mode": "standard",
        "visibility": "public", "created_at": incident.created_at, "updated_at": updated_at(incident),
        "permalink": format!("https://app.incident.example/incidents/{}", incident.number),
        "creator": { "user": { "id": "1", "name": agent, "role": "responder" } },
        "incident_status": { "id": category, "name": category, "category": category, "rank": 1 },
        "severity": incident.priority.as_ref().map(|name| json!({ "id": name, "name": name, "rank": 1 })),
        "incident_type": { "id": "1", "name": "Default" },
        "incident_timestamp_values": [
            timestamp("Accepted at", at("acknowledge")), timestamp("Resolved at", at("resolve")),
        ],
        "custom_field_entries": [{
            "custom_field": { "id": "1", "name": "Affected service", "field_type": "single_select", "options": [] },
            "values": [{ "value_option": { "id": "1", "value": incident.service } }],
        }],
        "incident_role_assignments": [{ "role": { "name": "Incident Lead" }, "assignee": { "name": agent } }],
    })
}
