//! Facts at rest: the only SQL of chiplog.
//!
//! SQLite by default, PostgreSQL when the URL says so; one text of SQL and one folder of migrations serve both. The
//! engines differ in two things only: how a pool is opened, and that SQLite takes one writer at a time.

mod audit;
mod backup;
mod conflict;
mod deliveries;
mod documents;
mod error;
mod growth;
mod incoming;
mod leases;
mod migrations;
mod retention;
mod reviews;
mod scopes;
mod snapshots;
mod states;
mod targets;

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool, SqliteConnection, SqlitePool};
use tokio::sync::Notify;

pub use audit::AuditEntry;
pub use deliveries::{NewDelivery, Settled, WaitingCount, WaitingDelivery};
pub use documents::{Accepted, Selection};
pub use error::StoreError;
pub use growth::{FamilyGrowth, StoreSize, TableSize};
pub use leases::{Fence, LeaseRecord};
pub use retention::Prunable;
pub use reviews::ReviewRecord;
pub use scopes::{ScopeKey, ScopeVersion};
pub use snapshots::PublishedParts;
pub use states::{Attempt, FamilyCount, KNOWN_SINCE, Quarantined, SourceState};
pub use targets::TargetRecord;

/// So many read a file of SQLite at once.
const READERS: u32 = 4;

/// Whoever writes to a file of SQLite waits so long for its turn at most: others may have much to write.
const LONGEST_TURN: Duration = Duration::from_mins(10);

/// SQLite's thread reads so many rows ahead of those who ask for them, instead of waking up for each few.
const ROWS_IN_TRANSIT: usize = 200;

/// The texts of statements, never what is bound to them, are logged for whoever asks with `--log sqlx::query=trace`.
const STATEMENTS_AT: log::LevelFilter = log::LevelFilter::Trace;

