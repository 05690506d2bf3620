//! Lists that are read newest first: forward from the newest record back to what is known, and back through history, a page
//! at a time. Each page is stored with where to go on.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::GithubSource;
use super::super::ledger::{PartKind, Progress};
use super::super::payload::PageInfo;
use super::{PageSize, Target, changes, note_progress, operations, state};
use crate::facts::{Batch, Moment};
use crate::sources::source::{BatchSink, SourceError};

/// How far a list that is read newest first has been read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Walk {
    /// What is newer than the history that is left, and not newer than this, is stored.
    read_until: Option<Moment>,
    /// A walk from the newest that has begun and not ended: the page that comes next, and how new it began.
    next_page: Option<String>,
    began_with: Option<Moment>,
    /// What is left of the way back through history.
    pub(super) history: Option<History>,
}

/// The way back through history.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct History {
    next_page: String,
    page_size: u64,
    progress: Progress,
}

/// A page as it was read.
pub(super) struct PageRead {
    /// What is to be stored.
    pub(super) batch: Batch,
    /// The moments of its records.
    pub(super) moments: Vec<Moment>,
    pub(super) info: PageInfo,
    pub(super) total: Option<u64>,
}

impl Walk {
    /// The moment to walk back to: what is known, or the beginning of the history that is wanted.
    fn floor(&self, oldest: Moment) -> Moment {
        self.read_until.unwrap_or(oldest).max(oldest)
    }

    /// Takes note of a page of the walk from the newest. Returns whether that has come to its end. The first walk of all
    /// ends with its first page; the rest is history.
    fn note(&mut self, moments: &[Moment], page: &PageInfo, oldest: Moment) -> bool {
        let floor = self.floor(oldest);
        let is_first = self.read_until.is_none();
        self.began_with = self.began_with.or(moments.iter().max().copied());
        let reached = moments.iter().any(|at| *at < floor);
        self.next_page = page.next().filter(|_| !reached);
        if is_first && let Some(next_page) = self.next_page.take() {
            self.history = Some(History { next_page, ..History::default() });
        }
        let ended = self.next_page.is_none();
        if ended {
            self.read_until = self.began_with.take().or(self.read_until);
        }
        ended
    }

    /// Takes note of a page of history.
    fn note_history(&mut self, moments: &[Moment], page: &PageInfo, oldest: Moment) {
        let reached = moments.iter().any(|at| *at < oldest);
        let next = page.next().filter(|_| !reached);
        match (&mut self.history, next) {
            (Some(history), Some(next)) => history.next_page = next,
            _ => self.history = None,
        }
    }
}

/// Lists that are read so.
#[derive(Debug, Clone, Copy)]
pub(super) enum Listed {
    PullRequests,
    Deployments,
}

impl Listed {
    pub(super) const ALL: [Self; 2] = [Self::PullRequests, Self::Deployments];

    fn cursor(self) -> &'static str {
        match self {
            Self::PullRequests => "pull_requests",
            Self::Deployments => "deployments",
        }
    }

    fn kind(self) -> PartKind {
        match self {
            Self::PullRequests => PartKind::PullRequests,
            Self::Deployments => PartKind::Deployments,
        }
    }

    /// One page, without what is older than `floor`.
    async fn page(
        self,
        source: &GithubSource,
        sink: &dyn BatchSink,
        target: &Target,
        place: (&mut PageSize, Option<&str>),
        floor: Moment,
    ) -> Result<PageRead, SourceError> {
        match self {
            Self::PullRequests => changes::page(source, target, place, floor).await,
            Self::Deployments => operations::deployments_page(source, sink, target, place, floor).await,
        }
    }

    /// Walks from the newest back to what is known; of a list that was never read, one page. After a walk that was taken
    /// up again, what has changed since it began is walked as well. Returns whether history is left.
    pub(super) async fn forward(
        self,
        source: &GithubSource,
        sink: &dyn BatchSink,
        target: &Target,
    ) -> Result<bool, SourceError> {
        let cursor = target.cursor(self.cursor());
        loop {
            let mut walk: Walk = state(sink, &cursor).await?.unwrap_or_default();
            let oldest = (source.context.now)() - source.context.history;
            let is_resumed = walk.next_page.is_some();
            let mut size = PageSize::new();
            loop {
                let (floor, is_first) = (walk.floor(oldest), walk.read_until.is_none());
                let read = self.page(source, sink, target, (&mut size, walk.next_page.as_deref()), floor).await?;
                let ended = walk.note(&read.moments, &read.info, oldest);
                if is_first {
                    let left = walk.history.as_mut();
                    let progress = progress(Progress::default(), &read, oldest, (source.context.now)());
                    note_progress(source, sink, target, self.kind(), &progress, left.is_none());
                    if let Some(left) = left {
                        (left.page_size, left.progress) = (size.size(), progress);
                    }
                }
                store(sink, &cursor, &walk, read.batch).await?;
                if ended {
                    break;
                }
            }
            if !is_resumed {
                return Ok(walk.history.is_some());
            }
        }
    }

    /// Reads one page of history, if any is left. Returns whether there is more.
    pub(super) async fn back(
        self,
        source: &GithubSource,
        sink: &dyn BatchSink,
        target: &Target,
    ) -> Result<bool, SourceError> {
        let cursor = target.cursor(self.cursor());
        let mut walk: Walk = state(sink, &cursor).await?.unwrap_or_default();
        let Some(history) = walk.history.as_mut() else { return Ok(false) };
        let now = (source.context.now)();
        let oldest = now - source.context.history;
        let mut size = PageSize::of(history.page_size);
        let next_page = history.next_page.clone();
        let read = self.page(source, sink, target, (&mut size, Some(&next_page)), oldest).await?;
        history.page_size = size.size();
        history.progress = progress(history.progress, &read, oldest, now);
        let progress = history.progress;
        walk.note_history(&read.moments, &read.info, oldest);
        store(sink, &cursor, &walk, read.batch).await?;
        note_progress(source, sink, target, self.kind(), &progress, walk.history.is_none());
        Ok(walk.history.is_some())
    }
}

