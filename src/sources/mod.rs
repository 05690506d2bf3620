//! From outside to facts.
//!
//! A source is one folder, its `mod` line and one line in [`KINDS`].

mod alertmanager;
mod cdevents;
mod git;
mod github;
pub mod http;
mod pagerduty;
mod prometheus;
mod references;
mod scrub;
mod secret;
pub mod source;

pub use source::{
    BatchSink, Clock, ConfigureError, Environment, FactLookup, Finding, FindingLevel, Kind, ReceiveError, Receiver, SinkError, Source, SourceContext,
    SourceError, SourceTable, Telemetry,
};

/// Every kind of source that chiplog knows.
pub const KINDS: &[&Kind] = &[&github::KIND, &pagerduty::KIND, &git::KIND, &alertmanager::KIND, &cdevents::KIND, &prometheus::KIND];
