//! GraphQL against GitHub's own published schema: validated, priced, executed.

mod arguments;
mod connection;
mod cost;
mod object;
mod objects;

pub(super) use objects::repository::pushed_at;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use apollo_compiler::Schema;
use apollo_compiler::executable::{ExecutableDocument, Operation, Selection};
use apollo_compiler::resolvers::Execution;
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use serde_json::{Value, json};

use super::sight::Sight;
use crate::world::World;

/// The words of the validator for an object without fields.
const EMPTY_SELECTION: &str = "must have a subselection set";

/// The schema, and what is remembered between requests.
pub(super) struct Graphql {
    schema: Arc<Valid<Schema>>,
    histories: Histories,
}

/// The ancestors of a commit, newest first, by repository id and object id. They never change.
pub(super) type Histories = Mutex<HashMap<(u64, String), Arc<Vec<String>>>>;

/// A valid request with its price.
pub(super) struct Prepared {
    document: Valid<ExecutableDocument>,
    operation_name: Option<String>,
    variables: Valid<JsonMap>,
    /// How the operation is called in the log.
    pub(super) operation: String,
    /// How many nodes it may return.
    pub(super) nodes: u64,
    /// What it costs.
    pub(super) points: u64,
}

/// The schema of a file. Parsing it takes a third of a second in a debug build, so it is kept for the next simulator.
fn schema_of(path: &Path) -> Result<Arc<Valid<Schema>>> {
    static KNOWN: Mutex<BTreeMap<PathBuf, Arc<Valid<Schema>>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(schema) = known.get(path) {
        return Ok(schema.clone());
    }
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("GitHub's GraphQL schema is not at {}: run `bash -c '. scripts/setup.sh; need_github_schema'` in the project's folder", path.display())
    })?;
    // The published schema defines two fields twice; all else is taken as it is.
    let schema = match Schema::parse(text, "schema.graphql") {
        Ok(schema) => schema,
        Err(errors) => errors.partial,
    };
    let schema = Arc::new(Valid::assume_valid(schema));
    known.insert(path.to_owned(), schema.clone());
    Ok(schema)
}

impl Graphql {
    pub(super) fn new(path: &Path) -> Result<Self> {
        Ok(Self { schema: schema_of(path)?, histories: Histories::default() })
    }

    /// Parses, validates and prices a request. The errors are those that GitHub's schema gives.
    pub(super) fn prepare(&self, request: &Value) -> Result<Prepared, Value> {
        let refused = |message: String| json!([{ "message": message }]);
        let query = request["query"].as_str();
        let query = query.ok_or_else(|| refused("A query attribute must be specified and must be a string.".into()))?;
        let document =
            ExecutableDocument::parse_and_validate(&self.schema, query, "query.graphql").map_err(|invalid| {
                let errors: Vec<_> = invalid.errors.iter().map(|error| error.to_json()).collect();
                // An unknown field leaves its parent empty; that is no second error.
                let alone = errors.len() == 1;
                let told = errors.iter().filter(|error| alone || !error.message.contains(EMPTY_SELECTION));
                told.map(|error| json!({ "message": error.message, "locations": error.locations })).collect::<Value>()
            })?;
        let raw: JsonMap = serde_json::from_value(request["variables"].clone()).unwrap_or_default();
        let operation_name = request["operationName"].as_str().map(str::to_owned);
        let operation = document.operations.get(operation_name.as_deref());
        let operation = operation.map_err(|error| refused(error.message().to_string()))?;
        if !operation.is_query() {
            return Err(refused("the simulator answers queries only".into()));
        }
        let variables = apollo_compiler::request::coerce_variable_values(&self.schema, operation, &raw)
            .map_err(|error| refused(error.message().to_string()))?;
        let cost = cost::of(&document, operation, &variables).map_err(|error| json!([error]))?;
        let operation = name_of(operation);
        Ok(Prepared { nodes: cost.nodes, points: cost.points(), operation, operation_name, document, variables })
    }

    /// Executes a request on the world, as far as the token may see it.
    pub(super) fn execute(&self, request: &Prepared, world: &World, sight: &Sight, rate_limit: Value) -> Value {
        let problems = Mutex::default();
        let scope = objects::Scope { world, sight, histories: &self.histories, problems: &problems };
        let root = objects::query(&scope, rate_limit);
        let executed = Execution::new(&self.schema, &request.document)
            .operation_name(request.operation_name.as_deref())
            .and_then(|execution| {
                execution
                    .coerced_variable_values(&request.variables)
                    .enable_schema_introspection(true)
                    .execute_sync(&root)
            });
        match executed {
            Ok(answer) => {
                let mut answer = serde_json::to_value(answer).unwrap_or_default();
                let mut errors = answer["errors"].take().as_array().cloned().unwrap_or_default();
                errors.append(&mut problems.lock().unwrap_or_else(PoisonError::into_inner));
                object::typed(&mut errors);
                if let Some(answer) = answer.as_object_mut() {
                    answer.remove("errors");
                    if !errors.is_empty() {
                        answer.insert("errors".to_owned(), errors.into());
                    }
                }
                answer
            }
            Err(error) => json!({ "errors": [{ "message": error.message().to_string() }] }),
        }
    }
}

/// The name of an operation, or the fields that it asks the root for.
fn name_of(operation: &Operation) -> String {
    if let Some(name) = &operation.name {
        return name.to_string();
    }
    let fields = operation.selection_set.selections.iter().filter_map(|selection| match selection {
        Selection::Field(field) => Some(field.name.as_str()),
        _ => None,
    });
    fields.collect::<Vec<_>>().join(" ")
}
