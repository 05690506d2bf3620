//! Security alerts, by REST: what changed last first, back to what is known.

use chrono::Duration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{GithubSource, convert};
use super::{Target, state};
use crate::facts::{Batch, Fact, FactFamily as _, Moment, SecurityAlert};
use crate::sources::clocks;
use crate::sources::shape;
use crate::sources::source::{BatchSink, SourceError};

/// How long a look at the alerts of a repository is good.
const LOOK_IS_GOOD_FOR: Duration = Duration::minutes(15);

type Convert = fn(Value, &str) -> serde_json::Result<SecurityAlert>;

const SCANNERS: [(&str, &str, Convert); 3] = [
    ("dependabot", "", convert::dependency_alert),
    ("code-scanning", "", convert::code_alert),
    // The secrets themselves are not even sent.
    ("secret-scanning", "&hide_secret=true", convert::secret_alert),
];

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Walk {
    etag: Option<String>,
    looked_at: Option<Moment>,
    /// Everything that changed until then is stored.
    read_until: Option<Moment>,
}

/// An alert that a webhook carries. The error says what is wrong with it.
pub(super) fn converted(scanner: &str, record: Value, repository: &str) -> Result<SecurityAlert, String> {
    let known = SCANNERS.iter().find(|(name, ..)| *name == scanner);
    let (_, _, convert) = known.ok_or_else(|| format!("there is no scanner {scanner}"))?;
    convert(record, repository).map_err(|error| shape::unexpected("its alert", &error))
}

/// Reads the alerts of each scanner that is switched on.
pub(super) async fn collect(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<(), SourceError> {
    if !source.config.security_alerts {
        return Ok(());
    }
    for (scanner, parameters, convert) in SCANNERS {
        match alerts(source, sink, target, scanner, parameters, convert).await {
            Err(error @ (SourceError::Forbidden(_) | SourceError::NotFound(_))) => {
                if lacks_permission(&error) {
                    sink.report(&format!("{} {scanner}", target.full_name), &error);
                }
                let walk = Walk { looked_at: Some((source.context.now)()), ..Walk::default() };
                store(sink, target, scanner, &walk, Batch::default()).await?;
            }
            result => result?,
        }
    }
    Ok(())
}

/// A scanner that is not switched on for a repository is refused too; that is no fault of the token.
fn lacks_permission(error: &SourceError) -> bool {
    let text = error.to_string().to_lowercase();
    let is_off = ["disabled", "not enabled", "must be enabled", "no analysis found"].iter().any(|it| text.contains(it));
    matches!(error, SourceError::Forbidden(_)) && !is_off
}

async fn alerts(
    source: &GithubSource,
    sink: &dyn BatchSink,
    target: &Target,
    scanner: &str,
    parameters: &str,
    convert: Convert,
) -> Result<(), SourceError> {
    let mut walk: Walk = state(sink, &target.cursor(scanner)).await?.unwrap_or_default();
    let now = (source.context.now)();
    if walk.looked_at.is_some_and(|at| clocks::is_recent(at, now, LOOK_IS_GOOD_FOR)) {
        return Ok(());
    }
    let base = target.path()?;
    let first = format!("{base}/{scanner}/alerts?sort=updated&direction=desc&per_page=100{parameters}");
    let (mut next, mut batch) = (Some(first), Batch::default());
    let (mut newest, mut etag, mut is_first) = (walk.read_until, walk.etag.clone(), true);
    while let Some(path) = next.take() {
        let answer = source.client.get(&path, etag.as_deref().filter(|_| is_first)).await?;
        let Some(body) = answer.body else { break };
        if is_first {
            etag = answer.etag;
            is_first = false;
        }
        let mut reached = false;
        for record in shape::whole_list(body, "alerts", "GitHub")? {
            let external_id = format!("{}/{scanner}/{}", target.full_name, record["number"]);
            match convert(record, &target.full_name) {
                Ok(alert) => {
                    // Several may have changed in the same second as the newest that is known.
                    reached |= walk.read_until.is_some_and(|until| alert.updated_at < until);
                    newest = newest.max(Some(alert.updated_at));
                    batch.facts.push(Fact::SecurityAlert(alert));
                }
                Err(error) => batch.rejects.push(shape::unreadable(SecurityAlert::FAMILY, external_id, &error)),
            }
        }
        next = answer.next.filter(|_| !reached);
    }
    walk = Walk { etag, looked_at: Some(now), read_until: newest };
    store(sink, target, scanner, &walk, batch).await
}

async fn store(
    sink: &dyn BatchSink,
    target: &Target,
    scanner: &str,
    walk: &Walk,
    mut batch: Batch,
) -> Result<(), SourceError> {
    batch.cursors.push((target.cursor(scanner), Some(json!(walk).to_string())));
    Ok(sink.accept(batch).await?)
}
