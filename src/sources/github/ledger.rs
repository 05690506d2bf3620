//! How far the way back through history has come in each repository, and what it still costs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::budget::{Resource, seconds};
use crate::facts::Moment;

/// Over how long the pace is measured.
const PACE_OVER: chrono::Duration = chrono::Duration::minutes(10);

/// Records of a page, where none has been read yet.
const OF_A_PAGE: f64 = 100.0;

/// What is read back through history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PartKind {
    PullRequests,
    Deployments,
    Commits,
    WorkItems,
    Runs,
    Artifacts,
}

impl PartKind {
    /// Its name on pages and in metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PullRequests => "pull requests",
            Self::Deployments => "deployments",
            Self::Commits => "commits",
            Self::WorkItems => "issues",
            Self::Runs => "days of workflow runs",
            Self::Artifacts => "artifacts",
        }
    }

    /// The budget that it uses.
    pub(super) fn resource(self) -> Resource {
        match self {
            Self::Runs | Self::Artifacts => Resource::Core,
            _ => Resource::Graphql,
        }
    }
}

/// How far one part of one repository has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    /// So many records are done.
    pub(super) done: u64,
    /// Of so many, older ones than are wanted included, where that is known.
    pub(super) total: Option<u64>,
    /// With so many requests.
    pub(super) requests: u64,
    /// The share of the time that is wanted.
    pub(super) covered: f64,
}

/// Requests that are left: at least and at most.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct RequestsLeft {
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Progress {
    /// What is left, told from the records and from the time that they cover. `None` where neither tells.
    pub(super) fn left(&self) -> Option<RequestsLeft> {
        let requests = self.requests as f64;
        let by_records = self.total.map(|total| {
            let records = total.saturating_sub(self.done) as f64;
            let of_a_page = if self.done > 0 { self.done as f64 / requests.max(1.0) } else { OF_A_PAGE };
            (records / of_a_page).ceil()
        });
        let by_time =
            (self.covered > 0.0 && self.requests > 0).then(|| (requests * (1.0 - self.covered) / self.covered).ceil());
        let found: Vec<f64> = by_records.into_iter().chain(by_time).collect();
        let least = found.iter().copied().reduce(f64::min)?;
        let most = found.iter().copied().reduce(f64::max)?;
        Some(RequestsLeft { least, most })
    }
}

/// A kind of part in all repositories together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KindLeft {
    pub(super) kind: PartKind,
    pub(super) done: u64,
    pub(super) total: Option<u64>,
    /// Repositories in which it is under way, of which the number of requests is known, and not known.
    pub(super) repositories: usize,
    pub(super) unknown: usize,
    /// Requests of those that are known.
    pub(super) left: RequestsLeft,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    progress: Progress,
    is_finished: bool,
}

#[derive(Debug, Default)]
struct State {
    parts: BTreeMap<(PartKind, String), Part>,
    /// Repositories of whose history nothing was read yet in this round.
    waiting: BTreeSet<String>,
    /// Repositories whose history is complete.
    complete: BTreeSet<String>,
    /// When requests of the backfill were answered, in the last minutes.
    answered: VecDeque<(Moment, Resource)>,
    began_at: Option<Moment>,
}

/// The ledger of one source's round.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    state: Mutex<State>,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A repository whose history has still to be begun, with what is known of its size.
    pub(super) fn expect(&self, repository: &str, totals: &[(PartKind, Option<u64>)]) {
        let mut state = self.state();
        state.waiting.insert(repository.to_owned());
        for (kind, total) in totals {
            let progress = Progress { total: *total, ..Progress::default() };
            let part = Part { progress, is_finished: *total == Some(0) };
            state.parts.entry((*kind, repository.to_owned())).or_insert(part);
        }
    }

    /// A repository whose history an earlier round has begun: how much is left is told by its first turn in this one.
    pub(super) fn resume(&self, repository: &str) {
        let mut state = self.state();
        if !state.parts.keys().any(|(_, of)| of == repository) {
            state.waiting.insert(repository.to_owned());
        }
    }

    /// How far a part has come, and whether that is the end. Returns what is done of its kind in all repositories, and how
    /// much there is.
    pub(super) fn note(
        &self,
        repository: &str,
        kind: PartKind,
        progress: &Progress,
        is_finished: bool,
    ) -> (u64, Option<u64>) {
        let mut state = self.state();
        let mut progress = *progress;
        if is_finished {
            // The total may count what is older than is wanted.
            progress.total = Some(progress.done);
        }
        state.waiting.remove(repository);
        state.parts.insert((kind, repository.to_owned()), Part { progress, is_finished });
        sums(&state, kind)
    }

    /// A repository that could not be read is not waited for.
    pub(super) fn give_up(&self, repository: &str) {
        let mut state = self.state();
        state.waiting.remove(repository);
        state.parts.retain(|(_, of), _| of != repository);
    }

    /// A request of the backfill was answered.
    pub(super) fn answered(&self, resource: Resource, now: Moment) {
        let mut state = self.state();
        state.began_at.get_or_insert(now);
        state.answered.push_back((now, resource));
        while state.answered.front().is_some_and(|(at, _)| *at + PACE_OVER < now) {
            state.answered.pop_front();
        }
    }

    /// The history of a repository is complete.
    pub(super) fn completed(&self, repository: &str) {
        let mut state = self.state();
        state.waiting.remove(repository);
        state.complete.insert(repository.to_owned());
    }

    /// Forgets everything: the round is over.
    pub(super) fn clear(&self) {
        *self.state() = State::default();
    }

    /// Requests a second of the last minutes.
    pub(super) fn pace(&self, resource: Resource, now: Moment) -> Option<f64> {
        let state = self.state();
        let since = state.began_at?.max(now - PACE_OVER);
        let over = seconds(now - since);
        let count = state.answered.iter().filter(|(at, of)| *at >= since && *of == resource).count();
        (over >= 10.0 && count > 0).then(|| count as f64 / over)
    }

    /// Repositories that wait to be begun, are under way, and are complete.
    pub(super) fn repositories(&self) -> (usize, usize, usize) {
        let state = self.state();
        let under_way: BTreeSet<&String> = open(&state).map(|((_, repository), _)| repository).collect();
        let begun = under_way.iter().filter(|repository| !state.waiting.contains(**repository)).count();
        (state.waiting.len(), begun, state.complete.len())
    }

    /// What is left, by kind. `unknown` counts the repositories of which no number is known.
    pub(super) fn left(&self) -> Vec<KindLeft> {
        let state = self.state();
        let mut kinds: BTreeMap<PartKind, KindLeft> = BTreeMap::new();
        for ((kind, _), part) in open(&state) {
            let entry = kinds.entry(*kind).or_insert_with(|| {
                let (done, total) = sums(&state, *kind);
                KindLeft { kind: *kind, done, total, repositories: 0, unknown: 0, left: RequestsLeft::default() }
            });
            entry.repositories += 1;
            match part.progress.left() {
                Some(left) => {
                    entry.left.least += left.least;
                    entry.left.most += left.most;
                }
                None => entry.unknown += 1,
            }
        }
        kinds.into_values().collect()
    }
}

