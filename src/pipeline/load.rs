//! Everything that is stored, for attribution.

use crate::attribution::FactsInput;
use crate::facts::{FactFamily, Sourced};
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
