//! The inbox: what tools have sent by webhook and what has become of it.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{QueryBuilder, Row as _};

use super::conflict::again_on_conflict;
use super::leases::{Fence, check_fence};
use super::{Engine, Store, StoreError, on_engine, on_writer};
use crate::facts::Moment;

/// Rows of one statement: 8 binds each, far below SQLite's limit of 32,766 and PostgreSQL's of 65,535.
const ROWS_PER_STATEMENT: usize = 500;

/// Nothing is put off for so long, unless by a clock that has been set back since.
const LONGEST_DELAY: chrono::Duration = chrono::Duration::hours(1);

/// A delivery that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The name of the source that it is for.
    pub source: String,
    /// The tool's id of the delivery: one that is stored already is not stored again.
    pub id: String,
    /// The tool's name of the event.
    pub event: String,
    /// Headers that are needed to process it.
    pub headers: BTreeMap<String, String>,
    /// What is needed of its body.
    pub body: String,
}

/// A delivery that waits to be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingDelivery {
    /// The tool's id of the delivery.
    pub id: String,
    /// The tool's name of the event.
    pub event: String,
    /// When it came.
    pub received_at: Moment,
    /// Headers that are needed to process it.
    pub headers: BTreeMap<String, String>,
    /// What is needed of its body.
    pub body: String,
    /// How often it was tried and failed.
    pub attempts: u32,
}

/// What has become of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is processed, or given up. Its body is emptied; its id is remembered.
    Done {
        /// Why it was given up. `None` if all is well.
        error: Option<String>,
    },
    /// It is to be tried again.
    Again {
        /// Not before this moment.
        at: Moment,
        /// Why it failed.
        error: String,
    },
}

/// What waits in the inbox for one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingCount {
    /// The source's name.
    pub source: String,
    /// How many deliveries wait.
    pub count: u64,
    /// When the oldest of them came.
    pub oldest: Moment,
}

impl Store {
    /// Stores deliveries in one transaction that is on the disk when this returns, and says by place which are new. Their
    /// order is that of the list; `received_at` must rise from call to call.
    pub async fn receive_deliveries(
        &self,
        deliveries: &[NewDelivery],
        received_at: Moment,
    ) -> Result<Vec<bool>, StoreError> {
        let mut stored = again_on_conflict(|| self.receive_in_one(deliveries, received_at)).await?;
        // Of several with the same id in one list the first is the new one.
        let new = |delivery: &NewDelivery| stored.remove(&(delivery.source.clone(), delivery.id.clone()));
        Ok(deliveries.iter().map(new).collect())
    }

    /// Stores deliveries in one transaction; the sources and ids of those that are new.
    async fn receive_in_one(
        &self,
        deliveries: &[NewDelivery],
        received_at: Moment,
    ) -> Result<BTreeSet<(String, String)>, StoreError> {
        let mut stored: BTreeSet<(String, String)> = BTreeSet::new();
        let at = received_at.timestamp_millis();
        // One order for all who write here: none waits for another that waits for it.
        let mut sorted: Vec<(usize, &NewDelivery)> = deliveries.iter().enumerate().collect();
        sorted.sort_by_key(|(_, delivery)| (&delivery.source, &delivery.id));
        on_writer!(self, pool: Database => {
            let mut connection = pool.acquire().await?;
            // Facts can be collected again after a power failure; what a tool was promised to have been taken cannot.
            let durable = matches!(self.engine, Engine::Sqlite { .. });
            if durable {
                sqlx::raw_sql("PRAGMA synchronous = FULL").execute(&mut *connection).await?;
            }
            let mut transaction = sqlx::Connection::begin(&mut *connection).await?;
            for chunk in sorted.chunks(ROWS_PER_STATEMENT) {
                let mut query = insert::<Database>(chunk, at)?;
                // The number of rows differs each time: keeping these statements prepared would push others out.
                for row in query.build().persistent(false).fetch_all(&mut *transaction).await? {
                    stored.insert((row.try_get(0)?, row.try_get(1)?));
                }
            }
            transaction.commit().await?;
            if durable {
                sqlx::raw_sql("PRAGMA synchronous = NORMAL").execute(&mut *connection).await?;
            }
        });
        Ok(stored)
    }

