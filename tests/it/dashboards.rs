//! The dashboards: generated, well formed by the rules of Grafana's dashboard linter that apply, and each expression
//! answered by a real Prometheus with the demo's history; and the way of a regression to its team's receiver.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use chiplog::kpi::{find, metric_name};
use chiplog::report::{alert_rules, alertmanager_example, dashboards, recording_rules};
use chiplog_simulator::demo;
use serde_json::Value;

use crate::harness::demo::Demo;
use crate::harness::now;
use crate::harness::program::{Program, until};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

/// Files that are stale are written anew, and the test fails once.
#[test]
fn the_dashboards_are_those_of_the_catalogue() {
    let stale: Vec<&str> = dashboards()
        .into_iter()
        .filter_map(|(name, dashboard)| {
            let text = serde_json::to_string_pretty(&dashboard).unwrap() + "\n";
            let path = folder().join(name);
            let is_stale = std::fs::read_to_string(&path).ok().as_ref() != Some(&text);
            std::fs::write(&path, text).unwrap();
            is_stale.then_some(name)
        })
        .collect();
    assert!(stale.is_empty(), "stale, and written anew: commit dashboards/{stale:?}");
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

#[test]
fn dashboards_follow_the_linter_and_their_panels_do_not_overlap() {
    let all = dashboards();
    let uids: BTreeSet<String> = all.iter().map(|(_, it)| it["uid"].as_str().unwrap().to_owned()).collect();
    assert_eq!(uids.len(), all.len());
    for (name, dashboard) in &all {
        assert_eq!((&dashboard["editable"], &dashboard["id"]), (&Value::Bool(false), &Value::Null), "{name}");
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        assert_eq!(variables[0]["name"], "datasource", "{name}");
        for variable in variables.iter().filter(|it| it["type"] == "query") {
            assert_eq!(
                (&variable["refresh"], &variable["datasource"]["uid"]),
                (&Value::from(2), &Value::from("${datasource}")),
                "{name}"
            );
        }
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in panels(dashboard) {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {title}");
            assert!(!title.is_empty() && panel["description"].as_str().unwrap().len() > 10, "{name}: {title}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}: {title}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{name}: {title} has no unit");
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{name}: {title} asks nothing");
            let references: BTreeSet<&str> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
            assert_eq!(references.len(), targets.len(), "{name}: {title}");
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(place("x") + place("w") <= 24, "{name}: {title}");
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(taken.insert((x, y)), "{name}: {title} overlaps");
                }
            }
        }
        for link in dashboard["links"].as_array().unwrap() {
            let uid = link["url"].as_str().unwrap().trim_start_matches("/d/");
            assert!(uids.contains(uid), "{name} links to {uid}");
        }
    }
}

/// What Prometheus adds to the annotations of Grafana's own types.
const TYPES: &str = "import { AnnotationQuery, Dashboard, MappingType } from '@grafana/schema';
interface OfPrometheus { titleFormat: string; textFormat: string; useValueForTime: boolean }
type Checked = Omit<Dashboard, 'annotations'> & {
  annotations: { list: (Omit<AnnotationQuery, 'target'> & OfPrometheus & { target: { refId: string; expr: string; interval: string } })[] };
};
";

