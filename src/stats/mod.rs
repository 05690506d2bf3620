//! Numbers without meaning: quantiles, intervals, survival, and time as teams work it. Pure.

mod calendar;

pub(crate) use calendar::day_number;
pub use calendar::{WorkingCalendar, WorkingHours};
