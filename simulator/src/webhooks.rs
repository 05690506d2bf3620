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
    Sent { headers: headers("github", event, (guid, Moment::default()), secret, body.as_bytes()), body }
}

/// A webhook v3 of PagerDuty about an incident.
pub fn of_pagerduty(world: &World, incident: &str, id: &str, at: Moment, secret: &str) -> Option<Sent> {
    let data = pagerduty::webhook_data(world, incident)?;
    let event = json!({
        "id": id, "event_type": "incident.acknowledged", "resource_type": "incident", "occurred_at": at,
        "agent": null, "client": null, "data": data,
    });
    let body = json!({ "event": event }).to_string();
    Some(Sent { headers: headers("pagerduty", "", (id, at), secret, body.as_bytes()), body })
}

/// A webhook of incident.io about an incident; the secret is `whsec_…`.
pub fn of_incident_io(world: &World, incident: &str, id: &str, at: Moment, secret: &str) -> Option<Sent> {
    let event = "public_incident.incident_updated_v2";
    let body = json!({ "event_type": event, event: incident_io::incident(world, incident)? }).to_string();
    Some(Sent { headers: headers("incident_io", "", (id, at), secret, body.as_bytes()), body })
}

/// A webhook of Jira about an issue.
pub fn of_jira(world: &World, key: &str, id: &str, at: Moment, secret: &str) -> Option<Sent> {
    let issue = jira::issue_of(world, key)?;
    let body = json!({
        "timestamp": at.timestamp_millis(), "webhookEvent": "jira:issue_updated", "issue": issue,
        "user": { "displayName": "Ada Quillfeather" },
    })
    .to_string();
    Some(Sent { headers: headers("jira", "", (id, at), secret, body.as_bytes()), body })
}

/// What a tool sends with a body, and signs it with. The tool is called as its kind of source is; one that signs nothing
/// says only what the body is.
pub fn headers(
    tool: &str,
    event: &str,
    (id, at): (&str, Moment),
    secret: &str,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let signed = || hex(&signature(secret.as_bytes(), body));
    let mut headers = vec![("content-type", "application/json".to_owned())];
    match tool {
        "github" => headers.extend([
            ("x-github-event", event.to_owned()),
            ("x-github-delivery", id.to_owned()),
            ("x-hub-signature-256", format!("sha256={}", signed())),
        ]),
        "pagerduty" => headers.push(("x-pagerduty-signature", format!("v1={},v1={}", "0".repeat(64), signed()))),
        "jira" => headers.extend([
            ("x-atlassian-webhook-identifier", id.to_owned()),
            ("x-hub-signature", format!("sha256={}", signed())),
        ]),
        "incident_io" => {
            let timestamp = at.timestamp().to_string();
            let key = BASE64.decode(secret.trim_start_matches("whsec_")).unwrap_or_default();
            let signature = signature(&key, &[format!("{id}.{timestamp}.").as_bytes(), body].concat());
            headers.extend([
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", timestamp),
                ("webhook-signature", format!("v1,{}", BASE64.encode(signature))),
            ]);
        }
        _ => {}
    }
    headers
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
