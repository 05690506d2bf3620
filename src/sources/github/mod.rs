//! GitHub, cloud and Enterprise Server: repositories, pull requests, commits, deployments, releases, tags, workflow runs,
//! issues as incidents and as work items, projects, security alerts, test and coverage reports, and files for checklists.
//!
//! GraphQL brings most of it, many things at once; REST what GraphQL cannot tell. One batched query asks many
//! repositories whether anything has changed, and only what has is read.

mod budget;
mod client;
mod collect;
mod config;
mod convert;
mod doctor;
mod governor;
mod hook;
mod ledger;
mod payload;
mod permissions;
mod queries;
mod report;
mod webhook;

use std::sync::Arc;

use async_trait::async_trait;
use octocrab::Octocrab;
use reqwest::header::HeaderMap;

use super::budget::BudgetReport;
use super::download::Downloads;
use super::finding::Finding;
use super::source::{
    BatchSink, ConfigureError, FactLookup, Kind, Source, SourceContext, SourceError, SourceTable, Telemetry,
};
use super::webhook::{Delivery, KnownDeliveries, Missed, Refusal, StoredDelivery, Verdict, Webhook};
use crate::facts::Moment;
use budget::Urgency;
use client::{Client, Time};
use config::GithubConfig;
use governor::Governor;
use ledger::Ledger;

/// GitHub.
pub(super) const KIND: Kind = Kind {
    name: "github",
    summary: "Pull requests, commits, deployments, releases, workflow runs, issues, projects, security alerts and reports of GitHub.",
    families: FAMILIES,
    example: r#"[github]
token_env = "GITHUB_TOKEN"       # or token_file; or a GitHub App:
# app = { id = 12345, installation_id = 67890, private_key_file = "app.pem" } # or private_key_env, with the key itself
# More credentials add their budgets, and see what others do not: further tokens of other accounts, or tables with the keys above
# tokens_env = ["SECOND_TOKEN"]
# credentials = [{ app = { id = 12345, installation_id = 67891, private_key_file = "app.pem" } }]
reserve = 0.1                    # the share of each hourly budget that is left to others who use the same credential
organization = "acme"            # all of its repositories that are not archived
repositories = ["other/shop"]    # beside them, or instead
exclude = ["acme/playground-*"]  # patterns of repositories to leave out
teams = ["payments"]             # GitHub teams whose repositories are to be known; those of [team.*] are added
base_url = "https://api.github.com" # Enterprise Server: "https://github.example.com/api/v3"
incidents = { labels = ["incident"] } # issues with one of these labels are incidents
workflow_runs = true             # read workflow runs: for deployments by workflow, and for CI
changed_files = ["acme/monorepo"] # read the files of commits that belong to no pull request: for services by path
work_items = true                # issues are work items; those with an incident label are not
projects = { numbers = [1], status_field = "Status", iteration_field = "Iteration", points_field = "Estimate" } # of the organization
security_alerts = true           # read Dependabot, code-scanning and secret-scanning alerts
test_reports = ["junit*"]        # names of workflow artifacts that hold JUnit XML
coverage_reports = ["coverage*"] # names of workflow artifacts that hold lcov, Cobertura or JaCoCo
readiness_files = true           # look for the files that [[readiness]] asks for
# webhook = { secret_env = "GITHUB_WEBHOOK_SECRET", hook = "organization/123" } # or secret_file; previous_secret_env, or
# previous_secret_file, while it is replaced. hook, "repository/OWNER/NAME/ID" or "app": whose deliveries are fetched after
# an outage
name = "github"                  # the source's name, needed when there are several
"#,
    privacy: "Logins and addresses become keyed hashes; titles, subjects and branch names are kept without them; bodies \
              are read for references and not kept.",
    credential: "a classic token at Settings › Developer settings › Personal access tokens, or the App: docs/github.md tells the permissions",
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
    "work_items",
    "iterations",
    "security_alerts",
    "test_reports",
    "coverage_reports",
    "inventories",
];

