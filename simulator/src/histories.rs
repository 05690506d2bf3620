//! Real histories as a world: what git and GitHub recorded of two public repositories.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::world::{Commit, Issue, Moment, PullRequest, Repository, Review, Tag, World};

/// The organisation that owns the repository in the world.
pub const ORGANIZATION: &str = "real";

/// Loads the history of one folder (`devlake`, `multipath`) into a world with one repository, `real/NAME`. Without pull
/// requests, commits stand for themselves, as the truth of the releases has it.
pub fn load(folder: &Path, with_pull_requests: bool) -> Result<World> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let truth: Value = serde_json::from_str(&read(&folder.join("truth.json"))?)?;
    let head = truth["head"].as_str().context("truth.json has no head")?;
    let commits = lines(&folder.join("commits.jsonl"))?;
    let commits: BTreeMap<String, Commit> = commits
        .iter()
        .map(|line| commit(line, with_pull_requests))
        .map(|commit| (commit.sha.clone(), commit))
        .collect();
    let tags = lines(&folder.join("tags.jsonl"))?.iter().map(tag).collect();
    let recorded = folder.join("gh_prs.jsonl");
    let pull_requests = match (with_pull_requests, recorded.exists()) {
        (false, _) => Vec::new(),
        (true, true) => lines(&recorded)?.iter().map(|line| recorded_pull_request(line, &commits)).collect(),
        (true, false) => {
            lines(&folder.join("prs.jsonl"))?.iter().map(|line| pull_request_of_git(line, &commits)).collect()
        }
    };
    let issues = folder.join("gh_issues.jsonl");
    let issues = if issues.exists() { lines(&issues)?.iter().map(issue).collect() } else { Vec::new() };
    let mut branches = BTreeMap::from([("main".to_owned(), head.to_owned())]);
    for (number, sha) in heads_beside(&commits, head).into_iter().enumerate() {
        branches.insert(format!("side-{number}"), sha);
    }
    let created_at = commits.values().map(|commit| commit.authored_at).min().unwrap_or_default();
    let repository = Repository {
        id: 1,
        owner: ORGANIZATION.to_owned(),
        name,
        former_names: Vec::new(),
        default_branch: "main".to_owned(),
        archived: false,
        created_at,
        commits,
        branches,
        tags,
        pull_requests,
        deployments: Vec::new(),
        releases: Vec::new(),
        workflow_runs: Vec::new(),
        issues,
    };
    Ok(World { organization: ORGANIZATION.to_owned(), repositories: vec![repository], ..World::default() })
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn lines(path: &Path) -> Result<Vec<Value>> {
    read(path)?.lines().map(|line| serde_json::from_str(line).with_context(|| path.display().to_string())).collect()
}

fn moment(value: &Value) -> Option<Moment> {
    value.as_str()?.parse().ok()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(text).collect()
}

