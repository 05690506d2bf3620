//! Which scopes of facts have changed since they were evaluated: what an evaluation goes by, so that a new fact costs no
//! look at all the others.
//!
//! A scope has two versions: the one that its last change counted up, in the transaction of that change, and the one that
//! was last evaluated. Whoever evaluates reads the first, then the facts, and notes what it had read: a crash or a change
//! in between leaves the two different, and nothing is lost. The order in which transactions commit does not matter.

use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;
use sqlx::{QueryBuilder, Row as _};

use super::incoming::Incoming;
use super::{Store, StoreError, on_engine, on_writer};
use crate::facts::{FactFamily, Moment, Sourced};

/// Values of one statement, far below the limits of both engines. Each number of values is a statement of its own: those are not
/// kept prepared.
const VALUES_PER_STATEMENT: usize = 500;

/// Leaves out what ended before a moment. Written as in the index that answers it.
const AND_ENDED_FROM: &str = " AND COALESCE(ended_at_ms, 9223372036854775807) >= ";

/// A scope of a family of facts of one source: one repository's commits, one project's items.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeKey {
    /// The family, by its table.
    pub family: String,
    /// The source.
    pub source: String,
    /// The scope.
    pub scope: String,
}

/// A scope with the version of its last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeVersion {
    /// The scope.
    pub key: ScopeKey,
    /// Counts one up with every change.
    pub version: i64,
}

impl Store {
    /// The scopes that have changed since they were evaluated.
    pub async fn changed_scopes(&self) -> Result<Vec<ScopeVersion>, StoreError> {
        self.scope_versions(
            "SELECT family, source, scope, changed_version FROM fact_scopes WHERE changed_version <> evaluated_version",
        )
        .await
    }

    /// All scopes.
    pub async fn scopes(&self) -> Result<Vec<ScopeVersion>, StoreError> {
        self.scope_versions("SELECT family, source, scope, changed_version FROM fact_scopes").await
    }

    async fn scope_versions(&self, select: &'static str) -> Result<Vec<ScopeVersion>, StoreError> {
        Ok(on_engine!(self, pool: Database => {
            let rows = sqlx::query(select).fetch_all(pool).await?;
            let read = rows.iter().map(|row| {
                let key = ScopeKey { family: row.try_get(0)?, source: row.try_get(1)?, scope: row.try_get(2)? };
                Ok(ScopeVersion { key, version: row.try_get(3)? })
            });
            read.collect::<Result<Vec<_>, sqlx::Error>>()?
        }))
    }

    /// Notes that scopes were evaluated as of the versions that had been read. An older version never replaces a newer one.
    pub async fn note_evaluated(&self, versions: &[ScopeVersion]) -> Result<(), StoreError> {
        let mut sorted: Vec<&ScopeVersion> = versions.iter().collect();
        // One order for all who write here: none waits for another that waits for it.
        sorted.sort_by(|one, other| one.key.cmp(&other.key));
        for chunk in sorted.chunks(VALUES_PER_STATEMENT) {
            on_writer!(self, pool: Database => {
                let mut query = QueryBuilder::<Database>::new(
                    "INSERT INTO fact_scopes (family, source, scope, changed_version, evaluated_version) ",
                );
                query.push_values(chunk, |mut values, it| {
                    values
                        .push_bind(it.key.family.clone())
                        .push_bind(it.key.source.clone())
                        .push_bind(it.key.scope.clone())
                        .push_bind(it.version)
                        .push_bind(it.version);
                });
                query.push(
                    " ON CONFLICT (family, source, scope) DO UPDATE SET evaluated_version = excluded.evaluated_version \
                     WHERE fact_scopes.evaluated_version < excluded.evaluated_version",
                );
                query.build().persistent(false).execute(pool).await?;
            });
        }
        Ok(())
    }

    /// The facts of some scopes of a family, ordered by source and key; without those that ended before a moment, where one
    /// is given.
    pub async fn facts_in<F: FactFamily>(
        &self,
        scopes: &[String],
        not_ended_before: Option<Moment>,
    ) -> Result<Vec<Sourced<F>>, StoreError> {
        let mut facts = Vec::new();
        for chunk in scopes.chunks(VALUES_PER_STATEMENT) {
            let read = on_engine!(self, pool: Database => {
                let mut query = QueryBuilder::<Database>::new("SELECT source, external_id, body FROM ");
                query.push(F::FAMILY).push(" WHERE scope");
                Database::push_is_one_of(&mut query, chunk);
                if let Some(moment) = not_ended_before {
                    query.push(AND_ENDED_FROM).push_bind(moment.timestamp_millis());
                }
                read_facts!(F, query, pool)
            });
            facts.extend(read);
        }
        facts.sort_by_cached_key(|it: &Sourced<F>| (it.source.clone(), it.fact.external_id()));
        Ok(facts)
    }