fn configure(table: SourceTable<'_>, context: &SourceContext) -> Result<Arc<dyn Source>, ConfigureError> {
    let config = GithubConfig::read(table, context)?;
    let ledger = Arc::new(Ledger::default());
    let client = Client::new(&config, Time::new(context.now.clone()), ledger.clone(), Governor::of)?;
    // Artifacts lie with another host, which must not see the token.
    let downloads = Downloads::new("GitHub's artifact storage", &config.base)
        .map_err(|error| ConfigureError::Value { key: "base_url".to_owned(), problem: error.to_string() })?;
    let as_app = hook::as_app(&config)?;
    Ok(Arc::new(GithubSource {
        config: Arc::new(config),
        client,
        as_app,
        pace: Arc::default(),
        downloads: Arc::new(downloads),
        ledger,
        context: context.clone(),
    }))
}

/// One configured GitHub. Clones share all but what their client asks for.
#[derive(Clone)]
struct GithubSource {
    config: Arc<GithubConfig>,
    client: Client,
    /// The App itself, where its own deliveries are to be listed.
    as_app: Option<Octocrab>,
    /// How often it is asked for what webhooks point to.
    pace: Arc<webhook::Pace>,
    downloads: Arc<Downloads>,
    ledger: Arc<Ledger>,
    context: SourceContext,
}

impl GithubSource {
    /// The same for requests of this urgency about a repository.
    fn asking(&self, urgency: Urgency, repository: Option<&str>) -> Self {
        Self { client: self.client.asking(urgency, repository), ..self.clone() }
    }
}

#[async_trait]
impl Source for GithubSource {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn families(&self) -> Vec<&'static str> {
        let config = &self.config;
        let yields = |family: &str| match family {
            "ci_runs" => config.workflow_runs,
            "incidents" => !config.incident_labels.is_empty(),
            "work_items" => config.work_items,
            "iterations" => !config.projects.numbers.is_empty(),
            "security_alerts" => config.security_alerts,
            "test_reports" => !config.test_reports.is_empty(),
            "coverage_reports" => !config.coverage_reports.is_empty(),
            "inventories" => config.readiness_files,
            _ => true,
        };
        FAMILIES.iter().copied().filter(|family| yields(family)).collect()
    }

    async fn collect(&self, sink: &dyn BatchSink) -> Result<(), SourceError> {
        collect::all(self, sink).await
    }

    async fn diagnose(&self) -> Vec<Finding> {
        let mut findings = doctor::findings(self).await;
        if let Some(hook) = self.config.webhook.as_ref().and_then(|webhook| webhook.hook.as_ref()) {
            findings.push(hook::finding(self, hook).await);
        }
        findings
    }

    async fn history_left(&self, stored: &dyn FactLookup) -> Option<Finding> {
        doctor::history_left(self, stored).await.ok()
    }

    fn budget(&self) -> Option<BudgetReport> {
        Some(self.budget_report())
    }

    fn webhook(&self) -> Option<&dyn Webhook> {
        self.config.webhook.is_some().then_some(self)
    }

    fn shows_credentials_to(&self) -> Option<&str> {
        Some(&self.config.base_url)
    }

    fn telemetry(&self) -> Vec<Telemetry> {
        let mut samples = self.client.telemetry();
        samples.extend(self.backfill_telemetry());
        samples
    }
}

#[async_trait]
impl Webhook for GithubSource {
    fn largest_body(&self) -> usize {
        webhook::LARGEST_BODY
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], _: Moment) -> Result<Delivery, Refusal> {
        let config = self.config.webhook.as_ref().ok_or(Refusal::Signature)?;
        webhook::verify(&config.secrets, headers, body)
    }

    async fn process(&self, deliveries: &[StoredDelivery], sink: &dyn BatchSink) -> Result<Vec<Verdict>, SourceError> {
        collect::deliveries::process(self, deliveries, sink).await
    }

    async fn ready(&self) {
        tokio::time::sleep(self.pace.wait((self.context.now)())).await;
    }

    async fn missed(&self, sink: &dyn BatchSink, inbox: &dyn KnownDeliveries) -> Result<Option<Missed>, SourceError> {
        let Some(hook) = self.config.webhook.as_ref().and_then(|webhook| webhook.hook.as_ref()) else {
            return Ok(None);
        };
        hook::missed(self, hook, sink, inbox).await.map(Some)
    }
}
