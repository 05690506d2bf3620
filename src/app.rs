//! Wiring: from the configuration file to an open store and configured sources.

mod named;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use secrecy::ExposeSecret as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::attribution::{Attributed, Organisation, ReadinessRule, attribute};
use crate::config::{Config, ConfigError, Document};
use crate::facts::{Moment, PersonHasher};
use crate::pipeline::{EvaluationRules, Evaluator, Families, KEPT_FACTS, Reviewer, TeamScorecards, load_facts};
use crate::report::scorecard::{Measure, Scorecard, ScorecardRow, with_targets};
use crate::reported::Known;
use crate::sources::{ConfigureError, KINDS, Source, SourceContext};
use crate::store::{Store, TargetRecord};

/// The program with its configuration read, its store open and its sources configured.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The rules, with the keys of configured bots.
    pub organisation: Arc<Organisation>,
    /// The store.
    pub store: Store,
    /// The sources, in the order of their kinds.
    pub sources: Vec<Arc<dyn Source>>,
    /// The families of facts that those yield.
    pub families: Arc<Families>,
    /// Turns logins into keyed hashes.
    people: PersonHasher,
    /// The scorecards as each team has them.
    pub scorecards: Arc<TeamScorecards>,
}

impl App {
    /// Reads the configuration and opens everything that it names.
    pub async fn open(path: &Path) -> Result<Self> {
        Self::assemble(read_config(path)?, &environment).await
    }

    /// Opens everything that a configuration names. `environment` looks up variables named by `*_env` keys.
    pub async fn assemble(
        config: Config,
        environment: &'static (dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<Self> {
        // Sources are checked with a key of no consequence first, so that a wrong table is told before a store is made.
        configure(&config, &context(&config, PersonHasher::new(Vec::new()), environment))?;
        let store = Store::open(config.store_url.expose_secret()).await?;
        let people = PersonHasher::new(store.person_key().await?);
        let mut organisation = config.organisation.clone();
        organisation.bots = config.bot_logins.iter().map(|login| people.person(login, true).key).collect();
        let sources = configure(&config, &context(&config, people.clone(), environment))?;
        let families = sources.iter().flat_map(|source| source.families()).collect();
        let scorecards = Arc::new(scorecards(&config, &store).await?);
        Ok(Self {
            config,
            organisation: Arc::new(organisation),
            store,
            sources,
            families: Arc::new(families),
            people,
            scorecards,
        })
    }

    /// What reported rows are checked against.
    pub fn known_to_reporters(&self, now: Moment) -> Known {
        Known { teams: self.organisation.teams.keys().cloned().collect(), people: self.people.clone(), now }
    }

    /// What makes, freezes and reads the reviews of the teams.
    pub fn reviewer(&self) -> Reviewer {
        let events = self.organisation.teams.keys().map(|team| (team.clone(), self.config.reviews.events_of(team)));
        Reviewer {
            store: self.store.clone(),
            organisation: self.organisation.clone(),
            families: self.families.clone(),
            scorecards: self.scorecards.clone(),
            events: Arc::new(events.collect()),
            sources: self.sources.iter().map(|source| source.name().to_owned()).collect(),
        }
    }

    /// What keeps the numbers of all teams up to date.
    pub fn evaluator(&self) -> Evaluator {
        let rules = EvaluationRules {
            organisation: self.organisation.clone(),
            families: self.families.clone(),
            scorecards: self.scorecards.clone(),
        };
        Evaluator::new(self.store.clone(), rules, KEPT_FACTS)
    }

    /// The attributed facts of one team, and perhaps of others, as of a moment; what does not concern it is not loaded.
    pub async fn attributed_of(&self, team: &str, as_of: Moment) -> Result<Arc<Attributed>> {
        Ok(self.evaluator().attributed(team, as_of).await?)
    }

    /// Loads all facts and attributes them, as of a moment.
    pub async fn attributed(&self, as_of: Moment) -> Result<Attributed> {
        let facts = load_facts(&self.store).await?;
        let organisation = self.organisation.clone();
        tokio::task::spawn_blocking(move || attribute(&organisation, &facts, as_of)).await.context("attribution failed")
    }
}

/// The scorecards of every team, with the recorded date of each target. Teams with the same share them: they take a hundred
/// kilobytes.
async fn scorecards(config: &Config, store: &Store) -> Result<TeamScorecards> {
    let targets = |team: &String| config.targets.get(team).map_or(&[][..], Vec::as_slice);
    let teams = || config.organisation.teams.keys();
    let records: Vec<TargetRecord> = teams().flat_map(|team| records(team, &with_targets(targets(team)))).collect();
    let mut recorded = store.record_targets(&records, crate::clock::now()).await?.into_iter();
    let mut made: BTreeMap<(String, Vec<Moment>), Arc<[Scorecard]>> = BTreeMap::new();
    let of_team = |team: &String| {
        let mut cards = with_targets(targets(team));
        let measures = cards.iter_mut().flat_map(|card| &mut card.rows).flat_map(|row| &mut row.measures);
        let mut dates = Vec::new();
        for (measure, since) in measures.zip(&mut recorded) {
            measure.since = Some(since);
            dates.push(since);
        }
        let cards = made.entry((format!("{:?}", targets(team)), dates)).or_insert_with(|| cards.into());
        (team.clone(), cards.clone())
    };
    Ok(teams().map(of_team).collect())
}

