//! Facts as documents: written page by page, read by family.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::TryStreamExt as _;
use sqlx::{QueryBuilder, Row as _};

use super::conflict::again_on_conflict;
use super::incoming::Incoming;
use super::leases::check_fence;
use super::scopes::{ChangedScopes, count_up, read_facts};
use super::{Engine, Fence, Store, StoreError, on_engine, on_writer};
use crate::facts::{
    Batch, FactFamily, Incident, Iteration, Moment, Reject, Repository, Sourced, WorkItem, shortened, unusable,
};
use crate::with_fact;

/// Rows of one statement: 8 binds each, far below SQLite's limit of 32,766 and PostgreSQL's of 65,535.
const ROWS_PER_STATEMENT: usize = 500;

/// Which facts to read.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only those of this scope: a repository, or an incident tool's service.
    pub scope: Option<String>,
    /// Only those that are open, or ended at this moment or later.
    pub not_ended_before: Option<Moment>,
}

/// What a batch changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Facts that were new or different, by family.
    pub changed: BTreeMap<&'static str, u64>,
    /// Records that went to quarantine.
    pub rejected: u64,
}

/// A fact as a row.
pub(super) struct Row {
    pub(super) external_id: String,
    pub(super) scope: String,
    pub(super) started_at_ms: i64,
    pub(super) ended_at_ms: Option<i64>,
    pub(super) version_at_ms: i64,
    pub(super) body: String,
}

impl Store {
    /// Stores the facts, rejects and cursors of a batch in one transaction. A stored fact is replaced only by one that is
    /// not older and differs; so a batch may come twice, and batches in any order.
    pub async fn accept(&self, source: &str, batch: &Batch, now: Moment) -> Result<Accepted, StoreError> {
        self.accept_fenced(source, batch, now, None).await
    }

    /// The same under a lease: nothing is stored once the lease has passed to another. A transaction that met another one
    /// is tried again.
    pub async fn accept_fenced(
        &self,
        source: &str,
        batch: &Batch,
        now: Moment,
        fence: Option<&Fence>,
    ) -> Result<Accepted, StoreError> {
        again_on_conflict(|| self.accept_in_one(source, batch, now, fence)).await
    }

