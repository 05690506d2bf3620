//! The simulated PagerDuty: services, incidents and log entries of its REST API v2.

use axum::http::StatusCode;
use chrono::{DateTime, Duration};
use serde_json::{Value, json};

use crate::json_server::{Api, Asked};
use crate::world::{Incident, IncidentService, LogEntry, Moment, World};

/// PagerDuty. The API key that is accepted is `pd_simulated`.
pub const API: Api = Api { name: "PagerDuty", authorization: "Token token=pd_simulated", error: error_of, respond };

/// PagerDuty shows nothing beyond this offset.
const HIGHEST_OFFSET: usize = 10_000;

fn error_of(status: StatusCode) -> Value {
    match status {
        StatusCode::UNAUTHORIZED => error(2006, "Unauthorized"),
        StatusCode::TOO_MANY_REQUESTS => error(2020, "Rate Limit Exceeded"),
        _ => error(2000, "Internal Server Error"),
    }
}

fn error(code: u64, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message, "errors": [] } })
}

fn respond(world: &World, asked: &Asked) -> (StatusCode, Value) {
    match asked.parts().as_slice() {
        ["abilities"] => (StatusCode::OK, json!({ "abilities": ["teams", "urgencies"] })),
        ["services"] => page("services", world.incident_services.iter().collect(), asked, service),
        ["incidents"] => incidents(world, asked),
        ["log_entries"] => log_entries(world, asked),
        ["incidents", id] => {
            let found = world.incidents.iter().find(|incident| incident.id == *id);
            let body = |incident| (StatusCode::OK, json!({ "incident": incident_body(world, incident) }));
            found.map_or_else(not_found, body)
        }
        ["incidents", id, "log_entries"] => {
            let found = world.incidents.iter().find(|incident| incident.id == *id);
            found.map_or_else(not_found, |incident| {
                let log = incident.log.iter().enumerate().collect();
                page("log_entries", log, asked, |(place, item)| entry(world, incident, place, item))
            })
        }
        _ => not_found(),
    }
}

fn not_found() -> (StatusCode, Value) {
    (StatusCode::NOT_FOUND, error(2100, "Not Found"))
}

fn bad(message: &str) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, error(2001, message))
}

fn page<T>(name: &str, items: Vec<T>, asked: &Asked, body: impl Fn(T) -> Value) -> (StatusCode, Value) {
    let (limit, offset) = (asked.number("limit", 25).min(100), asked.number("offset", 0));
    if offset + limit > HIGHEST_OFFSET {
        return bad("Offset + limit must not exceed 10000");
    }
    let total = items.len();
    let shown: Vec<Value> = items.into_iter().skip(offset).take(limit).map(body).collect();
    (
        StatusCode::OK,
        json!({ name: shown, "limit": limit, "offset": offset, "total": null, "more": offset + limit < total }),
    )
}

/// The span that is asked for: the last month unless said otherwise, at most six months.
fn span(asked: &Asked) -> Result<(Moment, Moment), (StatusCode, Value)> {
    let moment = |name: &str| {
        let text = asked.parameter(name)?;
        Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&chrono::Utc))
    };
    let until = moment("until").unwrap_or(asked.now);
    let since = moment("since").unwrap_or(until - Duration::days(30));
    if until - since > Duration::days(183) {
        return Err(bad("The date range must not exceed 6 months"));
    }
    Ok((since, until))
}

fn incidents(world: &World, asked: &Asked) -> (StatusCode, Value) {
    let all = asked.all("date_range").contains(&"all");
    let (since, until) = match span(asked) {
        Ok(span) => span,
        Err(answer) => return answer,
    };
    let one_of = |name: &str, value: &str| asked.parameter(name).is_none() || asked.all(name).contains(&value);
    let mut found: Vec<&Incident> = world
        .incidents
        .iter()
        .filter(|incident| all || (since <= incident.created_at && incident.created_at < until))
        .filter(|incident| one_of("statuses[]", status(incident)) && one_of("service_ids[]", &incident.service))
        .collect();
    found.sort_by_key(|incident| (incident.created_at, incident.number));
    page("incidents", found, asked, |incident| incident_body(world, incident))
}

