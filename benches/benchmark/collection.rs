//! Table 1: collecting pull requests with reviews and commits from the simulated GitHub, chiplog beside perceval.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use chiplog::facts::PullRequest as StoredPullRequest;
use chiplog::store::{Selection, Store};
use chiplog_simulator::github::{GithubOptions, GithubSimulator, SecondaryLimits};
use chiplog_simulator::world::{Commit, Moment, PullRequest, Repository, Review, World};

use crate::document::{Section, Table, count, megabytes, ratio, seconds};
use crate::process::{self, Ended, Limits};
use crate::{perceval, progress};

/// perceval is stopped after so long, and what is left is reckoned from what it has done.
const PERCEVAL_AT_MOST: Duration = Duration::from_mins(4);

/// More than anybody asks in an hour: the budget is the same for both, and is no part of this table.
const NO_LIMIT: u64 = 10_000_000;

/// What one of the two did.
struct Collected {
    name: &'static str,
    requests: usize,
    ended: Ended,
    /// The processor time of the simulated server meanwhile.
    server: f64,
    /// How many pull requests there are, and how many were collected when it ended.
    wanted: usize,
    done: usize,
}

impl Collected {
    /// How many times more there would have been, had it not been stopped.
    fn rest(&self) -> f64 {
        self.wanted as f64 / self.done.max(1) as f64
    }

    fn seconds(&self) -> f64 {
        self.ended.seconds * self.rest()
    }

    fn requests(&self) -> f64 {
        self.requests as f64 * self.rest()
    }

    fn row(&self, latency: Duration, other: Option<&Self>) -> [String; 8] {
        let stopped = self.done < self.wanted;
        let about = if stopped { "≈ " } else { "" };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let requests = self.requests().round() as usize;
        let compared = other.map_or_else(String::new, |other| {
            format!(
                "{} requests, {} time, {} memory",
                ratio(self.requests() / other.requests(), None),
                ratio(self.seconds() / other.seconds(), None),
                ratio(self.ended.peak as f64 / other.ended.peak as f64, None)
            )
        });
        [
            format!("{}, {} ms", count(self.wanted), latency.as_millis()),
            self.name.to_owned(),
            format!("{about}{} ({:.2} per pull request)", count(requests), self.requests() / self.wanted as f64),
            if stopped {
                format!(
                    "≈ {} (stopped after {} and {})",
                    seconds(self.seconds()),
                    seconds(self.ended.seconds),
                    count(self.done)
                )
            } else {
                seconds(self.seconds())
            },
            format!("{}{}", if stopped { "≥ " } else { "" }, megabytes(self.ended.peak)),
            format!("{about}{}", seconds(self.ended.processor * self.rest())),
            format!("{about}{}", seconds(self.server * self.rest())),
            compared,
        ]
    }
}

pub(crate) async fn section(quick: bool) -> Section {
    let mut table = Table::new(&[
        "pull requests, latency of each call",
        "program",
        "requests",
        "time",
        "peak memory",
        "processor time",
        "that of the server",
        "perceval ÷ chiplog",
    ]);
    let sizes: &[usize] = if quick { &[200] } else { &[1000, 10_000] };
    let mut left_out = vec![
        "Both ask the same simulated GitHub on a loopback port, in a program of its own, with the same latency before each \
         answer; the processor time of the server is shown, because it is part of the time at 0 ms."
            .to_owned(),
        "Each pull request has two commits, one or two reviews and up to two comments on lines; it is squashed into one \
         commit of the default branch."
            .to_owned(),
        "chiplog also reads the history of the default branch, and writes all of it into SQLite; it asks by GraphQL, several \
         calls at a time."
            .to_owned(),
        "perceval fetches more of each record (bodies, comments in full, profiles of people), writes JSON lines, keeps no \
         archive here, and asks by REST, one call after the other."
            .to_owned(),
        "The hourly budget of GitHub was lifted for both: with 5,000 requests an hour perceval would take as many hours as \
         its requests are times 5,000."
            .to_owned(),
    ];
    if perceval::program().is_none() {
        left_out
            .push("perceval is not installed here: `scripts/benchmark` does that, where PyPI is reachable.".to_owned());
    }
    for latency in [Duration::ZERO, Duration::from_millis(50)] {
        for pull_requests in sizes {
            let own = collected(*pull_requests, latency, chiplog).await;
            table.row(own.row(latency, None));
            if let Some(program) = perceval::program() {
                let other = collected(*pull_requests, latency, async |server: &str, folder: &Path| {
                    let output = folder.join("pull-requests.jsonl");
                    let command = perceval::collect(&program, server, &output);
                    let ended = process::run(command, Limits::of_time(PERCEVAL_AT_MOST)).await;
                    let lines = std::fs::File::open(&output).map_or(0, |file| BufReader::new(file).lines().count());
                    ("perceval", ended, lines)
                });
                let other = other.await;
                table.row(other.row(latency, Some(&own)));
            }
        }
    }
    Section { number: 1, title: "Collection from GitHub", tables: vec![table], left_out }
}

