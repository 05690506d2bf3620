//! Which part of the organisation reads which facts, so that a change is followed to the parts that it touches.
//!
//! Most scopes belong to one part as a whole: a repository's commits. Where facts say themselves whose they are (incidents,
//! reported values, projects of several teams), a scope is read when it has changed, and each part's share of it gets a
//! fingerprint: a part is touched when its share differs.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use crate::attribution::{Parts, Services};
use crate::facts::{
    CiRun, Commit, CoverageReport, Deployment, FactFamily, Incident, Inventory, Moment, PullRequest, Release,
    ReportedValue, Repository, Sample, SecurityAlert, Sourced, Tag, TestReport, WorkItem,
};
use crate::store::{ScopeKey, Store, StoreError};

/// So many scopes are read at once when their facts are looked through.
const SCOPES_AT_ONCE: usize = 50;

/// Whose the facts of a scope are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Route {
    /// Nobody reads them.
    Nobody,
    /// One part reads them all.
    Whole(usize),
    /// Each fact says whose it is: what parts have of it, in their order. Most have one, of which a map would take ten times
    /// as much.
    Shared(Vec<(usize, Share)>),
}

/// What a part has of a scope.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Share {
    /// Stands for the content.
    fingerprint: u64,
    /// The keys of the facts. `None` where no other part has any.
    keys: Option<Vec<String>>,
    /// Looks at a whole tool, cut down to what the part's services are named in.
    looks: Vec<Sourced<Inventory>>,
}

/// What a part reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// Sources and scopes that are read as a whole, by family.
    pub(super) scopes: BTreeMap<String, BTreeSet<(String, String)>>,
    /// Single facts, by family and source.
    pub(super) keys: BTreeMap<(String, String), Vec<String>>,
    /// Looks at whole tools.
    pub(super) looks: Vec<Sourced<Inventory>>,
}

impl Reading {
    /// The same piece by piece, for facts that have nothing to do with one another and are too many to be held at once.
    pub(super) fn in_pieces(self) -> impl Iterator<Item = Self> {
        let whole = self.scopes.into_iter().flat_map(|(family, scopes)| {
            let scopes: Vec<(String, String)> = scopes.into_iter().collect();
            let pieces: Vec<_> = scopes.chunks(SCOPES_AT_ONCE).map(|some| some.iter().cloned().collect()).collect();
            pieces.into_iter().map(move |some| Self { scopes: [(family.clone(), some)].into(), ..Self::default() })
        });
        let single = self.keys.into_iter().map(|of| Self { keys: [of].into(), ..Self::default() });
        whole.chain(single).chain([Self { looks: self.looks, ..Self::default() }])
    }
}

/// The parts and their routes.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) services: Arc<Services>,
    pub(super) parts: Arc<Parts>,
    /// An organisation has thousands of scopes: their keys are shared.
    routes: BTreeMap<Arc<ScopeKey>, Route>,
    /// The scopes that each part reads something of.
    of_part: Vec<BTreeSet<Arc<ScopeKey>>>,
}

impl Plan {
    pub(super) fn new(services: Arc<Services>) -> Self {
        let parts = Arc::new(Parts::of(&services));
        let of_part = vec![BTreeSet::new(); parts.all.len()];
        Self { services, parts, routes: BTreeMap::new(), of_part }
    }

    /// What a part reads.
    pub(super) fn reading(&self, part: usize) -> Reading {
        let mut reading = Reading::default();
        for key in self.of_part.get(part).into_iter().flatten() {
            let share = match self.routes.get(key) {
                Some(Route::Shared(shares)) => share_of(shares, part),
                _ => None,
            };
            match share {
                Some(Share { looks, .. }) if !looks.is_empty() => reading.looks.extend(looks.iter().cloned()),
                Some(Share { keys: Some(keys), .. }) => {
                    let known = reading.keys.entry((key.family.clone(), key.source.clone())).or_default();
                    known.extend(keys.iter().cloned());
                }
                _ => {
                    let known = reading.scopes.entry(key.family.clone()).or_default();
                    known.insert((key.source.clone(), key.scope.clone()));
                }
            }
        }
        reading
    }

    /// The key as it is kept.
    pub(super) fn shared(&self, key: ScopeKey) -> Arc<ScopeKey> {
        self.routes.get_key_value(&key).map_or_else(|| Arc::new(key), |(known, _)| known.clone())
    }

