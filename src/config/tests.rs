//! Configurations, good and bad, and the exact text of each complaint.

use secrecy::ExposeSecret as _;

use super::*;

fn check(text: &str) -> Result<Config, String> {
    let document = Document::parse(Path::new("chiplog.toml"), text.to_owned()).map_err(|error| error.to_string())?;
    let environment = |name: &str| (name == "STORE").then(|| "postgres://localhost/chiplog".to_owned());
    Config::check(document, &["github", "git", "pagerduty"], &environment).map_err(|error| error.to_string())
}

fn complaint(text: &str) -> String {
    check(text).map_or_else(|complaint| complaint, |_| "no complaint".to_owned())
}

#[test]
fn three_lines_are_enough() {
    let config = check(
        "github.token_env = \"GITHUB_TOKEN\"\ngithub.organization = \"acme\"\nteam.payments.github_team = \"payments\"\n",
    )
    .unwrap();
    assert_eq!(config.organisation.teams["payments"].github_team.as_deref(), Some("acme/payments"));
    assert_eq!(config.store_url.expose_secret(), "sqlite:chiplog.db");
    assert!(config.server.listen.ip().is_loopback());
}

#[test]
fn malformed_toml_names_file_and_line() {
    assert_eq!(
        complaint("[server]\nlisten = \n"),
        "chiplog.toml:2: string values must be quoted, expected literal string"
    );
}

#[test]
fn an_unknown_table_lists_the_known_ones() {
    assert_eq!(
        complaint("[servr]\n"),
        "chiplog.toml:1: servr: unknown table: expected one of bots, changes, collect, documentation, events, git, \
         github, incidents, pagerduty, privacy, readiness, reporters, reviews, security, server, service, store, team, \
         work_items"
    );
}

#[test]
fn an_unknown_key_names_its_line_and_the_known_keys() {
    assert_eq!(
        complaint("[team.shop]\nname = \"Shop\"\ntimezone = \"UTC\"\n"),
        "chiplog.toml:3: team.shop.timezone: unknown field `timezone`, expected one of `name`, `github_team`, \
         `repositories`, `time_zone`, `working_days`, `working_hours`, `holidays`, `work_items`, `targets`"
    );
}

#[test]
fn a_lease_has_a_shortest_length() {
    let text = complaint("[server]\nlease = \"10ms\"\n");
    assert!(text.ends_with("a lease lasts \"1s\" at least; \"6s\" is good"), "{text}");
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    assert_eq!(
        complaint("[service.shop]\nrepository = 7\n"),
        "chiplog.toml:2: service.shop.repository: invalid type: integer `7`, expected a string"
    );
}

#[test]
fn a_wrong_regular_expression_shows_where_it_breaks() {
    let text = complaint("[changes]\nhotfix_title = \"(hotfix\"\n");
    assert!(text.starts_with("chiplog.toml:2: changes.hotfix_title: is no regular expression: "), "{text}");
    assert!(text.contains("unclosed group"), "{text}");
}

