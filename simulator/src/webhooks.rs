//! Signed webhooks of changes of the world, as the tools would send them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::world::{Moment, World};
use crate::{github, incident_io, jira, pagerduty};

/// A request that is ready to be sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// A webhook of GitHub about something of the world; see [`github::payload`]. `None` where there is no such thing.
pub fn of_github(
    world: &World,
    event: &str,
    repository: &str,
    subject: &str,
    guid: &str,
    secret: &str,
) -> Option<Sent> {
    Some(github_signed(&github::payload(world, event, repository, subject)?, event, guid, secret))
}

/// A signed payload of GitHub.
pub fn github_signed(payload: &Value, event: &str, guid: &str, secret: &str) -> Sent {
    let body = payload.to_string();
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-github-event", event.to_owned()),
        ("x-github-delivery", guid.to_owned()),
        ("x-hub-signature-256", format!("sha256={}", hex(&signature(secret.as_bytes(), body.as_bytes())))),
    ];
    Sent { headers, body }
}

/// A webhook v3 of PagerDuty about an incident.
pub fn of_pagerduty(world: &World, incident: &str, id: &str, at: Moment, secret: &str) -> Option<Sent> {
    let data = pagerduty::webhook_data(world, incident)?;
    let event = json!({
        "id": id, "event_type": "incident.acknowledged", "resource_type": "incident", "occurred_at": at,
        "agent": null, "client": null, "data": data,
    });
    let body = json!({ "event": event }).to_string();
    let signature = hex(&signature(secret.as_bytes(), body.as_bytes()));
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-pagerduty-signature", format!("v1={},v1={signature}", "0".repeat(64))),
    ];
    Some(Sent { headers, body })
}

/// A webhook of incident.io about an incident; the secret is `whsec_…`.
pub fn of_incident_io(world: &World, incident: &str, id: &str, at: Moment, secret: &str) -> Option<Sent> {
    let event = "public_incident.incident_updated_v2";
    let body = json!({ "event_type": event, event: incident_io::incident(world, incident)? }).to_string();
    let timestamp = at.timestamp().to_string();
    let key = BASE64.decode(secret.trim_start_matches("whsec_")).unwrap_or_default();
    let signature = signature(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", format!("v1,{}", BASE64.encode(signature))),
    ];
    Some(Sent { headers, body })
}

/// A webhook of Jira about an issue.
pub fn of_jira(world: &World, key: &str, id: &str, at: Moment, secret: &str) -> Option<Sent> {
    let issue = jira::issue_of(world, key)?;
    let body = json!({
        "timestamp": at.timestamp_millis(), "webhookEvent": "jira:issue_updated", "issue": issue,
        "user": { "displayName": "Ada Quillfeather" },
    })
    .to_string();
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-atlassian-webhook-identifier", id.to_owned()),
        ("x-hub-signature", format!("sha256={}", hex(&signature(secret.as_bytes(), body.as_bytes())))),
    ];
    Some(Sent { headers, body })
}

fn signature(key: &[u8], message: &[u8]) -> Vec<u8> {
    // A key of any length is good for HMAC.
    let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    hmac.update(message);
    hmac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
