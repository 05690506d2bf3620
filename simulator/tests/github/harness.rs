//! What the tests share: a small world, a settable clock, a client.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Once, RwLock};

use chiplog_simulator::github::{AppOptions, GithubOptions, GithubSimulator, SharedWorld};
use chiplog_simulator::world::{
    Account, Commit, Deployment, Event, Issue, Moment, PullRequest, Release, Repository, Review, Tag, Team,
    WorkflowRun, World,
};
use chrono::{DateTime, Duration};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// The moment so many minutes after the world began.
pub(crate) fn minute(minutes: i64) -> Moment {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + Duration::minutes(minutes)
}

/// An object id made of a number.
pub(crate) fn sha(number: u64) -> String {
    format!("{number:040x}")
}

/// A commit made at a minute that is its number.
pub(crate) fn commit(number: u64, parents: &[u64]) -> Commit {
    let at = minute(i64::try_from(number).unwrap());
    Commit {
        sha: sha(number),
        parents: parents.iter().map(|parent| sha(*parent)).collect(),
        authored_at: at,
        committed_at: at,
        author: "ada".to_owned(),
        message: format!("Change {number}\n\nIn detail"),
        paths: vec![format!("src/file-{number}.rs"), "README.md".to_owned()],
        additions: 3,
        deletions: 1,
        pull_request: None,
    }
}

/// A pull request opened at a minute that is its number and merged two minutes later.
pub(crate) fn pull_request(number: u64) -> PullRequest {
    let at = minute(i64::try_from(number).unwrap());
    let merged_at = at + Duration::minutes(2);
    PullRequest {
        number,
        title: format!("Change {number}"),
        body: "Fixes #7".to_owned(),
        author: "ada".to_owned(),
        draft: false,
        created_at: at,
        updated_at: merged_at,
        merged_at: Some(merged_at),
        closed_at: Some(merged_at),
        base: "main".to_owned(),
        head: format!("change-{number}"),
        from_fork: false,
        merge_commit: Some(sha(number)),
        own_commits: vec![commit(1000 + number, &[]), commit(2000 + number, &[])],
        reviews: vec![Review {
            author: "grace".to_owned(),
            state: "APPROVED".to_owned(),
            submitted_at: at + Duration::minutes(1),
            body: "Good".to_owned(),
            comments: 2,
        }],
        labels: vec!["feature".to_owned()],
        events: vec![Event { kind: "ReadyForReviewEvent".to_owned(), at }],
        paths: vec!["src/lib.rs".to_owned()],
    }
}

/// A repository with a chain of so many commits and as many pull requests.
pub(crate) fn repository(id: u64, commits: u64) -> Repository {
    let chain = (1..=commits).map(|number| {
        let parents: &[u64] = if number == 1 { &[] } else { &[number - 1] };
        let mut made = commit(number, parents);
        made.pull_request = Some(number);
        (made.sha.clone(), made)
    });
    Repository {
        id,
        owner: "acme".to_owned(),
        name: format!("shop-{id}"),
        former_names: vec![format!("acme/old-{id}")],
        default_branch: "main".to_owned(),
        archived: false,
        created_at: minute(0),
        commits: chain.collect(),
        branches: BTreeMap::from([("main".to_owned(), sha(commits))]),
        tags: vec![
            Tag { name: "v1".to_owned(), sha: sha(1), annotated_at: None },
            Tag { name: "v2".to_owned(), sha: sha(2), annotated_at: Some(minute(5)) },
        ],
        pull_requests: (1..=commits).map(pull_request).collect(),
        deployments: (1..=3).map(deployment).collect(),
        releases: vec![Release {
            id: 11,
            tag: "v2".to_owned(),
            name: "Two".to_owned(),
            draft: false,
            prerelease: false,
            created_at: minute(5),
            published_at: Some(minute(6)),
            author: "ada".to_owned(),
        }],
        workflow_runs: (1..=3).map(|attempt| run(21, attempt)).collect(),
        issues: vec![issue(7, None), issue(8, Some(minute(90)))],
    }
}

fn deployment(id: u64) -> Deployment {
    let at = minute(i64::try_from(id).unwrap() * 10);
    let statuses = [("IN_PROGRESS", 1), ("SUCCESS", 2), ("INACTIVE", 3)];
    Deployment {
        id,
        sha: sha(id),
        reference: "main".to_owned(),
        environment: if id == 2 { "staging" } else { "production" }.to_owned(),
        task: "deploy".to_owned(),
        created_at: at,
        statuses: statuses.map(|(state, after)| (state.to_owned(), at + Duration::minutes(after))).to_vec(),
        creator: "ada".to_owned(),
    }
}

/// An attempt of a run that was created at the minute of its id.
pub(crate) fn run(id: u64, attempt: u32) -> WorkflowRun {
    let at = minute(i64::try_from(id).unwrap());
    WorkflowRun {
        id,
        attempt,
        workflow: "Deploy".to_owned(),
        event: "push".to_owned(),
        branch: "main".to_owned(),
        sha: sha(1),
        created_at: at,
        run_started_at: at + Duration::minutes(i64::from(attempt)),
        updated_at: at + Duration::minutes(i64::from(attempt) + 1),
        status: "completed".to_owned(),
        conclusion: Some("success".to_owned()),
        actor: "ada".to_owned(),
    }
}