#[test]
fn impossible_values_say_how_to_mend_them() {
    let cases = [
        (
            "[team.shop]\ntime_zone = \"Europe/Berln\"\n",
            "chiplog.toml:2: team.shop.time_zone: \"Europe/Berln\" is no time zone of the IANA database: write for example \"Europe/Berlin\"",
        ),
        (
            "[team.shop]\nworking_hours = [\"17:00\", \"09:00\"]\n",
            "chiplog.toml:2: team.shop.working_hours: the day begins at 17:00 and ends at 09:00: the end must be later",
        ),
        (
            "[team.shop]\nworking_days = [\"funday\"]\n",
            "chiplog.toml:2: team.shop.working_days: \"funday\" is no weekday: write \"mon\", \"tue\", … \"sun\"",
        ),
        (
            "[team.Shop]\n",
            "chiplog.toml:1: team.Shop: \"Shop\" becomes a metric label: use lower-case letters, digits, - and _ only",
        ),
        (
            "[team.shop]\ngithub_team = \"shop\"\n",
            "chiplog.toml:2: team.shop.github_team: which organisation has the team \"shop\"? Set organization in [github], or write \"organization/shop\"",
        ),
        (
            "[team.shop]\n[service.web]\nrepository = \"acme/web\"\nteam = \"shp\"\n",
            "chiplog.toml:4: service.web.team: there is no team \"shp\": known are shop. Add [team.shp] or correct the name",
        ),
        (
            "[service.web]\nrepository = \"web\"\n",
            "chiplog.toml:2: service.web.repository: \"web\" is no repository: write \"owner/name\"",
        ),
        (
            "[service.web]\nrepository = \"acme/web\"\ndeployments = { environment = \"prod\", tag = \"v\" }\n",
            "chiplog.toml:3: service.web.deployments: exactly one of environment, release, tag, workflow or merge says what counts, found environment and tag",
        ),
        (
            "[service.web]\nrepository = \"acme/web\"\ndeployments = { tag = \"v\", branch = \"main\" }\n",
            "chiplog.toml:3: service.web.deployments: branch goes with workflow, not with tag",
        ),
        (
            "[service.web]\nrepository = \"acme/web\"\ndeployments = \"magic\"\n",
            "chiplog.toml:3: service.web.deployments: \"magic\" is no deployment rule: write \"auto\" or a table such as { environment = \"production\" }",
        ),
        (
            "[server]\nlisten = \"localhost:9847\"\n",
            "chiplog.toml:2: server.listen: \"localhost:9847\" is no address to listen on: write an IP address and port, for example \"127.0.0.1:9847\"",
        ),
        (
            "[collect]\ninterval = \"often\"\n",
            "chiplog.toml:2: collect.interval: \"often\" is no duration: write for example \"5m\", \"24h\" or \"456d\"",
        ),
        (
            "[collect]\ninterval = \"0s\"\n",
            "chiplog.toml:2: collect.interval: \"0s\" is too short: write at least \"1s\"",
        ),
        (
            "[collect]\ntimeout = \"0s\"\n",
            "chiplog.toml:2: collect.timeout: \"0s\" is too short: write at least \"1s\"",
        ),
        (
            "[collect]\nhistory = \"12h\"\n",
            "chiplog.toml:2: collect.history: \"12h\" is too short: write at least \"1d\"",
        ),
        (
            "[incidents]\ndefault_severity = 9\n",
            "chiplog.toml:2: incidents.default_severity: 9 is no severity: write 1 (worst) to 5",
        ),
        (
            "[store]\nurl = \"mysql://localhost\"\n",
            "chiplog.toml:1: store: the URL must begin with sqlite: or postgres://",
        ),
        (
            "[store]\nurl = \"sqlite:\"\n",
            "chiplog.toml:1: store: the URL names no file: write for example \"sqlite:chiplog.db\"",
        ),
        (
            "[store]\nretention = \"90d\"\n",
            "chiplog.toml:2: store.retention: is too short: numbers look back as far as 550 days, so write at least \"550d\"",
        ),
        (
            "[collect]\nhistory = \"600d\"\n[store]\nretention = \"500d\"\n",
            "chiplog.toml:4: store.retention: is too short: numbers look back as far as 600 days, so write at least \"600d\"",
        ),
        (
            "[store]\nurl_env = \"NOWHERE\"\n",
            "chiplog.toml:2: store.url_env: the environment variable NOWHERE is not set: export it",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(complaint(text), expected);
    }
}

#[test]
fn periods_of_ownership_must_not_overlap() {
    let owners = |until: &str, from: &str| {
        format!(
            "[team.a]\n[team.b]\n[service.web]\nrepository = \"acme/web\"\nowners = [{{ team = \"a\", until = \"{until}\" }}, \
             {{ team = \"b\", from = \"{from}\" }}]\n"
        )
    };
    assert!(check(&owners("2026-03-01", "2026-03-01")).is_ok());
    assert_eq!(
        complaint(&owners("2026-03-02", "2026-03-01")),
        "chiplog.toml:5: service.web.owners: the periods of \"a\" and \"b\" overlap: end the first with until where the second has from"
    );
}

#[test]
fn the_store_url_can_come_from_the_environment() {
    assert_eq!(
        check("[store]\nurl_env = \"STORE\"\n").unwrap().store_url.expose_secret(),
        "postgres://localhost/chiplog"
    );
}

#[test]
fn a_file_of_the_store_is_meant_from_the_folder_of_the_configuration() {
    let url = |url: &str| {
        let text = format!("[store]\nurl = \"{url}\"\n");
        let document = Document::parse(Path::new("/etc/chiplog/chiplog.toml"), text).unwrap();
        Config::check(document, &[], &|_| None).unwrap().store_url.expose_secret().to_owned()
    };
    assert_eq!(url("sqlite:data/chiplog.db"), "sqlite:/etc/chiplog/data/chiplog.db");
    assert_eq!(url("sqlite://data/chiplog.db"), "sqlite:/etc/chiplog/data/chiplog.db");
    assert_eq!(url("sqlite:/var/lib/chiplog.db"), "sqlite:/var/lib/chiplog.db");
    assert_eq!(url("sqlite:///var/lib/chiplog.db"), "sqlite:/var/lib/chiplog.db");
    assert_eq!(url("sqlite::memory:"), "sqlite::memory:");
}

#[test]
fn a_missing_file_says_what_to_do() {
    let error = Config::read(Path::new("/nowhere/chiplog.toml"), &[], &|_| None).unwrap_err().to_string();
    assert_eq!(
        error,
        "/nowhere/chiplog.toml: cannot be read: No such file or directory (os error 2). Name another file with \
         --config, or start from config/chiplog.example.toml"
    );
}

#[test]
fn services_that_are_deployed_alike_share_a_rule() {
    let service = |name: &str, rule: &str| {
        format!("[service.{name}]\nrepository = \"acme/{name}\"\ndeployments = {{ {rule} }}\n")
    };
    let same = "environment = \"production\"";
    let text = [service("one", same), service("other", same), service("third", "tag = \"^v\"")].concat();
    let services = check(&text).unwrap().organisation.services;
    let shares = |name: &str| std::sync::Arc::ptr_eq(&services["one"].deployments, &services[name].deployments);
    assert!(shares("other") && !shares("third"));
}
