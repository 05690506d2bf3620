//! The simulated GitHub over HTTP: does it behave as GitHub's documentation, schema and OpenAPI description say?

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod graphql;
mod harness;
mod limits;
mod openapi;
mod rest;
