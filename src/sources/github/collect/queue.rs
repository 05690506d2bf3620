//! Whose turn it is: what is fresh before what is old, and then one repository after the other, a turn each. Pure.

use std::collections::BTreeMap;

use super::super::budget::Urgency;

/// What waits for a turn, by the id of its repository.
#[derive(Debug)]
pub(super) struct Queue<T> {
    works: BTreeMap<String, (u64, Urgency, T)>,
    /// Who stands in each line, by the ticket.
    lines: BTreeMap<(Urgency, u64), String>,
    /// The tickets of those whose history waits, and that something fresh goes before.
    kept: BTreeMap<String, u64>,
    tickets: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { works: BTreeMap::new(), lines: BTreeMap::new(), kept: BTreeMap::new(), tickets: 0 }
    }
}

impl<T> Queue<T> {
    /// Puts work at the end. What waited for the same repository is replaced. What is fresh keeps the place of a history, to
    /// which it comes back: whoever changes often would never have a turn of it.
    pub(super) fn put(&mut self, id: &str, urgency: Urgency, work: T) {
        if let Some((ticket, of, _)) = self.works.remove(id) {
            self.lines.remove(&(of, ticket));
            if of == Urgency::Backfill && urgency == Urgency::Fresh {
                self.kept.insert(id.to_owned(), ticket);
            }
        }
        self.tickets += 1;
        let kept = if urgency == Urgency::Backfill { self.kept.remove(id) } else { None };
        let ticket = kept.unwrap_or(self.tickets);
        self.works.insert(id.to_owned(), (ticket, urgency, work));
        self.lines.insert((urgency, ticket), id.to_owned());
    }

    /// Takes what has waited longest of what may go now.
    pub(super) fn take(&mut self, urgency: Urgency, may_go: impl Fn(&T) -> bool) -> Option<T> {
        let mut line = self.lines.range((urgency, 0)..=(urgency, u64::MAX));
        let (place, id) = line.find(|(_, id)| self.works.get(*id).is_some_and(|(_, _, work)| may_go(work)))?;
        let (place, id) = (*place, id.clone());
        self.lines.remove(&place);
        self.works.remove(&id).map(|(_, _, work)| work)
    }

    /// Whether a repository waits.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.works.contains_key(id)
    }

    /// How much waits.
    pub(super) fn len(&self, urgency: Urgency) -> usize {
        self.lines.range((urgency, 0)..=(urgency, u64::MAX)).count()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.works.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_turn_before_anyone_has_the_next() {
        // Forty repositories with 1 to 40 pages.
        let mut queue = Queue::default();
        for pages in 1..=40_usize {
            queue.put(&format!("{pages:02}"), Urgency::Backfill, (pages, 0_usize));
        }
        let mut read = vec![0_usize; 41];
        while let Some((pages, done)) = queue.take(Urgency::Backfill, |_| true) {
            read[pages] += 1;
            // Nobody that still has pages is more than one behind.
            let behind = (1..=40).filter(|other| read[*other] < *other).map(|other| read[other]).min();
            assert!(behind.is_none_or(|behind| read[pages] <= behind + 1), "{pages} has {}", read[pages]);
            if done + 1 < pages {
                queue.put(&format!("{pages:02}"), Urgency::Backfill, (pages, done + 1));
            }
        }
        assert!((1..=40).all(|pages| read[pages] == pages) && queue.is_empty());
    }

    #[test]
    fn what_becomes_fresh_comes_back_to_its_place() {
        let mut queue = Queue::default();
        queue.put("a", Urgency::Backfill, 1);
        queue.put("b", Urgency::Backfill, 2);
        queue.put("a", Urgency::Fresh, 3);
        assert!(queue.holds("a"));
        assert_eq!((queue.len(Urgency::Fresh), queue.len(Urgency::Backfill)), (1, 1));
        assert_eq!(queue.take(Urgency::Fresh, |_| true), Some(3));
        queue.put("a", Urgency::Backfill, 4);
        assert_eq!(queue.take(Urgency::Backfill, |_| true), Some(4));
        // It has had its turn: the next place is at the end.
        queue.put("a", Urgency::Backfill, 5);
        assert_eq!(queue.take(Urgency::Backfill, |_| true), Some(2));
        assert_eq!(queue.take(Urgency::Backfill, |_| true), Some(5));
        assert_eq!(queue.take(Urgency::Backfill, |_| true), None);
        assert!(queue.is_empty());
    }

    #[test]
    fn who_may_not_go_yet_keeps_its_place() {
        let mut queue = Queue::default();
        for work in 1..=4 {
            queue.put(&work.to_string(), Urgency::Backfill, work);
        }
        let is_even = |work: &i32| work % 2 == 0;
        assert_eq!(
            [queue.take(Urgency::Backfill, is_even), queue.take(Urgency::Backfill, |_| true)],
            [Some(2), Some(1)]
        );
        assert_eq!(queue.take(Urgency::Backfill, |work| *work > 4), None);
        assert_eq!(queue.len(Urgency::Backfill), 2);
    }
}