    async fn accept_in_one(
        &self,
        source: &str,
        batch: &Batch,
        now: Moment,
        fence: Option<&Fence>,
    ) -> Result<Accepted, StoreError> {
        let (families, unusable) = rows_by_family(batch)?;
        let is_postgres = matches!(self.engine, Engine::Postgres(_));
        let rejected = (batch.rejects.len() + unusable.len()) as u64;
        let mut accepted = Accepted { rejected, ..Accepted::default() };
        let mut scopes = ChangedScopes::new();
        on_writer!(self, pool: Database => {
            let mut transaction = pool.begin().await?;
            for (family, rows) in families {
                let mut changed = 0;
                let mut rows = rows.into_iter();
                let quarantined = sqlx::query("SELECT 1 FROM quarantine WHERE source = $1 AND family = $2 LIMIT 1")
                    .bind(source.to_owned())
                    .bind(family)
                    .fetch_optional(&mut *transaction)
                    .await?;
                while !rows.as_slice().is_empty() {
                    let mut chunk: Vec<Row> = rows.by_ref().take(ROWS_PER_STATEMENT).collect();
                    if quarantined.is_some() {
                        let mut cleared = cleared::<Database>(family, source, &chunk);
                        cleared.build().execute(&mut *transaction).await?;
                    }
                    if is_postgres {
                        // It locks and so writes each row that an upsert meets, also where nothing is to be changed. What another
                        // writer makes of those that are left out is newer than what is left out.
                        let mut query = stored_rows::<Database>(family, source, &chunk);
                        let stored = query.build().fetch_all(&mut *transaction).await?;
                        let stored = stored.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?))));
                        let stored = stored.collect::<Result<HashMap<String, (i64, String)>, sqlx::Error>>()?;
                        chunk.retain(|row| stored.get(&row.external_id).is_none_or(|stored| row.replaces(stored)));
                    }
                    if let Some(mut query) = known_scopes::<Database>(family, source, &chunk, is_postgres) {
                        for row in query.build().fetch_all(&mut *transaction).await? {
                            let (external_id, scope) = (row.try_get::<&str, _>(0)?, row.try_get::<&str, _>(1)?);
                            let place = chunk.binary_search_by_key(&external_id, |row| row.external_id.as_str());
                            if place.is_ok_and(|place| chunk[place].scope != scope) {
                                // What moves is missing where it was.
                                scopes.insert((family, scope.to_owned()));
                            }
                        }
                    }
                    // Each number of rows is a statement of its own: only that of whole chunks is worth being kept prepared.
                    let is_usual = chunk.len() == ROWS_PER_STATEMENT;
                    if let Some(mut query) = upsert::<Database>(family, source, chunk) {
                        let written = query.build().persistent(is_usual).fetch_all(&mut *transaction).await?;
                        changed += written.len() as u64;
                        let touched = written.iter().map(|row| row.try_get(0));
                        let touched = touched.collect::<Result<BTreeSet<&str>, sqlx::Error>>()?;
                        scopes.extend(touched.into_iter().map(|scope| (family, scope.to_owned())));
                    }
                }
                if changed > 0 {
                    accepted.changed.insert(family, changed);
                }
            }
            for reject in batch.rejects.iter().chain(&unusable) {
                put_into_quarantine::<Database>(source, reject, now).build().execute(&mut *transaction).await?;
            }
            for (name, state) in &batch.cursors {
                set_cursor::<Database>(source, name, state.as_deref()).build().execute(&mut *transaction).await?;
            }
            for mut query in count_up::<Database>(source, &scopes) {
                query.build().persistent(false).execute(&mut *transaction).await?;
            }
            check_fence!(transaction, fence);
            transaction.commit().await?;
        });
        if !scopes.is_empty() {
            self.changes.notify_one();
        }
        Ok(accepted)
    }

    /// Which of these facts of a source are stored, by external id.
    pub async fn stored(
        &self,
        source: &str,
        family: &'static str,
        external_ids: &[String],
    ) -> Result<BTreeSet<String>, StoreError> {
        let mut stored = BTreeSet::new();
        for chunk in external_ids.chunks(ROWS_PER_STATEMENT) {
            on_engine!(self, pool: Database => {
                let mut query = QueryBuilder::<Database>::new("SELECT external_id FROM ");
                query.push(family).push(" WHERE source = ").push_bind(source.to_owned()).push(" AND external_id");
                Database::push_is_one_of(&mut query, chunk);
                for row in query.build().fetch_all(pool).await? {
                    stored.insert(row.try_get::<String, _>(0)?);
                }
            });
        }
        Ok(stored)
    }

    /// The document of one fact. `None` if it is not stored.
    pub async fn fact_body(
        &self,
        source: &str,
        family: &'static str,
        external_id: &str,
    ) -> Result<Option<serde_json::Value>, StoreError> {
        let body: Option<String> = on_engine!(self, pool: Database => {
            let mut query = QueryBuilder::<Database>::new("SELECT body FROM ");
            query.push(family).push(" WHERE source = ").push_bind(source.to_owned());
            query.push(" AND external_id = ").push_bind(external_id.to_owned());
            query.build().fetch_optional(pool).await?.map(|row| row.try_get(0)).transpose()?
        });
        let body = body.map(|body| serde_json::from_str(&body)).transpose();
        body.map_err(|error| StoreError::unreadable(family, external_id, &error))
    }

    /// The facts of a family, ordered by source and key.
    pub async fn facts<F: FactFamily>(&self, selection: &Selection) -> Result<Vec<Sourced<F>>, StoreError> {
        let facts = on_engine!(self, pool: Database => {
            let mut query = QueryBuilder::<Database>::new("SELECT source, external_id, body FROM ");
            query.push(F::FAMILY).push(" WHERE 1 = 1");
            if let Some(scope) = &selection.scope {
                query.push(" AND scope = ").push_bind(scope.clone());
            }
            if let Some(moment) = selection.not_ended_before {
                query.push(" AND (ended_at_ms IS NULL OR ended_at_ms >= ").push_bind(moment.timestamp_millis()).push(")");
            }
            query.push(" ORDER BY source, external_id");
            read_facts!(F, query, pool)
        });
        Ok(facts)
    }
}

type RowsByFamily = BTreeMap<&'static str, Vec<Row>>;

