//! The targets of the scorecards as they were: a change keeps its date.

use std::collections::BTreeMap;

use sqlx::Row as _;

use super::{Store, StoreError, on_engine};
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
        let known = self.newest_targets().await?;
        let mut since = Vec::new();
        let _writer = self.writer.lock().await;
        let insert = "INSERT INTO scorecard_targets (team, role, measure, since_ms, target) VALUES ($1, $2, $3, $4, $5) \
                      ON CONFLICT (team, role, measure, since_ms) DO UPDATE SET target = excluded.target";
        on_engine!(self, pool: Database => {
            let mut transaction = pool.begin().await?;
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

    /// The newest target of each measure, and since when it holds.
    async fn newest_targets(&self) -> Result<BTreeMap<(String, String, String), (Moment, String)>, StoreError> {
        let select = "SELECT team, role, measure, since_ms, target FROM scorecard_targets ORDER BY since_ms";
        let mut newest = BTreeMap::new();
        on_engine!(self, pool: Database => {
            for row in sqlx::query(select).fetch_all(pool).await? {
                let since: i64 = row.try_get(3)?;
                let since = Moment::from_timestamp_millis(since).unwrap_or_default();
                newest.insert((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?), (since, row.try_get(4)?));
            }
        });
        Ok(newest)
    }
}
