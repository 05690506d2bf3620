//! Numbers without meaning: quantiles, intervals, survival, and time as teams work it. Pure.

mod calendar;
mod interval;
mod quantile;
mod survival;

pub(crate) use calendar::day_number;
pub use calendar::{WorkingCalendar, WorkingHours};
pub use interval::{mean_interval, median_interval, poisson_interval, wilson_interval};
pub use quantile::{mean, quantile};
pub use survival::{Lifetime, kaplan_meier_median};
