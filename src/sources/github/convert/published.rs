//! GitHub's published payloads, read as GitHub would send them: the examples of its OpenAPI description and of its
//! webhooks. The set-up scripts fetch both.

use serde_json::Value;

use super::{code_alert, dependency_alert, run, secret_alert};
use crate::facts::{SecurityAlert, SecurityAlertKind};
use crate::sources::github::payload::RunNode;

fn read(path: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(path);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{} is missing: run `scripts/test` once ({error})", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The examples of the answer to a GET, each record for itself.
fn described(description: &Value, path: &str, list: &str) -> Vec<Value> {
    let content = &description["paths"][path]["get"]["responses"]["200"]["content"]["application/json"];
    let mut records = Vec::new();
    for example in content["examples"].as_object().unwrap().values() {
        let name = example["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        let example = name.map_or(example, |name| &description["components"]["examples"][name]);
        let value = if list.is_empty() { &example["value"] } else { &example["value"][list] };
        records.extend(value.as_array().unwrap().clone());
    }
    assert!(!records.is_empty(), "{path} has no example");
    records
}

/// The part of each webhook payload of a name.
fn sent(examples: &Value, event: &str, part: &str) -> Vec<Value> {
    let of_event = examples.as_array().unwrap().iter().filter(|example| example["name"] == event);
    let payloads = of_event.flat_map(|example| example["examples"].as_array().unwrap());
    let parts: Vec<Value> = payloads.map(|payload| payload[part].clone()).collect();
    assert!(!parts.is_empty(), "there is no sample of {event}");
    parts
}

/// Nothing that a KPI needs is lost: severity, and the moments of opening, fixing and dismissing.
fn check(alert: &SecurityAlert, record: &Value) {
    assert!(!alert.title.is_empty(), "{}", record["url"]);
    assert_eq!(alert.severity.is_some(), alert.kind != SecurityAlertKind::Secret, "{}", record["url"]);
    let ended = |names: &[&str]| names.iter().any(|name| record[*name].is_string());
    assert_eq!(
        alert.fixed_at.is_some() || alert.dismissed_at.is_some(),
        ended(&["fixed_at", "dismissed_at", "auto_dismissed_at", "resolved_at"]),
        "{}",
        record["url"]
    );
}

#[test]
fn alerts_of_the_description_and_of_webhooks_are_read() {
    let (description, webhooks) = (read("github-openapi/api.github.com.json"), read("github-webhooks/index.json"));
    let repository = "/repos/{owner}/{repo}";
    let mut dependencies = described(&description, &format!("{repository}/dependabot/alerts"), "");
    dependencies.extend(sent(&webhooks, "dependabot_alert", "alert"));
    for record in dependencies {
        check(&dependency_alert(record.clone(), "acme/shop").unwrap(), &record);
    }
    let mut weaknesses = described(&description, &format!("{repository}/code-scanning/alerts"), "");
    weaknesses.extend(sent(&webhooks, "code_scanning_alert", "alert"));
    for record in weaknesses {
        check(&code_alert(record.clone(), "acme/shop").unwrap(), &record);
    }
    for record in described(&description, &format!("{repository}/secret-scanning/alerts"), "") {
        check(&secret_alert(record.clone(), "acme/shop").unwrap(), &record);
    }
}

#[test]
fn runs_of_the_description_and_of_webhooks_are_read() {
    let (description, webhooks) = (read("github-openapi/api.github.com.json"), read("github-webhooks/index.json"));
    let mut runs = described(&description, "/repos/{owner}/{repo}/actions/runs", "workflow_runs");
    runs.extend(sent(&webhooks, "workflow_run", "workflow_run"));
    for record in runs {
        let fact = run(serde_json::from_value::<RunNode>(record.clone()).unwrap(), "acme/shop");
        assert_eq!(Some(fact.sha.as_str()), record["head_sha"].as_str());
        assert_eq!(fact.conclusion.is_some(), record["conclusion"].is_string(), "{}", record["url"]);
        assert!(!fact.workflow.is_empty(), "{}", record["url"]);
    }
}
