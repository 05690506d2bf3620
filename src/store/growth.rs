//! How large the store is, and how it grows.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;
use sqlx::{QueryBuilder, Row as _};

use super::documents::families;
use super::{Engine, Store, StoreError, on_engine};

const MILLISECONDS_PER_DAY: i64 = 24 * 3600 * 1000;

/// What a table takes on disk, its indexes included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableSize {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// What the store takes on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSize {
    /// The tables, largest first.
    pub tables: Vec<TableSize>,
    /// Bytes that deleted rows have left and new ones will fill. `None` where the engine does not tell.
    pub free_bytes: Option<u64>,
}

/// When the facts of a family began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyGrowth {
    /// The family.
    pub family: &'static str,
    /// How many facts began on each day (UTC); days without any are left out.
    pub facts_by_day: BTreeMap<NaiveDate, u64>,
}

impl Store {
    /// What every table takes on disk. Reads all of it: for people who ask, not for every minute.
    pub async fn size(&self) -> Result<StoreSize, StoreError> {
        let mut tables = Vec::new();
        for (table, bytes) in self.bytes_of_tables().await? {
            let rows: i64 = on_engine!(self, pool: Database => {
                let mut query = QueryBuilder::<Database>::new("SELECT COUNT(*) FROM ");
                // The name comes from the database's own catalogue.
                query.push("\"").push(table.replace('"', "\"\"")).push("\"");
                query.build().fetch_one(pool).await?.try_get(0)?
            });
            tables.push(TableSize { table, rows: rows.unsigned_abs(), bytes: bytes.unsigned_abs() });
        }
        tables.sort_by(|one, other| (other.bytes, &one.table).cmp(&(one.bytes, &other.table)));
        Ok(StoreSize { tables, free_bytes: self.free_bytes().await? })
    }

    /// When the facts of each family began; families without any are left out.
    pub async fn growth(&self) -> Result<Vec<FamilyGrowth>, StoreError> {
        let mut growth = Vec::new();
        for family in families() {
            let days: Vec<(i64, i64)> = on_engine!(self, pool: Database => {
                let mut query = QueryBuilder::<Database>::new("SELECT started_at_ms / ");
                query.push(MILLISECONDS_PER_DAY).push(" AS day, COUNT(*) FROM ").push(family).push(" GROUP BY 1");
                let rows = query.build().fetch_all(pool).await?;
                rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?
            });
            if days.is_empty() {
                continue;
            }
            let day = |number: i64| NaiveDate::from_epoch_days(i32::try_from(number).unwrap_or_default());
            let facts = days.into_iter().filter_map(|(number, count)| Some((day(number)?, count.unsigned_abs())));
            growth.push(FamilyGrowth { family, facts_by_day: facts.collect() });
        }
        Ok(growth)
    }

    /// The bytes of each table of chiplog, by name: the engines keep them in catalogues of their own.
    async fn bytes_of_tables(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let select = match self.engine {
            Engine::Sqlite { .. } => {
                "SELECT named.tbl_name, CAST(SUM(pages.pgsize) AS BIGINT) FROM dbstat AS pages \
                 JOIN sqlite_schema AS named ON named.name = pages.name \
                 WHERE pages.aggregate = 1 AND named.tbl_name NOT LIKE 'sqlite_%' GROUP BY named.tbl_name"
            }
            Engine::Postgres(_) => {
                "SELECT CAST(relname AS TEXT), pg_total_relation_size(oid) FROM pg_class \
                 WHERE relkind = 'r' AND relnamespace = CAST(current_schema() AS regnamespace)"
            }
        };
        on_engine!(self, pool: Database => {
            let rows = sqlx::query(select).fetch_all(pool).await?;
            let sizes = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
            Ok(sizes.collect::<Result<_, sqlx::Error>>()?)
        })
    }

    async fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        let Engine::Sqlite { readers: pool, .. } = &self.engine else { return Ok(None) };
        let select = "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size";
        let bytes: i64 = sqlx::query_scalar(select).fetch_one(pool).await?;
        Ok(Some(bytes.unsigned_abs()))
    }
}
