//! Artifacts of workflow runs. The archives themselves lie with another host, as GitHub's do.

use std::io::{Cursor, Write as _};

use axum::http::StatusCode;
use chrono::Duration;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::shapes::{repository_url, time};
use super::{Answer, Asked, paging};
use crate::world::{Artifact, Repository, World};

/// How long artifacts are kept.
const KEPT: Duration = Duration::days(90);

/// Artifacts, newest first.
pub(super) fn artifacts(asked: &Asked<'_>, of: &Repository) -> Answer {
    let name = asked.parameter("name");
    let mut items: Vec<&Artifact> =
        of_repository(asked.world, of).filter(|item| name.is_none_or(|name| item.name == name)).collect();
    items.sort_by_key(|item| std::cmp::Reverse(item.id));
    let total = items.len();
    let shape = |item: &&Artifact| artifact(asked, of, item);
    paging::page(asked, &items, paging::USUAL, shape, |items| json!({ "total_count": total, "artifacts": items }))
}

fn of_repository<'a>(world: &'a World, of: &Repository) -> impl Iterator<Item = &'a Artifact> {
    let full_name = format!("{}/{}", of.owner, of.name);
    world.artifacts.iter().filter(move |item| item.repository == full_name)
}

fn artifact(asked: &Asked<'_>, of: &Repository, fact: &Artifact) -> Value {
    let url = format!("{}/actions/artifacts/{}", repository_url(asked.root, of), fact.id);
    let size: usize = fact.files.values().map(String::len).sum();
    json!({
        "id": fact.id, "node_id": format!("A_{}", fact.id), "name": fact.name, "size_in_bytes": size, "url": url,
        "archive_download_url": format!("{url}/zip"), "expired": fact.expired, "created_at": time(fact.created_at),
        "updated_at": time(fact.created_at), "expires_at": time(fact.created_at + KEPT),
        "workflow_run": {
            "id": fact.run_id, "repository_id": of.id, "head_repository_id": of.id, "head_branch": fact.branch,
            "head_sha": fact.sha,
        },
    })
}

/// Sends to the archive: at `localhost`, where the API is at `127.0.0.1`.
pub(super) fn download(asked: &Asked<'_>, of: &Repository, id: &str) -> Answer {
    let found = of_repository(asked.world, of).find(|item| item.id.to_string() == id);
    match found {
        None => Answer::not_found(),
        Some(found) if found.expired => Answer::error(StatusCode::GONE, "Artifact has expired"),
        Some(found) => {
            let root = asked.root.trim_end_matches("/api/v3").replacen("127.0.0.1", "localhost", 1);
            let location = format!("{root}/storage/{}.zip", found.id);
            Answer { status: StatusCode::FOUND, body: Value::Null, headers: vec![("location", location)] }
        }
    }
}

/// The archive of an artifact, by the path at the other host.
pub(in crate::github) fn archive(world: &World, path: &str) -> Option<Vec<u8>> {
    let id = path.strip_prefix("/storage/")?.strip_suffix(".zip")?;
    let found = world.artifacts.iter().find(|item| item.id.to_string() == id)?;
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in &found.files {
        writer.start_file(name.as_str(), SimpleFileOptions::default()).ok()?;
        writer.write_all(text.as_bytes()).ok()?;
    }
    Some(writer.finish().ok()?.into_inner())
}
