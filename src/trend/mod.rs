//! Has it got worse? Trends of weekly values, tested honestly. Pure.
//!
//! The unit of evidence is the week: items within one are not independent. Verdicts are made anew from the facts, week by
//! week, so they need no memory and a restart changes none. See `docs/trends.md` for the methods and their error rates.

mod compare;
mod gate;
mod series;
mod verdict;

pub use compare::{Comparison, compare};
pub use gate::{GateSettings, WeekVerdict, verdicts};
pub use series::{CalendarWeek, Occurrence, Series, SeriesKind, calendar_weeks, series_of};
pub use verdict::{Trend, TrendVerdict, WeekPoint, Weekly, judged, trends};

/// The KPIs whose regressions are alerted on: DORA's five, and the wait for review, the way of a pull request and the
/// state of the default branch, which lead them. More of them would only make each harder to tell.
pub const ALERTABLE: [&str; 8] = [
    "lead_time_for_changes",
    "deployment_frequency",
    "change_failure_rate",
    "failed_deployment_recovery_time",
    "deployment_rework_rate",
    "review_turnaround_time",
    "pr_cycle_time",
    "ci_success_rate",
];