    /// Takes a new route of a scope that has changed; the parts that this touches.
    pub(super) fn take(&mut self, key: ScopeKey, route: Route) -> BTreeSet<usize> {
        let before = self.routes.get(&key).unwrap_or(&Route::Nobody);
        let touched = match (before, &route) {
            (Route::Shared(before), Route::Shared(now)) => {
                let places = before.iter().chain(now).map(|(place, _)| *place);
                let fingerprint =
                    |shares: &[(usize, Share)], place| share_of(shares, place).map(|share| share.fingerprint);
                places.filter(|place| fingerprint(before, *place) != fingerprint(now, *place)).collect()
            }
            (before, now) => places(before).union(&places(now)).copied().collect::<BTreeSet<usize>>(),
        };
        let (before, after) = (places(before), places(&route));
        let key = self.shared(key);
        for place in before {
            self.of_part[place].remove(&key);
        }
        for place in after {
            self.of_part[place].insert(key.clone());
        }
        self.routes.insert(key, route);
        touched
    }
}

fn places(route: &Route) -> BTreeSet<usize> {
    match route {
        Route::Nobody => BTreeSet::new(),
        Route::Whole(place) => BTreeSet::from([*place]),
        Route::Shared(shares) => shares.iter().map(|(place, _)| *place).collect(),
    }
}

fn share_of(shares: &[(usize, Share)], part: usize) -> Option<&Share> {
    let place = shares.binary_search_by_key(&part, |(part, _)| *part).ok()?;
    Some(&shares[place].1)
}

/// Finds the routes of scopes, reading the facts of those whose facts say themselves whose they are.
pub(super) struct Router<'a> {
    pub(super) store: &'a Store,
    pub(super) services: &'a Services,
    pub(super) parts: &'a Parts,
}

