//! Webhooks of Jira: each names an issue, which is read again with its whole changelog; sprints are told as they are.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/webhooks/>

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::Site;
use super::{JiraSource, convert};
use crate::facts::{Batch, Fact, FactFamily as _, Iteration, Moment};
use crate::sources::source::{BatchSink, SourceError};
use crate::sources::webhook::{
    Delivery, Refusal, StoredDelivery, Verdict, Webhook, WebhookSecrets, check_made_at, digest_id, header, read_body,
};
use crate::sources::{clocks, shape};

/// The cloud sends at most 25 MB as well.
const LARGEST_BODY: usize = 25 * 1024 * 1024;

/// How long what is set up at a Jira is remembered between deliveries.
const SITE_IS_GOOD_FOR: chrono::Duration = chrono::Duration::minutes(15);

/// Issues of one query; the cloud brings no more than so many up to date for it.
const AT_ONCE: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    webhook_event: String,
    /// Milliseconds since 1970.
    timestamp: Option<i64>,
    issue: Option<IssuePointer>,
    sprint: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct IssuePointer {
    id: Option<String>,
    key: Option<String>,
}

/// What is kept of a delivery.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    /// An issue that has changed, by its key.
    Issue(String),
    /// The same with its number: Jira's search is behind its webhooks, unless it is told which issues must be as they are now.
    NumberedIssue { key: String, id: u64 },
    /// A sprint as it is now.
    Sprint(Value),
}

fn verify(secrets: &WebhookSecrets, headers: &HeaderMap, body: &[u8], now: Moment) -> Result<Delivery, Refusal> {
    let signature = header(headers, "x-hub-signature").and_then(|text| text.strip_prefix("sha256="));
    if !secrets.signed_in_hex(body, signature) {
        return Err(Refusal::Signature);
    }
    let payload: Payload = read_body(body, "webhook of Jira")?;
    check_made_at(payload.timestamp.and_then(Moment::from_timestamp_millis), now)?;
    // A data centre gives no id; its payload has the moment in it.
    let id = header(headers, "x-atlassian-webhook-identifier").map_or_else(|| digest_id(body), str::to_owned);
    let event = payload.webhook_event;
    let kept = match event.as_str() {
        "jira:issue_created" | "jira:issue_updated" => {
            let issue = payload.issue.and_then(|issue| Some((issue.key.filter(|key| is_key(key))?, issue.id)));
            issue.map(|(key, id)| match id.and_then(|id| id.parse().ok()) {
                Some(id) => Kept::NumberedIssue { key, id },
                None => Kept::Issue(key),
            })
        }
        event if event.starts_with("sprint_") && event != "sprint_deleted" => payload.sprint.map(Kept::Sprint),
        _ => None,
    };
    let body = kept.map(|kept| json!(kept).to_string()).unwrap_or_default();
    Ok(Delivery { id, event, headers: BTreeMap::new(), body })
}

/// Whether a text can stand in a query as it is.
fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
}

#[async_trait]
impl Webhook for JiraSource {
    fn largest_body(&self) -> usize {
        LARGEST_BODY
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Moment) -> Result<Delivery, Refusal> {
        verify(self.webhook.as_ref().ok_or(Refusal::Signature)?, headers, body, now)
    }

    async fn process(&self, deliveries: &[StoredDelivery], sink: &dyn BatchSink) -> Result<Vec<Verdict>, SourceError> {
        let (mut verdicts, mut issues, mut batch) = (Vec::new(), BTreeMap::new(), Batch::default());
        for delivery in deliveries {
            verdicts.push(match serde_json::from_str(&delivery.body) {
                _ if delivery.body.is_empty() => Verdict::Ignored,
                Err(error) => Verdict::of_another_version(&error),
                Ok(Kept::Issue(key)) => {
                    issues.entry(key).or_insert(None);
                    Verdict::Processed
                }
                Ok(Kept::NumberedIssue { key, id }) => {
                    issues.insert(key, Some(id));
                    Verdict::Processed
                }
                Ok(Kept::Sprint(record)) => self.sprint(record, &mut batch),
            });
        }
        sink.accept(batch).await?;
        let issues: Vec<(String, Option<u64>)> = issues.into_iter().collect();
        for chunk in issues.chunks(AT_ONCE) {
            self.issues_by_key(chunk, sink).await?;
        }
        Ok(verdicts)
    }
}

