//! Simulated GitHub, Jira, Prometheus and incident tools: servers worth trusting, for tests, benchmarks and the demo.

pub mod alerts;
pub mod demo;
pub mod github;
pub mod histories;
pub mod incident_io;
pub mod jira;
pub mod json_server;
pub mod load;
pub mod pagerduty;
pub mod prometheus;
pub mod webhooks;
mod wire;
pub mod world;