fn issue(number: u64, closed_at: Option<Moment>) -> Issue {
    let at = minute(i64::try_from(number).unwrap());
    let events = [("LabeledEvent", at), ("AssignedEvent", at), ("ClosedEvent", closed_at.unwrap_or(at))];
    let count = if closed_at.is_some() { 3 } else { 2 };
    Issue {
        number,
        title: "Shop is down".to_owned(),
        body: "All of it".to_owned(),
        author: "grace".to_owned(),
        labels: vec!["incident".to_owned()],
        created_at: at,
        updated_at: closed_at.unwrap_or(at),
        closed_at,
        events: events.into_iter().take(count).map(|(kind, at)| Event { kind: kind.to_owned(), at }).collect(),
        issue_type: Some("Bug".to_owned()),
    }
}

/// An organisation with one team that holds these repositories.
pub(crate) fn world(repositories: Vec<Repository>) -> World {
    let team = Team {
        slug: "payments".to_owned(),
        name: "Payments".to_owned(),
        repositories: repositories.iter().map(|item| format!("{}/{}", item.owner, item.name)).collect(),
        members: vec!["ada".to_owned(), "grace".to_owned()],
    };
    let bot = Account { name: "robot".to_owned(), email: "robot@acme.example".to_owned(), bot: true };
    World {
        organization: "acme".to_owned(),
        accounts: BTreeMap::from([("robot[bot]".to_owned(), bot)]),
        repositories,
        teams: vec![team],
        ..World::default()
    }
}

/// A running simulator with a clock that stands still until it is moved.
pub(crate) struct Github {
    pub(crate) simulator: GithubSimulator,
    pub(crate) world: SharedWorld,
    pub(crate) options: GithubOptions,
    clock: Arc<AtomicI64>,
    client: reqwest::Client,
    token: String,
}

/// An answer, read to its end.
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.header(name).parse().unwrap()
    }
}

impl Github {
    pub(crate) async fn start(repositories: Vec<Repository>) -> Self {
        Self::start_with(repositories, |_| {}).await
    }

    pub(crate) async fn start_with(repositories: Vec<Repository>, change: impl FnOnce(&mut GithubOptions)) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let clock = Arc::new(AtomicI64::new(0));
        let minutes = clock.clone();
        let mut options = GithubOptions::new(Arc::new(move || minute(minutes.load(Ordering::Relaxed))));
        assert!(
            options.schema.exists(),
            "GitHub's GraphQL schema is missing at {}: run `scripts/test`, or `bash -c '. scripts/setup.sh; need_github_schema'` in the project's folder",
            options.schema.display()
        );
        options.app = Some(AppOptions { app_id: 7, installation_id: 9 });
        change(&mut options);
        let world: SharedWorld = Arc::new(RwLock::new(world(repositories)));
        let simulator = GithubSimulator::start(world.clone(), options.clone()).await.unwrap();
        let redirect = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(redirect).user_agent("tests").build().unwrap();
        let token = options.token.clone();
        Self { simulator, world, options, clock, client, token }
    }

    /// Uses another token from now on.
    pub(crate) fn log_in(&mut self, token: &str) {
        token.clone_into(&mut self.token);
    }

    /// Moves the clock to so many minutes after the world began.
    pub(crate) fn set_minute(&self, minutes: i64) {
        self.clock.store(minutes, Ordering::Relaxed);
    }

    async fn send(&self, request: RequestBuilder) -> Got {
        let response = request.bearer_auth(&self.token).send().await.unwrap();
        let status = response.status();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Got { status, headers, text, json }
    }

    /// Gets a path, or the full address of a link.
    pub(crate) async fn get(&self, path: &str) -> Got {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.simulator.base_url()) };
        self.send(self.client.get(url)).await
    }

    /// Gets a path with `If-None-Match`.
    pub(crate) async fn get_if_changed(&self, path: &str, etag: &str) -> Got {
        let url = format!("{}{path}", self.simulator.base_url());
        self.send(self.client.get(url).header("if-none-match", etag)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Got {
        self.send(self.client.post(format!("{}{path}", self.simulator.base_url())).json(body)).await
    }

    /// Sends a query.
    pub(crate) async fn query(&self, query: &str, variables: Value) -> Got {
        self.post("/graphql", &json!({ "query": query, "variables": variables })).await
    }

    /// The data of a query that has no errors.
    pub(crate) async fn data(&self, query: &str) -> Value {
        let got = self.query(query, json!({})).await;
        assert!(got.json["errors"].is_null(), "{}", got.text);
        got.json["data"].clone()
    }

    /// The first error of a query, as `TYPE: message`.
    pub(crate) async fn error(&self, query: &str) -> String {
        let got = self.query(query, json!({})).await;
        assert_eq!(got.status, 200, "{}", got.text);
        let error = &got.json["errors"][0];
        let kind = error["type"].as_str().map(|kind| format!("{kind}: ")).unwrap_or_default();
        format!("{kind}{}", error["message"].as_str().unwrap_or_else(|| panic!("no error in {}", got.text)))
    }
}

/// The address that a `Link` header has for a relation.
pub(crate) fn link(got: &Got, relation: &str) -> Option<String> {
    let part = got.header("link").split(", ").find(|part| part.ends_with(&format!("rel=\"{relation}\"")))?;
    Some(part.split_once('<')?.1.split_once('>')?.0.to_owned())
}
