//! Forgets facts that ended long ago, and who reported something then.
//!
//! What is open stays, whatever its age. So does the fact of each scope that ended last: whether anything of a kind was ever seen of
//! a service decides between zero and no data. Reviews are documents of their own and are not touched.

use std::collections::BTreeMap;

use sqlx::{QueryBuilder, Row as _};

use super::documents::families;
use super::scopes::{ChangedScopes, count_up};
use super::{Store, StoreError, on_engine, on_writer};
use crate::facts::{FactFamily as _, Moment, ReportedValue};

/// Rows of one transaction: few enough that writers of new facts do not wait long.
const ROWS_AT_ONCE: i64 = 2000;

/// The condition for forgetting a fact; `$1` is the moment before which it must have ended.
const IS_FORGETTABLE: &str = "old.ended_at_ms < $1 AND EXISTS (SELECT 1 FROM ";
const HAS_A_NEWER_ONE: &str = " AS newer WHERE newer.scope = old.scope AND newer.source = old.source \
     AND COALESCE(newer.ended_at_ms, 9223372036854775807) > old.ended_at_ms)";

/// Who reported what and when: forgotten with what it is of.
const AUDIT: &str = "report_audit";

/// What would be forgotten of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prunable {
    /// The family.
    pub family: &'static str,
    /// How many facts.
    pub facts: u64,
}

/// The families that are pruned. What people reported is little, and nobody can fetch it again.
fn prunable_families() -> impl Iterator<Item = &'static str> {
    families().into_iter().filter(|family| *family != ReportedValue::FAMILY)
}

impl Store {
    /// What [`Store::prune`] would forget now, by family; families without any are left out.
    pub async fn prunable(&self, ended_before: Moment) -> Result<Vec<Prunable>, StoreError> {
        let mut found = Vec::new();
        for family in prunable_families() {
            let count: i64 = on_engine!(self, pool: Database => {
                let mut query = QueryBuilder::<Database>::new("SELECT COUNT(*) FROM ");
                query.push(family).push(" AS old WHERE ").push(IS_FORGETTABLE).push(family).push(HAS_A_NEWER_ONE);
                let query = sqlx::query(query.into_sql()).bind(ended_before.timestamp_millis());
                query.fetch_one(pool).await?.try_get(0)?
            });
            if count > 0 {
                found.push(Prunable { family, facts: count.unsigned_abs() });
            }
        }
        let audited: i64 = on_engine!(self, pool: Database => {
            let count = "SELECT COUNT(*) FROM report_audit WHERE reported_at_ms < $1";
            sqlx::query_scalar(count).bind(ended_before.timestamp_millis()).fetch_one(pool).await?
        });
        if audited > 0 {
            found.push(Prunable { family: AUDIT, facts: audited.unsigned_abs() });
        }
        Ok(found)
    }

    /// Forgets the facts that ended before a moment, a few thousand at a time, and returns how many, by family. What was
    /// done when it is cut off stays done.
    pub async fn prune(&self, ended_before: Moment) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        let mut pruned = BTreeMap::new();
        for family in prunable_families() {
            let mut after = (String::new(), String::new());
            while let Some(last) = self.prune_page(family, ended_before, &after, &mut pruned).await? {
                after = last;
            }
        }
        let audited = on_writer!(self, pool: Database => {
            let delete = "DELETE FROM report_audit WHERE reported_at_ms < $1";
            sqlx::query(delete).bind(ended_before.timestamp_millis()).execute(pool).await?.rows_affected()
        });
        if audited > 0 {
            pruned.insert(AUDIT, audited);
        }
        Ok(pruned)
    }

    /// Forgets one page of a family behind a key, and returns the last key that was looked at. `None` at the end.
    async fn prune_page(
        &self,
        family: &'static str,
        ended_before: Moment,
        after: &(String, String),
        pruned: &mut BTreeMap<&'static str, u64>,
    ) -> Result<Option<(String, String)>, StoreError> {
        let cutoff = ended_before.timestamp_millis();
        let rows: Vec<(String, String, String)> = on_engine!(self, pool: Database => {
            let mut select = QueryBuilder::<Database>::new("SELECT old.source, old.external_id, old.scope FROM ");
            select.push(family).push(" AS old WHERE ").push(IS_FORGETTABLE).push(family).push(HAS_A_NEWER_ONE);
            select.push(" AND (old.source, old.external_id) > ($2, $3) ORDER BY old.source, old.external_id LIMIT $4");
            let select = sqlx::query(select.into_sql()).bind(cutoff);
            let rows = select.bind(after.0.clone()).bind(after.1.clone()).bind(ROWS_AT_ONCE).fetch_all(pool).await?;
            let rows = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)));
            rows.collect::<Result<_, sqlx::Error>>()?
        });
        let (mut keys, mut scopes) = (Vec::new(), BTreeMap::<String, ChangedScopes>::new());
        for (source, external_id, scope) in rows {
            scopes.entry(source.clone()).or_default().insert((family, scope));
            keys.push((source, external_id));
        }
        let Some(last) = keys.last().cloned() else { return Ok(None) };
        on_writer!(self, pool: Database => {
            let mut transaction = pool.begin().await?;
            // A fact that was opened again meanwhile stays.
            let mut delete = QueryBuilder::<Database>::new("DELETE FROM ");
            delete.push(family).push(" WHERE ended_at_ms < ").push_bind(cutoff).push(" AND (source, external_id) IN (");
            delete.push_values(keys, |mut key, (source, external_id)| {
                key.push_bind(source).push_bind(external_id);
            });
            delete.push(")");
            let deleted = delete.build().persistent(false).execute(&mut *transaction).await?.rows_affected();
            // Numbers do not reach back so far, but what is told of all facts does.
            for (source, scopes) in &scopes {
                for mut query in count_up::<Database>(source, scopes) {
                    query.build().persistent(false).execute(&mut *transaction).await?;
                }
            }
            transaction.commit().await?;
            *pruned.entry(family).or_default() += deleted;
            Ok(Some(last))
        })
    }
}
