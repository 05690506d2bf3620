//! What GitHub tells beside code: issues and projects as work, security alerts, reports in artifacts, files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use chiplog::app::App;
use chiplog::facts::{FactFamily, Incident, InventoryKind, Iteration, SecurityAlert, WorkItem};
use chiplog::pipeline::load_facts;
use chiplog::store::Selection;
use chiplog_simulator::github::{GithubSimulator, RequestLog};
use chiplog_simulator::world::{
    Artifact, Event, Issue, Moment, Project, ProjectItem, ProjectIteration, SecurityAlert as Alert, World,
};
use chrono::{Duration, SubsecRound as _};

use crate::github_source::repository;
use crate::harness::{app, collect_well, github, github_with, now, shared};

const REPOSITORY: &str = "acme/repository-001";

fn config(github: &GithubSimulator, more: &str) -> String {
    format!(
        "[github]\ntoken_env = \"GITHUB_TOKEN\"\norganization = \"acme\"\nbase_url = \"{}\"\n{more}\n",
        github.base_url()
    )
}

fn world() -> World {
    World { organization: "acme".to_owned(), repositories: vec![repository(1, 3)], ..World::default() }
}

/// So many days ago, in whole seconds as GitHub has them.
fn ago(days: i64) -> Moment {
    now().trunc_subsecs(0) - Duration::days(days)
}

async fn facts<F: FactFamily>(app: &App) -> Vec<F> {
    let found = app.store.facts::<F>(&Selection::default()).await.unwrap();
    found.into_iter().map(|item| item.fact).collect()
}

