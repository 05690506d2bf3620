//! Working time: which hours of which days count.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

/// The daily working hours, from opening to closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkingHours {
    /// The start of the working day.
    pub from: NaiveTime,
    /// The end of the working day, later than `from`.
    pub until: NaiveTime,
}

/// A team's time zone, working days and hours, and holidays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingCalendar {
    /// The time zone of days, weeks and months.
    pub time_zone: Tz,
    /// The days of the week that are worked.
    pub working_days: BTreeSet<u8>,
    /// The hours that are worked on such a day.
    pub working_hours: WorkingHours,
    /// Days that are not worked.
    pub holidays: BTreeSet<NaiveDate>,
}

impl Default for WorkingCalendar {
    /// UTC, Monday to Friday, 09:00 to 17:00, no holidays.
    fn default() -> Self {
        let weekdays = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
        let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
        Self {
            time_zone: Tz::UTC,
            working_days: weekdays.iter().map(|day| day_number(*day)).collect(),
            working_hours: WorkingHours { from: hour(9), until: hour(17) },
            holidays: BTreeSet::new(),
        }
    }
}

impl WorkingCalendar {
    /// Whether a day is worked.
    pub fn is_working_day(&self, day: NaiveDate) -> bool {
        self.working_days.contains(&day_number(day.weekday())) && !self.holidays.contains(&day)
    }

    /// The day of a moment in the team's time zone.
    pub fn day(&self, moment: DateTime<Utc>) -> NaiveDate {
        moment.with_timezone(&self.time_zone).date_naive()
    }

    /// The seconds of working time between two moments; negative when the second comes first. A working day that the
    /// clocks change on is as long as it really is.
    pub fn working_seconds(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> f64 {
        if until < from {
            return -self.working_seconds(until, from);
        }
        let (first, last) = (self.day(from), self.day(until));
        let days = first.iter_days().take_while(|day| *day <= last).filter(|day| self.is_working_day(*day));
        let worked = days.map(|day| {
            let opening = self.instant(day.and_time(self.working_hours.from)).max(from);
            let closing = self.instant(day.and_time(self.working_hours.until)).min(until);
            (closing - opening).as_seconds_f64().max(0.0)
        });
        worked.sum()
    }

    /// How many working days the half-open span of time touches.
    pub fn working_days_between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> usize {
        let (first, last) = (self.day(from), self.day(until - chrono::Duration::milliseconds(1)));
        first.iter_days().take_while(|day| *day <= last).filter(|day| self.is_working_day(*day)).count()
    }

    /// The calendar month of a day, from its first moment to that of the next month, in the team's time zone.
    pub fn month_span(&self, day: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
        let first = day.with_day(1).unwrap_or(day);
        let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
        (self.day_start(first), self.day_start(next))
    }

    /// When the working hours of the first working day of a month open. A month without one opens with its first day.
    pub fn first_opening(&self, day: NaiveDate) -> DateTime<Utc> {
        let first = day.with_day(1).unwrap_or(day);
        let worked = first.iter_days().take(31).find(|day| self.is_working_day(*day)).unwrap_or(first);
        self.instant(worked.and_time(self.working_hours.from))
    }

    /// The first moment of a day in the team's time zone.
    pub fn day_start(&self, day: NaiveDate) -> DateTime<Utc> {
        self.instant(day.and_time(NaiveTime::MIN))
    }

    /// The moment of a local time. One that comes twice is the first; one that the clocks skip is 24 hours after the
    /// same time of the day before.
    fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let mapped = self.time_zone.from_local_datetime(&local);
        if let Some(moment) = mapped.earliest() {
            return moment.with_timezone(&Utc);
        }
        let before = local.checked_sub_days(Days::new(1)).unwrap_or(local);
        match self.time_zone.from_local_datetime(&before).earliest() {
            Some(moment) => moment.with_timezone(&Utc) + chrono::Duration::days(1),
            None => local.and_utc(),
        }
    }
}

