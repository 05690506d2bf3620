//! The one integration test binary of chiplog.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "tests fail by panicking, and say what they skipped"
)]

mod access;
mod alerts;
mod api;
mod api_fuzz;
mod architecture;
mod attribution_truth;
mod backup;
mod bad_inputs;
mod binary;
mod browser;
mod canaries;
mod clock_jumps;
mod dashboards;
mod doctor;
mod documentation;
mod evaluation;
mod git_faults;
mod git_source;
mod github_budget;
mod github_history;
mod github_source;
mod github_work;
mod golden_statistics;
mod harness;
mod import_large;
mod kills;
mod kpi_properties;
mod leases;
mod numbers;
mod outgoing;
mod packaging;
mod page_statements;
mod pagerduty_source;
mod pages;
mod publication;
mod pushed_faults;
mod receive;
mod replicas;
mod requests;
mod retention;
mod reviews;
mod scorecard_rows;
mod source_contract;
mod source_faults;
mod store_contract;
mod store_faults;
mod trend_errors;
mod truth;
mod upgrade;
mod webhook_facts;
mod webhooks;
