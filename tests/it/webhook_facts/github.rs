//! GitHub's webhooks, and its list of what it has sent.

use chiplog::facts::PullRequest;
use chiplog::pipeline::Taken;
use chiplog::store::{NewDelivery, Store};
use chiplog_simulator::github::{AppOptions, GithubSimulator, SentDelivery, SharedWorld};
use chiplog_simulator::webhooks::{self, Sent};
use chiplog_simulator::world::{self, World};
use chrono::Duration;

use super::inbox::new;
use super::{Taking, everything, of};
use crate::github_source::repository;
use crate::harness::program::until;
use crate::harness::{app, collect_well, environment, github, github_with, now, shared};

fn github_config(github: &GithubSimulator, more: &str) -> String {
    format!(
        "[github]\ntoken_env = \"GITHUB_TOKEN\"\norganization = \"acme\"\nbase_url = \"{}\"\nwork_items = true\n\
         incidents = {{ labels = [\"incident\"] }}\nsecurity_alerts = true\n\
         webhook = {{ secret_env = \"GITHUB_WEBHOOK_SECRET\"{more} }}\n",
        github.base_url()
    )
}

const NAME: &str = "acme/repository-001";

fn github_secret() -> String {
    environment("GITHUB_WEBHOOK_SECRET").unwrap()
}

fn of_github(world: &SharedWorld, event: &str, subject: &str, guid: &str) -> Sent {
    let world = world.read().unwrap();
    webhooks::of_github(&world, event, NAME, subject, guid, &github_secret())
        .unwrap_or_else(|| panic!("there is no {event} {subject}"))
}

fn github_world() -> SharedWorld {
    let mut first = repository(1, 20);
    first.issues = vec![issue(501, "incident"), issue(502, "bug")];
    let dependency = |number| world::SecurityAlert {
        repository: NAME.to_owned(),
        scanner: "dependabot".to_owned(),
        number,
        severity: "high".to_owned(),
        opened_at: now() - Duration::days(3),
        fixed_at: None,
        dismissed_at: None,
    };
    shared(World {
        organization: "acme".to_owned(),
        repositories: vec![first, repository(2, 3)],
        security_alerts: vec![dependency(1)],
        ..World::default()
    })
}

fn issue(number: u64, label: &str) -> world::Issue {
    world::Issue {
        number,
        title: "Refunds fail".to_owned(),
        body: String::new(),
        author: "dev-ada".to_owned(),
        labels: vec![label.to_owned()],
        created_at: now() - Duration::days(2),
        updated_at: now() - Duration::days(2),
        closed_at: None,
        events: Vec::new(),
        issue_type: Some("Bug".to_owned()),
    }
}