/// Grafana's published types, which the set-up scripts fetch, and its compiler say whether the JSON is a dashboard.
#[test]
fn dashboards_are_of_grafanas_published_types() {
    let types = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/grafana-types");
    assert!(
        types.join("node_modules/@grafana/schema").exists(),
        "Grafana's types are missing: run `scripts/test` once"
    );
    let check = |text: String| {
        std::fs::write(types.join("dashboards.ts"), text).unwrap();
        let arguments = [
            "--noEmit",
            "--strict",
            "--skipLibCheck",
            "--moduleResolution",
            "bundler",
            "--module",
            "esnext",
            "dashboards.ts",
        ];
        let output =
            Command::new(types.join("node_modules/.bin/tsc")).args(arguments).current_dir(&types).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let all = dashboards().into_iter().enumerate();
    let constants = all.map(|(number, (_, it))| format!("export const dashboard{number}: Checked = {it};\n"));
    // An enumeration of TypeScript is no plain text, though JSON has it as one.
    let constants = constants.collect::<String>().replace("\"type\":\"value\"", "\"type\":MappingType.ValueToText");
    let text = TYPES.to_owned() + &constants;
    let (good, said) = check(text.clone());
    assert!(good, "{said}");
    let (good, said) = check(text.replacen("\"schemaVersion\":39", "\"schemaVersion\":\"39\"", 1));
    assert!(
        !good && said.contains("'string' is not assignable to type 'number'"),
        "the check finds what is wrong: {said}"
    );
}

/// A KPI of each shape: of a duration, a share, a rate with and without parts, and a level.
const OF_EACH_SHAPE: [&str; 5] =
    ["lead_time_for_changes", "change_failure_rate", "deployment_frequency", "throughput", "test_coverage"];

/// Every expression, with where it stands and the values of the variables put in.
fn expressions(dashboard: &Value, kpi: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for panel in panels(dashboard) {
        for target in panel["targets"].as_array().unwrap() {
            found.push((panel["title"].as_str().unwrap().to_owned(), target["expr"].as_str().unwrap().to_owned()));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some((metric, _)) =
            variable["query"]["query"].as_str().and_then(|it| it.strip_prefix("label_values(")?.split_once(','))
        {
            found.push((format!("variable {}", variable["name"]), metric.to_owned()));
        }
    }
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        found.push((
            format!("annotation {}", annotation["name"]),
            annotation["target"]["expr"].as_str().unwrap().to_owned(),
        ));
    }
    let with_values = |expression: String| {
        let values =
            [("$team", "checkout"), ("$window", "84d"), ("$role", "software-engineer"), ("${kpi}", kpi), ("$kpi", kpi)];
        values.into_iter().fold(expression, |text, (name, value)| text.replace(name, value))
    };
    found.into_iter().map(|(place, expression)| (place, with_values(expression))).collect()
}

/// What was posted to the receiver: by path, the bodies.
type Posted = Arc<Mutex<BTreeMap<String, Vec<Value>>>>;

async fn receiver() -> (Posted, u16) {
    let posted = Posted::default();
    let kept = posted.clone();
    let take = move |uri: axum::http::Uri, axum::Json(body): axum::Json<Value>| {
        kept.lock().unwrap().entry(uri.path().to_owned()).or_default().push(body);
        async {}
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(axum::routing::post(take))).await });
    (posted, port)
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn client() -> reqwest::Client {
    chiplog::sources::http::install_crypto_provider();
    #[expect(clippy::disallowed_methods, reason = "the test talks to loopback only")]
    reqwest::Client::new()
}

/// The result of an instant query.
async fn ask(prometheus: &str, expression: &str) -> Result<Vec<Value>, String> {
    let url = reqwest::Url::parse_with_params(&format!("{prometheus}/api/v1/query"), [("query", expression)]).unwrap();
    let Ok(answer) = client().get(url).send().await else { return Err("no answer".to_owned()) };
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default();
    match body["data"]["result"].as_array() {
        Some(result) if body["status"] == "success" => Ok(result.clone()),
        _ => Err(body["error"].to_string()),
    }
}

/// Two teams, one of which has got slower. The other has not; that chance alone makes it seem so is rare, not impossible
/// (`docs/trends.md`), and the world changes with the day on which the test runs: then another world is taken.
async fn two_teams() -> Demo {
    let kept = ["cart", "checkout-web", "pricing", "ledger", "payouts", "invoices"];
    for seed in 1..4 {
        let mut world = demo::world(now(), seed);
        world.repositories.retain(|repository| kept.contains(&repository.name.as_str()));
        world.series.retain(|series| kept.contains(&series.service.as_str()));
        let demo = Demo::start(world).await;
        demo.installation.run_well(&["collect", "--once"]);
        if !demo.installation.run_well(&["trends", "payments", "--json"]).contains("\"worsening\"") {
            return demo;
        }
    }
    panic!("three worlds running have a false alarm: that is no chance");
}

