//! Numbers without meaning: quantiles, intervals, survival, and time as teams work it. Pure.

mod calendar;

pub use calendar::{WorkingCalendar, WorkingHours};
