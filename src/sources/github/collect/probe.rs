//! Whether anything has changed in a repository: many are asked at once.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::payload::{ProbeNode, RepositoryNode};
use super::super::{GithubSource, queries};
use super::{ask, record, state};
use crate::address;
use crate::facts::Moment;
use crate::sources::shape;
use crate::sources::source::{BatchSink, SourceError};

/// Repositories of one probe: with two connections each, 50 cost one point.
pub(super) const PROBED_AT_ONCE: usize = 50;

/// A repository with what the probe told of it.
#[derive(Debug)]
pub(in super::super) struct Target {
    pub(in super::super) id: String,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) full_name: String,
    pub(super) url: String,
    pub(super) head: Option<(String, String)>,
    pub(super) created_at: Moment,
    pub(super) probe: Probe,
    /// How many pull requests, deployments and issues there are in all, however old.
    pub(super) totals: Totals,
}

impl Target {
    /// Its path in the REST API.
    pub(super) fn path(&self) -> Result<String, SourceError> {
        repository_path(&self.owner, &self.name)
    }
}

/// The path of a repository in the REST API.
pub(super) fn repository_path(owner: &str, name: &str) -> Result<String, SourceError> {
    address::path(&["repos", owner, name]).map(|path| format!("/{path}")).map_err(SourceError::Malformed)
}

/// How much there is of what is read page by page.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) pull_requests: Option<u64>,
    pub(super) deployments: Option<u64>,
}

/// What tells whether a part of a repository has changed. Kept as a cursor once the part has been read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in super::super) struct Probe {
    pub(super) full_name: String,
    pub(super) archived: bool,
    pub(super) pushed_at: Option<Moment>,
    pub(super) head: Option<String>,
    pub(super) release: Value,
    pub(super) pull_request: Value,
    pub(super) deployment: Value,
    pub(super) issue: Value,
    pub(super) work_item: Value,
    pub(super) complete: bool,
    /// Whether history is still to be walked through. Nothing that a probe tells.
    pub(super) history_left: bool,
}

/// A repository as it was seen, and as it is known.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) target: Target,
    pub(super) known: Probe,
}

impl Seen {
    /// Whether anything is different from what is known.
    pub(super) fn has_changed(&self) -> bool {
        let now = Probe { history_left: self.known.history_left, ..self.target.probe.clone() };
        self.known != now
    }
}

/// Repositories as they are probed together: those of one chunk are seen by the same credentials.
pub(super) fn chunks(mut repositories: Vec<RepositoryNode>) -> Vec<Vec<RepositoryNode>> {
    repositories.sort_by(|one, other| one.seen_by.cmp(&other.seen_by));
    let groups = repositories.chunk_by(|one, other| one.seen_by == other.seen_by);
    groups.flat_map(|group| group.chunks(PROBED_AT_ONCE)).map(<[_]>::to_vec).collect()
}

/// Asks many repositories at once what is newest in them, and looks up what is known of them.
pub(super) async fn look(
    source: &GithubSource,
    sink: &dyn BatchSink,
    repositories: Vec<RepositoryNode>,
) -> Result<Vec<Seen>, SourceError> {
    let mut seen = Vec::new();
    for target in probe(source, &repositories).await? {
        let known: Probe = state(sink, &target.cursor("probe")).await?.unwrap_or_default();
        seen.push(Seen { target, known });
    }
    Ok(seen)
}

/// Asks many repositories at once what is newest in them.
pub(in super::super) async fn probe(
    source: &GithubSource,
    repositories: &[RepositoryNode],
) -> Result<Vec<Target>, SourceError> {
    let ids: Vec<&str> = repositories.iter().map(|node| node.id.as_str()).collect();
    let labels = &source.config.incident_labels;
    let variables = json!({
        "ids": ids, "incidents": !labels.is_empty(), "labels": labels, "workItems": source.config.work_items,
    });
    let mut data = ask(source, queries::PROBE, &variables).await?;
    let nodes = shape::list(&mut data, "nodes", "GitHub")?;
    let told = nodes.into_iter().zip(repositories).filter(|(node, _)| !node.is_null());
    told.map(|(node, repository)| Ok(target(source, record(node)?, repository))).collect()
}

fn target(source: &GithubSource, node: ProbeNode, repository: &RepositoryNode) -> Target {
    let full_name = if source.config.repositories.contains(&repository.name_with_owner) {
        repository.name_with_owner.clone()
    } else {
        node.name_with_owner.clone()
    };
    let (owner, name) = node.name_with_owner.split_once('/').unwrap_or_default();
    let head = node.default_branch_ref.and_then(|branch| Some((branch.name, branch.target?.oid)));
    let newest = |nodes: Vec<Value>| nodes.into_iter().next().unwrap_or_default();
    let totals = Totals { pull_requests: node.pull_requests.total_count, deployments: node.deployments.total_count };
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
        history_left: false,
    };
    Target {
        id: node.id,
        owner: owner.to_owned(),
        name: name.to_owned(),
        full_name,
        url: node.url,
        head,
        created_at: node.created_at,
        probe,
        totals,
    }
}

impl Target {
    /// The name of a cursor of this repository. It is by the host's id, which a rename leaves as it is.
    pub(in super::super) fn cursor(&self, part: &str) -> String {
        format!("{}/{part}", self.id)
    }

    /// The variables that name the repository.
    pub(super) fn variables(&self, mut more: Value) -> Value {
        more["owner"] = json!(self.owner);
        more["name"] = json!(self.name);
        more
    }
}
