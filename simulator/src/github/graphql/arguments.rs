//! The arguments of fields: what the simulator honours, and a loud error for all else.

use apollo_compiler::resolvers::{FieldError, ResolveInfo};
use apollo_compiler::response::{JsonMap, JsonValue};

use super::object::refused;
use crate::world::Moment;

/// The arguments of every connection.
const PAGINATION: &[&str] = &["first", "after", "last", "before"];

/// The arguments that a field honours beside those of every connection.
fn honoured(type_name: &str, field: &str) -> &'static [&'static str] {
    match (type_name, field) {
        ("Query", "repository") => &["owner", "name", "followRenames"],
        ("Query", "organization") => &["login"],
        ("Query", "node") => &["id"],
        ("Query", "nodes") => &["ids"],
        ("Organization", "repositories") => &["orderBy", "isArchived"],
        ("Organization", "team") => &["slug"],
        ("Organization", "teams")
        | ("Team", "repositories")
        | ("Commit", "associatedPullRequests")
        | ("Repository", "releases") => &["orderBy"],
        ("Repository", "ref") => &["qualifiedName"],
        ("Repository", "release") => &["tagName"],
        ("Repository", "refs") => &["refPrefix", "orderBy", "direction"],
        ("Repository", "object") => &["oid", "expression"],
        ("Repository", "pullRequest" | "issue") | ("Organization", "projectV2") => &["number"],
        ("ProjectV2", "field") | ("ProjectV2Item", "fieldValueByName") => &["name"],
        ("Repository", "pullRequests") => &["orderBy", "states", "baseRefName", "headRefName", "labels"],
        ("Repository", "issues") => &["orderBy", "states", "labels", "filterBy"],
        ("Repository", "deployments") => &["orderBy", "environments"],
        ("Commit", "history") => &["since", "until", "path"],
        ("PullRequest", "reviews") => &["states", "author"],
        ("PullRequest" | "Issue", "timelineItems") => &["itemTypes", "since"],
        _ => &[],
    }
}

/// Refuses an argument that the simulator would have to leave out of account.
pub(super) fn check(type_name: &str, info: &ResolveInfo<'_>) -> Result<(), FieldError> {
    let Some(selection) = info.field_selections().first() else { return Ok(()) };
    let honoured = honoured(type_name, info.field_name());
    for argument in &selection.arguments {
        let name = argument.name.as_str();
        let is_null = info.arguments().get(name).is_none_or(JsonValue::is_null);
        if !is_null && !honoured.contains(&name) && !PAGINATION.contains(&name) {
            let field = info.field_name();
            let message = format!("the simulator does not honour the argument {type_name}.{field}({name})");
            return Err(refused("NOT_SIMULATED", &message));
        }
    }
    Ok(())
}

/// An argument that is a text.
pub(super) fn text<'b>(arguments: &'b JsonMap, name: &str) -> Option<&'b str> {
    arguments.get(name).and_then(JsonValue::as_str)
}

/// An argument that is a moment.
pub(super) fn moment(arguments: &JsonMap, name: &str) -> Option<Moment> {
    text(arguments, name)?.parse().ok()
}

/// An argument that is a list of texts.
pub(super) fn texts(arguments: &JsonMap, name: &str) -> Option<Vec<String>> {
    let values = arguments.get(name)?.as_array()?;
    Some(values.iter().filter_map(JsonValue::as_str).map(str::to_owned).collect())
}

/// An argument that is an object.
pub(super) fn map<'b>(arguments: &'b JsonMap, name: &str) -> Option<&'b JsonMap> {
    arguments.get(name).and_then(JsonValue::as_object)
}

/// What `orderBy` asks for: the field's name and whether it runs backwards. `fields` are those that are honoured; the
/// first of them, ascending, is the default.
pub(super) fn order(arguments: &JsonMap, fields: &[&'static str]) -> Result<(&'static str, bool), FieldError> {
    let default = fields.first().copied().unwrap_or_default();
    let Some(order) = map(arguments, "orderBy") else { return Ok((default, false)) };
    let asked = text(order, "field").unwrap_or(default);
    let known = fields.iter().find(|field| **field == asked).ok_or_else(|| {
        refused("NOT_SIMULATED", &format!("the simulator does not order by {asked}, only by {}", fields.join(", ")))
    })?;
    Ok((known, text(order, "direction") == Some("DESC")))
}