async fn store(sink: &dyn BatchSink, cursor: &str, walk: &Walk, mut batch: Batch) -> Result<(), SourceError> {
    batch.cursors.push((cursor.to_owned(), Some(json!(walk).to_string())));
    Ok(sink.accept(batch).await?)
}

/// How far a part has come with one more page.
fn progress(before: Progress, read: &PageRead, oldest: Moment, now: Moment) -> Progress {
    let back_to = read.moments.iter().min().copied();
    let span = (now - oldest).num_seconds().max(1) as f64;
    Progress {
        done: before.done + read.moments.len() as u64,
        total: read.total.or(before.total),
        requests: before.requests + 1,
        covered: back_to.map_or(before.covered, |at| ((now - at).num_seconds() as f64 / span).clamp(0.0, 1.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Moment {
        Moment::from_timestamp(hour * 3600, 0).unwrap()
    }

    fn page(next: Option<&str>) -> PageInfo {
        PageInfo { has_next_page: next.is_some(), end_cursor: next.map(str::to_owned) }
    }

    #[test]
    fn the_first_walk_ends_with_its_first_page_and_leaves_the_rest_to_history() {
        let mut walk = Walk::default();
        assert!(walk.note(&[at(9), at(8)], &page(Some("two")), at(0)));
        assert_eq!(walk.floor(at(0)), at(9));
        assert_eq!(walk.history.as_ref().unwrap().next_page, "two");
        // Something new comes while history is left: its walk needs one page and leaves history as it is.
        assert!(walk.note(&[at(12), at(8)], &page(Some("two")), at(0)));
        assert_eq!(walk.floor(at(0)), at(12));
        walk.note_history(&[at(7), at(6)], &page(Some("three")), at(5));
        assert_eq!(walk.history.as_ref().unwrap().next_page, "three");
        // Older than what is wanted: the end.
        walk.note_history(&[at(5), at(4)], &page(Some("four")), at(5));
        assert_eq!(walk.history, None);
        assert_eq!(walk.floor(at(5)), at(12));
    }

    #[test]
    fn a_later_walk_goes_on_page_by_page_to_what_is_known() {
        let mut walk = Walk { read_until: Some(at(5)), ..Walk::default() };
        assert!(!walk.note(&[at(9), at(8)], &page(Some("two")), at(0)));
        assert_eq!((walk.next_page.as_deref(), walk.floor(at(0))), (Some("two"), at(5)));
        assert!(walk.note(&[at(7), at(4)], &page(Some("three")), at(0)));
        assert_eq!((walk.floor(at(0)), walk.history), (at(9), None));
    }

    #[test]
    fn an_empty_list_is_read_to_its_end_at_once() {
        let mut walk = Walk::default();
        assert!(walk.note(&[], &page(None), at(0)));
        assert_eq!((walk.floor(at(5)), walk.history), (at(5), None));
    }
}
