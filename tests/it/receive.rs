//! What is sent to the running program: reported rows, events and reports, from those who hold a token for them.

use chiplog::facts::{CoverageReport, Deployment, Incident, ReportedValue, TestReport};
use chiplog::store::{Selection, Store};
use serde_json::{Value, json};

use crate::harness::program::{Installation, Program};

const CONFIG: &str = r#"server.listen = "127.0.0.1:0"
[store]
url = "sqlite:chiplog.db"
[cdevents]
repositories = { "ledger" = "acme/ledger" }
[alertmanager]
match = { severity = "page" }
[reporters.argo-cd]
token_env = "ARGO_CD_TOKEN"
scopes = ["events/cdevents", "coverage_reports/acme/*", "test_reports/acme/ledger"]
[reporters.people-team]
token_env = "PEOPLE_TOKEN"
scopes = ["reports/team_*", "events/alertmanager"]
[team.payments]
repositories = ["acme/ledger"]
"#;

const ARGO_CD: &str = "argo-cd-reports-here";
const PEOPLE: &str = "people-report-here-too";

struct Running {
    installation: Installation,
    program: Program,
    address: String,
    client: reqwest::Client,
}

impl Running {
    async fn start() -> Self {
        chiplog::sources::http::install_crypto_provider();
        let installation = Installation::new(CONFIG);
        let mut program = installation.start(&["serve", "--log", "debug"]);
        let address = program.address().await;
        #[expect(clippy::disallowed_methods, reason = "the test talks to loopback only")]
        let client = reqwest::Client::new();
        Self { installation, program, address, client }
    }

    /// Posts a body; returns status and answer.
    async fn post(&self, path: &str, token: &str, headers: &[(&str, &str)], body: impl Into<String>) -> (u16, Value) {
        let mut request = self.client.post(format!("{}{path}", self.address)).body(body.into());
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }

    async fn store(&self) -> Store {
        Store::open(&format!("sqlite:{}", self.installation.path("chiplog.db").display())).await.unwrap()
    }
}

const CSV: &[(&str, &str)] = &[("content-type", "text/csv")];

#[tokio::test(flavor = "multi_thread")]
async fn reported_rows_need_a_token_with_the_scope_and_are_audited() {
    let running = Running::start().await;
    let rows = "id,team,date,score,answers\na,payments,2026-10-01,4,6\nb,payments,2026-10-01,9,6\n";
    let path = "/api/v1/reports/team_engagement";
    assert_eq!(running.post(path, "", CSV, rows).await.0, 401);
    assert_eq!(running.post(path, "a-wrong-token-of-length", CSV, rows).await.0, 401);
    let (status, body) = running.post(path, ARGO_CD, CSV, rows).await;
    assert_eq!((status, body["error"].as_str().unwrap().contains("reports/team_engagement")), (403, true));

    let (status, body) = running.post(&format!("{path}?dry_run=true"), PEOPLE, CSV, rows).await;
    assert_eq!((status, &body["good"], &body["bad"], &body["changed"]), (200, &json!(1), &json!(1), &json!(0)));
    assert_eq!(body["problems"][0]["line"], 3);
    let store = running.store().await;
    assert!(store.facts::<ReportedValue>(&Selection::default()).await.unwrap().is_empty(), "a dry run stores nothing");

    for changed in [1, 0] {
        let (status, body) = running.post(path, PEOPLE, CSV, rows).await;
        assert_eq!((status, &body["changed"]), (200, &json!(changed)), "twice the same rows change nothing");
    }
    let row = json!({ "rows": [{ "id": "c", "team": "payments", "date": "2026-10-01", "score": 5, "answers": 7 }] });
    let json_kind = [("content-type", "application/json")];
    assert_eq!(running.post(path, PEOPLE, &json_kind, row.to_string()).await.0, 200);
    assert_eq!(store.facts::<ReportedValue>(&Selection::default()).await.unwrap().len(), 2);
    // Who reported is in the audit, and nowhere else.
    assert_eq!(store.audited().await.unwrap(), [("people-team".to_owned(), 3)]);
    let metrics =
        running.client.get(format!("{}/metrics", running.address)).send().await.unwrap().text().await.unwrap();
    assert!(!metrics.contains("people-team") && !running.program.stderr().contains("people-report-here-too"));
}

