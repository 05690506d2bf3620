//! What a query costs, by GitHub's published rule: each connection is requested once per node of its parents; the sum
//! over all connections, divided by 100 and rounded, is the price, and never below 1.

use apollo_compiler::ast::DirectiveList;
use apollo_compiler::executable::{ExecutableDocument, Field, Operation, Selection, SelectionSet};
use apollo_compiler::response::{JsonMap, JsonValue};
use serde_json::{Value, json};

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

/// Counts an operation. Fails, with GitHub's error, where a connection asks for fewer than 1 or more than 100 nodes, or
/// leaves the number open.
pub(super) fn of(document: &ExecutableDocument, operation: &Operation, variables: &JsonMap) -> Result<Cost, Value> {
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
    fn selections(&mut self, set: &SelectionSet, times: u64) -> Result<(), Value> {
        for selection in &set.selections {
            if self.is_left_out(selection.directives()) {
                continue;
            }
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

    fn field(&mut self, field: &Field, times: u64) -> Result<(), Value> {
        let inner = if field.ty().inner_named_type().as_str().ends_with("Connection") {
            self.cost.requests += times;
            let nodes = times * self.page_size(field)?;
            self.cost.nodes += nodes;
            nodes
        } else if field.name == "nodes" && field.specified_argument_by_name("ids").is_some() {
            times * self.length(field, "ids").unwrap_or(1) as u64
        } else {
            times
        };
        self.selections(&field.selection_set, inner)
    }

    /// How many nodes a connection may return; none if it is only counted.
    fn page_size(&self, field: &Field) -> Result<u64, Value> {
        let asked = ["first", "last"].into_iter().find_map(|name| Some((name, self.number(field, name)?)));
        let Some((name, size)) = asked else {
            let counted_only = field
                .selection_set
                .selections
                .iter()
                .all(|selection| matches!(selection, Selection::Field(inner) if inner.name == "totalCount"));
            if counted_only {
                return Ok(0);
            }
            let message = format!(
                "You must provide a `first` or `last` value to properly paginate the `{}` connection.",
                field.name
            );
            return Err(json!({ "type": "MISSING_PAGINATION_BOUNDARIES", "message": message }));
        };
        match u64::try_from(size) {
            Ok(size @ 1..=100) => Ok(size),
            Ok(101..) => {
                let message = format!(
                    "Requesting {size} records on the `{}` connection exceeds the `{name}` limit of 100 records.",
                    field.name
                );
                Err(json!({ "type": "EXCESSIVE_PAGINATION", "message": message }))
            }
            _ => {
                let message = format!("`{name}` on the `{}` connection must be at least 1, not {size}.", field.name);
                Err(json!({ "type": "ARGUMENT_INVALID", "message": message }))
            }
        }
    }

    fn is_left_out(&self, directives: &DirectiveList) -> bool {
        let condition = |name: &str| {
            let argument = directives.get(name)?.specified_argument_by_name("if")?;
            match argument.as_variable() {
                Some(variable) => self.variables.get(variable.as_str()).and_then(JsonValue::as_bool),
                None => argument.to_bool(),
            }
        };
        condition("include") == Some(false) || condition("skip") == Some(true)
    }

    fn number(&self, field: &Field, argument: &str) -> Option<i64> {
        let value = field.specified_argument_by_name(argument)?;
        match value.as_variable() {
            Some(variable) => self.variables.get(variable.as_str())?.as_i64(),
            None => value.to_i32().map(i64::from),
        }
    }

    fn length(&self, field: &Field, argument: &str) -> Option<usize> {
        let value = field.specified_argument_by_name(argument)?;
        match value.as_variable() {
            Some(variable) => self.variables.get(variable.as_str())?.as_array().map(Vec::len),
            None => value.as_list().map(<[_]>::len),
        }
    }
}
