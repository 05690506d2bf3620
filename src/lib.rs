//! chiplog measures how fast a team ships, and how safely.
//!
//! Data flows one way: `sources` → `facts` → `store` → `attribution` → `kpi` → `expose`. See `ARCHITECTURE.md`.

pub mod attribution;
pub mod config;
pub mod facts;
pub mod kpi;
pub mod sources;
pub mod stats;