fn records(team: &str, cards: &[Scorecard]) -> Vec<TargetRecord> {
    let rows = cards.iter().flat_map(|card| card.rows.iter().map(move |row| (card, row)));
    let measures = rows.flat_map(|(card, row)| row.measures.iter().map(move |measure| (card, row, measure)));
    measures.map(|(card, row, measure)| record(team, &card.role, row, measure)).collect()
}

fn record(team: &str, role: &str, row: &ScorecardRow, measure: &Measure) -> TargetRecord {
    TargetRecord {
        team: team.to_owned(),
        role: role.to_owned(),
        measure: format!("{}/{}", row.id, measure.key()),
        target: measure.target_words(),
        since: measure.since,
    }
}

/// Reads and checks a configuration file.
pub fn read_config(path: &Path) -> Result<Config, ConfigError> {
    Config::read(path, &kind_names(), &environment)
}

/// Checks the tables of the sources of a configuration without connecting to anything. `environment` looks up variables
/// named by `*_env` keys.
pub fn check_sources(
    config: &Config,
    environment: &'static (dyn Fn(&str) -> Option<String> + Sync),
) -> Result<usize, ConfigError> {
    Ok(configure(config, &context(config, PersonHasher::new(Vec::new()), environment))?.len())
}

/// The names of the kinds of sources: the tables that the configuration may have beside chiplog's own.
pub fn kind_names() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).collect()
}

/// Looks up an environment variable.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may read the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn context(
    config: &Config,
    people: PersonHasher,
    environment: &'static (dyn Fn(&str) -> Option<String> + Sync),
) -> SourceContext {
    SourceContext {
        people,
        history: chrono::Duration::from_std(config.collect.history).unwrap_or(chrono::Duration::days(456)),
        retention: config.retention.and_then(|retention| chrono::Duration::from_std(retention).ok()),
        timeout: config.collect.timeout,
        now: Arc::new(crate::clock::now),
        environment: Arc::new(environment),
        readiness_files: readiness_files(&config.organisation),
        base_directory: config.document.base_directory(),
    }
}

fn readiness_files(organisation: &Organisation) -> Vec<String> {
    let files = organisation.readiness.iter().filter_map(|check| match &check.rule {
        ReadinessRule::File(paths) => Some(paths.clone()),
        _ => None,
    });
    files.flatten().collect()
}

fn configure(config: &Config, context: &SourceContext) -> Result<Vec<Arc<dyn Source>>, ConfigError> {
    let document = &config.document;
    let mut sources: Vec<Arc<dyn Source>> = Vec::new();
    for kind in KINDS {
        for table in document.tables(kind.name) {
            let table = if kind.name == "github" { with_github_teams(table, config) } else { table };
            let source = (kind.configure)(table.clone(), context)
                .map_err(|error| complaint(document, &table, kind.name, &error))?;
            if let Some(namesake) = sources.iter().find(|other| other.name() == source.name()) {
                let problem = format!("two sources are called \"{}\": give one of them another name", namesake.name());
                return Err(document.error_in(&table, kind.name, "name", &problem));
            }
            sources.push(source);
        }
    }
    if sources.is_empty() {
        let kinds = KINDS.iter().map(|kind| format!("[{}]", kind.name)).collect::<Vec<_>>().join(", ");
        return Err(document.error_at_top(&format!("no source is configured: add one of {kinds}")));
    }
    named::check(config, &sources)?;
    Ok(sources)
}

fn complaint(document: &Document, table: &Spanned<DeValue<'_>>, kind: &str, error: &ConfigureError) -> ConfigError {
    match error {
        ConfigureError::Toml(error) => document.error(error),
        ConfigureError::Value { key, problem } => document.error_in(table, kind, key, problem),
    }
}

/// Adds the GitHub teams that the configuration's teams name to the `teams` that the source collects.
fn with_github_teams<'a>(table: Spanned<DeValue<'a>>, config: &Config) -> Spanned<DeValue<'a>> {
    let span = table.span();
    let DeValue::Table(mut entries) = table.into_inner() else {
        return Spanned::new(span, DeValue::Table(DeTable::default()));
    };
    let organization = entries.get("organization").and_then(|value| value.get_ref().as_str()).map(str::to_owned);
    let wanted = config.organisation.teams.values().filter_map(|team| team.github_team.as_deref());
    let slugs =
        wanted.filter_map(|team| team.split_once('/')).filter(|(owner, _)| Some(*owner) == organization.as_deref());
    let slugs: Vec<String> = slugs.map(|(_, slug)| slug.to_owned()).collect();
    let key = Spanned::new(span.clone(), "teams".into());
    let listed =
        entries.entry(key).or_insert_with(|| Spanned::new(span.clone(), DeValue::Array(toml::de::DeArray::default())));
    if let DeValue::Array(items) = listed.get_mut() {
        for slug in slugs {
            if !items.iter().any(|item| item.get_ref().as_str() == Some(slug.as_str())) {
                items.push(Spanned::new(span.clone(), DeValue::String(slug.into())));
            }
        }
        if items.is_empty() {
            entries.remove("teams");
        }
    }
    Spanned::new(span, DeValue::Table(entries))
}
