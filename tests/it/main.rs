//! The one integration test binary of chiplog.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "tests fail by panicking, and say what they skipped"
)]

mod architecture;
mod attribution_truth;
mod binary;
mod github_history;
mod github_source;
mod harness;
mod pagerduty_source;
mod store_contract;
mod truth;
