//! The API budget of GitHub: several credentials, what is fresh before what is old, repositories by turns, what is told of it.

use std::collections::{BTreeMap, BTreeSet};

use chiplog::facts::{PullRequest, Repository};
use chiplog::sources::{FindingLevel, SourceError};
use chiplog::store::Selection;
use chiplog_simulator::github::{AppOptions, GithubSimulator, SharedWorld, TokenOptions};
use chiplog_simulator::world::{self, World};

use crate::github_source::{private_key, repository};
use crate::harness::{app, collect, collect_well, github_with, now, shared, try_app};

fn config(github: &GithubSimulator, credentials: &str, what: &str) -> String {
    format!("[github]\n{credentials}\n{what}\nbase_url = \"{}\"\nworkflow_runs = false\n", github.base_url())
}

fn of_owner(mut repository: world::Repository, owner: &str) -> world::Repository {
    owner.clone_into(&mut repository.owner);
    repository
}

fn world_of(repositories: Vec<world::Repository>) -> SharedWorld {
    shared(World { organization: "acme".to_owned(), repositories, ..World::default() })
}

fn token(token: &str, owners: &[&str]) -> TokenOptions {
    TokenOptions { token: token.to_owned(), owners: owners.iter().map(|owner| (*owner).to_owned()).collect() }
}

const BOTH: &str = "tokens_env = [\"GITHUB_TOKEN\", \"SECOND_TOKEN\"]";
const ACME: &str = "organization = \"acme\"";