    /// The deliveries of a source that are to be processed now, in the order in which they came: so many at most, and the last
    /// of them is the one that fills so many bytes.
    pub async fn waiting_deliveries(
        &self,
        source: &str,
        now: Moment,
        limit: u32,
        bytes: u32,
    ) -> Result<Vec<WaitingDelivery>, StoreError> {
        let due = now.timestamp_millis();
        let too_late = (now + LONGEST_DELAY).timestamp_millis();
        // The sizes first, and then what is up to the last that fits: joined in one statement, a plan that was made while little
        // waited compares each delivery that is kept with each that waits.
        let sizes = "SELECT received_at_ms, place, CAST(LENGTH(body) AS BIGINT) FROM webhook_deliveries \
             WHERE source = $1 AND processed_at_ms IS NULL AND (next_attempt_at_ms <= $2 OR next_attempt_at_ms > $3) \
             ORDER BY received_at_ms, place LIMIT $4";
        let select = "SELECT delivery_id, event, received_at_ms, headers, body, attempts FROM webhook_deliveries \
             WHERE source = $1 AND processed_at_ms IS NULL AND (next_attempt_at_ms <= $2 OR next_attempt_at_ms > $3) \
             AND (received_at_ms, place) <= ($5, $6) ORDER BY received_at_ms, place LIMIT $4";
        on_engine!(self, pool: Database => {
            let sizes: Vec<(i64, i64, i64)> = sqlx::query_as(sizes)
                .bind(source.to_owned())
                .bind(due)
                .bind(too_late)
                .bind(i64::from(limit))
                .fetch_all(pool)
                .await?;
            let Some((received_at, place)) = last_that_fits(&sizes, bytes) else { return Ok(Vec::new()) };
            let rows = sqlx::query(select)
                .bind(source.to_owned())
                .bind(due)
                .bind(too_late)
                .bind(i64::from(limit))
                .bind(received_at)
                .bind(place)
                .fetch_all(pool)
                .await?;
            rows.iter().map(|row| {
                let (id, headers): (String, String) = (row.try_get(0)?, row.try_get(3)?);
                Ok(WaitingDelivery {
                    headers: serde_json::from_str(&headers)
                        .map_err(|error| StoreError::unreadable("webhook_deliveries", &id, &error))?,
                    id,
                    event: row.try_get(1)?,
                    received_at: moment(row.try_get(2)?),
                    body: row.try_get(4)?,
                    attempts: u32::try_from(row.try_get::<i64, _>(5)?).unwrap_or(u32::MAX),
                })
            }).collect()
        })
    }

    /// When the oldest delivery of a source came that is not processed. `None` if all are.
    pub async fn oldest_waiting_delivery(&self, source: &str) -> Result<Option<Moment>, StoreError> {
        let select = "SELECT received_at_ms FROM webhook_deliveries WHERE source = $1 AND processed_at_ms IS NULL \
             ORDER BY received_at_ms, place LIMIT 1";
        let oldest: Option<i64> = on_engine!(self, pool: Database => {
            sqlx::query_scalar(select).bind(source.to_owned()).fetch_optional(pool).await?
        });
        Ok(oldest.map(moment))
    }

    /// Notes what has become of deliveries of a source, in one transaction, if the fence still stands.
    pub async fn settle_deliveries(
        &self,
        source: &str,
        settled: &[(String, Settled)],
        now: Moment,
        fence: Option<&Fence>,
    ) -> Result<(), StoreError> {
        let again = "UPDATE webhook_deliveries SET attempts = attempts + 1, next_attempt_at_ms = $3, error = $4 \
             WHERE source = $1 AND delivery_id = $2";
        let given_up = "UPDATE webhook_deliveries SET attempts = attempts + 1, processed_at_ms = $3, error = $4, \
             headers = '{}', body = '' WHERE source = $1 AND delivery_id = $2";
        let good: Vec<&String> =
            settled.iter().filter(|(_, it)| *it == Settled::Done { error: None }).map(|(id, _)| id).collect();
        on_writer!(self, pool: Database => {
            let mut transaction = pool.begin().await?;
            for chunk in good.chunks(ROWS_PER_STATEMENT) {
                let mut query = QueryBuilder::<Database>::new("UPDATE webhook_deliveries SET processed_at_ms = ");
                query.push_bind(now.timestamp_millis());
                query.push(", error = NULL, headers = '{}', body = '' WHERE source = ").push_bind(source.to_owned());
                query.push(" AND delivery_id IN (");
                let mut ids = query.separated(", ");
                for id in chunk {
                    ids.push_bind((*id).clone());
                }
                query.push(")");
                query.build().persistent(false).execute(&mut *transaction).await?;
            }
            for (id, settled) in settled {
                let (statement, at, error) = match settled {
                    Settled::Done { error: None } => continue,
                    Settled::Done { error: Some(error) } => (given_up, now, error),
                    Settled::Again { at, error } => (again, *at, error),
                };
                sqlx::query(statement)
                    .bind(source.to_owned())
                    .bind(id.clone())
                    .bind(at.timestamp_millis())
                    .bind(error.replace('\0', ""))
                    .execute(&mut *transaction)
                    .await?;
            }
            check_fence!(transaction, fence);
            transaction.commit().await?;
        });
        Ok(())
    }

