//! The simulated Opsgenie and Jira Service Management operations: the world's incidents as alerts.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::json_server::{Api, Asked};
use crate::world::{Incident, Moment, World};

/// Opsgenie. The API key that is accepted is `og_simulated`.
pub const OPSGENIE: Api = Api { name: "Opsgenie", authorization: "GenieKey og_simulated", error, respond: opsgenie };

/// Jira Service Management operations of the cloud id `cloud-1`. The token that is accepted is `jsm_simulated`.
pub const JIRA_OPERATIONS: Api =
    Api { name: "Jira Service Management", authorization: "Bearer jsm_simulated", error, respond: operations };

fn error(status: StatusCode) -> Value {
    json!({ "message": status.to_string(), "took": 0.001 })
}

fn opsgenie(world: &World, asked: &Asked) -> (StatusCode, Value) {
    match asked.parts().as_slice() {
        ["v2", "alerts"] => match page(world, asked, asked.number("limit", 20)) {
            Some(alerts) => {
                let data: Vec<Value> = alerts.into_iter().map(|alert| with_report(alert, shape(alert))).collect();
                (StatusCode::OK, json!({ "data": data, "took": 0.001 }))
            }
            None => (StatusCode::BAD_REQUEST, error(StatusCode::BAD_REQUEST)),
        },
        _ => (StatusCode::NOT_FOUND, error(StatusCode::NOT_FOUND)),
    }
}

fn operations(world: &World, asked: &Asked) -> (StatusCode, Value) {
    let parts = asked.parts();
    let ["jsm", "ops", "api", "cloud-1", "v1", "alerts", rest @ ..] = parts.as_slice() else {
        return (StatusCode::NOT_FOUND, error(StatusCode::NOT_FOUND));
    };
    let values = match rest {
        [] => page(world, asked, asked.number("size", 20)).map(|alerts| alerts.into_iter().map(shape).collect()),
        [id, "logs"] => world.incidents.iter().find(|incident| incident.id == *id).map(logs),
        _ => None,
    };
    match values {
        Some(values) => (StatusCode::OK, json!({ "values": values, "count": values.len(), "links": {} })),
        None => (StatusCode::BAD_REQUEST, error(StatusCode::BAD_REQUEST)),
    }
}

fn last(incident: &Incident, kind: &str) -> Option<Moment> {
    incident.log.iter().rfind(|entry| entry.kind == kind).map(|entry| entry.at)
}

fn first(incident: &Incident, kind: &str) -> Option<Moment> {
    incident.log.iter().find(|entry| entry.kind == kind).map(|entry| entry.at)
}

fn updated_at(incident: &Incident) -> Moment {
    incident.log.iter().map(|entry| entry.at).max().unwrap_or(incident.created_at)
}

/// The alerts that changed since the moment in the query, those that changed first first. `None` for any other order.
fn page<'a>(world: &'a World, asked: &Asked, size: usize) -> Option<Vec<&'a Incident>> {
    let query = asked.parameter("query")?;
    let since = query.rsplit_once("updatedAt >= ")?.1.trim_end_matches(')').parse::<i64>().ok()?;
    let since = Moment::from_timestamp_millis(since)?;
    if asked.parameter("sort") != Some("updatedAt") || asked.parameter("order") != Some("asc") {
        return None;
    }
    let mut found: Vec<&Incident> = world.incidents.iter().filter(|incident| updated_at(incident) >= since).collect();
    found.sort_by_key(|incident| (updated_at(incident), incident.number));
    Some(found.into_iter().skip(asked.number("offset", 0)).take(size.min(100)).collect())
}

fn shape(incident: &Incident) -> Value {
    let closed = last(incident, "resolve").is_some();
    let owner = incident.log.last().map(|entry| entry.agent.as_str()).unwrap_or_default();
    json!({
        "id": incident.id, "tinyId": incident.number.to_string(), "alias": incident.id, "message": incident.title,
        "status": if closed { "closed" } else { "open" }, "acknowledged": first(incident, "acknowledge").is_some(),
        "isSeen": true, "tags": [format!("service:{}", incident.service)], "snoozed": false, "count": 1,
        "createdAt": incident.created_at, "updatedAt": updated_at(incident), "lastOccurredAt": incident.created_at,
        "source": "monitoring", "owner": owner, "priority": incident.priority, "teams": [],
        "responders": [{ "type": "team", "id": "team-1" }],
    })
}

fn with_report(incident: &Incident, mut shape: Value) -> Value {
    let after = |at: Option<Moment>| at.map(|at| (at - incident.created_at).num_milliseconds());
    let (acknowledged, closed) = (after(first(incident, "acknowledge")), after(last(incident, "resolve")));
    if acknowledged.is_some() || closed.is_some() {
        shape["report"] = json!({ "ackTime": acknowledged, "closeTime": closed, "acknowledgedBy": shape["owner"] });
    }
    shape
}

fn logs(incident: &Incident) -> Vec<Value> {
    let entries = incident.log.iter().map(|entry| {
        let text = match entry.kind.as_str() {
            "acknowledge" => "Alert acknowledged via web",
            "resolve" => "Alert closed via web",
            _ => "Alert changed via API",
        };
        json!({ "log": text, "type": "system", "owner": entry.agent, "createdAt": entry.at, "offset": "1" })
    });
    entries.collect()
}
