//! From outside to facts.
//!
//! A source is one folder, its `mod` line and one line in [`KINDS`].

mod access;
mod alertmanager;
mod alerts;
pub mod budget;
mod cdevents;
mod clocks;
mod download;
mod finding;
mod git;
mod github;
pub mod http;
mod incident_io;
mod jira;
mod jira_operations;
mod opsgenie;
mod pagerduty;
mod prometheus;
mod references;
mod scrub;
mod secret;
mod shape;
pub mod source;
pub mod test_reports;
pub mod webhook;

pub use finding::{Finding, FindingLevel, Fix};
pub use source::{
    BatchSink, Clock, ConfigureError, Environment, FactLookup, Kind, Reach, ReceiveError, Receiver, SinkError, Source,
    SourceContext, SourceError, SourceTable, Telemetry,
};
pub use webhook::{Delivery, KnownDeliveries, Missed, Refusal, StoredDelivery, Verdict, Webhook};

/// Every kind of source that chiplog knows.
pub const KINDS: &[&Kind] = &[
    &github::KIND,
    &git::KIND,
    &jira::KIND,
    &pagerduty::KIND,
    &opsgenie::KIND,
    &jira_operations::KIND,
    &incident_io::KIND,
    &alertmanager::KIND,
    &prometheus::KIND,
    &cdevents::KIND,
];
