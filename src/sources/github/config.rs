//! The table `[github]`.

mod credentials;

use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};
use reqwest::Url;
use serde::Deserialize;
use toml::de::ValueDeserializer;

use super::webhook::{Hook, WebhookConfig};
use credentials::{AppTable, CredentialTable};
pub(super) use credentials::{Credential, Secret};

use crate::address;
use crate::sources::source::{ConfigureError, SourceContext, SourceTable};
use crate::sources::webhook::{WebhookSecrets, WebhookTable};

/// The keys as they are written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    token_env: Option<String>,
    token_file: Option<String>,
    app: Option<AppTable>,
    tokens_env: Vec<String>,
    credentials: Vec<CredentialTable>,
    reserve: Option<f64>,
    organization: Option<String>,
    repositories: Vec<String>,
    exclude: Vec<String>,
    teams: Vec<String>,
    base_url: Option<String>,
    incidents: Option<IncidentsTable>,
    workflow_runs: Option<bool>,
    changed_files: Vec<String>,
    work_items: bool,
    projects: Option<ProjectsTable>,
    security_alerts: bool,
    test_reports: Vec<String>,
    coverage_reports: Vec<String>,
    readiness_files: bool,
    webhook: Option<WebhookTable>,
    name: Option<String>,
}

/// Projects of the organisation, and the names of their fields.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProjectsTable {
    pub(super) numbers: Vec<u64>,
    pub(super) status_field: Option<String>,
    pub(super) iteration_field: Option<String>,
    pub(super) points_field: Option<String>,
}

impl ProjectsTable {
    pub(super) fn status_field(&self) -> &str {
        self.status_field.as_deref().unwrap_or("Status")
    }
    pub(super) fn iteration_field(&self) -> &str {
        self.iteration_field.as_deref().unwrap_or("Iteration")
    }
    pub(super) fn points_field(&self) -> &str {
        self.points_field.as_deref().unwrap_or("Estimate")
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IncidentsTable {
    labels: Vec<String>,
}

/// The checked configuration of one GitHub.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each switches a part of its own on")]
pub(super) struct GithubConfig {
    pub(super) name: String,
    /// At least one.
    pub(super) credentials: Vec<Credential>,
    /// The share of each budget that is left to others who use the same credential.
    pub(super) reserve: f64,
    pub(super) organization: Option<String>,
    pub(super) repositories: Vec<String>,
    pub(super) exclude: GlobSet,
    pub(super) teams: Vec<String>,
    pub(super) base_url: String,
    /// The same, to compare links and redirects with.
    pub(super) base: Url,
    /// How long an answer may take.
    pub(super) timeout: Duration,
    pub(super) incident_labels: Vec<String>,
    pub(super) workflow_runs: bool,
    pub(super) changed_files: Vec<String>,
    pub(super) work_items: bool,
    pub(super) projects: ProjectsTable,
    pub(super) security_alerts: bool,
    pub(super) test_reports: GlobSet,
    pub(super) coverage_reports: GlobSet,
    pub(super) readiness_files: bool,
    pub(super) webhook: Option<WebhookConfig>,
}

/// The reserve where the configuration names none.
const RESERVE: f64 = 0.1;

fn value(key: &str, problem: impl Into<String>) -> ConfigureError {
    ConfigureError::Value { key: key.to_owned(), problem: problem.into() }
}

impl GithubConfig {
    pub(super) fn read(table: SourceTable<'_>, context: &SourceContext) -> Result<Self, ConfigureError> {
        let table = Table::deserialize(ValueDeserializer::from(table))?;
        if table.organization.is_none() && table.repositories.is_empty() {
            return Err(value(
                "organization",
                "is missing: name an organization, or list repositories = [\"owner/name\"]",
            ));
        }
        for repository in table.repositories.iter().chain(&table.changed_files) {
            if repository.split('/').filter(|part| !part.is_empty()).count() != 2 {
                return Err(value("repositories", format!("\"{repository}\" is no repository: write \"owner/name\"")));
            }
        }
        let projects = table.projects.as_ref().map(|projects| projects.numbers.len()).unwrap_or_default();
        if projects > 0 && (table.organization.is_none() || !table.work_items) {
            return Err(value(
                "projects",
                "are an organization's and add to issues: set organization and work_items = true",
            ));
        }
        let base_url = table.base_url.as_deref().unwrap_or("https://api.github.com");
        let base_url = address::base(base_url, "https://github.example.com/api/v3");
        let base_url = base_url.map_err(|problem| value("base_url", problem))?;
        let reserve = table.reserve.unwrap_or(RESERVE);
        if !(0.0..=0.9).contains(&reserve) {
            return Err(value("reserve", "is the share of the budget that is left to others: write 0 to 0.9"));
        }
        Ok(Self {
            timeout: context.timeout,
            credentials: credentials::read(&table, &base_url, context)?,
            webhook: webhook(&table, context)?,
            reserve,
            name: table.name.unwrap_or_else(|| "github".to_owned()),
            organization: table.organization,
            repositories: table.repositories,
            exclude: patterns("exclude", &table.exclude)?,
            teams: table.teams,
            base: base_url.parse().map_err(|_| value("base_url", "is no URL"))?,
            base_url,
            incident_labels: table.incidents.map(|incidents| incidents.labels).unwrap_or_default(),
            workflow_runs: table.workflow_runs.unwrap_or(true),
            changed_files: table.changed_files,
            work_items: table.work_items,
            projects: table.projects.unwrap_or_default(),
            security_alerts: table.security_alerts,
            test_reports: patterns("test_reports", &table.test_reports)?,
            coverage_reports: patterns("coverage_reports", &table.coverage_reports)?,
            readiness_files: table.readiness_files,
        })
    }
}

fn webhook(table: &Table, context: &SourceContext) -> Result<Option<WebhookConfig>, ConfigureError> {
    let Some(keys) = &table.webhook else { return Ok(None) };
    let hook = match keys.hook.as_deref() {
        None => None,
        Some(text) => Some(Hook::read(text, table.organization.as_deref()).ok_or_else(|| {
            value(
                "webhook",
                format!("hook = \"{text}\" names no webhook: write organization/ID, repository/OWNER/NAME/ID or app"),
            )
        })?),
    };
    if hook.as_ref().is_some_and(|hook| hook.as_app) && table.app.is_none() {
        return Err(value("webhook", "hook = \"app\" needs the key app: only a GitHub App may list its deliveries"));
    }
    Ok(Some(WebhookConfig { secrets: WebhookSecrets::read(keys, context)?, hook }))
}

fn patterns(key: &str, globs: &[String]) -> Result<GlobSet, ConfigureError> {
    let mut patterns = GlobSetBuilder::new();
    for glob in globs {
        patterns.add(Glob::new(glob).map_err(|error| value(key, format!("is no pattern: {error}")))?);
    }
    patterns.build().map_err(|error| value(key, format!("is no set of patterns: {error}")))
}
