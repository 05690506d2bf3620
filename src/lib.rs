//! chiplog measures how fast a team ships, and how safely.
//!
//! Data flows one way: `sources` → `facts` → `store` → `attribution` → `kpi` → `report` → `expose`.
//! See `ARCHITECTURE.md`.

#![cfg_attr(test, expect(clippy::float_cmp, reason = "the tests compare with numbers that are exact"))]

pub mod address;
pub mod app;
pub mod attribution;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod expose;
pub mod facts;
pub mod kpi;
pub mod pipeline;
pub mod report;
pub mod reported;
mod secret;
pub mod sources;
pub mod stats;
pub mod store;
pub mod telemetry;
pub mod trend;
