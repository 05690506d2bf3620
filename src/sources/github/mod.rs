//! GitHub, cloud and Enterprise Server: repositories, pull requests, commits, deployments, releases, tags, workflow runs,
//! and issues as incidents.
//!
//! GraphQL brings most of it, many things at once; REST what GraphQL cannot tell. One batched query asks many
//! repositories whether anything has changed, and only what has is read.

mod budget;
mod client;
mod collect;
mod config;
mod convert;
mod payload;
mod queries;

use std::sync::Arc;

use async_trait::async_trait;

use super::source::{
    BatchSink, ConfigureError, Finding, FindingLevel, Kind, Source, SourceContext, SourceError, SourceTable, Telemetry,
};
use client::Client;
use config::GithubConfig;

/// GitHub.
pub(super) const KIND: Kind = Kind {
    name: "github",
    summary: "Pull requests, commits, deployments, releases, tags, workflow runs and incident issues of GitHub.",
    families: FAMILIES,
    example: r#"[github]
token_env = "GITHUB_TOKEN"       # or token_file; or a GitHub App:
# app = { id = 12345, installation_id = 67890, private_key_file = "app.pem" }
organization = "acme"            # all of its repositories that are not archived
repositories = ["other/shop"]    # beside them, or instead
exclude = ["acme/playground-*"]  # patterns of repositories to leave out
teams = ["payments"]             # GitHub teams whose repositories are to be known; those of [team.*] are added
base_url = "https://api.github.com" # Enterprise Server: "https://github.example.com/api/v3"
incidents = { labels = ["incident"] } # issues with one of these labels are incidents
workflow_runs = true             # read workflow runs: for deployments by workflow, and for CI
changed_files = ["acme/monorepo"] # read the files of commits that belong to no pull request: for services by path
name = "github"                  # the source's name, needed when there are several
"#,
    privacy: "Logins and addresses become keyed hashes; titles, subjects and branch names are kept without them; bodies \
              are read for references and not kept.",
    configure,
};

const FAMILIES: &[&str] = &[
    "repositories",
    "team_repositories",
    "commits",
    "pull_requests",
    "deployments",
    "releases",
    "tags",
    "ci_runs",
    "incidents",
];

fn configure(table: SourceTable<'_>, context: &SourceContext) -> Result<Arc<dyn Source>, ConfigureError> {
    let config = GithubConfig::read(table, context)?;
    let client = Client::new(&config, context.now.clone())?;
    Ok(Arc::new(GithubSource { config, client, context: context.clone() }))
}

/// One configured GitHub.
struct GithubSource {
    config: GithubConfig,
    client: Client,
    context: SourceContext,
}

#[async_trait]
impl Source for GithubSource {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn families(&self) -> &'static [&'static str] {
        let without_incidents = self.config.incident_labels.is_empty();
        if without_incidents { &FAMILIES[..FAMILIES.len() - 1] } else { FAMILIES }
    }

    async fn collect(&self, sink: &dyn BatchSink) -> Result<(), SourceError> {
        collect::all(self, sink).await
    }

    async fn diagnose(&self) -> Vec<Finding> {
        let finding =
            |level, message: String, hint: Option<&str>| Finding { level, message, hint: hint.map(str::to_owned) };
        let mut findings = Vec::new();
        match self.client.scopes().await {
            Err(error) => return vec![finding(FindingLevel::Problem, error.to_string(), None)],
            Ok(Some(scopes)) => {
                findings.push(finding(FindingLevel::Good, format!("the token is good; its scopes: {scopes}"), None));
                let held: Vec<&str> = scopes.split(',').map(str::trim).collect();
                if !self.config.teams.is_empty() && !held.iter().any(|scope| scope.ends_with(":org")) {
                    let hint = "make a token with the scope read:org";
                    findings.push(finding(
                        FindingLevel::Problem,
                        "the token may not read teams".to_owned(),
                        Some(hint),
                    ));
                }
            }
            Ok(None) => findings.push(finding(FindingLevel::Good, "the credentials are good".to_owned(), None)),
        }
        match collect::repositories(self).await {
            Err(error) => findings.push(finding(FindingLevel::Problem, error.to_string(), None)),
            Ok(repositories) => {
                let message = format!("{} repositories are visible", repositories.len());
                findings.push(finding(FindingLevel::Good, message, None));
            }
        }
        findings.extend(self.client.budget_left().into_iter().map(|left| finding(FindingLevel::Good, left, None)));
        findings
    }

    fn telemetry(&self) -> Vec<Telemetry> {
        self.client.telemetry()
    }
}
