//! Simulated GitHub and PagerDuty: servers worth trusting, for tests, benchmarks and the demo.

pub mod demo;
pub mod github;
pub mod histories;
pub mod pagerduty;
pub mod world;
