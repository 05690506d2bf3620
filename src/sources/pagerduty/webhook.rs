//! Webhooks v3 of PagerDuty: each names an incident, which is read again with its log.
//!
//! <https://developer.pagerduty.com/docs/webhooks/v3-overview/>

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use http::HeaderMap;
use reqwest::StatusCode;
use serde::Deserialize;

use super::convert::{self, IncidentPayload, LogEntryPayload};
use super::{LIMIT, PagerdutySource};
use crate::address;
use crate::facts::{Batch, Fact, FactFamily as _, Incident, Moment};
use crate::sources::shape;
use crate::sources::source::{BatchSink, SourceError};
use crate::sources::webhook::{
    Delivery, Refusal, StoredDelivery, Verdict, Webhook, WebhookSecrets, check_made_at, header, read_body,
};

/// PagerDuty's payloads are small.
const LARGEST_BODY: usize = 1024 * 1024;

#[derive(Debug, Deserialize)]
struct Envelope {
    event: EventPayload,
}

#[derive(Debug, Deserialize)]
struct EventPayload {
    id: String,
    event_type: String,
    occurred_at: Option<Moment>,
    #[serde(default)]
    data: DataPayload,
}

/// The incident, or something that belongs to one.
#[derive(Debug, Default, Deserialize)]
struct DataPayload {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    incident: Option<ReferencePayload>,
}

#[derive(Debug, Deserialize)]
struct ReferencePayload {
    id: Option<String>,
}

/// Any of the signatures in the header may be the right one: there are several while PagerDuty rotates its secret.
fn verify(secrets: &WebhookSecrets, headers: &HeaderMap, body: &[u8], now: Moment) -> Result<Delivery, Refusal> {
    let signatures = header(headers, "x-pagerduty-signature").unwrap_or_default().split(',');
    if !secrets.signed_in_hex(body, signatures.filter_map(|part| part.trim().strip_prefix("v1="))) {
        return Err(Refusal::Signature);
    }
    let Envelope { event } = read_body(body, "webhook v3 of PagerDuty")?;
    check_made_at(event.occurred_at, now)?;
    let is_incident = event.data.kind.as_deref() == Some("incident");
    let incident = if is_incident { event.data.id } else { event.data.incident.and_then(|incident| incident.id) };
    let body = incident.filter(|_| event.event_type.starts_with("incident.")).unwrap_or_default();
    Ok(Delivery { id: event.id, event: event.event_type, headers: BTreeMap::new(), body })
}

#[async_trait]
impl Webhook for PagerdutySource {
    fn largest_body(&self) -> usize {
        LARGEST_BODY
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Moment) -> Result<Delivery, Refusal> {
        verify(self.config.webhook.as_ref().ok_or(Refusal::Signature)?, headers, body, now)
    }

    async fn process(&self, deliveries: &[StoredDelivery], sink: &dyn BatchSink) -> Result<Vec<Verdict>, SourceError> {
        let incidents: BTreeSet<&str> =
            deliveries.iter().map(|delivery| delivery.body.as_str()).filter(|id| !id.is_empty()).collect();
        for id in incidents {
            sink.accept(self.incident(id).await?).await?;
        }
        let verdict = |delivery: &StoredDelivery| {
            if delivery.body.is_empty() { Verdict::Ignored } else { Verdict::Processed }
        };
        Ok(deliveries.iter().map(verdict).collect())
    }
}

impl PagerdutySource {
    /// One incident with its log. Nothing of one that is gone, or of a service that is not selected.
    async fn incident(&self, id: &str) -> Result<Batch, SourceError> {
        let path = address::path(&["incidents", id]).map_err(SourceError::Malformed)?;
        let mut body = match self.ask(&path, &[]).await? {
            (StatusCode::OK, body) => body,
            (StatusCode::NOT_FOUND, _) => return Ok(Batch::default()),
            (status, body) => return Err(self.refused("incidents", status, &body)),
        };
        let record = shape::object(&mut body, "incident", "PagerDuty")?;
        let services = &self.config.services;
        let service = record["service"]["id"].as_str().unwrap_or_default();
        if !services.is_empty() && !services.iter().any(|known| known == service) {
            return Ok(Batch::default());
        }
        let incident = match serde_json::from_value::<IncidentPayload>(record) {
            Ok(incident) => incident,
            Err(error) => {
                let reject = shape::unreadable(Incident::FAMILY, id.to_owned(), &error);
                return Ok(Batch { rejects: vec![reject], ..Batch::default() });
            }
        };
        let fact = convert::incident(incident, &self.log_of(id).await?);
        Ok(Batch { facts: vec![Fact::Incident(fact)], ..Batch::default() })
    }

    async fn log_of(&self, id: &str) -> Result<Vec<LogEntryPayload>, SourceError> {
        let path = address::path(&["incidents", id, "log_entries"]).map_err(SourceError::Malformed)?;
        let mut log = Vec::new();
        let mut offset = 0;
        loop {
            let parameters = [("limit", LIMIT.to_string()), ("offset", offset.to_string())];
            let mut body = match self.ask(&path, &parameters).await? {
                (StatusCode::OK, body) => body,
                (status, body) => return Err(self.refused("log_entries", status, &body)),
            };
            let entries = shape::list(&mut body, "log_entries", "PagerDuty")?;
            offset += entries.len();
            let is_last = entries.is_empty() || body["more"] != true;
            log.extend(entries.into_iter().filter_map(|entry| serde_json::from_value(entry).ok()));
            if is_last {
                return Ok(log);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of PagerDuty's own Go client.
    const SECRET: &str = "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK";
    const SIGNATURE: &str = "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd";
    const BODY: &str = include_str!("webhook_vector.json");

    fn headers(signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-pagerduty-signature", signature.parse().unwrap());
        headers
    }

    #[test]
    fn the_vector_of_pagerdutys_client_is_recomputed() {
        let secrets = WebhookSecrets::of(&[SECRET]);
        let now: Moment = "2021-04-27T00:00:00Z".parse().unwrap();
        let taken = verify(&secrets, &headers(SIGNATURE), BODY.as_bytes(), now).unwrap();
        assert_eq!(
            (taken.id.as_str(), taken.event.as_str()),
            ("01BWDWL3NYY7LUFPZCC28QUCMK", "incident.priority_updated")
        );
        assert_eq!(taken.body, "PGR0VU2", "nothing else is kept");
        let both = format!("v1={}, {SIGNATURE}", "0".repeat(64));
        assert!(verify(&secrets, &headers(&both), BODY.as_bytes(), now).is_ok());
        let changed = BODY.replace("P1", "P2");
        assert_eq!(verify(&secrets, &headers(SIGNATURE), changed.as_bytes(), now), Err(Refusal::Signature));
        assert_eq!(verify(&secrets, &HeaderMap::new(), BODY.as_bytes(), now), Err(Refusal::Signature));
        let later = "2021-05-05T00:00:00Z".parse().unwrap();
        assert!(matches!(verify(&secrets, &headers(SIGNATURE), BODY.as_bytes(), later), Err(Refusal::Replayed(_))));
    }
}
