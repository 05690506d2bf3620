//! Windows of time that PagerDuty answers for: at most six months, and no more records than the highest offset. Pure.

use chrono::Duration;
use serde::{Deserialize, Serialize};

use crate::facts::Moment;

/// Offset and limit together must not go beyond this.
pub(super) const HIGHEST_OFFSET: usize = 10_000;

/// Six months of any length are longer than this.
const LONGEST: Duration = Duration::days(180);

/// A half-open span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    pub(super) from: Moment,
    pub(super) until: Moment,
}

impl Window {
    /// The later and the earlier half.
    pub(super) fn halves(self) -> [Self; 2] {
        let middle = self.from + (self.until - self.from) / 2;
        [Self { from: middle, until: self.until }, Self { from: self.from, until: middle }]
    }
}

/// The windows that cover a span, newest first, so that useful numbers come early.
pub(super) fn between(from: Moment, until: Moment) -> Vec<Window> {
    let mut windows = Vec::new();
    let mut end = until;
    while end > from {
        let begin = (end - LONGEST).max(from);
        windows.push(Window { from: begin, until: end });
        end = begin;
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_span_without_gaps_newest_first() {
        let at = |text: &str| text.parse::<Moment>().unwrap();
        let windows = between(at("2025-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
        assert_eq!(windows.len(), 3);
        assert_eq!(windows[0].until, at("2026-01-01T00:00:00Z"));
        assert_eq!(windows[2].from, at("2025-01-01T00:00:00Z"));
        assert!(windows.windows(2).all(|pair| pair[0].from == pair[1].until));
        assert!(windows.iter().all(|window| window.until - window.from <= LONGEST));
        let [later, earlier] = windows[0].halves();
        assert_eq!((earlier.from, earlier.until, later.until), (windows[0].from, later.from, windows[0].until));
    }
}
