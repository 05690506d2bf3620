//! What every source promises, tested on each kind that fetches: the same facts whatever happens on the way, nothing
//! twice, clear errors, no names. A new source is one more case.

use std::collections::BTreeMap;
use std::sync::Arc;

use chiplog::app::App;
use chiplog::pipeline::load_facts;
use chiplog::store::Selection;
use chiplog_simulator::github::{Fault, Faults, SharedWorld};
use chiplog_simulator::json_server::{Api, JsonServer, ServerOptions};
use chiplog_simulator::world::{
    Account, AlertRule, Incident, IncidentService, Jira, JiraChange, JiraIssue, JiraSprint, LogEntry, Moment, Series,
    World,
};
use chiplog_simulator::{alerts, incident_io, jira, pagerduty, prometheus};
use chrono::{Duration, NaiveTime};

use crate::harness::{app, collect, collect_well, now, shared, try_app};

/// One kind of source against its simulated server.
pub(crate) struct Case {
    pub(crate) kind: &'static str,
    pub(crate) api: &'static Api,
    /// The table without the address.
    pub(crate) table: &'static str,
    /// The variable with the token, where there is one.
    token: Option<&'static str>,
}

pub(crate) const CASES: &[Case] = &[
    Case {
        kind: "pagerduty",
        api: &pagerduty::API,
        table: "token_env = \"PAGERDUTY_TOKEN\"",
        token: Some("PAGERDUTY_TOKEN"),
    },
    Case {
        kind: "opsgenie",
        api: &alerts::OPSGENIE,
        table: "token_env = \"OPSGENIE_TOKEN\"",
        token: Some("OPSGENIE_TOKEN"),
    },
    Case {
        kind: "jira_operations",
        api: &alerts::JIRA_OPERATIONS,
        table: "cloud_id = \"cloud-1\"\ntoken_env = \"JIRA_OPERATIONS_TOKEN\"",
        token: Some("JIRA_OPERATIONS_TOKEN"),
    },
    Case {
        kind: "incident_io",
        api: &incident_io::API,
        table: "token_env = \"INCIDENT_IO_TOKEN\"",
        token: Some("INCIDENT_IO_TOKEN"),
    },
    Case {
        kind: "jira",
        api: &jira::CLOUD,
        table: "user_env = \"JIRA_USER\"\ntoken_env = \"JIRA_TOKEN\"\njql = \"project = PAY\"\nboards = [1]",
        token: Some("JIRA_TOKEN"),
    },
    Case {
        kind: "jira",
        api: &jira::DATA_CENTER,
        table: "token_env = \"JIRA_TOKEN\"\njql = \"project = PAY\"\nboards = [1]",
        token: Some("JIRA_TOKEN"),
    },
    Case {
        kind: "prometheus",
        api: &prometheus::API,
        table: "queries = { latency_p95 = \"demo_latency_p95\", cost = \"demo_cost\" }",
        token: None,
    },
];

/// A world with something for every tool.
pub(crate) fn world() -> SharedWorld {
    let begin = now() - Duration::days(200);
    let account = Account { name: "Ada Quillfeather".to_owned(), email: "ada@example.com".to_owned(), bot: false };
    shared(World {
        accounts: BTreeMap::from([("dev-ada".to_owned(), account)]),
        incident_services: vec![IncidentService {
            id: "PSHOP".to_owned(),
            name: "Shop".to_owned(),
            escalation_policy: Some("Shop on call".to_owned()),
        }],
        incidents: (1..=240).map(|number| incident(number, begin + Duration::hours(19) * number)).collect(),
        jira: Jira { issues: (1..=230).map(|number| issue(number, begin)).collect(), sprints: sprints(begin) },
        series: ["latency_p95", "cost"].into_iter().map(series).collect(),
        alert_rules: vec![AlertRule {
            name: "Slow".to_owned(),
            labels: BTreeMap::from([("service".to_owned(), "shop".to_owned())]),
        }],
        ..World::default()
    })
}

