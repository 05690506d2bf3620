//! What tests share: an app in process, simulators, servers.

use std::path::Path;
use std::sync::{Arc, RwLock};

use chiplog::app::{App, kind_names};
use chiplog::config::{Config, Document};
use chiplog::facts::Moment;
use chiplog::pipeline::progress::Observer;
use chiplog::pipeline::{CollectMetrics, CollectReport, Collector};
use chiplog_simulator::github::{GithubOptions, GithubSimulator, SharedWorld};
use chiplog_simulator::world::World;

pub(crate) mod browser;
pub(crate) mod cluster;
pub(crate) mod demo;
pub(crate) mod described;
pub(crate) mod outside;
pub(crate) mod page;
pub(crate) mod postgres;
pub(crate) mod print;
pub(crate) mod program;

/// The variables that the tests' configurations name: the tokens that the simulated servers accept, and others.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("GITHUB_TOKEN", "ghp_simulated"),
    ("PAGERDUTY_TOKEN", "pd_simulated"),
    ("JIRA_USER", "ada@example.com"),
    ("JIRA_TOKEN", "jira_simulated"),
    ("OPSGENIE_TOKEN", "og_simulated"),
    ("JIRA_OPERATIONS_TOKEN", "jsm_simulated"),
    ("INCIDENT_IO_TOKEN", "inc_simulated"),
    ("PROMETHEUS_TOKEN", "prometheus_simulated"),
    ("ARGO_CD_TOKEN", "argo-cd-reports-here"),
    ("PEOPLE_TOKEN", "people-report-here-too"),
    ("PAYMENTS_TOKEN", "payments-write-their-actions"),
    ("SLACK_WEBHOOK_URL", "http://127.0.0.1:9/slack"),
    ("SECOND_TOKEN", "ghp_second"),
    ("GITHUB_WEBHOOK_SECRET", "github-signs-with-this"),
    ("GITHUB_WEBHOOK_SECRET_BEFORE", "github-signed-with-this"),
    ("PAGERDUTY_WEBHOOK_SECRET", "pagerduty-signs-with-this"),
    ("JIRA_WEBHOOK_SECRET", "jira-signs-with-this"),
    ("INCIDENT_IO_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ("CI_TOKEN", "ci-reports-what-it-measured"),
    ("ALERTMANAGER_TOKEN", "alertmanager-sends-alerts"),
    ("BAD_TOKEN", "ghp_wrong"),
];

/// Looks up one of them.
pub(crate) fn environment(name: &str) -> Option<String> {
    ENVIRONMENT.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

/// The real clock, which the simulated servers follow as well.
pub(crate) fn now() -> Moment {
    chiplog::clock::now()
}

/// The last month that is over in every time zone of the demo's teams, as `2026-10`.
pub(crate) fn last_month() -> String {
    let day = (now() - chrono::Duration::days(1)).date_naive();
    chiplog::pipeline::month_label(chiplog::pipeline::month_before(day))
}

/// The day of the demo's team `payments`, which begins an hour or two before that of UTC.
pub(crate) fn today_of_payments() -> chrono::NaiveDate {
    now().with_timezone(&chrono_tz::Europe::Berlin).date_naive()
}

/// The month that lasts for the demo's team `payments`, as `2026-11`.
pub(crate) fn month_of_payments() -> String {
    chiplog::pipeline::month_label(today_of_payments())
}

/// A world that a test may change while servers serve it.
pub(crate) fn shared(world: World) -> SharedWorld {
    Arc::new(RwLock::new(world))
}

/// A simulated GitHub with the usual behaviour.
pub(crate) async fn github(world: &SharedWorld) -> GithubSimulator {
    github_with(world, |_| {}).await
}

/// A simulated GitHub of its own behaviour.
pub(crate) async fn github_with(world: &SharedWorld, change: impl FnOnce(&mut GithubOptions)) -> GithubSimulator {
    let mut options = GithubOptions::new(Arc::new(now));
    change(&mut options);
    GithubSimulator::start(world.clone(), options).await.unwrap()
}

/// An app of a configuration, with a store of its own in memory unless the text names another.
pub(crate) async fn app(text: &str) -> App {
    try_app(text).await.unwrap()
}

/// The same, where it may fail.
pub(crate) async fn try_app(text: &str) -> anyhow::Result<App> {
    let text = if text.contains("[store]") || text.contains("store.url") {
        text.to_owned()
    } else {
        format!("store.url = \"sqlite::memory:\"\n{text}")
    };
    let document = Document::parse(Path::new("chiplog.toml"), text)?;
    let config = Config::check(document, &kind_names(), &environment)?;
    App::assemble(config, &environment).await
}

/// Says nothing.
pub(crate) struct Silent;

impl Observer for Silent {
    fn progress(&self, _: &str, _: &str, _: u64, _: Option<u64>) {}
    fn finished(&self, _: &str) {}
}

/// Collects all sources of an app once.
pub(crate) async fn collect(app: &App) -> CollectReport {
    collect_with(app, &CollectMetrics::new().unwrap()).await
}

/// The same, counted in these metrics.
pub(crate) async fn collect_with(app: &App, metrics: &CollectMetrics) -> CollectReport {
    let (_sender, stop) = tokio::sync::watch::channel(false);
    let collector = Collector::new(app.store.clone(), app.sources.clone(), metrics.clone(), Arc::new(Silent));
    collector.run_once(&stop).await
}

/// Collects all sources of an app once; none may fail.
pub(crate) async fn collect_well(app: &App) {
    let report = collect(app).await;
    assert!(report.failures.is_empty(), "{:?}", report.failures);
}