impl JiraSource {
    /// A sprint of one of the boards that are collected.
    fn sprint(&self, record: Value, batch: &mut Batch) -> Verdict {
        let board = record["originBoardId"].as_u64().filter(|board| self.boards.contains(board));
        let Some(board) = board else { return Verdict::Ignored };
        let external_id = record["id"].to_string();
        match convert::iteration(record, board, (self.context.now)(), &self.jira.access.base_url) {
            Ok(iteration) => batch.facts.extend(iteration.map(Fact::Iteration)),
            Err(error) => batch.rejects.push(shape::unreadable(Iteration::FAMILY, external_id, &error)),
        }
        Verdict::Processed
    }

    /// Those of the issues that the configured query finds.
    async fn issues_by_key(&self, issues: &[(String, Option<u64>)], sink: &dyn BatchSink) -> Result<(), SourceError> {
        let site = self.known_site().await?;
        let (keys, ids): (Vec<&str>, Vec<Option<u64>>) = issues.iter().map(|(key, id)| (key.as_str(), *id)).unzip();
        let ids: Vec<String> = ids.into_iter().flatten().map(|id| id.to_string()).collect();
        let jql = format!("({}) AND key in ({}) ORDER BY updated ASC", self.jql, keys.join(", "));
        let mut next: Option<String> = None;
        loop {
            let page = match self.jira.issues(&site, &jql, next.as_deref(), &ids).await {
                // Jira refuses a query with the key of an issue that is gone: the others are asked for one by one.
                Err(SourceError::Malformed(_)) if issues.len() > 1 => {
                    for issue in issues.chunks(1) {
                        Box::pin(self.issues_by_key(issue, sink)).await?;
                    }
                    return Ok(());
                }
                Err(SourceError::Malformed(problem)) => {
                    tracing::debug!("an issue that was told by a webhook cannot be read: {problem}");
                    return Ok(());
                }
                page => page?,
            };
            next = page.next;
            let batch = self.work_items(&site, page.issues).await?;
            sink.accept(batch).await?;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// What is set up at the Jira, asked for anew now and then.
    async fn known_site(&self) -> Result<Site, SourceError> {
        let mut known = self.site.lock().await;
        let now = (self.context.now)();
        if let Some((at, site)) = known.as_ref()
            && clocks::is_recent(*at, now, SITE_IS_GOOD_FOR)
        {
            return Ok(site.clone());
        }
        let site = self.jira.site().await?;
        *known = Some((now, site.clone()));
        Ok(site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(body: &str) -> HeaderMap {
        use hmac::{Hmac, KeyInit as _, Mac as _};
        let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(b"a-secret-of-good-length").unwrap();
        hmac.update(body.as_bytes());
        let signature = hex::encode(hmac.finalize().into_bytes());
        let mut headers = HeaderMap::new();
        headers.insert("x-hub-signature", format!("sha256={signature}").parse().unwrap());
        headers
    }

    #[test]
    fn an_issue_is_kept_by_its_key_and_old_deliveries_are_refused() {
        let secrets = WebhookSecrets::of(&["a-secret-of-good-length"]);
        let now: Moment = "2026-11-27T12:00:00Z".parse().unwrap();
        let payload = |event: &str, key: &str, at: Moment| {
            json!({
                "timestamp": at.timestamp_millis(), "webhookEvent": event, "user": { "displayName": "Ada" },
                "issue": { "id": "10007", "key": key, "fields": { "assignee": { "displayName": "Ada" } } },
            })
            .to_string()
        };
        let body = payload("jira:issue_updated", "PAY-7", now);
        let mut headers = signed(&body);
        let taken = verify(&secrets, &headers, body.as_bytes(), now).unwrap();
        assert_eq!(
            (taken.event.as_str(), taken.body.as_str()),
            ("jira:issue_updated", r#"{"numbered_issue":{"id":10007,"key":"PAY-7"}}"#)
        );
        assert_eq!(taken.id, digest_id(body.as_bytes()));
        headers.insert("x-atlassian-webhook-identifier", "w-1".parse().unwrap());
        assert_eq!(verify(&secrets, &headers, body.as_bytes(), now).unwrap().id, "w-1");
        assert_eq!(verify(&secrets, &headers, b"{}", now), Err(Refusal::Signature));
        let old = payload("jira:issue_updated", "PAY-7", now - chrono::Duration::days(8));
        assert!(matches!(verify(&secrets, &signed(&old), old.as_bytes(), now), Err(Refusal::Replayed(_))));
        for (event, key) in [("jira:issue_deleted", "PAY-7"), ("jira:issue_updated", "PAY-7) OR (1 = 1")] {
            let body = payload(event, key, now);
            assert_eq!(verify(&secrets, &signed(&body), body.as_bytes(), now).unwrap().body, "", "{event} {key}");
        }
    }
}