/// One of everything happens.
fn change(world: &SharedWorld) -> Vec<(&'static str, &'static str)> {
    let mut world = world.write().unwrap();
    let at = now();
    world.security_alerts[0].fixed_at = Some(at);
    let first = &mut world.repositories[0];
    let changed = &mut first.pull_requests[3];
    (changed.updated_at, changed.labels) = (at, vec!["hotfix".to_owned()]);
    // A change lands on the main branch, is tagged, released and deployed.
    let head = first.branches["main"].clone();
    let sha = "f".repeat(40);
    let mut commit = first.commits[&head].clone();
    (commit.sha, commit.parents, commit.pull_request) = (sha.clone(), vec![head], None);
    (commit.authored_at, commit.committed_at) = (at, at);
    first.commits.insert(sha.clone(), commit);
    first.branches.insert("main".to_owned(), sha.clone());
    first.tags.push(world::Tag { name: "v9".to_owned(), sha: sha.clone(), annotated_at: None });
    first.releases.push(world::Release {
        id: 90,
        tag: "v9".to_owned(),
        name: "Nine".to_owned(),
        draft: false,
        prerelease: false,
        created_at: at,
        published_at: Some(at),
        author: "dev-ada".to_owned(),
    });
    first.deployments.push(world::Deployment {
        id: 7,
        sha: sha.clone(),
        reference: "main".to_owned(),
        environment: "production".to_owned(),
        task: "deploy".to_owned(),
        created_at: at,
        statuses: vec![("IN_PROGRESS".to_owned(), at), ("SUCCESS".to_owned(), at)],
        creator: "dev-ada".to_owned(),
    });
    let run = |attempt: u32, conclusion: &str| world::WorkflowRun {
        id: 40,
        attempt,
        workflow: "deploy".to_owned(),
        event: "push".to_owned(),
        branch: "main".to_owned(),
        sha: sha.clone(),
        created_at: at,
        run_started_at: at,
        updated_at: at,
        status: "completed".to_owned(),
        conclusion: Some(conclusion.to_owned()),
        actor: "dev-ada".to_owned(),
    };
    first.workflow_runs.extend([run(1, "failure"), run(2, "success")]);
    for issue in &mut first.issues {
        (issue.updated_at, issue.closed_at) = (at, Some(at));
        issue.events.push(world::Event { kind: "ClosedEvent".to_owned(), at });
    }
    vec![
        ("pull_request", "4"),
        ("pull_request_review", "4"),
        ("push", "main"),
        ("push", "tags/v9"),
        ("release", "90"),
        ("deployment", "7"),
        ("deployment_status", "7"),
        ("workflow_run", "40"),
        ("issues", "501"),
        ("issues", "502"),
        ("dependabot_alert", "1"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn github_tells_by_webhook_what_polling_finds() {
    let world = github_world();
    let github = github(&world).await;
    let taking = Taking::start(&github_config(&github, "")).await;
    collect_well(&taking.app).await;
    let before = everything(&taking.app).await;
    let events = change(&world);
    for (place, (event, subject)) in events.iter().enumerate() {
        let sent = of_github(&world, event, subject, &format!("guid-{place}"));
        assert_eq!(taking.take(&sent).await, Ok(Taken::Accepted), "{event}");
        assert_eq!(taking.take(&sent).await, Ok(Taken::Duplicate), "{event}");
    }
    taking.until_processed().await;
    let told = everything(&taking.app).await;
    let polling = app(&github_config(&github, "")).await;
    collect_well(&polling).await;
    let polled = everything(&polling).await;
    for fact in &polled {
        assert!(told.contains(fact), "webhooks do not tell {fact}");
    }
    for fact in &told {
        assert!(polled.contains(fact), "only webhooks tell {fact}");
    }
    let new = told.iter().filter(|fact| !before.contains(fact)).count();
    assert!(new >= 10, "only {new} facts are new");
    assert_eq!((taking.count("processed"), taking.count("failed")), (events.len() as u64, 0));
    // Polling goes on where it was, and finds nothing new.
    collect_well(&taking.app).await;
    assert!(everything(&taking.app).await == told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_about_few_pull_requests_costs_few_points() {
    let world = github_world();
    let github = github(&world).await;
    let mut taking = Taking::waiting(&github_config(&github, "")).await;
    collect_well(&taking.app).await;
    github.log().clear();
    let mut taken = Vec::new();
    for place in 0..1000 {
        let sent = of_github(&world, "pull_request", &(place % 20 + 1).to_string(), &format!("guid-{place}"));
        taken.push(sent);
    }
    let handed_in = taken.iter().map(|sent| taking.take(sent));
    for taken in futures_util::future::join_all(handed_in).await {
        assert_eq!(taken, Ok(Taken::Accepted));
    }
    taking.begin();
    taking.until_processed().await;
    let log = github.log();
    println!("1,000 webhooks about 20 pull requests: {} requests, {} points", log.count(), log.points());
    assert_eq!(taking.count("processed"), 1000);
    assert_eq!(log.count(), 1, "{:?}", log.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_selected_or_not_measured_is_ignored_and_what_is_bad_stands_alone_in_quarantine() {
    let world = github_world();
    let github = github(&world).await;
    let config = github_config(&github, "") + "exclude = [\"acme/repository-002\"]\n";
    let taking = Taking::start(&config).await;
    collect_well(&taking.app).await;
    let other = {
        let world = world.read().unwrap();
        webhooks::of_github(&world, "pull_request", "acme/repository-002", "1", "other", &github_secret()).unwrap()
    };
    taking.take(&other).await.unwrap();
    taking.take(&of_github(&world, "ping", "", "ping")).await.unwrap();
    let payload = serde_json::json!({
        "repository": { "node_id": "R_1", "full_name": NAME }, "workflow_run": { "id": "none" },
    });
    taking.take(&webhooks::github_signed(&payload, "workflow_run", "bad", &github_secret())).await.unwrap();
    // A pull request that is gone meanwhile tells nothing.
    let mut payload = chiplog_simulator::github::payload(&world.read().unwrap(), "pull_request", NAME, "4").unwrap();
    payload["pull_request"]["node_id"] = "P_1_9999".into();
    taking.take(&webhooks::github_signed(&payload, "pull_request", "gone", &github_secret())).await.unwrap();
    taking.take(&of_github(&world, "pull_request", "4", "good")).await.unwrap();
    taking.until_processed().await;
    let counts = ["ignored", "failed", "processed"].map(|outcome| taking.count(outcome));
    assert_eq!(counts, [2, 1, 2]);
    let quarantine = taking.app.store.quarantine(10).await.unwrap();
    assert_eq!(quarantine.len(), 1);
    assert_eq!(quarantine[0].external_id, "workflow_run bad");
    assert!(quarantine[0].reason.starts_with("its run is not as expected"), "{}", quarantine[0].reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_that_did_not_arrive_are_fetched_from_the_list() {
    let key = tempfile::NamedTempFile::new().unwrap();
    let made = std::process::Command::new("openssl").args(["genrsa", "-traditional", "2048"]).output().unwrap();
    std::fs::write(key.path(), made.stdout).unwrap();
    for hook in ["organization/1", "repository/acme/repository-001/1", "app"] {
        let world = github_world();
        let github = github_with(&world, |options| {
            options.app = (hook == "app").then_some(AppOptions { app_id: 7, installation_id: 9 });
            for number in 1..=120_u64 {
                let payload = chiplog_simulator::github::payload(
                    &world.read().unwrap(),
                    "pull_request",
                    NAME,
                    &(number % 20 + 1).to_string(),
                );
                options.hook.add(SentDelivery {
                    id: number,
                    guid: format!("guid-{number}"),
                    event: "pull_request".to_owned(),
                    delivered_at: now() - Duration::minutes(200 - i64::try_from(number).unwrap()),
                    status: 502,
                    payload: payload.unwrap(),
                });
            }
        })
        .await;
        let mut config = github_config(&github, &format!(", hook = \"{hook}\""));
        if hook == "app" {
            let app =
                format!("app = {{ id = 7, installation_id = 9, private_key_file = \"{}\" }}", key.path().display());
            config = config.replace("token_env = \"GITHUB_TOKEN\"", &app);
        }
        // Some had come before the outage.
        let store = tempfile::tempdir().unwrap();
        config = format!("store.url = \"sqlite:{}/chiplog.db\"\n{config}", store.path().display());
        let known = Store::open(&format!("sqlite:{}/chiplog.db", store.path().display())).await.unwrap();
        let had_come = |number| NewDelivery { body: String::new(), ..new(&format!("guid-{number}")) };
        known.receive_deliveries(&(1..=20).map(had_come).collect::<Vec<_>>(), now()).await.unwrap();
        let taking = Taking::start(&config).await;
        until("what was missed is fetched", async || taking.count("accepted") >= 100).await;
        taking.until_processed().await;
        assert_eq!((taking.count("missed"), taking.count("accepted")), (100, 100), "{hook}");
        let mut found = Vec::new();
        of::<PullRequest>(&taking.app, &mut found).await;
        assert_eq!(found.len(), 20, "{hook}");
        let finding = taking.app.sources[0].diagnose().await.pop().unwrap().message;
        assert_eq!(finding, "100 of the last 100 deliveries of the webhook failed", "{hook}");
    }
}
