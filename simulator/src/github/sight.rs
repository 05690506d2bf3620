//! What a token may see.

use std::collections::BTreeSet;

use super::faults::Withheld;
use crate::world::{Repository, Team, World};

/// What one token may see of the world.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight {
    /// The scopes of a personal access token; `None` for an App's installation, which has permissions instead.
    pub(super) scopes: Option<BTreeSet<String>>,
    /// The owners whose repositories are seen, in lower case; all where that is empty.
    pub(super) owners: BTreeSet<String>,
    /// What is kept from every token just now.
    pub(super) withheld: Withheld,
}

/// What a token gets for a repository's name.
#[derive(Debug)]
pub(super) enum Seen<'a> {
    /// The repository.
    Repository(&'a Repository),
    /// That it is there, and no more.
    Forbidden,
    /// The same as for a name that does not exist.
    Nothing,
}

impl Sight {
    /// The scopes of a personal access token, sorted.
    pub(super) fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().flatten().map(String::as_str)
    }

    fn has_one_of(&self, wanted: &[&str]) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| wanted.iter().any(|scope| scopes.contains(*scope)))
    }

    /// Whether teams and members are seen.
    pub(super) fn may_read_organization(&self) -> bool {
        self.has_one_of(&["read:org", "write:org", "admin:org"])
    }

    /// The repository of a present or former name. All repositories are private.
    pub(super) fn repository<'a>(&self, world: &'a World, full_name: &str) -> Seen<'a> {
        let Some(found) = find_repository(world, full_name) else { return Seen::Nothing };
        self.look_at(found)
    }

    /// The repository of a number.
    pub(super) fn repository_by_id<'a>(&self, world: &'a World, id: &str) -> Seen<'a> {
        let found = world.repositories.iter().find(|repository| repository.id.to_string() == id);
        found.map_or(Seen::Nothing, |found| self.look_at(found))
    }

    fn look_at<'a>(&self, found: &'a Repository) -> Seen<'a> {
        let name = format!("{}/{}", found.owner, found.name).to_lowercase();
        let of_another = !self.owners.is_empty() && !self.owners.contains(&found.owner.to_lowercase());
        if of_another || !self.has_one_of(&["repo"]) || self.withheld.hidden.contains(&name) {
            Seen::Nothing
        } else if self.withheld.forbidden.contains(&name) {
            Seen::Forbidden
        } else {
            Seen::Repository(found)
        }
    }

    /// All repositories that are seen.
    pub(super) fn repositories<'a>(&'a self, world: &'a World) -> impl Iterator<Item = &'a Repository> {
        world.repositories.iter().filter(|repository| matches!(self.look_at(repository), Seen::Repository(_)))
    }

    /// The repositories of a team that are seen.
    pub(super) fn repositories_of<'a>(
        &'a self,
        world: &'a World,
        team: &'a Team,
    ) -> impl Iterator<Item = &'a Repository> {
        team.repositories.iter().filter_map(|name| match self.repository(world, name) {
            Seen::Repository(found) => Some(found),
            Seen::Forbidden | Seen::Nothing => None,
        })
    }
}

/// The repository of a present or former name.
fn find_repository<'a>(world: &'a World, name: &str) -> Option<&'a Repository> {
    let is_called =
        |repository: &Repository| format!("{}/{}", repository.owner, repository.name).eq_ignore_ascii_case(name);
    let was_called =
        |repository: &Repository| repository.former_names.iter().any(|former| former.eq_ignore_ascii_case(name));
    // A new repository may have taken a former name; then the name is its own.
    world
        .repositories
        .iter()
        .find(|repository| is_called(repository))
        .or_else(|| world.repositories.iter().find(|repository| was_called(repository)))
}