/// The repository that a request asks about.
fn asked_about(variables: &str) -> Option<String> {
    let variables: serde_json::Value = serde_json::from_str(variables).ok()?;
    variables["name"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_credentials_share_the_work() {
    let world = world_of((1..=6).map(|number| repository(number, 300)).collect());
    let github = github_with(&world, |options| options.more_tokens = vec![token("ghp_second", &[])]).await;
    let app = app(&config(&github, BOTH, ACME)).await;
    collect_well(&app).await;
    assert_eq!(app.store.facts::<PullRequest>(&Selection::default()).await.unwrap().len(), 1800);
    let mut points: BTreeMap<Option<String>, u64> = BTreeMap::new();
    for request in github.log().requests() {
        *points.entry(request.token).or_default() += request.points;
    }
    let (least, most) = (points.values().min().unwrap(), points.values().max().unwrap());
    assert!(points.len() == 2 && *most <= *least * 3 / 2, "{points:?}");
    let labels: BTreeSet<String> = app.sources[0]
        .telemetry()
        .into_iter()
        .filter(|sample| sample.name == "rate_limit_remaining")
        .flat_map(|sample| sample.labels)
        .filter(|(name, _)| *name == "credential")
        .map(|(_, value)| value)
        .collect();
    assert_eq!(labels, BTreeSet::from(["GITHUB_TOKEN".to_owned(), "SECOND_TOKEN".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_is_set_aside_and_the_others_go_on() {
    let world = world_of(vec![repository(1, 120)]);
    let github = github_with(&world, |options| {
        options.more_tokens = vec![token("ghp_second", &[])];
        options.faults.revoke("ghp_second");
    })
    .await;
    let app = app(&config(&github, BOTH, ACME)).await;
    collect_well(&app).await;
    assert_eq!(app.store.facts::<PullRequest>(&Selection::default()).await.unwrap().len(), 120);
    let refused = github.log().requests().iter().filter(|request| request.status == 401).count();
    assert_eq!(refused, 1, "it is not asked with again and again");
    let states = app.store.source_states().await.unwrap();
    let trouble = states[0].last_error.as_deref().unwrap_or_default();
    assert!(trouble.contains("GitHub refuses the token in $SECOND_TOKEN (401 Bad credentials)"), "{trouble}");
    let findings = app.sources[0].diagnose().await;
    let problem = findings.iter().find(|finding| finding.level == FindingLevel::Problem).unwrap();
    assert!(problem.message.contains("$SECOND_TOKEN"), "{findings:?}");
    // Without any that is good, the collection ends as it does with one.
    github.log().clear();
    let github = github_with(&world, |options| {
        options.faults.revoke("ghp_simulated");
        options.faults.revoke("ghp_second");
    })
    .await;
    let app = crate::harness::app(&config(&github, BOTH, ACME)).await;
    assert!(matches!(collect(&app).await.failures["github"], SourceError::Unauthorized(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_not_installed_is_set_aside_and_the_others_go_on() {
    let world = world_of(vec![repository(1, 12)]);
    let github = github_with(&world, |options| options.app = Some(AppOptions { app_id: 7, installation_id: 9 })).await;
    let key = private_key();
    let app_table =
        format!("app = {{ id = 7, installation_id = 99, private_key_file = \"{}\" }}", key.path().display());
    let both = format!("credentials = [{{ token_env = \"GITHUB_TOKEN\" }}, {{ {app_table} }}]");
    let app = app(&config(&github, &both, ACME)).await;
    collect_well(&app).await;
    assert_eq!(app.store.facts::<PullRequest>(&Selection::default()).await.unwrap().len(), 12);
    let states = app.store.source_states().await.unwrap();
    let trouble = states[0].last_error.as_deref().unwrap_or_default();
    assert!(trouble.contains("GitHub gives the GitHub App 7 no token (404 Not Found): check id,"), "{trouble}");
    let refused = github.log().requests().iter().filter(|request| request.status == 404).count();
    assert_eq!(refused, 1, "it is not asked with again and again");
    let alone = crate::harness::app(&config(&github, &app_table, ACME)).await;
    assert!(matches!(collect(&alone).await.failures["github"], SourceError::Unauthorized(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_credential_is_asked_for_the_owners_that_it_sees() {
    let repositories = vec![
        repository(1, 120),
        of_owner(repository(2, 120), "beta"),
        repository(3, 20),
        of_owner(repository(4, 20), "beta"),
    ];
    let world = world_of(repositories);
    let github = github_with(&world, |options| {
        options.token = "ghp_nobody".to_owned();
        options.more_tokens = vec![token("ghp_simulated", &["acme"]), token("ghp_second", &["beta"])];
    })
    .await;
    let named = "repositories = [\"acme/repository-001\", \"beta/repository-002\", \"acme/repository-003\", \"beta/repository-004\"]";
    let app = app(&config(&github, BOTH, named)).await;
    collect_well(&app).await;
    assert_eq!(app.store.facts::<Repository>(&Selection::default()).await.unwrap().len(), 4);
    assert_eq!(app.store.facts::<PullRequest>(&Selection::default()).await.unwrap().len(), 280);
    let budgets = app.sources[0].budget().unwrap().credentials;
    let owners: BTreeSet<(String, Vec<String>)> =
        budgets.into_iter().map(|budget| (budget.credential, budget.owners)).collect();
    let expected = [("GITHUB_TOKEN", "acme"), ("SECOND_TOKEN", "beta")];
    assert_eq!(owners, expected.map(|(token, owner)| (token.to_owned(), vec![owner.to_owned()])).into());
    let findings = app.sources[0].diagnose().await;
    let told: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(told.contains(&"the token in $GITHUB_TOKEN sees acme (2 repositories)"), "{told:?}");
    // What only one sees is asked of that one; nobody is asked in vain but when repositories are listed.
    let astray = github.log().requests().into_iter().filter(|request| {
        let about_beta = asked_about(&request.variables).is_some_and(|name| name.ends_with('2') || name.ends_with('4'));
        request.variables.contains("first") && about_beta && request.token.as_deref() != Some("ghp_second")
    });
    assert_eq!(astray.count(), 0);
    // One that none sees is an error as before.
    let github = github_with(&world, |options| options.more_tokens = vec![token("ghp_second", &["beta"])]).await;
    let app = crate::harness::app(&config(&github, BOTH, "repositories = [\"acme/nothing\"]")).await;
    assert!(matches!(collect(&app).await.failures["github"], SourceError::NotFound(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_budget_of_one_credential_does_not_hold_what_others_see() {
    let world = world_of(vec![repository(1, 3), of_owner(repository(2, 3), "beta")]);
    let mut faults = None;
    let github = github_with(&world, |options| {
        options.token = "ghp_nobody".to_owned();
        options.more_tokens = vec![token("ghp_simulated", &["acme"]), token("ghp_second", &["beta"])];
        faults = Some(options.faults.clone());
    })
    .await;
    let named = "repositories = [\"acme/repository-001\", \"beta/repository-002\"]";
    let app = app(&config(&github, BOTH, named)).await;
    collect_well(&app).await;
    faults.unwrap().exhaust("ghp_second");
    for (place, owner) in ["acme", "beta"].into_iter().enumerate() {
        world.write().unwrap().repositories[place] = of_owner(repository(place as u64 + 1, 7), owner);
    }
    collect_well(&app).await;
    let by_owner = async |scope: &str| {
        let selection = Selection { scope: Some(scope.to_owned()), ..Selection::default() };
        app.store.facts::<PullRequest>(&selection).await.unwrap().len()
    };
    assert_eq!((by_owner("acme/repository-001").await, by_owner("beta/repository-002").await), (7, 3));
    let states = app.store.source_states().await.unwrap();
    let trouble = states[0].last_error.as_deref().unwrap_or_default();
    assert!(trouble.starts_with("repositories that no other credential sees: "), "{trouble}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_answer_is_asked_of_the_credential_that_got_it() {
    let world = world_of((1..=12).map(|number| repository(number, 2)).collect());
    let github = github_with(&world, |options| options.more_tokens = vec![token("ghp_second", &[])]).await;
    let app = app(&config(&github, BOTH, ACME).replace("workflow_runs = false", "workflow_runs = true")).await;
    collect_well(&app).await;
    github.log().clear();
    collect_well(&app).await;
    assert_eq!((github.log().paid_rest_requests(), github.log().not_modified()), (0, 12));
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_take_turns_and_what_is_fresh_goes_between() {
    // Twenty repositories with 60 to 440 pull requests.
    let sizes: BTreeMap<String, u64> =
        (1..=20).map(|number| (format!("repository-{number:03}"), 40 + number * 20)).collect();
    let world = world_of((1..=20).map(|number| repository(number, 40 + number * 20)).collect());
    let github = github_with(&world, |options| {
        options.latency = std::time::Duration::from_millis(2);
        options.points_per_hour = 100_000;
    })
    .await;
    let app = app(&config(&github, "token_env = \"GITHUB_TOKEN\"", ACME)).await;
    let log = github.log().clone();
    let changed = async {
        // Once a third is done, something happens in the repository that was the first.
        while log.count() < 60 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let item = &mut world.write().unwrap().repositories[0].pull_requests[0];
        item.labels.push("hotfix".to_owned());
        item.updated_at = now();
        log.count()
    };
    let (report, changed_at) = tokio::join!(collect(&app), changed);
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert_eq!(github.log().refusals(), 0);
    let requests = github.log().requests();
    // By turns: when any repository has its n-th page of history, no other that has as many is more than one page and
    // those at the same time behind.
    let pages = requests.iter().enumerate().filter(|(_, request)| request.variables.contains("\"after\":\""));
    let mut read: BTreeMap<String, u64> = sizes.keys().map(|name| (name.clone(), 0)).collect();
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    let pages: Vec<(usize, String)> =
        pages.filter_map(|(place, request)| Some((place, asked_about(&request.variables)?))).collect();
    for (place, name) in &pages {
        last.insert(name.clone(), *place);
    }
    for (place, name) in &pages {
        *read.get_mut(name).unwrap() += 1;
        let behind = read.iter().filter(|(other, _)| last.get(*other).is_some_and(|last| last > place));
        let behind = behind.map(|(_, pages)| *pages).min().unwrap_or(u64::MAX);
        // A turn has up to a page of pull requests and one of commits.
        assert!(read[name] <= behind.saturating_add(4), "{name} has {} pages, another {behind}", read[name]);
    }
    // The fresh change was looked for, found and read long before the backfill ended.
    let found = requests.iter().enumerate().skip(changed_at).find(|(_, request)| {
        asked_about(&request.variables).as_deref() == Some("repository-001")
            && request.variables.contains("\"after\":null")
            && request.variables.contains("first")
    });
    let found = found.expect("the change is read").0;
    assert!(found - changed_at <= 45, "found {} requests after the change", found - changed_at);
    assert!(found + 10 < requests.len(), "{found} of {}", requests.len());
    let facts = app.store.facts::<PullRequest>(&Selection::default()).await.unwrap();
    assert_eq!(facts.iter().filter(|item| item.fact.labels == ["hotfix"]).count(), 1);
    assert_eq!(facts.len() as u64, sizes.values().sum::<u64>());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_told_by_file_line_and_key() {
    let cases = [
        (
            "tokens_env = [\"GITHUB_TOKEN\", \"NO_TOKEN\"]",
            "chiplog.toml:3: github.tokens_env: the environment variable NO_TOKEN is not set: export it, or use token_file",
        ),
        (
            "token_env = \"GITHUB_TOKEN\"\ntokens_env = [\"GITHUB_TOKEN\"]",
            "chiplog.toml:4: github.tokens_env: is the token in $GITHUB_TOKEN once more: each credential is named once",
        ),
        (
            "credentials = [\n{ token_env = \"GITHUB_TOKEN\" },\n{ token_env = \"NO_TOKEN\" }]",
            "chiplog.toml:5: github.credentials.1.token_env: the environment variable NO_TOKEN is not set: export it, or use token_file",
        ),
        (
            "credentials = [{ token_env = \"GITHUB_TOKEN\", app = { id = 1, installation_id = 2 } }]",
            "chiplog.toml:3: github.credentials.0.app: give either a token or an app, not both",
        ),
        (
            "token_env = \"GITHUB_TOKEN\"\nreserve = 1.5",
            "chiplog.toml:4: github.reserve: is the share of the budget that is left to others: write 0 to 0.9",
        ),
    ];
    for (credentials, expected) in cases {
        let text = format!("[github]\n{credentials}\n{ACME}\n");
        assert_eq!(try_app(&text).await.err().unwrap().to_string(), expected);
    }
}