    /// Which of these ids have never come.
    pub async fn unknown_deliveries(&self, source: &str, ids: &[String]) -> Result<BTreeSet<String>, StoreError> {
        let mut unknown: BTreeSet<String> = ids.iter().cloned().collect();
        for chunk in ids.chunks(ROWS_PER_STATEMENT) {
            on_engine!(self, pool: Database => {
                let mut query =
                    QueryBuilder::<Database>::new("SELECT delivery_id FROM webhook_deliveries WHERE source = ");
                query.push_bind(source.to_owned()).push(" AND delivery_id IN (");
                let mut keys = query.separated(", ");
                for id in chunk {
                    keys.push_bind(id.clone());
                }
                query.push(")");
                for row in query.build().persistent(false).fetch_all(pool).await? {
                    unknown.remove(&row.try_get::<String, _>(0)?);
                }
            });
        }
        Ok(unknown)
    }

    /// What waits, by source; sources without any are left out.
    pub async fn waiting_delivery_counts(&self) -> Result<Vec<WaitingCount>, StoreError> {
        let select = "SELECT source, COUNT(*), MIN(received_at_ms) FROM webhook_deliveries \
             WHERE processed_at_ms IS NULL GROUP BY source ORDER BY source";
        on_engine!(self, pool: Database => {
            let rows = sqlx::query(select).fetch_all(pool).await?;
            let counts = rows.iter().map(|row| {
                Ok(WaitingCount {
                    source: row.try_get(0)?,
                    count: row.try_get::<i64, _>(1)?.unsigned_abs(),
                    oldest: moment(row.try_get(2)?),
                })
            });
            Ok(counts.collect::<Result<_, sqlx::Error>>()?)
        })
    }

    /// Forgets deliveries that were processed before a moment. Returns how many.
    pub async fn forget_deliveries(&self, processed_before: Moment) -> Result<u64, StoreError> {
        let delete = "DELETE FROM webhook_deliveries WHERE processed_at_ms IS NOT NULL AND processed_at_ms < $1";
        let before = processed_before.timestamp_millis();
        Ok(on_writer!(self, pool: Database => {
            sqlx::query(delete).bind(before).execute(pool).await?.rows_affected()
        }))
    }
}

/// The order of the last delivery that is read: the one that fills so many bytes. Of each are given its order and its size.
fn last_that_fits(sizes: &[(i64, i64, i64)], bytes: u32) -> Option<(i64, i64)> {
    let mut before = 0;
    let fits = sizes.iter().take_while(|(_, _, size)| {
        let begins_within = before < i64::from(bytes);
        before += size;
        begins_within
    });
    fits.last().map(|(received_at, place, _)| (*received_at, *place))
}

/// The statement for some rows; `first` is the place of the first of them.
fn insert<Database: sqlx::Database>(
    rows: &[(usize, &NewDelivery)],
    at: i64,
) -> Result<QueryBuilder<Database>, StoreError>
where
    Database::Arguments: Default,
    String: for<'q> sqlx::Encode<'q, Database> + sqlx::Type<Database>,
    i64: for<'q> sqlx::Encode<'q, Database> + sqlx::Type<Database>,
{
    let mut query = QueryBuilder::<Database>::new(
        "INSERT INTO webhook_deliveries \
         (source, delivery_id, event, received_at_ms, place, headers, body, attempts, next_attempt_at_ms) ",
    );
    let mut headers = Vec::with_capacity(rows.len());
    for (_, row) in rows {
        let text = serde_json::to_string(&row.headers);
        headers.push(text.map_err(|error| StoreError::unreadable("webhook_deliveries", &row.id, &error))?);
    }
    query.push_values(rows.iter().zip(headers), |mut values, ((place, row), headers)| {
        values
            .push_bind(row.source.clone())
            .push_bind(row.id.clone())
            .push_bind(row.event.clone())
            .push_bind(at)
            .push_bind(i64::try_from(*place).unwrap_or(i64::MAX))
            .push_bind(headers)
            .push_bind(row.body.clone())
            .push("0, 0");
    });
    query.push(" ON CONFLICT (source, delivery_id) DO NOTHING RETURNING source, delivery_id");
    Ok(query)
}

fn moment(milliseconds: i64) -> Moment {
    Moment::from_timestamp_millis(milliseconds).unwrap_or_default()
}