/// Lets a program collect from a fresh server; it is given the server's address and a folder, and tells its name, how it
/// ended, and how many pull requests it has.
async fn collected(
    pull_requests: usize,
    latency: Duration,
    program: impl AsyncFn(&str, &Path) -> (&'static str, Ended, usize),
) -> Collected {
    let mut options = GithubOptions::new(Arc::new(chiplog::clock::now));
    options.latency = latency;
    (options.points_per_hour, options.requests_per_hour) = (NO_LIMIT, NO_LIMIT);
    options.secondary = SecondaryLimits { graphql_per_minute: NO_LIMIT, rest_per_minute: NO_LIMIT, at_once: NO_LIMIT };
    let world = Arc::new(RwLock::new(world(pull_requests, chiplog::clock::now())));
    let github = GithubSimulator::start(world, options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let before = process::own_processor();
    let (name, ended, done) = program(github.base_url(), folder.path()).await;
    let server = process::own_processor() - before;
    progress(&format!("{name}: {done} of {pull_requests} pull requests; asked {:?}", routes(&github)));
    assert!(done == pull_requests || ended.stopped.is_some(), "{name} collected {done} of {pull_requests}");
    Collected { name, requests: github.log().count(), ended, server, wanted: pull_requests, done }
}

/// How often each kind of address was asked for.
fn routes(github: &GithubSimulator) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for (route, count) in github.log().by_route() {
        let kind: String = route.chars().filter(|letter| !letter.is_ascii_digit()).collect();
        *kinds.entry(kind).or_default() += count;
    }
    kinds
}

async fn chiplog(server: &str, folder: &Path) -> (&'static str, Ended, usize) {
    let config = format!(
        "[github]\ntoken_env = \"GITHUB_TOKEN\"\nrepositories = [\"acme/shop\"]\nbase_url = \"{server}/api/v3\"\n\
         [team.shop]\nrepositories = [\"acme/shop\"]\n"
    );
    std::fs::write(folder.join("chiplog.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chiplog"));
    command.args(["collect", "--once"]).current_dir(folder).env("GITHUB_TOKEN", "ghp_simulated");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let ended = process::run(command, Limits::of_time(Duration::from_mins(10))).await;
    let store = Store::open(&format!("sqlite:{}/chiplog.db", folder.display())).await.unwrap();
    let stored = store.facts::<StoredPullRequest>(&Selection::default()).await.unwrap();
    assert!(stored.iter().all(|item| item.fact.own_commits.len() == 2 && !item.fact.reviews.is_empty()));
    ("chiplog", ended, stored.len())
}

/// A repository with so many squashed pull requests within a year, as busy teams have them.
fn world(pull_requests: usize, now: Moment) -> World {
    let first = now - chrono::Duration::days(380);
    let after = |place: u64| {
        chrono::Duration::days(380) * i32::try_from(place).unwrap() / i32::try_from(pull_requests).unwrap()
    };
    let mut commits = BTreeMap::new();
    let mut made = Vec::new();
    for place in 0..pull_requests as u64 {
        let at = first + after(place);
        let landed = commit(sha('a', place), (place > 0).then(|| sha('a', place - 1)), at, Some(place + 1));
        made.push(pull_request(place, at));
        commits.insert(landed.sha.clone(), landed);
    }
    let head = sha('a', pull_requests as u64 - 1);
    let repository = Repository {
        id: 1,
        owner: "acme".to_owned(),
        name: "shop".to_owned(),
        former_names: Vec::new(),
        default_branch: "main".to_owned(),
        archived: false,
        created_at: first,
        commits,
        branches: BTreeMap::from([("main".to_owned(), head)]),
        tags: Vec::new(),
        pull_requests: made,
        deployments: Vec::new(),
        releases: Vec::new(),
        workflow_runs: Vec::new(),
        issues: Vec::new(),
    };
    World { organization: "acme".to_owned(), repositories: vec![repository], ..World::default() }
}

fn sha(kind: char, number: u64) -> String {
    format!("{kind}{number:039x}")
}

/// One of twenty people.
fn person(number: u64) -> String {
    format!("person-{}", number % 20)
}

fn commit(sha: String, parent: Option<String>, at: Moment, pull_request: Option<u64>) -> Commit {
    Commit {
        sha,
        parents: parent.into_iter().collect(),
        authored_at: at,
        committed_at: at,
        author: person(at.timestamp().unsigned_abs()),
        message: "Handle one more case of the checkout\n\nIt was forgotten.".to_owned(),
        paths: vec!["src/checkout.rs".to_owned(), "tests/checkout.rs".to_owned()],
        additions: 40,
        deletions: 12,
        pull_request,
    }
}

fn pull_request(place: u64, merged_at: Moment) -> PullRequest {
    let created_at = merged_at - chrono::Duration::hours(5);
    let own = |second: u32| {
        let at = created_at - chrono::Duration::hours(2) + chrono::Duration::hours(second.into());
        commit(sha('b', place * 2 + u64::from(second)), None, at, None)
    };
    let review = |after: u32| Review {
        author: person(place + 3 + u64::from(after)),
        state: if after == 0 { "APPROVED" } else { "COMMENTED" }.to_owned(),
        submitted_at: created_at + chrono::Duration::hours(1) * i32::try_from(after + 1).unwrap(),
        body: "Looks good to me.".to_owned(),
        comments: u32::from((place + u64::from(after)) % 2 == 1),
    };
    PullRequest {
        number: place + 1,
        title: format!("Change number {place}: handle one more case of the checkout"),
        body: "It was forgotten. This handles it, with a test.".to_owned(),
        author: person(place),
        draft: false,
        created_at,
        updated_at: merged_at,
        merged_at: Some(merged_at),
        closed_at: Some(merged_at),
        base: "main".to_owned(),
        head: format!("change-{place}"),
        from_fork: false,
        merge_commit: Some(sha('a', place)),
        own_commits: vec![own(0), own(1)],
        reviews: (0..=u32::from(place % 2 == 1)).map(review).collect(),
        labels: vec!["feature".to_owned()],
        events: Vec::new(),
        paths: vec!["src/checkout.rs".to_owned(), "tests/checkout.rs".to_owned()],
    }
}
