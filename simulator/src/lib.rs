//! Simulated GitHub and PagerDuty: servers worth trusting, for tests, benchmarks and the demo.

pub mod world;
