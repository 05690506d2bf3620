//! Is the API what its description says? Every operation is called, and its answer judged by its schema.

use std::collections::BTreeSet;
use std::path::Path;

use chiplog::kpi::Parts;
use chiplog_simulator::demo;
use serde_json::{Value, json};

use crate::harness::demo::{Demo, small_world};
use crate::harness::described::{Described, Operation, values_of};
use crate::harness::program::{Installation, Program, until};
use crate::harness::{last_month, now};

const TEAM: &str = "payments";
const KPI: &str = "lead_time_for_changes";

/// KPIs whose evidence differs in kind: durations with parts, proportions, rates, what is protected, what is measured.
const KPIS: [&str; 6] =
    [KPI, "change_failure_rate", "deployment_frequency", "time_to_restore", "pr_cycle_time", "team_engagement"];

/// A running program and what it says of its API.
struct Api {
    address: String,
    client: reqwest::Client,
    described: Described,
    _program: Program,
}

impl Api {
    async fn start(installation: &Installation) -> Self {
        chiplog::sources::http::install_crypto_provider();
        let mut program = installation.start(&["serve"]);
        let address = program.address().await;
        // Each request has a connection of its own: one whose body is too large ends its connection.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let ready = format!("{address}/-/ready");
        until("the facts are evaluated", async || client.get(&ready).send().await.unwrap().status() == 200).await;
        let document = client.get(format!("{address}/api/v1/openapi.json")).send().await.unwrap();
        assert_eq!(document.headers()["content-type"], "application/json");
        let document = document.json().await.unwrap();
        Self { address, client, described: Described { document }, _program: program }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        answer_of(self.client.get(format!("{}{path}", self.address))).await
    }

    /// Gets what must be answered with a status, as the operation says.
    async fn told(&self, operation: &Operation<'_>, path: &str, status: u16) -> Value {
        let (found, answer) = self.get(path).await;
        assert_eq!(found, status, "{path}: {answer}");
        self.assert_described(operation.method, operation.path, (found, &answer));
        answer
    }

    fn assert_described(&self, method: &str, path: &str, (status, answer): (u16, &Value)) {
        let found = self.described.violations(method, path, status, answer);
        assert_eq!(found, [] as [String; 0], "{method} {path} answers {status}: {answer}");
    }
}

/// Status and body of an answer; everything is answered with JSON.
async fn answer_of(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
    let told = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status} without JSON ({error}): {text}"));
    (status, told)
}

/// A path with its parameters filled in.
fn filled(template: &str, kpi: &str) -> String {
    template.replace("{team}", TEAM).replace("{kpi}", kpi).replace("{month}", &last_month())
}

/// A sensible value of a parameter of a query; none where the KPI has no parts.
fn sensible(parameter: &str, kpi: &str) -> Option<String> {
    let value = match parameter {
        "window" => "84d".to_owned(),
        "kpi" => KPI.to_owned(),
        "role" => "software-engineer".to_owned(),
        "service" => "ledger".to_owned(),
        "until" => (now() - chrono::Duration::days(7)).format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "part" => match chiplog::kpi::find(kpi).unwrap().parts {
            Parts::Alternatives { values, .. } | Parts::Breakdown { values, .. } => values[0].to_owned(),
            Parts::Whole => return None,
        },
        "tier" | "revision" | "offset" => "1".to_owned(),
        "limit" => "3".to_owned(),
        unknown => panic!("say what a sensible value of {unknown} is"),
    };
    Some(value)
}