fn commit(line: &Value, with_pull_requests: bool) -> Commit {
    let reverts = line["reverts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let reverts: String = reverts
        .iter()
        .filter(|revert| revert["via"] == "body_sha")
        .map(|revert| format!("\n\nThis reverts commit {}.", text(&revert["sha"])))
        .collect();
    Commit {
        sha: text(&line["sha"]),
        parents: texts(&line["parents"]),
        authored_at: moment(&line["author_date"]).unwrap_or_default(),
        committed_at: moment(&line["commit_date"]).unwrap_or_default(),
        author: text(&line["author"]),
        message: format!("{}{reverts}", text(&line["subject"])),
        paths: texts(&line["top"]),
        additions: line["add"].as_u64().unwrap_or_default(),
        deletions: line["del"].as_u64().unwrap_or_default(),
        pull_request: line["pr"].as_u64().filter(|_| with_pull_requests),
    }
}

fn tag(line: &Value) -> Tag {
    let annotated = line["annotated"].as_bool().unwrap_or_default();
    Tag { name: text(&line["tag"]), sha: text(&line["sha"]), annotated_at: moment(&line["date"]).filter(|_| annotated) }
}

/// Commits that no other commit has as a parent, beside the head of the default branch.
fn heads_beside(commits: &BTreeMap<String, Commit>, head: &str) -> Vec<String> {
    let parents: BTreeSet<&String> = commits.values().flat_map(|commit| &commit.parents).collect();
    commits.keys().filter(|sha| !parents.contains(sha) && *sha != head).cloned().collect()
}

fn own_commits(line: &Value, commits: &BTreeMap<String, Commit>) -> Vec<Commit> {
    texts(&line["commits"]).iter().filter_map(|sha| commits.get(sha).cloned()).collect()
}

/// A pull request as GitHub recorded it. Of a squashed one the record names only the commit that landed.
fn recorded_pull_request(line: &Value, commits: &BTreeMap<String, Commit>) -> PullRequest {
    let reviews = line["reviews"].as_array().map(Vec::as_slice).unwrap_or_default();
    let squashed = line["kind"] == "squash_or_rebase";
    let reviews = reviews.iter().map(|review| Review {
        author: text(&review["author"]),
        state: text(&review["state"]),
        submitted_at: moment(&review["at"]).unwrap_or_default(),
        body: if review["body"] == true { "A remark.".to_owned() } else { String::new() },
        comments: u32::try_from(review["comments"].as_u64().unwrap_or_default()).unwrap_or(u32::MAX),
    });
    PullRequest {
        number: line["number"].as_u64().unwrap_or_default(),
        title: text(&line["title"]),
        body: String::new(),
        author: text(&line["author"]),
        draft: false,
        created_at: moment(&line["created_at"]).unwrap_or_default(),
        updated_at: moment(&line["updated_at"]).unwrap_or_default(),
        merged_at: moment(&line["merged_at"]),
        closed_at: moment(&line["closed_at"]),
        base: text(&line["base"]),
        head: "change".to_owned(),
        from_fork: line["fork"].as_bool().unwrap_or_default(),
        merge_commit: line["merge_commit"].as_str().map(str::to_owned),
        own_commits: if squashed { Vec::new() } else { own_commits(line, commits) },
        reviews: reviews.collect(),
        labels: texts(&line["labels"]),
        events: Vec::new(),
        paths: Vec::new(),
    }
}

/// A pull request as git alone tells it: its opening is not known, and taken as its first commit.
fn pull_request_of_git(line: &Value, commits: &BTreeMap<String, Commit>) -> PullRequest {
    let merged_at = moment(&line["merged_at"]);
    let authored_at = moment(&line["first_authored_at"]).or(merged_at).unwrap_or_default();
    PullRequest {
        number: line["number"].as_u64().unwrap_or_default(),
        title: format!("Change {}", line["number"]),
        body: String::new(),
        author: text(&line["author"]),
        draft: false,
        created_at: authored_at,
        updated_at: merged_at.unwrap_or(authored_at),
        merged_at,
        closed_at: merged_at,
        base: "main".to_owned(),
        head: "change".to_owned(),
        from_fork: false,
        merge_commit: line["merge_sha"].as_str().map(str::to_owned),
        own_commits: own_commits(line, commits),
        reviews: Vec::new(),
        labels: Vec::new(),
        events: Vec::new(),
        paths: Vec::new(),
    }
}

fn issue(line: &Value) -> Issue {
    Issue {
        number: line["number"].as_u64().unwrap_or_default(),
        title: text(&line["title"]),
        body: String::new(),
        author: text(&line["author"]),
        labels: texts(&line["labels"]),
        created_at: moment(&line["created_at"]).unwrap_or_default(),
        updated_at: moment(&line["updated_at"]).unwrap_or_default(),
        closed_at: moment(&line["closed_at"]),
        events: Vec::new(),
        issue_type: None,
    }
}