fn incident(number: i32, created_at: Moment) -> Incident {
    let entry = |kind: &str, minutes: i64| LogEntry {
        kind: kind.to_owned(),
        at: created_at + Duration::minutes(minutes),
        agent: "dev-ada".to_owned(),
    };
    let mut log = vec![entry("acknowledge", 4), entry("resolve", 45)];
    if number % 20 == 0 {
        log.pop();
    }
    Incident {
        id: format!("Q{number}"),
        number: u64::try_from(number).unwrap(),
        title: "Trouble, says ada@example.com".to_owned(),
        service: "PSHOP".to_owned(),
        urgency: "high".to_owned(),
        priority: Some("P2".to_owned()),
        created_at,
        log,
    }
}

fn issue(number: i32, begin: Moment) -> JiraIssue {
    let created_at = begin + Duration::hours(20) * number;
    let at = |hours: i32| created_at + Duration::hours(i64::from(hours));
    let status = |name: &str| JiraChange::Status(name.to_owned());
    let sprint = u64::try_from(number / 20 + 1).unwrap();
    let mut changes = vec![
        (at(1), JiraChange::Sprints(vec![sprint])),
        (at(5), status("In Progress")),
        (at(30), status("Done")),
        (at(40), status("In Progress")),
        (at(50), status("Done")),
    ];
    changes.retain(|(at, _)| *at < now());
    JiraIssue {
        key: format!("PAY-{number}"),
        summary: "Refunds fail, says ada@example.com".to_owned(),
        kind: "Bug".to_owned(),
        labels: vec!["production".to_owned()],
        points: Some(3.0),
        created_at,
        changes,
    }
}

fn sprints(begin: Moment) -> Vec<JiraSprint> {
    let sprint = |number: i32| {
        let start = begin + Duration::days(14) * (number - 1);
        let end = start + Duration::days(14);
        JiraSprint {
            id: u64::try_from(number).unwrap(),
            name: format!("Sprint {number}"),
            start,
            end,
            completed: Some(end).filter(|end| *end < now()),
        }
    };
    (1..=12).map(sprint).collect()
}

fn series(measure: &str) -> Series {
    let today = now().date_naive().and_time(NaiveTime::MIN).and_utc();
    let values =
        (0..150).map(|day| (today - Duration::days(day), 0.2 + f64::from(i32::try_from(day).unwrap()) / 1000.0));
    Series { service: "shop".to_owned(), measure: measure.to_owned(), values: values.collect() }
}

impl Case {
    async fn serve(&self, world: &SharedWorld, faults: Faults) -> JsonServer {
        let options = ServerOptions { faults, ..ServerOptions::new(Arc::new(now)) };
        JsonServer::start(self.api, world.clone(), options).await.unwrap()
    }

    fn config(&self, server: &JsonServer) -> String {
        format!("[{}]\nbase_url = \"{}\"\n{}\n", self.kind, server.base_url(), self.table)
    }

    fn name(&self) -> &str {
        self.api.name
    }
}

