//! Leases: who does what, of several programs on one store.
//!
//! A lease is held until it expires or is given back. Its fence rises whenever it changes hands; what is written under a
//! lease is written only if the fence still stands, checked in the same transaction. So a program that was paused beyond
//! its lease writes nothing when it wakes up. Times are those of the database server: the clocks of replicas do not matter.

use std::time::Duration;

use sqlx::Row as _;

use super::{Engine, Store, StoreError, on_engine, on_writer};

/// The right to write what a lease entitles to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The lease.
    pub name: String,
    /// Who held it.
    pub holder: String,
    /// How often it had changed hands.
    pub number: i64,
}

/// A lease as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRecord {
    /// What for.
    pub name: String,
    /// Who has it. Empty once it was given back.
    pub holder: String,
    /// Whether it still holds.
    pub live: bool,
}

/// A turn that was not given back ends after so long.
const TURN_LASTS: Duration = Duration::from_secs(5);

/// So long is waited before a turn is asked for again.
const TURN_PAUSE: Duration = Duration::from_millis(20);

/// So often a turn is asked for: for twice the time that a lost one lasts.
const TURN_TRIES: u32 = 500;

/// Locks the row of a lease whose fence still stands, until the transaction ends: nobody takes the lease before that.
pub(super) const STAND: &str =
    "UPDATE leases SET fence = fence WHERE name = $1 AND holder = $2 AND fence = $3 AND fence > 0";

/// Ends the body of the enclosing function with an error where a fence no longer stands. The last statement of a
/// transaction, so that the lease is locked no longer than its commit takes.
macro_rules! check_fence {
    ($transaction:expr, $fence:expr) => {
        if let Some(fence) = $fence {
            let query = sqlx::query($crate::store::leases::STAND)
                .bind(fence.name.clone())
                .bind(fence.holder.clone())
                .bind(fence.number);
            if query.execute(&mut *$transaction).await?.rows_affected() == 0 {
                return Err($crate::store::StoreError::fenced(&fence.name));
            }
        }
    };
}
pub(super) use check_fence;

impl Store {
    /// The server's clock, in milliseconds.
    async fn server_time(&self) -> Result<i64, StoreError> {
        let select = match self.engine {
            Engine::Sqlite { .. } => "SELECT CAST(unixepoch('subsec') * 1000 AS BIGINT)",
            Engine::Postgres(_) => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        };
        Ok(on_engine!(self, pool: Database => sqlx::query_scalar(select).fetch_one(pool).await?))
    }

    /// Takes a lease that is free or has expired. `None` if somebody has it.
    pub async fn acquire_lease(&self, name: &str, holder: &str, ttl: Duration) -> Result<Option<Fence>, StoreError> {
        let acquire = "INSERT INTO leases (name, holder, fence, expires_at_ms) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = leases.fence + 1, \
             expires_at_ms = excluded.expires_at_ms WHERE leases.expires_at_ms <= $4 RETURNING fence";
        let now = self.server_time().await?;
        let number: Option<i64> = on_writer!(self, pool: Database => {
            let query = sqlx::query_scalar(acquire).bind(name.to_owned()).bind(holder.to_owned());
            query.bind(now.saturating_add(milliseconds(ttl))).bind(now).fetch_optional(pool).await?
        });
        Ok(number.map(|number| Fence { name: name.to_owned(), holder: holder.to_owned(), number }))
    }

    /// Waits until it has a lease that everybody holds for a moment only, and gives back. One that was not given back ends by
    /// itself after some seconds.
    pub async fn take_turn(&self, name: &str) -> Result<Fence, StoreError> {
        let holder = Self::random_name()?;
        for _ in 0..TURN_TRIES {
            if let Some(fence) = self.acquire_lease(name, &holder, TURN_LASTS).await? {
                return Ok(fence);
            }
            tokio::time::sleep(TURN_PAUSE).await;
        }
        Err(StoreError::other(format!("others have been busy with \"{name}\" all the time: try again")))
    }

    /// Prolongs all leases that a holder still has, and returns their names: whatever else it had is lost.
    pub async fn renew_leases(&self, holder: &str, ttl: Duration) -> Result<Vec<Fence>, StoreError> {
        let renew = "UPDATE leases SET expires_at_ms = $2 WHERE holder = $1 RETURNING name, fence";
        let now = self.server_time().await?;
        on_writer!(self, pool: Database => {
            let query = sqlx::query(renew).bind(holder.to_owned()).bind(now.saturating_add(milliseconds(ttl)));
            let rows = query.fetch_all(pool).await?;
            let fences = rows.iter().map(|row| {
                Ok(Fence { name: row.try_get(0)?, holder: holder.to_owned(), number: row.try_get(1)? })
            });
            Ok(fences.collect::<Result<_, sqlx::Error>>()?)
        })
    }

    /// Gives a lease back, so that others can take it at once. One that was lost already is left alone.
    pub async fn release_lease(&self, fence: &Fence) -> Result<(), StoreError> {
        let release = "UPDATE leases SET holder = '', expires_at_ms = 0 WHERE name = $1 AND holder = $2 AND fence = $3";
        on_writer!(self, pool: Database => {
            let query = sqlx::query(release).bind(fence.name.clone()).bind(fence.holder.clone());
            query.bind(fence.number).execute(pool).await?;
        });
        Ok(())
    }

    /// Gives back all that a holder has.
    pub async fn release_leases(&self, holder: &str) -> Result<(), StoreError> {
        let release = "UPDATE leases SET holder = '', expires_at_ms = 0 WHERE holder = $1";
        on_writer!(self, pool: Database => {
            sqlx::query(release).bind(holder.to_owned()).execute(pool).await?;
        });
        Ok(())
    }

    /// All leases, by name.
    pub async fn leases(&self) -> Result<Vec<LeaseRecord>, StoreError> {
        let select = "SELECT name, holder, expires_at_ms FROM leases ORDER BY name";
        let now = self.server_time().await?;
        on_engine!(self, pool: Database => {
            let rows = sqlx::query(select).fetch_all(pool).await?;
            let leases = rows.iter().map(|row| {
                let expires_at_ms: i64 = row.try_get(2)?;
                Ok(LeaseRecord { name: row.try_get(0)?, holder: row.try_get(1)?, live: expires_at_ms > now })
            });
            Ok(leases.collect::<Result<_, sqlx::Error>>()?)
        })
    }

    /// Forgets leases of a kind of name that ended long ago: those of replicas that are no more.
    pub async fn forget_leases(&self, prefix: &str, ended_for: Duration) -> Result<(), StoreError> {
        let delete = "DELETE FROM leases WHERE name LIKE $1 AND expires_at_ms < $2";
        let before = self.server_time().await?.saturating_sub(milliseconds(ended_for));
        on_writer!(self, pool: Database => {
            sqlx::query(delete).bind(format!("{prefix}%")).bind(before).execute(pool).await?;
        });
        Ok(())
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