    /// Whether any fact of a family is stored under one of some keys, whichever source reported it.
    pub async fn is_any_stored<F: FactFamily>(&self, external_ids: &[String]) -> Result<bool, StoreError> {
        if external_ids.is_empty() {
            return Ok(false);
        }
        for source in self.sources_of(F::FAMILY).await? {
            for chunk in external_ids.chunks(VALUES_PER_STATEMENT) {
                let found: Option<i64> = on_engine!(self, pool: Database => {
                    let mut query = QueryBuilder::<Database>::new("SELECT version_at_ms FROM ");
                    query.push(F::FAMILY).push(" WHERE source = ").push_bind(source.clone());
                    query.push(" AND external_id");
                    Database::push_is_one_of(&mut query, chunk);
                    query.push(" LIMIT 1");
                    query.build_query_scalar().fetch_optional(pool).await?
                });
                if found.is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether a scope has any fact of a family that ended before a moment.
    pub async fn is_any_older<F: FactFamily>(&self, scope: &str, moment: Moment) -> Result<bool, StoreError> {
        let found: Option<i64> = on_engine!(self, pool: Database => {
            let mut query = QueryBuilder::<Database>::new("SELECT version_at_ms FROM ");
            query.push(F::FAMILY).push(" WHERE scope = ").push_bind(scope.to_owned());
            query.push(" AND ended_at_ms < ").push_bind(moment.timestamp_millis()).push(" LIMIT 1");
            query.build_query_scalar().fetch_optional(pool).await?
        });
        Ok(found.is_some())
    }

    /// The sources that have reported anything of a family.
    async fn sources_of(&self, family: &'static str) -> Result<Vec<String>, StoreError> {
        let select = "SELECT DISTINCT source FROM fact_scopes WHERE family = $1 ORDER BY source";
        Ok(on_engine!(self, pool: Database => {
            sqlx::query_scalar(select).bind(family).fetch_all(pool).await?
        }))
    }

    /// Facts of a family and a source by their keys; those that are not stored are left out, and so are those that ended
    /// before a moment, where one is given.
    pub async fn facts_by_key<F: FactFamily>(
        &self,
        source: &str,
        external_ids: &[String],
        not_ended_before: Option<Moment>,
    ) -> Result<Vec<Sourced<F>>, StoreError> {
        let mut facts = Vec::new();
        for chunk in external_ids.chunks(VALUES_PER_STATEMENT) {
            let read = on_engine!(self, pool: Database => {
                let mut query = QueryBuilder::<Database>::new("SELECT source, external_id, body FROM ");
                query.push(F::FAMILY).push(" WHERE source = ").push_bind(source.to_owned());
                query.push(" AND external_id");
                Database::push_is_one_of(&mut query, chunk);
                if let Some(moment) = not_ended_before {
                    query.push(AND_ENDED_FROM).push_bind(moment.timestamp_millis());
                }
                read_facts!(F, query, pool)
            });
            facts.extend(read);
        }
        Ok(facts)
    }

    /// Of some repositories, those of which deployments name the service that they are of: by source and repository.
    pub async fn scopes_naming_services(
        &self,
        repositories: &[String],
    ) -> Result<BTreeSet<(String, String)>, StoreError> {
        let mut found = BTreeSet::new();
        for chunk in repositories.chunks(VALUES_PER_STATEMENT) {
            on_engine!(self, pool: Database => {
                // The key in the document, as it is written where a service is named; within texts quotes are escaped.
                let mut query = QueryBuilder::<Database>::new(
                    "SELECT DISTINCT source, scope FROM deployments WHERE body LIKE '%\"service\":\"%' AND scope",
                );
                Database::push_is_one_of(&mut query, chunk);
                for row in query.build().fetch_all(pool).await? {
                    found.insert((row.try_get(0)?, row.try_get(1)?));
                }
            });
        }
        Ok(found)
    }

    /// Wakes up as soon as this program has stored a fact that was new or different; at once if one was since the last look.
    pub async fn changed(&self) {
        self.changes.notified().await;
    }
}

/// Reads a document.
pub(super) fn parsed<F: FactFamily>(source: String, key: &str, body: &str) -> Result<Sourced<F>, StoreError> {
    let fact = serde_json::from_str(body).map_err(|error| StoreError::unreadable(F::FAMILY, key, &error))?;
    Ok(Sourced { source, fact })
}

/// Reads the facts that a query finds by source, key and body, one row after the other: the text of a large scope is never held
/// as a whole.
macro_rules! read_facts {
    ($family:ty, $query:expr, $pool:expr) => {{
        let mut facts = Vec::new();
        let query = $query.build();
        let mut rows = query.fetch($pool);
        while let Some(row) = rows.try_next().await? {
            facts.push($crate::store::scopes::parsed::<$family>(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)?);
        }
        facts
    }};
}
pub(super) use read_facts;

/// What a transaction has changed: scopes by family. It is written at the end of the transaction, in one order for all.
pub(super) type ChangedScopes = BTreeSet<(&'static str, String)>;

/// The statements that count the versions of changed scopes up; to be run in the transaction of the change.
pub(super) fn count_up<Database: sqlx::Database>(source: &str, changed: &ChangedScopes) -> Vec<QueryBuilder<Database>>
where
    Database::Arguments: Default,
    String: for<'q> sqlx::Encode<'q, Database> + sqlx::Type<Database>,
{
    let sorted: Vec<&(&'static str, String)> = changed.iter().collect();
    let statements = sorted.chunks(VALUES_PER_STATEMENT).map(|chunk| {
        let mut query = QueryBuilder::<Database>::new(
            "INSERT INTO fact_scopes (family, source, scope, changed_version, evaluated_version) ",
        );
        query.push_values(chunk, |mut values, (family, scope)| {
            values
                .push_bind((*family).to_owned())
                .push_bind(source.to_owned())
                .push_bind(scope.clone())
                .push("1")
                .push("0");
        });
        query.push(
            " ON CONFLICT (family, source, scope) DO UPDATE SET changed_version = fact_scopes.changed_version + 1",
        );
        query
    });
    statements.collect()
}
