//! Who reported what: kept for administrators, shown nowhere.

use super::{Store, StoreError, on_engine, on_writer};
use crate::facts::Moment;

/// One import or call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The reporter's name in the configuration, or `command line`.
    pub reporter: String,
    /// The template, or `events/SOURCE`.
    pub template: String,
    /// How it came: `csv`, `json`, `event`.
    pub origin: &'static str,
    /// Good rows.
    pub accepted: u64,
    /// Refused rows.
    pub rejected: u64,
}

impl Store {
    /// Writes an entry down.
    pub async fn audit(&self, entry: &AuditEntry, now: Moment) -> Result<(), StoreError> {
        let insert = "INSERT INTO report_audit (reported_at_ms, reporter, template, origin, accepted, rejected) \
                      VALUES ($1, $2, $3, $4, $5, $6)";
        on_writer!(self, pool: Database => {
            sqlx::query(insert)
                .bind(now.timestamp_millis())
                .bind(entry.reporter.clone())
                .bind(entry.template.clone())
                .bind(entry.origin)
                .bind(i64::try_from(entry.accepted).unwrap_or(i64::MAX))
                .bind(i64::try_from(entry.rejected).unwrap_or(i64::MAX))
                .execute(pool)
                .await?;
        });
        Ok(())
    }

    /// How many entries there are of each reporter, by name.
    pub async fn audited(&self) -> Result<Vec<(String, i64)>, StoreError> {
        use sqlx::Row as _;
        let select = "SELECT reporter, COUNT(*) FROM report_audit GROUP BY reporter ORDER BY reporter";
        let entries: Vec<(String, i64)> = on_engine!(self, pool: Database => {
            let rows = sqlx::query(select).fetch_all(pool).await?;
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?
        });
        Ok(entries)
    }
}
