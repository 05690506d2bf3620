//! From groups of alerts to incidents. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::facts::{Incident, IncidentUpdate, IncidentUpdateKind, Moment};
use crate::sources::scrub;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupPayload {
    status: Status,
    group_key: String,
    alerts: Vec<AlertPayload>,
    #[serde(default)]
    common_labels: BTreeMap<String, String>,
    #[serde(default)]
    group_labels: BTreeMap<String, String>,
    #[serde(default)]
    common_annotations: BTreeMap<String, String>,
    #[serde(rename = "externalURL")]
    external_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Firing,
    Resolved,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlertPayload {
    starts_at: Moment,
    ends_at: Option<Moment>,
}

impl GroupPayload {
    /// A label that all alerts of the group have.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.common_labels.get(name).or_else(|| self.group_labels.get(name)).map(String::as_str)
    }

    fn digest(&self) -> String {
        hex::encode(&Sha256::digest(&self.group_key)[..8])
    }

    /// The cursor that holds the group's last incident.
    pub(super) fn cursor(&self) -> String {
        format!("group/{}", self.digest())
    }

    /// The group's incident: the last one as it goes on or ends, else a new one. What has ended may be told again, by the other
    /// Alertmanager of a pair: that is the same end.
    pub(super) fn incident(&self, last: Option<Incident>, service_label: &str, severity_label: &str) -> Incident {
        let began_at = self.alerts.iter().map(|alert| alert.starts_at).min().unwrap_or_default();
        // The year 1 stands for "has not ended".
        let ended_at = self.alerts.iter().filter_map(|alert| alert.ends_at).max().filter(|at| *at > began_at);
        let title = ["summary", "description"].iter().find_map(|name| self.common_annotations.get(*name));
        let title = title.map(String::as_str).or_else(|| self.label("alertname")).unwrap_or("alerts");
        let is_of = |known: &Incident| match known.resolved_at() {
            None => true,
            Some(resolved_at) => self.status == Status::Resolved && began_at <= resolved_at,
        };
        let mut incident = last.filter(is_of).unwrap_or_else(|| Incident {
            id: format!("{}/{}", self.digest(), began_at.format("%Y-%m-%dT%H:%M:%SZ")),
            service: self.label(service_label).unwrap_or_default().to_owned(),
            service_name: None,
            title: scrub::scrubbed_line(title, &[]),
            severity_words: self.label(severity_label).map(str::to_owned).into_iter().collect(),
            created_at: began_at,
            impact_started_at: None,
            updates: Vec::new(),
            causes: Vec::new(),
            withdrawn: false,
            updated_at: began_at,
            url: self.external_url.clone(),
        });
        if self.status == Status::Resolved {
            let at = ended_at.unwrap_or(began_at).max(incident.resolved_at().unwrap_or(began_at));
            incident.updates = vec![IncidentUpdate { at, kind: IncidentUpdateKind::Resolved }];
            incident.updated_at = incident.updated_at.max(at);
        }
        incident
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn group(status: &str, alerts: &[(&str, &str)]) -> GroupPayload {
        let alerts: Vec<_> = alerts
            .iter()
            .map(|(starts, ends)| json!({ "status": status, "startsAt": starts, "endsAt": ends, "labels": {} }))
            .collect();
        serde_json::from_value(json!({
            "version": "4", "groupKey": "{}:{service=\"ledger\"}", "status": status, "receiver": "chiplog",
            "groupLabels": { "service": "ledger" }, "commonLabels": { "severity": "critical", "service": "ledger" },
            "commonAnnotations": { "summary": "Ledger is slow, call ada@example.org" },
            "externalURL": "http://alerts.example", "alerts": alerts,
        }))
        .unwrap()
    }

    #[test]
    fn a_group_is_one_incident_from_its_first_alert_to_its_last_end() {
        const NEVER: &str = "0001-01-01T00:00:00Z";
        let first = group("firing", &[("2026-10-05T12:00:00Z", NEVER)]).incident(None, "service", "severity");
        assert_eq!((first.service.as_str(), first.resolved_at()), ("ledger", None));
        assert_eq!(first.severity_words, ["critical"]);
        // The first alert has ended and is no longer told; the incident is still the same.
        let second =
            group("firing", &[("2026-10-05T12:20:00Z", NEVER)]).incident(Some(first.clone()), "service", "severity");
        assert_eq!((second.id.as_str(), second.created_at), (first.id.as_str(), first.created_at));
        let ends = [("2026-10-05T12:20:00Z", "2026-10-05T13:00:00Z")];
        let third = group("resolved", &ends).incident(Some(second), "service", "severity");
        assert_eq!(third.resolved_at(), Some("2026-10-05T13:00:00Z".parse().unwrap()));
        assert!(!third.title.contains("example.org"), "{}", third.title);
        // The other Alertmanager of the pair tells the same end.
        assert_eq!(group("resolved", &ends).incident(Some(third.clone()), "service", "severity"), third);
        // What fires later is another incident, and so is what has begun and ended later.
        let later = [("2026-10-05T15:00:00Z", NEVER)];
        let fourth = group("firing", &later).incident(Some(third.clone()), "service", "severity");
        assert_eq!((fourth.created_at, fourth.resolved_at()), ("2026-10-05T15:00:00Z".parse().unwrap(), None));
        let whole = [("2026-10-05T15:00:00Z", "2026-10-05T15:10:00Z")];
        assert_eq!(group("resolved", &whole).incident(Some(third), "service", "severity").id, fourth.id);
    }
}
