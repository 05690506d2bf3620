//! What a dump holds: every table whose content cannot be made again, with the types of its columns.

use crate::store::documents::families;

/// The type of a column, the same on both engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
}

/// The columns of a table, in the order of a dump.
pub(super) type Columns = &'static [(&'static str, Kind)];

const FACT_COLUMNS: Columns = &[
    ("source", Kind::Text),
    ("external_id", Kind::Text),
    ("scope", Kind::Text),
    ("started_at_ms", Kind::Number),
    ("ended_at_ms", Kind::Number),
    ("version_at_ms", Kind::Number),
    ("body", Kind::Text),
];

/// The other tables that hold what cannot be made again.
const OTHER_TABLES: &[(&str, Columns)] = &[
    ("installation", &[("name", Kind::Text), ("value", Kind::Text)]),
    ("cursors", &[("source", Kind::Text), ("name", Kind::Text), ("state", Kind::Text)]),
    (
        "fact_scopes",
        &[
            ("family", Kind::Text),
            ("source", Kind::Text),
            ("scope", Kind::Text),
            ("changed_version", Kind::Number),
            ("evaluated_version", Kind::Number),
        ],
    ),
    (
        "webhook_deliveries",
        &[
            ("source", Kind::Text),
            ("delivery_id", Kind::Text),
            ("event", Kind::Text),
            ("received_at_ms", Kind::Number),
            ("place", Kind::Number),
            ("headers", Kind::Text),
            ("body", Kind::Text),
            ("attempts", Kind::Number),
            ("next_attempt_at_ms", Kind::Number),
            ("processed_at_ms", Kind::Number),
            ("error", Kind::Text),
        ],
    ),
    (
        "quarantine",
        &[
            ("source", Kind::Text),
            ("family", Kind::Text),
            ("external_id", Kind::Text),
            ("reason", Kind::Text),
            ("first_seen_at_ms", Kind::Number),
            ("last_seen_at_ms", Kind::Number),
        ],
    ),
    (
        "source_states",
        &[
            ("source", Kind::Text),
            ("kind", Kind::Text),
            ("last_attempt_at_ms", Kind::Number),
            ("last_success_at_ms", Kind::Number),
            ("last_error", Kind::Text),
        ],
    ),
    (
        "report_audit",
        &[
            ("reported_at_ms", Kind::Number),
            ("reporter", Kind::Text),
            ("template", Kind::Text),
            ("origin", Kind::Text),
            ("accepted", Kind::Number),
            ("rejected", Kind::Number),
        ],
    ),
    (
        "scorecard_targets",
        &[
            ("team", Kind::Text),
            ("role", Kind::Text),
            ("measure", Kind::Text),
            ("since_ms", Kind::Number),
            ("target", Kind::Text),
        ],
    ),
    (
        "reviews",
        &[
            ("team", Kind::Text),
            ("month", Kind::Text),
            ("revision", Kind::Number),
            ("frozen_at_ms", Kind::Number),
            ("input_hash", Kind::Text),
            ("body", Kind::Text),
        ],
    ),
    (
        "review_evidence",
        &[
            ("team", Kind::Text),
            ("month", Kind::Text),
            ("revision", Kind::Number),
            ("kpi", Kind::Text),
            ("body", Kind::Text),
        ],
    ),
    (
        "review_actions",
        &[("team", Kind::Text), ("month", Kind::Text), ("text", Kind::Text), ("updated_at_ms", Kind::Number)],
    ),
    (
        "review_digests",
        &[
            ("team", Kind::Text),
            ("month", Kind::Text),
            ("webhook", Kind::Text),
            ("claimed_at_ms", Kind::Number),
            ("sent_at_ms", Kind::Number),
        ],
    ),
];

/// The tables of a dump, in its order.
pub(super) fn tables() -> impl Iterator<Item = (&'static str, Columns)> {
    families().into_iter().map(|family| (family, FACT_COLUMNS)).chain(OTHER_TABLES.iter().copied())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use sqlx::Row as _;

    use super::*;
    use crate::store::{Engine, Store};

    /// Tables that are made again from the others, or that mean nothing elsewhere.
    const LEFT_OUT: &[&str] = &["_sqlx_migrations", "leases", "snapshots"];

    #[tokio::test]
    async fn every_table_is_dumped_with_all_of_its_columns_or_left_out_on_purpose() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let Engine::Sqlite { readers: pool, .. } = &store.engine else { unreachable!() };
        let columns = "SELECT tables.name, columns.name, columns.type FROM sqlite_schema AS tables \
             JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'";
        let mut found: BTreeMap<String, BTreeSet<(String, bool)>> = BTreeMap::new();
        for row in sqlx::query(columns).fetch_all(pool).await.unwrap() {
            let kind: String = row.get(2);
            found.entry(row.get(0)).or_default().insert((row.get(1), kind == "TEXT"));
        }
        found.retain(|table, _| !LEFT_OUT.contains(&table.as_str()));
        let dumped = tables().map(|(table, columns)| {
            let columns = columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind == Kind::Text));
            (table.to_owned(), columns.collect())
        });
        assert_eq!(dumped.collect::<BTreeMap<_, _>>(), found);
    }
}
