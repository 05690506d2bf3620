//! Branches and tags.

use apollo_compiler::resolvers::FieldError;
use apollo_compiler::response::JsonMap;

use super::{Scope, change, time};
use crate::github::graphql::arguments::{order, text};
use crate::github::graphql::connection::{Node, Order, connection};
use crate::github::graphql::object::{Answer, Object, leaf, object, refused};
use crate::world::{Commit, Moment, Repository, Tag};

/// When a tag was made: by its tagger's date, else by its commit's.
pub(super) fn tagged_at(of: &Repository, tag: &Tag) -> Option<Moment> {
    tag.annotated_at.or_else(|| of.commits.get(&tag.sha).map(|commit| commit.committed_at))
}

/// A branch by its name.
pub(super) fn branch<'a>(scope: Scope<'a>, of: &'a Repository, name: &str) -> Option<Object<'a>> {
    let (name, sha) = of.branches.get_key_value(name)?;
    let head = of.commits.get(sha)?;
    Some(Object::new("Ref", move |field, _| match field {
        "id" => Some(leaf(format!("REF_{}_heads_{name}", of.id))),
        "name" => Some(leaf(name)),
        "prefix" => Some(leaf("refs/heads/")),
        "target" => Some(object(change::commit(scope, of, head))),
        _ => None,
    }))
}

fn tag<'a>(scope: Scope<'a>, of: &'a Repository, tag: &'a Tag) -> Object<'a> {
    Object::new("Ref", move |field, _| match field {
        "id" => Some(leaf(format!("REF_{}_tags_{}", of.id, tag.name))),
        "name" => Some(leaf(&tag.name)),
        "prefix" => Some(leaf("refs/tags/")),
        "target" => Some(object(tag_target(scope, of, tag))),
        _ => None,
    })
}

/// An annotated tag is a tag object that leads to the commit, a lightweight one is the commit.
fn tag_target<'a>(scope: Scope<'a>, of: &'a Repository, tag: &'a Tag) -> Option<Object<'a>> {
    let commit = of.commits.get(&tag.sha)?;
    let Some(tagged_at) = tag.annotated_at else { return Some(change::commit(scope, of, commit)) };
    Some(Object::new("Tag", move |field, _| match field {
        "name" => Some(leaf(&tag.name)),
        "tagger" => {
            Some(object(Object::new("GitActor", move |field, _| (field == "date").then(|| leaf(time(tagged_at))))))
        }
        "target" => Some(object(change::commit(scope, of, commit))),
        _ => None,
    }))
}

/// A reference by its name, with or without the prefix; a branch wins over a tag of the same name.
pub(super) fn qualified<'a>(scope: Scope<'a>, of: &'a Repository, name: &str) -> Option<Object<'a>> {
    let tagged = |name: &str| of.tags.iter().find(|tag| tag.name == name).map(|found| tag(scope, of, found));
    if let Some(name) = name.strip_prefix("refs/heads/") {
        return branch(scope, of, name);
    }
    if let Some(name) = name.strip_prefix("refs/tags/") {
        return tagged(name);
    }
    branch(scope, of, name).or_else(|| tagged(name))
}

/// The branches or the tags of a repository.
pub(super) fn refs<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    let (by, mut descending) = order(arguments, &["ALPHABETICAL", "TAG_COMMIT_DATE"])?;
    // The older argument for the direction, which `orderBy` overrides.
    if !arguments.contains_key("orderBy") && text(arguments, "direction") == Some("DESC") {
        descending = true;
    }
    let key = |name: &str, at: Option<Moment>| match by {
        "TAG_COMMIT_DATE" => format!("{}|{name}", at.map(time).unwrap_or_default()),
        _ => name.to_owned(),
    };
    let nodes: Vec<Node<'a>> = match text(arguments, "refPrefix").unwrap_or_default() {
        "refs/tags/" => of
            .tags
            .iter()
            .map(|item| Node::new(key(&item.name, tagged_at(of, item)), move || tag(scope, of, item)))
            .collect(),
        "refs/heads/" => {
            let known = of.branches.iter().filter(|(_, sha)| of.commits.contains_key(*sha));
            let nodes = known.map(|(name, sha)| {
                let at = of.commits.get(sha).map(|commit| commit.committed_at);
                // The branch is there, so the object is never missing.
                let make = move || branch(scope, of, name).unwrap_or_else(|| Object::new("Ref", |_, _| None));
                Node::new(key(name, at), make)
            });
            nodes.collect()
        }
        other => {
            let message = format!("the simulator serves refs of refs/tags/ and refs/heads/, not of '{other}'");
            return Err(refused("NOT_SIMULATED", &message));
        }
    };
    connection("RefConnection", nodes, Order::by_key(descending), arguments)
}

/// The commit that a git revision names: `HEAD`, a branch, a tag, an object id or its beginning.
pub(super) fn resolve<'a>(of: &'a Repository, expression: &str) -> Result<Option<&'a Commit>, FieldError> {
    let name = ["^{commit}", "^{}", "^0"].iter().find_map(|end| expression.strip_suffix(end)).unwrap_or(expression);
    if name.contains([':', '~', '^', '@']) {
        let message = format!("the simulator does not resolve the revision '{expression}'");
        return Err(refused("NOT_SIMULATED", &message));
    }
    if let Some(commit) = of.commits.get(name) {
        return Ok(Some(commit));
    }
    let branch = name.strip_prefix("refs/heads/").unwrap_or(name);
    let branch = if branch == "HEAD" { of.default_branch.as_str() } else { branch };
    let tag = name.strip_prefix("refs/tags/").unwrap_or(name);
    let tagged = of.tags.iter().find(|item| item.name == tag).map(|item| &item.sha);
    if let Some(sha) = of.branches.get(branch).or(tagged) {
        return Ok(of.commits.get(sha));
    }
    if name.len() < 7 {
        return Ok(None);
    }
    let mut beginning = of.commits.range(name.to_owned()..).take_while(|(sha, _)| sha.starts_with(name));
    let first = beginning.next().map(|(_, commit)| commit);
    Ok(if beginning.next().is_some() { None } else { first })
}