fn issue(number: u64, labels: &[&str], created_at: Moment) -> Issue {
    Issue {
        number,
        title: format!("Issue {number} of @dev-ada"),
        body: String::new(),
        author: "dev-ada".to_owned(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        created_at,
        updated_at: created_at,
        closed_at: None,
        events: vec![Event { kind: "AssignedEvent".to_owned(), at: created_at + Duration::hours(1) }],
        issue_type: Some("Bug".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_are_work_items_and_projects_tell_their_moves_and_iterations() {
    let mut world = world();
    world.repositories[0].issues =
        vec![issue(7, &["production"], ago(30)), issue(8, &["incident"], ago(20)), issue(9, &[], ago(10))];
    let iteration = |id: &str, days: i64, completed| ProjectIteration {
        id: id.to_owned(),
        title: format!("Iteration {id}"),
        start: ago(days).date_naive(),
        days: 14,
        completed,
    };
    world.projects = vec![Project {
        number: 1,
        title: "Delivery".to_owned(),
        updated_at: ago(5),
        iterations: vec![iteration("i1", 29, true), iteration("i2", 15, true)],
        items: vec![ProjectItem {
            repository: REPOSITORY.to_owned(),
            number: 7,
            status: Some(("In Progress".to_owned(), ago(28))),
            iteration: Some(("i1".to_owned(), ago(29))),
            points: Some(5.0),
            updated_at: ago(28),
        }],
    }];
    let world = shared(world);
    let github = github(&world).await;
    let more = "incidents = { labels = [\"incident\"] }\nwork_items = true\nprojects = { numbers = [1] }";
    let app = app(&config(&github, more)).await;
    collect_well(&app).await;
    let items: Vec<WorkItem> = facts(&app).await;
    assert_eq!(
        items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(),
        ["acme/repository-001#7", "acme/repository-001#9"]
    );
    assert_eq!(
        (items[0].words.as_slice(), items[0].points),
        (&["Bug", "production"].map(str::to_owned)[..], Some(5.0))
    );
    assert!(!format!("{items:?}").contains("dev-ada"));
    assert_eq!(facts::<Iteration>(&app).await.len(), 2);

    // The item moves on, and the issue is closed: what was seen before stays known.
    {
        let mut world = world.write().unwrap();
        let item = &mut world.projects[0].items[0];
        item.status = Some(("Done".to_owned(), ago(2)));
        item.iteration = Some(("i2".to_owned(), ago(14)));
        item.updated_at = ago(2);
        world.projects[0].updated_at = ago(2);
        let issue = &mut world.repositories[0].issues[0];
        issue.events.push(Event { kind: "ClosedEvent".to_owned(), at: ago(1) });
        (issue.closed_at, issue.updated_at) = (Some(ago(1)), ago(1));
        // Another issue is newest, so that the probe sees the change.
        world.repositories[0].issues[2].updated_at = ago(1) + Duration::hours(1);
    }
    collect_well(&app).await;
    let items: Vec<WorkItem> = facts(&app).await;
    let moves: Vec<_> = items[0].transitions.iter().map(|it| (it.status.as_str(), it.at)).collect();
    let expected =
        [("assigned", ago(30) + Duration::hours(1)), ("In Progress", ago(28)), ("Done", ago(2)), ("closed", ago(1))];
    for ((status, at), (wanted, when)) in moves.iter().zip(expected) {
        assert_eq!(*status, wanted);
        assert!((*at - when).num_seconds().abs() < 60, "{status}: {at} and {when}");
    }
    let stays: Vec<_> = items[0].iterations.iter().map(|it| (it.iteration.as_str(), it.removed_at.is_some())).collect();
    assert_eq!(stays, [("PVT_1/i1", true), ("PVT_1/i2", false)]);

    github.log().clear();
    collect_well(&app).await;
    assert!(github.log().count() <= 4, "an idle round costs {} requests", github.log().count());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_type_of_an_issue_is_found_although_the_list_moves_while_it_is_read() {
    let mut world = world();
    world.repositories[0].issues =
        (1..=150).map(|number| issue(100 + number, &[], ago(30) + Duration::minutes(number.cast_signed()))).collect();
    for item in &mut world.repositories[0].pull_requests {
        item.updated_at = ago(40);
    }
    let world = shared(world);
    // GitHub looks at the clock when a request comes. Once the first page was read, a pull request on it changes, and goes to
    // the end of the list.
    let log: Arc<OnceLock<RequestLog>> = Arc::default();
    let (seen, changing) = (Arc::clone(&log), Arc::clone(&world));
    let clock = move || {
        let last = seen.get().and_then(|log: &RequestLog| log.requests().pop());
        if last.is_some_and(|last| last.route.contains("/issues?") && !last.route.contains("&page=")) {
            changing.write().unwrap().repositories[0].pull_requests[0].updated_at = now();
        }
        now()
    };
    let github = github_with(&world, |options| options.now = Arc::new(clock)).await;
    log.set(github.log().clone()).unwrap();
    let app = app(&config(&github, "work_items = true")).await;
    collect_well(&app).await;
    let items: Vec<WorkItem> = facts(&app).await;
    assert_eq!(items.len(), 150);
    let untyped: Vec<_> = items.iter().filter(|item| item.words != ["Bug"]).map(|item| &item.id).collect();
    assert_eq!(untyped, [""; 0]);
    let alone = github.log().requests().iter().filter(|request| request.route.contains("/issues/")).count();
    assert_eq!(alone, 1, "one had moved up to the page that was read before");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_loses_its_label_is_no_incident_any_more() {
    let mut world = world();
    world.repositories[0].issues = vec![issue(8, &["incident"], ago(20)), issue(9, &["incident"], ago(10))];
    let world = shared(world);
    let github = github(&world).await;
    let app = app(&config(&github, "incidents = { labels = [\"incident\"] }\nwork_items = true")).await;
    collect_well(&app).await;
    let withdrawn = async || facts::<Incident>(&app).await.iter().map(|it| it.withdrawn).collect::<Vec<_>>();
    assert_eq!(withdrawn().await, [false, false]);
    {
        let mut world = world.write().unwrap();
        let issue = &mut world.repositories[0].issues[0];
        (issue.labels, issue.updated_at) = (Vec::new(), ago(0) + Duration::seconds(2));
    }
    collect_well(&app).await;
    assert_eq!(withdrawn().await, [true, false]);
    assert_eq!(facts::<WorkItem>(&app).await[0].id, "acme/repository-001#8");
    // With the label it is one again.
    {
        let mut world = world.write().unwrap();
        let issue = &mut world.repositories[0].issues[0];
        (issue.labels, issue.updated_at) = (vec!["incident".to_owned()], ago(0) + Duration::seconds(4));
    }
    collect_well(&app).await;
    assert_eq!(withdrawn().await, [false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_of_all_scanners_come_with_their_ends_and_idle_looks_cost_nothing() {
    let alert = |scanner: &str, number: u64, fixed: Option<i64>, dismissed: Option<i64>| Alert {
        repository: REPOSITORY.to_owned(),
        scanner: scanner.to_owned(),
        number,
        severity: "high".to_owned(),
        opened_at: ago(40),
        fixed_at: fixed.map(ago),
        dismissed_at: dismissed.map(ago),
    };
    let mut world = world();
    world.repositories.push(repository(2, 1));
    world.security_alerts = (1..=130).map(|number| alert("dependabot", number, Some(9), None)).collect();
    world.security_alerts.extend([
        alert("code-scanning", 1, None, Some(3)),
        alert("code-scanning", 2, None, None),
        alert("secret-scanning", 1, Some(5), None),
        alert("secret-scanning", 2, None, Some(6)),
    ]);
    let world = shared(world);
    let github = github(&world).await;
    let app = app(&config(&github, "security_alerts = true")).await;
    // The second repository has no scanner switched on: that is no failure.
    collect_well(&app).await;
    let alerts: Vec<SecurityAlert> = facts(&app).await;
    assert_eq!(alerts.len(), 134);
    let of = |word: &str| alerts.iter().filter(|alert| alert.kind.word() == word).collect::<Vec<_>>();
    assert!(of("dependency").iter().all(|alert| alert.fixed_at.is_some() && alert.severity.as_deref() == Some("high")));
    assert!(of("code").iter().any(|alert| alert.dismissed_at.is_some() && alert.fixed_at.is_none()));
    assert!(of("secret").iter().any(|alert| alert.fixed_at.is_some()));
    assert!(!format!("{alerts:?}").contains("canary-secret"));
    github.log().clear();
    collect_well(&app).await;
    let looks = github.log().requests().iter().filter(|request| request.route.contains("/alerts")).count();
    assert_eq!(looks, 0, "alerts are looked at every quarter of an hour");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_read_out_of_artifacts_without_showing_the_token_to_their_storage() {
    let artifact = |id: u64, name: &str, file: &str, text: &str, expired| Artifact {
        repository: REPOSITORY.to_owned(),
        id,
        name: name.to_owned(),
        run_id: 70 + id,
        branch: "main".to_owned(),
        sha: format!("{id:040x}"),
        created_at: ago(10),
        expired,
        files: BTreeMap::from([(file.to_owned(), text.to_owned())]),
    };
    let junit = "<testsuite><testcase name=\"a\"/><testcase name=\"b\"><failure/></testcase></testsuite>";
    let mut world = world();
    world.artifacts = vec![
        artifact(1, "junit-unit", "TEST-a.xml", junit, false),
        artifact(2, "coverage", "lcov.info", "SF:src/lib.rs\nDA:1,1\nDA:2,0\n", false),
        artifact(3, "junit-old", "TEST-a.xml", junit, true),
        artifact(4, "installer", "setup.exe", "MZ", false),
        artifact(5, "junit-broken", "TEST-a.xml", "<html/>", false),
    ];
    let world = shared(world);
    let github = github(&world).await;
    let app = app(&config(&github, "test_reports = [\"junit*\"]\ncoverage_reports = [\"coverage\"]")).await;
    collect_well(&app).await;
    let found = load_facts(&app.store).await.unwrap();
    let tests: Vec<_> = found.test_reports.iter().map(|it| (it.fact.suite.as_str(), it.fact.executed)).collect();
    assert_eq!(tests, [("junit-unit", 2)]);
    let covered: Vec<_> = found.coverage_reports.iter().map(|it| it.fact.files[0].covered).collect();
    assert_eq!(covered, [1]);
    let downloads = |github: &GithubSimulator| {
        github.log().requests().iter().filter(|request| request.route.contains("/storage/")).count()
    };
    assert_eq!(downloads(&github), 3, "the expired one and the installer are left alone");
    world.write().unwrap().artifacts.push(artifact(6, "junit-unit", "TEST-a.xml", junit, false));
    collect_well(&app).await;
    assert_eq!(downloads(&github), 4, "only what is new is fetched");
    assert_eq!(load_facts(&app.store).await.unwrap().test_reports.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_the_checklists_are_looked_for_with_one_query() {
    let mut world = world();
    let files = ["RUNBOOK.md", ".github/CODEOWNERS", "src/lib.rs"];
    world.files = BTreeMap::from([(REPOSITORY.to_owned(), BTreeSet::from(files.map(str::to_owned)))]);
    let world = shared(world);
    let github = github(&world).await;
    let app = app(&config(&github, "readiness_files = true")).await;
    collect_well(&app).await;
    let looks = load_facts(&app.store).await.unwrap().inventories;
    assert_eq!((looks.len(), looks[0].fact.kind), (1, InventoryKind::Files));
    let names: Vec<&str> = looks[0].fact.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["RUNBOOK.md", ".github/CODEOWNERS"]);
    github.log().clear();
    collect_well(&app).await;
    assert_eq!(github.log().requests().iter().filter(|request| request.operation.contains("file0")).count(), 0);
}
