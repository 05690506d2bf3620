//! How the people of a team fare, as a team: surveys, joining, leaving, hiring.

pub(super) mod hiring;
pub(super) mod onboarding_ramp_time;
pub(super) mod regrettable_attrition;
pub(super) mod survey;
