//! How safely changes reach production, and how fast trouble ends.

pub(super) mod change_failure_rate;
pub(super) mod deployment_rework_rate;
pub(super) mod failed_deployment_recovery_time;
pub(super) mod incident_rate;
pub(super) mod severe_incidents;
pub(super) mod time_to_acknowledge;
pub(super) mod time_to_restore;
