//! People, reduced to what is needed to tell them apart.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Somebody who authored, reviewed or responded: a keyed hash and whether it is a bot.
///
/// The hash tells an author from a reviewer and cannot be turned back into a login without the key of this
/// installation. Nothing else about a person is ever stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Person {
    /// The first 16 hexadecimal digits of HMAC-SHA-256 over the lower-case login.
    pub key: String,
    /// A GitHub account of type Bot, or a login that ends in `[bot]`. Attribution adds
    /// the configured ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bot: bool,
}

/// Turns logins into [`Person`]s with the installation's secret key.
#[derive(Clone)]
pub struct PersonHasher {
    key: Vec<u8>,
}

impl std::fmt::Debug for PersonHasher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PersonHasher([redacted])")
    }
}

impl PersonHasher {
    /// A hasher with the installation's key.
    pub fn new(key: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into() }
    }

    /// The person behind a login or e-mail address. `reported_as_bot` is what the source itself says of the account.
    pub fn person(&self, login: &str, reported_as_bot: bool) -> Person {
        let login = login.to_lowercase();
        let bot = reported_as_bot || login.ends_with("[bot]");
        Person { key: self.hash(&login), bot }
    }

    fn hash(&self, text: &str) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(text.as_bytes());
        let digest = mac.finalize().into_bytes();
        hex::encode(&digest[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_one_person_whatever_its_case_and_another_under_another_key() {
        let hasher = PersonHasher::new("key");
        assert_eq!(hasher.person("Ada", false), hasher.person("ada", false));
        assert_ne!(hasher.person("ada", false).key, PersonHasher::new("other").person("ada", false).key);
        assert_eq!(hasher.person("ada", false).key.len(), 16);
    }

    #[test]
    fn bots_are_known_by_type_and_by_suffix() {
        let hasher = PersonHasher::new("key");
        assert!(hasher.person("dependabot[bot]", false).bot);
        assert!(hasher.person("helper", true).bot);
        assert!(!hasher.person("ada", false).bot);
    }
}
