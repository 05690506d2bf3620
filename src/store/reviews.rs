//! Reviews at rest: frozen documents, revision by revision, the teams' actions, and which digests were posted.

use std::collections::BTreeMap;

use sqlx::Row as _;

use super::{Store, StoreError, on_engine, on_writer};
use crate::facts::Moment;

/// A digest that was claimed so long ago and not sent was cut off.
const CLAIM_LASTS: chrono::Duration = chrono::Duration::minutes(10);

/// A frozen review as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRecord {
    /// The team's slug.
    pub team: String,
    /// The month, `2026-10`.
    pub month: String,
    /// 1 is the first look.
    pub revision: u32,
    /// When it was frozen.
    pub frozen_at: Moment,
    /// The fingerprint of what it rests on.
    pub input_hash: String,
    /// The document.
    pub body: String,
}

impl Store {
    /// Freezes a review with its evidence (a document by KPI). `false` if that revision is there already: it stays.
    pub async fn freeze_review(
        &self,
        record: &ReviewRecord,
        evidence: &BTreeMap<String, String>,
    ) -> Result<bool, StoreError> {
        let insert = "INSERT INTO reviews (team, month, revision, frozen_at_ms, input_hash, body) \
                      VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (team, month, revision) DO NOTHING";
        let insert_evidence =
            "INSERT INTO review_evidence (team, month, revision, kpi, body) VALUES ($1, $2, $3, $4, $5)";
        on_writer!(self, pool: Database => {
            let mut transaction = pool.begin().await?;
            let inserted = sqlx::query(insert)
                .bind(record.team.clone())
                .bind(record.month.clone())
                .bind(i64::from(record.revision))
                .bind(record.frozen_at.timestamp_millis())
                .bind(record.input_hash.clone())
                .bind(record.body.clone())
                .execute(&mut *transaction)
                .await?;
            if inserted.rows_affected() == 0 {
                return Ok(false);
            }
            for (kpi, body) in evidence {
                sqlx::query(insert_evidence)
                    .bind(record.team.clone())
                    .bind(record.month.clone())
                    .bind(i64::from(record.revision))
                    .bind(kpi.clone())
                    .bind(body.clone())
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
        });
        Ok(true)
    }

    /// A frozen review: of a revision, or the newest. `None` if there is none.
    pub async fn review(
        &self,
        team: &str,
        month: &str,
        revision: Option<u32>,
    ) -> Result<Option<ReviewRecord>, StoreError> {
        let select = "SELECT team, month, revision, frozen_at_ms, input_hash, body FROM reviews \
                      WHERE team = $1 AND month = $2 AND ($3 = 0 OR revision = $3) ORDER BY revision DESC LIMIT 1";
        on_engine!(self, pool: Database => {
            let query = sqlx::query(select).bind(team.to_owned()).bind(month.to_owned());
            let row = query.bind(i64::from(revision.unwrap_or_default())).fetch_optional(pool).await?;
            Ok(row.map(|row| Ok::<_, sqlx::Error>(ReviewRecord {
                team: row.try_get(0)?,
                month: row.try_get(1)?,
                revision: u32::try_from(row.try_get::<i64, _>(2)?).unwrap_or_default(),
                frozen_at: Moment::from_timestamp_millis(row.try_get(3)?).unwrap_or_default(),
                input_hash: row.try_get(4)?,
                body: row.try_get(5)?,
            })).transpose()?)
        })
    }

    /// The months of a team that are frozen, newest first, each with its newest revision.
    pub async fn reviewed_months(&self, team: &str) -> Result<Vec<(String, u32)>, StoreError> {
        let select = "SELECT month, MAX(revision) FROM reviews WHERE team = $1 GROUP BY month ORDER BY month DESC";
        on_engine!(self, pool: Database => {
            let rows = sqlx::query(select).bind(team.to_owned()).fetch_all(pool).await?;
            let months = rows.iter().map(|row| {
                Ok((row.try_get(0)?, u32::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default()))
            });
            Ok(months.collect::<Result<_, sqlx::Error>>()?)
        })
    }

    /// What each headline number of a frozen review rests on: documents by KPI.
    pub async fn review_evidence(
        &self,
        team: &str,
        month: &str,
        revision: u32,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let select = "SELECT kpi, body FROM review_evidence WHERE team = $1 AND month = $2 AND revision = $3";
        on_engine!(self, pool: Database => {
            let query = sqlx::query(select).bind(team.to_owned()).bind(month.to_owned()).bind(i64::from(revision));
            let rows = query.fetch_all(pool).await?;
            let bodies = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
            Ok(bodies.collect::<Result<_, sqlx::Error>>()?)
        })
    }

    /// The text of a team's actions of a month; empty where there is none.
    pub async fn review_actions(&self, team: &str, month: &str) -> Result<String, StoreError> {
        let select = "SELECT text FROM review_actions WHERE team = $1 AND month = $2";
        let text: Option<String> = on_engine!(self, pool: Database => {
            sqlx::query_scalar(select).bind(team.to_owned()).bind(month.to_owned()).fetch_optional(pool).await?
        });
        Ok(text.unwrap_or_default())
    }

    /// Replaces the text of a team's actions of a month.
    pub async fn set_review_actions(&self, team: &str, month: &str, text: &str, now: Moment) -> Result<(), StoreError> {
        let upsert = "INSERT INTO review_actions (team, month, text, updated_at_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (team, month) DO UPDATE SET text = excluded.text, updated_at_ms = excluded.updated_at_ms";
        on_writer!(self, pool: Database => {
            let query = sqlx::query(upsert).bind(team.to_owned()).bind(month.to_owned());
            query.bind(text.to_owned()).bind(now.timestamp_millis()).execute(pool).await?;
        });
        Ok(())
    }

    /// Claims the posting of a digest: `true` for exactly one of those who ask, until it was sent, released, or cut off.
    pub async fn claim_digest(&self, team: &str, month: &str, webhook: &str, now: Moment) -> Result<bool, StoreError> {
        let claim = "INSERT INTO review_digests (team, month, webhook, claimed_at_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (team, month, webhook) DO UPDATE SET claimed_at_ms = excluded.claimed_at_ms \
             WHERE review_digests.sent_at_ms IS NULL AND review_digests.claimed_at_ms <= $5";
        let claimed = on_writer!(self, pool: Database => {
            let query = sqlx::query(claim).bind(team.to_owned()).bind(month.to_owned()).bind(webhook.to_owned());
            let query = query.bind(now.timestamp_millis()).bind((now - CLAIM_LASTS).timestamp_millis());
            query.execute(pool).await?.rows_affected()
        });
        Ok(claimed > 0)
    }

    /// Notes how the posting of a claimed digest ended: sent, or released to be tried again.
    pub async fn settle_digest(
        &self,
        team: &str,
        month: &str,
        webhook: &str,
        sent_at: Option<Moment>,
    ) -> Result<(), StoreError> {
        let settle = "UPDATE review_digests SET sent_at_ms = $4, claimed_at_ms = CASE WHEN $5 = 1 THEN claimed_at_ms ELSE 0 END \
             WHERE team = $1 AND month = $2 AND webhook = $3";
        on_writer!(self, pool: Database => {
            let query = sqlx::query(settle).bind(team.to_owned()).bind(month.to_owned()).bind(webhook.to_owned());
            let query = query.bind(sent_at.map(|at| at.timestamp_millis())).bind(i64::from(sent_at.is_some()));
            query.execute(pool).await?;
        });
        Ok(())
    }
}
