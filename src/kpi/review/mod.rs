//! How pull requests move from opening to merging.

mod pull_request;

pub(super) mod pr_cycle_time;
pub(super) mod review_participation;
pub(super) mod review_turnaround_time;

pub(super) use pull_request::{first_review, is_by_bot, ready_at};
