//! When the numbers of a team change although no fact does: rolling windows end at the moment of evaluation.
//!
//! Windows are whole weeks, and so are the weeks that rates are compared over: something that happened changes numbers as
//! time passes only at whole weeks after it happened. What is open grows older all the time, and at the team's midnight
//! the share of its working days moves. Such changes are slow, so a team is looked at for their sake once an hour at most;
//! when a week is complete its trends are due at once. Everything is brought to the next full five minutes, so that teams
//! are evaluated together. A team to which nothing of all this applies is not evaluated again until a fact comes: once a day
//! its numbers are said to hold for another day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, Days, Duration};

use crate::attribution::LONGEST_VIEW;
use crate::facts::Moment;
use crate::kpi::{Observed, TeamFacts};
use crate::report::scorecard::Scorecard;
use crate::stats::WorkingCalendar;

/// What changes slowly is looked at so often at most.
const SLOWLY: Duration = Duration::hours(1);

/// Evaluations that no fact asks for begin at multiples of so many milliseconds.
pub(super) const TICK_MS: i64 = 5 * 60_000;

/// The moment at which a team is to be evaluated again without any new fact. `None` where nothing would change.
pub(super) fn changes_at(
    facts: &TeamFacts<'_>,
    observed: &BTreeMap<&'static str, Observed>,
    cards: &[Scorecard],
) -> Option<Moment> {
    let as_of = facts.as_of;
    // Trends of scorecards compare with windows that ended some days ago.
    let measures = cards.iter().flat_map(|card| &card.rows).flat_map(|row| &row.measures);
    let offsets: BTreeSet<i64> =
        measures.filter_map(|measure| Some(measure.target.trend.as_ref()?.over_days)).chain([0]).collect();
    let items = || observed.values().flat_map(|observed| &observed.observations);
    let moments = items().flat_map(|item| item.began_at.into_iter().chain([item.at]));
    let recent: BTreeSet<i64> =
        moments.filter(|at| as_of - *at < LONGEST_VIEW).map(|at| at.timestamp_millis()).collect();
    let is_open = observed.values().any(|observed| !observed.open.is_empty());
    let unfixed = facts.security_alerts.iter().filter(|alert| alert.fixed_at.is_none());
    let late = unfixed.filter_map(|alert| alert.due_at).filter(|at| *at >= as_of).min();
    if recent.is_empty() && !is_open && late.is_none() {
        return None;
    }
    let now = as_of.timestamp_millis();
    let whole_weeks = recent.iter().flat_map(|at| offsets.iter().map(move |days| next_whole_week(*at, *days, now)));
    let today = facts.calendar.day(as_of);
    let midnight = next_midnight(facts.calendar, as_of);
    let slow = [(!recent.is_empty()).then_some(midnight), is_open.then_some(as_of), late];
    let slow = whole_weeks.min().and_then(Moment::from_timestamp_millis).into_iter().chain(slow.into_iter().flatten());
    let slow = slow.min().map(|at| at.max(as_of + SLOWLY));
    let left = 7 - u64::from(today.weekday().num_days_from_monday());
    let week = facts.calendar.day_start(today + Days::new(left));
    Some(at_tick(slow.map_or(week, |slow| slow.min(week))))
}

/// Of parts that are to be evaluated those that never were, and then those that were longest ago.
pub(super) fn longest_ago(
    parts: &BTreeSet<usize>,
    at_most: usize,
    evaluated_at: impl Fn(&usize) -> Option<Moment>,
) -> BTreeSet<usize> {
    let mut waiting: Vec<usize> = parts.iter().copied().collect();
    waiting.sort_by_key(evaluated_at);
    waiting.into_iter().take(at_most).collect()
}

/// The end of the day of a moment.
pub(super) fn next_midnight(calendar: &WorkingCalendar, as_of: Moment) -> Moment {
    calendar.day_start(calendar.day(as_of) + Days::new(1))
}

/// The first moment after `now` that is whole weeks after `at`, moved by so many days. What is yet to come counts as soon
/// as it is over.
fn next_whole_week(at: i64, days: i64, now: i64) -> i64 {
    const DAY: i64 = 86_400_000;
    let first = at + days * DAY;
    if first >= now {
        return first + 1;
    }
    first + ((now - first) / (7 * DAY) + 1) * 7 * DAY
}

fn at_tick(moment: Moment) -> Moment {
    let milliseconds = moment.timestamp_millis();
    let tick = milliseconds.div_euclid(TICK_MS) + i64::from(milliseconds.rem_euclid(TICK_MS) > 0);
    Moment::from_timestamp_millis(tick * TICK_MS).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_changes_something_at_whole_weeks_after_it() {
        let at = |text: &str| text.parse::<Moment>().unwrap().timestamp_millis();
        let next = |happened: &str, days, now: &str| next_whole_week(at(happened), days, at(now));
        assert_eq!(next("2026-10-01T10:00:00Z", 0, "2026-10-02T00:00:00Z"), at("2026-10-08T10:00:00Z"));
        assert_eq!(next("2026-10-01T10:00:00Z", 0, "2026-10-08T10:00:00Z"), at("2026-10-15T10:00:00Z"));
        assert_eq!(next("2026-10-01T10:00:00Z", 3, "2026-10-02T00:00:00Z"), at("2026-10-04T10:00:00.001Z"));
        assert_eq!(next("2026-10-01T10:00:00Z", 30, "2026-11-02T00:00:00Z"), at("2026-11-07T10:00:00Z"));
    }

    #[test]
    fn a_part_that_is_seldom_touched_comes_before_those_that_always_are() {
        let minutes_ago = [Some(1), Some(90), None, Some(2), Some(3)];
        let evaluated_at =
            |part: &usize| minutes_ago[*part].map(|minutes| Moment::UNIX_EPOCH - Duration::minutes(minutes));
        let first = |at_most| longest_ago(&BTreeSet::from([0, 1, 2, 4]), at_most, evaluated_at);
        assert_eq!(first(2), BTreeSet::from([1, 2]));
        assert_eq!(first(3), BTreeSet::from([1, 2, 4]));
        assert_eq!(first(usize::MAX), BTreeSet::from([0, 1, 2, 4]));
    }

    #[test]
    fn evaluations_without_a_fact_begin_at_full_five_minutes() {
        let at = |text: &str| text.parse::<Moment>().unwrap();
        assert_eq!(at_tick(at("2026-10-01T10:00:00Z")), at("2026-10-01T10:00:00Z"));
        assert_eq!(at_tick(at("2026-10-01T10:00:00.001Z")), at("2026-10-01T10:05:00Z"));
    }
}