/// Everything that is stored, as text, but for the moments at which things were looked at.
async fn stored(app: &App) -> Vec<String> {
    let facts = load_facts(&app.store).await.unwrap();
    let mut all: Vec<String> = facts.incidents.iter().map(|item| format!("{:?}", item.fact)).collect();
    all.extend(facts.work_items.iter().map(|item| format!("{:?}", item.fact)));
    all.extend(facts.iterations.iter().map(|item| format!("{:?}", item.fact)));
    all.extend(facts.samples.iter().map(|item| format!("{:?}", item.fact)));
    all.extend(facts.inventories.iter().map(|item| format!("{:?}", item.fact.entries)));
    let address = regex::Regex::new(r"http://127\.0\.0\.1:\d+").unwrap();
    let mut all: Vec<String> = all.iter().map(|text| address.replace_all(text, "ADDRESS").into_owned()).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_round_changes_nothing_and_yields_what_the_kind_says() {
    for case in CASES {
        let server = case.serve(&world(), Faults::default()).await;
        let app = app(&case.config(&server)).await;
        collect_well(&app).await;
        let first = stored(&app).await;
        assert!(first.len() > 140, "{}: only {} facts", case.name(), first.len());
        collect_well(&app).await;
        assert!(stored(&app).await == first, "{}: the second round changed facts", case.name());
        let kind = chiplog::sources::KINDS.iter().find(|kind| kind.name == case.kind).unwrap();
        for family in app.sources[0].families() {
            assert!(kind.families.contains(&family), "{}: {family}", case.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_on_the_way_changes_nothing_in_the_end() {
    let world = world();
    for case in CASES {
        let server = case.serve(&world, Faults::default()).await;
        let undisturbed = app(&case.config(&server)).await;
        collect_well(&undisturbed).await;
        let (expected, requests) = (stored(&undisturbed).await, server.log().count());
        for fault in [Fault::Status(503), Fault::TooManyRequests(0), Fault::BrokenJson] {
            let faults = Faults::default();
            faults.pass(1);
            faults.next(&fault, 2);
            let server = case.serve(&world, faults).await;
            let app = app(&case.config(&server)).await;
            collect_well(&app).await;
            assert!(stored(&app).await == expected, "{}: {fault:?}", case.name());
        }
        // Cut off at every request, or at eight of them, and taken up again.
        for cut in (0..requests).step_by(requests.div_ceil(8)) {
            let faults = Faults::default();
            faults.pass(cut);
            faults.next(&Fault::Unauthorized, 1);
            let server = case.serve(&world, faults).await;
            let app = app(&case.config(&server)).await;
            collect(&app).await;
            collect_well(&app).await;
            assert!(stored(&app).await == expected, "{}: cut at {cut}", case.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_is_told_by_where_it_came_from() {
    for case in CASES {
        let Some(token) = case.token else { continue };
        let server = case.serve(&world(), Faults::default()).await;
        let app = app(&case.config(&server).replace(token, "BAD_TOKEN")).await;
        let report = collect(&app).await;
        let error = report.failures[case.kind].to_string();
        assert!(error.contains("401") && error.contains("$BAD_TOKEN"), "{}: {error}", case.name());
        assert!(!error.contains("ghp_wrong"), "{}: {error}", case.name());
        let findings = app.sources[0].diagnose().await;
        assert!(findings.iter().any(|finding| finding.message.contains("401")), "{}: {findings:?}", case.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_named_in_what_is_stored() {
    for case in CASES {
        let server = case.serve(&world(), Faults::default()).await;
        let app = app(&case.config(&server)).await;
        collect_well(&app).await;
        let text = stored(&app).await.join("\n").to_lowercase();
        for name in ["ada@example.com", "dev-ada", "quillfeather"] {
            assert!(!text.contains(name), "{} stores {name}", case.name());
        }
    }
}

/// The incident tools tell the same incidents of the same world.
#[tokio::test(flavor = "multi_thread")]
async fn all_incident_tools_give_the_one_incident_fact() {
    let world = world();
    let mut found = Vec::new();
    for case in CASES.iter().take(4) {
        let server = case.serve(&world, Faults::default()).await;
        let app = app(&case.config(&server)).await;
        collect_well(&app).await;
        let incidents = app.store.facts::<chiplog::facts::Incident>(&Selection::default()).await.unwrap();
        let told: Vec<_> = incidents
            .iter()
            .map(|item| {
                let fact = &item.fact;
                let severe = fact.severity_words.iter().any(|word| word == "P2");
                (
                    fact.id.clone(),
                    fact.service.clone(),
                    severe,
                    fact.began_at(),
                    fact.acknowledged_at(),
                    fact.resolved_at(),
                )
            })
            .collect();
        assert_eq!(told.len(), 240, "{}", case.name());
        found.push((case.name(), told));
    }
    for (name, told) in &found {
        assert!(*told == found[0].1, "{name} differs from {}", found[0].0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_later_is_read_again() {
    let world = world();
    for case in CASES.iter().filter(|case| case.kind != "prometheus") {
        let server = case.serve(&world, Faults::default()).await;
        let app = app(&case.config(&server)).await;
        collect_well(&app).await;
        let before = stored(&app).await;
        {
            let mut world = world.write().unwrap();
            let at = now();
            let open =
                world.incidents.iter_mut().find(|it| it.log.iter().all(|entry| entry.kind != "resolve")).unwrap();
            open.log.push(LogEntry { kind: "resolve".to_owned(), at, agent: "dev-ada".to_owned() });
            world.jira.issues[3].changes.push((at, JiraChange::Status("To Do".to_owned())));
        }
        collect_well(&app).await;
        let after = stored(&app).await;
        let new = after.iter().filter(|fact| !before.contains(fact)).count();
        assert_eq!((after.len(), new), (before.len(), 1), "{}", case.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_goes_nowhere_else() {
    for case in CASES {
        let elsewhere = case.serve(&world(), Faults::default()).await;
        let faults = Faults::default();
        let server = case.serve(&world(), faults.clone()).await;
        let by_another_name = server.base_url().replace("127.0.0.1", "localhost");
        let app = app(&case.config(&server)).await;
        assert_eq!(app.sources[0].shows_credentials_to(), case.token.map(|_| server.base_url()), "{}", case.name());
        for target in [elsewhere.base_url(), &by_another_name] {
            faults.next(&Fault::Redirect(target.to_owned()), 100);
            server.log().clear();
            let report = collect(&app).await;
            let told = format!("redirects from {} to {target}, where chiplog takes no token", server.base_url());
            let error = report.failures[case.kind].to_string();
            assert!(error.contains(&told), "{}: {error}", case.name());
            let findings = app.sources[0].diagnose().await;
            assert!(findings.iter().any(|finding| finding.message.contains(&told)), "{}: {findings:?}", case.name());
            assert!(server.log().count() <= 5, "{}: a redirect is tried again: {:?}", case.name(), server.log());
            assert!(server.log().requests().iter().all(|it| it.status == 302), "{}: {:?}", case.name(), server.log());
            faults.clear();
        }
        assert_eq!(elsewhere.log().count(), 0, "{}: {:?}", case.name(), elsewhere.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_within_the_tools_own_address_is_followed() {
    let world = world();
    for case in CASES {
        let server = case.serve(&world, Faults::default()).await;
        let undisturbed = app(&case.config(&server)).await;
        collect_well(&undisturbed).await;
        let faults = Faults::default();
        let server = case.serve(&world, faults.clone()).await;
        let app = app(&case.config(&server)).await;
        let redirect = Fault::Redirect(server.base_url().to_owned());
        faults.next(&redirect, 3);
        collect_well(&app).await;
        assert!(stored(&app).await == stored(&undisturbed).await, "{}", case.name());
        faults.next(&redirect, 100);
        let error = collect(&app).await.failures[case.kind].to_string();
        assert!(error.contains("redirects within") && error.contains("again and again"), "{}: {error}", case.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_meant_is_refused_with_its_line() {
    let cases = [
        ("api.example.com", "is no URL"),
        ("gopher://api.example.com", "begins with gopher: only https:// and http:// are spoken"),
        ("https://ada:secret@api.example.com", "holds a user or a password"),
        ("https://api.example.com/?key=secret", "goes on after its path"),
        ("https://api.example.com/#top", "goes on after its path"),
        ("http://169.254.169.254", "is link-local"),
        ("http://[fd00:ec2::254]", "is link-local"),
        ("http://metadata.google.internal/computeMetadata", "is link-local"),
    ];
    let github = ("github", "token_env = \"GITHUB_TOKEN\"\norganization = \"acme\"");
    for (kind, table) in CASES.iter().map(|case| (case.kind, case.table)).chain([github]) {
        for (address, problem) in cases {
            let error =
                try_app(&format!("[{kind}]\nbase_url = \"{address}\"\n{table}\n")).await.err().unwrap().to_string();
            let expected = format!("chiplog.toml:3: {kind}.base_url: {problem}");
            assert!(error.starts_with(&expected) && !error.contains("secret@"), "{error} is not {expected}");
        }
    }
}

/// Ids come from others, and what is asked for must not depend on what they are.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_stays_within_its_part_of_a_path() {
    let case = CASES.iter().find(|case| case.kind == "jira_operations").unwrap();
    let world = world();
    world.write().unwrap().incidents[0].id = "../../v2/keys?all=1#x".to_owned();
    let server = case.serve(&world, Faults::default()).await;
    collect(&app(&case.config(&server)).await).await;
    let logs = "GET /jsm/ops/api/cloud-1/v1/alerts/..%2F..%2Fv2%2Fkeys%3Fall%3D1%23x/logs?size=100&order=asc";
    let routes: Vec<String> = server.log().requests().into_iter().map(|request| request.route).collect();
    assert!(routes.iter().any(|route| route == logs), "{routes:?}");
    assert!(routes.iter().all(|route| route.starts_with("GET /jsm/ops/api/cloud-1/v1/alerts")), "{routes:?}");
}