impl Router<'_> {
    pub(super) async fn routes(&self, scopes: &[ScopeKey]) -> Result<Vec<(ScopeKey, Route)>, StoreError> {
        let mut by_family: BTreeMap<&str, Vec<&ScopeKey>> = BTreeMap::new();
        for key in scopes {
            by_family.entry(&key.family).or_default().push(key);
        }
        let mut routes = Vec::new();
        for (family, keys) in by_family {
            let (known, told): (Vec<_>, Vec<_>) =
                keys.into_iter().map(|key| (key, self.known(key))).partition(|(_, route)| route.is_some());
            routes.extend(known.into_iter().filter_map(|(key, route)| Some((key.clone(), route?))));
            let mut told: Vec<&ScopeKey> = told.into_iter().map(|(key, _)| key).collect();
            if family == Deployment::FAMILY {
                let names: Vec<String> = told.iter().map(|key| key.scope.clone()).collect();
                let naming = self.store.scopes_naming_services(&names).await?;
                let names_none = |key: &&ScopeKey| !naming.contains(&(key.source.clone(), key.scope.clone()));
                let plain = told.iter().copied().filter(names_none);
                routes.extend(plain.map(|key| (key.clone(), self.of_repository(&key.scope))));
                told.retain(|key| !names_none(key));
            }
            for chunk in told.chunks(SCOPES_AT_ONCE) {
                self.told(family, chunk, &mut routes).await?;
            }
        }
        Ok(routes)
    }

    /// The route of a scope that belongs to one part whatever is in it.
    fn known(&self, key: &ScopeKey) -> Option<Route> {
        match key.family.as_str() {
            Commit::FAMILY
            | PullRequest::FAMILY
            | Release::FAMILY
            | Tag::FAMILY
            | CiRun::FAMILY
            | SecurityAlert::FAMILY
            | TestReport::FAMILY
            | CoverageReport::FAMILY => Some(self.of_repository(&key.scope)),
            Sample::FAMILY => Some(Route::Whole(self.parts.of_word(&key.scope))),
            WorkItem::FAMILY => self.parts.of_project(self.services, &key.scope).map(Route::Whole),
            // The looks at a repository's files; those at tools are told apart by their content.
            Inventory::FAMILY => self.parts.of_repository(&key.scope).map(Route::Whole),
            Deployment::FAMILY | Incident::FAMILY | ReportedValue::FAMILY | Repository::FAMILY => None,
            // Lists of teams are the plan's own, and iterations are read by the items that are in them. Other families are
            // those of a newer program that shares the store.
            _ => Some(Route::Nobody),
        }
    }

    fn of_repository(&self, repository: &str) -> Route {
        self.parts.of_repository(repository).map_or(Route::Nobody, Route::Whole)
    }

    /// The routes of scopes whose facts say whose they are.
    async fn told(
        &self,
        family: &str,
        keys: &[&ScopeKey],
        routes: &mut Vec<(ScopeKey, Route)>,
    ) -> Result<(), StoreError> {
        let (store, parts, services) = (self.store, self.parts, self.services);
        let scopes: BTreeSet<String> = keys.iter().map(|key| key.scope.clone()).collect();
        let scopes: Vec<String> = scopes.into_iter().collect();
        let mut shares = match family {
            Repository::FAMILY => {
                // When it was looked at says nothing of the repository.
                let unseen = |fact: &Repository| Repository { observed_at: Moment::UNIX_EPOCH, ..fact.clone() };
                let facts = store.facts_in::<Repository>(&scopes, None).await?;
                let whose = |it: &Sourced<Repository>| parts.of_repository(&it.fact.full_name).into_iter().collect();
                shared(&facts, whose, unseen)
            }
            Deployment::FAMILY => {
                let facts = store.facts_in::<Deployment>(&scopes, None).await?;
                shared(&facts, |it| parts.of_deployment(&it.fact), Clone::clone)
            }
            Incident::FAMILY => {
                let facts = store.facts_in::<Incident>(&scopes, None).await?;
                shared(&facts, |it| BTreeSet::from([parts.of_incident(services, it)]), Clone::clone)
            }
            WorkItem::FAMILY => {
                let facts = store.facts_in::<WorkItem>(&scopes, None).await?;
                shared(&facts, |it| BTreeSet::from([parts.of_work_item(services, &it.fact)]), Clone::clone)
            }
            ReportedValue::FAMILY => {
                let facts = store.facts_in::<ReportedValue>(&scopes, None).await?;
                shared(&facts, |it| parts.of_report(services, &it.fact), Clone::clone)
            }
            Inventory::FAMILY => self.looks(&store.facts_in::<Inventory>(&scopes, None).await?),
            _ => BTreeMap::new(),
        };
        for key in keys {
            let of_scope = shares.remove(&(key.source.clone(), key.scope.clone())).unwrap_or_default();
            routes.push(((*key).clone(), Route::Shared(of_scope)));
        }
        Ok(())
    }

    /// The shares of looks at whole tools.
    fn looks(&self, facts: &[Sourced<Inventory>]) -> Shares {
        let mut by_scope: BTreeMap<(String, String), Vec<Sourced<Inventory>>> = BTreeMap::new();
        for look in facts {
            by_scope.entry((look.source.clone(), look.fact.scope.clone())).or_default().push(look.clone());
        }
        let shares = by_scope.into_iter().map(|(scope, looks)| {
            let of_parts = self.parts.of_looks(self.services, &looks).into_iter().map(|(part, looks)| {
                let mut hasher = DefaultHasher::new();
                for look in &looks {
                    // A checklist is that of a day; when on the day the tool was looked at says nothing.
                    (look.fact.kind.word(), look.fact.observed_at.date_naive()).hash(&mut hasher);
                    for entry in &look.fact.entries {
                        (&entry.name, &entry.attributes).hash(&mut hasher);
                    }
                }
                (part, Share { fingerprint: hasher.finish(), keys: None, looks })
            });
            (scope, of_parts.collect())
        });
        shares.collect()
    }
}

/// The shares of scopes, by source and scope; each in the order of parts.
type Shares = BTreeMap<(String, String), Vec<(usize, Share)>>;

/// What a part has of a scope, while it is read: the hash so far, and the keys.
type Hashed = (DefaultHasher, Vec<String>);

/// Divides facts among parts. What changes nothing about a fact is taken out of it before it is told apart.
fn shared<F: FactFamily>(
    facts: &[Sourced<F>],
    whose: impl Fn(&Sourced<F>) -> BTreeSet<usize>,
    essence: impl Fn(&F) -> F,
) -> Shares {
    let mut divided: BTreeMap<(String, String), BTreeMap<usize, Hashed>> = BTreeMap::new();
    for item in facts {
        let text = serde_json::to_string(&essence(&item.fact)).unwrap_or_default();
        for part in whose(item) {
            let scope = (item.source.clone(), item.fact.scope().to_owned());
            let (hasher, keys) = divided.entry(scope).or_default().entry(part).or_default();
            text.hash(hasher);
            keys.push(item.fact.external_id());
        }
    }
    let shares = divided.into_iter().map(|(scope, of_parts)| {
        let alone = of_parts.len() == 1;
        let of_parts = of_parts.into_iter().map(|(part, (hasher, keys))| {
            (part, Share { fingerprint: hasher.finish(), keys: (!alone).then_some(keys), looks: Vec::new() })
        });
        (scope, of_parts.collect())
    });
    shares.collect()
}
