//! Webhooks of GitHub. A delivery is a pointer to what is read again, but for runs and alerts, which it carries whole.
//!
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::address;
use crate::facts::Moment;
use crate::sources::webhook::{Delivery, Refusal, WebhookSecrets, header, read_body};

/// GitHub sends no larger payloads.
pub(super) const LARGEST_BODY: usize = 25 * 1024 * 1024;

/// What is needed of the payload of any event.
#[derive(Debug, Deserialize)]
struct Payload {
    repository: Option<RepositoryPayload>,
    pull_request: Option<Pointer>,
    issue: Option<IssuePayload>,
    deployment: Option<Pointer>,
    release: Option<ReleasePayload>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    ref_type: Option<String>,
    #[serde(default)]
    deleted: bool,
    workflow_run: Option<Value>,
    alert: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct RepositoryPayload {
    node_id: String,
    full_name: String,
    default_branch: Option<String>,
}

/// The repository of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct KeptRepository {
    pub(super) node_id: String,
    pub(super) full_name: String,
}

#[derive(Debug, Deserialize)]
struct Pointer {
    node_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct IssuePayload {
    node_id: String,
    #[serde(rename = "type")]
    kind: Option<Named>,
    /// Comments of pull requests are told as those of issues.
    pull_request: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ReleasePayload {
    tag_name: String,
}

/// What is kept of a delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) repository: KeptRepository,
    pub(super) what: What,
}

/// What a delivery tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// A pull request or a review of it has changed.
    PullRequest { node_id: String },
    /// An issue has changed. `kind` is the organisation's type of issue.
    Issue { node_id: String, kind: Option<String> },
    /// A deployment has begun or changed its state.
    Deployment { node_id: String },
    /// A tag or its release is new or has changed.
    Tag { name: String },
    /// The default branch has moved.
    Push,
    /// A run, as REST shows it.
    Run { record: Value },
    /// An alert, as REST shows it.
    Alert { scanner: String, record: Value },
}

/// Checks the signature and keeps what is needed.
pub(super) fn verify(secrets: &WebhookSecrets, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, Refusal> {
    let signature = header(headers, "x-hub-signature-256").and_then(|text| text.strip_prefix("sha256="));
    if !secrets.signed_in_hex(body, signature) {
        return Err(Refusal::Signature);
    }
    let needed =
        |name: &str| header(headers, name).ok_or_else(|| Refusal::Malformed(format!("the header {name} is missing")));
    let (event, id) = (needed("x-github-event")?, needed("x-github-delivery")?);
    if header(headers, "content-type").is_some_and(|kind| kind.contains("form-urlencoded")) {
        let text = "comes as a form: set the content type of the webhook to application/json";
        return Err(Refusal::Malformed(text.to_owned()));
    }
    delivery(id, event, body)
}

/// A delivery that is known to be GitHub's.
pub(super) fn delivery(id: &str, event: &str, body: &[u8]) -> Result<Delivery, Refusal> {
    let payload: Payload = read_body(body, "webhook of GitHub")?;
    let kept = kept(event, payload);
    Ok(Delivery {
        id: id.to_owned(),
        event: event.to_owned(),
        headers: BTreeMap::new(),
        body: kept.map(|kept| json!(kept).to_string()).unwrap_or_default(),
    })
}

/// What is kept of an event. `None` where nothing is measured of it.
fn kept(event: &str, payload: Payload) -> Option<Kept> {
    let repository = payload.repository?;
    let alert = |scanner: &str| {
        payload.alert.as_ref().map(|alert| What::Alert { scanner: scanner.to_owned(), record: of_alert(alert) })
    };
    let what = match event {
        "pull_request" | "pull_request_review" | "pull_request_review_comment" | "pull_request_review_thread" => {
            What::PullRequest { node_id: payload.pull_request?.node_id? }
        }
        "issues" | "issue_comment" => {
            let issue = payload.issue?;
            let (node_id, kind) = (issue.node_id, issue.kind.and_then(|kind| kind.name));
            if issue.pull_request.is_some() { What::PullRequest { node_id } } else { What::Issue { node_id, kind } }
        }
        "deployment" | "deployment_status" => What::Deployment { node_id: payload.deployment?.node_id? },
        "release" => What::Tag { name: payload.release?.tag_name },
        "create" if payload.ref_type.as_deref() == Some("tag") => What::Tag { name: payload.reference? },
        "push" if !payload.deleted => {
            let reference = payload.reference?;
            match reference.strip_prefix("refs/tags/") {
                Some(tag) => What::Tag { name: tag.to_owned() },
                None if reference.strip_prefix("refs/heads/") == repository.default_branch.as_deref() => What::Push,
                None => return None,
            }
        }
        "workflow_run" => What::Run { record: of_run(&payload.workflow_run?) },
        "dependabot_alert" => alert("dependabot")?,
        "code_scanning_alert" => alert("code-scanning")?,
        "secret_scanning_alert" => alert("secret-scanning")?,
        _ => return None,
    };
    let repository = KeptRepository { node_id: repository.node_id, full_name: repository.full_name };
    Some(Kept { repository, what })
}

/// The fields of a run that are read.
fn of_run(run: &Value) -> Value {
    const FIELDS: &[&str] = &[
        "id",
        "name",
        "path",
        "event",
        "head_branch",
        "head_sha",
        "run_attempt",
        "status",
        "conclusion",
        "created_at",
        "run_started_at",
        "updated_at",
        "html_url",
    ];
    let mut kept = fields(run, FIELDS);
    // Branches are called after people.
    if run["actor"]["login"].is_string() {
        kept.insert("actor".to_owned(), json!({ "login": run["actor"]["login"] }));
    }
    Value::Object(kept)
}

/// The fields of an alert that are read: neither the secret itself nor who dismissed it, and in which words.
fn of_alert(alert: &Value) -> Value {
    const FIELDS: &[&str] = &[
        "number",
        "created_at",
        "updated_at",
        "html_url",
        "fixed_at",
        "dismissed_at",
        "auto_dismissed_at",
        "dismissed_reason",
        "resolved_at",
        "resolution",
        "secret_type_display_name",
        "secret_type",
        "security_advisory",
        "security_vulnerability",
        "rule",
    ];
    Value::Object(fields(alert, FIELDS))
}

/// Some fields of a record.
fn fields(record: &Value, names: &[&str]) -> serde_json::Map<String, Value> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), record.get(name)?.clone()))).collect()
}

