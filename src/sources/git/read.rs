//! Reading a clone with gitoxide. Everything here blocks.

use std::collections::BTreeMap;
use std::path::Path;

use gix::bstr::ByteSlice as _;
use gix::revision::walk::Sorting;
use gix::traverse::commit::simple::CommitTimeOrder;

use super::convert::{self, ReadCommit};
use crate::facts::{Fact, Moment, PersonHasher, Reject, Repository, Tag};
use crate::sources::source::SourceError;

/// What is asked of a clone.
pub(super) struct Request {
    /// `owner/name`; from the origin remote where not given.
    pub(super) repository: Option<String>,
    /// Whether to read which files each commit changed.
    pub(super) changed_files: bool,
    pub(super) people: PersonHasher,
    pub(super) now: Moment,
    /// What is older is forgotten anyway. `None` reads all of it.
    pub(super) kept_since: Option<Moment>,
}

/// What a clone holds.
pub(super) struct Clone {
    pub(super) repository: Repository,
    /// Every commit that the default branch or a tag reaches, newest first.
    pub(super) commits: Vec<gix::ObjectId>,
    pub(super) tags: Vec<Tag>,
    pub(super) rejects: Vec<Reject>,
    /// The heads and tags as they are: when they come again, nothing has changed.
    pub(super) references: String,
    pub(super) shallow: bool,
}

/// Any error of gitoxide, with what was being done.
fn broken<E: std::fmt::Display>(doing: &'static str) -> impl Fn(E) -> SourceError {
    move |error| SourceError::Malformed(format!("the clone cannot be read: {doing}: {error}"))
}

fn repository_at(path: &Path) -> Result<gix::Repository, SourceError> {
    gix::open(path).map_err(|_| {
        SourceError::NotFound(format!("{} is no git repository: name the folder of a clone", path.display()))
    })
}

/// Looks at a clone. `None` when its heads and tags are as `known` says.
pub(super) fn open(path: &Path, request: &Request, known: Option<&str>) -> Result<Option<Clone>, SourceError> {
    let mut git = repository_at(path)?;
    git.object_cache_size_if_unset(64 << 20);
    let empty = || SourceError::NotFound(format!("{} has no commit yet", path.display()));
    let (branch, head) = default_branch(&git).ok_or_else(empty)?;
    let full_name = request.repository.clone().unwrap_or_else(|| name_of(&git, path));
    let (mut tags, rejects) = tags(&git, &full_name)?;
    tags.retain(|tag| request.kept_since.is_none_or(|since| tag.tagged_at >= since));
    let heads: BTreeMap<String, String> =
        tags.iter().map(|tag| (tag.name.clone(), tag.sha.clone())).chain([(String::new(), head.to_string())]).collect();
    let references = serde_json::json!({ "heads": heads, "changed_files": request.changed_files }).to_string();
    if known == Some(references.as_str()) {
        return Ok(None);
    }
    let mut tips = vec![head];
    tips.extend(tags.iter().filter_map(|tag| gix::ObjectId::from_hex(tag.sha.as_bytes()).ok()));
    let sorting = request.kept_since.map_or(Sorting::BreadthFirst, |since| Sorting::ByCommitTimeCutoff {
        order: CommitTimeOrder::NewestFirst,
        seconds: since.timestamp(),
    });
    let walk = git.rev_walk(tips).sorting(sorting).all().map_err(broken("walking the history"))?;
    let commits = walk.map(|commit| commit.map(|commit| commit.id)).collect::<Result<Vec<_>, _>>();
    let commits = commits.map_err(broken("walking the history"))?;
    let repository = Repository {
        host_id: format!("git:{full_name}"),
        full_name,
        default_branch: Some(branch.clone()),
        branch_heads: BTreeMap::from([(branch, head.to_string())]),
        url: None,
        archived: false,
        created_at: Moment::UNIX_EPOCH,
        observed_at: request.now,
    };
    Ok(Some(Clone { repository, commits, tags, rejects, references, shallow: git.is_shallow().unwrap_or(false) }))
}

/// The branch that the remote calls its default, else the one that is checked out.
fn default_branch(git: &gix::Repository) -> Option<(String, gix::ObjectId)> {
    let remote = git.try_find_reference("refs/remotes/origin/HEAD").ok().flatten();
    let remote = remote.and_then(|reference| {
        let name = reference.target().try_name()?.shorten().to_str_lossy().into_owned();
        let id = reference.into_fully_peeled_id().ok()?.detach();
        Some((name.strip_prefix("origin/").unwrap_or(&name).to_owned(), id))
    });
    remote.or_else(|| {
        let name = git.head_name().ok().flatten().map(|name| name.shorten().to_str_lossy().into_owned());
        Some((name.unwrap_or_else(|| "HEAD".to_owned()), git.head_id().ok()?.detach()))
    })
}

