//! What is known about the collection itself: how sources fare, what is in quarantine, how much there is.

use sqlx::{QueryBuilder, Row as _};

use super::conflict::again_on_conflict;
use super::documents::families;
use super::leases::check_fence;
use super::{Fence, Store, StoreError, on_engine, on_writer};
use crate::facts::Moment;

/// The cursor of a source that keeps since when everything of it is known, written as RFC 3339 says.
pub const KNOWN_SINCE: &str = "known_since";

/// How a source's last collection went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceState {
    /// The source's name.
    pub source: String,
    /// Its kind.
    pub kind: String,
    /// When it was last tried.
    pub last_attempt_at: Moment,
    /// When the last round began that succeeded: what happened before it is known. `None` if none ever has.
    pub last_success_at: Option<Moment>,
    /// The error of the last attempt, or what parts of it could not be collected. `None` if all was well.
    pub last_error: Option<String>,
    /// Since when everything is known: so far back the first round reached that succeeded. `None` if nobody has noted it.
    pub known_since: Option<Moment>,
}

/// How one round of a source's collection went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Whether it came to its end.
    pub succeeded: bool,
    /// Why it did not, or which parts could not be collected.
    pub trouble: Option<String>,
    /// When it began.
    pub at: Moment,
}

/// A record in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The source that reported it.
    pub source: String,
    /// The family it would have belonged to.
    pub family: String,
    /// Its id.
    pub external_id: String,
    /// What was wrong with it.
    pub reason: String,
}

/// How many facts of a family a source has reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyCount {
    /// The source.
    pub source: String,
    /// The family.
    pub family: &'static str,
    /// The number of facts.
    pub count: u64,
    /// When the newest began.
    pub newest: Moment,
}

impl Store {
    /// Notes how a collection went.
    pub async fn record_attempt(&self, source: &str, kind: &str, attempt: &Attempt) -> Result<(), StoreError> {
        self.record_attempt_fenced(source, kind, attempt, None).await
    }

    /// The same under a lease: nothing is noted once the lease has passed to another.
    pub async fn record_attempt_fenced(
        &self,
        source: &str,
        kind: &str,
        attempt: &Attempt,
        fence: Option<&Fence>,
    ) -> Result<(), StoreError> {
        again_on_conflict(|| self.record_attempt_in_one(source, kind, attempt, fence)).await
    }

    async fn record_attempt_in_one(
        &self,
        source: &str,
        kind: &str,
        attempt: &Attempt,
        fence: Option<&Fence>,
    ) -> Result<(), StoreError> {
        let statement = "INSERT INTO source_states (source, kind, last_attempt_at_ms, last_success_at_ms, last_error) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (source) DO UPDATE SET kind = excluded.kind, \
             last_attempt_at_ms = excluded.last_attempt_at_ms, last_error = excluded.last_error, \
             last_success_at_ms = COALESCE(excluded.last_success_at_ms, source_states.last_success_at_ms)";
        let at = attempt.at.timestamp_millis();
        on_writer!(self, pool: Database => {
            let mut transaction = pool.begin().await?;
            sqlx::query(statement)
                .bind(source.to_owned())
                .bind(kind.to_owned())
                .bind(at)
                .bind(attempt.succeeded.then_some(at))
                .bind(attempt.trouble.clone())
                .execute(&mut *transaction)
                .await?;
            check_fence!(transaction, fence);
            transaction.commit().await?;
        });
        Ok(())
    }

    /// How every source fares, by name.
    pub async fn source_states(&self) -> Result<Vec<SourceState>, StoreError> {
        let select = "SELECT states.source, kind, last_attempt_at_ms, last_success_at_ms, last_error, state \
             FROM source_states AS states LEFT JOIN cursors ON cursors.source = states.source AND cursors.name = $1 \
             ORDER BY states.source";
        on_engine!(self, pool: Database => {
            let rows = sqlx::query(select).bind(KNOWN_SINCE).fetch_all(pool).await?;
            let states = rows.iter().map(|row| {
                let success: Option<i64> = row.try_get(3)?;
                let known_since: Option<String> = row.try_get(5)?;
                Ok(SourceState {
                    source: row.try_get(0)?,
                    kind: row.try_get(1)?,
                    last_attempt_at: moment(row.try_get(2)?),
                    last_success_at: success.map(moment),
                    last_error: row.try_get(4)?,
                    known_since: known_since.and_then(|since| since.parse().ok()),
                })
            });
            Ok(states.collect::<Result<_, sqlx::Error>>()?)
        })
    }

    /// The newest records in quarantine.
    pub async fn quarantine(&self, limit: u32) -> Result<Vec<Quarantined>, StoreError> {
        let select = "SELECT source, family, external_id, reason FROM quarantine \
             ORDER BY last_seen_at_ms DESC, source, family, external_id LIMIT $1";
        on_engine!(self, pool: Database => {
            let rows = sqlx::query(select).bind(i64::from(limit)).fetch_all(pool).await?;
            let records = rows.iter().map(|row| {
                Ok(Quarantined {
                    source: row.try_get(0)?,
                    family: row.try_get(1)?,
                    external_id: row.try_get(2)?,
                    reason: row.try_get(3)?,
                })
            });
            Ok(records.collect::<Result<_, sqlx::Error>>()?)
        })
    }

    /// How many records are in quarantine, by source.
    pub async fn quarantine_counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let select = "SELECT source, COUNT(*) FROM quarantine GROUP BY source ORDER BY source";
        on_engine!(self, pool: Database => {
            let rows = sqlx::query(select).fetch_all(pool).await?;
            let counts = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs())));
            Ok(counts.collect::<Result<_, sqlx::Error>>()?)
        })
    }

    /// How many facts there are, by source and family; families without any are left out.
    pub async fn family_counts(&self) -> Result<Vec<FamilyCount>, StoreError> {
        let mut counts = Vec::new();
        for family in families() {
            on_engine!(self, pool: Database => {
                let mut query = QueryBuilder::<Database>::new("SELECT source, COUNT(*), MAX(started_at_ms) FROM ");
                query.push(family).push(" GROUP BY source ORDER BY source");
                for row in query.build().fetch_all(pool).await? {
                    counts.push(FamilyCount {
                        source: row.try_get(0)?,
                        family,
                        count: row.try_get::<i64, _>(1)?.unsigned_abs(),
                        newest: moment(row.try_get(2)?),
                    });
                }
            });
        }
        counts.sort_by(|one, other| (&one.source, one.family).cmp(&(&other.source, other.family)));
        Ok(counts)
    }
}

fn moment(milliseconds: i64) -> Moment {
    Moment::from_timestamp_millis(milliseconds).unwrap_or_default()
}