/// Whose deliveries are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hook {
    /// The path of its deliveries.
    pub(super) path: String,
    /// Whether the App itself asks, not its installation.
    pub(super) as_app: bool,
}

impl Hook {
    /// Reads `organization/ID`, `repository/OWNER/NAME/ID` or `app`.
    pub(super) fn read(text: &str, organization: Option<&str>) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let path = match (parts.as_slice(), organization) {
            (["app"], _) => return Some(Self { path: "/app/hook/deliveries".to_owned(), as_app: true }),
            (["organization", id], Some(login)) if is_number(id) => {
                address::path(&["orgs", login, "hooks", id, "deliveries"])
            }
            (["repository", owner, name, id], _) if is_number(id) => {
                address::path(&["repos", owner, name, "hooks", id, "deliveries"])
            }
            _ => return None,
        };
        Some(Self { path: format!("/{}", path.ok()?), as_app: false })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The checked key `webhook`.
#[derive(Debug)]
pub(super) struct WebhookConfig {
    pub(super) secrets: WebhookSecrets,
    pub(super) hook: Option<Hook>,
}

/// How often GitHub is asked for what webhooks point to: at once in usual times; in a long flood with a pause, in which
/// deliveries about the same things are collected and read once.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<(f64, Moment)>>);

impl Pace {
    /// So many rounds may follow one another without a pause, and one more after each of these pauses.
    const ROUNDS: f64 = 40.0;
    const PAUSE: chrono::Duration = chrono::Duration::milliseconds(1500);

    /// How long to wait before the next round.
    pub(super) fn wait(&self, now: Moment) -> std::time::Duration {
        let left = self.left(now);
        let missing = Self::PAUSE.as_seconds_f64() * (1.0 - left).max(0.0);
        std::time::Duration::from_secs_f64(missing)
    }

    /// Notes a round that asked GitHub.
    pub(super) fn note(&self, now: Moment) {
        let left = (self.left(now) - 1.0).max(0.0);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((left, now));
    }

    fn left(&self, now: Moment) -> f64 {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((left, at)) = known else { return Self::ROUNDS };
        let regained = (now - at).as_seconds_f64().max(0.0) / Self::PAUSE.as_seconds_f64();
        (left + regained).min(Self::ROUNDS)
    }
}

/// What an item of GitHub's list of deliveries tells.
#[derive(Debug, Deserialize)]
pub(super) struct DeliveryItem {
    pub(super) id: u64,
    pub(super) guid: String,
    pub(super) delivered_at: Moment,
    pub(super) status_code: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "It's a Secret to Everybody";

