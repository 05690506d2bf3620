//! Projects and their items.

use super::{Scope, issue, time};
use crate::github::WEB;
use crate::github::graphql::arguments::text;
use crate::github::graphql::connection::{Node, Order, connection};
use crate::github::graphql::object::{Answer, Object, leaf, list, object};
use crate::world::{Project, ProjectItem, ProjectIteration};

/// A project, whose fields are called as GitHub calls them: `Status`, `Iteration`, `Estimate`.
pub(super) fn project<'a>(scope: Scope<'a>, fact: &'a Project) -> Object<'a> {
    Object::new("ProjectV2", move |field, arguments| match field {
        "id" => Some(leaf(format!("PVT_{}", fact.number))),
        "number" => Some(leaf(fact.number)),
        "title" => Some(leaf(&fact.title)),
        "url" => Some(leaf(format!("{WEB}/orgs/{}/projects/{}", scope.world.organization, fact.number))),
        "updatedAt" => Some(leaf(time(fact.updated_at))),
        "field" => Some(object(match text(arguments, "name")? {
            "Iteration" => Some(iteration_field(fact)),
            _ => None,
        })),
        "items" => {
            let nodes = fact.items.iter().map(|found| Node::unsorted(move || item(scope, found)));
            Some(connection("ProjectV2ItemConnection", nodes.collect(), Order::Place, arguments))
        }
        _ => None,
    })
}

fn iteration_field(fact: &Project) -> Object<'_> {
    Object::new("ProjectV2IterationField", move |field, _| match field {
        "name" => Some(leaf("Iteration")),
        "configuration" => {
            Some(object(Object::new("ProjectV2IterationFieldConfiguration", move |field, _| match field {
                "iterations" => Some(iterations(fact, false)),
                "completedIterations" => Some(iterations(fact, true)),
                _ => None,
            })))
        }
        _ => None,
    })
}

fn iterations(fact: &Project, completed: bool) -> Answer<'_> {
    let wanted = fact.iterations.iter().filter(|iteration| iteration.completed == completed);
    list(wanted.map(|wanted| Some(iteration(wanted))).collect())
}

fn iteration(fact: &ProjectIteration) -> Object<'_> {
    Object::new("ProjectV2IterationFieldIteration", move |field, _| match field {
        "id" => Some(leaf(&fact.id)),
        "title" => Some(leaf(&fact.title)),
        "startDate" => Some(leaf(fact.start)),
        "duration" => Some(leaf(fact.days)),
        _ => None,
    })
}

fn item<'a>(scope: Scope<'a>, fact: &'a ProjectItem) -> Object<'a> {
    Object::new("ProjectV2Item", move |field, arguments| match field {
        "updatedAt" => Some(leaf(time(fact.updated_at))),
        "content" => {
            let (owner, name) = fact.repository.split_once('/')?;
            let of = scope.repository(owner, name, true).ok();
            let found = of.and_then(|of| Some((of, of.issues.iter().find(|issue| issue.number == fact.number)?)));
            Some(object(found.map(|(of, found)| issue::issue(scope, of, found))))
        }
        "fieldValueByName" => Some(object(value(fact, text(arguments, "name")?))),
        _ => None,
    })
}

fn value<'a>(fact: &'a ProjectItem, name: &str) -> Option<Object<'a>> {
    match name {
        "Status" => fact.status.as_ref().map(|(name, at)| {
            Object::new("ProjectV2ItemFieldSingleSelectValue", move |field, _| match field {
                "name" => Some(leaf(name)),
                "updatedAt" => Some(leaf(time(*at))),
                _ => None,
            })
        }),
        "Iteration" => fact.iteration.as_ref().map(|(id, at)| {
            Object::new("ProjectV2ItemFieldIterationValue", move |field, _| match field {
                "iterationId" => Some(leaf(id)),
                "updatedAt" => Some(leaf(time(*at))),
                _ => None,
            })
        }),
        "Estimate" => fact.points.map(|points| {
            Object::new("ProjectV2ItemFieldNumberValue", move |field, _| (field == "number").then(|| leaf(points)))
        }),
        _ => None,
    }
}