#[tokio::test(flavor = "multi_thread")]
async fn cdevents_come_in_both_modes_of_cloudevents() {
    let running = Running::start().await;
    let sha = "1b2c3d4e5f60718293a4b5c6d7e8f90123456789";
    let event = |id: &str, kind: &str, subject: Value| {
        json!({
            "context": {
                "specversion": "0.5.0", "id": id, "source": "/argo-cd", "type": format!("dev.cdevents.{kind}.0.3.0"),
                "timestamp": "2026-10-05T12:00:00Z",
            },
            "subject": subject,
        })
    };
    let deployed = event(
        "e1",
        "service.deployed",
        json!({
            "id": "ledger", "source": "/argo-cd",
            "content": { "environment": { "id": "production" }, "artifactId": format!("pkg:generic/ledger@{sha}") },
        }),
    );
    let detected = event(
        "e2",
        "incident.detected",
        json!({
            "id": "incident-7", "source": "/argo-cd",
            "content": { "description": "Refunds fail", "environment": { "id": "production" }, "service": { "id": "ledger" } },
        }),
    );
    let path = "/api/v1/events/cdevents";
    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "e1"),
        ("ce-source", "/argo-cd"),
        ("ce-type", "dev.cdevents.service.deployed.0.3.0"),
    ];
    assert_eq!(running.post(path, PEOPLE, &binary, deployed.to_string()).await.0, 403);
    let (status, body) = running.post(path, ARGO_CD, &binary, deployed.to_string()).await;
    assert_eq!(status, 202, "{body}");
    let structured = json!({
        "specversion": "1.0", "id": "e2", "source": "/argo-cd", "type": "dev.cdevents.incident.detected.0.3.0",
        "datacontenttype": "application/json", "data": detected,
    });
    let kind = [("content-type", "application/cloudevents+json")];
    let (status, body) = running.post(path, ARGO_CD, &kind, structured.to_string()).await;
    assert_eq!(status, 202, "{body}");
    // Delivered again, nothing is there twice.
    assert_eq!(running.post(path, ARGO_CD, &kind, structured.to_string()).await.0, 202);
    let store = running.store().await;
    let deployments = store.facts::<Deployment>(&Selection::default()).await.unwrap();
    let told: Vec<_> = deployments.iter().map(|it| (it.fact.sha.as_str(), it.fact.environment.as_str())).collect();
    assert_eq!(told, [(sha, "production")]);
    let incidents = store.facts::<Incident>(&Selection::default()).await.unwrap();
    assert_eq!((incidents.len(), incidents[0].fact.service.as_str()), (1, "ledger"));
    let (status, body) = running.post(path, ARGO_CD, &kind, "{\"specversion\":").await;
    assert_eq!(status, 400, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_alertmanager_are_incidents_by_label_rules() {
    let running = Running::start().await;
    let group = |status: &str, severity: &str, ends_at: &str| {
        json!({
            "version": "4", "groupKey": "{}:{alertname=\"ErrorRate\", service=\"ledger\"}", "status": status, "receiver": "chiplog",
            "groupLabels": { "alertname": "ErrorRate", "service": "ledger" }, "truncatedAlerts": 0,
            "commonLabels": { "alertname": "ErrorRate", "service": "ledger", "severity": severity },
            "commonAnnotations": { "summary": "Errors of ledger are above 1 %" }, "externalURL": "http://alertmanager",
            "alerts": [{
                "status": status, "labels": { "alertname": "ErrorRate" }, "annotations": {}, "fingerprint": "a1",
                "startsAt": "2026-10-05T12:00:00Z", "endsAt": ends_at, "generatorURL": "http://prometheus/graph",
            }],
        })
    };
    let path = "/api/v1/events/alertmanager";
    let never = "0001-01-01T00:00:00Z";
    for body in [
        group("firing", "page", never),
        group("firing", "info", never),
        group("resolved", "page", "2026-10-05T12:40:00Z"),
    ] {
        let (status, answer) =
            running.post(path, PEOPLE, &[("content-type", "application/json")], body.to_string()).await;
        assert_eq!(status, 202, "{answer}");
    }
    let incidents = running.store().await.facts::<Incident>(&Selection::default()).await.unwrap();
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    let fact = &incidents[0].fact;
    assert_eq!((fact.service.as_str(), fact.severity_words.as_slice()), ("ledger", &["page".to_owned()][..]));
    assert_eq!(fact.resolved_at(), Some("2026-10-05T12:40:00Z".parse().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ci_uploads_coverage_and_test_results() {
    let running = Running::start().await;
    let sha = "a".repeat(40);
    let lcov = "SF:src/a.rs\nDA:1,1\nDA:2,0\n";
    let path = format!("/api/v1/coverage_reports/acme/ledger?sha={sha}&branch=main");
    assert_eq!(running.post(&path, PEOPLE, &[], lcov).await.0, 403);
    assert_eq!(
        running.post("/api/v1/coverage_reports/acme/ledger", ARGO_CD, &[], lcov).await.0,
        400,
        "without a commit"
    );
    let (status, body) = running.post(&path, ARGO_CD, &[], "hello").await;
    assert_eq!((status, body["error"].as_str().unwrap().contains("no coverage report")), (400, true), "{body}");
    assert_eq!(running.post(&path, ARGO_CD, &[], lcov).await.0, 202);
    let junit = "<testsuite><testcase name=\"a\"/><testcase name=\"b\"><failure/></testcase></testsuite>";
    let path = format!("/api/v1/test_reports/acme/ledger?sha={sha}&name=unit");
    assert_eq!(running.post(&path, ARGO_CD, &[], junit).await.0, 202);
    assert_eq!(running.post(&path.replace("ledger", "cart"), ARGO_CD, &[], junit).await.0, 403);
    let store = running.store().await;
    let coverage = store.facts::<CoverageReport>(&Selection::default()).await.unwrap();
    assert_eq!((coverage.len(), coverage[0].fact.files[0].covered, coverage[0].fact.files[0].lines), (1, 1, 2));
    let tests = store.facts::<TestReport>(&Selection::default()).await.unwrap();
    assert_eq!((tests.len(), tests[0].fact.executed, tests[0].fact.failed.as_slice()), (1, 2, &["b".to_owned()][..]));
}
