//! Facts at rest: the only SQL of chiplog.
//!
//! SQLite by default, PostgreSQL when the URL says so; one text of SQL and one folder of migrations serve both. The
//! engines differ in two things only: how a pool is opened, and that SQLite takes one writer at a time.

mod audit;
mod documents;
mod error;
mod reviews;
mod scopes;
mod states;
mod targets;

use std::borrow::Cow;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, PgPool, SqlSafeStr as _, SqlitePool};
use tokio::sync::{Mutex, Notify};

pub use audit::AuditEntry;
pub use documents::{Accepted, Selection};
pub use error::StoreError;
pub use reviews::ReviewRecord;
pub use scopes::{ScopeKey, ScopeVersion};
pub use states::{Attempt, FamilyCount, Quarantined, SourceState};
pub use targets::TargetRecord;

/// The texts of statements, never what is bound to them, are logged for whoever asks with `--log sqlx::query=trace`.
const STATEMENTS_AT: log::LevelFilter = log::LevelFilter::Trace;

/// Runs the same body on either engine's pool; inside it `$database` names the engine.
macro_rules! on_engine {
    ($store:expr, $pool:ident: $database:ident => $body:expr) => {
        match &$store.engine {
            $crate::store::Engine::Sqlite($pool) => {
                #[expect(clippy::allow_attributes, reason = "not every body names the engine")]
                #[allow(dead_code, reason = "not every body names the engine")]
                type $database = sqlx::Sqlite;
                $body
            }
            $crate::store::Engine::Postgres($pool) => {
                #[expect(clippy::allow_attributes, reason = "not every body names the engine")]
                #[allow(dead_code, reason = "not every body names the engine")]
                type $database = sqlx::Postgres;
                $body
            }
        }
    };
}
pub(crate) use on_engine;

#[derive(Clone)]
pub(crate) enum Engine {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// An open store. Clones share it.
#[derive(Clone)]
pub struct Store {
    pub(crate) engine: Engine,
    /// SQLite has one writer: those who write wait here and never meet a busy database.
    pub(crate) writer: Arc<Mutex<()>>,
    /// Told of every change of facts that this program makes.
    pub(crate) changes: Arc<Notify>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self.engine {
            Engine::Sqlite(_) => "Store(SQLite)",
            Engine::Postgres(_) => "Store(PostgreSQL)",
        })
    }
}

impl Store {
    /// Opens a store and brings its tables up to date. `sqlite:FILE` is created where it is missing;
    /// `sqlite::memory:` lives as long as the store; everything else is a PostgreSQL URL.
    ///
    /// # Errors
    /// The error names the place without its password, and says what to do.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let opened = |error: sqlx::Error| StoreError::open(url, &error);
        let engine = if url.starts_with("sqlite:") {
            let in_memory = url == "sqlite::memory:";
            let options = SqliteConnectOptions::from_str(url)
                .map_err(opened)?
                .create_if_missing(true)
                .journal_mode(if in_memory { SqliteJournalMode::Memory } else { SqliteJournalMode::Wal })
                .synchronous(SqliteSynchronous::Normal)
                .busy_timeout(Duration::from_secs(30))
                .log_statements(STATEMENTS_AT)
                .log_slow_statements(STATEMENTS_AT, Duration::MAX);
            // Each connection to memory would be a database of its own, and so must live for ever.
            let pool = SqlitePoolOptions::new().max_connections(if in_memory { 1 } else { 4 });
            let pool = if in_memory { pool.idle_timeout(None).max_lifetime(None) } else { pool };
            Engine::Sqlite(pool.connect_with(options).await.map_err(opened)?)
        } else {
            let options = PgConnectOptions::from_str(url)
                .map_err(opened)?
                .application_name("chiplog")
                .log_statements(STATEMENTS_AT)
                .log_slow_statements(STATEMENTS_AT, Duration::MAX);
            let pool = PgPoolOptions::new().max_connections(8).acquire_timeout(Duration::from_secs(5));
            Engine::Postgres(pool.connect_with(options).await.map_err(opened)?)
        };
        let store = Self { engine, writer: Arc::default(), changes: Arc::default() };
        store.migrate().await.map_err(|error| StoreError::migrate(url, &error))?;
        Ok(store)
    }

    /// Ends all connections, so that nothing is left to be written.
    pub async fn close(&self) {
        on_engine!(self, pool: Database => pool.close().await);
    }

    /// The random key that people are hashed with; made when the store is first opened.
    pub async fn person_key(&self) -> Result<Vec<u8>, StoreError> {
        let mut fresh = [0_u8; 32];
        getrandom::fill(&mut fresh).map_err(|error| StoreError::other(format!("no random numbers: {error}")))?;
        let fresh: String = fresh.iter().map(|byte| format!("{byte:02x}")).collect();
        let _writer = self.writer.lock().await;
        let insert = "INSERT INTO installation (name, value) VALUES ('person_key', $1) ON CONFLICT (name) DO NOTHING";
        let select = "SELECT value FROM installation WHERE name = 'person_key'";
        let key: String = on_engine!(self, pool: Database => {
            sqlx::query(insert).bind(fresh).execute(pool).await?;
            sqlx::query_scalar(select).fetch_one(pool).await?
        });
        Ok(key.into_bytes())
    }

    /// The state of a cursor. `None` if it was never set, or was removed.
    pub async fn cursor(&self, source: &str, name: &str) -> Result<Option<String>, StoreError> {
        let select = "SELECT state FROM cursors WHERE source = $1 AND name = $2";
        Ok(on_engine!(self, pool: Database => {
            sqlx::query_scalar(select).bind(source.to_owned()).bind(name.to_owned()).fetch_optional(pool).await?
        }))
    }

    /// Applies what is missing, under the engine's own lock where several programs share a database.
    async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        let migration = |version, name, text: &'static str| {
            Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, text.into_sql_str(), false)
        };
        let migrator = Migrator::with_migrations(vec![
            migration(20_261_120_000_001, "facts", include_str!("../../migrations/20261120000001_facts.sql")),
            migration(20_261_121_000_001, "more facts", include_str!("../../migrations/20261121000001_more_facts.sql")),
            migration(20_261_121_000_002, "reviews", include_str!("../../migrations/20261121000002_reviews.sql")),
            migration(
                20_261_121_000_010,
                "newest quarantine",
                include_str!("../../migrations/20261121000010_newest_quarantine.sql"),
            ),
            migration(
                20_261_127_000_001,
                "fact scopes",
                include_str!("../../migrations/20261127000001_fact_scopes.sql"),
            ),
        ]);
        on_engine!(self, pool: Database => migrator.run(pool).await)
    }
}
