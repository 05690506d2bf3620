//! PagerDuty: incidents with their acknowledgements, resolutions and reopenings.
//!
//! Incidents come in windows of creation; PagerDuty has no filter by change, so the log entries since the last look tell
//! which incidents have changed, and carry the times that incidents themselves don't.

mod config;
mod convert;
mod webhook;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{Duration, SecondsFormat};
use reqwest::{StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clocks;
use super::finding::Finding;
use super::http::JsonClient;
use super::shape;
use super::source::{BatchSink, ConfigureError, Kind, Source, SourceContext, SourceError, SourceTable, Telemetry};
use super::webhook::Webhook;
use crate::facts::{Batch, Fact, FactFamily as _, Incident, Inventory, InventoryKind, Moment};
use config::PagerdutyConfig;
use convert::{IncidentPayload, LogEntryPayload};
use windows::Window;

/// PagerDuty.
pub(super) const KIND: Kind = Kind {
    name: "pagerduty",
    summary: "Incidents of PagerDuty with their log.",
    families: FAMILIES,
    example: r#"[pagerduty]
token_env = "PAGERDUTY_TOKEN"    # or token_file; a read-only API key is enough
services = ["PLEDGER"]           # ids of services; all unless given
base_url = "https://api.pagerduty.com" # Europe: "https://api.eu.pagerduty.com"
# webhook = { secret_env = "PAGERDUTY_WEBHOOK_SECRET" } # of a webhook subscription (v3); or secret_file;
# previous_secret_env, or previous_secret_file, while it is replaced
name = "pagerduty"               # the source's name, needed when there are several
"#,
    privacy: "Who was called or who answered is not kept; titles are kept without addresses and mentions.",
    credential: "Integrations › API Access Keys, a read-only key",
    configure,
};

const FAMILIES: &[&str] = &[Incident::FAMILY, Inventory::FAMILY];

/// The most records of a page.
const LIMIT: usize = 100;

fn configure(table: SourceTable<'_>, context: &SourceContext) -> Result<Arc<dyn Source>, ConfigureError> {
    let config = PagerdutyConfig::read(table, context)?;
    let client = JsonClient::new("PagerDuty", config.headers()?, context.timeout)
        .map_err(|error| ConfigureError::Value { key: "token_env".to_owned(), problem: error.to_string() })?;
    Ok(Arc::new(PagerdutySource { config, client, context: context.clone() }))
}

struct PagerdutySource {
    config: PagerdutyConfig,
    client: JsonClient,
    context: SourceContext,
}

/// How far incidents have been read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Walk {
    /// Changes until then are stored.
    read_until: Option<Moment>,
    /// Windows of creation that are still to be read, newest first, and the moment the walk began at.
    waiting: Vec<Window>,
    began_at: Option<Moment>,
}

#[async_trait]
impl Source for PagerdutySource {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn families(&self) -> Vec<&'static str> {
        FAMILIES.to_vec()
    }

    async fn collect(&self, sink: &dyn BatchSink) -> Result<(), SourceError> {
        // What has happened since an earlier round was interrupted belongs to this one.
        if self.walk(sink).await? {
            self.walk(sink).await?;
        }
        self.on_call_services(sink).await
    }

    async fn diagnose(&self) -> Vec<Finding> {
        match self.page("services", &[], 0).await {
            Err(error) => vec![Finding::failed(&error, KIND.credential)],
            Ok(None) => Vec::new(),
            Ok(Some((services, _))) => {
                let names: Vec<String> = services
                    .iter()
                    .map(|service| {
                        format!(
                            "{} ({})",
                            service["id"].as_str().unwrap_or_default(),
                            service["name"].as_str().unwrap_or_default()
                        )
                    })
                    .collect();
                vec![Finding::good(format!("the API key is good; services: {}", names.join(", ")))]
            }
        }
    }

    fn webhook(&self) -> Option<&dyn Webhook> {
        self.config.webhook.is_some().then_some(self)
    }

    fn shows_credentials_to(&self) -> Option<&str> {
        Some(&self.config.base_url)
    }

    fn telemetry(&self) -> Vec<Telemetry> {
        self.client.telemetry()
    }
}