fn log_entries(world: &World, asked: &Asked) -> (StatusCode, Value) {
    let (since, until) = match span(asked) {
        Ok(span) => span,
        Err(answer) => return answer,
    };
    let mut entries: Vec<(&Incident, usize, &LogEntry)> = world
        .incidents
        .iter()
        .flat_map(|incident| incident.log.iter().enumerate().map(move |(place, item)| (incident, place, item)))
        .filter(|(_, _, item)| since <= item.at && item.at < until)
        .collect();
    entries.sort_by_key(|(_, _, item)| std::cmp::Reverse(item.at));
    page("log_entries", entries, asked, |(incident, place, item)| entry(world, incident, place, item))
}

/// The state after the last entry that changed it.
fn status(incident: &Incident) -> &'static str {
    let last = incident.log.iter().rfind(|item| matches!(item.kind.as_str(), "acknowledge" | "resolve" | "reopen"));
    match last.map(|item| item.kind.as_str()) {
        Some("acknowledge") => "acknowledged",
        Some("resolve") => "resolved",
        _ => "triggered",
    }
}

fn service(service: &IncidentService) -> Value {
    let policy = service
        .escalation_policy
        .as_ref()
        .map(|name| json!({ "type": "escalation_policy_reference", "summary": name }));
    json!({
        "id": service.id, "type": "service", "summary": service.name, "name": service.name, "status": "active",
        "escalation_policy": policy,
    })
}

fn agent(world: &World, login: &str) -> Value {
    let name = world.accounts.get(login).map_or(login, |account| account.name.as_str());
    json!({ "id": format!("U{login}"), "type": "user_reference", "summary": name })
}

fn incident_body(world: &World, incident: &Incident) -> Value {
    let name = world.incident_services.iter().find(|service| service.id == incident.service);
    let name = name.map_or(incident.service.as_str(), |service| service.name.as_str());
    let resolved =
        (status(incident) == "resolved").then(|| incident.log.iter().rfind(|item| item.kind == "resolve")).flatten();
    let assignments: Vec<Value> =
        incident.log.iter().map(|item| json!({ "at": item.at, "assignee": agent(world, &item.agent) })).collect();
    json!({
        "id": incident.id, "type": "incident", "incident_number": incident.number, "title": incident.title,
        "summary": format!("[#{}] {}", incident.number, incident.title), "status": status(incident),
        "urgency": incident.urgency, "priority": incident.priority.as_ref().map(|name| json!({ "summary": name, "name": name })),
        "service": { "id": incident.service, "type": "service_reference", "summary": name },
        "created_at": incident.created_at, "resolved_at": resolved.map(|item| item.at),
        "last_status_change_at": incident.log.iter().map(|item| item.at).max().unwrap_or(incident.created_at),
        "html_url": format!("https://pagerduty.example/incidents/{}", incident.id), "assignments": assignments,
    })
}

/// An incident as a webhook has it: without the moment of its resolution.
pub(crate) fn webhook_data(world: &World, id: &str) -> Option<Value> {
    let mut body = incident_body(world, world.incidents.iter().find(|incident| incident.id == id)?);
    if let Some(fields) = body.as_object_mut() {
        fields.remove("resolved_at");
        fields.remove("last_status_change_at");
    }
    Some(body)
}

fn entry(world: &World, incident: &Incident, place: usize, item: &LogEntry) -> Value {
    json!({
        "id": format!("R{}{place:03}", incident.id), "type": format!("{}_log_entry", item.kind), "created_at": item.at,
        "agent": agent(world, &item.agent), "incident": { "id": incident.id, "type": "incident_reference" },
        "service": { "id": incident.service, "type": "service_reference" },
    })
}
