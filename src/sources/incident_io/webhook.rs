//! Webhooks of incident.io, signed as Standard Webhooks are. Those of public incidents carry what polling reads.
//!
//! <https://docs.incident.io/integrations/webhooks>, <https://www.standardwebhooks.com/>

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::Duration;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::IncidentIoSource;
use super::convert;
use crate::address;
use crate::facts::{Batch, Fact, FactFamily as _, Incident, Moment};
use crate::sources::shape;
use crate::sources::source::{BatchSink, SourceError};
use crate::sources::webhook::{Delivery, Refusal, StoredDelivery, Verdict, Webhook, WebhookSecrets, header, read_body};

const LARGEST_BODY: usize = 2 * 1024 * 1024;

/// A signature is good for so long.
const REPLAY_WINDOW: Duration = Duration::minutes(5);

/// The fields of an incident that are read. Those with people are not among them.
const FIELDS: &[&str] = &[
    "id",
    "name",
    "summary",
    "created_at",
    "updated_at",
    "incident_status",
    "severity",
    "incident_type",
    "incident_timestamp_values",
    "custom_field_entries",
    "permalink",
    "mode",
    "visibility",
];

/// What is kept of a delivery.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    /// A public incident as it is now.
    Incident(Value),
    /// The id of one that is told by nothing else, because it is private.
    Id(String),
}

fn verify(secrets: &WebhookSecrets, headers: &HeaderMap, body: &[u8], now: Moment) -> Result<Delivery, Refusal> {
    let text = |name: &str| header(headers, name).unwrap_or_default();
    let (id, timestamp) = (text("webhook-id"), text("webhook-timestamp"));
    if id.is_empty() || !secrets.signed_in_standard(id, timestamp, body, text("webhook-signature")) {
        return Err(Refusal::Signature);
    }
    let signed_at = timestamp.parse().ok().and_then(|seconds| Moment::from_timestamp(seconds, 0));
    let signed_at = signed_at.ok_or_else(|| Refusal::Malformed("webhook-timestamp is no moment".to_owned()))?;
    if (now - signed_at).abs() > REPLAY_WINDOW {
        return Err(Refusal::Replayed(REPLAY_WINDOW));
    }
    let payload: Value = read_body(body, "webhook of incident.io")?;
    let event = payload["event_type"].as_str();
    let event = event.ok_or_else(|| Refusal::Malformed("event_type is missing".to_owned()))?;
    let body = kept(event, &payload[event]).map(|kept| json!(kept).to_string()).unwrap_or_default();
    Ok(Delivery { id: id.to_owned(), event: event.to_owned(), headers: BTreeMap::new(), body })
}

/// What is kept of an event. `None` where nothing is measured of it.
fn kept(event: &str, data: &Value) -> Option<Kept> {
    if let Some(kind) = event.strip_prefix("private_incident.") {
        let id = data["id"].as_str().filter(|_| kind.starts_with("incident_"))?;
        return Some(Kept::Id(id.to_owned()));
    }
    let record = match event.strip_prefix("public_incident.")? {
        "incident_created_v2" | "incident_updated_v2" => data,
        "incident_status_updated_v2" => &data["incident"],
        _ => return None,
    };
    let fields = FIELDS.iter().filter_map(|name| Some(((*name).to_owned(), record.get(name)?.clone())));
    Some(Kept::Incident(Value::Object(fields.collect())))
}

#[async_trait]
impl Webhook for IncidentIoSource {
    fn largest_body(&self) -> usize {
        LARGEST_BODY
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Moment) -> Result<Delivery, Refusal> {
        verify(self.webhook.as_ref().ok_or(Refusal::Signature)?, headers, body, now)
    }

