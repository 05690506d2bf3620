//! Tables, brought up to date when a store is opened.
//!
//! Migrations only add: a program of an older version goes on running, and may start, on tables that a newer one has
//! extended. A migration that takes something away writes its own version into `installation` under [`LEAST_VERSION`];
//! older programs then refuse to start.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{PgPool, SqlSafeStr as _, SqlitePool};

use super::{Engine, Store, StoreError, on_engine};

/// The name in `installation` of the newest migration that a program must know.
const LEAST_VERSION: &str = "least_migration";

/// The advisory lock that migrations run under: any number that nobody else takes.
const LOCK: i64 = 0x0063_6869_706c_6f67;

/// Two programs that open one file at once: so often is tried again what the other was faster with.
const SQLITE_TRIES: u32 = 20;

impl Store {
    /// Applies what is missing. Of several programs that start at once one does, and the others wait for it.
    pub(super) async fn migrate(&self, url: &str) -> Result<(), StoreError> {
        let migrator = migrator();
        let newest = migrator.iter().map(|migration| migration.version).max().unwrap_or_default();
        match &self.engine {
            Engine::Sqlite { writer, .. } => migrate_sqlite(&migrator, writer, url).await?,
            Engine::Postgres(pool) => migrate_postgres(&migrator, pool, url).await?,
        }
        let select = "SELECT value FROM installation WHERE name = $1";
        let least: Option<String> = on_engine!(self, pool: Database => {
            sqlx::query_scalar(select).bind(LEAST_VERSION).fetch_optional(pool).await?
        });
        match least.and_then(|least| least.parse::<i64>().ok()) {
            Some(least) if least > newest => Err(StoreError::too_new(url)),
            _ => Ok(()),
        }
    }
}

/// Under a lock of a transaction rather than of a session: that one holds behind poolers too, which give each transaction
/// another session.
async fn migrate_postgres(migrator: &Migrator, pool: &PgPool, url: &str) -> Result<(), StoreError> {
    let mut lock = pool.begin().await?;
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0").execute(&mut *lock).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *lock).await?;
    let done = migrator.run(pool).await;
    lock.commit().await?;
    done.map_err(|error| StoreError::migrate(url, &error))
}

async fn migrate_sqlite(migrator: &Migrator, pool: &SqlitePool, url: &str) -> Result<(), StoreError> {
    for _ in 1..SQLITE_TRIES {
        if migrator.run(pool).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    migrator.run(pool).await.map_err(|error| StoreError::migrate(url, &error))
}

fn migrator() -> Migrator {
    let migration = |version, name, text: &'static str| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, text.into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(vec![
        migration(20_261_120_000_001, "facts", include_str!("../../migrations/20261120000001_facts.sql")),
        migration(20_261_121_000_001, "more facts", include_str!("../../migrations/20261121000001_more_facts.sql")),
        migration(20_261_121_000_002, "reviews", include_str!("../../migrations/20261121000002_reviews.sql")),
        migration(
            20_261_121_000_010,
            "newest quarantine",
            include_str!("../../migrations/20261121000010_newest_quarantine.sql"),
        ),
        migration(20_261_127_000_001, "fact scopes", include_str!("../../migrations/20261127000001_fact_scopes.sql")),
        migration(
            20_261_127_000_002,
            "webhook deliveries",
            include_str!("../../migrations/20261127000002_webhook_deliveries.sql"),
        ),
        migration(20_261_127_000_003, "leases", include_str!("../../migrations/20261127000003_leases.sql")),
        migration(20_261_127_000_004, "snapshots", include_str!("../../migrations/20261127000004_snapshots.sql")),
        migration(
            20_261_127_000_005,
            "scopes by end",
            include_str!("../../migrations/20261127000005_scopes_by_end.sql"),
        ),
    ]);
    migrator.set_ignore_missing(true).set_locking(false);
    migrator
}
