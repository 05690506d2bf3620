//! `[reviews]` and `[[events]]`: where digests go, and what everybody should know when numbers are read.

use chrono::NaiveDate;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::document::{ConfigError, Document};
use crate::address;
use crate::report::review::KnownEvent;
use crate::secret;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ReviewsSection {
    /// Where people open chiplog: the links of digests begin with it.
    base_url: Option<String>,
    /// Where digests are posted on the first working day of a month.
    webhooks: Vec<WebhookSection>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WebhookSection {
    /// What it is called; a digest is posted once per team, month and name.
    name: String,
    /// How the message is written: `slack`, `teams` or `json`.
    format: Option<DigestFormat>,
    /// The environment variable that holds its address, which is a secret.
    url_env: Option<String>,
    /// The file that holds it.
    url_file: Option<String>,
    /// Whose digests go there; all teams' unless given.
    teams: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EventSection {
    /// The first day.
    from: String,
    /// The last day, where it lasts longer than one.
    until: Option<String>,
    /// What happened: a freeze, a re-organisation, another tool.
    text: String,
    /// Whom it concerns; all teams unless given.
    teams: Vec<String>,
}

/// How a digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestFormat {
    /// Slack's incoming webhooks.
    Slack,
    /// A webhook of Microsoft Teams' workflows: an adaptive card.
    Teams,
    /// chiplog's own JSON, for everything else.
    Json,
}

/// A receiver of digests.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// How a digest is written for it.
    pub format: DigestFormat,
    /// Its address: a secret.
    pub url: SecretString,
    /// Whose digests go there; empty is all.
    pub teams: Vec<String>,
}

/// Something that happened, and whom it concerns.
#[derive(Debug, Clone)]
pub struct ConfiguredEvent {
    /// What happened.
    pub event: KnownEvent,
    /// Whom it concerns; empty is all teams.
    pub teams: Vec<String>,
}

/// What the configuration says of reviews.
#[derive(Debug, Clone, Default)]
pub struct ReviewSettings {
    /// Where people open chiplog, without a slash at the end.
    pub base_url: Option<String>,
    /// The receivers of digests.
    pub webhooks: Vec<Webhook>,
    /// What happened.
    pub events: Vec<ConfiguredEvent>,
}

impl ReviewSettings {
    /// The events that concern a team.
    pub fn events_of(&self, team: &str) -> Vec<KnownEvent> {
        let concerns = |event: &&ConfiguredEvent| event.teams.is_empty() || event.teams.iter().any(|it| it == team);
        self.events.iter().filter(concerns).map(|event| event.event.clone()).collect()
    }
}

/// Reads both tables; `teams` are the slugs that are known.
pub(super) fn read(
    document: &Document,
    environment: &dyn Fn(&str) -> Option<String>,
    teams: &[&str],
) -> Result<ReviewSettings, ConfigError> {
    let section: ReviewsSection = document.section("reviews")?;
    let at = |key: &str, problem: String| document.error_at(key, &problem);
    let base_url = section.base_url.map(|url| address::base(&url, "https://chiplog.example.com")).transpose();
    let base_url = base_url.map_err(|problem| at("reviews.base_url", problem))?;
    let mut webhooks: Vec<Webhook> = Vec::new();
    for section in section.webhooks {
        let webhook = webhook(document, section, environment, teams);
        let webhook = webhook.map_err(|problem| at("reviews.webhooks", problem))?;
        if webhooks.iter().any(|known| known.name == webhook.name) {
            return Err(at("reviews.webhooks", format!("two webhooks are called \"{}\"", webhook.name)));
        }
        webhooks.push(webhook);
    }
    let events: Vec<EventSection> = document.section("events")?;
    let events = events.into_iter().map(|section| event(section, teams).map_err(|problem| at("events", problem)));
    Ok(ReviewSettings { base_url, webhooks, events: events.collect::<Result<_, _>>()? })
}

fn webhook(
    document: &Document,
    section: WebhookSection,
    environment: &dyn Fn(&str) -> Option<String>,
    teams: &[&str],
) -> Result<Webhook, String> {
    if section.name.is_empty() {
        return Err("name is missing: write for example name = \"payments-channel\"".to_owned());
    }
    let format = section.format.ok_or("format is missing: write \"slack\", \"teams\" or \"json\"")?;
    // Whoever knows the address may post.
    let url = SecretString::from(match (section.url_env.as_deref(), section.url_file.as_deref()) {
        (Some(variable), None) => secret::of_variable(variable, environment)?,
        (None, Some(file)) => secret::of_file(file, &document.base_directory())?,
        _ => return Err("give one of url_env and url_file".to_owned()),
    });
    address::secret(url.expose_secret())
        .map_err(|problem| format!("what url_env or url_file of \"{}\" holds {problem}", section.name))?;
    known_teams(&section.teams, teams)?;
    Ok(Webhook { name: section.name, format, url, teams: section.teams })
}

fn event(section: EventSection, teams: &[&str]) -> Result<ConfiguredEvent, String> {
    if section.text.is_empty() {
        return Err("text is missing: write for example text = \"code freeze\"".to_owned());
    }
    let day = |text: &str| {
        text.parse::<NaiveDate>().map_err(|_| format!("\"{text}\" is no day: write for example \"2026-10-05\""))
    };
    let (from, until) = (day(&section.from)?, section.until.as_deref().map(day).transpose()?);
    if until.is_some_and(|until| until < from) {
        return Err(format!("\"{}\" ends before it begins", section.text));
    }
    known_teams(&section.teams, teams)?;
    Ok(ConfiguredEvent { event: KnownEvent { from, until, text: section.text }, teams: section.teams })
}

fn known_teams(named: &[String], teams: &[&str]) -> Result<(), String> {
    match named.iter().find(|name| !teams.contains(&name.as_str())) {
        Some(unknown) => Err(format!("there is no team \"{unknown}\": known are {}", teams.join(", "))),
        None => Ok(()),
    }
}