async fn demo() -> Demo {
    let demo = Demo::start(small_world(1)).await;
    demo.installation.run_well(&["collect", "--once"]);
    demo.import(demo::reports(now()));
    demo.installation.run_well(&["review", TEAM, "--month", &last_month()]);
    demo
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_what_the_description_says() {
    let demo = demo().await;
    let api = Api::start(&demo.installation).await;
    assert_sound(&api.described);
    let operations = api.described.operations();
    let reading: Vec<&Operation<'_>> = operations.iter().filter(|operation| operation.method == "get").collect();
    assert!(reading.len() >= 14, "the description lacks operations");
    for operation in reading {
        let kpis: &[&str] = match operation.path {
            path if path.contains("reviews") => &KPIS[..5],
            path if path.contains("{kpi}") => &KPIS,
            _ => &KPIS[..1],
        };
        for kpi in kpis {
            let path = filled(operation.path, kpi);
            let answer = api.told(operation, &path, 200).await;
            assert_refuses_mutants(&api.described, operation, &answer);
            for parameter in Described::parameters(operation.told, "query") {
                let Some(value) = sensible(parameter, kpi) else { continue };
                api.told(operation, &format!("{path}?{parameter}={value}"), 200).await;
            }
        }
        every_mistake_is_told(&api, operation).await;
    }
    filters_and_pages(&api).await;
}

/// Takes each field away, and makes each of another type: the schema must refuse both.
fn assert_refuses_mutants(described: &Described, operation: &Operation<'_>, answer: &Value) {
    let refuses = |mutant: &Value, what: &str| {
        let found = described.violations("get", operation.path, 200, mutant);
        assert!(!found.is_empty(), "{}: {what} is not noticed", operation.path);
    };
    let (place, object) = if answer.is_array() { ("/0", &answer[0]) } else { ("", answer) };
    for name in object.as_object().unwrap().keys() {
        let mutated = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut mutant = answer.clone();
            change(mutant.pointer_mut(place).unwrap().as_object_mut().unwrap());
            mutant
        };
        refuses(&mutated(&|fields| drop(fields.remove(name))), &format!("that {name} is missing"));
        refuses(&mutated(&|fields| fields[name] = json!([{ "wrong": true }])), &format!("that {name} is another type"));
    }
    let mut more = answer.clone();
    more.pointer_mut(place).unwrap()["more"] = json!(1);
    refuses(&more, "a field that is not described");
}

/// What is asked wrongly is told with the status that is described, and says what would be right.
async fn every_mistake_is_told(api: &Api, operation: &Operation<'_>) {
    let good = filled(operation.path, KPI);
    let known = Described::parameters(operation.told, "query");
    let mut mistakes: Vec<(String, u16, Vec<&str>)> = vec![(format!("{good}?colour=red"), 400, known.clone())];
    if good.contains(TEAM) {
        mistakes.push((good.replace(TEAM, "paiments"), 404, vec!["team \"paiments\"", "payments"]));
    }
    if good.contains(KPI) {
        mistakes.push((good.replace(KPI, "pr_time"), 404, vec!["KPI \"pr_time\"", "pr_cycle_time"]));
    }
    let month = last_month();
    if good.contains(&month) {
        for text in ["2026-13", "soon", "2026-1"] {
            mistakes.push((good.replace(&month, text), 400, vec!["YYYY-MM"]));
        }
        mistakes.push((good.replace(&month, "1999-01"), 404, vec!["no review of 1999-01", "chiplog review payments"]));
    }
    let of_queries = [
        ("window", "9d", 400, vec!["7d, 28d, 84d and 364d"]),
        ("kpi", "pr_time", 404, vec!["KPI \"pr_time\""]),
        ("role", "poet", 404, vec!["role \"poet\"", "software-engineer"]),
        ("service", "nowhere", 404, vec!["service \"nowhere\"", "ledger"]),
        ("part", "night", 404, vec!["part of this KPI \"night\""]),
        ("revision", "99", 404, vec!["revision 99"]),
        ("revision", "first", 400, vec!["revision"]),
        ("limit", "-1", 400, vec!["limit"]),
        ("offset", "few", 400, vec!["offset"]),
        ("until", "yesterday", 400, vec!["until"]),
        ("tier", "gold", 400, vec!["tier"]),
    ];
    for (parameter, value, status, words) in of_queries {
        if known.contains(&parameter) {
            mistakes.push((format!("{good}?{parameter}={value}"), status, words));
        }
    }
    for (path, status, words) in mistakes {
        let answer = api.told(operation, &path, status).await;
        let error = answer["error"].as_str().unwrap();
        assert!(words.iter().all(|word| error.contains(word)), "{path}: {error}");
    }
}

