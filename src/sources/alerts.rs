//! Alerts as Opsgenie and its successor, Jira Service Management operations, have them; each is an incident.

use async_trait::async_trait;
use chrono::Duration;
use serde::Deserialize;
use serde_json::Value;

use super::source::{BatchSink, SourceError};
use super::{scrub, shape};
use crate::facts::{Batch, Fact, FactFamily as _, Incident, IncidentUpdate, IncidentUpdateKind, Moment};

/// The records of a page.
pub(crate) const PAGE: usize = 100;

/// An alert, as both tools list it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertPayload {
    pub(crate) id: String,
    #[serde(default)]
    message: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) acknowledged: bool,
    #[serde(default)]
    tags: Vec<String>,
    pub(crate) created_at: Moment,
    updated_at: Option<Moment>,
    priority: Option<String>,
    entity: Option<String>,
    #[serde(default)]
    responders: Vec<Responder>,
    pub(crate) report: Option<Report>,
    links: Option<Links>,
}

#[derive(Debug, Deserialize)]
struct Responder {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
}

/// How long it took, in milliseconds since the creation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    ack_time: Option<i64>,
    close_time: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Links {
    web: Option<String>,
}

/// When an alert was acknowledged and closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct AlertTimes {
    pub(crate) acknowledged_at: Option<Moment>,
    pub(crate) closed_at: Option<Moment>,
}

impl AlertPayload {
    /// The moment of the last change.
    pub(crate) fn changed_at(&self) -> Moment {
        self.updated_at.unwrap_or(self.created_at)
    }

    /// The times of its report. `None` where it has none.
    pub(crate) fn reported_times(&self) -> Option<AlertTimes> {
        let report = self.report.as_ref()?;
        let after = |milliseconds: Option<i64>| Some(self.created_at + Duration::milliseconds(milliseconds?));
        Some(AlertTimes { acknowledged_at: after(report.ack_time), closed_at: after(report.close_time) })
    }

    /// The service it is about: the value of the first tag with the prefix, else the entity, else the team it goes to.
    fn service(&self, tag_prefix: &str) -> String {
        let by_tag = self.tags.iter().find_map(|tag| tag.strip_prefix(tag_prefix));
        let team = self.responders.iter().find(|responder| responder.kind == "team");
        let found = by_tag.map(str::trim).or(self.entity.as_deref()).filter(|service| !service.is_empty());
        found.map(str::to_owned).or_else(|| team?.id.clone()).unwrap_or_default()
    }
}

/// An alert as an incident. A closed alert is never opened again: the tool makes a new one.
pub(crate) fn incident(alert: &AlertPayload, times: AlertTimes, tag_prefix: &str) -> Incident {
    let closed_at = times.closed_at.or_else(|| (alert.status == "closed").then(|| alert.changed_at()));
    let update = |at: Option<Moment>, kind| at.map(|at| IncidentUpdate { at, kind });
    let updates = [
        update(times.acknowledged_at, IncidentUpdateKind::Acknowledged),
        update(closed_at.filter(|_| alert.status == "closed"), IncidentUpdateKind::Resolved),
    ];
    Incident {
        id: alert.id.clone(),
        service: alert.service(tag_prefix),
        service_name: None,
        title: scrub::scrubbed_line(&alert.message, &[]),
        severity_words: alert.priority.iter().chain(&alert.tags).cloned().collect(),
        created_at: alert.created_at,
        impact_started_at: None,
        updates: updates.into_iter().flatten().collect(),
        causes: super::references::causes(&alert.message, None),
        withdrawn: false,
        updated_at: alert.changed_at(),
        url: alert.links.as_ref().and_then(|links| links.web.clone()),
    }
}

/// What the tools differ in.
#[async_trait]
pub(crate) trait AlertApi: Sync {
    /// The alerts that changed at or after a moment, those that changed first first.
    async fn page(&self, since: Moment, offset: usize) -> Result<Vec<Value>, SourceError>;

    /// When an alert was acknowledged and closed.
    async fn times(&self, alert: &AlertPayload) -> Result<AlertTimes, SourceError>;
}

