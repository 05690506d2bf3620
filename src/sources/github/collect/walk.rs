//! A walk from the newest record back to what is known, page by page, that can be taken up where it was left.

use serde::{Deserialize, Serialize};

use super::super::payload::PageInfo;
use crate::facts::Moment;

/// How far a list that is read newest first has been read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Walk {
    /// All that is older is stored.
    read_until: Option<Moment>,
    /// A walk that has begun and not ended: the page that comes next, and how new it began.
    pub(super) next_page: Option<String>,
    began_with: Option<Moment>,
}

impl Walk {
    /// The moment to walk back to: what is known, or the beginning of the history that is wanted.
    pub(super) fn floor(&self, oldest: Moment) -> Moment {
        self.read_until.unwrap_or(oldest).max(oldest)
    }

    /// Takes note of a page with records of these moments, newest first. Returns whether the walk has come to its end.
    pub(super) fn note(&mut self, moments: &[Moment], page: &PageInfo, floor: Moment) -> bool {
        self.began_with = self.began_with.or(moments.iter().max().copied());
        let reached = moments.iter().any(|at| *at < floor);
        self.next_page = page.next().filter(|_| !reached);
        let ended = self.next_page.is_none();
        if ended {
            *self = Self { read_until: self.began_with.or(self.read_until), ..Self::default() };
        }
        ended
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
    fn a_walk_ends_at_what_is_known_and_the_next_one_begins_there() {
        let mut walk = Walk::default();
        assert!(!walk.note(&[at(9), at(8)], &page(Some("two")), walk.floor(at(0))));
        assert_eq!(walk.next_page.as_deref(), Some("two"));
        assert!(walk.note(&[at(7)], &page(None), walk.floor(at(0))));
        assert_eq!(walk.floor(at(0)), at(9));
        // The second walk meets something older than that on its first page, and needs no other.
        assert!(walk.note(&[at(12), at(8)], &page(Some("two")), at(9)));
        assert_eq!(walk.floor(at(0)), at(12));
    }

    #[test]
    fn an_empty_list_is_read_to_its_end_at_once() {
        let mut walk = Walk::default();
        assert!(walk.note(&[], &page(None), at(0)));
        assert_eq!(walk.floor(at(5)), at(5));
    }
}
