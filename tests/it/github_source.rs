//! The GitHub source against the simulated GitHub: what it costs, how it goes on after trouble, what it says.

use std::collections::BTreeMap;

use chiplog::app::App;
use chiplog::facts::{Commit, Deployment, FactFamily, Moment, PullRequest, Release, Repository, Tag, TeamRepositories};
use chiplog::sources::{FindingLevel, SourceError};
use chiplog::store::Selection;
use chiplog_simulator::demo;
use chiplog_simulator::github::{AppOptions, Fault, GithubSimulator, SharedWorld};
use chiplog_simulator::world::{self, World};
use chrono::Duration;

use crate::harness::{self, app, collect, collect_well, github, github_with, now, shared};

fn config(github: &GithubSimulator) -> String {
    format!(
        "[github]\ntoken_env = \"GITHUB_TOKEN\"\norganization = \"acme\"\nbase_url = \"{}\"\nteams = [\"payments\"]\n",
        github.base_url()
    )
}

/// A repository with so many squashed pull requests, each with two own commits and a review.
pub(crate) fn repository(number: u64, pull_requests: u64) -> world::Repository {
    static BEGIN: std::sync::OnceLock<Moment> = std::sync::OnceLock::new();
    let begin = *BEGIN.get_or_init(|| now() - Duration::days(300));
    let mut repository = world::Repository {
        id: number,
        owner: "acme".to_owned(),
        name: format!("repository-{number:03}"),
        former_names: Vec::new(),
        default_branch: "main".to_owned(),
        archived: false,
        created_at: begin,
        commits: BTreeMap::new(),
        branches: BTreeMap::new(),
        tags: Vec::new(),
        pull_requests: Vec::new(),
        deployments: Vec::new(),
        releases: Vec::new(),
        workflow_runs: Vec::new(),
        issues: Vec::new(),
    };
    let commit = |sha: String, parents: Vec<String>, at, pull_request| world::Commit {
        sha,
        parents,
        authored_at: at,
        committed_at: at,
        author: "dev-ada".to_owned(),
        message: "A change by dev-ada".to_owned(),
        paths: vec!["src/lib.rs".to_owned()],
        additions: 1,
        deletions: 1,
        pull_request,
    };
    let mut parent = Vec::new();
    for change in 1..=pull_requests {
        let at = begin + Duration::hours(i64::try_from(change).unwrap());
        let sha = format!("{number:08x}{change:032x}");
        repository.commits.insert(sha.clone(), commit(sha.clone(), parent, at, Some(change)));
        parent = vec![sha.clone()];
        repository.branches.insert("main".to_owned(), sha.clone());
        let own =
            |part: u64| commit(format!("{number:07x}f{part}{change:031x}"), Vec::new(), at - Duration::hours(5), None);
        repository.pull_requests.push(world::PullRequest {
            number: change,
            title: "A change".to_owned(),
            body: String::new(),
            author: "dev-ada".to_owned(),
            draft: false,
            created_at: at - Duration::hours(4),
            updated_at: at,
            merged_at: Some(at),
            closed_at: Some(at),
            base: "main".to_owned(),
            head: "dev-ada/change".to_owned(),
            from_fork: false,
            merge_commit: Some(sha),
            own_commits: vec![own(1), own(2)],
            reviews: vec![world::Review {
                author: "dev-grace".to_owned(),
                state: "APPROVED".to_owned(),
                submitted_at: at - Duration::hours(1),
                body: "Good".to_owned(),
                comments: 0,
            }],
            labels: Vec::new(),
            events: Vec::new(),
            paths: vec!["src/lib.rs".to_owned()],
        });
    }
    repository
}

fn world_of(repositories: Vec<world::Repository>) -> SharedWorld {
    let team = world::Team { slug: "payments".to_owned(), name: "Payments".to_owned(), ..world::Team::default() };
    shared(World { organization: "acme".to_owned(), repositories, teams: vec![team], ..World::default() })
}