/// The number of a weekday in [`WorkingCalendar::working_days`]: 1 is Monday, as in ISO 8601.
pub(crate) fn day_number(day: Weekday) -> u8 {
    u8::try_from(day.number_from_monday()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn berlin() -> WorkingCalendar {
        WorkingCalendar { time_zone: chrono_tz::Europe::Berlin, ..WorkingCalendar::default() }
    }

    #[test]
    fn nights_weekends_and_holidays_do_not_count() {
        let mut calendar = WorkingCalendar::default();
        // Friday 2026-10-02 16:00 to Monday 2026-10-05 10:00: one hour on Friday, one on Monday.
        assert_eq!(calendar.working_seconds(at("2026-10-02T16:00:00Z"), at("2026-10-05T10:00:00Z")), 7200.0);
        calendar.holidays.insert("2026-10-05".parse().unwrap());
        assert_eq!(calendar.working_seconds(at("2026-10-02T16:00:00Z"), at("2026-10-05T10:00:00Z")), 3600.0);
        assert_eq!(calendar.working_seconds(at("2026-10-05T10:00:00Z"), at("2026-10-02T16:00:00Z")), -3600.0);
    }

    #[test]
    fn working_hours_follow_the_teams_clock_through_daylight_saving() {
        let calendar = berlin();
        // Friday 2026-10-23 is summer time (09:00 is 07:00 UTC), Monday 2026-10-26 winter time (09:00 is 08:00 UTC).
        assert_eq!(calendar.working_seconds(at("2026-10-23T07:00:00Z"), at("2026-10-23T08:00:00Z")), 3600.0);
        assert_eq!(calendar.working_seconds(at("2026-10-26T07:00:00Z"), at("2026-10-26T08:00:00Z")), 0.0);
        assert_eq!(calendar.working_seconds(at("2026-10-23T00:00:00Z"), at("2026-10-27T00:00:00Z")), 16.0 * 3600.0);
    }

    #[test]
    fn a_day_on_which_clocks_change_is_as_long_as_it_is() {
        let mut calendar = berlin();
        calendar.working_days.insert(7);
        calendar.working_hours =
            WorkingHours { from: NaiveTime::MIN, until: NaiveTime::from_hms_opt(6, 0, 0).unwrap() };
        // On Sunday 2026-03-29 two o'clock is skipped in Berlin: midnight to six is five hours.
        assert_eq!(calendar.working_seconds(at("2026-03-28T12:00:00Z"), at("2026-03-29T12:00:00Z")), 5.0 * 3600.0);
        // A working day that begins at a time which is skipped, 02:30, begins at 01:30 UTC: 24 hours after the day before.
        calendar.working_hours.from = NaiveTime::from_hms_opt(2, 30, 0).unwrap();
        assert_eq!(calendar.working_seconds(at("2026-03-28T12:00:00Z"), at("2026-03-29T12:00:00Z")), 2.5 * 3600.0);
    }

    #[test]
    fn months_are_those_of_the_time_zone() {
        let new_york = WorkingCalendar { time_zone: chrono_tz::America::New_York, ..WorkingCalendar::default() };
        let span = new_york.month_span("2026-03-17".parse().unwrap());
        assert_eq!(span, (at("2026-03-01T05:00:00Z"), at("2026-04-01T04:00:00Z")));
    }

    #[test]
    fn working_days_of_a_span_are_counted_once() {
        assert_eq!(berlin().working_days_between(at("2026-10-04T22:00:00Z"), at("2026-10-11T22:00:00Z")), 5);
    }

    proptest! {
        #[test]
        fn working_time_adds_up(start in 0..40_000_000i64, first in 0..4_000_000i64, second in 0..4_000_000i64) {
            let calendar = berlin();
            let begin = at("2026-01-01T00:00:00Z") + chrono::Duration::seconds(start);
            let middle = begin + chrono::Duration::seconds(first);
            let end = middle + chrono::Duration::seconds(second);
            let parts = calendar.working_seconds(begin, middle) + calendar.working_seconds(middle, end);
            prop_assert!((calendar.working_seconds(begin, end) - parts).abs() < 1e-6);
        }
    }
}