/// The rows of a batch by family, in the order of their keys; of several with one key the newest, and of equally new ones the
/// last. What cannot be kept stands beside them.
fn rows_by_family(batch: &Batch) -> Result<(RowsByFamily, Vec<Reject>), StoreError> {
    let mut families: BTreeMap<&'static str, BTreeMap<String, Row>> = BTreeMap::new();
    let mut rejects = Vec::new();
    let mut json = Vec::new();
    for fact in &batch.facts {
        if let Some(reject) = unusable(fact) {
            rejects.push(reject);
            continue;
        }
        let (family, row) = with_fact!(fact, fact => row(fact, &mut json))
            .map_err(|error| StoreError::other(format!("a fact cannot be written as JSON: {error}")))?;
        let rows = families.entry(family).or_default();
        match rows.get(&row.external_id) {
            Some(known) if known.version_at_ms > row.version_at_ms => {}
            _ => {
                rows.insert(row.external_id.clone(), row);
            }
        }
    }
    let families = families.into_iter().map(|(family, rows)| (family, rows.into_values().collect()));
    Ok((families.collect(), rejects))
}

/// A fact as a row. `json` is written to, so that a body is as large as its text and made without growing.
fn row<F: FactFamily>(fact: &F, json: &mut Vec<u8>) -> Result<(&'static str, Row), serde_json::Error> {
    json.clear();
    serde_json::to_writer(&mut *json, fact)?;
    let body = str::from_utf8(json).map_err(serde::ser::Error::custom)?;
    let row = Row {
        external_id: clean(fact.external_id()),
        scope: clean(fact.scope().to_owned()),
        started_at_ms: fact.started_at().timestamp_millis(),
        ended_at_ms: fact.ended_at().map(|at| at.timestamp_millis()),
        version_at_ms: fact.version_at().timestamp_millis(),
        body: clean_json(body.to_owned()),
    };
    Ok((F::FAMILY, row))
}

/// PostgreSQL's text holds no NUL.
fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "") } else { text }
}

/// The same of JSON. What follows an escaped backslash only looks like NUL.
fn clean_json(json: String) -> String {
    // Most have nothing that is escaped, which is found out much faster.
    if !json.contains('\\') || !json.contains(r"\u0000") {
        return json;
    }
    json.split(r"\\").map(|part| part.replace(r"\u0000", "")).collect::<Vec<_>>().join(r"\\")
}

/// Stores rows that are new, and those that are not older than what is stored and differ from it. Returns the scope of each that
/// was stored. `None` where there are no rows.
fn upsert<Database: Incoming>(family: &'static str, source: &str, rows: Vec<Row>) -> Option<QueryBuilder<Database>>
where
    Database::Arguments: Default,
{
    if rows.is_empty() {
        return None;
    }
    let mut query = QueryBuilder::<Database>::new("INSERT INTO ");
    query.push(family).push(" (source, external_id, scope, started_at_ms, ended_at_ms, version_at_ms, body) ");
    Database::push_rows(&mut query, source, rows);
    query.push(
        " ON CONFLICT (source, external_id) DO UPDATE SET scope = excluded.scope, started_at_ms = excluded.started_at_ms, \
         ended_at_ms = excluded.ended_at_ms, version_at_ms = excluded.version_at_ms, body = excluded.body WHERE ",
    );
    query.push(family).push(".version_at_ms <= excluded.version_at_ms AND ");
    query.push(family).push(".body IS DISTINCT FROM excluded.body RETURNING scope");
    Some(query)
}

impl Row {
    /// Whether it is to be stored in place of what is stored under its key: of this version, and with this body.
    fn replaces(&self, (version_at_ms, body): &(i64, String)) -> bool {
        *version_at_ms <= self.version_at_ms && *body != self.body
    }
}

fn keys(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.external_id.clone()).collect()
}

