//! How many rows and keys at once go into a statement: on PostgreSQL as a few arrays, which it reads much faster than thousands of
//! single values; SQLite has no arrays.

use std::mem::take;

use sqlx::{Postgres, QueryBuilder, Sqlite};

use super::documents::Row;

/// An engine, by how it takes many rows.
pub(super) trait Incoming: sqlx::Database + Sized {
    /// The rows that an `INSERT INTO … (source, external_id, scope, started_at_ms, ended_at_ms, version_at_ms, body)` inserts. It
    /// takes the bodies, most of what they are, out of them.
    fn push_rows(query: &mut QueryBuilder<Self>, source: &str, rows: &mut [&mut Row]);

    /// A condition: that a column has one of some values.
    fn push_is_one_of(query: &mut QueryBuilder<Self>, values: &[String]);
}

impl Incoming for Sqlite {
    fn push_rows(query: &mut QueryBuilder<Self>, source: &str, rows: &mut [&mut Row]) {
        query.push_values(rows, |mut values, row| {
            values
                .push_bind(source.to_owned())
                .push_bind(row.external_id.clone())
                .push_bind(row.scope.clone())
                .push_bind(row.started_at_ms)
                .push_bind(row.ended_at_ms)
                .push_bind(row.version_at_ms)
                .push_bind(take(&mut row.body));
        });
    }

    fn push_is_one_of(query: &mut QueryBuilder<Self>, values: &[String]) {
        // One text, whatever their number: a statement with thousands of values takes megabytes, and is kept prepared.
        query.push(" IN (SELECT value FROM json_each(").push_bind(serde_json::json!(values).to_string()).push("))");
    }
}

impl Incoming for Postgres {
    fn push_rows(query: &mut QueryBuilder<Self>, source: &str, rows: &mut [&mut Row]) {
        fn all<T>(rows: &mut [&mut Row], of: impl Fn(&mut Row) -> T) -> Vec<T> {
            rows.iter_mut().map(|row| of(row)).collect()
        }
        query.push("SELECT ").push_bind(source.to_owned()).push(", * FROM UNNEST(");
        query.push_bind(all(rows, |row| row.external_id.clone())).push(", ");
        query.push_bind(all(rows, |row| row.scope.clone())).push(", ");
        query.push_bind(all(rows, |row| row.started_at_ms)).push(", ");
        query.push_bind(all(rows, |row| row.ended_at_ms)).push(", ");
        query.push_bind(all(rows, |row| row.version_at_ms)).push(", ");
        query.push_bind(all(rows, |row| take(&mut row.body))).push(")");
    }

    fn push_is_one_of(query: &mut QueryBuilder<Self>, values: &[String]) {
        query.push(" = ANY(").push_bind(values.to_vec()).push(")");
    }
}
