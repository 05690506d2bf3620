//! Moments that were noted by a clock which has been set back since: nothing of them may be believed.

use chrono::Duration;

use crate::facts::Moment;

/// A clock that is adjusted goes back so far without doing harm: looks overlap by more.
const ADJUSTMENT: Duration = Duration::minutes(1);

/// Until when something was read. `None` where nothing is noted, or a moment that is still to come: all is read again.
pub(crate) fn read_until(noted: Option<Moment>, now: Moment) -> Option<Moment> {
    noted.filter(|at| *at <= now + ADJUSTMENT)
}

/// Whether it was looked at so recently that there is no need to look again.
pub(crate) fn is_recent(looked_at: Moment, now: Moment, good_for: Duration) -> bool {
    looked_at <= now + ADJUSTMENT && now - looked_at < good_for
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_wrong_clock_has_noted_is_not_believed() {
        let at = |minute: i64| Moment::from_timestamp(minute * 60, 0).unwrap();
        let now = at(1_000);
        assert_eq!(read_until(None, now), None);
        for (noted, believed) in [(0, true), (1_000, true), (1_001, true), (1_002, false), (900_000, false)] {
            assert_eq!(read_until(Some(at(noted)), now).is_some(), believed, "{noted}");
        }
        for (looked_at, recent) in [(900, false), (990, false), (991, true), (1_001, true), (1_002, false)] {
            assert_eq!(is_recent(at(looked_at), now, Duration::minutes(10)), recent, "{looked_at}");
        }
    }
}
