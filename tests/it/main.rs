//! The one integration test binary of chiplog.

mod architecture;
mod attribution_truth;
mod github_history;
mod github_source;
mod harness;
mod pagerduty_source;
mod truth;
