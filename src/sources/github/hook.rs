//! Deliveries that did not arrive: GitHub lists for a few days what it has sent, with the payloads, and never sends anything
//! again by itself.
//!
//! <https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries>

use std::collections::HashSet;

use chrono::Duration;
use http_body_util::{BodyExt as _, Limited};
use octocrab::Octocrab;
use octocrab::models::AppId;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::GithubSource;
use super::client::next_page;
use super::config::{GithubConfig, Secret};
use super::webhook::{DeliveryItem, Hook, delivery};
use crate::facts::Moment;
use crate::sources::clocks;
use crate::sources::finding::{Finding, Fix};
use crate::sources::http::LARGEST_ANSWER;
use crate::sources::shape;
use crate::sources::source::{BatchSink, ConfigureError, SourceError};
use crate::sources::webhook::{KnownDeliveries, Missed};

/// The cursor with the moment until which deliveries have been looked at.
const CURSOR: &str = "webhook_deliveries_looked_at";

/// GitHub keeps deliveries for so long.
const KEPT_FOR: Duration = Duration::days(3);

/// How far a look overlaps with the one before.
const OVERLAP: Duration = Duration::hours(1);

/// What was sent just now may still be on its way into the inbox.
const ON_ITS_WAY: Duration = Duration::seconds(30);

/// How many missed deliveries are fetched at once, the newest. Polling brings what the others tell.
const MOST_FETCHED: usize = 500;

/// How many pages of a hundred are looked at.
const MOST_PAGES: usize = 100;

/// Asks as the App itself, which has its own list of deliveries.
pub(super) fn as_app(config: &GithubConfig) -> Result<Option<Octocrab>, ConfigureError> {
    let hook = config.webhook.as_ref().and_then(|webhook| webhook.hook.as_ref());
    let app = config.credentials.iter().find_map(|credential| match &credential.secret {
        Secret::App { id, private_key, .. } => Some((id, private_key)),
        Secret::Token(_) => None,
    });
    let (Some(Hook { as_app: true, .. }), Some((id, private_key))) = (hook, app) else { return Ok(None) };
    app_client(config, *id, private_key).map(Some)
}

/// A client that asks as an App, rather than as its installation.
pub(super) fn app_client(
    config: &GithubConfig,
    id: u64,
    private_key: &SecretString,
) -> Result<Octocrab, ConfigureError> {
    let problem = |_| ConfigureError::Value {
        key: "app".to_owned(),
        problem: "private_key is no RSA key in PEM form: download it anew from the App's page".to_owned(),
    };
    let builder = Octocrab::builder().base_uri(&config.base_url).map_err(problem)?;
    let app = builder.app_from_rsa_pem(AppId(id), private_key.expose_secret().as_bytes()).map_err(problem)?;
    app.build().map_err(problem)
}

/// A page of the list, or one delivery, and the path of the next page.
async fn get(source: &GithubSource, path: &str) -> Result<(Value, Option<String>), SourceError> {
    let Some(app) = &source.as_app else {
        let answer = source.client.get(path, None).await?;
        return Ok((answer.body.unwrap_or_default(), answer.next));
    };
    let answer = tokio::time::timeout(source.config.timeout, async {
        let (parts, body) = app._get(path).await?.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((parts, body.to_bytes()))
    });
    let Ok(Ok((parts, body))) = answer.await else {
        return Err(SourceError::Unavailable(format!("GitHub does not answer the App at {path}")));
    };
    if !parts.status.is_success() {
        let text = format!("GitHub answers {} to the App at {path}", parts.status);
        return Err(if parts.status.is_server_error() {
            SourceError::Unavailable(text)
        } else {
            SourceError::NotFound(text)
        });
    }
    let next = next_page(&source.config.base, &parts.headers)?;
    let body = serde_json::from_slice(&body)
        .map_err(|error| SourceError::Malformed(format!("GitHub's answer to {path} is no JSON: {error}")))?;
    Ok((body, next))
}

async fn page(source: &GithubSource, path: &str) -> Result<(Vec<DeliveryItem>, Option<String>), SourceError> {
    let (body, next) = get(source, path).await?;
    let unexpected = |error| shape::unexpected("GitHub's list of deliveries", &error);
    let items = serde_json::from_value(body).map_err(|error| SourceError::Malformed(unexpected(error)))?;
    Ok((items, next))
}

