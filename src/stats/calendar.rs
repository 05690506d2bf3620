//! Working time: which hours of which days count.

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveTime, Weekday};
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

/// The number of a weekday in [`WorkingCalendar::working_days`]: 1 is Monday, as in ISO 8601.
pub(crate) fn day_number(day: Weekday) -> u8 {
    u8::try_from(day.number_from_monday()).unwrap_or(1)
}
