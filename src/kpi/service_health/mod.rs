//! How services do in production, as the user's monitoring knows it.

pub(super) mod measured;
pub(super) mod operational_readiness;
pub(super) mod unit_cost;
