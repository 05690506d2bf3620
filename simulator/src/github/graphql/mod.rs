//! GraphQL against GitHub's own published schema: validated, priced, executed.

mod connection;
mod cost;
mod objects;

pub(super) use objects::find_repository;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use apollo_compiler::Schema;
use apollo_compiler::executable::ExecutableDocument;
use apollo_compiler::resolvers::Execution;
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use serde_json::{Value, json};

use crate::world::World;

/// The schema, and what is remembered between requests.
pub(super) struct Graphql {
    schema: Valid<Schema>,
    histories: Histories,
}

/// The ancestors of a commit, newest first, by repository id and object id. They never change.
pub(super) type Histories = Mutex<HashMap<(u64, String), Arc<Vec<String>>>>;

/// A valid request with its price.
pub(super) struct Prepared {
    document: Valid<ExecutableDocument>,
    variables: Valid<JsonMap>,
    /// How many nodes it may return.
    pub(super) nodes: u64,
    /// What it costs.
    pub(super) points: u64,
}

impl Graphql {
    pub(super) fn new(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!("GitHub's GraphQL schema is not at {}: run `bash -c '. scripts/setup.sh; need_github_schema'` in the project's folder", path.display())
        })?;
        // The published schema defines two fields twice; all else is taken as it is.
        let schema = match Schema::parse(text, "schema.graphql") {
            Ok(schema) => schema,
            Err(errors) => errors.partial,
        };
        Ok(Self { schema: Valid::assume_valid(schema), histories: Histories::default() })
    }

    /// Parses, validates and prices a request. The errors are those that GitHub's schema gives.
    pub(super) fn prepare(&self, request: &Value) -> Result<Prepared, Value> {
        let query = request["query"].as_str().unwrap_or_default();
        let document =
            ExecutableDocument::parse_and_validate(&self.schema, query, "query.graphql").map_err(|invalid| {
                let errors = invalid.errors.iter().map(|error| json!({ "message": error.to_json().message }));
                errors.collect::<Value>()
            })?;
        let raw: JsonMap = serde_json::from_value(request["variables"].clone()).unwrap_or_default();
        let refused = |message: String| json!([{ "message": message }]);
        let operation = document.operations.get(None).map_err(|error| refused(error.message().to_string()))?;
        let variables = apollo_compiler::request::coerce_variable_values(&self.schema, operation, &raw)
            .map_err(|error| refused(error.message().to_string()))?;
        let cost = cost::of(&document, operation, &variables).map_err(refused)?;
        Ok(Prepared { nodes: cost.nodes, points: cost.points(), document, variables })
    }

    /// Executes a request on the world.
    pub(super) fn execute(&self, request: &Prepared, world: &World, rate_limit: Value) -> Value {
        let scope = objects::Scope { world, histories: &self.histories };
        let root = objects::query(&scope, rate_limit);
        let execution = Execution::new(&self.schema, &request.document).coerced_variable_values(&request.variables);
        match execution.execute_sync(&root) {
            Ok(answer) => with_github_errors(serde_json::to_value(answer).unwrap_or_default()),
            Err(error) => json!({ "errors": [{ "message": error.message().to_string() }] }),
        }
    }
}

/// Errors as GitHub words them: with a type, and without the executor's own words.
fn with_github_errors(mut answer: Value) -> Value {
    for error in answer["errors"].as_array_mut().into_iter().flatten() {
        let message = error["message"].as_str().unwrap_or_default().trim_start_matches("resolver error: ").to_owned();
        if message.starts_with("Could not resolve to") {
            error["type"] = json!("NOT_FOUND");
        }
        error["message"] = json!(message);
    }
    if answer["errors"].is_null()
        && let Some(answer) = answer.as_object_mut()
    {
        answer.remove("errors");
    }
    answer
}
