//! The role scorecards: rows with targets, and how a team stands against them.
//!
//! The rows are those of `config/scorecards`, compiled in; teams set bounds of their own.

mod definition;
mod quantity;
mod status;

pub use definition::{Measure, Scorecard, ScorecardRow, Target, TeamTarget, Trend, Way, scorecards, with_targets};
pub use quantity::{parse_quantity, unit_of};
pub use status::{Bound, MeasureStatus, RowStatus, ScorecardStatus, Status, measure_status, standing};
