//! Snapshots at rest: what the last evaluation found out, part by part, for every replica to serve.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row as _;

use super::conflict::again_on_conflict;
use super::leases::check_fence;
use super::{Fence, Store, StoreError, on_engine, on_writer};

/// Parts of a published snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishedParts {
    /// The generation: rises with each publication.
    pub generation: i64,
    /// The bodies by part.
    pub bodies: BTreeMap<String, Vec<u8>>,
}

impl Store {
    /// Replaces the parts that have changed and forgets those that are not among `all`, in one transaction that raises the
    /// generation, if the fence still stands.
    pub async fn publish_parts(
        &self,
        fence: &Fence,
        changed: &BTreeMap<String, Vec<u8>>,
        all: &BTreeSet<String>,
    ) -> Result<i64, StoreError> {
        again_on_conflict(|| self.publish_in_one(fence, changed, all)).await
    }

    async fn publish_in_one(
        &self,
        fence: &Fence,
        changed: &BTreeMap<String, Vec<u8>>,
        all: &BTreeSet<String>,
    ) -> Result<i64, StoreError> {
        let newest = "SELECT COALESCE(MAX(generation), 0) FROM snapshots";
        let upsert = "INSERT INTO snapshots (part, generation, body) VALUES ($1, $2, $3) \
             ON CONFLICT (part) DO UPDATE SET generation = excluded.generation, body = excluded.body";
        on_writer!(self, pool: Database => {
            // One connection for both: nobody else writes to a file in between.
            let mut connection = pool.acquire().await?;
            let generation: i64 = sqlx::query_scalar::<Database, i64>(newest).fetch_one(&mut *connection).await? + 1;
            let mut transaction = sqlx::Connection::begin(&mut *connection).await?;
            for (part, body) in changed {
                let query = sqlx::query(upsert).bind(part.clone()).bind(generation).bind(body.clone());
                query.execute(&mut *transaction).await?;
            }
            let stored: Vec<String> = sqlx::query_scalar("SELECT part FROM snapshots").fetch_all(&mut *transaction).await?;
            for part in stored.into_iter().filter(|part| !all.contains(part)) {
                sqlx::query("DELETE FROM snapshots WHERE part = $1").bind(part).execute(&mut *transaction).await?;
            }
            check_fence!(transaction, Some(fence));
            transaction.commit().await?;
            Ok(generation)
        })
    }

    /// The generation in which a part was last replaced. `None` if it was never published.
    pub async fn published_generation(&self, part: &str) -> Result<Option<i64>, StoreError> {
        let select = "SELECT generation FROM snapshots WHERE part = $1";
        Ok(on_engine!(self, pool: Database => {
            sqlx::query_scalar(select).bind(part.to_owned()).fetch_optional(pool).await?
        }))
    }

    /// The parts that were replaced after a generation, all of the same moment.
    pub async fn published_since(&self, generation: i64) -> Result<PublishedParts, StoreError> {
        let select = "SELECT part, generation, body FROM snapshots WHERE generation > $1";
        on_engine!(self, pool: Database => {
            let rows = sqlx::query(select).bind(generation).fetch_all(pool).await?;
            let mut parts = PublishedParts { generation, ..PublishedParts::default() };
            for row in &rows {
                parts.generation = parts.generation.max(row.try_get(1)?);
                parts.bodies.insert(row.try_get(0)?, row.try_get(2)?);
            }
            Ok(parts)
        })
    }
}