/// Runs the same body on a pool of either engine; inside it `$database` names the engine.
macro_rules! on_either {
    ($store:expr, $sqlite:ident, $pool:ident: $database:ident => $body:expr) => {
        match &$store.engine {
            $crate::store::Engine::Sqlite { $sqlite: $pool, .. } => {
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
pub(crate) use on_either;

/// What only reads.
macro_rules! on_engine {
    ($store:expr, $pool:ident: $database:ident => $body:expr) => {
        $crate::store::on_either!($store, readers, $pool: $database => $body)
    };
}
pub(crate) use on_engine;

/// What writes as well.
macro_rules! on_writer {
    ($store:expr, $pool:ident: $database:ident => $body:expr) => {
        $crate::store::on_either!($store, writer, $pool: $database => $body)
    };
}
pub(crate) use on_writer;

#[derive(Clone)]
pub(crate) enum Engine {
    /// A file has one writer: those who write wait here for its one connection and never meet a busy database, and what it
    /// has read stays fresh from one transaction to the next.
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
    },
    Postgres(PgPool),
}

/// A program that is frozen in the midst of a transaction holds its locks, and so keeps others from taking its leases over:
/// the server ends such a transaction.
async fn end_transactions_of_the_paused(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SET idle_in_transaction_session_timeout = '15s'").execute(connection).await.map(drop)
}

/// Whether a connection may be used again. Where the disk fails, SQLite ends a transaction itself, and the rollback after it
/// fails as well: the driver then counts one transaction too many for ever, begins the next as a savepoint within it, and what
/// fails there keeps the write lock.
async fn is_in_order(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // A rollback that is under way comes before the answer.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// How often is tried to open a file that another program makes at the same moment: switching to a write-ahead log does not wait
/// for its turn, as everything else does.
const SQLITE_TRIES: u32 = 50;

async fn sqlite(pool: SqlitePoolOptions, options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    for _ in 1..SQLITE_TRIES {
        match pool.clone().connect_with(options.clone()).await {
            Err(sqlx::Error::Database(error)) if error.message().contains("database is locked") => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            opened => return opened,
        }
    }
    pool.connect_with(options).await
}

/// Makes a file that is missing, readable for its owner alone: it holds the key that people are hashed with. SQLite gives the
/// files beside it the same mode. Where that cannot be done, opening it says why.
fn keep_to_the_owner(file: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let _ = std::fs::File::options().write(true).create_new(true).mode(0o600).open(file);
}

/// An open store. Clones share it.
#[derive(Clone)]
pub struct Store {
    pub(crate) engine: Engine,
    /// Told of every change of facts that this program makes.
    pub(crate) changes: Arc<Notify>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self.engine {
            Engine::Sqlite { .. } => "Store(SQLite)",
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
                .row_buffer_size(ROWS_IN_TRANSIT)
                .log_statements(STATEMENTS_AT)
                .log_slow_statements(STATEMENTS_AT, Duration::MAX);
            // A connection that is in order when it comes back stays so: files and memory fail only who uses them.
            let pool = SqlitePoolOptions::new().test_before_acquire(false);
            if in_memory {
                // Each connection to memory would be a database of its own, and so there is one, which must live for ever: also
                // where somebody who wanted it gives up, since during a test of whether it lives the pool would lose it.
                let pool = pool.max_connections(1).idle_timeout(None).max_lifetime(None);
                let only = sqlite(pool, options).await.map_err(opened)?;
                Engine::Sqlite { readers: only.clone(), writer: only }
            } else {
                keep_to_the_owner(options.get_filename());
                let pool = pool.after_release(|connection, _| Box::pin(is_in_order(connection)));
                let writer = pool.clone().max_connections(1).acquire_timeout(LONGEST_TURN);
                let writer = sqlite(writer, options.clone()).await.map_err(opened)?;
                Engine::Sqlite { readers: pool.max_connections(READERS).connect_lazy_with(options), writer }
            }
        } else {
            let options = PgConnectOptions::from_str(url)
                .map_err(opened)?
                .application_name("chiplog")
                .log_statements(STATEMENTS_AT)
                .log_slow_statements(STATEMENTS_AT, Duration::MAX);
            let pool = PgPoolOptions::new().max_connections(8).acquire_timeout(Duration::from_secs(5));
            let pool = pool.after_connect(|connection, _| Box::pin(end_transactions_of_the_paused(connection)));
            Engine::Postgres(pool.connect_with(options).await.map_err(opened)?)
        };
        let store = Self { engine, changes: Arc::default() };
        store.migrate(url).await?;
        Ok(store)
    }

    /// The same store by a connection of its own, where connections are shared: heart-beats must not wait for those who work.
    #[must_use]
    pub fn for_heart_beats(&self) -> Self {
        match &self.engine {
            Engine::Sqlite { .. } => self.clone(),
            Engine::Postgres(pool) => {
                let beats = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(5));
                let beats = beats.after_connect(|connection, _| Box::pin(end_transactions_of_the_paused(connection)));
                let engine = Engine::Postgres(beats.connect_lazy_with(pool.connect_options().as_ref().clone()));
                Self { engine, changes: self.changes.clone() }
            }
        }
    }

    /// How often to look whether another program has changed something, which nobody tells: of a file of SQLite seldom, so that
    /// whoever is idle stays idle; on PostgreSQL often, because replicas wait for one another.
    pub fn look_every(&self) -> Duration {
        match &self.engine {
            Engine::Sqlite { .. } => Duration::from_secs(1),
            Engine::Postgres(_) => Duration::from_millis(300),
        }
    }

    /// Ends all connections, so that nothing is left to be written.
    pub async fn close(&self) {
        on_engine!(self, pool: Database => pool.close().await);
        on_writer!(self, pool: Database => pool.close().await);
    }

    /// A name that nobody else has.
    pub fn random_name() -> Result<String, StoreError> {
        random_digits::<8>()
    }

    /// The random key that people are hashed with; made when the store is first opened.
    pub async fn person_key(&self) -> Result<Vec<u8>, StoreError> {
        let fresh = random_digits::<32>()?;
        let insert = "INSERT INTO installation (name, value) VALUES ('person_key', $1) ON CONFLICT (name) DO NOTHING";
        let select = "SELECT value FROM installation WHERE name = 'person_key'";
        let key: String = on_writer!(self, pool: Database => {
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
}

/// Random hexadecimal digits of so many bytes.
fn random_digits<const BYTES: usize>() -> Result<String, StoreError> {
    let mut fresh = [0_u8; BYTES];
    getrandom::fill(&mut fresh).map_err(|error| StoreError::other(format!("no random numbers: {error}")))?;
    Ok(hex::encode(fresh))
}
