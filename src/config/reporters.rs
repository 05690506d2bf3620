//! `[reporters.NAME]`: who may send facts, and which.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::document::{ConfigError, Document};
use crate::secret;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ReporterSection {
    /// The environment variable that holds the bearer token.
    token_env: Option<String>,
    /// The file that holds it.
    token_file: Option<String>,
    /// Its SHA-256 in hexadecimal digits: then the token itself is known to its holder only.
    token_sha256: Option<String>,
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
    /// A reporter of a token's digest; scopes are as in `[reporters]`.
    ///
    /// # Errors
    /// A scope is no pattern.
    pub fn new(name: &str, digest: [u8; 32], scopes: &[String]) -> Result<Self, String> {
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
        Ok(Self { name: name.to_owned(), digest, scopes: scopes.collect::<Result<_, _>>()? })
    }

    /// Whether a token is this reporter's. Takes the same time whatever they have in common.
    pub fn has_token(&self, token: &str) -> bool {
        self.digest.ct_eq(&token_digest(token)).into()
    }

    /// Whether it may send this.
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|pattern| pattern.is_match(scope))
    }

    /// The first scope of a kind, for example `reports/`, that lets it send nothing of what there is.
    pub fn scope_in_vain(&self, kind: &str, known: &[String]) -> Option<&str> {
        let of_kind = self.scopes.iter().filter(|pattern| pattern.glob().glob().starts_with(kind));
        let mut in_vain = of_kind.filter(|pattern| !known.iter().any(|scope| pattern.is_match(scope)));
        in_vain.next().map(|pattern| pattern.glob().glob())
    }
}

/// What is kept of a token: its SHA-256. That is enough, since tokens are random and long.
pub fn token_digest(token: &str) -> [u8; 32] {
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
        let error = |key: &str, problem: &str| document.error_at(&format!("reporters.{name}{key}"), problem);
        let digest = digest(document, &section, environment).map_err(|(key, problem)| error(key, &problem))?;
        if section.scopes.is_empty() {
            return Err(error("", "scopes are missing: write for example scopes = [\"reports/team_engagement\"]"));
        }
        let reporter = Reporter::new(&name, digest, &section.scopes);
        reporters.push(reporter.map_err(|problem| error(".scopes", &problem))?);
    }
    Ok(reporters)
}

/// The digest of a reporter's token, or the key that is wrong and what is wrong with it.
fn digest(
    document: &Document,
    section: &ReporterSection,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<[u8; 32], (&'static str, String)> {
    let (key, token) = match (&section.token_env, &section.token_file, &section.token_sha256) {
        (Some(variable), None, None) => {
            (".token_env", secret::of_variable(variable, environment).map_err(|why| (".token_env", why))?)
        }
        (None, Some(file), None) => {
            (".token_file", secret::of_file(file, &document.base_directory()).map_err(|why| (".token_file", why))?)
        }
        (None, None, Some(digits)) => {
            let problem =
                "expected the 64 hexadecimal digits of a SHA-256: `chiplog token` makes a token and prints them";
            let mut digest = [0; 32];
            hex::decode_to_slice(digits, &mut digest).map_err(|_| (".token_sha256", problem.to_owned()))?;
            return Ok(digest);
        }
        _ => return Err(("", "give one of token_env, token_file and token_sha256".to_owned())),
    };
    if token.len() < 16 {
        let problem = "the token is shorter than 16 characters: `chiplog token` makes a good one";
        return Err((key, problem.to_owned()));
    }
    Ok(token_digest(&token))
}