/// A year of two teams in Prometheus' data.
async fn backfilled() -> (Demo, PathBuf) {
    let demo = two_teams().await;
    let installation = &demo.installation;
    demo.import(demo::reports(now()));
    let nowhere = installation.run(&["backfill", "--output", "nowhere/history.om"]);
    let told = String::from_utf8(nowhere.stderr).unwrap();
    assert!(told.starts_with("chiplog: nowhere/history.om cannot be written: "), "told before all else: {told}");
    let printed = installation.run_well(&["backfill", "--step-days", "14", "--output", "history.om"]);
    assert!(printed.contains("checked. Import them"), "{printed}");
    let data = installation.path("data");
    let arguments = ["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=768h"];
    let imported =
        Command::new("promtool").args(arguments).arg(installation.path("history.om")).arg(&data).output().unwrap();
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    (demo, data)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_team_that_got_slower_and_no_other_is_told_and_every_expression_is_answered() {
    let (demo, data) = backfilled().await;
    let installation = &demo.installation;
    let mut chiplog = installation.start(&["serve"]);
    let target = chiplog.address().await.trim_start_matches("http://").to_owned();
    let (posted, receiver) = receiver().await;

    let alertmanager_port = free_port();
    let routes = alertmanager_example(&["checkout", "payments"])
        .replace("http://127.0.0.1:9099", &format!("http://127.0.0.1:{receiver}"))
        .replace("group_wait: 10m", "group_wait: 1s");
    std::fs::write(installation.path("alertmanager.yml"), routes).unwrap();
    let _alertmanager = Program::spawn(
        Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", installation.path("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", installation.path("alertmanager").display()))
            .arg("--data.retention=192h")
            .arg(format!("--web.listen-address=127.0.0.1:{alertmanager_port}"))
            .arg("--cluster.listen-address="),
    );
    // The delays of the rules bridge restarts; here they would only be waited for.
    let rules = alert_rules().replace("for: 30m", "for: 0s").replace("keep_firing_for: 1h", "keep_firing_for: 0s");
    std::fs::write(installation.path("alerts.yml"), rules).unwrap();
    let config = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [alerts.yml]\n\
         alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['127.0.0.1:{alertmanager_port}'] }}] }}] }}\n\
         scrape_configs:\n  - job_name: chiplog\n    static_configs:\n      - targets: ['{target}']\n"
    );
    std::fs::write(installation.path("prometheus.yml"), config).unwrap();
    let port = free_port();
    let prometheus = format!("http://127.0.0.1:{port}");
    let _prometheus = Program::spawn(
        Command::new("prometheus")
            .arg(format!("--config.file={}", installation.path("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg("--storage.tsdb.retention.time=2y")
            .arg(format!("--web.listen-address=127.0.0.1:{port}")),
    );
    let is_told = || posted.lock().unwrap().contains_key("/teams/checkout");
    until("the regression of checkout arrives at its receiver", async || is_told()).await;
    let firing =
        ask(&prometheus, "ALERTS{alertname=\"ChiplogKpiTrendRegression\",alertstate=\"firing\"}").await.unwrap();
    let teams: BTreeSet<&str> = firing.iter().map(|alert| alert["metric"]["team"].as_str().unwrap()).collect();
    assert_eq!(teams, BTreeSet::from(["checkout"]), "{firing:?}");
    let bodies = posted.lock().unwrap()["/teams/checkout"].clone();
    let alert = &bodies[0]["alerts"][0];
    let description = alert["annotations"]["description"].as_str().unwrap();
    assert!(description.contains(" against ") && !description.contains('?'), "{description}");

    history_is_there(&prometheus).await;
    for rules in [alert_rules(), recording_rules()] {
        for expression in rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).filter(|it| *it != "|") {
            ask(&prometheus, expression).await.unwrap_or_else(|error| panic!("{error} in {expression}"));
        }
    }
    for (name, dashboard) in dashboards() {
        for (place, expression) in expressions(&dashboard, OF_EACH_SHAPE[0]) {
            answered(&prometheus, name, &place, &expression).await;
        }
        for kpi in OF_EACH_SHAPE {
            let values = expressions(&dashboard, kpi).into_iter().filter(|(place, _)| place == "Value");
            for (place, expression) in values {
                answered(&prometheus, name, &place, &expression).await;
                one_unit(&prometheus, kpi, &expression).await;
            }
        }
    }
    targets_are_shown(&prometheus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_goes_to_a_receiver_of_remote_write_as_well() {
    let mut world = demo::world(now(), 1);
    world.repositories.retain(|repository| repository.name == "ledger");
    let demo = Demo::start(world).await;
    let installation = &demo.installation;
    installation.run_well(&["collect", "--once"]);
    let config = "storage: { tsdb: { out_of_order_time_window: 400d } }\n";
    std::fs::write(installation.path("prometheus.yml"), config).unwrap();
    let port = free_port();
    let prometheus = format!("http://127.0.0.1:{port}");
    let _prometheus = Program::spawn(
        Command::new("prometheus")
            .arg(format!("--config.file={}", installation.path("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", installation.path("data").display()))
            .args(["--storage.tsdb.retention.time=2y", "--web.enable-remote-write-receiver"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}")),
    );
    until("Prometheus is up", async || ask(&prometheus, "vector(1)").await.is_ok()).await;
    let address = format!("{prometheus}/api/v1/write");
    let printed = installation.run_well(&["backfill", "--step-days", "28", "--remote-write", &address]);
    assert!(printed.contains("samples were taken by 127.0.0.1"), "{printed}");
    let expression = "count_over_time(chiplog_team_info{team=\"payments\"}[364d])";
    let series = ask(&prometheus, expression).await.unwrap();
    let count: f64 = series[0]["value"][1].as_str().unwrap().parse().unwrap();
    assert!(count >= 12.0, "only {count} points of a year");
    let refused =
        installation.run(&["backfill", "--step-days", "28", "--remote-write", &format!("{prometheus}/nowhere")]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("the receiver answers 404") && text.contains("remote write at this address"), "{text}");
}

/// The backfilled year is one with what is scraped.
async fn history_is_there(prometheus: &str) {
    let expression =
        "count_over_time(chiplog_lead_time_for_changes_seconds{team=\"checkout\",window=\"84d\",stat=\"p50\"}[364d])";
    let series = ask(prometheus, expression).await.unwrap();
    let counts = series.iter().map(|it| it["value"][1].as_str().unwrap().parse::<f64>().unwrap());
    let count = counts.fold(0.0, f64::max);
    assert!(count >= 24.0, "only {count} points of a year");
}

/// What is shown together is of one unit: the shares of working days and the variation of weeks are not among the values.
async fn one_unit(prometheus: &str, kpi: &str, expression: &str) {
    let metric = metric_name(find(kpi).unwrap());
    let all = ask(prometheus, expression).await.unwrap().len();
    let inner = expression.split_once("{__name__=~").map(|(_, rest)| rest.split_once(',').unwrap().1).unwrap();
    let of_metric = ask(prometheus, &format!("max without (instance, job) (last_over_time({metric}{{{inner}")).await;
    assert_eq!(all, of_metric.unwrap().len(), "{kpi}");
}

/// The bounds of each KPI that has some are drawn beside it, whatever they are called.
async fn targets_are_shown(prometheus: &str) {
    let known = ask(prometheus, "count by (kpi) (chiplog_scorecard_target{team=\"checkout\"})").await.unwrap();
    let kpis: BTreeSet<&str> = known.iter().map(|it| it["metric"]["kpi"].as_str().unwrap()).collect();
    assert!(kpis.contains("pr_cycle_time") && kpis.contains("work_item_cycle_time"), "{kpis:?}");
    let mut drawn = BTreeSet::new();
    for (name, dashboard) in dashboards() {
        for (_, expression) in expressions(&dashboard, OF_EACH_SHAPE[0]) {
            let Some((_, rest)) = expression.split_once("chiplog_scorecard_target{team=\"checkout\",kpi=\"") else {
                continue;
            };
            let kpi = rest.split_once('"').unwrap().0;
            if kpis.contains(kpi) {
                let found = ask(prometheus, &expression).await.unwrap();
                assert!(!found.is_empty(), "{name}: nothing in {expression}");
                drawn.insert(kpi.to_owned());
            }
        }
    }
    assert!(drawn.contains("pr_cycle_time"), "{drawn:?}");
}

/// The expression gives no error, and series of teams; only what tells of a change may be empty.
async fn answered(prometheus: &str, dashboard: &str, place: &str, expression: &str) {
    let result = ask(prometheus, expression).await;
    let series = result.unwrap_or_else(|error| panic!("{dashboard}, {place}: {error} in {expression}"));
    let may_be_empty = place.contains("changes")
        || expression.contains("== 2")
        || expression.contains("chiplog_scorecard_target")
        || expression.contains("chiplog_unmapped_items")
        || expression.contains("[1d]");
    assert!(may_be_empty || !series.is_empty(), "{dashboard}, {place}: nothing in {expression}");
    if dashboard != "data-quality.json" && !place.starts_with("variable \"kpi\"") {
        assert!(
            series.iter().all(|it| it["metric"]["team"].is_string()),
            "{dashboard}, {place}: no team in {expression}"
        );
    }
}
