//! incident.io: incidents with the timestamps that the organisation keeps.
//!
//! <https://api-docs.incident.io/tag/Incidents-V2>

mod convert;
mod webhook;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{Duration, SecondsFormat};
use serde::Deserialize;
use serde_json::Value;
use toml::de::ValueDeserializer;

use super::access::{Access, AccessKeys};
use super::clocks;
use super::finding::Finding;
use super::http::JsonClient;
use super::shape;
use super::source::{BatchSink, ConfigureError, Kind, Source, SourceContext, SourceError, SourceTable, Telemetry};
use super::webhook::{Webhook, WebhookSecrets, WebhookTable};
use crate::facts::{Batch, Fact, FactFamily as _, Incident, Moment};
use convert::Names;

/// incident.io.
pub(super) const KIND: Kind = Kind {
    name: "incident_io",
    summary: "Incidents of incident.io.",
    families: FAMILIES,
    example: r#"[incident_io]
token_env = "INCIDENT_IO_TOKEN"  # or token_file; an API key that may view data
service_field = "Affected service" # the custom field that names the service; else the incident's type does
impact_timestamp = "Impact started" # the names of the timestamps, as they are set up
acknowledged_timestamp = "Accepted at"
resolved_timestamp = "Resolved at"
base_url = "https://api.incident.io"
# webhook = { secret_env = "INCIDENT_IO_WEBHOOK_SECRET" } # whsec_…; or secret_file; previous_secret_env, or
# previous_secret_file, while it is replaced
name = "incident_io"             # the source's name, needed when there are several
"#,
    privacy: "Roles, creators and updates are not read; names are kept without addresses and mentions, those of private \
              incidents not at all.",
    credential: "Settings › API keys, a key that may view data",
    configure,
};

const FAMILIES: &[&str] = &[Incident::FAMILY];

/// The most incidents of a page.
const PAGE: &str = "250";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    token_env: Option<String>,
    token_file: Option<String>,
    service_field: Option<String>,
    impact_timestamp: Option<String>,
    acknowledged_timestamp: Option<String>,
    resolved_timestamp: Option<String>,
    base_url: Option<String>,
    webhook: Option<WebhookTable>,
    name: Option<String>,
}

fn configure(table: SourceTable<'_>, context: &SourceContext) -> Result<Arc<dyn Source>, ConfigureError> {
    let table = Table::deserialize(ValueDeserializer::from(table))?;
    let or = |name: Option<String>, usual: &str| name.unwrap_or_else(|| usual.to_owned());
    let names = Names {
        service_field: or(table.service_field, "Affected service"),
        impact: or(table.impact_timestamp, "Impact started"),
        acknowledged: or(table.acknowledged_timestamp, "Accepted at"),
        resolved: or(table.resolved_timestamp, "Resolved at"),
    };
    let webhook = WebhookSecrets::optional(table.webhook.as_ref(), context)?;
    let Table { token_env, token_file, base_url, name, .. } = table;
    let keys = AccessKeys { token_env, token_file, base_url, name, user_env: None };
    let access = Access::read(keys, KIND.name, Some("https://api.incident.io"), context)?;
    let client = JsonClient::new("incident.io", access.headers("Bearer")?, context.timeout)
        .map_err(|error| ConfigureError::Value { key: "base_url".to_owned(), problem: error.to_string() })?;
    Ok(Arc::new(IncidentIoSource { access, client, names, webhook, context: context.clone() }))
}

struct IncidentIoSource {
    access: Access,
    client: JsonClient,
    names: Names,
    webhook: Option<WebhookSecrets>,
    context: SourceContext,
}

#[async_trait]
impl Source for IncidentIoSource {
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
        const CURSOR: &str = "incidents";
        let now = (self.context.now)();
        let oldest = now - self.context.history;
        let stored = sink.cursor(CURSOR).await?.and_then(|state| state.parse::<Moment>().ok());
        // What changes while pages are read is seen again in the next round.
        let since = clocks::read_until(stored, now).map_or(oldest, |at| at - Duration::minutes(5)).max(oldest);
        let (mut after, mut done): (Option<String>, u64) = (None, 0);
        loop {
            let (records, next, total) = self.page(since, after.as_deref()).await?;
            done += records.len() as u64;
            let mut batch = Batch::default();
            for record in records {
                let external_id = record["id"].as_str().unwrap_or("without an id").to_owned();
                match convert::incidents(record, &self.names) {
                    Ok(facts) => batch.facts.extend(facts.into_iter().map(Fact::Incident)),
                    Err(error) => batch.rejects.push(shape::unreadable(Incident::FAMILY, external_id, &error)),
                }
            }
            if next.is_none() {
                batch.cursors.push((CURSOR.to_owned(), Some(now.to_rfc3339())));
            }
            sink.accept(batch).await?;
            sink.progress("incidents", done, total);
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn diagnose(&self) -> Vec<Finding> {
        vec![match self.page((self.context.now)(), None).await {
            Err(error) => Finding::failed(&error, KIND.credential),
            Ok(_) => Finding::good("the API key is good"),
        }]
    }

    fn webhook(&self) -> Option<&dyn Webhook> {
        self.webhook.is_some().then_some(self)
    }

    fn shows_credentials_to(&self) -> Option<&str> {
        Some(&self.access.base_url)
    }

    fn telemetry(&self) -> Vec<Telemetry> {
        self.client.telemetry()
    }
}

impl IncidentIoSource {
    /// A page of the incidents that changed since then, the cursor of the next one, and how many there are.
    async fn page(
        &self,
        since: Moment,
        after: Option<&str>,
    ) -> Result<(Vec<Value>, Option<String>, Option<u64>), SourceError> {
        let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut parameters = vec![("page_size", PAGE), ("updated_at[gte]", since.as_str())];
        parameters.extend(after.map(|after| ("after", after)));
        let url = self.access.url("v2/incidents", &parameters)?;
        let mut body = self.client.document(url, "incidents", &self.access.place).await?;
        let records = shape::list(&mut body, "incidents", "incident.io")?;
        let paging = &body["pagination_meta"];
        // The last page names no next one; a full page may, and then it is empty.
        let next = paging["after"].as_str().filter(|_| !records.is_empty()).map(str::to_owned);
        Ok((records, next.filter(|next| Some(next.as_str()) != after), paging["total_record_count"].as_u64()))
    }
}
