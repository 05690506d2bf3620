//! What a query costs, by GitHub's published rule: each connection is requested once per node of its parents; the sum
//! over all connections, divided by 100 and rounded, is the price, and never below 1.

use apollo_compiler::executable::{ExecutableDocument, Field, Operation, Selection, SelectionSet};
use apollo_compiler::response::{JsonMap, JsonValue};

/// What was counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    /// Requests of connections.
    pub(super) requests: u64,
    /// Nodes that may come back.
    pub(super) nodes: u64,
}

impl Cost {
    pub(super) fn points(self) -> u64 {
        ((self.requests + 50) / 100).max(1)
    }
}

/// Counts an operation. Fails where a connection asks for fewer than 1 or more than 100 nodes, or for none.
pub(super) fn of(document: &ExecutableDocument, operation: &Operation, variables: &JsonMap) -> Result<Cost, String> {
    let mut counter = Counter { document, variables, cost: Cost::default() };
    counter.selections(&operation.selection_set, 1)?;
    Ok(counter.cost)
}

struct Counter<'a> {
    document: &'a ExecutableDocument,
    variables: &'a JsonMap,
    cost: Cost,
}

impl Counter<'_> {
    fn selections(&mut self, set: &SelectionSet, times: u64) -> Result<(), String> {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => self.field(field, times)?,
                Selection::InlineFragment(fragment) => self.selections(&fragment.selection_set, times)?,
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name) {
                        self.selections(&fragment.selection_set, times)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &Field, times: u64) -> Result<(), String> {
        if self.is_left_out(field) {
            return Ok(());
        }
        let inner = if field.ty().inner_named_type().as_str().ends_with("Connection") {
            let first = self.number(field, "first").or_else(|| self.number(field, "last"));
            let only_counted = field.selection_set.fields().all(|inner| inner.name == "totalCount");
            if first.is_none() && only_counted {
                self.cost.requests += times;
                return Ok(());
            }
            let first = first.ok_or_else(|| {
                format!(
                    "You must provide a `first` or `last` value to properly paginate the `{}` connection.",
                    field.name
                )
            })?;
            if !(1..=100).contains(&first) {
                return Err(format!(
                    "Requesting {first} records on the `{}` connection exceeds the `first` limit of 100 records.",
                    field.name
                ));
            }
            self.cost.requests += times;
            self.cost.nodes += times * first;
            times * first
        } else if field.name == "nodes" && field.argument_by_name("ids").is_ok() {
            times * self.value(field, "ids").and_then(|ids| ids.as_array().map(|ids| ids.len() as u64)).unwrap_or(1)
        } else {
            times
        };
        self.selections(&field.selection_set, inner)
    }

    fn is_left_out(&self, field: &Field) -> bool {
        let condition = |name: &str| {
            let directive = field.directives.get(name)?;
            let argument = directive.specified_argument_by_name("if")?;
            match argument.as_variable() {
                Some(variable) => self.variables.get(variable.as_str()).and_then(JsonValue::as_bool),
                None => argument.to_bool(),
            }
        };
        condition("include") == Some(false) || condition("skip") == Some(true)
    }

    fn number(&self, field: &Field, argument: &str) -> Option<u64> {
        self.value(field, argument)?.as_u64()
    }

    fn value(&self, field: &Field, argument: &str) -> Option<JsonValue> {
        let value = field.specified_argument_by_name(argument)?;
        match value.as_variable() {
            Some(variable) => self.variables.get(variable.as_str()).cloned(),
            None => serde_json::from_str(&value.to_string()).ok(),
        }
    }
}
