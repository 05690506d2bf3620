//! The configuration of chiplog for the demo organisation.

use std::fmt::Write as _;

use chrono::Duration;

use super::ORGANIZATION;
use super::plan::{DeployBy, PLANS, RepositoryPlan, TEAMS, pagerduty_id};
use crate::world::Moment;

/// Where the simulated servers are.
pub struct Addresses<'a> {
    /// GitHub.
    pub github: &'a str,
    /// PagerDuty.
    pub pagerduty: &'a str,
    /// The user's Prometheus.
    pub prometheus: &'a str,
}

/// A configuration that collects the demo from the simulated servers. The store lies beside the file.
pub fn config(addresses: &Addresses<'_>, now: Moment) -> String {
    let Addresses { github, pagerduty, prometheus } = addresses;
    let mut text = format!(
        "# chiplog's configuration for the simulated organisation.\n\n\
         [store]\nurl = \"sqlite:chiplog.db\"\n\n[collect]\ninterval = \"30s\"\n\n\
         [github]\ntoken_env = \"GITHUB_TOKEN\"\norganization = \"{ORGANIZATION}\"\nbase_url = \"{github}\"\n\
         incidents = {{ labels = [\"incident\"] }}\nwork_items = true\nprojects = {{ numbers = [1] }}\n\
         security_alerts = true\ntest_reports = [\"junit\"]\ncoverage_reports = [\"coverage\"]\n\
         readiness_files = true\n\n\
         [pagerduty]\ntoken_env = \"PAGERDUTY_TOKEN\"\nbase_url = \"{pagerduty}\"\n\n\
         [prometheus]\nbase_url = \"{prometheus}\"\n\n[prometheus.queries]\n"
    );
    for (measure, ..) in super::measured::MEASURES {
        let _ = writeln!(text, "{measure} = \"demo_{measure}\"");
    }
    for team in TEAMS {
        let _ = write!(
            text,
            "\n[team.{}]\nname = \"{}\"\ngithub_team = \"{}\"\ntime_zone = \"{}\"\n",
            team.slug, team.name, team.slug, team.time_zone
        );
    }
    for plan in PLANS {
        for service in plan.services() {
            table(&mut text, plan, &service, now);
        }
    }
    text
}

fn table(text: &mut String, plan: &RepositoryPlan, service: &str, now: Moment) {
    let _ = write!(text, "\n[service.{service}]\nrepository = \"{ORGANIZATION}/{}\"\n", plan.name);
    if service == "sessions" {
        // This service moved from one team to another.
        let moved = (now - Duration::days(150)).format("%Y-%m-%d");
        let _ = writeln!(
            text,
            "owners = [{{ team = \"identity\", until = \"{moved}\" }}, {{ team = \"platform\", from = \"{moved}\" }}]"
        );
    } else {
        let _ = writeln!(text, "team = \"{}\"", plan.team);
    }
    if matches!(service, "ledger" | "payouts" | "cart" | "checkout-web" | "login" | "search-api" | "queue") {
        let _ = writeln!(text, "tier = 1");
    }
    if !plan.parts.is_empty() {
        let _ = writeln!(text, "paths = [\"services/{service}/**\", \"lib/**\"]");
    }
    let rule = match plan.deploy_by {
        DeployBy::Environment if !plan.parts.is_empty() => "{ environment = \"production\" }",
        DeployBy::Environment => "\"auto\"",
        DeployBy::Release => "{ release = '^v' }",
        DeployBy::Tag => "{ tag = '^v' }",
        DeployBy::Workflow => "{ workflow = \"deploy\", branch = \"main\" }",
        DeployBy::Merge => "{ merge = \"main\" }",
    };
    let _ = writeln!(text, "deployments = {rule}");
    if plan.deploy_by == DeployBy::Merge {
        let _ = writeln!(text, "incident_issues = {{ labels = [\"incident\"] }}");
    } else {
        let _ = writeln!(text, "pagerduty = [\"{}\"]", pagerduty_id(service));
    }
}