fn open(state: &State) -> impl Iterator<Item = (&(PartKind, String), &Part)> {
    state.parts.iter().filter(|(_, part)| !part.is_finished)
}

/// What is done of a kind in all repositories, and how much there is where that is known of all.
fn sums(state: &State, kind: PartKind) -> (u64, Option<u64>) {
    let parts = || state.parts.range((kind, String::new())..).take_while(|((of, _), _)| *of == kind);
    let done = parts().map(|(_, part)| part.progress.done).sum();
    let total = parts().map(|(_, part)| part.progress.total).sum();
    (done, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: u64, total: Option<u64>, requests: u64, covered: f64) -> Progress {
        Progress { done, total, requests, covered }
    }

    #[test]
    fn what_is_left_is_told_from_records_and_from_time() {
        // 200 of 1,000 in 4 requests: 800 at 50 each are 16. A quarter of the time: 4 · 3 = 12.
        let left = progress(200, Some(1000), 4, 0.25).left().unwrap();
        assert_eq!((left.least, left.most), (12.0, 16.0));
        // Nothing read yet: a hundred records a page.
        assert_eq!(progress(0, Some(250), 0, 0.0).left().unwrap().most, 3.0);
        // Only time tells: 30 of 120 days in 5 requests leave 15.
        assert_eq!(progress(30, None, 5, 0.25).left().unwrap().least, 15.0);
        assert_eq!(progress(0, None, 0, 0.0).left(), None);
    }

    #[test]
    fn kinds_add_up_over_repositories_and_say_what_is_unknown() {
        let ledger = Ledger::default();
        ledger.expect("a/a", &[(PartKind::PullRequests, Some(250)), (PartKind::Commits, None)]);
        ledger.expect("a/b", &[(PartKind::PullRequests, Some(100))]);
        assert_eq!(ledger.repositories(), (2, 0, 0));
        let sums = ledger.note("a/b", PartKind::PullRequests, &progress(50, Some(100), 1, 0.5), false);
        assert_eq!(sums, (50, Some(350)));
        let left = ledger.left();
        // 3 requests of a/a, 1 of a/b.
        assert_eq!((left[0].done, left[0].total, left[0].left.most), (50, Some(350), 4.0));
        assert_eq!((left[1].total, left[1].unknown), (None, 1));
        assert_eq!(ledger.repositories(), (1, 1, 0));
        // It ends before its total, which counted what is too old.
        ledger.note("a/b", PartKind::PullRequests, &progress(80, Some(100), 2, 1.0), true);
        ledger.completed("a/b");
        assert_eq!((ledger.left()[0].done, ledger.left()[0].total), (80, Some(330)));
        assert_eq!(ledger.repositories(), (1, 0, 1));
    }

    #[test]
    fn what_an_earlier_round_has_begun_waits_until_its_first_turn() {
        let ledger = Ledger::default();
        ledger.resume("a/a");
        assert_eq!(ledger.repositories(), (1, 0, 0));
        ledger.note("a/a", PartKind::Commits, &progress(50, None, 1, 0.5), false);
        ledger.resume("a/a");
        assert_eq!(ledger.repositories(), (0, 1, 0));
    }

    #[test]
    fn the_pace_is_that_of_the_last_ten_minutes() {
        let at = |seconds| Moment::from_timestamp(seconds, 0).unwrap();
        let ledger = Ledger::default();
        for half_second in 0..120 {
            ledger.answered(Resource::Graphql, at(half_second / 2));
        }
        assert_eq!(ledger.pace(Resource::Graphql, at(60)), Some(2.0));
        assert_eq!(ledger.pace(Resource::Graphql, at(5)), None);
        assert_eq!(ledger.pace(Resource::Core, at(60)), None);
        for _ in 0..6 {
            ledger.answered(Resource::Graphql, at(1200));
        }
        assert_eq!(ledger.pace(Resource::Graphql, at(1200)), Some(0.01));
    }
}
