//! One round: which repositories, what has changed in them, and the parts of those that have.

mod changes;
pub(super) mod deliveries;
mod files;
mod history;
mod operations;
mod projects;
mod reports;
mod runs;
mod security;
mod walk;
mod work_items;

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::GithubSource;
use super::client::CallError;
use super::payload::{Page, ProbeNode, RepositoryNode};
use super::queries;
use crate::facts::{Batch, Fact, Moment, Reject, Repository, TeamRepositories};
use crate::sources::source::{BatchSink, SinkError, SourceError};

/// Repositories of one probe: with two connections each, 50 cost one point.
const PROBED_AT_ONCE: usize = 50;

/// Repositories that are read at the same time.
const AT_ONCE: usize = 4;

/// A repository with what the probe told of it.
pub(super) struct Target {
    pub(super) id: String,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) full_name: String,
    pub(super) url: String,
    pub(super) head: Option<(String, String)>,
    created_at: Moment,
    probe: Probe,
}

/// What tells whether a part of a repository has changed. Kept as a cursor once the part has been read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Probe {
    full_name: String,
    archived: bool,
    pushed_at: Option<Moment>,
    head: Option<String>,
    release: Value,
    pull_request: Value,
    deployment: Value,
    issue: Value,
    work_item: Value,
    complete: bool,
}

