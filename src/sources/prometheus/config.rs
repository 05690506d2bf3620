//! The table `[prometheus]`.

use std::collections::BTreeMap;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use toml::de::ValueDeserializer;

use crate::address;
use crate::sources::secret;
use crate::sources::source::{ConfigureError, SourceContext, SourceTable};

/// What may be measured.
const MEASURES: &[&str] =
    &["slo_attainment", "latency_p95", "latency_p99", "error_rate", "request_throughput", "cost", "volume"];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    base_url: Option<String>,
    token_env: Option<String>,
    token_file: Option<String>,
    service_label: Option<String>,
    alert_rules: Option<bool>,
    queries: BTreeMap<String, String>,
    name: Option<String>,
}

/// The checked configuration of one Prometheus.
#[derive(Debug)]
pub(super) struct PrometheusConfig {
    pub(super) name: String,
    pub(super) base_url: String,
    token: Option<SecretString>,
    pub(super) service_label: String,
    pub(super) alert_rules: bool,
    pub(super) queries: BTreeMap<String, String>,
}

impl PrometheusConfig {
    pub(super) fn read(table: SourceTable<'_>, context: &SourceContext) -> Result<Self, ConfigureError> {
        let table = Table::deserialize(ValueDeserializer::from(table))?;
        let value = |key: &str, problem: String| ConfigureError::Value { key: key.to_owned(), problem };
        let base_url = address::base(&table.base_url.unwrap_or_default(), "http://prometheus:9090");
        let base_url = base_url.map_err(|problem| value("base_url", problem))?;
        if let Some(unknown) = table.queries.keys().find(|measure| !MEASURES.contains(&measure.as_str())) {
            let known = MEASURES.join(", ");
            return Err(value("queries", format!("\"{unknown}\" is nothing that chiplog measures: known are {known}")));
        }
        let token = match (&table.token_env, &table.token_file) {
            (None, None) => None,
            (variable, file) => Some(secret::read("token", variable.as_deref(), file.as_deref(), context)?),
        };
        Ok(Self {
            name: table.name.unwrap_or_else(|| "prometheus".to_owned()),
            base_url,
            token,
            service_label: table.service_label.unwrap_or_else(|| "service".to_owned()),
            alert_rules: table.alert_rules.unwrap_or(true),
            queries: table.queries,
        })
    }

    /// Whether a token is sent.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The headers of every request.
    pub(super) fn headers(&self) -> Result<HeaderMap, ConfigureError> {
        let Some(token) = &self.token else { return Ok(HeaderMap::new()) };
        let mut token =
            HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(|_| ConfigureError::Value {
                key: "token_env".to_owned(),
                problem: "holds characters that no token has".to_owned(),
            })?;
        token.set_sensitive(true);
        Ok(HeaderMap::from_iter([(AUTHORIZATION, token)]))
    }
}
