//! The table `[pagerduty]`.

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use toml::de::ValueDeserializer;

use crate::address;
use crate::sources::secret;
use crate::sources::source::{ConfigureError, SourceContext, SourceTable};
use crate::sources::webhook::{WebhookSecrets, WebhookTable};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    token_env: Option<String>,
    token_file: Option<String>,
    services: Vec<String>,
    base_url: Option<String>,
    webhook: Option<WebhookTable>,
    name: Option<String>,
}

/// The checked configuration of one PagerDuty.
#[derive(Debug)]
pub(super) struct PagerdutyConfig {
    pub(super) name: String,
    token: SecretString,
    /// Where the key came from, for messages.
    pub(super) place: String,
    pub(super) services: Vec<String>,
    pub(super) base_url: String,
    pub(super) webhook: Option<WebhookSecrets>,
}

impl PagerdutyConfig {
    pub(super) fn read(table: SourceTable<'_>, context: &SourceContext) -> Result<Self, ConfigureError> {
        let table = Table::deserialize(ValueDeserializer::from(table))?;
        let (variable, file) = (table.token_env.as_deref(), table.token_file.as_deref());
        let base_url = table.base_url.as_deref().unwrap_or("https://api.pagerduty.com");
        let base_url = address::base(base_url, "https://api.eu.pagerduty.com");
        let base_url = base_url.map_err(|problem| ConfigureError::Value { key: "base_url".to_owned(), problem })?;
        Ok(Self {
            token: secret::read("token", variable, file, context)?,
            webhook: WebhookSecrets::optional(table.webhook.as_ref(), context)?,
            place: variable.map_or_else(|| file.unwrap_or_default().to_owned(), |variable| format!("${variable}")),
            name: table.name.unwrap_or_else(|| "pagerduty".to_owned()),
            services: table.services,
            base_url,
        })
    }

    /// The headers of every request. The key is marked as sensitive, so that it is never shown.
    pub(super) fn headers(&self) -> Result<HeaderMap, ConfigureError> {
        let text = format!("Token token={}", self.token.expose_secret());
        let mut token = HeaderValue::from_str(&text).map_err(|_| ConfigureError::Value {
            key: "token_env".to_owned(),
            problem: "holds characters that no API key has".to_owned(),
        })?;
        token.set_sensitive(true);
        let accept = HeaderValue::from_static("application/vnd.pagerduty+json;version=2");
        Ok(HeaderMap::from_iter([(AUTHORIZATION, token), (ACCEPT, accept)]))
    }
}
