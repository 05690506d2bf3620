//! Where GitHub may lead: its token stays with it, facts come from it alone, and archives from where nothing secret is.
//! The other tools are held to the same in `source_contract`.

use std::collections::BTreeMap;

use chiplog::app::App;
use chiplog::pipeline::load_facts;
use chiplog_simulator::github::{Fault, Faults, GithubSimulator, SharedWorld};
use chiplog_simulator::world::{Artifact, World};
use chrono::{Duration, SubsecRound as _};

use crate::github_source::repository;
use crate::harness::{app, collect, collect_well, github, github_with, now, shared};

/// A repository with so many artifacts that hold a test report.
fn world(artifacts: u64) -> SharedWorld {
    let junit = "<testsuite><testcase name=\"a\"/><testcase name=\"b\"/></testsuite>";
    let artifact = |id: u64| Artifact {
        repository: "acme/repository-001".to_owned(),
        id,
        name: "junit".to_owned(),
        run_id: 1000 + id,
        branch: "main".to_owned(),
        sha: format!("{id:040x}"),
        created_at: now().trunc_subsecs(0) - Duration::days(10),
        expired: false,
        files: BTreeMap::from([("TEST-a.xml".to_owned(), junit.to_owned())]),
    };
    shared(World {
        organization: "acme".to_owned(),
        repositories: vec![repository(1, 3)],
        artifacts: (1..=artifacts).map(artifact).collect(),
        ..World::default()
    })
}

async fn app_of(github: &GithubSimulator) -> App {
    app(&format!(
        "[github]\ntoken_env = \"GITHUB_TOKEN\"\norganization = \"acme\"\nbase_url = \"{}\"\ntest_reports = [\"junit\"]\n",
        github.base_url()
    ))
    .await
}

/// What went wrong with a part while the rest went on.
async fn trouble(app: &App) -> String {
    app.store.source_states().await.unwrap()[0].last_error.clone().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_another_origin_is_refused_and_one_within_is_followed() {
    let elsewhere = github(&world(0)).await;
    let faults = Faults::default();
    let here = github_with(&world(0), |options| options.faults = faults.clone()).await;
    let app = app_of(&here).await;
    for target in [elsewhere.base_url().to_owned(), here.base_url().replace("127.0.0.1", "localhost")] {
        faults.next(&Fault::Redirect(target.clone()), 100);
        here.log().clear();
        let told = format!("GitHub redirects to {target}, which is not below base_url at {}", here.base_url());
        let error = collect(&app).await.failures["github"].to_string();
        assert!(error.starts_with(&told), "{error}");
        let findings = app.sources[0].diagnose().await;
        assert!(findings.iter().any(|finding| finding.message.contains(&told)), "{findings:?}");
        assert!(here.log().requests().iter().all(|request| request.status == 302), "{:?}", here.log());
        faults.clear();
    }
    assert_eq!(elsewhere.log().count(), 0, "{:?}", elsewhere.log());

    let redirect = Fault::Redirect(here.base_url().to_owned());
    faults.next(&redirect, 1);
    let findings = app.sources[0].diagnose().await;
    assert!(findings[0].message.starts_with("the token is good"), "{findings:?}");
    faults.next(&redirect, 100);
    let findings = app.sources[0].diagnose().await;
    assert!(findings.iter().any(|finding| finding.message.contains("again and again")), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_page_at_another_origin_is_not_read() {
    // More than a page of artifacts; there are none of another repository there, so any request would be a foreign one.
    let world = world(150);
    let elsewhere = github(&world).await;
    let here = github_with(&world, |options| options.calls_itself = Some(elsewhere.base_url().to_owned())).await;
    let app = app_of(&here).await;
    collect(&app).await;
    let told = format!(
        "GitHub has the next page of a list at {}, which is not below base_url at {}",
        elsewhere.base_url(),
        here.base_url()
    );
    let trouble = trouble(&app).await;
    assert!(trouble.contains(&told), "{trouble}");
    assert_eq!(elsewhere.log().count(), 0, "{:?}", elsewhere.log());
    let facts = load_facts(&app.store).await.unwrap();
    assert_eq!((facts.pull_requests.len(), facts.test_reports.len()), (3, 0), "the rest goes on");

    // What an installation asks for as long as links lead to it.
    let here = github(&world).await;
    let app = app_of(&here).await;
    collect_well(&app).await;
    assert_eq!(load_facts(&app.store).await.unwrap().test_reports.len(), 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_are_fetched_from_another_origin_without_the_token() {
    let world = world(2);
    let faults = Faults::default();
    let third = github(&world).await;
    let storage = github_with(&world, |options| options.faults = faults.clone()).await;
    let here = github_with(&world, |options| options.calls_itself = Some(storage.base_url().to_owned())).await;
    // The storage sends on, as storages do.
    faults.next(&Fault::Redirect(third.base_url().to_owned()), 1);
    let app = app_of(&here).await;
    collect_well(&app).await;
    assert_eq!(load_facts(&app.store).await.unwrap().test_reports.len(), 2);
    let asked = |server: &GithubSimulator| {
        let asked = server.log().requests().into_iter().map(|request| (request.route, request.token));
        asked.collect::<Vec<_>>()
    };
    let without_token = |route: &str| (route.to_owned(), None);
    assert_eq!(asked(&storage), [without_token("GET /storage/1.zip"), without_token("GET /storage/2.zip")]);
    assert_eq!(asked(&third), [without_token("GET /storage/1.zip")]);
    assert!(asked(&here).iter().all(|(_, token)| token.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_are_not_fetched_from_where_clouds_keep_credentials_nor_round_and_round() {
    for (address, why) in [
        ("http://169.254.169.254", "is link-local, where clouds hand out credentials"),
        ("http://[fe80::1]:8080", "is link-local, where clouds hand out credentials"),
        ("http://metadata.google.internal", "is link-local, where clouds hand out credentials"),
        ("ftp://storage.example", "is not https"),
    ] {
        let here = github_with(&world(1), |options| options.calls_itself = Some(address.to_owned())).await;
        let app = app_of(&here).await;
        collect(&app).await;
        let trouble = trouble(&app).await;
        assert!(trouble.contains(&format!("artifact storage is said to be at {address}")), "{trouble}");
        assert!(trouble.contains(why), "{trouble}");
    }
    let faults = Faults::default();
    let storage = github_with(&world(1), |options| options.faults = faults.clone()).await;
    let here = github_with(&world(1), |options| options.calls_itself = Some(storage.base_url().to_owned())).await;
    let app = app_of(&here).await;
    faults.next(&Fault::Redirect("http://169.254.169.254".to_owned()), 1);
    collect(&app).await;
    assert!(trouble(&app).await.contains("at http://169.254.169.254, which is link-local"), "{}", trouble(&app).await);
    faults.next(&Fault::Redirect(storage.base_url().to_owned()), 100);
    storage.log().clear();
    collect(&app).await;
    assert!(trouble(&app).await.contains("redirects again and again"), "{}", trouble(&app).await);
    assert_eq!(storage.log().count(), 4, "three redirects are followed");
}
