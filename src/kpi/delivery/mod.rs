//! How fast changes reach production.

pub(super) mod deployment_frequency;
pub(super) mod deployment_success_rate;
pub(super) mod lead_time_for_changes;
pub(super) mod lead_time_stage;