/// Filters leave what is asked for, and pages follow one another.
async fn filters_and_pages(api: &Api) {
    let get = async |rest: &str| {
        let (status, answer) = api.get(&format!("/api/v1/teams/{TEAM}/{rest}")).await;
        assert_eq!(status, 200, "{rest}: {answer}");
        answer
    };
    let all_are = |answer: &Value, list: &str, field: &str, wanted: &str| {
        let items = answer[list].as_array().unwrap();
        assert!(!items.is_empty() && items.iter().all(|item| item[field] == wanted), "{list}: {answer}");
    };
    all_are(&get(&format!("kpis?kpi={KPI}")).await, "kpis", "kpi", KPI);
    all_are(&get(&format!("trends?kpi={KPI}")).await, "trends", "kpi", KPI);
    all_are(&get("scorecards?role=software-engineer").await, "scorecards", "role", "software-engineer");
    let (whole, ledger) = (get("timeline").await, get("timeline?service=ledger").await);
    all_are(&ledger, "deployments", "service", "ledger");
    for list in ["deployments", "incidents"] {
        let of_service = |answer: &Value| {
            let items = answer[list].as_array().unwrap();
            items.iter().filter(|item| item["service"] == "ledger").cloned().collect::<Vec<_>>()
        };
        assert_eq!(of_service(&whole), of_service(&ledger));
        assert_eq!(ledger[list].as_array().unwrap().len(), of_service(&ledger).len());
    }
    for evidence in [format!("kpis/{KPI}/evidence?window=84d&"), format!("reviews/{}/evidence/{KPI}?", last_month())] {
        let two = get(&format!("{evidence}limit=2")).await;
        let second = get(&format!("{evidence}limit=1&offset=1")).await;
        assert!(two["total"].as_u64().unwrap() >= 2 && two["total"] == second["total"], "{evidence}: {two}");
        assert_eq!(two["observations"].as_array().unwrap().len(), 2);
        assert_eq!(second["observations"].as_array().unwrap().as_slice(), [two["observations"][1].clone()]);
    }
}