impl PagerdutySource {
    /// Reads the incidents that are new or have changed, or the rest of those that an earlier round was to read. Returns whether it
    /// was the rest.
    async fn walk(&self, sink: &dyn BatchSink) -> Result<bool, SourceError> {
        let mut walk: Walk = match sink.cursor("incidents").await? {
            Some(state) => serde_json::from_str(&state).unwrap_or_default(),
            None => Walk::default(),
        };
        // Spans end at whole seconds; what happens within this one belongs to the next look, which overlaps.
        let now = (self.context.now)() + Duration::seconds(1);
        let oldest = now - self.context.history;
        let is_rest = walk.began_at.is_some();
        if !is_rest {
            walk.began_at = Some(now);
            let since = match clocks::read_until(walk.read_until, now) {
                // Changes may concern any older incident: the log tells which, and its windows are read again.
                Some(read_until) => self.oldest_change(read_until - Duration::minutes(5), now).await?,
                None => Some(oldest),
            };
            walk.waiting = since.map(|since| windows::between(since.max(oldest), now)).unwrap_or_default();
        }
        let total = walk.waiting.len() as u64;
        while let Some(window) = walk.waiting.first().copied() {
            let Some(mut batch) = self.window(window, now).await? else {
                walk.waiting.splice(0..1, window.halves());
                continue;
            };
            walk.waiting.remove(0);
            batch.cursors.push(("incidents".to_owned(), Some(json!(walk).to_string())));
            sink.accept(batch).await?;
            sink.progress("incidents", total.saturating_sub(walk.waiting.len() as u64), Some(total));
        }
        let ended = Walk { read_until: walk.began_at, ..Walk::default() };
        let cursors = vec![("incidents".to_owned(), Some(json!(ended).to_string()))];
        sink.accept(Batch { cursors, ..Batch::default() }).await?;
        Ok(is_rest)
    }

    /// The services with their escalation policies, once a day, for `[[readiness]]`.
    async fn on_call_services(&self, sink: &dyn BatchSink) -> Result<(), SourceError> {
        let now = (self.context.now)();
        let today = now.date_naive().to_string();
        if sink.cursor("on_call_services").await?.as_deref() == Some(&today) {
            return Ok(());
        }
        let mut entries = Vec::new();
        while let Some((page, more)) = self.page("services", &[], entries.len()).await? {
            let empty = page.is_empty();
            entries.extend(page.iter().map(convert::on_call_service));
            if !more || empty {
                break;
            }
        }
        let inventory = Inventory {
            kind: InventoryKind::OnCallServices,
            scope: self.config.base_url.clone(),
            entries,
            observed_at: now,
            url: None,
        };
        let cursors = vec![("on_call_services".to_owned(), Some(today))];
        Ok(sink.accept(Batch { facts: vec![Fact::Inventory(inventory)], cursors, ..Batch::default() }).await?)
    }

    /// When the oldest incident was created that has changed since then. `None` if none has.
    async fn oldest_change(&self, since: Moment, now: Moment) -> Result<Option<Moment>, SourceError> {
        let mut changed = BTreeSet::new();
        for window in windows::between(since, now) {
            for entry in self.log_entries(window).await? {
                changed.insert(entry.incident.id);
            }
        }
        if changed.is_empty() {
            return Ok(None);
        }
        // Incidents that are changed long after they began are rare; their windows are read again whole, newest first.
        let mut oldest = now;
        for window in windows::between(now - self.context.history, now) {
            let Some(incidents) = self.all("incidents", window).await? else { continue };
            for incident in &incidents {
                if incident["id"].as_str().is_some_and(|id| changed.remove(id)) {
                    let created = incident["created_at"].as_str().and_then(|at| at.parse().ok());
                    oldest = created.unwrap_or(oldest).min(oldest);
                }
            }
            if changed.is_empty() {
                break;
            }
        }
        Ok(Some(oldest))
    }