/// Asks for what is stored under the keys of some rows.
fn stored_rows<Database: Incoming>(family: &'static str, source: &str, rows: &[Row]) -> QueryBuilder<Database>
where
    Database::Arguments: Default,
    String: for<'q> sqlx::Encode<'q, Database> + sqlx::Type<Database>,
{
    let mut query = QueryBuilder::<Database>::new("SELECT external_id, version_at_ms, body FROM ");
    query.push(family).push(" WHERE source = ").push_bind(source.to_owned()).push(" AND external_id");
    Database::push_is_one_of(&mut query, &keys(rows));
    query
}

/// The families whose facts keep their key when they move to another scope: a repository is renamed, an incident given to
/// another service. The keys of all others begin with their scope.
const MOVING: [&str; 4] = [Repository::FAMILY, Incident::FAMILY, WorkItem::FAMILY, Iteration::FAMILY];

/// Asks for the scopes that facts are stored under now. `None` where they cannot have moved.
fn known_scopes<Database: Incoming>(
    family: &'static str,
    source: &str,
    rows: &[Row],
    locks_rows: bool,
) -> Option<QueryBuilder<Database>>
where
    Database::Arguments: Default,
    String: for<'q> sqlx::Encode<'q, Database> + sqlx::Type<Database>,
{
    if rows.is_empty() || !MOVING.contains(&family) {
        return None;
    }
    let mut query = QueryBuilder::<Database>::new("SELECT external_id, scope FROM ");
    query.push(family).push(" WHERE source = ").push_bind(source.to_owned()).push(" AND external_id");
    Database::push_is_one_of(&mut query, &keys(rows));
    query.push(" ORDER BY external_id");
    if locks_rows {
        // Nobody else may move them between this look and the write. SQLite has one writer anyway.
        query.push(" FOR UPDATE");
    }
    Some(query)
}

/// Good records clear their entries in quarantine.
fn cleared<Database: Incoming>(family: &'static str, source: &str, rows: &[Row]) -> QueryBuilder<Database>
where
    Database::Arguments: Default,
    String: for<'q> sqlx::Encode<'q, Database> + sqlx::Type<Database>,
{
    let mut query = QueryBuilder::<Database>::new("DELETE FROM quarantine WHERE source = ");
    query.push_bind(source.to_owned()).push(" AND family = ").push_bind(family.to_owned()).push(" AND external_id");
    Database::push_is_one_of(&mut query, &keys(rows));
    query
}

/// Keeps a record that cannot be read, or the newest reason why not.
fn put_into_quarantine<Database: Incoming>(source: &str, reject: &Reject, now: Moment) -> QueryBuilder<Database>
where
    Database::Arguments: Default,
    String: for<'q> sqlx::Encode<'q, Database> + sqlx::Type<Database>,
    i64: for<'q> sqlx::Encode<'q, Database> + sqlx::Type<Database>,
{
    let mut query = QueryBuilder::<Database>::new(
        "INSERT INTO quarantine (source, family, external_id, reason, first_seen_at_ms, last_seen_at_ms) VALUES (",
    );
    let mut values = query.separated(", ");
    values.push_bind(source.to_owned()).push_bind(reject.family.to_owned());
    values.push_bind(clean(shortened(&reject.external_id))).push_bind(clean(shortened(&reject.reason)));
    values.push_bind(now.timestamp_millis()).push_bind(now.timestamp_millis());
    query.push(
        ") ON CONFLICT (source, family, external_id) DO UPDATE SET reason = excluded.reason, \
         last_seen_at_ms = excluded.last_seen_at_ms",
    );
    query
}

/// Sets a cursor, or removes it where it has no state.
fn set_cursor<Database: Incoming>(source: &str, name: &str, state: Option<&str>) -> QueryBuilder<Database>
where
    Database::Arguments: Default,
    String: for<'q> sqlx::Encode<'q, Database> + sqlx::Type<Database>,
{
    let Some(state) = state else {
        let mut query = QueryBuilder::<Database>::new("DELETE FROM cursors WHERE source = ");
        query.push_bind(source.to_owned()).push(" AND name = ").push_bind(name.to_owned());
        return query;
    };
    let mut query = QueryBuilder::<Database>::new("INSERT INTO cursors (source, name, state) VALUES (");
    query.separated(", ").push_bind(source.to_owned()).push_bind(name.to_owned()).push_bind(state.to_owned());
    query.push(") ON CONFLICT (source, name) DO UPDATE SET state = excluded.state");
    query
}

/// Families that the store has tables for.
pub(super) fn families() -> BTreeSet<&'static str> {
    use crate::facts::{
        CiRun, Commit, CoverageReport, Deployment, Inventory, PullRequest, Release, ReportedValue, Sample,
        SecurityAlert, Tag, TeamRepositories, TestReport,
    };
    [
        Repository::FAMILY,
        TeamRepositories::FAMILY,
        Commit::FAMILY,
        PullRequest::FAMILY,
        Deployment::FAMILY,
        Release::FAMILY,
        Tag::FAMILY,
        CiRun::FAMILY,
        Incident::FAMILY,
        WorkItem::FAMILY,
        Iteration::FAMILY,
        SecurityAlert::FAMILY,
        TestReport::FAMILY,
        CoverageReport::FAMILY,
        Sample::FAMILY,
        Inventory::FAMILY,
        ReportedValue::FAMILY,
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_left_out_of_json_and_what_looks_like_it_stays() {
        for text in ["a\0b", r"a\u0000", "\\\0", r#"\\u0000"\"#, "\0\0\\u0000\0", "plain"] {
            let read: String = serde_json::from_str(&clean_json(serde_json::to_string(text).unwrap())).unwrap();
            assert_eq!(read, clean(text.to_owned()), "{text:?}");
        }
    }
}