/// The document itself: references lead somewhere, names are unique, what is used is declared.
fn assert_sound(described: &Described) {
    let document = &described.document;
    assert_eq!((&document["openapi"], &document["info"]["title"]), (&json!("3.1.0"), &json!("chiplog")));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut references = Vec::new();
    values_of(document, "$ref", &mut references);
    assert!(references.len() > 100);
    for reference in &references {
        let target = reference.as_str().and_then(|text| text.strip_prefix('#')).and_then(|it| document.pointer(it));
        assert!(target.is_some_and(Value::is_object), "{reference} leads nowhere");
    }
    let used: BTreeSet<&str> = references.iter().filter_map(|it| it.as_str()?.rsplit('/').next()).collect();
    let declared = document["components"]["schemas"].as_object().unwrap();
    assert!(declared.keys().all(|name| used.contains(name.as_str())), "there are schemas that nothing uses");
    let tags: Vec<&Value> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let operations = described.operations();
    let ids: BTreeSet<&str> = operations.iter().map(|it| it.told["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations.len(), "operationIds are not unique");
    for Operation { method, path, told } in &operations {
        assert!(told["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag)), "{path}: {}", told["tags"]);
        assert!(told["summary"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
        let named: BTreeSet<&str> = path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        assert_eq!(Described::parameters(told, "path").into_iter().collect::<BTreeSet<_>>(), named, "{path}");
        for parameter in told["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].as_str().is_some_and(|text| !text.is_empty()), "{path}: {parameter}");
        }
        for (status, response) in told["responses"].as_object().unwrap() {
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{path}: {status}");
        }
        let secured = told["security"][0].as_object().is_some_and(|it| it.contains_key("token"));
        assert_eq!(secured, *method != "get", "{method} {path}: what is sent needs a token, what is read does not");
    }
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
}

/// Routes come with their descriptions (`routes!`); none of the API's is added beside them.
#[test]
fn no_route_of_the_api_goes_without_a_description() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/expose");
    let mut plain = Vec::new();
    for folder in ["web", "receive"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let routes = text.split(".route(").skip(1).map(|rest| rest.split('"').nth(1).unwrap().to_owned());
            plain.extend(routes.filter(|path| path.starts_with("/api/")));
        }
    }
    plain.sort();
    assert_eq!(plain, ["/api/v1/openapi.json", "/api/{*path}"]);
}

const SENDING: &str = r#"server.listen = "127.0.0.1:0"
[store]
url = "sqlite:chiplog.db"
[cdevents]
repositories = { "ledger" = "acme/ledger" }
[reporters.all]
token_env = "PEOPLE_TOKEN"
scopes = ["*"]
[reporters.none]
token_env = "ARGO_CD_TOKEN"
scopes = ["test_reports/acme/nothing"]
[team.payments]
repositories = ["acme/ledger"]
"#;

const TOKEN: &str = "people-report-here-too";
const TOKEN_WITHOUT_SCOPE: &str = "argo-cd-reports-here";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_answered_as_described() {
    let installation = Installation::new(SENDING);
    let api = Api::start(&installation).await;
    let sha = "a".repeat(40);
    let lcov = "SF:src/a.rs\nDA:1,1\nDA:2,0\n";
    let junit = "<testsuite><testcase name=\"a\"/></testsuite>";
    let row = |score: u8| {
        json!({ "rows": [{ "id": "c", "team": TEAM, "date": "2026-10-01", "score": score, "answers": 7 }] }).to_string()
    };
    let event = json!({
        "context": { "specversion": "0.5.0", "id": "e1", "source": "/ci", "type": "dev.cdevents.service.deployed.0.3.0",
            "timestamp": "2026-10-05T12:00:00Z" },
        "subject": { "id": "ledger", "source": "/ci", "content": { "environment": { "id": "production" },
            "artifactId": format!("pkg:generic/ledger@{sha}") } },
    })
    .to_string();
    let coverage = ("post", "/api/v1/coverage_reports/{owner}/{name}", "coverage_reports/acme/ledger");
    let tests = ("post", "/api/v1/test_reports/{owner}/{name}", "test_reports/acme/ledger");
    let report = ("post", "/api/v1/reports/{template}", "reports/team_engagement");
    let events = ("post", "/api/v1/events/{source}", "events/cdevents");
    let webhook = ("post", "/api/v1/webhooks/{source}", "webhooks/cdevents");
    let actions = ("put", "/api/v1/teams/{team}/reviews/{month}/actions", "teams/payments/reviews/2026-10/actions");
    let large = "x".repeat(64 * 1024 + 1);
    // The operation, what stands behind its address, the body, and the status that is expected.
    let (good, bad, of_commit) = (row(4), row(9), format!("?sha={sha}"));
    let with_more = format!("{of_commit}&commit=1");
    let cases = [
        (coverage, of_commit.as_str(), lcov, 202),
        (coverage, "", lcov, 400),
        (coverage, with_more.as_str(), lcov, 400),
        (coverage, of_commit.as_str(), "hello", 400),
        (tests, of_commit.as_str(), junit, 202),
        (tests, of_commit.as_str(), "hello", 400),
        (report, "", good.as_str(), 200),
        (report, "?dry_run=true", good.as_str(), 200),
        (report, "", bad.as_str(), 422),
        (report, "", "{\"row\": []}", 400),
        (report, "?dryrun=true", good.as_str(), 400),
        (events, "", event.as_str(), 202),
        (events, "", "{", 400),
        (events, "?now=1", event.as_str(), 400),
        (webhook, "", event.as_str(), 202),
        (webhook, "", event.as_str(), 202),
        (webhook, "", "{", 400),
        (webhook, "?now=1", event.as_str(), 400),
        (actions, "", "Two reviewers a day\n  Done.\n", 200),
        (actions, "", "ask ada@example.com", 422),
        (actions, "", large.as_str(), 413),
        (actions, "?now=1", "Two reviewers a day", 400),
    ];
    let send = async |(method, path, at): (&str, &str, &str), rest: &str, token: &str, body: &str| {
        let method_of = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let request = api.client.request(method_of, format!("{}/api/v1/{at}{rest}", api.address));
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let (status, answer) = answer_of(request.body(body.to_owned())).await;
        api.assert_described(method, path, (status, &answer));
        (status, answer)
    };
    for (operation, rest, body, expected) in &cases {
        let (status, answer) = send(*operation, rest, TOKEN, body).await;
        assert_eq!(status, *expected, "{}{rest}: {answer}", operation.2);
    }
    let called: BTreeSet<&str> = cases.iter().map(|(operation, ..)| operation.1).collect();
    let operations = api.described.operations();
    let described: BTreeSet<&str> = operations.iter().filter(|it| it.method != "get").map(|it| it.path).collect();
    assert_eq!(called, described, "every operation is called");
    for operation in [coverage, tests, report, events, webhook, actions] {
        assert_eq!(send(operation, "", "", "").await.0, 401, "{}", operation.2);
        assert_eq!(send(operation, "", TOKEN_WITHOUT_SCOPE, "").await.0, 403, "{}", operation.2);
    }
    for (operation, at) in [
        (report, "reports/nothing"),
        (events, "events/nothing"),
        (webhook, "webhooks/nothing"),
        (actions, "teams/nobody/reviews/2026-10/actions"),
    ] {
        assert_eq!(send((operation.0, operation.1, at), "", TOKEN, "x").await.0, 404, "{at}");
    }
    let (status, answer) = api.get("/api/v1/nothing").await;
    assert_eq!((status, answer["error"].as_str().unwrap().contains("openapi.json")), (404, true));
}
