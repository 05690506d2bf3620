//! The monthly review of a team, as a model: made of facts, frozen when the month closes, revised in the open. Pure.

mod actions;
mod build;
mod items;
mod model;
mod reviewed;
mod revision;
#[cfg(test)]
mod tests;

pub use actions::{Action, Actions, MOST_ACTIONS};
pub use build::{HEADLINE, ReviewInputs, distribution, review};
pub(super) use items::incidents;
pub use model::{
    Compared, Distribution, FailedDeployment, HeadlineRow, IncidentLine, Item, KnownEvent, Link, MonthSpread, Review,
    ReviewWithEvidence, Side, StageBreakdown, StageMean, TargetTold, TrendTold,
};
pub use reviewed::Reviewed;
pub use revision::{ReviewChange, changes, input_hash, other_changes};
