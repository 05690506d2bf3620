//! Jira, cloud and data centre: issues with their changelog, story points, and the sprints of boards.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/>, <https://developer.atlassian.com/cloud/jira/software/rest/>

mod client;
mod convert;
mod payload;
mod webhook;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Duration;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use toml::de::ValueDeserializer;

use super::access::{Access, AccessKeys};
use super::clocks;
use super::finding::{Finding, Fix};
use super::http::JsonClient;
use super::shape;
use super::source::{BatchSink, ConfigureError, Kind, Source, SourceContext, SourceError, SourceTable, Telemetry};
use super::webhook::{Webhook, WebhookSecrets, WebhookTable};
use crate::facts::{Batch, Fact, FactFamily as _, Iteration, Moment, WorkItem};
use client::Jira;

/// Jira.
pub(super) const KIND: Kind = Kind {
    name: "jira",
    summary: "Issues of Jira with their changelog, story points and sprints.",
    families: FAMILIES,
    example: r#"[jira]
base_url = "https://example.atlassian.net" # or the address of your data centre
user_env = "JIRA_USER"           # cloud: the account's address, with an API token; data centre: leave it out
token_env = "JIRA_TOKEN"         # or token_file; data centre: a personal access token
jql = "project in (PAY, SHOP)"   # which issues
boards = [12]                    # boards whose sprints are the iterations
points_field = "Story Points"    # the name of the field with the points; found by itself unless given
# webhook = { secret_env = "JIRA_WEBHOOK_SECRET" } # or secret_file; previous_secret_env, or previous_secret_file, while it
# is replaced
name = "jira"                    # the source's name, needed when there are several
"#,
    privacy: "Who reported, was assigned or changed something is not read; summaries are kept without addresses and \
              mentions.",
    credential: "cloud: an API token of the account at id.atlassian.com › Security; data centre: Profile › Personal Access Tokens; it sees what its account may browse",
    configure,
};

const FAMILIES: &[&str] = &[WorkItem::FAMILY, Iteration::FAMILY];

/// How long a look at the sprints is good.
const LOOK_IS_GOOD_FOR: Duration = Duration::minutes(15);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    base_url: Option<String>,
    user_env: Option<String>,
    token_env: Option<String>,
    token_file: Option<String>,
    jql: Option<String>,
    boards: Vec<u64>,
    points_field: Option<String>,
    webhook: Option<WebhookTable>,
    name: Option<String>,
}

fn configure(table: SourceTable<'_>, context: &SourceContext) -> Result<Arc<dyn Source>, ConfigureError> {
    let table = Table::deserialize(ValueDeserializer::from(table))?;
    let Table { base_url, user_env, token_env, token_file, jql, boards, points_field, webhook, name } = table;
    let webhook = WebhookSecrets::optional(webhook.as_ref(), context)?;
    let jql = jql.filter(|jql| !jql.trim().is_empty()).ok_or_else(|| ConfigureError::Value {
        key: "jql".to_owned(),
        problem: "is missing: say which issues, for example jql = \"project = PAY\"".to_owned(),
    })?;
    if jql.to_lowercase().contains("order by") {
        let problem = "has an ORDER BY: leave it out, chiplog orders by itself".to_owned();
        return Err(ConfigureError::Value { key: "jql".to_owned(), problem });
    }
    let keys = AccessKeys { token_env, token_file, user_env, base_url, name };
    let access = Access::read(keys, KIND.name, None, context)?;
    let client = JsonClient::new("Jira", access.headers("Bearer")?, context.timeout)
        .map_err(|error| ConfigureError::Value { key: "base_url".to_owned(), problem: error.to_string() })?;
    let jira = Jira { access, client, points_field };
    Ok(Arc::new(JiraSource { jira, jql, boards, webhook, site: Mutex::default(), context: context.clone() }))
}

struct JiraSource {
    jira: Jira,
    jql: String,
    boards: Vec<u64>,
    webhook: Option<WebhookSecrets>,
    /// What is set up at the Jira, and when that was asked: for deliveries, which come many a minute.
    site: Mutex<Option<(Moment, client::Site)>>,
    context: SourceContext,
}

#[async_trait]
impl Source for JiraSource {
    fn name(&self) -> &str {
        &self.jira.access.name
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn families(&self) -> Vec<&'static str> {
        if self.boards.is_empty() { vec![WorkItem::FAMILY] } else { FAMILIES.to_vec() }
    }