fn name_of(git: &gix::Repository, path: &Path) -> String {
    let origin = git.try_find_remote("origin").and_then(Result::ok);
    let url = origin.as_ref().and_then(|remote| remote.url(gix::remote::Direction::Fetch));
    let named = url.and_then(|url| convert::repository_of_url(&url.path.to_str_lossy()));
    named.unwrap_or_else(|| {
        let folder = path.file_name().map(|name| name.to_string_lossy().into_owned());
        format!("local/{}", folder.unwrap_or_else(|| "clone".to_owned()))
    })
}

/// The tags of commits; tags of other objects are rejected.
fn tags(git: &gix::Repository, repository: &str) -> Result<(Vec<Tag>, Vec<Reject>), SourceError> {
    let (mut tags, mut rejects) = (Vec::new(), Vec::new());
    let references = git.references().map_err(broken("listing tags"))?;
    for reference in references.tags().map_err(broken("listing tags"))? {
        let mut reference = reference.map_err(broken("listing tags"))?;
        let name = reference.name().shorten().to_str_lossy().into_owned();
        match tag(git, &mut reference, &name, repository) {
            Some(tag) => tags.push(tag),
            None => rejects.push(Reject {
                family: "tags",
                external_id: format!("{repository}/tags/{name}"),
                reason: "the tag does not lead to a commit".to_owned(),
            }),
        }
    }
    Ok((tags, rejects))
}

fn tag(git: &gix::Repository, reference: &mut gix::Reference<'_>, name: &str, repository: &str) -> Option<Tag> {
    let direct = reference.target().try_id().map(ToOwned::to_owned);
    let commit = git.find_commit(reference.peel_to_id().ok()?.detach()).ok()?;
    let annotated = direct.and_then(|id| git.find_tag(id).ok());
    let tagged_at = annotated.and_then(|tag| {
        let decoded = tag.decode().ok()?;
        decoded.tagger().ok().flatten().and_then(|tagger| tagger.time().ok())
    });
    let time = tagged_at.or_else(|| commit.time().ok())?;
    Some(Tag {
        repository: repository.to_owned(),
        name: name.to_owned(),
        sha: commit.id().to_string(),
        tagged_at: Moment::from_timestamp(time.seconds, 0)?,
        url: None,
    })
}

/// The commits of one page as facts.
pub(super) fn commits(
    path: &Path,
    ids: &[gix::ObjectId],
    repository: &str,
    request: &Request,
) -> Result<Vec<Fact>, SourceError> {
    let mut git = repository_at(path)?;
    git.object_cache_size_if_unset(64 << 20);
    ids.iter().map(|id| commit(&git, *id, repository, request).map(Fact::Commit)).collect()
}

fn commit(
    git: &gix::Repository,
    id: gix::ObjectId,
    repository: &str,
    request: &Request,
) -> Result<crate::facts::Commit, SourceError> {
    let object = git.find_commit(id).map_err(broken("reading a commit"))?;
    let paths = if request.changed_files { Some(changed_files(&object)?) } else { None };
    let decoded = object.decode().map_err(broken("reading a commit"))?;
    let author = decoded.author().map_err(broken("reading an author"))?;
    let committer = decoded.committer().map_err(broken("reading a committer"))?;
    let moment = |seconds: i64| Moment::from_timestamp(seconds, 0).unwrap_or_default();
    let (name, address) = (author.name.to_str_lossy(), author.email.to_str_lossy());
    let message = decoded.message.to_str_lossy();
    let read = ReadCommit {
        sha: id.to_string(),
        parents: decoded.parents().map(|parent| parent.to_string()).collect(),
        author_name: &name,
        author_address: &address,
        authored_at: moment(author.seconds()),
        committed_at: moment(committer.seconds()),
        message: &message,
        paths,
    };
    Ok(convert::commit(read, repository, &request.people))
}

/// The files that a commit changed against its first parent.
fn changed_files(commit: &gix::Commit<'_>) -> Result<Vec<String>, SourceError> {
    let tree = commit.tree().map_err(broken("reading a tree"))?;
    let parent = commit.parent_ids().next().map(|id| id.object().map(gix::Object::into_commit));
    let parent_tree = match parent {
        Some(parent) => parent.map_err(broken("reading a parent"))?.tree().map_err(broken("reading a tree"))?,
        None => commit.repo.empty_tree(),
    };
    let mut paths = Vec::new();
    let mut changes = parent_tree.changes().map_err(broken("comparing trees"))?;
    changes.options(|options| {
        options.track_path().track_rewrites(None);
    });
    let compared = changes.for_each_to_obtain_tree(&tree, |change| {
        if !change.entry_mode().is_tree() {
            paths.push(change.location().to_str_lossy().into_owned());
        }
        Ok(std::ops::ControlFlow::Continue(()))
    });
    compared.map_err(broken("comparing trees"))?;
    Ok(paths)
}