/// Reads all alerts that changed since the last look. The moment of the last change is the cursor, so a walk that was cut
/// off goes on where it was.
pub(crate) async fn collect(
    api: &dyn AlertApi,
    sink: &dyn BatchSink,
    oldest: Moment,
    tag_prefix: &str,
) -> Result<(), SourceError> {
    const CURSOR: &str = "alerts";
    let stored = sink.cursor(CURSOR).await?.and_then(|state| state.parse::<Moment>().ok());
    let (mut since, mut offset, mut done) = (stored.unwrap_or(oldest).max(oldest), 0, 0);
    loop {
        let page = api.page(since, offset).await?;
        let is_last = page.len() < PAGE;
        let (mut batch, mut newest) = (Batch::default(), since);
        done += page.len() as u64;
        for record in page {
            let external_id = record["id"].as_str().unwrap_or("without an id").to_owned();
            match serde_json::from_value::<AlertPayload>(record) {
                Ok(alert) => {
                    newest = newest.max(alert.changed_at());
                    let times = match alert.reported_times() {
                        Some(times) => times,
                        None => api.times(&alert).await?,
                    };
                    batch.facts.push(Fact::Incident(incident(&alert, times, tag_prefix)));
                }
                Err(error) => batch.rejects.push(shape::unreadable(Incident::FAMILY, external_id, &error)),
            }
        }
        // A page whose alerts all changed in the same moment is left by its number.
        offset = if newest > since { 0 } else { offset + PAGE };
        since = newest;
        batch.cursors.push((CURSOR.to_owned(), Some(since.to_rfc3339())));
        sink.accept(batch).await?;
        sink.progress("alerts", done, None);
        if is_last {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alert(more: &Value) -> AlertPayload {
        let mut record = json!({
            "id": "a-1", "tinyId": "13", "message": "Refunds fail, says ada@example.com", "status": "closed",
            "acknowledged": true, "tags": ["service:ledger", "prod"], "createdAt": "2026-10-05T12:00:00Z",
            "updatedAt": "2026-10-05T14:00:00.250Z", "priority": "P1", "owner": "ada@example.com",
            "responders": [{ "type": "team", "id": "team-7" }],
        });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn an_alert_with_a_report() {
        let alert =
            alert(&json!({ "report": { "ackTime": 60_000, "closeTime": 3_600_000, "closedBy": "ada@example.com" } }));
        let fact = incident(&alert, alert.reported_times().unwrap(), "service:");
        assert_eq!(fact.service, "ledger");
        assert_eq!(fact.severity_words, ["P1", "service:ledger", "prod"]);
        assert_eq!(fact.acknowledged_at(), Some("2026-10-05T12:01:00Z".parse().unwrap()));
        assert_eq!(fact.resolved_at(), Some("2026-10-05T13:00:00Z".parse().unwrap()));
        assert!(!format!("{fact:?}").contains("ada"));
    }

    #[test]
    fn without_times_the_last_change_closes_it_and_the_team_stands_for_the_service() {
        let alert = alert(&json!({ "tags": [] }));
        let fact = incident(&alert, AlertTimes::default(), "service:");
        assert_eq!((fact.service.as_str(), fact.resolved_at()), ("team-7", Some(alert.changed_at())));
    }

    /// Opsgenie publishes no example of an alert, but its own client says what fields one has; the set-up scripts fetch it.
    #[test]
    fn the_fields_that_are_read_are_those_of_opsgenies_own_client() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/opsgenie-sdk");
        let fields = |file: &str| {
            let text = std::fs::read_to_string(folder.join(file))
                .unwrap_or_else(|error| panic!("{file} is missing: run `scripts/test` once ({error})"));
            let map = text.split("attribute_map = {").nth(1).unwrap().split('}').next().unwrap().to_owned();
            map.split('\'').skip(3).step_by(4).map(str::to_owned).collect::<Vec<_>>()
        };
        let (alert, report) = (fields("base_alert.py"), fields("alert_report.py"));
        let read = [
            "id",
            "message",
            "status",
            "acknowledged",
            "tags",
            "createdAt",
            "updatedAt",
            "priority",
            "responders",
            "report",
        ];
        for name in read {
            assert!(alert.iter().any(|field| field == name), "{name} is none of {alert:?}");
        }
        for name in ["ackTime", "closeTime"] {
            assert!(report.iter().any(|field| field == name), "{name} is none of {report:?}");
        }
    }
}
