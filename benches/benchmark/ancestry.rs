//! Table 5: which commits each deployment shipped, beside `git rev-list` for the same question.

use std::path::Path;
use std::time::Instant;

use chiplog::app::kind_names;
use chiplog::attribution::{Attributed, FactsInput, Shipment, attribute};
use chiplog::config::{Config, Document};
use chiplog::facts::{Commit, Deployment, DeploymentState, DeploymentStatus, Moment, Sourced};
use chrono::{DateTime, Duration};

use crate::document::{Section, Table, count, ratio, seconds};
use crate::graph::{self, Deployed, Graph};
use crate::process::own_processor;
use crate::{median, progress};

const REPOSITORY: &str = "acme/shop";

/// So many times git is asked for nothing, to know what starting it costs.
const STARTS: usize = 200;

pub(crate) async fn section(quick: bool) -> Section {
    tokio::task::spawn_blocking(move || measured(quick)).await.unwrap()
}

fn measured(quick: bool) -> Section {
    let (commits, deployments) = if quick { (20_000, 200) } else { (1_000_000, 10_000) };
    let graph = Graph::new(commits, deployments);
    let (repository, ids) = graph.repository();
    let facts = facts(&graph, &ids);
    let as_of = at(graph.parents.len() + 60);
    let organisation = organisation();
    let mut times = Vec::new();
    let mut attributed = Attributed::default();
    for round in 1..=3 {
        let began = Instant::now();
        attributed = attribute(&organisation, &facts, as_of);
        times.push(began.elapsed().as_secs_f64());
        progress(&format!("attribution, round {round}: {}", seconds(began.elapsed().as_secs_f64())));
    }
    let own = median(&times);
    let before = own_processor();
    let began = Instant::now();
    let counts: Vec<usize> = graph
        .deployments
        .iter()
        .enumerate()
        .map(|(place, deployed)| {
            if place % 1000 == 999 {
                progress(&format!("git rev-list: {} deployments", place + 1));
            }
            rev_list(&repository, &ids, deployed)
        })
        .collect();
    let git = began.elapsed().as_secs_f64();
    let began = Instant::now();
    for _ in 0..STARTS {
        let nothing = Deployed { commit: 0, after: 0, shipped: vec![0] };
        assert_eq!(rev_list(&repository, &ids, &nothing), 0);
    }
    let starting = began.elapsed().as_secs_f64() / STARTS as f64 * counts.len() as f64;
    assert!(own_processor() > before || quick, "starting programs takes time");
    let shipped = compare(&attributed, &counts);
    let mut table = Table::new(&["", "chiplog", "git rev-list", "git ÷ chiplog"]);
    table.row([
        format!("{} deployments on {} commits", count(counts.len()), count(graph.parents.len())),
        seconds(own),
        seconds(git),
        ratio(git / own, None),
    ]);
    let without = (git - starting).max(0.0);
    table.row([
        "without what starting git takes".to_owned(),
        seconds(own),
        format!("{} ({} for starting)", seconds(without), seconds(starting)),
        ratio(without / own, None),
    ]);
    table.row([
        "commits shipped first, all deployments".to_owned(),
        count(shipped),
        count(shipped),
        "equal for each".to_owned(),
    ]);
    let left_out = vec![
        "The graph has merged branches of one to four commits, twenty maintenance branches that are merged back now and then, \
         rollbacks, and the same deployed again. It is made once with `git fast-import`, and has a commit-graph file for git."
            .to_owned(),
        "chiplog's time is that of the whole attribution (median of three): copying and sorting the facts, ownership, what the \
         commits stand for, failures and fixes as well. Reading the facts from the store is left out."
            .to_owned(),
        "git is asked once for each deployment, `git rev-list --count DEPLOYED --not` the newest that was deployed of each \
         branch before: the fewest that say the same as all of them. It answers from a repository on disk, in the cache of the \
         operating system."
            .to_owned(),
        "The first deployment is a baseline for chiplog, and is not compared.".to_owned(),
    ];
    Section { number: 5, title: "Which commits a deployment ships", tables: vec![table], left_out }
}

/// How many commits of a deployment nothing before it has shipped.
fn rev_list(repository: &Path, ids: &[String], deployed: &Deployed) -> usize {
    let mut command = graph::git(repository);
    command.args(["rev-list", "--count", &ids[deployed.commit], "--not"]);
    let output = command.args(deployed.shipped.iter().map(|commit| &ids[*commit])).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
}

/// Each deployment must have shipped as many commits as git says; returns how many that is in all.
fn compare(attributed: &Attributed, counts: &[usize]) -> usize {
    assert_eq!(attributed.deployments.len(), counts.len());
    let mut shipped = 0;
    for (place, (deployment, count)) in attributed.deployments.iter().zip(counts).enumerate() {
        match &deployment.shipment {
            Shipment::Baseline => assert_eq!(place, 0, "the first is the baseline"),
            Shipment::Commits { commits, .. } => {
                assert_eq!(commits.len(), *count, "deployment {place} of {}", deployment.sha);
                shipped += commits.len();
            }
            other => panic!("deployment {place}: {other:?}"),
        }
    }
    shipped
}

/// The moment at which there were so many commits.
fn at(commits: usize) -> Moment {
    DateTime::from_timestamp(graph::BEGAN_AT + 60 * i64::try_from(commits).unwrap(), 0).unwrap()
}

fn facts(graph: &Graph, ids: &[String]) -> FactsInput {
    let commit = |(place, parents): (usize, &Vec<usize>)| Commit {
        repository: REPOSITORY.to_owned(),
        sha: ids[place].clone(),
        parents: parents.iter().map(|parent| ids[*parent].clone()).collect(),
        authored_at: at(place),
        committed_at: at(place),
        author: None,
        subject: format!("Change {place}"),
        reverts: Vec::new(),
        pull_request: None,
        paths: None,
        url: None,
    };
    let deployment = |(place, deployed): (usize, &Deployed)| {
        let created_at = at(deployed.after);
        let status = |after, state| DeploymentStatus { at: created_at + Duration::seconds(after), state, url: None };
        Deployment {
            repository: REPOSITORY.to_owned(),
            id: place.to_string(),
            service: None,
            sha: ids[deployed.commit].clone(),
            reference: None,
            environment: "production".to_owned(),
            task: None,
            created_at,
            statuses: vec![status(1, DeploymentState::InProgress), status(20, DeploymentState::Success)],
            url: None,
        }
    };
    let of_github = |fact| Sourced { source: "github".to_owned(), fact };
    FactsInput {
        commits: graph.parents.iter().enumerate().map(commit).map(of_github).collect(),
        deployments: graph
            .deployments
            .iter()
            .enumerate()
            .map(deployment)
            .map(|fact| Sourced { source: "github".to_owned(), fact })
            .collect(),
        ..FactsInput::default()
    }
}

fn organisation() -> chiplog::attribution::Organisation {
    let text = "[github]\ntoken_env = \"TOKEN\"\nrepositories = [\"acme/shop\"]\n[team.shop]\n[service.shop]\n\
                repository = \"acme/shop\"\nteam = \"shop\"\ndeployments = { environment = \"production\" }\n";
    let document = Document::parse(Path::new("chiplog.toml"), text.to_owned()).unwrap();
    Config::check(document, &kind_names(), &|_| None).unwrap().organisation
}
