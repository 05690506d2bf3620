//! Whose turn it is: what is fresh before what is old, and then one repository after the other, a turn each. Those that the
//! same credentials see stand in one line, so that who waits for a budget holds only those up that wait for the same. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::super::budget::Urgency;

/// A line: what is in it, and the credentials that see it, by their place.
pub(super) type Line = (Urgency, BTreeSet<usize>);

/// What waits for a turn, by the id of its repository.
#[derive(Debug)]
pub(super) struct Queue<T> {
    works: BTreeMap<String, (u64, Line, T)>,
    /// Who stands in each line, by the ticket.
    lines: BTreeMap<Line, BTreeMap<u64, String>>,
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
    pub(super) fn put(&mut self, id: &str, line: Line, work: T) {
        let urgency = line.0;
        if let Some((ticket, of, _)) = self.works.remove(id) {
            let was = of.0;
            self.lines.entry(of).or_default().remove(&ticket);
            if was == Urgency::Backfill && urgency == Urgency::Fresh {
                self.kept.insert(id.to_owned(), ticket);
            }
        }
        self.tickets += 1;
        let kept = if urgency == Urgency::Backfill { self.kept.remove(id) } else { None };
        let ticket = kept.unwrap_or(self.tickets);
        self.lines.entry(line.clone()).or_default().insert(ticket, id.to_owned());
        self.works.insert(id.to_owned(), (ticket, line, work));
    }

    /// Takes what has waited longest in the lines that may go on.
    pub(super) fn take(&mut self, urgency: Urgency, may_go: impl Fn(&Line) -> bool) -> Option<T> {
        let lines =
            self.lines.iter_mut().filter(|(line, waiting)| line.0 == urgency && !waiting.is_empty() && may_go(line));
        let (_, first) = lines.min_by_key(|(_, waiting)| waiting.first_key_value().map(|(ticket, _)| *ticket))?;
        let (_, id) = first.pop_first()?;
        self.works.remove(&id).map(|(_, _, work)| work)
    }

    /// Whether a repository waits.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.works.contains_key(id)
    }

    /// How much waits.
    pub(super) fn len(&self, urgency: Urgency) -> usize {
        self.lines.iter().filter(|(line, _)| line.0 == urgency).map(|(_, waiting)| waiting.len()).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.works.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of what the first credential sees.
    fn line(urgency: Urgency) -> Line {
        (urgency, BTreeSet::from([0]))
    }

    fn take<T>(queue: &mut Queue<T>, urgency: Urgency) -> Option<T> {
        queue.take(urgency, |_| true)
    }

    #[test]
    fn each_has_a_turn_before_anyone_has_the_next() {
        // Forty repositories with 1 to 40 pages.
        let mut queue = Queue::default();
        for pages in 1..=40_usize {
            queue.put(&format!("{pages:02}"), line(Urgency::Backfill), (pages, 0_usize));
        }
        let mut read = vec![0_usize; 41];
        while let Some((pages, done)) = take(&mut queue, Urgency::Backfill) {
            read[pages] += 1;
            // Nobody that still has pages is more than one behind.
            let behind = (1..=40).filter(|other| read[*other] < *other).map(|other| read[other]).min();
            assert!(behind.is_none_or(|behind| read[pages] <= behind + 1), "{pages} has {}", read[pages]);
            if done + 1 < pages {
                queue.put(&format!("{pages:02}"), line(Urgency::Backfill), (pages, done + 1));
            }
        }
        assert!((1..=40).all(|pages| read[pages] == pages) && queue.is_empty());
    }

    #[test]
    fn what_becomes_fresh_comes_back_to_its_place() {
        let mut queue = Queue::default();
        queue.put("a", line(Urgency::Backfill), 1);
        queue.put("b", line(Urgency::Backfill), 2);
        queue.put("a", line(Urgency::Fresh), 3);
        assert!(queue.holds("a"));
        assert_eq!((queue.len(Urgency::Fresh), queue.len(Urgency::Backfill)), (1, 1));
        assert_eq!(take(&mut queue, Urgency::Fresh), Some(3));
        queue.put("a", line(Urgency::Backfill), 4);
        assert_eq!(take(&mut queue, Urgency::Backfill), Some(4));
        // It has had its turn: the next place is at the end.
        queue.put("a", line(Urgency::Backfill), 5);
        assert_eq!([take(&mut queue, Urgency::Backfill), take(&mut queue, Urgency::Backfill)], [Some(2), Some(5)]);
        assert_eq!(take(&mut queue, Urgency::Backfill), None);
        assert!(queue.is_empty());
    }

    #[test]
    fn lines_that_may_not_go_on_hold_no_other_up() {
        let mut queue = Queue::default();
        let of = |credentials: &[usize]| (Urgency::Backfill, credentials.iter().copied().collect::<BTreeSet<_>>());
        for (work, credentials) in [(1, &[0][..]), (2, &[1]), (3, &[0]), (4, &[0, 1]), (5, &[1])] {
            queue.put(&work.to_string(), of(credentials), work);
        }
        let of_second = |line: &Line| line.1.contains(&1);
        let taken: Vec<i32> = std::iter::from_fn(|| queue.take(Urgency::Backfill, of_second)).collect();
        assert_eq!((taken, queue.len(Urgency::Backfill)), (vec![2, 4, 5], 2));
        assert_eq!(take(&mut queue, Urgency::Backfill), Some(1));
        // A repository that others see now stands in their line.
        queue.put("3", of(&[1]), 6);
        assert_eq!(queue.take(Urgency::Backfill, of_second), Some(6));
        assert!(queue.is_empty());
    }
}
