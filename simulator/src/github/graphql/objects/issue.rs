//! Issues, and the labels and timelines that they share with pull requests.

use apollo_compiler::response::JsonMap;

use super::{Scope, actor, key, time};
use crate::github::WEB;
use crate::github::graphql::arguments::{map, moment, order, text, texts};
use crate::github::graphql::connection::{Node, Order, connection};
use crate::github::graphql::object::{Answer, Object, leaf, object, refused};
use crate::world::{Issue, Moment, Repository};

/// The issues of a repository that pass all filters; of several labels one is enough.
pub(super) fn issues<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    const FILTERS: &[&str] = &["since", "labels", "states", "createdBy", "viewerSubscribed"];
    let (by, descending) = order(arguments, &["CREATED_AT", "UPDATED_AT"])?;
    let nothing = JsonMap::new();
    let filter = map(arguments, "filterBy").unwrap_or(&nothing);
    if let Some((name, _)) = filter.iter().find(|(name, value)| !FILTERS.contains(&name.as_str()) && !value.is_null()) {
        let message = format!("the simulator does not honour the filter {} of issues", name.as_str());
        return Err(refused("NOT_SIMULATED", &message));
    }
    let label_sets: Vec<Vec<String>> =
        [texts(arguments, "labels"), texts(filter, "labels")].into_iter().flatten().collect();
    let state_sets: Vec<Vec<String>> =
        [texts(arguments, "states"), texts(filter, "states")].into_iter().flatten().collect();
    let (since, created_by) = (moment(filter, "since"), text(filter, "createdBy"));
    let wanted = of.issues.iter().filter(|item| {
        label_sets.iter().all(|wanted| item.labels.iter().any(|label| wanted.contains(label)))
            && state_sets.iter().all(|wanted| wanted.iter().any(|wanted| wanted == state(item)))
            && since.is_none_or(|since| item.updated_at >= since)
            && created_by.is_none_or(|login| item.author == login)
    });
    let nodes = wanted.map(|item| {
        let at = if by == "UPDATED_AT" { item.updated_at } else { item.created_at };
        Node::new(key(at, item.number), move || issue(scope, of, item))
    });
    connection("IssueConnection", nodes.collect(), Order::by_key(descending), arguments)
}

fn state(fact: &Issue) -> &'static str {
    if fact.closed_at.is_some() { "CLOSED" } else { "OPEN" }
}

/// An issue.
pub(super) fn issue<'a>(scope: Scope<'a>, of: &'a Repository, fact: &'a Issue) -> Object<'a> {
    Object::new("Issue", move |field, arguments| match field {
        "id" => Some(leaf(format!("I_{}_{}", of.id, fact.number))),
        "databaseId" | "number" => Some(leaf(fact.number)),
        "title" => Some(leaf(&fact.title)),
        "body" => Some(leaf(&fact.body)),
        "url" => Some(leaf(format!("{WEB}/{}/{}/issues/{}", of.owner, of.name, fact.number))),
        "state" => Some(leaf(state(fact))),
        "createdAt" => Some(leaf(time(fact.created_at))),
        "updatedAt" => Some(leaf(time(fact.updated_at))),
        "closedAt" => Some(leaf(fact.closed_at.map(time))),
        "author" => Some(actor(scope.world, &fact.author)),
        "repository" => Some(object(super::repository::repository(scope, of))),
        "labels" => Some(labels(&fact.labels, arguments)),
        "timelineItems" => {
            let events = fact.events.iter().map(|event| (event.kind.as_str(), event.at));
            Some(timeline("IssueTimelineItemsConnection", events, arguments))
        }
        _ => None,
    })
}

/// The labels of an issue or a pull request.
pub(super) fn labels<'a>(names: &'a [String], arguments: &JsonMap) -> Answer<'a> {
    let nodes = names.iter().map(|name| {
        Node::unsorted(move || Object::new("Label", move |field, _| (field == "name").then(|| leaf(name))))
    });
    connection("LabelConnection", nodes.collect(), Order::Place, arguments)
}

/// `ReadyForReviewEvent` is asked for as `READY_FOR_REVIEW_EVENT`.
fn item_type(type_name: &str) -> String {
    let mut item_type = String::new();
    for letter in type_name.chars() {
        if letter.is_ascii_uppercase() && !item_type.is_empty() {
            item_type.push('_');
        }
        item_type.push(letter.to_ascii_uppercase());
    }
    item_type
}

/// The events of the kinds that are asked for, oldest first.
pub(super) fn timeline<'a>(
    type_name: &'static str,
    events: impl Iterator<Item = (&'a str, Moment)>,
    arguments: &JsonMap,
) -> Answer<'a> {
    let asked = texts(arguments, "itemTypes");
    let since = moment(arguments, "since");
    let mut wanted: Vec<(&'a str, Moment)> = events
        .filter(|(kind, at)| {
            asked.as_ref().is_none_or(|asked| asked.contains(&item_type(kind)))
                && since.is_none_or(|since| *at >= since)
        })
        .collect();
    wanted.sort_by_key(|(_, at)| *at);
    let nodes = wanted.into_iter().map(|(kind, at)| {
        Node::unsorted(move || {
            Object::of(kind.to_owned(), move |field, _| match field {
                "createdAt" => Some(leaf(time(at))),
                "stateReason" if kind == "ClosedEvent" => Some(leaf("COMPLETED")),
                _ => None,
            })
        })
    });
    connection(type_name, nodes.collect(), Order::Place, arguments)
}
