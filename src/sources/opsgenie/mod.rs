//! Opsgenie: its alerts as incidents. Opsgenie ends in April 2027; its alerts live on in Jira Service Management
//! operations, which `[jira_operations]` reads.
//!
//! <https://docs.opsgenie.com/docs/alert-api>

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use toml::de::ValueDeserializer;

use super::access::{Access, AccessKeys};
use super::alerts::{self, AlertApi, AlertPayload, AlertTimes, PAGE};
use super::finding::{Finding, Fix};
use super::http::JsonClient;
use super::shape;
use super::source::{BatchSink, ConfigureError, Kind, Source, SourceContext, SourceError, SourceTable, Telemetry};
use crate::facts::{FactFamily as _, Incident, Moment};

/// Opsgenie.
pub(super) const KIND: Kind = Kind {
    name: "opsgenie",
    summary: "Alerts of Opsgenie as incidents, until it ends in April 2027.",
    families: FAMILIES,
    example: r#"[opsgenie]                       # ends in April 2027: move to [jira_operations]
token_env = "OPSGENIE_TOKEN"     # or token_file; an API key that may read
query = "priority: P1 OR priority: P2" # which alerts are incidents; all unless given
service_tag = "service:"         # what the tag begins with that names the service
base_url = "https://api.opsgenie.com" # Europe: "https://api.eu.opsgenie.com"
name = "opsgenie"                # the source's name, needed when there are several
"#,
    privacy: "Who was called or who answered is not kept; messages are kept without addresses and mentions.",
    credential: "Settings › API key management, a key that may read",
    configure,
};

const FAMILIES: &[&str] = &[Incident::FAMILY];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    token_env: Option<String>,
    token_file: Option<String>,
    query: Option<String>,
    service_tag: Option<String>,
    base_url: Option<String>,
    name: Option<String>,
}

fn configure(table: SourceTable<'_>, context: &SourceContext) -> Result<Arc<dyn Source>, ConfigureError> {
    let table = Table::deserialize(ValueDeserializer::from(table))?;
    let Table { token_env, token_file, query, service_tag, base_url, name } = table;
    let keys = AccessKeys { token_env, token_file, base_url, name, user_env: None };
    let access = Access::read(keys, KIND.name, Some("https://api.opsgenie.com"), context)?;
    let client = JsonClient::new("Opsgenie", access.headers("GenieKey")?, context.timeout)
        .map_err(|error| ConfigureError::Value { key: "base_url".to_owned(), problem: error.to_string() })?;
    let service_tag = service_tag.unwrap_or_else(|| "service:".to_owned());
    Ok(Arc::new(OpsgenieSource { access, client, query, service_tag, context: context.clone() }))
}

struct OpsgenieSource {
    access: Access,
    client: JsonClient,
    query: Option<String>,
    service_tag: String,
    context: SourceContext,
}

#[async_trait]
impl Source for OpsgenieSource {
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
        match self.page((self.context.now)(), 0).await {
            Err(error) => vec![Finding::failed(&error, KIND.credential)],
            Ok(_) => vec![
                Finding::good("the API key is good"),
                Finding::notice("Opsgenie ends in April 2027")
                    .hint(
                        "configure [jira_operations] beside it, and remove [opsgenie] once the alerts come from there",
                    )
                    .fix(Fix::configure(
                        "at the end",
                        "[jira_operations]\ncloud_id = \"…\" # https://YOUR.atlassian.net/_edge/tenant_info tells it\n\
                         user_env = \"JIRA_USER\"\ntoken_env = \"JIRA_TOKEN\"",
                    )),
            ],
        }
    }

    fn shows_credentials_to(&self) -> Option<&str> {
        Some(&self.access.base_url)
    }

    fn telemetry(&self) -> Vec<Telemetry> {
        self.client.telemetry()
    }
}

#[async_trait]
impl AlertApi for OpsgenieSource {
    async fn page(&self, since: Moment, offset: usize) -> Result<Vec<Value>, SourceError> {
        let changed = format!("updatedAt >= {}", since.timestamp_millis());
        let query = self.query.as_ref().map_or_else(|| changed.clone(), |query| format!("({query}) AND {changed}"));
        let (limit, offset) = (PAGE.to_string(), offset.to_string());
        let parameters = [
            ("query", query.as_str()),
            ("sort", "updatedAt"),
            ("order", "asc"),
            ("limit", &limit),
            ("offset", &offset),
        ];
        let url = self.access.url("v2/alerts", &parameters)?;
        let mut body = self.client.document(url, "alerts", &self.access.place).await?;
        shape::list(&mut body, "data", "Opsgenie")
    }

    /// The list tells all times: an alert without a report has had neither.
    async fn times(&self, _: &AlertPayload) -> Result<AlertTimes, SourceError> {
        Ok(AlertTimes::default())
    }
}
