//! Alertmanager's webhook: a group of alerts is an incident from its first alert until all of them are resolved.
//!
//! <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>

mod convert;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use toml::de::ValueDeserializer;

use super::finding::Finding;
use super::shape;
use super::source::{
    BatchSink, ConfigureError, FactLookup, Kind, Reach, ReceiveError, Receiver, Source, SourceContext, SourceError,
    SourceTable, Telemetry,
};
use super::webhook::digest_id;
use crate::facts::{Batch, Fact, FactFamily as _, Incident};
use convert::GroupPayload;

/// Alertmanager.
pub(super) const KIND: Kind = Kind {
    name: "alertmanager",
    summary: "Groups of alerts that Alertmanager sends, as incidents.",
    families: FAMILIES,
    example: r#"[alertmanager]
# Alertmanager sends to /api/v1/webhooks/alertmanager with a token of [reporters]: a receiver with webhook_configs, its
# http_config.authorization.credentials_file and send_resolved: true. Only groups whose common labels match are incidents:
match = { severity = "critical|page" }
service_label = "service"        # the label that names the service
severity_label = "severity"      # the label whose word [incidents] weighs
name = "alertmanager"            # the source's name, needed when there are several
"#,
    privacy: "Labels and annotations are not kept, but for service, severity and the summary without addresses and mentions.",
    credential: "",
    configure,
};

const FAMILIES: &[&str] = &[Incident::FAMILY];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    r#match: BTreeMap<String, String>,
    service_label: Option<String>,
    severity_label: Option<String>,
    name: Option<String>,
}

fn configure(table: SourceTable<'_>, _: &SourceContext) -> Result<Arc<dyn Source>, ConfigureError> {
    let table = Table::deserialize(ValueDeserializer::from(table))?;
    let mut rules = Vec::new();
    for (label, pattern) in table.r#match {
        let rule = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| ConfigureError::Value {
            key: "match".to_owned(),
            problem: format!("\"{pattern}\" is no regular expression: {error}"),
        })?;
        rules.push((label, rule));
    }
    Ok(Arc::new(AlertmanagerSource {
        name: table.name.unwrap_or_else(|| KIND.name.to_owned()),
        rules,
        service_label: table.service_label.unwrap_or_else(|| "service".to_owned()),
        severity_label: table.severity_label.unwrap_or_else(|| "severity".to_owned()),
    }))
}

struct AlertmanagerSource {
    name: String,
    rules: Vec<(String, Regex)>,
    service_label: String,
    severity_label: String,
}

#[async_trait]
impl Source for AlertmanagerSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn families(&self) -> Vec<&'static str> {
        FAMILIES.to_vec()
    }

    /// There is nothing to fetch: Alertmanager sends, and keeps no history.
    async fn collect(&self, _: &dyn BatchSink) -> Result<(), SourceError> {
        Ok(())
    }

    fn reaches_back(&self) -> Reach {
        Reach::Nothing
    }

    async fn diagnose(&self) -> Vec<Finding> {
        let message = format!("waits for Alertmanager at /api/v1/webhooks/{}", self.name);
        vec![Finding::good(message)]
    }

    fn telemetry(&self) -> Vec<Telemetry> {
        Vec::new()
    }

    fn receiver(&self) -> Option<&dyn Receiver> {
        Some(self)
    }
}

#[async_trait]
impl Receiver for AlertmanagerSource {
    async fn receive(&self, _: &HeaderMap, body: &[u8], stored: &dyn FactLookup) -> Result<Batch, ReceiveError> {
        let group = group(body)?;
        let wanted =
            self.rules.iter().all(|(label, rule)| group.label(label).is_some_and(|value| rule.is_match(value)));
        if !wanted {
            return Ok(Batch::default());
        }
        // A group has at most one incident at a time; the cursor says which was the last.
        let cursor = group.cursor();
        let last = match stored.cursor(&cursor).await? {
            Some(id) => stored.fact(Incident::FAMILY, &id).await?,
            None => None,
        };
        let last = last.and_then(|known: Value| serde_json::from_value::<Incident>(known).ok());
        let incident = group.incident(last, &self.service_label, &self.severity_label);
        let cursors = vec![(cursor, Some(incident.id.clone()))];
        Ok(Batch { facts: vec![Fact::Incident(incident)], cursors, ..Batch::default() })
    }

    /// Alertmanager gives no id; a group says all that it tells, so its content stands for it.
    fn delivery_id(&self, _: &HeaderMap, body: &[u8]) -> Result<String, ReceiveError> {
        group(body)?;
        Ok(digest_id(body))
    }
}

fn group(body: &[u8]) -> Result<GroupPayload, ReceiveError> {
    let unexpected = |error| format!("is no webhook of Alertmanager (version 4): {}", shape::why(&error));
    serde_json::from_slice(body).map_err(|error| ReceiveError::Malformed(unexpected(error)))
}
