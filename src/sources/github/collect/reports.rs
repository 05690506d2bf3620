//! Test and coverage reports out of the artifacts of workflow runs.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::GithubSource;
use super::super::ledger::{PartKind, Progress};
use super::{Target, note_progress, read_nodes, state};
use crate::facts::{Batch, Fact, FactFamily as _, Moment, Reject, TestReport};
use crate::sources::shape;
use crate::sources::source::{BatchSink, SourceError};
use crate::sources::test_reports::{self, Origin};

/// A larger artifact is left out, and said so.
const LARGEST_ARTIFACT: u64 = 50 * 1024 * 1024;

#[derive(Debug, Deserialize)]
struct ArtifactNode {
    id: u64,
    name: String,
    size_in_bytes: u64,
    expired: bool,
    created_at: Option<Moment>,
    workflow_run: Option<RunReference>,
}

#[derive(Debug, Deserialize)]
struct RunReference {
    id: u64,
    head_branch: Option<String>,
    head_sha: Option<String>,
}

/// How far artifacts have been read; their ids ascend.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Walk {
    etag: Option<String>,
    read_until: u64,
}

/// So many artifacts are read in one turn.
const OF_A_TURN: usize = 100;

/// Goes on with what an earlier turn left. Returns whether there is more.
pub(super) async fn back(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<bool, SourceError> {
    let walk: Walk = state(sink, &target.cursor("artifacts")).await?.unwrap_or_default();
    if walk.etag.is_some() { Ok(false) } else { forward(source, sink, target).await }
}

/// Lists what is new, newest first, and then reads it, oldest first, each with a cursor of its own. Returns whether there
/// is more.
pub(super) async fn forward(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<bool, SourceError> {
    let config = &source.config;
    if config.test_reports.is_empty() && config.coverage_reports.is_empty() {
        return Ok(false);
    }
    let cursor = target.cursor("artifacts");
    let mut walk: Walk = state(sink, &cursor).await?.unwrap_or_default();
    let oldest = (source.context.now)() - source.context.history;
    let base = format!("{}/actions/artifacts", target.path()?);
    let mut next = Some(format!("{base}?per_page=100"));
    let (mut waiting, mut rejects, mut etag) = (Vec::new(), Vec::new(), None);
    while let Some(path) = next.take() {
        let answer = source.client.get(&path, walk.etag.as_deref().filter(|_| etag.is_none())).await?;
        let Some(mut body) = answer.body else { return Ok(false) };
        etag = etag.or(answer.etag);
        let records = shape::list(&mut body, "artifacts", "GitHub")?;
        let id = |record: &Value| format!("{}/artifacts/{}", target.full_name, record["id"]);
        let (artifacts, bad) = read_nodes::<ArtifactNode>(records, TestReport::FAMILY, id);
        rejects.extend(bad);
        let is_new = |artifact: &ArtifactNode| {
            artifact.id > walk.read_until && artifact.created_at.is_none_or(|at| at >= oldest)
        };
        next = answer.next.filter(|_| artifacts.iter().any(is_new));
        waiting.extend(artifacts.into_iter().filter(is_new));
    }
    waiting.sort_by_key(|artifact| artifact.id);
    let (mut progress, more) =
        (Progress { total: Some(waiting.len() as u64), ..Progress::default() }, waiting.len() > OF_A_TURN);
    for artifact in waiting.into_iter().take(OF_A_TURN) {
        walk.read_until = artifact.id;
        let mut batch = artifact_facts(source, target, artifact, &base).await?;
        batch.cursors.push((cursor.clone(), Some(json!(walk).to_string())));
        sink.accept(batch).await?;
        (progress.done, progress.requests) = (progress.done + 1, progress.requests + 1);
    }
    if progress.total > Some(0) {
        note_progress(source, sink, target, PartKind::Artifacts, &progress, !more);
    }
    if more {
        walk.etag = None;
        let cursors = vec![(cursor, Some(json!(walk).to_string()))];
        sink.accept(Batch { rejects, cursors, ..Batch::default() }).await?;
        return Ok(true);
    }
    // Only when all of the list has been read does its tag say that nothing is left.
    walk.etag = etag;
    let cursors = vec![(cursor, Some(json!(walk).to_string()))];
    sink.accept(Batch { rejects, cursors, ..Batch::default() }).await?;
    Ok(false)
}

/// What one artifact holds, if its name says that it is a report.
async fn artifact_facts(
    source: &GithubSource,
    target: &Target,
    artifact: ArtifactNode,
    base: &str,
) -> Result<Batch, SourceError> {
    let config = &source.config;
    let (tests, covers) =
        (config.test_reports.is_match(&artifact.name), config.coverage_reports.is_match(&artifact.name));
    let run = artifact.workflow_run.as_ref();
    let (Some(at), Some(sha)) = (artifact.created_at, run.and_then(|run| run.head_sha.clone())) else {
        return Ok(Batch::default());
    };
    if artifact.expired || !(tests || covers) {
        return Ok(Batch::default());
    }
    let origin = Origin {
        repository: target.full_name.clone(),
        id: artifact.id.to_string(),
        name: artifact.name,
        sha,
        branch: run.and_then(|run| run.head_branch.clone()),
        at,
        url: run.map(|run| format!("{}/actions/runs/{}", target.url, run.id)),
    };
    let rejected = |reason: String| {
        let external_id = format!("{}/artifacts/{} ({})", target.full_name, origin.id, origin.name);
        Batch { rejects: vec![Reject { family: TestReport::FAMILY, external_id, reason }], ..Batch::default() }
    };
    if artifact.size_in_bytes > LARGEST_ARTIFACT {
        let mebibytes = LARGEST_ARTIFACT / 1024 / 1024;
        return Ok(rejected(format!("the artifact is larger than {mebibytes} MiB: upload the reports by themselves")));
    }
    let Some(location) = source.client.location(&format!("{base}/{}/zip", origin.id)).await? else {
        // It has expired since it was listed.
        return Ok(Batch::default());
    };
    let archive = source.downloads.fetch(location, LARGEST_ARTIFACT).await?;
    let reading = origin.clone();
    let read = tokio::task::spawn_blocking(move || {
        let mut facts = Vec::new();
        if tests {
            facts.push(Fact::TestReport(test_reports::test_report_of_archive(&archive, &reading)?));
        }
        if covers {
            facts.push(Fact::CoverageReport(test_reports::coverage_report_of_archive(&archive, &reading)?));
        }
        Ok::<_, test_reports::ReportError>(facts)
    });
    match read.await.map_err(|error| SourceError::Malformed(error.to_string()))? {
        Ok(facts) => Ok(Batch { facts, ..Batch::default() }),
        Err(error) => Ok(rejected(error.to_string())),
    }
}
