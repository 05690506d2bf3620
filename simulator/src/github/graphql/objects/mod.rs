//! The objects of GitHub's schema that are simulated: the root, and what all others are made from.

mod change;
mod issue;
mod operation;
mod organization;
mod project;
mod pull_request;
mod reference;
pub(in super::super) mod repository;

use std::sync::{Mutex, PoisonError};

use apollo_compiler::resolvers::FieldError;
use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::Histories;
use super::arguments::text;
use super::object::{Answer, Object, leaf, list, object, refused};
use crate::github::sight::{Seen, Sight};
use crate::world::{Moment, Repository, World};

/// What objects are made from.
#[derive(Clone, Copy)]
pub(in super::super) struct Scope<'a> {
    pub(in super::super) world: &'a World,
    pub(in super::super) sight: &'a Sight,
    pub(in super::super) histories: &'a Histories,
    /// Errors of single items of lists: the executor would give up the whole list for them.
    pub(in super::super) problems: &'a Mutex<Vec<Value>>,
}

impl<'a> Scope<'a> {
    /// Tells of an item of a list that is `null`.
    fn report(self, error: &FieldError, path: &Value) {
        let problem = json!({ "message": error.message, "path": path });
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
    }

    /// The repository of a name, as far as the token may see it.
    fn repository(self, owner: &str, name: &str, follow_renames: bool) -> Result<&'a Repository, FieldError> {
        let full_name = format!("{owner}/{name}");
        let missing =
            || refused("NOT_FOUND", &format!("Could not resolve to a Repository with the name '{full_name}'."));
        let found = self.sight.repository(self.world, &full_name);
        match found {
            Seen::Nothing => Err(missing()),
            Seen::Forbidden => Err(refused("FORBIDDEN", "Resource not accessible by personal access token")),
            Seen::Repository(found) if !follow_renames && !found.name.eq_ignore_ascii_case(name) => Err(missing()),
            Seen::Repository(found) => Ok(found),
        }
    }
}

/// A moment as GitHub writes it.
pub(super) fn time(moment: Moment) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A key that sorts by moment, then by number.
fn key(moment: Moment, number: u64) -> String {
    format!("{}|{number:012}", time(moment))
}

/// The root of queries.
pub(super) fn query<'a>(scope: &Scope<'a>, rate_limit: Value) -> Object<'a> {
    let scope = *scope;
    Object::new("Query", move |field, arguments| match field {
        "rateLimit" => {
            let rate_limit = rate_limit.clone();
            Some(object(Object::new("RateLimit", move |field, _| Some(leaf(rate_limit.get(field)?)))))
        }
        "viewer" => Some(object(Object::new("User", |field, _| match field {
            "login" => Some(leaf(crate::github::VIEWER)),
            "id" => Some(leaf("U_1")),
            "databaseId" => Some(leaf(1)),
            _ => None,
        }))),
        "organization" => Some(organization::organization(scope, text(arguments, "login")?)),
        "repository" => {
            let follow_renames = arguments.get("followRenames").is_none_or(|value| value.as_bool() != Some(false));
            let found = scope.repository(text(arguments, "owner")?, text(arguments, "name")?, follow_renames);
            Some(found.and_then(|found| object(repository::repository(scope, found))))
        }
        "nodes" => {
            let ids = arguments.get("ids")?.as_array()?;
            let nodes = ids.iter().enumerate().map(|(place, id)| {
                let found = node(scope, id.as_str().unwrap_or_default());
                found.map_err(|error| scope.report(&error, &json!(["nodes", place]))).ok()
            });
            Some(list(nodes.collect()))
        }
        "node" => {
            let node = node(scope, text(arguments, "id")?);
            Some(node.and_then(object))
        }
        _ => None,
    })
}

/// An object by its node id: `R_7` for repositories, `D_7_12` for deployments, `P_7_3` for pull requests, `I_7_4` for
/// issues.
fn node<'a>(scope: Scope<'a>, id: &str) -> Result<Object<'a>, FieldError> {
    let missing = || refused("NOT_FOUND", &format!("Could not resolve to a node with the global id of '{id}'"));
    let mut parts = id.split('_');
    let kind = parts.next().unwrap_or_default();
    let mut number = || parts.next().and_then(|number| number.parse::<u64>().ok());
    let of = number().ok_or_else(missing)?;
    let of = scope.world.repositories.iter().find(|repository| repository.id == of).ok_or_else(missing)?;
    let of = scope.repository(&of.owner, &of.name, true)?;
    if kind == "R" {
        return Ok(repository::repository(scope, of));
    }
    let number = number().ok_or_else(missing)?;
    let found = match kind {
        "D" => of.deployments.iter().find(|item| item.id == number).map(|item| operation::deployment(scope, of, item)),
        "P" => {
            let found = of.pull_requests.iter().find(|item| item.number == number);
            found.map(|item| pull_request::pull_request(scope, of, item))
        }
        "I" => of.issues.iter().find(|item| item.number == number).map(|item| issue::issue(scope, of, item)),
        _ => None,
    };
    found.ok_or_else(missing)
}

/// An actor: a person, a bot, or `null` for an account that is gone.
fn actor<'a>(world: &'a World, login: &'a str) -> Answer<'a> {
    if login.is_empty() {
        return object(None);
    }
    let bot = world.accounts.get(login).is_some_and(|account| account.bot);
    // GraphQL gives a bot's login without the suffix that REST shows.
    let login = login.trim_end_matches("[bot]");
    object(Object::new(if bot { "Bot" } else { "User" }, move |field, _| match field {
        "login" => Some(leaf(login)),
        "url" => Some(leaf(format!("{}/{login}", crate::github::WEB))),
        _ => None,
    }))
}
