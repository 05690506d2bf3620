//! Numbers without meaning: quantiles, intervals, survival, and time as teams work it. Pure.

mod calendar;
mod change_point;
mod effect;
mod interval;
mod permutation;
mod proportion;
mod quantile;
mod survival;

pub(crate) use calendar::day_number;
pub use calendar::{WorkingCalendar, WorkingHours};
pub use change_point::change_point;
pub use effect::{Shift, benjamini_hochberg, dispersion, hodges_lehmann, rate_ratio};
pub use interval::{mean_interval, median_interval, poisson_interval, wilson_interval};
pub use permutation::{WeekStatistic, WeekValue, week_permutation_p};
pub use proportion::{Cases, barnard_p_higher, mid_p_higher, newcombe_interval};
pub use quantile::{mean, quantile};
pub use survival::{Lifetime, kaplan_meier_median, log_rank_scores};
