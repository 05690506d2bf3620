//! The parts of an organisation that have nothing to do with one another: teams that share neither a service nor a
//! repository, today or at any time. What happens in one changes no number of another, so each can be looked at by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::incidents::service_of;
use super::ownership::Services;
use super::work::team_of;
use crate::facts::{Deployment, Incident, Inventory, InventoryKind, ReportedValue, Sourced, WorkItem};

/// Teams with the services that any of them owns or has owned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The teams, by slug.
    pub teams: BTreeSet<String>,
    /// The ids of the services.
    pub services: BTreeSet<String>,
    /// `owner/name` of their repositories.
    pub repositories: BTreeSet<String>,
}

impl Part {
    /// Whether it is what no other part claims: nobody's facts, which are left out.
    pub fn is_rest(&self) -> bool {
        self.teams.is_empty() && self.services.is_empty()
    }
}

/// All parts, and which facts each reads. The first is the rest: what belongs to nobody.
#[derive(Debug)]
pub struct Parts {
    /// The parts; their places stand for them.
    pub all: Vec<Part>,
    of_team: HashMap<String, usize>,
    of_repository: HashMap<String, usize>,
    /// By the ids of services and by their names.
    of_word: HashMap<String, usize>,
    /// Projects of which teams list single components.
    divided: BTreeSet<String>,
}

/// The place of the part of what belongs to nobody.
const REST: usize = 0;

impl Parts {
    /// Divides an organisation.
    pub fn of(services: &Services) -> Self {
        let organisation = services.organisation();
        let mut joined = Joined::default();
        for service in services.all.values() {
            let of_service = joined.node(('s', &service.id));
            let owners = service.owners.iter().filter(|owner| organisation.teams.contains_key(&owner.team));
            let mut others: Vec<(char, &str)> = owners.map(|owner| ('t', owner.team.as_str())).collect();
            others.push(('r', &service.repository));
            // What a tool calls several services by belongs to all of them.
            others.extend([&service.id].into_iter().chain(&service.names).map(|word| ('w', word.as_str())));
            for other in others {
                let other = joined.node(other);
                joined.join(of_service, other);
            }
        }
        for team in organisation.teams.keys() {
            joined.node(('t', team));
        }
        let mut parts = Self {
            all: vec![Part::default()],
            of_team: HashMap::new(),
            of_repository: HashMap::new(),
            of_word: HashMap::new(),
            divided: organisation
                .teams
                .values()
                .flat_map(|team| &team.work_items)
                .filter_map(|listed| Some(listed.split_once(':')?.0.to_owned()))
                .collect(),
        };
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        for ((kind, name), node) in joined.nodes.clone() {
            let root = joined.root(node);
            let place = *places.entry(root).or_insert_with(|| {
                parts.all.push(Part::default());
                parts.all.len() - 1
            });
            let part = &mut parts.all[place];
            match kind {
                't' => {
                    part.teams.insert(name.to_owned());
                    parts.of_team.insert(name.to_owned(), place);
                }
                's' => {
                    part.services.insert(name.to_owned());
                }
                'r' => {
                    part.repositories.insert(name.to_owned());
                    parts.of_repository.insert(name.to_owned(), place);
                }
                _ => {
                    parts.of_word.insert(name.to_owned(), place);
                }
            }
        }
        parts
    }

    /// The part of a team.
    pub fn of_team(&self, team: &str) -> Option<usize> {
        self.of_team.get(team).copied()
    }

    /// The part of a repository. `None` where no service has it: nothing of it counts.
    pub fn of_repository(&self, repository: &str) -> Option<usize> {
        self.of_repository.get(repository).copied()
    }

    /// The part of the services that tools call by a word; nobody's where none is.
    pub fn of_word(&self, word: &str) -> usize {
        self.of_word.get(word).copied().unwrap_or(REST)
    }

    /// The part of all items of a project. `None` where it depends on the item.
    pub fn of_project(&self, services: &Services, project: &str) -> Option<usize> {
        if self.divided.contains(project) {
            return None;
        }
        let listing = services.listing(project).and_then(|team| self.of_team(team));
        Some(listing.or_else(|| self.of_repository(project)).unwrap_or(REST))
    }

    /// The part of an item of work.
    pub fn of_work_item(&self, services: &Services, item: &WorkItem) -> usize {
        let of_team = team_of(item, services).and_then(|team| self.of_team(&team));
        of_team.or_else(|| self.of_project(services, &item.project)).unwrap_or(REST)
    }

