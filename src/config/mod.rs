//! The configuration: one TOML file, read, completed with its secrets' places, and checked.
//!
//! The tables of sources are handed on unread: each source knows its own keys.

mod document;
mod organisation;
mod reporters;
mod reviews;
mod rules;
mod sections;
mod server;
mod targets;

pub use document::{ConfigError, Document};
pub use reporters::{Reporter, token_digest};
pub use reviews::{ConfiguredEvent, DigestFormat, ReviewSettings, Webhook};
pub use sections::CollectSection;
pub use server::{Certificate, Readers, Server, TrustedProxy};

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use sections::{BotsSection, StoreSection, TeamSection};

use crate::attribution::{LOOKBACK, Organisation};
use crate::report::scorecard::TeamTarget;
use crate::secret;

/// Tables that chiplog itself reads; every other one must be a kind of source.
const OWN_SECTIONS: &[&str] = &[
    "bots",
    "changes",
    "collect",
    "documentation",
    "events",
    "incidents",
    "privacy",
    "readiness",
    "reporters",
    "reviews",
    "security",
    "server",
    "service",
    "store",
    "team",
    "work_items",
];

/// The checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file, for the tables of the sources.
    pub document: Document,
    /// Where chiplog listens, and who may read.
    pub server: Server,
    /// The URL of the store, which may hold a password.
    pub store_url: SecretString,
    /// How long facts are kept after they ended. `None` is for ever.
    pub retention: Option<Duration>,
    /// How often and how far back facts are collected.
    pub collect: CollectSection,
    /// Teams, services and rules.
    pub organisation: Organisation,
    /// Targets that teams have set for themselves, by team.
    pub targets: BTreeMap<String, Vec<TeamTarget>>,
    /// Who may send facts.
    pub reporters: Vec<Reporter>,
    /// Where digests of reviews go, and what happened meanwhile.
    pub reviews: ReviewSettings,
    /// Logins of bots beyond those that sources tell.
    pub bot_logins: Vec<String>,
}

impl Config {
    /// Reads and checks a file. `source_kinds` are the names of the tables that sources read; `environment` looks up
    /// variables named by `*_env` keys.
    pub fn read(
        path: &Path,
        source_kinds: &[&str],
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        Self::check(Document::read(path)?, source_kinds, environment)
    }

    /// Checks a document.
    pub fn check(
        document: Document,
        source_kinds: &[&str],
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        for section in document.sections() {
            if !OWN_SECTIONS.contains(&section.as_str()) && !source_kinds.contains(&section.as_str()) {
                let mut known = [OWN_SECTIONS, source_kinds].concat();
                known.sort_unstable();
                let problem = format!("unknown table: expected one of {}", known.join(", "));
                return Err(document.error_at(&section, &problem));
            }
        }
        let login = sole_organization(&document);
        let bots: BotsSection = document.section("bots")?;
        let organisation = organisation::read(&document, login.as_deref())?;
        let teams: Vec<&str> = organisation.teams.keys().map(String::as_str).collect();
        let store: StoreSection = document.section("store")?;
        let collect: CollectSection = document.section("collect")?;
        Ok(Self {
            server: server::read(&document)?,
            retention: retention(&document, &store, &collect)?,
            store_url: store_url(&document, store, environment)?.into(),
            collect,
            reviews: reviews::read(&document, environment, &teams)?,
            organisation,
            targets: team_targets(&document)?,
            reporters: reporters::read(&document, environment)?,
            bot_logins: bots.logins,
            document,
        })
    }
}

fn team_targets(document: &Document) -> Result<BTreeMap<String, Vec<TeamTarget>>, ConfigError> {
    let teams: BTreeMap<String, TeamSection> = document.section("team")?;
    let read = teams.into_iter().map(|(team, section)| {
        let targets = targets::read(&format!("team.{team}.targets"), &section.targets);
        targets.map(|targets| (team, targets)).map_err(|problem| document.error_at(&problem.key, &problem.text))
    });
    read.collect()
}

/// The organisation of the only `[github]` table.
fn sole_organization(document: &Document) -> Option<String> {
    let tables = document.tables("github");
    let [table] = tables.as_slice() else { return None };
    table.get_ref().as_table()?.get("organization")?.get_ref().as_str().map(str::to_owned)
}

/// The shortest retention: what was deployed in a year's time is compared with what was deployed before it.
const SHORTEST_RETENTION: Duration = Duration::from_hours(LOOKBACK.num_hours().unsigned_abs());

/// How long facts are kept: never shorter than any number looks back, nor than what collections would fetch again.
fn retention(
    document: &Document,
    store: &StoreSection,
    collect: &CollectSection,
) -> Result<Option<Duration>, ConfigError> {
    let problem = store.retention.and_then(|retention| collect.too_short_for(retention));
    problem.map_or(Ok(store.retention), |problem| Err(document.error_at("store.retention", &problem)))
}

impl CollectSection {
    /// What is wrong with a retention, where it is too short for what is collected and what numbers look back to.
    pub fn too_short_for(&self, retention: Duration) -> Option<String> {
        let shortest = SHORTEST_RETENTION.max(self.history);
        let days = shortest.as_secs() / (24 * 3600);
        let problem =
            || format!("is too short: numbers look back as far as {days} days, so write at least \"{days}d\"");
        (retention < shortest).then(problem)
    }
}

fn store_url(
    document: &Document,
    section: StoreSection,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, ConfigError> {
    let url = match (section.url, section.url_env, section.url_file) {
        (None, None, None) => "sqlite:chiplog.db".to_owned(),
        (Some(url), None, None) => url,
        (None, Some(variable), None) => {
            secret::of_variable(&variable, environment).map_err(|why| document.error_at("store.url_env", &why))?
        }
        (None, None, Some(file)) => secret::of_file(&file, &document.base_directory())
            .map_err(|why| document.error_at("store.url_file", &why))?,
        _ => return Err(document.error_at("store", "give one of url, url_env and url_file")),
    };
    // `sqlite://FILE` is how others write it.
    match url.strip_prefix("sqlite:").map(|file| file.strip_prefix("//").unwrap_or(file)) {
        Some(file) if file.is_empty() || file.starts_with('?') => {
            Err(document.error_at("store", "the URL names no file: write for example \"sqlite:chiplog.db\""))
        }
        Some(file) if file.starts_with(':') => Ok(format!("sqlite:{file}")),
        Some(file) => Ok(format!("sqlite:{}", document.base_directory().join(file).display())),
        None if url.starts_with("postgres://") || url.starts_with("postgresql://") => Ok(url),
        None => Err(document.error_at("store", "the URL must begin with sqlite: or postgres://")),
    }
}

#[cfg(test)]
mod tests;