/// What was sent since the last look and has never come, with its payloads.
pub(super) async fn missed(
    source: &GithubSource,
    hook: &Hook,
    sink: &dyn BatchSink,
    inbox: &dyn KnownDeliveries,
) -> Result<Missed, SourceError> {
    let now = (source.context.now)();
    let looked_at = sink.cursor(CURSOR).await?.and_then(|state| state.parse::<Moment>().ok());
    let since = clocks::read_until(looked_at, now).map_or(now - KEPT_FOR, |at| (at - OVERLAP).max(now - KEPT_FOR));
    let mut next = Some(format!("{}?per_page=100", hook.path));
    let (mut sent, mut pages) = (Vec::new(), 0);
    while pages < MOST_PAGES {
        let Some(path) = next.take() else { break };
        let (items, more) = page(source, &path).await?;
        pages += 1;
        next = more.filter(|_| items.iter().all(|item| item.delivered_at >= since));
        sent.extend(
            items.into_iter().filter(|item| item.delivered_at >= since && now - item.delivered_at > ON_ITS_WAY),
        );
    }
    if next.is_some() {
        tracing::warn!(
            "GitHub lists more than {} deliveries: polling brings what the older ones tell",
            MOST_PAGES * 100
        );
    }
    // The newest first, as GitHub lists them; a delivery that was sent again is listed twice.
    let mut looked_at = HashSet::new();
    sent.retain(|item| looked_at.insert(item.guid.clone()));
    let unknown: HashSet<String> = inbox.unknown(looked_at.into_iter().collect()).await?.into_iter().collect();
    let mut missed = Missed { cursors: vec![(CURSOR.to_owned(), Some(now.to_rfc3339()))], ..Missed::default() };
    for item in sent.iter().filter(|item| unknown.contains(&item.guid)) {
        if missed.deliveries.len() >= MOST_FETCHED {
            missed.left_to_polling += 1;
            continue;
        }
        match get(source, &format!("{}/{}", hook.path, item.id)).await {
            Ok((body, _)) => {
                let event = body["event"].as_str().unwrap_or_default();
                let payload = body["request"]["payload"].to_string();
                match delivery(&item.guid, event, payload.as_bytes()) {
                    Ok(delivery) => missed.deliveries.push(delivery),
                    Err(_) => missed.left_to_polling += 1,
                }
            }
            Err(SourceError::NotFound(_) | SourceError::Malformed(_)) => missed.left_to_polling += 1,
            Err(error) => return Err(error),
        }
    }
    missed.deliveries.reverse();
    Ok(missed)
}

/// How the last deliveries went, for `doctor`.
pub(super) async fn finding(source: &GithubSource, hook: &Hook) -> Finding {
    match page(source, &format!("{}?per_page=100", hook.path)).await {
        Err(error) => {
            let hint = "the token needs the right to read this webhook (classic: admin:org_hook, or repo for those of a \
                        repository); without it polling brings what was missed";
            let step = format!(
                "App: {} read-only; classic token: the scope {}",
                if hook.path.starts_with("/orgs/") {
                    "Organization permissions › Webhooks"
                } else {
                    "Repository permissions › Webhooks"
                },
                if hook.path.starts_with("/orgs/") { "admin:org_hook" } else { "repo" },
            );
            Finding::problem(format!("deliveries of the webhook cannot be listed: {error}"))
                .hint(hint)
                .fix(Fix::Elsewhere(step))
        }
        Ok((items, _)) => {
            let failed = items.iter().filter(|item| !(200..300).contains(&item.status_code)).count();
            let message = format!("{failed} of the last {} deliveries of the webhook failed", items.len());
            let hint = "chiplog fetches what it has missed every 15 minutes; is its address right and reachable?";
            if failed == 0 {
                return Finding::good(message);
            }
            let step = "the webhook's page at GitHub › Recent Deliveries says how each was answered: 401 is a wrong secret, 503 \
                        chiplog's store, no answer the way to chiplog";
            Finding::notice(message).hint(hint).fix(Fix::Elsewhere(step.to_owned()))
        }
    }
}
