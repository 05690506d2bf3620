//! From outside to facts.
//!
//! A source is one folder and one line in [`KINDS`].

pub mod source;

pub use source::{
    BatchSink, Clock, ConfigureError, Environment, Finding, FindingLevel, Kind, SinkError, Source, SourceContext,
    SourceError, SourceTable, Telemetry,
};

/// Every kind of source that chiplog knows. A new one is a folder, its `mod` line and a line here.
pub const KINDS: &[&Kind] = &[];
