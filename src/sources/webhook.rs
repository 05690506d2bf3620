//! What sources share that take webhooks: what a delivery is, secrets and their rotation, signatures.

use std::collections::BTreeMap;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::Duration;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::source::{BatchSink, ConfigureError, SinkError, SourceContext, SourceError};
use super::{secret, shape};
use crate::facts::Moment;

/// How long ids of deliveries are remembered, and so how old a delivery may be that carries the moment it was made.
pub const REMEMBERED_FOR: Duration = Duration::days(7);

/// Secrets that are shorter can be guessed.
const SHORTEST_SECRET: usize = 16;

/// A delivery whose signature is good, with what is needed of it. Nothing else of the request is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The tool's id: the same delivery sent again has the same one.
    pub id: String,
    /// The tool's name of the event.
    pub event: String,
    /// The headers that are needed to process it, by name.
    pub headers: BTreeMap<String, String>,
    /// What is needed of the body. Empty for an event that tells nothing.
    pub body: String,
}

/// Why a delivery is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It is not signed with one of the secrets.
    #[error("the signature is missing or is not that of a secret of this source")]
    Signature,
    /// It is signed, and makes no sense. The text says what was expected.
    #[error("{0}")]
    Malformed(String),
    /// It was made too long ago, or in the future.
    #[error("the delivery was signed more than {} minutes away from now: is the clock right, or is it a replay?", .0.num_minutes())]
    Replayed(Duration),
}

/// A delivery out of the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDelivery {
    /// The tool's id.
    pub id: String,
    /// The tool's name of the event.
    pub event: String,
    /// When it came.
    pub received_at: Moment,
    /// The headers that were kept.
    pub headers: BTreeMap<String, String>,
    /// What was kept of the body.
    pub body: String,
}

/// What has become of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// What it tells is stored.
    Processed,
    /// It tells nothing that chiplog measures, or concerns what is not selected.
    Ignored,
    /// It cannot be read, now or later.
    Bad(String),
    /// It is to be tried again, and the others of its batch are not concerned.
    Later {
        /// Why.
        why: String,
        /// Not before this moment.
        not_before: Option<Moment>,
    },
}

impl Verdict {
    /// It was kept in the form of another version, which a replica beside this one may be of.
    pub fn of_another_version(error: &serde_json::Error) -> Self {
        Self::Later { why: format!("was kept by another version of chiplog: {error}"), not_before: None }
    }
}

/// The side of a source that takes webhooks.
#[async_trait]
pub trait Webhook: Send + Sync {
    /// The largest body, in bytes.
    fn largest_body(&self) -> usize;

    /// Checks the signature over the raw body first and only then reads what is needed. Pure.
    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Moment) -> Result<Delivery, Refusal>;

    /// Makes the facts that polling would make, through `sink`: facts and rejects, no cursors of the collection. One
    /// verdict for each delivery, in their order. An error concerns all of them, and they are tried again.
    async fn process(&self, deliveries: &[StoredDelivery], sink: &dyn BatchSink) -> Result<Vec<Verdict>, SourceError>;

    /// Returns when the tool may be asked again: what comes meanwhile is processed together, and costs its requests once.
    async fn ready(&self) {}

    /// What the tool knows to have sent and chiplog has not taken, since this was last asked. `None` for tools that do not
    /// tell; polling brings what those could not deliver.
    async fn missed(&self, _sink: &dyn BatchSink, _inbox: &dyn KnownDeliveries) -> Result<Option<Missed>, SourceError> {
        Ok(None)
    }
}

/// Which deliveries have come.
#[async_trait]
pub trait KnownDeliveries: Send + Sync {
    /// Those of the ids that have never come.
    async fn unknown(&self, ids: Vec<String>) -> Result<Vec<String>, SinkError>;
}

/// What was missed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missed {
    /// Deliveries as the tool keeps them, to be put into the inbox.
    pub deliveries: Vec<Delivery>,
    /// How many more there are than are fetched at once. Polling brings what those tell.
    pub left_to_polling: u64,
    /// How far deliveries have been looked at: set once all of them are in the inbox.
    pub cursors: Vec<(String, Option<String>)>,
}

/// The key `webhook` of a source's table.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WebhookTable {
    secret_env: Option<String>,
    secret_file: Option<String>,
    previous_secret_env: Option<String>,
    previous_secret_file: Option<String>,
    /// Whose deliveries are listed after an outage; only for GitHub.
    pub(crate) hook: Option<String>,
}

/// The secrets that deliveries may be signed with: the present one and, while it is being replaced, the previous one.
#[derive(Debug)]
pub(crate) struct WebhookSecrets(Vec<SecretString>);

impl WebhookSecrets {
    /// Reads the secrets that the key names.
    pub(crate) fn read(table: &WebhookTable, context: &SourceContext) -> Result<Self, ConfigureError> {
        let problem = |text: String| ConfigureError::Value { key: "webhook".to_owned(), problem: text };
        let (variable, file) = (table.secret_env.as_deref(), table.secret_file.as_deref());
        let mut secrets = vec![secret::read("secret", variable, file, context)];
        let (variable, file) = (table.previous_secret_env.as_deref(), table.previous_secret_file.as_deref());
        if variable.is_some() || file.is_some() {
            secrets.push(secret::read("previous_secret", variable, file, context));
        }
        let secrets: Vec<SecretString> =
            secrets.into_iter().collect::<Result<_, _>>().map_err(|error| problem(error.to_string()))?;
        if secrets.iter().any(|secret| secret.expose_secret().len() < SHORTEST_SECRET) {
            return Err(problem(format!(
                "a secret is shorter than {SHORTEST_SECRET} characters: make a random one, for example with `openssl rand -hex 32`"
            )));
        }
        Ok(Self(secrets))
    }

