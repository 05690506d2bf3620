//! The targets of the scorecards as they were: a change keeps its date.

use std::collections::BTreeMap;

use chrono::SubsecRound as _;

use super::conflict::again_on_conflict;
use super::{Store, StoreError, on_writer};
use crate::facts::Moment;

/// A target to be recorded: team, role, measure, its text, and the day from which it holds where that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRecord {
    /// The team's slug.
    pub team: String,
    /// The role's id.
    pub role: String,
    /// Row, KPI, part and statistic.
    pub measure: String,
    /// The target in words.
    pub target: String,
    /// Since when; the moment of recording unless told.
    pub since: Option<Moment>,
}

impl Store {
    /// Records targets that differ from the newest known ones, and returns since when each of them holds, in the order in
    /// which they were given.
    pub async fn record_targets(&self, targets: &[TargetRecord], now: Moment) -> Result<Vec<Moment>, StoreError> {
        again_on_conflict(|| self.record_targets_in_one(targets, now)).await
    }

    async fn record_targets_in_one(&self, targets: &[TargetRecord], now: Moment) -> Result<Vec<Moment>, StoreError> {
        // As it is stored: who reads it back later must find the same.
        let now = now.trunc_subsecs(3);
        let mut since = Vec::new();
        let insert = "INSERT INTO scorecard_targets (team, role, measure, since_ms, target) VALUES ($1, $2, $3, $4, $5) \
                      ON CONFLICT (team, role, measure, since_ms) DO UPDATE SET target = excluded.target";
        on_writer!(self, pool: Database => {
            let mut transaction = pool.begin().await?;
            // Of replicas that start at once the first one's moment holds: a row that each locks lets them take turns.
            let turn = "INSERT INTO installation (name, value) VALUES ('turn_of_targets', '') \
                        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            sqlx::query(turn).execute(&mut *transaction).await?;
            let rows = sqlx::query(NEWEST).fetch_all(&mut *transaction).await?;
            let known = rows.iter().map(newest).collect::<Result<Known, sqlx::Error>>()?;
            for record in targets {
                let key = (record.team.clone(), record.role.clone(), record.measure.clone());
                let newest = known.get(&key).filter(|(_, target)| *target == record.target).map(|(at, _)| *at);
                let from = record.since.or(newest).unwrap_or(now);
                if newest != Some(from) {
                    sqlx::query(insert)
                        .bind(record.team.clone())
                        .bind(record.role.clone())
                        .bind(record.measure.clone())
                        .bind(from.timestamp_millis())
                        .bind(record.target.clone())
                        .execute(&mut *transaction)
                        .await?;
                }
                since.push(from);
            }
            transaction.commit().await?;
        });
        Ok(since)
    }
}

/// All targets, oldest first.
const NEWEST: &str = "SELECT team, role, measure, since_ms, target FROM scorecard_targets ORDER BY since_ms";

/// The newest target of each measure, and since when it holds.
type Known = BTreeMap<Measure, (Moment, String)>;

/// Team, role and measure.
type Measure = (String, String, String);

/// A row; a later one of the same measure replaces it.
fn newest<Row>(row: &Row) -> Result<(Measure, (Moment, String)), sqlx::Error>
where
    Row: sqlx::Row,
    usize: sqlx::ColumnIndex<Row>,
    String: for<'row> sqlx::Decode<'row, Row::Database> + sqlx::Type<Row::Database>,
    i64: for<'row> sqlx::Decode<'row, Row::Database> + sqlx::Type<Row::Database>,
{
    let since = Moment::from_timestamp_millis(row.try_get(3)?).unwrap_or_default();
    Ok(((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?), (since, row.try_get(4)?)))
}