    #[test]
    fn nothing_is_read_before_the_signature_is_good() {
        let secrets = WebhookSecrets::of(&[SECRET]);
        let mut headers = HeaderMap::new();
        assert_eq!(verify(&secrets, &headers, b"Hello, World!"), Err(Refusal::Signature));
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        headers.insert("x-hub-signature-256", signature.parse().unwrap());
        let told = verify(&secrets, &headers, b"Hello, World!").unwrap_err().to_string();
        assert_eq!(told, "the header x-github-event is missing");
        headers.insert("x-github-event", "push".parse().unwrap());
        headers.insert("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958".parse().unwrap());
        let told = verify(&secrets, &headers, b"Hello, World!").unwrap_err().to_string();
        assert!(told.starts_with("is no webhook of GitHub as JSON"), "{told}");
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        let told = verify(&secrets, &headers, b"Hello, World!").unwrap_err().to_string();
        assert!(told.contains("application/json"), "{told}");
        assert_eq!(
            verify(&WebhookSecrets::of(&["another-secret-here"]), &headers, b"Hello, World!"),
            Err(Refusal::Signature)
        );
    }

    /// GitHub's own samples of every event: all are taken, and those that chiplog measures point somewhere.
    #[test]
    fn every_published_sample_is_taken() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/github-webhooks/index.json");
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{} is missing: run `scripts/test` once ({error})", path.display()));
        let events: Vec<Value> = serde_json::from_str(&text).unwrap();
        let mut pointing = BTreeMap::new();
        for event in &events {
            let name = event["name"].as_str().unwrap();
            for payload in event["examples"].as_array().unwrap() {
                let taken = delivery("id", name, payload.to_string().as_bytes());
                let taken = taken.unwrap_or_else(|error| panic!("{name}: {error}: {payload}"));
                *pointing.entry(name).or_insert(0) += usize::from(!taken.body.is_empty());
                assert!(!taken.body.contains("\"sender\""), "{name} keeps too much");
            }
        }
        let all = |name: &str| {
            events.iter().find(|event| event["name"] == name).unwrap()["examples"].as_array().unwrap().len()
        };
        let whole = [
            "pull_request",
            "pull_request_review",
            "pull_request_review_comment",
            "issues",
            "issue_comment",
            "deployment",
            "deployment_status",
            "release",
            "workflow_run",
            "dependabot_alert",
            "code_scanning_alert",
        ];
        for name in whole {
            assert_eq!(pointing[name], all(name), "{name}");
        }
        assert!(pointing["push"] > 0 && pointing["create"] > 0, "{pointing:?}");
        for name in ["ping", "star", "check_run", "workflow_job"] {
            assert_eq!(pointing[name], 0, "{name}");
        }
    }

    #[test]
    fn neither_a_secret_nor_who_dismissed_its_alert_is_kept() {
        let payload = json!({
            "action": "created", "alert": {
                "number": 1, "secret": "canary", "secret_type": "api_key", "resolved_by": { "login": "canary" },
                "resolution_comment": "canary", "dismissed_by": { "login": "canary" }, "dismissed_comment": "canary",
            },
            "repository": { "node_id": "R_1", "full_name": "acme/shop" },
        });
        let taken = delivery("id", "secret_scanning_alert", payload.to_string().as_bytes()).unwrap();
        assert!(taken.body.contains("api_key") && !taken.body.contains("canary"), "{}", taken.body);
    }

    #[test]
    fn a_flood_is_read_with_pauses() {
        let (pace, now) = (Pace::default(), Moment::default());
        for _ in 0..40 {
            assert!(pace.wait(now).is_zero());
            pace.note(now);
        }
        assert_eq!(pace.wait(now), std::time::Duration::from_millis(1500));
        let later = now + chrono::Duration::milliseconds(1500);
        assert!(pace.wait(later).is_zero());
        pace.note(later);
        assert!(!pace.wait(later).is_zero());
        assert!(pace.wait(later + chrono::Duration::hours(1)).is_zero());
    }

    #[test]
    fn hooks_are_named_by_who_has_them() {
        let path = |text: &str| Hook::read(text, Some("acme")).map(|hook| hook.path);
        assert_eq!(path("organization/12").as_deref(), Some("/orgs/acme/hooks/12/deliveries"));
        assert_eq!(path("repository/acme/shop/3").as_deref(), Some("/repos/acme/shop/hooks/3/deliveries"));
        assert!(Hook::read("app", None).unwrap().as_app);
        for bad in [
            "organization",
            "organization/x",
            "repository/acme/3",
            "repository/acme/../3",
            "repository//shop/3",
            "12",
            "",
        ] {
            assert_eq!(path(bad), None, "{bad}");
        }
        assert_eq!(Hook::read("organization/12", None), None);
    }
}
