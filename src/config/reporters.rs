//! `[reporters.NAME]`: who may send facts, and which.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::document::{ConfigError, Document};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ReporterSection {
    /// The environment variable that holds the bearer token.
    token_env: Option<String>,
    /// The file that holds it.
    token_file: Option<String>,
    /// What it may send: `reports/TEMPLATE`, `events/SOURCE`, `coverage_reports/OWNER/NAME`, `test_reports/OWNER/NAME`, and
    /// `reviews/TEAM` for the actions of reviews; with `*`.
    scopes: Vec<String>,
}

/// What scopes begin with.
const SCOPES: [&str; 5] = ["reports/", "events/", "coverage_reports/", "test_reports/", "reviews/"];

/// Somebody (or something) that may send facts.
#[derive(Debug, Clone)]
pub struct Reporter {
    /// The name in the configuration: written to the audit, and nowhere else.
    pub name: String,
    /// SHA-256 of the token: the token itself is not kept.
    digest: [u8; 32],
    scopes: Vec<GlobMatcher>,
}

impl Reporter {
    /// A reporter of a token; scopes are as in `[reporters]`.
    ///
    /// # Errors
    /// A scope is no pattern.
    pub fn new(name: &str, token: &SecretString, scopes: &[String]) -> Result<Self, String> {
        let scopes = scopes.iter().map(|scope| {
            if !SCOPES.iter().any(|kind| scope.starts_with(kind)) && scope != "*" {
                return Err(format!(
                    "\"{scope}\" is no scope: write reports/TEMPLATE, events/SOURCE, coverage_reports/OWNER/NAME, \
                     test_reports/OWNER/NAME, reviews/TEAM or *"
                ));
            }
            let glob =
                GlobBuilder::new(scope).build().map_err(|error| format!("\"{scope}\" is no pattern: {error}"))?;
            Ok(glob.compile_matcher())
        });
        Ok(Self {
            name: name.to_owned(),
            digest: digest(token.expose_secret()),
            scopes: scopes.collect::<Result<_, _>>()?,
        })
    }

    /// Whether a token is this reporter's. Digests are compared, so that time tells nothing of the token.
    pub fn has_token(&self, token: &str) -> bool {
        self.digest == digest(token)
    }

    /// Whether it may send this.
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|pattern| pattern.is_match(scope))
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Reads all reporters.
pub(super) fn read(
    document: &Document,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Reporter>, ConfigError> {
    let sections: BTreeMap<String, ReporterSection> = document.section("reporters")?;
    let mut reporters = Vec::new();
    for (name, section) in sections {
        let key = |last: &str| format!("reporters.{name}.{last}");
        let (place, text) = match (&section.token_env, &section.token_file) {
            (Some(variable), None) => {
                let text = environment(variable).ok_or_else(|| {
                    let problem = format!("the environment variable {variable} is not set: export it");
                    document.error_at(&key("token_env"), &problem)
                })?;
                ("token_env", text)
            }
            (None, Some(file)) => {
                let path = document.base_directory().join(file);
                let read = std::fs::read_to_string(&path).map_err(|error| {
                    document.error_at(&key("token_file"), &format!("{} cannot be read: {error}", path.display()))
                });
                ("token_file", read?)
            }
            _ => return Err(document.error_at(&format!("reporters.{name}"), "give one of token_env and token_file")),
        };
        let text = text.trim();
        if text.len() < 16 {
            let problem =
                "the token is shorter than 16 characters: make a random one, for example with `openssl rand -hex 32`";
            return Err(document.error_at(&key(place), problem));
        }
        if section.scopes.is_empty() {
            let problem = "scopes are missing: write for example scopes = [\"reports/team_engagement\"]";
            return Err(document.error_at(&format!("reporters.{name}"), problem));
        }
        let reporter = Reporter::new(&name, &SecretString::from(text.to_owned()), &section.scopes);
        reporters.push(reporter.map_err(|problem| document.error_at(&key("scopes"), &problem))?);
    }
    Ok(reporters)
}
