//! What is stored, for attribution: everything, or what one part of the organisation reads.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::Reading;
use crate::attribution::FactsInput;
use crate::facts::{FactFamily, Iteration, Sourced};
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

/// Loads what one part reads: a statement for each family, whatever else is stored.
pub(super) async fn load_part(store: &Store, reading: &Reading) -> Result<FactsInput, StoreError> {
    let work_items = of_part(store, reading).await?;
    let mut inventories = of_part(store, reading).await?;
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
        named.extend(store.facts_by_key(source, &ids).await?);
    }
    Ok(FactsInput {
        repositories: of_part(store, reading).await?,
        // Whose repositories are whose was found out before.
        team_repositories: Vec::new(),
        commits: of_part(store, reading).await?,
        pull_requests: of_part(store, reading).await?,
        deployments: of_part(store, reading).await?,
        releases: of_part(store, reading).await?,
        tags: of_part(store, reading).await?,
        ci_runs: of_part(store, reading).await?,
        incidents: of_part(store, reading).await?,
        iterations: named,
        security_alerts: of_part(store, reading).await?,
        test_reports: of_part(store, reading).await?,
        coverage_reports: of_part(store, reading).await?,
        samples: of_part(store, reading).await?,
        reported_values: of_part(store, reading).await?,
        work_items,
        inventories,
    })
}

/// What a part reads of a family.
async fn of_part<F: FactFamily>(store: &Store, reading: &Reading) -> Result<Vec<Sourced<F>>, StoreError> {
    let mut facts: Vec<Sourced<F>> = Vec::new();
    if let Some(scopes) = reading.scopes.get(F::FAMILY) {
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (source, scope) in scopes {
            wanted.entry(source).or_default().insert(scope);
        }
        let names: BTreeSet<String> = scopes.iter().map(|(_, scope)| scope.clone()).collect();
        facts = store.facts_in(&names.into_iter().collect::<Vec<_>>()).await?;
        // Another source may have a scope of the same name that is another part's.
        let is_wanted = |it: &Sourced<F>| wanted.get(it.source.as_str()).is_some_and(|of| of.contains(it.fact.scope()));
        facts.retain(is_wanted);
    }
    for ((_, source), keys) in reading.keys.iter().filter(|((family, _), _)| family == F::FAMILY) {
        facts.extend(store.facts_by_key(source, keys).await?);
    }
    Ok(facts)
}
