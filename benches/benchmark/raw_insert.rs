//! What a store could do at best: the same rows, inserted as they are by statements of many rows.

use std::str::FromStr as _;

use chiplog::facts::{Fact, FactFamily};
use chiplog::with_fact;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, QueryBuilder, SqlitePool};

/// As many rows of a statement as the store has.
const ROWS_PER_STATEMENT: usize = 500;

/// A fact as a row of its family's table.
pub(crate) struct Row {
    family: &'static str,
    external_id: String,
    scope: String,
    started_at_ms: i64,
    ended_at_ms: Option<i64>,
    version_at_ms: i64,
    body: String,
}

impl Row {
    pub(crate) fn of(fact: &Fact) -> Self {
        fn row<F: FactFamily>(fact: &F) -> Row {
            Row {
                family: F::FAMILY,
                external_id: fact.external_id(),
                scope: fact.scope().to_owned(),
                started_at_ms: fact.started_at().timestamp_millis(),
                ended_at_ms: fact.ended_at().map(|at| at.timestamp_millis()),
                version_at_ms: fact.version_at().timestamp_millis(),
                body: serde_json::to_string(fact).unwrap(),
            }
        }
        with_fact!(fact, fact => row(fact))
    }
}

/// A page of rows of one source.
pub(crate) type Page = (String, Vec<Row>);

/// The engines, connected as the store connects to them.
pub(crate) enum Raw {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Raw {
    pub(crate) async fn connect(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url).unwrap();
            let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal);
            return Self::Sqlite(SqlitePoolOptions::new().max_connections(4).connect_with(options).await.unwrap());
        }
        Self::Postgres(PgPoolOptions::new().max_connections(8).connect(url).await.unwrap())
    }

    /// Inserts pages, each in a transaction.
    pub(crate) async fn insert(&self, pages: &[Page]) {
        for (source, rows) in pages {
            match self {
                Self::Sqlite(pool) => {
                    let mut transaction = pool.begin().await.unwrap();
                    for rows in rows.chunk_by(|one, next| one.family == next.family) {
                        for rows in rows.chunks(ROWS_PER_STATEMENT) {
                            let mut query = statement::<sqlx::Sqlite>(source, rows);
                            query.build().execute(&mut *transaction).await.unwrap();
                        }
                    }
                    transaction.commit().await.unwrap();
                }
                Self::Postgres(pool) => {
                    let mut transaction = pool.begin().await.unwrap();
                    for rows in rows.chunk_by(|one, next| one.family == next.family) {
                        for rows in rows.chunks(ROWS_PER_STATEMENT) {
                            let mut query = statement::<sqlx::Postgres>(source, rows);
                            query.build().execute(&mut *transaction).await.unwrap();
                        }
                    }
                    transaction.commit().await.unwrap();
                }
            }
        }
    }

    pub(crate) async fn close(self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

fn statement<Database: sqlx::Database>(source: &str, rows: &[Row]) -> QueryBuilder<Database>
where
    Database::Arguments: Default,
    String: for<'q> sqlx::Encode<'q, Database> + sqlx::Type<Database>,
    i64: for<'q> sqlx::Encode<'q, Database> + sqlx::Type<Database>,
    Option<i64>: for<'q> sqlx::Encode<'q, Database> + sqlx::Type<Database>,
{
    let mut query = QueryBuilder::<Database>::new("INSERT INTO ");
    query.push(rows[0].family).push(" (source, external_id, scope, started_at_ms, ended_at_ms, version_at_ms, body) ");
    query.push_values(rows, |mut values, row| {
        values
            .push_bind(source.to_owned())
            .push_bind(row.external_id.clone())
            .push_bind(row.scope.clone())
            .push_bind(row.started_at_ms)
            .push_bind(row.ended_at_ms)
            .push_bind(row.version_at_ms)
            .push_bind(row.body.clone());
    });
    query
}