    /// Reads an optional key.
    pub(crate) fn optional(
        table: Option<&WebhookTable>,
        context: &SourceContext,
    ) -> Result<Option<Self>, ConfigureError> {
        let Some(table) = table else { return Ok(None) };
        if table.hook.is_some() {
            let problem = "hook is for GitHub: this tool does not list its deliveries".to_owned();
            return Err(ConfigureError::Value { key: "webhook".to_owned(), problem });
        }
        Self::read(table, context).map(Some)
    }

    /// Secrets of a test.
    #[cfg(test)]
    pub(crate) fn of(secrets: &[&str]) -> Self {
        Self(secrets.iter().map(|secret| SecretString::from((*secret).to_owned())).collect())
    }

    /// Whether one of `signatures` (hexadecimal) is the HMAC-SHA256 of the body with one of the secrets. Time tells neither
    /// how much of a signature is right nor which secret it is.
    pub(crate) fn signed_in_hex<'a>(&self, body: &[u8], signatures: impl IntoIterator<Item = &'a str>) -> bool {
        let signatures: Vec<Vec<u8>> =
            signatures.into_iter().filter_map(|digits| hex::decode(digits.trim()).ok()).collect();
        self.signed(&signatures, &[body], |secret| Some(secret.as_bytes().to_vec()))
    }

    /// Whether a Standard Webhooks signature header (`v1,BASE64 v1,BASE64`) signs `id.timestamp.body`. The key is what
    /// stands in base64 behind `whsec_`.
    pub(crate) fn signed_in_standard(&self, id: &str, timestamp: &str, body: &[u8], header: &str) -> bool {
        let signatures = header.split_whitespace().filter_map(|part| BASE64.decode(part.strip_prefix("v1,")?).ok());
        let signatures: Vec<Vec<u8>> = signatures.collect();
        let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        let key = |secret: &str| BASE64.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok();
        self.signed(&signatures, &message, key)
    }

    fn signed(&self, signatures: &[Vec<u8>], message: &[&[u8]], key: impl Fn(&str) -> Option<Vec<u8>>) -> bool {
        let mut found = false;
        for secret in &self.0 {
            let Some(key) = key(secret.expose_secret()) else { continue };
            let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(&key) else { continue };
            for part in message {
                hmac.update(part);
            }
            for signature in signatures {
                // Compares in constant time.
                found |= hmac.clone().verify_slice(signature).is_ok();
            }
        }
        found
    }
}

/// A header's text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
}

/// What is needed of a signed JSON body.
pub(crate) fn read_body<'a, T: Deserialize<'a>>(body: &'a [u8], what: &str) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::Malformed(format!("is no {what} as JSON: {}", shape::why(&error))))
}

/// Refuses what was made longer ago than ids are remembered: it may have been processed before.
pub(crate) fn check_made_at(made_at: Option<Moment>, now: Moment) -> Result<(), Refusal> {
    match made_at {
        Some(at) if now - at > REMEMBERED_FOR => Err(Refusal::Replayed(REMEMBERED_FOR)),
        _ => Ok(()),
    }
}

/// An id for what has none: the digest of its content.
pub(crate) fn digest_id(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of GitHub's documentation.
    const GITHUB: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn the_vector_of_github_is_recomputed_and_every_change_refused() {
        let secrets = WebhookSecrets::of(&["It's a Secret to Everybody"]);
        assert!(secrets.signed_in_hex(b"Hello, World!", [GITHUB]));
        assert!(!secrets.signed_in_hex(b"Hello, World?", [GITHUB]));
        for broken in ["", "zz", "757107", &GITHUB[..62], &GITHUB.replace("3e17", "3e18")] {
            assert!(!secrets.signed_in_hex(b"Hello, World!", [broken]), "{broken}");
        }
        assert!(!secrets.signed_in_hex(b"Hello, World!", []));
    }

    #[test]
    fn the_previous_secret_is_good_as_long_as_it_is_configured() {
        let rotated = WebhookSecrets::of(&["a-new-secret-of-length", "It's a Secret to Everybody"]);
        assert!(rotated.signed_in_hex(b"Hello, World!", ["00", GITHUB]));
        let done = WebhookSecrets::of(&["a-new-secret-of-length"]);
        assert!(!done.signed_in_hex(b"Hello, World!", [GITHUB]));
    }

    /// The vector of the specification's own test suite.
    #[test]
    fn the_vector_of_standard_webhooks_is_recomputed() {
        let secrets = WebhookSecrets::of(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
        let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b"{\"test\": 2432232314}");
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert!(secrets.signed_in_standard(id, at, body, good));
        assert!(secrets.signed_in_standard(id, at, body, &format!("v1a,xyz v1,AAAA {good}")));
        assert!(!secrets.signed_in_standard(id, "1614265331", body, good));
        assert!(!secrets.signed_in_standard(id, at, body, &good.replace("v1,", "v2,")));
    }

    #[test]
    fn what_is_older_than_ids_are_remembered_is_refused() {
        let now: Moment = "2026-11-27T12:00:00Z".parse().unwrap();
        assert_eq!(check_made_at(None, now), Ok(()));
        assert_eq!(check_made_at(Some(now - Duration::days(6)), now), Ok(()));
        assert_eq!(check_made_at(Some(now - Duration::days(8)), now), Err(Refusal::Replayed(REMEMBERED_FOR)));
    }
}
