//! What is stored, for attribution: everything, or what one part of the organisation reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::plan::Reading;
use crate::attribution::{Attributed, FactsInput, Parts, Reach, Services, Unread, attribute_part};
use crate::facts::{Commit, FactFamily, Iteration, Moment, PullRequest, Sourced};
use crate::store::{Selection, Store, StoreError};

/// Loads all facts.
pub async fn load_facts(store: &Store) -> Result<FactsInput, StoreError> {
    async fn all<F: FactFamily>(store: &Store) -> Result<Vec<Sourced<F>>, StoreError> {
        store.facts(&Selection::default()).await
    }
    Ok(FactsInput {
        repositories: all(store).await?,
        team_repositories: all(store).await?,
        commits: all(store).await?,
        pull_requests: all(store).await?,
        deployments: all(store).await?,
        releases: all(store).await?,
        tags: all(store).await?,
        ci_runs: all(store).await?,
        incidents: all(store).await?,
        work_items: all(store).await?,
        iterations: all(store).await?,
        security_alerts: all(store).await?,
        test_reports: all(store).await?,
        coverage_reports: all(store).await?,
        samples: all(store).await?,
        inventories: all(store).await?,
        reported_values: all(store).await?,
    })
}

/// What was read and attributed for a part.
pub(super) struct PartFacts {
    pub(super) attributed: Attributed,
    /// What is left of the facts: what was known, within the view.
    pub(super) facts: FactsInput,
    /// See [`FactsInput::first_after`].
    pub(super) first_after: Option<Moment>,
    /// The iterations that its items are in, by source and id.
    pub(super) iterations: BTreeSet<(String, String)>,
}

/// Reads and attributes facts of one part, as of a moment: the history as far back as numbers need it.
pub(super) async fn attributed_part(
    store: &Store,
    reading: &Reading,
    (services, parts, part): (&Arc<Services>, &Arc<Parts>, usize),
    as_of: Moment,
) -> Result<PartFacts, StoreError> {
    let mut reach = Reach::first(as_of);
    loop {
        let mut facts = load_part(store, reading, reach, services.deploys_by_run(&parts.all[part])).await?;
        let (services, parts) = (services.clone(), parts.clone());
        let attributed = tokio::task::spawn_blocking(move || {
            let first_after = facts.first_after(as_of);
            let memberships = facts.work_items.iter().flat_map(|item| {
                item.fact.iterations.iter().map(|membership| (item.source.clone(), membership.iteration.clone()))
            });
            let iterations = memberships.collect();
            let (attributed, unread) = attribute_part(&services, &parts.all[part], &mut facts, as_of, reach);
            (PartFacts { attributed, facts, first_after, iterations }, unread)
        });
        let (found, unread) = attributed.await.map_err(|_| StoreError::interrupted())?;
        match reach.read {
            Some(read) if is_stored(store, &unread, read).await? => {
                tracing::debug!(part, ?unread, "reads farther back");
                reach = reach.farther(as_of);
            }
            _ => return Ok(found),
        }
    }
}

/// Whether anything of what was not read, and would make a difference, is stored.
async fn is_stored(store: &Store, unread: &Unread, read: Moment) -> Result<bool, StoreError> {
    for repository in &unread.repositories {
        if store.is_any_older::<Commit>(repository, read).await? {
            return Ok(true);
        }
    }
    let listed = |keys: &BTreeSet<String>| keys.iter().cloned().collect::<Vec<String>>();
    Ok(store.is_any_stored::<Commit>(&listed(&unread.commits)).await?
        || store.is_any_stored::<PullRequest>(&listed(&unread.pull_requests)).await?)
}

/// Loads what one part reads: a statement for each family, whatever else is stored.
async fn load_part(
    store: &Store,
    reading: &Reading,
    reach: Reach,
    deploys_by_run: bool,
) -> Result<FactsInput, StoreError> {
    let view = Some(reach.view);
    let work_items = of_part(store, reading, view).await?;
    let mut inventories = of_part(store, reading, None).await?;
    inventories.extend(reading.looks.iter().cloned());
    let mut iterations: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
    for item in &work_items {
        let item: &Sourced<crate::facts::WorkItem> = item;
        let known = iterations.entry(&item.source).or_default();
        known.extend(item.fact.iterations.iter().map(|membership| &membership.iteration));
    }
    let mut named: Vec<Sourced<Iteration>> = Vec::new();
    for (source, ids) in iterations {
        let ids: Vec<String> = ids.into_iter().cloned().collect();
        named.extend(store.facts_by_key(source, &ids, None).await?);
    }
    Ok(FactsInput {
        repositories: of_part(store, reading, None).await?,
        // Whose repositories are whose was found out before.
        team_repositories: Vec::new(),
        commits: of_part(store, reading, reach.read).await?,
        pull_requests: of_part(store, reading, reach.read).await?,
        deployments: of_part(store, reading, reach.read).await?,
        releases: of_part(store, reading, None).await?,
        tags: of_part(store, reading, None).await?,
        ci_runs: of_part(store, reading, if deploys_by_run { reach.read } else { view }).await?,
        incidents: of_part(store, reading, None).await?,
        iterations: named,
        security_alerts: of_part(store, reading, None).await?,
        test_reports: of_part(store, reading, view).await?,
        coverage_reports: of_part(store, reading, view).await?,
        samples: of_part(store, reading, view).await?,
        reported_values: of_part(store, reading, None).await?,
        work_items,
        inventories,
    })
}

/// What a part reads of a family; without what ended before a moment, where one is given.
async fn of_part<F: FactFamily>(
    store: &Store,
    reading: &Reading,
    not_ended_before: Option<Moment>,
) -> Result<Vec<Sourced<F>>, StoreError> {
    let mut facts: Vec<Sourced<F>> = Vec::new();
    if let Some(scopes) = reading.scopes.get(F::FAMILY) {
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (source, scope) in scopes {
            wanted.entry(source).or_default().insert(scope);
        }
        let names: BTreeSet<String> = scopes.iter().map(|(_, scope)| scope.clone()).collect();
        facts = store.facts_in(&names.into_iter().collect::<Vec<_>>(), not_ended_before).await?;
        // Another source may have a scope of the same name that is another part's.
        let is_wanted = |it: &Sourced<F>| wanted.get(it.source.as_str()).is_some_and(|of| of.contains(it.fact.scope()));
        facts.retain(is_wanted);
    }
    for ((_, source), keys) in reading.keys.iter().filter(|((family, _), _)| family == F::FAMILY) {
        facts.extend(store.facts_by_key(source, keys, not_ended_before).await?);
    }
    Ok(facts)
}
