//! An organisation of 200 teams, configured as people configure one: a file, of which nothing is ever asked over HTTP.

use std::fmt::Write as _;
use std::path::Path;

use chiplog::app::{App, kind_names};
use chiplog::config::{Config, Document};

/// So many teams.
pub(crate) const TEAMS: usize = 200;

/// What the services of a team are called.
pub(crate) const SERVICES: [&str; 3] = ["api", "web", "worker"];

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

/// The app of the organisation, its store in a folder.
pub(crate) async fn open(folder: &Path) -> App {
    let document = Document::parse(Path::new("chiplog.toml"), text(folder)).unwrap();
    let config = Config::check(document, &kind_names(), &environment).unwrap();
    App::assemble(config, &environment).await.unwrap()
}

/// Sources are configured and never asked, so any token will do.
#[expect(clippy::unnecessary_wraps, reason = "that is how variables are looked up")]
fn environment(_: &str) -> Option<String> {
    Some("token".to_owned())
}

fn text(folder: &Path) -> String {
    let mut text = format!(
        "[store]\nurl = \"sqlite:{}/chiplog.db\"\n\
         [github]\ntoken_env = \"TOKEN\"\norganization = \"acme\"\nworkflow_runs = true\n\
         [pagerduty]\ntoken_env = \"TOKEN\"\n\
         [jira]\nbase_url = \"http://127.0.0.1:9\"\ntoken_env = \"TOKEN\"\njql = \"project is not empty\"\nboards = [1]\n",
        folder.display()
    );
    for team in 0..TEAMS {
        let (id, zone) = (team_id(team), TIME_ZONES[team % TIME_ZONES.len()]);
        let project = project(team);
        let _ =
            writeln!(text, "[team.{id}]\nname = \"Team {team}\"\ntime_zone = \"{zone}\"\nwork_items = [\"{project}\"]");
        for service in 0..SERVICES.len() {
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
