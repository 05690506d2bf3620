//! The organisation, configured as people configure one: a file.

use std::fmt::Write as _;
use std::path::Path;

use chiplog::app::{App, kind_names};
use chiplog::config::{Config, Document};

use super::Size;

/// What the services of a team are called.
const SERVICES: [&str; 3] = ["api", "web", "worker"];

const TIME_ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"];

/// The slug of a team.
pub(crate) fn team_id(team: usize) -> String {
    format!("team-{team:03}")
}

/// The id of a service of a team, which is also the name of its repository.
pub(crate) fn service_id(team: usize, service: usize) -> String {
    format!("team-{team:03}-{}", SERVICES[service])
}

/// `owner/name` of the repository of a service.
pub(crate) fn repository(team: usize, service: usize) -> String {
    format!("acme/{}", service_id(team, service))
}

/// The id of a service in PagerDuty.
pub(crate) fn pagerduty_id(team: usize, service: usize) -> String {
    format!("P{team:03}{service}")
}

/// The key of a team's project in Jira.
pub(crate) fn project(team: usize) -> String {
    format!("T{team:03}")
}

/// The app of an organisation of this size over the store at a URL. Nothing is ever asked of its sources.
pub(crate) async fn assemble(size: Size, store_url: &str) -> App {
    let document = Document::parse(Path::new("chiplog.toml"), config(size, store_url, &Addresses::nowhere())).unwrap();
    let config = Config::check(document, &kind_names(), &environment).unwrap();
    App::assemble(config, &environment).await.unwrap()
}

/// Any token will do.
#[expect(clippy::unnecessary_wraps, reason = "that is how variables are looked up")]
fn environment(_: &str) -> Option<String> {
    Some("token".to_owned())
}

/// Where the tools of the organisation are.
pub(crate) struct Addresses {
    /// GitHub.
    pub(crate) github: String,
    /// PagerDuty.
    pub(crate) pagerduty: String,
    /// Jira.
    pub(crate) jira: String,
}

impl Addresses {
    /// Where nobody listens.
    fn nowhere() -> Self {
        let nowhere = || "http://127.0.0.1:9".to_owned();
        Self { github: nowhere(), pagerduty: nowhere(), jira: nowhere() }
    }
}

/// The configuration; tokens are in the variables that it names.
pub(crate) fn config(size: Size, store_url: &str, at: &Addresses) -> String {
    let mut text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[store]\nurl = \"{store_url}\"\n[collect]\ninterval = \"1h\"\n\
         [github]\ntoken_env = \"GITHUB_TOKEN\"\norganization = \"acme\"\nworkflow_runs = true\nbase_url = \"{}\"\n\
         [pagerduty]\ntoken_env = \"PAGERDUTY_TOKEN\"\nbase_url = \"{}\"\n\
         [jira]\nbase_url = \"{}\"\ntoken_env = \"JIRA_TOKEN\"\njql = \"project is not empty\"\nboards = [1]\n",
        at.github, at.pagerduty, at.jira
    );
    for team in 0..size.teams {
        let (id, zone) = (team_id(team), TIME_ZONES[team % TIME_ZONES.len()]);
        let project = project(team);
        let _ =
            writeln!(text, "[team.{id}]\nname = \"Team {team}\"\ntime_zone = \"{zone}\"\nwork_items = [\"{project}\"]");
        for service in 0..size.services {
            let (service_id, repository) = (service_id(team, service), repository(team, service));
            let _ = writeln!(
                text,
                "[service.{service_id}]\nrepository = \"{repository}\"\nteam = \"{id}\"\ntier = {}\n\
                 deployments = {{ environment = \"production\" }}\npagerduty = [\"{}\"]",
                service + 1,
                pagerduty_id(team, service)
            );
        }
    }
    text
}
