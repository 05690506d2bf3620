//! How many rows and keys at once go into a statement: on PostgreSQL as a few arrays, which it reads much faster than thousands of
//! single values; SQLite has no arrays.

use sqlx::{Postgres, QueryBuilder, Sqlite};

use super::documents::Row;

/// An engine, by how it takes many rows.
pub(super) trait Incoming: sqlx::Database + Sized {
    /// The rows that an `INSERT INTO … (source, external_id, scope, started_at_ms, ended_at_ms, version_at_ms, body)` inserts.
    fn push_rows(query: &mut QueryBuilder<Self>, source: &str, rows: Vec<Row>);

    /// A condition: that a column has one of some values.
    fn push_is_one_of(query: &mut QueryBuilder<Self>, values: &[String]);
}

impl Incoming for Sqlite {
    fn push_rows(query: &mut QueryBuilder<Self>, source: &str, rows: Vec<Row>) {
        query.push_values(rows, |mut values, row| {
            values
                .push_bind(source.to_owned())
                .push_bind(row.external_id)
                .push_bind(row.scope)
                .push_bind(row.started_at_ms)
                .push_bind(row.ended_at_ms)
                .push_bind(row.version_at_ms)
                .push_bind(row.body);
        });
    }

    fn push_is_one_of(query: &mut QueryBuilder<Self>, values: &[String]) {
        // One text, whatever their number: a statement with thousands of values takes megabytes, and is kept prepared.
        query.push(" IN (SELECT value FROM json_each(").push_bind(serde_json::json!(values).to_string()).push("))");
    }
}

impl Incoming for Postgres {
    fn push_rows(query: &mut QueryBuilder<Self>, source: &str, rows: Vec<Row>) {
        let ends: Vec<Option<i64>> = rows.iter().map(|row| row.ended_at_ms).collect();
        let times = |of: fn(&Row) -> i64| rows.iter().map(of).collect::<Vec<_>>();
        let (starts, versions) = (times(|row| row.started_at_ms), times(|row| row.version_at_ms));
        let (mut external_ids, mut scopes, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            external_ids.push(row.external_id);
            scopes.push(row.scope);
            bodies.push(row.body);
        }
        query.push("SELECT ").push_bind(source.to_owned()).push(", * FROM UNNEST(");
        query.push_bind(external_ids).push(", ").push_bind(scopes).push(", ");
        query.push_bind(starts).push(", ").push_bind(ends).push(", ").push_bind(versions).push(", ");
        query.push_bind(bodies).push(")");
    }

    fn push_is_one_of(query: &mut QueryBuilder<Self>, values: &[String]) {
        query.push(" = ANY(").push_bind(values.to_vec()).push(")");
    }
}