async fn keys<F: FactFamily>(app: &App) -> Vec<String> {
    let facts = app.store.facts::<F>(&Selection::default()).await.unwrap();
    facts.iter().map(|item| serde_json::to_string(&item.fact).unwrap()).collect()
}

/// All facts that do not carry the moment of their reading, without the keys of people, which differ by store.
async fn everything(app: &App) -> Vec<String> {
    let mut all = keys::<PullRequest>(app).await;
    all.extend(keys::<Commit>(app).await);
    all.extend(keys::<Deployment>(app).await);
    all.extend(keys::<Release>(app).await);
    all.extend(keys::<Tag>(app).await);
    let key = regex::Regex::new(r#""key":"[0-9a-f]{16}""#).unwrap();
    all.iter().map(|fact| key.replace_all(fact, "").into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_pull_requests_take_at_most_forty_requests() {
    let github = github(&world_of(vec![repository(1, 1000)])).await;
    let app = app(&config(&github)).await;
    collect_well(&app).await;
    assert_eq!(keys::<PullRequest>(&app).await.len(), 1000);
    assert_eq!(keys::<Commit>(&app).await.len(), 1000);
    let requests = github.log().count();
    println!("1,000 pull requests: {requests} requests, {} points", github.log().points());
    assert!(requests <= 40, "{requests} requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_cycle_over_fifty_repositories_costs_one_point() {
    let world = world_of((1..=50).map(|number| repository(number, 3)).collect());
    let github = github(&world).await;
    let app = app(&config(&github)).await;
    collect_well(&app).await;
    assert_eq!(keys::<Repository>(&app).await.len(), 50);
    let before = everything(&app).await;
    github.log().clear();
    collect_well(&app).await;
    let log = github.log();
    assert_eq!(log.points(), 1, "one query probes all fifty: {:?}", log.requests());
    assert_eq!(log.paid_rest_requests(), 0, "{:?}", log.requests());
    assert!(everything(&app).await == before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_found_and_read_again() {
    let world = world_of(vec![repository(1, 30)]);
    let github = github(&world).await;
    let app = app(&config(&github)).await;
    collect_well(&app).await;
    {
        let mut world = world.write().unwrap();
        let repository = &mut world.repositories[0];
        let item = &mut repository.pull_requests[3];
        item.labels.push("hotfix".to_owned());
        item.updated_at = now();
        let sha = item.merge_commit.clone().unwrap();
        repository.deployments.push(world::Deployment {
            id: 7,
            sha,
            reference: "main".to_owned(),
            environment: "production".to_owned(),
            task: "deploy".to_owned(),
            created_at: now(),
            statuses: vec![("IN_PROGRESS".to_owned(), now())],
            creator: "dev-ada".to_owned(),
        });
    }
    collect_well(&app).await;
    let found = app.store.facts::<PullRequest>(&Selection::default()).await.unwrap();
    assert_eq!(found.iter().filter(|item| item.fact.labels == ["hotfix"]).count(), 1);
    let deployment = &app.store.facts::<Deployment>(&Selection::default()).await.unwrap()[0].fact;
    assert!(deployment.is_under_way());
    // Its end does not move it in GitHub's order; it is found all the same, and the later "inactive" is no end.
    let ended_at = now();
    world.write().unwrap().repositories[0].deployments[0]
        .statuses
        .extend([("SUCCESS".to_owned(), ended_at), ("INACTIVE".to_owned(), ended_at + Duration::days(2))]);
    collect_well(&app).await;
    let deployment = &app.store.facts::<Deployment>(&Selection::default()).await.unwrap()[0].fact;
    assert_eq!(deployment.succeeded_at().map(|at| at.timestamp()), Some(ended_at.timestamp()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_that_is_closed_reopened_retargeted_and_merged_is_followed() {
    let world = world_of(vec![repository(1, 5)]);
    let github = github(&world).await;
    let app = app(&config(&github)).await;
    let merged_at = now();
    let states: [(&str, Option<Moment>, Option<Moment>, &str); 4] = [
        ("open", None, None, "main"),
        ("closed", None, Some(merged_at), "main"),
        ("open", None, None, "release"),
        ("merged", Some(merged_at), Some(merged_at), "release"),
    ];
    for (step, (state, merged, closed, base)) in states.into_iter().enumerate() {
        {
            let item = &mut world.write().unwrap().repositories[0].pull_requests[2];
            (item.merged_at, item.closed_at, item.base) = (merged, closed, base.to_owned());
            item.updated_at = now() + Duration::seconds(i64::try_from(step).unwrap());
        }
        collect_well(&app).await;
        let facts = app.store.facts::<PullRequest>(&Selection::default()).await.unwrap();
        let fact = serde_json::to_value(&facts.iter().find(|item| item.fact.number == 3).unwrap().fact).unwrap();
        assert_eq!((fact["state"].as_str(), fact["base_branch"].as_str()), (Some(state), Some(base)), "step {step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_on_the_way_changes_nothing_in_the_end() {
    let undisturbed = {
        let github = github(&world_of(vec![repository(1, 120), repository(2, 80)])).await;
        let app = app(&config(&github)).await;
        collect_well(&app).await;
        everything(&app).await
    };
    let faults = [
        Fault::Status(502),
        Fault::Status(500),
        Fault::SecondaryLimit(0),
        Fault::TooManyRequests(0),
        Fault::GraphqlRateLimited,
        Fault::BrokenJson,
    ];
    for fault in faults {
        for after in [0, 1, 3, 5] {
            let github = github_with(&world_of(vec![repository(1, 120), repository(2, 80)]), |options| {
                options.faults.pass(after);
                options.faults.next(&fault, 2);
            })
            .await;
            let app = app(&config(&github)).await;
            collect_well(&app).await;
            assert!(everything(&app).await == undisturbed, "{fault:?} after {after}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_shrink_until_github_can_answer() {
    let github = github_with(&world_of(vec![repository(1, 300)]), |options| options.most_nodes = 2000).await;
    let app = app(&config(&github)).await;
    collect_well(&app).await;
    assert_eq!(keys::<PullRequest>(&app).await.len(), 300);
    assert!(github.log().requests().iter().any(|request| request.status == 502));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_is_cut_off_at_any_request_goes_on_where_it_was() {
    let world = || world_of(vec![repository(1, 230)]);
    let (undisturbed, needed) = {
        let github = github(&world()).await;
        let app = app(&config(&github)).await;
        collect_well(&app).await;
        (everything(&app).await, github.log().count())
    };
    for cut in 1..needed {
        let github = github_with(&world(), |options| {
            options.faults.pass(cut);
            // A refused token ends the collection at once, as a killed process would.
            options.faults.next(&Fault::Unauthorized, 1);
        })
        .await;
        let app = app(&config(&github)).await;
        let report = collect(&app).await;
        assert!(matches!(report.failures["github"], SourceError::Unauthorized(_)), "cut at {cut}");
        collect_well(&app).await;
        assert!(everything(&app).await == undisturbed, "cut at {cut}");
        let mut pages: BTreeMap<(String, String), usize> = BTreeMap::new();
        for request in github.log().requests() {
            if request.variables.contains("\"after\"") && request.variables.contains("repository-001") {
                *pages.entry((request.route, request.variables)).or_default() += 1;
            }
        }
        let repeated: usize = pages.values().map(|times| times - 1).sum();
        assert!(repeated <= 1, "cut at {cut}: {repeated} pages were fetched twice");
    }
}

/// A file with the private key of an App.
pub(crate) fn private_key() -> tempfile::NamedTempFile {
    let key = tempfile::NamedTempFile::new().unwrap();
    let made = std::process::Command::new("openssl").args(["genrsa", "-traditional", "2048"]).output().unwrap();
    std::fs::write(key.path(), made.stdout).unwrap();
    key
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_renews_its_token_in_the_middle_of_a_collection() {
    let begin = now();
    // Each look at the clock moves it on by ten minutes: a token of one hour ends again and again on the way.
    let looks = std::sync::atomic::AtomicI64::new(0);
    let look = move || looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let github = github_with(&world_of(vec![repository(1, 400)]), |options| {
        options.app = Some(AppOptions { app_id: 7, installation_id: 9 });
        options.now = std::sync::Arc::new(move || begin + Duration::minutes(10 * look()));
    })
    .await;
    let key = private_key();
    let text = format!(
        "[github]\napp = {{ id = 7, installation_id = 9, private_key_file = \"{}\" }}\norganization = \"acme\"\nbase_url = \"{}\"\n",
        key.path().display(),
        github.base_url()
    );
    let app = app(&text).await;
    collect_well(&app).await;
    assert_eq!(keys::<PullRequest>(&app).await.len(), 400);
    assert!(github.log().requests().iter().any(|request| request.status == 401), "the old token was refused once");
    let tokens = github.log().requests().iter().filter(|request| request.route.contains("access_tokens")).count();
    assert!(tokens * 3 <= github.log().count(), "{tokens} tokens: one is used as long as it lasts");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_server_has_its_apis_beside_each_other() {
    let github = github(&world_of(vec![repository(1, 5)])).await;
    let url = github.base_url();
    let app = app(&config(&github).replace(url, &format!("{url}/api/v3"))).await;
    collect_well(&app).await;
    assert_eq!(keys::<PullRequest>(&app).await.len(), 5);
    assert!(github.log().requests().iter().any(|request| request.route.starts_with("POST /api/graphql")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_record_goes_to_quarantine_and_its_neighbours_go_on() {
    let world = world_of(vec![repository(1, 6)]);
    // A tag whose commit is gone.
    world.write().unwrap().repositories[0].tags.push(world::Tag {
        name: "broken".to_owned(),
        sha: "0000000000000000000000000000000000000bad".to_owned(),
        annotated_at: None,
    });
    let github = github(&world).await;
    let app = app(&config(&github)).await;
    collect_well(&app).await;
    assert_eq!(keys::<PullRequest>(&app).await.len(), 6);
    let quarantine = app.store.quarantine(10).await.unwrap();
    assert_eq!(quarantine.len(), 1);
    assert_eq!(quarantine[0].external_id, "acme/repository-001/tags/broken");
    assert_eq!(quarantine[0].reason, "the tag does not lead to a commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_repository_goes_on_under_its_new_name() {
    let world = world_of(vec![repository(1, 12)]);
    let github = github(&world).await;
    let app = app(&config(&github)).await;
    collect_well(&app).await;
    {
        let repository = &mut world.write().unwrap().repositories[0];
        repository.former_names = vec!["acme/repository-001".to_owned()];
        repository.name = "renamed".to_owned();
    }
    collect_well(&app).await;
    let repositories = app.store.facts::<Repository>(&Selection::default()).await.unwrap();
    assert_eq!(repositories.iter().map(|item| item.fact.full_name.as_str()).collect::<Vec<_>>(), ["acme/renamed"]);
    let scope = Selection { scope: Some("acme/renamed".to_owned()), ..Selection::default() };
    assert_eq!(app.store.facts::<PullRequest>(&scope).await.unwrap().len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn complaints_say_what_to_do() {
    let github = github(&world_of(vec![repository(1, 1)])).await;
    let url = github.base_url();
    let cases = [
        (
            config(&github).replace("GITHUB_TOKEN", "BAD_TOKEN"),
            "GitHub refuses the token in $BAD_TOKEN (401 Bad credentials): it has expired or was revoked. Make a new one and start chiplog again".to_owned(),
        ),
        (
            config(&github).replace("\"acme\"", "\"acne\""),
            "Could not resolve to an Organization with the login of 'acne'. Check the name, and that the token in $GITHUB_TOKEN may see it (SSO authorised, scope read:org for teams)".to_owned(),
        ),
        (
            config(&github).replace("organization = \"acme\"", "repositories = [\"acme/nothing\"]"),
            "Could not resolve to a Repository with the name 'acme/nothing'. Check the name, and that the token in $GITHUB_TOKEN may see it (SSO authorised, scope read:org for teams)".to_owned(),
        ),
        (
            config(&github).replace(url, "http://127.0.0.1:9"),
            "GitHub cannot be reached at http://127.0.0.1:9, after 5 tries: check base_url and the network; chiplog goes on trying".to_owned(),
        ),
    ];
    for (text, expected) in cases {
        let app = app(&text).await;
        let report = collect(&app).await;
        assert_eq!(report.failures["github"].to_string(), expected);
    }
    let missing =
        harness::try_app(&config(&github).replace("GITHUB_TOKEN", "NO_TOKEN")).await.err().unwrap().to_string();
    assert_eq!(
        missing,
        "chiplog.toml:3: github.token_env: the environment variable NO_TOKEN is not set: export it, or use token_file"
    );
}

async fn trouble(app: &App) -> String {
    app.store.source_states().await.unwrap()[0].last_error.clone().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_github_does_not_show_are_told_and_the_others_go_on() {
    let world = world_of(vec![repository(1, 3), repository(2, 3)]);
    let github = github_with(&world, |options| options.faults.hide("acme/repository-002")).await;
    let named = "repositories = [\"acme/repository-001\", \"acme/repository-002\"]";
    let app = app(&config(&github).replace("organization = \"acme\"\n", &format!("{named}\n"))).await;
    let gone = "acme/repository-002: Could not resolve to a Repository with the name 'acme/repository-002'.";
    // What is kept of the listing tells it again.
    for _ in 0..2 {
        collect_well(&app).await;
        assert!(trouble(&app).await.contains(gone), "{}", trouble(&app).await);
    }
    assert_eq!(keys::<PullRequest>(&app).await.len(), 3);
    let findings = app.sources[0].diagnose().await;
    let problems: Vec<&str> =
        findings.iter().filter(|it| it.level == FindingLevel::Problem).map(|it| it.message.as_str()).collect();
    assert!(problems.len() == 1 && problems[0].starts_with(gone), "{problems:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn teams_that_github_does_not_show_keep_what_was_known_of_them() {
    let world = world_of(vec![repository(1, 3)]);
    let github = github(&world).await;
    let app = app(&config(&github).replace("[\"payments\"]", "[\"playments\", \"payments\"]")).await;
    collect_well(&app).await;
    let expected = "team playments: GitHub shows no team \"playments\" in acme: check the slug, and that the token has the scope read:org";
    assert_eq!(trouble(&app).await, expected);
    assert_eq!(keys::<PullRequest>(&app).await.len(), 3);
    let teams = keys::<TeamRepositories>(&app).await;
    assert!(teams.len() == 1 && teams[0].contains("acme/payments"), "{teams:?}");
    let findings = app.sources[0].diagnose().await;
    assert!(
        findings.iter().any(|it| it.level == FindingLevel::Problem && expected.ends_with(&it.message)),
        "{findings:?}"
    );

    let without_teams = github_with(&world, |options| options.scopes = "repo".to_owned()).await;
    let app = harness::app(&config(&without_teams)).await;
    collect_well(&app).await;
    let expected = "team payments: GitHub does not show this to the token in $GITHUB_TOKEN: Your token has not been granted the \
                    required scopes to execute this query. The 'slug' field requires one of the following scopes: \
                    ['read:org', 'read:discussion'], but your token has only been granted the: ['repo'] scopes.";
    assert!(trouble(&app).await.starts_with(expected), "{}", trouble(&app).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fact_of_the_demo_names_a_person() {
    let world = demo::world(now(), 7);
    let names = demo::names(&world);
    let github = github(&shared(world)).await;
    let app = app(&config(&github)).await;
    collect_well(&app).await;
    let facts = everything(&app).await.join("\n").to_lowercase();
    assert!(facts.len() > 100_000);
    for name in names {
        assert!(!facts.contains(&name.to_lowercase()), "{name} is in a fact");
    }
}
