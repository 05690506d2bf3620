//! Names in the configuration of what stands elsewhere: the sources of incidents, and what reporters may send. A name of
//! nothing would be a rule that never holds, without a word.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Config, ConfigError};
use crate::reported::TEMPLATES;
use crate::sources::Source;

/// Checks that each name is one of something.
pub(super) fn check(config: &Config, sources: &[Arc<dyn Source>]) -> Result<(), ConfigError> {
    let sources: Vec<&str> = sources.iter().map(|source| source.name()).collect();
    incident_services(config, &sources)?;
    scopes(config, &sources)
}

fn incident_services(config: &Config, sources: &[&str]) -> Result<(), ConfigError> {
    let services: BTreeMap<String, toml::Table> = config.document.section("service")?;
    for (id, service) in services {
        let listed = service.get("incident_services").and_then(toml::Value::as_table);
        let of_others = listed.into_iter().flat_map(toml::Table::keys);
        let of_others = of_others.map(|name| (format!("incident_services.{name}"), name.as_str()));
        let of_pagerduty = service.contains_key("pagerduty").then(|| ("pagerduty".to_owned(), "pagerduty"));
        let unknown = of_pagerduty.into_iter().chain(of_others).find(|(_, name)| !sources.contains(name));
        if let Some((key, name)) = unknown {
            let problem = format!(
                "no source is called \"{name}\": known are {}. Add its table or correct the name; services of a tool \
                 that is no longer asked go into names",
                sources.join(", ")
            );
            return Err(config.document.error_at(&format!("service.{id}.{key}"), &problem));
        }
    }
    Ok(())
}

/// Repositories are not known before they are listed, so what is sent of them is not looked at.
fn scopes(config: &Config, sources: &[&str]) -> Result<(), ConfigError> {
    let templates: Vec<&str> = TEMPLATES.iter().map(|template| template.id).collect();
    let teams: Vec<&str> = config.organisation.teams.keys().map(String::as_str).collect();
    for (kind, what, known) in
        [("reports/", "template", &templates[..]), ("events/", "source", sources), ("reviews/", "team", &teams[..])]
    {
        let all: Vec<String> = known.iter().map(|name| format!("{kind}{name}")).collect();
        for reporter in &config.reporters {
            if let Some(scope) = reporter.scope_in_vain(kind, &all) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let problem = format!("\"{scope}\" is of no {what}: known are {known}");
                return Err(config.document.error_at(&format!("reporters.{}.scopes", reporter.name), &problem));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::app::{check_sources, kind_names};
    use crate::config::{Config, Document};

    fn environment(variable: &str) -> Option<String> {
        (variable == "TOKEN").then(|| "a-token-of-sufficient-length".to_owned())
    }

    fn complaint(more: &str) -> String {
        let text = format!("[pagerduty]\ntoken_env = \"TOKEN\"\nname = \"pager\"\n[team.payments]\n{more}");
        let document = Document::parse(Path::new("chiplog.toml"), text).unwrap();
        let config = Config::check(document, &kind_names(), &environment).unwrap();
        check_sources(&config, &environment).map_or_else(|error| error.to_string(), |_| "no complaint".to_owned())
    }

    #[test]
    fn incident_services_are_of_sources_that_there_are() {
        let service = |line: &str| complaint(&format!("[service.web]\nrepository = \"acme/web\"\n{line}\n"));
        assert_eq!(service("incident_services = { pager = [\"PWEB\"] }"), "no complaint");
        let rest = "known are pager. Add its table or correct the name; services of a tool that is no longer asked go into names";
        assert_eq!(
            service("incident_services = { opsgeni = [\"web\"] }"),
            format!("chiplog.toml:7: service.web.incident_services.opsgeni: no source is called \"opsgeni\": {rest}")
        );
        assert_eq!(
            service("pagerduty = [\"PWEB\"]"),
            format!("chiplog.toml:7: service.web.pagerduty: no source is called \"pagerduty\": {rest}")
        );
    }

    #[test]
    fn scopes_are_of_templates_sources_and_teams_that_there_are() {
        let scope =
            |scope: &str| complaint(&format!("[reporters.ci]\ntoken_env = \"TOKEN\"\nscopes = [\"{scope}\"]\n"));
        for good in ["*", "reports/*", "reports/hiring_*", "events/pager", "reviews/payments", "test_reports/acme/web"]
        {
            assert_eq!(scope(good), "no complaint", "{good}");
        }
        assert_eq!(
            scope("events/pagerduty"),
            "chiplog.toml:7: reporters.ci.scopes: \"events/pagerduty\" is of no source: known are pager"
        );
        assert_eq!(
            scope("reviews/shop"),
            "chiplog.toml:7: reporters.ci.scopes: \"reviews/shop\" is of no team: known are payments"
        );
        let told = scope("reports/team_engagment");
        assert!(
            told.contains("\"reports/team_engagment\" is of no template: known are ")
                && told.contains("team_engagement")
        );
    }
}