    /// The incidents that were created in a window, with their log until now. `None` where there are more than
    /// PagerDuty shows.
    async fn window(&self, window: Window, now: Moment) -> Result<Option<Batch>, SourceError> {
        let Some(records) = self.all("incidents", window).await? else { return Ok(None) };
        let mut batch = Batch::default();
        let mut incidents = Vec::new();
        for record in records {
            let external_id = record["id"].as_str().unwrap_or("without an id").to_owned();
            match serde_json::from_value::<IncidentPayload>(record) {
                Ok(incident) => incidents.push(incident),
                Err(error) => batch.rejects.push(shape::unreadable(Incident::FAMILY, external_id, &error)),
            }
        }
        let mut entries: BTreeMap<String, Vec<LogEntryPayload>> = BTreeMap::new();
        if !incidents.is_empty() {
            // What happened to the incidents of a window may have happened much later.
            for span in windows::between(window.from, now) {
                for entry in self.log_entries(span).await? {
                    entries.entry(entry.incident.id.clone()).or_default().push(entry);
                }
            }
        }
        let fact = |incident: IncidentPayload| {
            let log = entries.remove(&incident.id).unwrap_or_default();
            Fact::Incident(convert::incident(incident, &log))
        };
        batch.facts = incidents.into_iter().map(fact).collect();
        Ok(Some(batch))
    }

    /// The log entries of a window, split until PagerDuty shows all of them.
    async fn log_entries(&self, window: Window) -> Result<Vec<LogEntryPayload>, SourceError> {
        let mut waiting = vec![window];
        let mut entries = Vec::new();
        while let Some(window) = waiting.pop() {
            match self.all("log_entries", window).await? {
                Some(found) => entries.extend(found.into_iter().filter_map(|entry| serde_json::from_value(entry).ok())),
                None => waiting.extend(window.halves()),
            }
        }
        Ok(entries)
    }

    /// All pages of a window. `None` where there are more than PagerDuty shows.
    async fn all(&self, what: &str, window: Window) -> Result<Option<Vec<Value>>, SourceError> {
        let text = |moment: Moment| moment.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut parameters = vec![("since", text(window.from)), ("until", text(window.until))];
        if what == "incidents" {
            parameters.extend(self.config.services.iter().map(|service| ("service_ids[]", service.clone())));
        }
        let mut records = Vec::new();
        loop {
            let Some((page, more)) = self.page(what, &parameters, records.len()).await? else { return Ok(None) };
            let empty = page.is_empty();
            records.extend(page);
            if !more || empty {
                return Ok(Some(records));
            }
        }
    }

    /// One page, and whether there is another. `None` beyond the highest offset.
    async fn page(
        &self,
        what: &str,
        parameters: &[(&str, String)],
        offset: usize,
    ) -> Result<Option<(Vec<Value>, bool)>, SourceError> {
        if offset + LIMIT > windows::HIGHEST_OFFSET {
            return Ok(None);
        }
        let mut parameters = parameters.to_vec();
        parameters.extend([("limit", LIMIT.to_string()), ("offset", offset.to_string())]);
        let (status, mut body) = self.ask(what, &parameters).await?;
        match status {
            StatusCode::OK => {
                let records = shape::list(&mut body, what, "PagerDuty")?;
                Ok(Some((records, body["more"].as_bool().unwrap_or_default())))
            }
            status => Err(self.refused(what, status, &body)),
        }
    }

    /// Asks for a path below the address.
    async fn ask(&self, path: &str, parameters: &[(&str, String)]) -> Result<(StatusCode, Value), SourceError> {
        let problem = |_| SourceError::Unavailable("base_url of [pagerduty] is no URL".to_owned());
        let mut url = Url::parse(&format!("{}/{path}", self.config.base_url)).map_err(problem)?;
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters.iter().map(|(name, value)| (*name, value.as_str())));
        }
        self.client.get(url).await
    }

    /// Why PagerDuty does not tell something.
    fn refused(&self, what: &str, status: StatusCode, body: &Value) -> SourceError {
        match status {
            StatusCode::UNAUTHORIZED => SourceError::Unauthorized(format!(
                "PagerDuty refuses the API key in {} (401): make a new read-only one and start chiplog again",
                self.config.place
            )),
            StatusCode::FORBIDDEN => SourceError::Forbidden(format!(
                "PagerDuty does not let the API key in {} read {what} (403): use an account-level read-only key",
                self.config.place
            )),
            status => {
                let message = body["error"]["message"].as_str().unwrap_or_default();
                SourceError::Malformed(format!("PagerDuty refuses {what}: {status} {message}"))
            }
        }
    }
}