    /// The part of an incident.
    pub fn of_incident(&self, services: &Services, item: &Sourced<Incident>) -> usize {
        service_of(item, services).map_or(REST, |service| self.of_word(&service.id))
    }

    /// The parts that a deployment is seen in: that of its repository, and that of the service that it names.
    pub fn of_deployment(&self, fact: &Deployment) -> BTreeSet<usize> {
        let named = fact.service.as_ref().and_then(|name| self.of_word.get(name));
        named.copied().into_iter().chain(self.of_repository(&fact.repository)).collect()
    }

    /// The parts that a reported value is seen in: that of its team, and that of its service.
    pub fn of_report(&self, services: &Services, fact: &ReportedValue) -> BTreeSet<usize> {
        let service = fact.service.as_deref().and_then(|name| services.called(name));
        let of_service = service.map(|service| self.of_word(&service.id));
        let of_team = fact.team.as_deref().and_then(|team| self.of_team(team));
        let mut parts: BTreeSet<usize> = of_team.into_iter().chain(of_service).collect();
        if parts.is_empty() {
            parts.insert(REST);
        }
        parts
    }

    /// What each part sees of the looks at a whole tool, of one source and scope: of each look what its services are named
    /// in, and only those looks that showed something else than the one before.
    pub fn of_looks(
        &self,
        services: &Services,
        looks: &[Sourced<Inventory>],
    ) -> BTreeMap<usize, Vec<Sourced<Inventory>>> {
        let mut ordered: Vec<&Sourced<Inventory>> = looks.iter().collect();
        ordered.sort_by_key(|look| (look.fact.kind, look.fact.observed_at));
        let mut seen: BTreeMap<usize, Vec<Sourced<Inventory>>> = BTreeMap::new();
        for look in ordered {
            let mut entries: BTreeMap<usize, Vec<_>> = BTreeMap::new();
            for entry in &look.fact.entries {
                for part in self.named_in(services, &look.source, look.fact.kind, entry) {
                    entries.entry(part).or_default().push(entry.clone());
                }
            }
            for part in seen.keys().copied().chain(entries.keys().copied()).collect::<BTreeSet<usize>>() {
                let entries = entries.remove(&part).unwrap_or_default();
                let of_part = seen.entry(part).or_default();
                let before = of_part.last().filter(|before| before.fact.kind == look.fact.kind);
                if before.map_or(&[][..], |before| &before.fact.entries) != entries {
                    of_part.push(Sourced {
                        source: look.source.clone(),
                        fact: Inventory { entries, ..without_entries(&look.fact) },
                    });
                }
            }
        }
        seen.retain(|_, looks| !looks.is_empty());
        seen
    }

    /// The parts with a service that an entry could mean.
    fn named_in(
        &self,
        services: &Services,
        source: &str,
        kind: InventoryKind,
        entry: &crate::facts::InventoryEntry,
    ) -> BTreeSet<usize> {
        let of_words = |words: &mut dyn Iterator<Item = &String>| -> BTreeSet<usize> {
            words.filter_map(|word| self.of_word.get(word).copied()).collect()
        };
        match kind {
            InventoryKind::Files => BTreeSet::new(),
            InventoryKind::AlertRules => of_words(&mut entry.attributes.values()),
            InventoryKind::OnCallServices => {
                let title = entry.attributes.get("title");
                let named = services.of_incident_service(source, [Some(&entry.name), title.map(String::as_str)]);
                let mut parts = of_words(&mut [&entry.name].into_iter().chain(title));
                parts.extend(named.into_iter().map(|id| self.of_word(id)));
                parts
            }
        }
    }
}

fn without_entries(look: &Inventory) -> Inventory {
    Inventory {
        kind: look.kind,
        scope: look.scope.clone(),
        entries: Vec::new(),
        observed_at: look.observed_at,
        url: look.url.clone(),
    }
}

/// Which things hang together: the usual forest of parents.
#[derive(Default)]
struct Joined<'a> {
    nodes: BTreeMap<(char, &'a str), usize>,
    parents: Vec<usize>,
}

impl<'a> Joined<'a> {
    fn node(&mut self, of: (char, &'a str)) -> usize {
        let parents = &mut self.parents;
        *self.nodes.entry(of).or_insert_with(|| {
            parents.push(parents.len());
            parents.len() - 1
        })
    }

    fn root(&mut self, mut node: usize) -> usize {
        while self.parents[node] != node {
            self.parents[node] = self.parents[self.parents[node]];
            node = self.parents[node];
        }
        node
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other);
    }
}