/// Collects everything that is new. A repository that fails is reported, and the others go on; what concerns all of them
/// (a bad token, a used-up budget) ends the round.
pub(super) async fn all(source: &GithubSource, sink: &dyn BatchSink) -> Result<(), SourceError> {
    let repositories = listed(source, sink).await?;
    let mut targets = Vec::new();
    for chunk in repositories.chunks(PROBED_AT_ONCE) {
        targets.extend(probe(source, chunk).await?);
    }
    let mut unavailable = None;
    let mut rounds = Vec::new();
    for target in &targets {
        rounds.push(with_target(source, sink, target));
    }
    let mut rounds = futures_util::stream::iter(rounds).buffer_unordered(AT_ONCE);
    while let Some((target, result)) = rounds.next().await {
        match result {
            Ok(()) => {}
            Err(error @ (SourceError::NotFound(_) | SourceError::Forbidden(_) | SourceError::Malformed(_))) => {
                sink.report(&target.full_name, &error);
            }
            Err(error @ SourceError::Unavailable(_)) if unavailable.is_none() => {
                sink.report(&target.full_name, &error);
                unavailable = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    // One repository that GitHub could not serve does not stop the others; the round has failed all the same.
    unavailable.map_or(Ok(()), Err)?;
    // Projects say more of issues that are known by then.
    projects::collect(source, sink).await
}

/// What GitHub listed, and when and for which configuration.
#[derive(Debug, Serialize, Deserialize)]
struct Listing {
    listed_at: Moment,
    asked_for: String,
    repositories: Vec<RepositoryNode>,
}

/// How long a listing of repositories and teams is good.
const LISTING_IS_GOOD_FOR: chrono::Duration = chrono::Duration::hours(1);

/// The repositories to collect. They and the teams are listed anew every hour: new ones are rare, and each listing costs.
async fn listed(source: &GithubSource, sink: &dyn BatchSink) -> Result<Vec<RepositoryNode>, SourceError> {
    const CURSOR: &str = "listing";
    let config = &source.config;
    let asked_for =
        format!("{:?} {:?} {:?} {:?}", config.organization, config.repositories, config.exclude, config.teams);
    let now = (source.context.now)();
    let known: Option<Listing> = state(sink, CURSOR).await?;
    if let Some(known) = known
        && known.asked_for == asked_for
        && now - known.listed_at < LISTING_IS_GOOD_FOR
    {
        return Ok(known.repositories);
    }
    let listing = Listing { listed_at: now, asked_for, repositories: repositories(source).await? };
    teams(source, sink).await?;
    let cursors = vec![(CURSOR.to_owned(), Some(json!(listing).to_string()))];
    sink.accept(Batch { cursors, ..Batch::default() }).await?;
    Ok(listing.repositories)
}

/// The repositories to collect, as GitHub names them now.
pub(super) async fn repositories(source: &GithubSource) -> Result<Vec<RepositoryNode>, SourceError> {
    let config = &source.config;
    let mut found: BTreeMap<String, RepositoryNode> = BTreeMap::new();
    if let Some(login) = &config.organization {
        let mut after: Option<String> = None;
        loop {
            let variables = json!({ "login": login, "first": 100, "after": after });
            let data = ask(source, queries::ORGANIZATION_REPOSITORIES, &variables).await?;
            let page: Page = part(&data, "/organization/repositories")?;
            for node in page.nodes {
                let node: RepositoryNode = record(node)?;
                found.insert(node.id.clone(), node);
            }
            after = page.page_info.next();
            if after.is_none() {
                break;
            }
        }
    }
    for full_name in &config.repositories {
        let (owner, name) = full_name.split_once('/').unwrap_or_default();
        let data = ask(source, queries::REPOSITORY, &json!({ "owner": owner, "name": name })).await?;
        let mut node: RepositoryNode = part(&data, "/repository").map_err(|_| {
            SourceError::NotFound(format!(
                "GitHub does not show the repository {full_name}: check the name and what the token may see"
            ))
        })?;
        // A repository that was renamed goes on under the name by which the configuration knows it.
        node.name_with_owner.clone_from(full_name);
        found.insert(node.id.clone(), node);
    }
    let wanted =
        found.into_values().filter(|node| !node.is_archived && !config.exclude.is_match(&node.name_with_owner));
    Ok(wanted.collect())
}

/// The repositories of the GitHub teams.
async fn teams(source: &GithubSource, sink: &dyn BatchSink) -> Result<(), SourceError> {
    let Some(login) = &source.config.organization else { return Ok(()) };
    for slug in &source.config.teams {
        let mut repositories = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let variables = json!({ "login": login, "slug": slug, "first": 100, "after": after });
            let data = ask(source, queries::TEAM_REPOSITORIES, &variables).await?;
            let page: Page = part(&data, "/organization/team/repositories").map_err(|_| {
                SourceError::NotFound(format!("GitHub shows no team \"{slug}\" in {login}: check the slug, and that the token has the scope read:org"))
            })?;
            repositories.extend(page.nodes.iter().filter_map(|node| node["nameWithOwner"].as_str()).map(str::to_owned));
            after = page.page_info.next();
            if after.is_none() {
                break;
            }
        }
        repositories.sort();
        let cursor = format!("team/{slug}");
        let known = json!(repositories).to_string();
        if sink.cursor(&cursor).await?.as_deref() == Some(known.as_str()) {
            continue;
        }
        let fact =
            TeamRepositories { team: format!("{login}/{slug}"), repositories, observed_at: (source.context.now)() };
        let cursors = vec![(cursor, Some(known))];
        sink.accept(Batch { facts: vec![Fact::TeamRepositories(fact)], cursors, ..Batch::default() }).await?;
    }
    Ok(())
}

/// Asks many repositories at once what is newest in them.
async fn probe(source: &GithubSource, repositories: &[RepositoryNode]) -> Result<Vec<Target>, SourceError> {
    let ids: Vec<&str> = repositories.iter().map(|node| node.id.as_str()).collect();
    let labels = &source.config.incident_labels;
    let variables = json!({
        "ids": ids, "incidents": !labels.is_empty(), "labels": labels, "workItems": source.config.work_items,
    });
    let data = ask(source, queries::PROBE, &variables).await?;
    let nodes = data["nodes"].as_array().cloned().unwrap_or_default();
    let mut targets = Vec::new();
    for (node, repository) in nodes.into_iter().zip(repositories) {
        if node.is_null() {
            continue;
        }
        let node: ProbeNode = record(node)?;
        let full_name = if source.config.repositories.contains(&repository.name_with_owner) {
            repository.name_with_owner.clone()
        } else {
            node.name_with_owner.clone()
        };
        let (owner, name) = node.name_with_owner.split_once('/').unwrap_or_default();
        let head = node.default_branch_ref.and_then(|branch| Some((branch.name, branch.target?.oid)));
        let newest = |nodes: Vec<Value>| nodes.into_iter().next().unwrap_or_default();
        let probe = Probe {
            full_name: full_name.clone(),
            archived: node.is_archived,
            pushed_at: node.pushed_at,
            head: head.as_ref().map(|(_, oid)| oid.clone()),
            release: node.latest_release.unwrap_or_default(),
            pull_request: newest(node.pull_requests.nodes),
            deployment: newest(node.deployments.nodes),
            issue: node.issues.map(|issues| newest(issues.nodes)).unwrap_or_default(),
            work_item: node.work_items.map(|issues| newest(issues.nodes)).unwrap_or_default(),
            complete: true,
        };
        targets.push(Target {
            id: node.id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            full_name,
            url: node.url,
            head,
            created_at: node.created_at,
            probe,
        });
    }
    Ok(targets)
}

impl Target {
    /// The name of a cursor of this repository. It is by the host's id, which a rename leaves as it is.
    pub(super) fn cursor(&self, part: &str) -> String {
        format!("{}/{part}", self.id)
    }

    /// The variables that name the repository.
    pub(super) fn variables(&self, mut more: Value) -> Value {
        more["owner"] = json!(self.owner);
        more["name"] = json!(self.name);
        more
    }
}

async fn with_target<'a>(
    source: &GithubSource,
    sink: &dyn BatchSink,
    target: &'a Target,
) -> (&'a Target, Result<(), SourceError>) {
    (target, one(source, sink, target).await)
}

/// The changed parts of one repository. Each part that has been read is noted at once, so that a collection that is cut
/// off does not read it again.
async fn one(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<(), SourceError> {
    let mut known: Probe = state(sink, &target.cursor("probe")).await?.unwrap_or_default();
    let now = &target.probe;
    if known.complete && known.full_name != now.full_name {
        forget(sink, target).await?;
        known = Probe::default();
    }
    operations::open_deployments(source, sink, target).await?;
    if known != *now {
        known.complete = false;
        changed_parts(source, sink, target, &mut known).await?;
        history::commits(source, sink, target).await?;
        note(sink, target, now, vec![Fact::Repository(repository_fact(source, target))]).await?;
    }
    if source.config.workflow_runs {
        runs::collect(source, sink, target).await?;
    }
    reports::collect(source, sink, target).await?;
    security::collect(source, sink, target).await?;
    files::collect(source, sink, target).await
}

async fn changed_parts(
    source: &GithubSource,
    sink: &dyn BatchSink,
    target: &Target,
    known: &mut Probe,
) -> Result<(), SourceError> {
    let now = &target.probe;
    if known.pull_request != now.pull_request {
        changes::pull_requests(source, sink, target).await?;
        known.pull_request.clone_from(&now.pull_request);
        note(sink, target, known, Vec::new()).await?;
    }
    if known.deployment != now.deployment {
        operations::deployments(source, sink, target).await?;
        known.deployment.clone_from(&now.deployment);
        note(sink, target, known, Vec::new()).await?;
    }
    if known.release != now.release || known.pushed_at != now.pushed_at {
        operations::releases_and_tags(source, sink, target).await?;
        known.release.clone_from(&now.release);
        known.pushed_at = now.pushed_at;
        note(sink, target, known, Vec::new()).await?;
    }
    if known.issue != now.issue {
        operations::incidents(source, sink, target).await?;
        known.issue.clone_from(&now.issue);
        note(sink, target, known, Vec::new()).await?;
    }
    if known.work_item != now.work_item {
        work_items::collect(source, sink, target).await?;
        known.work_item.clone_from(&now.work_item);
        note(sink, target, known, Vec::new()).await?;
    }
    Ok(())
}

async fn note(sink: &dyn BatchSink, target: &Target, probe: &Probe, facts: Vec<Fact>) -> Result<(), SourceError> {
    let cursors = vec![(target.cursor("probe"), Some(json!(probe).to_string()))];
    Ok(sink.accept(Batch { facts, cursors, ..Batch::default() }).await?)
}

fn repository_fact(source: &GithubSource, target: &Target) -> Repository {
    Repository {
        full_name: target.full_name.clone(),
        host_id: target.id.clone(),
        default_branch: target.head.as_ref().map(|(branch, _)| branch.clone()),
        branch_heads: target.head.iter().cloned().collect(),
        url: Some(target.url.clone()),
        archived: target.probe.archived,
        created_at: target.created_at,
        observed_at: (source.context.now)(),
    }
}

/// A repository that was renamed or moved is read anew under its new name.
async fn forget(sink: &dyn BatchSink, target: &Target) -> Result<(), SourceError> {
    let parts = [
        "probe",
        "pull_requests",
        "deployments",
        "open_deployments",
        "commits",
        "heads",
        "runs",
        "incidents",
        "work_items",
        "artifacts",
        "dependabot",
        "code-scanning",
        "secret-scanning",
        "files",
    ];
    let cursors = parts.iter().map(|part| (target.cursor(part), None)).collect();
    sink.accept(Batch { cursors, ..Batch::default() }).await?;
    Ok(())
}

/// The state of a cursor; one that an older version wrote differently counts as none.
pub(super) async fn state<T: DeserializeOwned>(sink: &dyn BatchSink, name: &str) -> Result<Option<T>, SinkError> {
    Ok(sink.cursor(name).await?.and_then(|state| serde_json::from_str(&state).ok()))
}

/// Asks for something that is never too much.
pub(super) async fn ask(source: &GithubSource, query: &str, variables: &Value) -> Result<Value, SourceError> {
    for _ in 0..3 {
        match source.client.graphql(query, variables).await {
            Ok(data) => return Ok(data),
            Err(CallError::Source(error)) => return Err(error),
            Err(CallError::TooMuch) => {}
        }
    }
    Err(SourceError::Unavailable("GitHub does not answer in time; chiplog goes on trying".to_owned()))
}

/// Pages whose size follows what GitHub can answer: half after a time-out, more after each success.
pub(super) struct PageSize {
    size: u64,
}

impl PageSize {
    const SMALLEST: u64 = 5;
    const LARGEST: u64 = 100;

    pub(super) fn new() -> Self {
        Self { size: 50 }
    }

    /// Asks for one page; `variables` without `first`.
    pub(super) async fn ask(
        &mut self,
        source: &GithubSource,
        query: &str,
        variables: &Value,
    ) -> Result<Value, SourceError> {
        let mut failures = 0;
        loop {
            let mut variables = variables.clone();
            variables["first"] = json!(self.size);
            match source.client.graphql(query, &variables).await {
                Ok(data) => {
                    self.size = (self.size + self.size / 2).min(Self::LARGEST);
                    return Ok(data);
                }
                Err(CallError::Source(error)) => return Err(error),
                Err(CallError::TooMuch) if failures > 8 => {
                    return Err(SourceError::Unavailable(
                        "GitHub does not answer in time, not even small pages; chiplog goes on trying".to_owned(),
                    ));
                }
                Err(CallError::TooMuch) => {
                    failures += 1;
                    self.size = (self.size / 2).max(Self::SMALLEST);
                    tracing::debug!(size = self.size, "GitHub could not answer in time: smaller pages");
                }
            }
        }
    }
}

/// A part of the data that must be there.
pub(super) fn part<T: DeserializeOwned>(data: &Value, pointer: &str) -> Result<T, SourceError> {
    let found = data.pointer(pointer).filter(|part| !part.is_null());
    let found = found.ok_or_else(|| SourceError::NotFound(format!("GitHub shows nothing at {pointer}")))?;
    T::deserialize(found)
        .map_err(|error| SourceError::Malformed(format!("GitHub's answer at {pointer} is not as expected: {error}")))
}

fn record<T: DeserializeOwned>(node: Value) -> Result<T, SourceError> {
    serde_json::from_value(node)
        .map_err(|error| SourceError::Malformed(format!("a repository is not as expected: {error}")))
}

/// The nodes of a page, each read for itself: the bad ones become rejects, the good ones go on.
pub(super) fn read_nodes<T: DeserializeOwned>(
    nodes: Vec<Value>,
    family: &'static str,
    id: impl Fn(&Value) -> String,
) -> (Vec<T>, Vec<Reject>) {
    let (mut read, mut rejects) = (Vec::new(), Vec::new());
    for node in nodes {
        let external_id = id(&node);
        match serde_json::from_value(node) {
            Ok(node) => read.push(node),
            Err(error) => rejects.push(Reject { family, external_id, reason: error.to_string() }),
        }
    }
    (read, rejects)
}
