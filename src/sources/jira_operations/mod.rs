//! Jira Service Management operations, the successor of Opsgenie: its alerts as incidents.
//!
//! <https://developer.atlassian.com/cloud/jira/service-desk-ops/rest/v2/intro/>

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use toml::de::ValueDeserializer;

use super::access::{Access, AccessKeys};
use super::alerts::{self, AlertApi, AlertPayload, AlertTimes, PAGE};
use super::finding::Finding;
use super::http::JsonClient;
use super::shape;
use super::source::{BatchSink, ConfigureError, Kind, Source, SourceContext, SourceError, SourceTable, Telemetry};
use crate::address;
use crate::facts::{FactFamily as _, Incident, Moment};

/// Jira Service Management operations.
pub(super) const KIND: Kind = Kind {
    name: "jira_operations",
    summary: "Alerts of Jira Service Management operations as incidents.",
    families: FAMILIES,
    example: r#"[jira_operations]
cloud_id = "11223344-a1b2-3b33-c444-def123456789" # https://YOUR.atlassian.net/_edge/tenant_info tells it
user_env = "JIRA_USER"           # the account's address, with an API token; leave it out for an OAuth token
token_env = "JIRA_TOKEN"         # or token_file
query = "priority: P1 OR priority: P2" # which alerts are incidents; all unless given
service_tag = "service:"         # what the tag begins with that names the service
base_url = "https://api.atlassian.com"
name = "jira_operations"         # the source's name, needed when there are several
"#,
    privacy: "Who was called or who answered is not kept; messages are kept without addresses and mentions.",
    credential: "an API token of the account at id.atlassian.com › Security, with access to the operations of the site",
    configure,
};

const FAMILIES: &[&str] = &[Incident::FAMILY];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    cloud_id: Option<String>,
    user_env: Option<String>,
    token_env: Option<String>,
    token_file: Option<String>,
    query: Option<String>,
    service_tag: Option<String>,
    base_url: Option<String>,
    name: Option<String>,
}

fn configure(table: SourceTable<'_>, context: &SourceContext) -> Result<Arc<dyn Source>, ConfigureError> {
    let table = Table::deserialize(ValueDeserializer::from(table))?;
    let Table { cloud_id, user_env, token_env, token_file, query, service_tag, base_url, name } = table;
    let is_id =
        |id: &String| !id.is_empty() && id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    let cloud_id = cloud_id.filter(is_id).ok_or_else(|| ConfigureError::Value {
        key: "cloud_id".to_owned(),
        problem: "is missing: https://YOUR.atlassian.net/_edge/tenant_info tells it".to_owned(),
    })?;
    let keys = AccessKeys { token_env, token_file, user_env, base_url, name };
    let access = Access::read(keys, KIND.name, Some("https://api.atlassian.com"), context)?;
    let client = JsonClient::new("Jira Service Management", access.headers("Bearer")?, context.timeout)
        .map_err(|error| ConfigureError::Value { key: "base_url".to_owned(), problem: error.to_string() })?;
    let service_tag = service_tag.unwrap_or_else(|| "service:".to_owned());
    Ok(Arc::new(OperationsSource { access, client, cloud_id, query, service_tag, context: context.clone() }))
}

struct OperationsSource {
    access: Access,
    client: JsonClient,
    cloud_id: String,
    query: Option<String>,
    service_tag: String,
    context: SourceContext,
}

impl OperationsSource {
    async fn values(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Vec<Value>, SourceError> {
        let url = self.access.url(&format!("jsm/ops/api/{}/v1/{path}", self.cloud_id), parameters)?;
        let mut body = self.client.document(url, "alerts", &self.access.place).await?;
        shape::list(&mut body, "values", "Jira Service Management")
    }
}

#[async_trait]
impl Source for OperationsSource {
    fn name(&self) -> &str {
        &self.access.name
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn families(&self) -> Vec<&'static str> {
        FAMILIES.to_vec()
    }

    async fn collect(&self, sink: &dyn BatchSink) -> Result<(), SourceError> {
        let oldest = (self.context.now)() - self.context.history;
        alerts::collect(self, sink, oldest, &self.service_tag).await
    }

    async fn diagnose(&self) -> Vec<Finding> {
        vec![match self.page((self.context.now)(), 0).await {
            Err(error) => Finding::failed(&error, KIND.credential),
            Ok(_) => Finding::good("the token is good"),
        }]
    }

    fn shows_credentials_to(&self) -> Option<&str> {
        Some(&self.access.base_url)
    }

    fn telemetry(&self) -> Vec<Telemetry> {
        self.client.telemetry()
    }
}

#[async_trait]
impl AlertApi for OperationsSource {
    async fn page(&self, since: Moment, offset: usize) -> Result<Vec<Value>, SourceError> {
        let changed = format!("updatedAt >= {}", since.timestamp_millis());
        let query = self.query.as_ref().map_or_else(|| changed.clone(), |query| format!("({query}) AND {changed}"));
        let (size, offset) = (PAGE.to_string(), offset.to_string());
        let parameters =
            [("query", query.as_str()), ("sort", "updatedAt"), ("order", "asc"), ("size", &size), ("offset", &offset)];
        self.values("alerts", &parameters).await
    }

    /// The log of an alert tells what its list does not.
    async fn times(&self, alert: &AlertPayload) -> Result<AlertTimes, SourceError> {
        if !alert.acknowledged && alert.status != "closed" {
            return Ok(AlertTimes::default());
        }
        let path = address::path(&["alerts", &alert.id, "logs"]).map_err(SourceError::Malformed)?;
        let log = self.values(&path, &[("size", "100"), ("order", "asc")]).await?;
        Ok(times_of_log(&log))
    }
}

/// The first acknowledgement and the last closing in a log.
fn times_of_log(log: &[Value]) -> AlertTimes {
    let mut times = AlertTimes::default();
    for entry in log {
        let text = entry["log"].as_str().unwrap_or_default().to_lowercase();
        let at = entry["createdAt"].as_str().and_then(|at| at.parse::<Moment>().ok());
        if text.starts_with("alert acknowledged") || text.starts_with("acknowledged") {
            times.acknowledged_at = times.acknowledged_at.into_iter().chain(at).min();
        } else if text.starts_with("alert closed") || text.starts_with("closed") {
            times.closed_at = times.closed_at.into_iter().chain(at).max();
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_log_tells_when_an_alert_was_acknowledged_and_closed() {
        let entry = |log: &str, at: &str| json!({ "log": log, "type": "system", "createdAt": at });
        let log = [
            entry("Alert created via API", "2026-10-05T12:00:00Z"),
            entry("Alert acknowledged via web", "2026-10-05T12:03:00Z"),
            entry("Alert closed via web", "2026-10-05T13:00:00Z"),
        ];
        let times = times_of_log(&log);
        assert_eq!(times.acknowledged_at, Some("2026-10-05T12:03:00Z".parse().unwrap()));
        assert_eq!(times.closed_at, Some("2026-10-05T13:00:00Z".parse().unwrap()));
    }
}
