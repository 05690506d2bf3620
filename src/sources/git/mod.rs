//! A local git clone: commits, and tags as deployments. No token, no network.
//!
//! Git knows nothing of reviews, nor of when a pull request was opened; so no pull requests are made up from merge and
//! squash subjects, only their numbers are noted on the commits.

mod config;
mod convert;
mod read;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::finding::{Finding, Fix};
use super::source::{
    BatchSink, ConfigureError, Kind, Reach, Source, SourceContext, SourceError, SourceTable, Telemetry,
};
use crate::facts::{Batch, Commit, Fact, FactFamily as _, Repository, Tag};
use config::GitTable;

/// Local clones.
pub(super) const KIND: Kind = Kind {
    name: "git",
    summary: "Commits and tags of local git clones.",
    families: FAMILIES,
    example: r#"[git]
path = "../shop"                 # the clone; fetch it yourself, chiplog only reads
repository = "acme/shop"         # its name; from the origin remote unless given
changed_files = false            # read which files each commit changed: for services that are path sets of a monorepo
name = "git"                     # the source's name, needed when there are several
"#,
    privacy: "E-mail addresses of authors become keyed hashes; messages are kept as their first line without names.",
    credential: "",
    configure,
};

const FAMILIES: &[&str] = &[Repository::FAMILY, Commit::FAMILY, Tag::FAMILY];

/// Commits of one page.
const PAGE: usize = 1000;

fn configure(table: SourceTable<'_>, context: &SourceContext) -> Result<Arc<dyn Source>, ConfigureError> {
    let table = GitTable::read(table)?;
    let path = context.base_directory.join(&table.path);
    Ok(Arc::new(GitSource { table, path, context: context.clone() }))
}

struct GitSource {
    table: GitTable,
    path: PathBuf,
    context: SourceContext,
}

#[async_trait]
impl Source for GitSource {
    fn name(&self) -> &str {
        &self.table.name
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn families(&self) -> Vec<&'static str> {
        FAMILIES.to_vec()
    }

    async fn collect(&self, sink: &dyn BatchSink) -> Result<(), SourceError> {
        let request = self.request();
        let known = sink.cursor("refs").await?;
        let (path, unchanged) = (self.path.clone(), known.clone());
        let clone = blocking(move || read::open(&path, &request, unchanged.as_deref())).await?;
        let Some(clone) = clone else { return Ok(()) };
        if clone.shallow {
            tracing::warn!(
                source = self.table.name,
                "{}; `git fetch --unshallow` in it completes it",
                self.cut_short()
            );
        }
        let total = clone.commits.len();
        for (number, page) in clone.commits.chunks(PAGE).enumerate() {
            let (request, ids) = (self.request(), page.to_vec());
            let repository = clone.repository.full_name.clone();
            let path = self.path.clone();
            let facts = blocking(move || read::commits(&path, &ids, &repository, &request)).await?;
            sink.accept(Batch { facts, ..Batch::default() }).await?;
            sink.progress(&clone.repository.full_name, ((number + 1) * PAGE).min(total) as u64, Some(total as u64));
        }
        let tags = clone.tags.into_iter().map(Fact::Tag);
        let facts = tags.chain([Fact::Repository(clone.repository)]).collect();
        // The heads are noted last: a collection that is cut short begins anew, and finds what it stored unchanged.
        let cursors = vec![("refs".to_owned(), Some(clone.references))];
        sink.accept(Batch { facts, rejects: clone.rejects, cursors }).await?;
        Ok(())
    }

    async fn diagnose(&self) -> Vec<Finding> {
        let (path, request) = (self.path.clone(), self.request());
        match blocking(move || read::open(&path, &request, None)).await {
            Err(error) => vec![Finding::failed(&error, "path of [git] must be a clone that this user may read")],
            Ok(clone) => {
                let mut findings = Vec::new();
                if let Some(clone) = clone {
                    let (commits, tags) = (clone.commits.len(), clone.tags.len());
                    let message = format!("{}: {commits} commits, {tags} tags", clone.repository.full_name);
                    findings.push(Finding::good(message));
                    if clone.shallow {
                        let command = format!("git -C {} fetch --unshallow", self.path.display());
                        let finding = Finding::problem(self.cut_short()).hint("run `git fetch --unshallow` in it");
                        findings.push(finding.fix(Fix::Run(command)));
                    }
                }
                findings
            }
        }
    }

    fn reaches_back(&self) -> Reach {
        Reach::Beginning
    }

    fn telemetry(&self) -> Vec<Telemetry> {
        Vec::new()
    }
}

impl GitSource {
    fn cut_short(&self) -> String {
        format!("{} is a shallow clone: its history is cut short", self.path.display())
    }

    fn request(&self) -> read::Request {
        let now = (self.context.now)();
        read::Request {
            repository: self.table.repository.clone(),
            changed_files: self.table.changed_files,
            people: self.context.people.clone(),
            now,
            kept_since: self.context.retention.map(|retention| now - retention),
        }
    }
}

/// Runs what reads files on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|_| Err(SourceError::Malformed("reading the clone was interrupted".to_owned())))
}
