//! Whose turn it is: what is fresh before what is old, and then one repository after the other, a turn each. Pure.

use std::collections::{BTreeMap, VecDeque};

use super::super::budget::Urgency;

/// What waits for a turn, by the id of its repository.
#[derive(Debug)]
pub(super) struct Queue<T> {
    works: BTreeMap<String, (u64, Urgency, T)>,
    fresh: VecDeque<(u64, String)>,
    backfill: VecDeque<(u64, String)>,
    tickets: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { works: BTreeMap::new(), fresh: VecDeque::new(), backfill: VecDeque::new(), tickets: 0 }
    }
}

impl<T> Queue<T> {
    /// Puts work at the end. What waited for the same repository is replaced, and its place given up.
    pub(super) fn put(&mut self, id: &str, urgency: Urgency, work: T) {
        self.tickets += 1;
        self.works.insert(id.to_owned(), (self.tickets, urgency, work));
        let line = if urgency == Urgency::Fresh { &mut self.fresh } else { &mut self.backfill };
        line.push_back((self.tickets, id.to_owned()));
    }

    /// Takes what has waited longest.
    pub(super) fn take(&mut self, urgency: Urgency) -> Option<T> {
        let line = if urgency == Urgency::Fresh { &mut self.fresh } else { &mut self.backfill };
        while let Some((ticket, id)) = line.pop_front() {
            if self.works.get(&id).is_some_and(|(current, ..)| *current == ticket) {
                return self.works.remove(&id).map(|(_, _, work)| work);
            }
        }
        None
    }

    /// Whether a repository waits.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.works.contains_key(id)
    }

    /// How much waits.
    pub(super) fn len(&self, urgency: Urgency) -> usize {
        self.works.values().filter(|(_, of, _)| *of == urgency).count()
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
        while let Some((pages, done)) = queue.take(Urgency::Backfill) {
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
    fn what_becomes_fresh_leaves_its_old_place() {
        let mut queue = Queue::default();
        queue.put("a", Urgency::Backfill, 1);
        queue.put("b", Urgency::Backfill, 2);
        queue.put("a", Urgency::Fresh, 3);
        assert!(queue.holds("a"));
        assert_eq!((queue.len(Urgency::Fresh), queue.len(Urgency::Backfill)), (1, 1));
        assert_eq!(queue.take(Urgency::Fresh), Some(3));
        queue.put("a", Urgency::Backfill, 4);
        assert_eq!(queue.take(Urgency::Backfill), Some(2));
        assert_eq!(queue.take(Urgency::Backfill), Some(4));
        assert_eq!(queue.take(Urgency::Backfill), None);
    }
}
