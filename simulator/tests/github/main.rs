//! The simulated GitHub over HTTP: does it behave as GitHub's documentation, schema and OpenAPI description say?

mod graphql;
mod harness;
mod limits;
mod openapi;
mod rest;