    async fn collect(&self, sink: &dyn BatchSink) -> Result<(), SourceError> {
        let site = self.jira.site().await?;
        self.issues(sink, &site).await?;
        for board in &self.boards {
            // A board that is gone does not stop the others.
            match self.sprints(sink, *board).await {
                Err(error @ (SourceError::NotFound(_) | SourceError::Forbidden(_) | SourceError::Malformed(_))) => {
                    sink.report(&format!("board {board}"), &error);
                }
                result => result?,
            }
        }
        Ok(())
    }

    async fn diagnose(&self) -> Vec<Finding> {
        let site = match self.jira.site().await {
            Err(error) => return vec![Finding::failed(&error, KIND.credential)],
            Ok(site) => site,
        };
        let mut findings = vec![Finding::good(format!("the token is good; {}", site.described()))];
        match self.jira.issues(&site, &self.jql, None, &[]).await {
            Err(error) => {
                findings.push(Finding { message: format!("jql: {error}"), ..Finding::failed(&error, KIND.credential) });
            }
            Ok(page) if page.issues.is_empty() => {
                let step =
                    "open the jql of [jira] in Jira's own search as the token's account: nothing is found there either";
                findings.push(
                    Finding::problem("jql: no issue is visible to the token").fix(Fix::Elsewhere(step.to_owned())),
                );
            }
            Ok(_) => findings.push(Finding::good("jql: issues are visible")),
        }
        findings
    }

    fn webhook(&self) -> Option<&dyn Webhook> {
        self.webhook.is_some().then_some(self)
    }

    fn shows_credentials_to(&self) -> Option<&str> {
        Some(&self.jira.access.base_url)
    }

    fn telemetry(&self) -> Vec<Telemetry> {
        self.jira.client.telemetry()
    }
}

impl JiraSource {
    /// Issues that changed since the last look, those that changed first first.
    async fn issues(&self, sink: &dyn BatchSink, site: &client::Site) -> Result<(), SourceError> {
        const CURSOR: &str = "issues";
        let now = (self.context.now)();
        let oldest = now - self.context.history;
        let stored = sink.cursor(CURSOR).await?.and_then(|state| state.parse::<Moment>().ok());
        let since = clocks::read_until(stored, now).map_or(oldest, |at| at - Duration::minutes(5)).max(oldest);
        // Moments in JQL are in the account's time zone; what is relative to now is so nowhere.
        let minutes = (now - since).num_minutes() + 1;
        let jql = format!("({}) AND updated >= \"-{minutes}m\" ORDER BY updated ASC", self.jql);
        let (mut next, mut done): (Option<String>, u64) = (None, 0);
        loop {
            let page = self.jira.issues(site, &jql, next.as_deref(), &[]).await?;
            done += page.issues.len() as u64;
            let mut batch = self.work_items(site, page.issues).await?;
            next = page.next;
            if next.is_none() {
                batch.cursors.push((CURSOR.to_owned(), Some(now.to_rfc3339())));
            }
            sink.accept(batch).await?;
            sink.progress("issues", done, page.total);
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// Issues with their changelogs as work items.
    async fn work_items(&self, site: &client::Site, issues: Vec<Value>) -> Result<Batch, SourceError> {
        let mut batch = Batch::default();
        for record in issues {
            let external_id = record["key"].as_str().unwrap_or("without a key").to_owned();
            let changelog = self.jira.changelog(site, &record).await?;
            match convert::work_item(record, changelog, site, &self.jira.access.base_url) {
                Ok(item) => batch.facts.push(Fact::WorkItem(item)),
                Err(error) => batch.rejects.push(shape::unreadable(WorkItem::FAMILY, external_id, &error)),
            }
        }
        Ok(batch)
    }

    /// The sprints of a board that have begun.
    async fn sprints(&self, sink: &dyn BatchSink, board: u64) -> Result<(), SourceError> {
        let now = (self.context.now)();
        let cursor = format!("board/{board}");
        let looked_at = sink.cursor(&cursor).await?.and_then(|state| state.parse::<Moment>().ok());
        if looked_at.is_some_and(|at| clocks::is_recent(at, now, LOOK_IS_GOOD_FOR)) {
            return Ok(());
        }
        let oldest = now - self.context.history;
        let mut batch = Batch::default();
        for record in self.jira.sprints(board).await? {
            let external_id = record["id"].to_string();
            match convert::iteration(record, board, now, &self.jira.access.base_url) {
                Ok(iteration) => {
                    let recent = iteration.filter(|iteration| Iteration::ended_at(iteration) >= oldest);
                    batch.facts.extend(recent.map(Fact::Iteration));
                }
                Err(error) => batch.rejects.push(shape::unreadable(Iteration::FAMILY, external_id, &error)),
            }
        }
        batch.cursors.push((cursor, Some(now.to_rfc3339())));
        Ok(sink.accept(batch).await?)
    }
}