    async fn process(&self, deliveries: &[StoredDelivery], sink: &dyn BatchSink) -> Result<Vec<Verdict>, SourceError> {
        let (mut verdicts, mut records, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
        for delivery in deliveries {
            verdicts.push(match serde_json::from_str(&delivery.body) {
                _ if delivery.body.is_empty() => Verdict::Ignored,
                Err(error) => Verdict::of_another_version(&error),
                Ok(Kept::Id(id)) => {
                    ids.insert(id);
                    Verdict::Processed
                }
                Ok(Kept::Incident(record)) => {
                    records.push(record);
                    Verdict::Processed
                }
            });
        }
        for id in ids {
            match self.one(&id).await {
                Ok(record) => records.push(record),
                // One that was deleted, or that the key may not see.
                Err(SourceError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let mut batch = Batch::default();
        for record in records {
            let external_id = record["id"].as_str().unwrap_or("without an id").to_owned();
            match convert::incidents(record, &self.names) {
                Ok(facts) => batch.facts.extend(facts.into_iter().map(Fact::Incident)),
                Err(error) => batch.rejects.push(shape::unreadable(Incident::FAMILY, external_id, &error)),
            }
        }
        sink.accept(batch).await?;
        Ok(verdicts)
    }
}

impl IncidentIoSource {
    /// One incident, as the list shows it.
    async fn one(&self, id: &str) -> Result<Value, SourceError> {
        let path = address::path(&["v2", "incidents", id]).map_err(SourceError::Malformed)?;
        let url = self.access.url(&path, &[])?;
        let mut body = self.client.document(url, "incidents", &self.access.place).await?;
        shape::object(&mut body, "incident", "incident.io")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn headers(timestamp: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap());
        headers.insert("webhook-timestamp", timestamp.parse().unwrap());
        headers.insert("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".parse().unwrap());
        headers
    }

    #[test]
    fn a_signature_is_good_for_five_minutes() {
        let secrets = WebhookSecrets::of(&[SECRET]);
        let signed_at = Moment::from_timestamp(1_614_265_330, 0).unwrap();
        let verified = |minutes: i64| {
            let now = signed_at + Duration::minutes(minutes);
            verify(&secrets, &headers("1614265330"), b"{\"test\": 2432232314}", now)
        };
        assert_eq!(verified(4), Err(Refusal::Malformed("event_type is missing".to_owned())));
        assert_eq!(verified(6), Err(Refusal::Replayed(REPLAY_WINDOW)));
        assert_eq!(verified(-6), Err(Refusal::Replayed(REPLAY_WINDOW)));
        let moved = verify(&secrets, &headers("1614265331"), b"{\"test\": 2432232314}", signed_at);
        assert_eq!(moved, Err(Refusal::Signature));
    }

    /// incident.io's published examples; the set-up scripts fetch its description.
    #[test]
    fn the_published_webhooks_are_read_without_their_people() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/incident-io-openapi/openapi.json");
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{} is missing: run `scripts/test` once ({error})", path.display()));
        let description: Value = serde_json::from_str(&text).unwrap();
        let mut kinds = BTreeMap::new();
        for (name, schema) in description["components"]["schemas"].as_object().unwrap() {
            let example = &schema["example"];
            let Some(event) = example["event_type"].as_str().filter(|_| name.starts_with("Webhooks")) else { continue };
            let kept = kept(event, &example[event]);
            assert!(!format!("{kept:?}").to_lowercase().contains("lisa"), "{event} keeps a person");
            kinds.insert(event.to_owned(), kept.map(|kept| matches!(kept, Kept::Incident(_))));
        }
        for (event, whole) in [
            ("public_incident.incident_created_v2", Some(true)),
            ("public_incident.incident_updated_v2", Some(true)),
            ("public_incident.incident_status_updated_v2", Some(true)),
            ("private_incident.incident_created_v2", Some(false)),
            ("private_incident.incident_updated_v2", Some(false)),
            ("public_incident.follow_up_created_v2", None),
        ] {
            assert_eq!(kinds.get(event), Some(&whole), "{event}");
        }
    }
}
