//! Which of the files that checklists ask for a repository has: looked at once a day, and when its head has moved.

use serde_json::json;

use super::super::{GithubSource, queries};
use super::{Target, ask};
use crate::facts::{Batch, Fact, Inventory, InventoryEntry, InventoryKind};
use crate::sources::source::{BatchSink, SourceError};

/// Asks for all files with one query.
pub(super) async fn collect(source: &GithubSource, sink: &dyn BatchSink, target: &Target) -> Result<(), SourceError> {
    let wanted = &source.context.readiness_files;
    let Some((_, head)) = target.head.as_ref().filter(|_| source.config.readiness_files && !wanted.is_empty()) else {
        return Ok(());
    };
    let now = (source.context.now)();
    let cursor = target.cursor("files");
    let state = format!("{} {head} {}", now.date_naive(), wanted.join(" "));
    if sink.cursor(&cursor).await?.as_deref() == Some(&state) {
        return Ok(());
    }
    let mut variables = target.variables(json!({}));
    for (place, path) in wanted.iter().enumerate() {
        variables[format!("file{place}")] = json!(format!("{head}:{path}"));
    }
    let data = ask(source, &queries::files(wanted.len()), &variables).await?;
    let there = |place: &usize| data["repository"][format!("file{place}")].is_object();
    let entries = (0..wanted.len())
        .filter(there)
        .map(|place| InventoryEntry { name: wanted[place].clone(), attributes: std::collections::BTreeMap::new() });
    let inventory = Inventory {
        kind: InventoryKind::Files,
        scope: target.full_name.clone(),
        entries: entries.collect(),
        observed_at: now,
        url: Some(target.url.clone()),
    };
    let cursors = vec![(cursor, Some(state))];
    Ok(sink.accept(Batch { facts: vec![Fact::Inventory(inventory)], cursors, ..Batch::default() }).await?)
}
