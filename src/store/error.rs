//! What can go wrong with a store, in words that say what to do.

use thiserror::Error;

/// The store cannot be opened, read or written.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct StoreError {
    message: String,
    kind: Kind,
}

/// What callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing that another try would mend.
    Final,
    /// Two transactions were in each other's way; the same again is likely to succeed.
    Conflict,
    /// The lease under which it was written has another holder.
    Fenced,
}

impl StoreError {
    /// An error of its own words.
    pub(super) fn other(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: Kind::Final }
    }

    /// What was read could not be worked on to its end.
    pub fn interrupted() -> Self {
        Self::other("the work on what was read from the store was interrupted")
    }

    /// A store that has not answered within a time.
    pub fn silent(waited: std::time::Duration) -> Self {
        Self::other(format!("the store has not answered within {} seconds: is it reachable?", waited.as_secs()))
    }

    /// A lease that was lost before what it entitles to was written.
    pub(super) fn fenced(lease: &str) -> Self {
        let message =
            format!("the lease \"{lease}\" has passed to another chiplog: nothing was written, it goes on there");
        Self { message, kind: Kind::Fenced }
    }

    /// A conflict that no engine had.
    #[cfg(test)]
    pub(super) fn conflict() -> Self {
        Self { message: "the transactions were in each other's way".to_owned(), kind: Kind::Conflict }
    }

    /// Whether the lease under which something was to be written had been lost.
    pub fn is_fenced(&self) -> bool {
        self.kind == Kind::Fenced
    }

    /// Whether the same transaction, tried again, is likely to succeed.
    pub(super) fn is_conflict(&self) -> bool {
        self.kind == Kind::Conflict
    }

    /// A body that cannot be read back.
    pub(super) fn unreadable(table: &str, key: &str, error: &serde_json::Error) -> Self {
        Self::other(format!(
            "the table {table} holds a row \"{key}\" that this version of chiplog cannot read ({error}): was it written by a newer one?"
        ))
    }

    pub(super) fn open(url: &str, error: &sqlx::Error) -> Self {
        let place = without_password(url);
        let advice = if url.starts_with("sqlite:") {
            "is the folder there, and may chiplog write to it?"
        } else {
            "is the server up, and are host, user, password and database right?"
        };
        Self::other(format!("the store {place} cannot be opened: {}; {advice}", plain(error)))
    }

    pub(super) fn migrate(url: &str, error: &sqlx::migrate::MigrateError) -> Self {
        Self::other(format!(
            "the tables of the store {} cannot be brought up to date: {error}; restore it from a backup, or name another store",
            without_password(url)
        ))
    }
}

impl StoreError {
    /// A store whose tables this program cannot use any more.
    pub(super) fn too_new(url: &str) -> Self {
        let place = without_password(url);
        Self::other(format!(
            "the tables of the store {place} were made by a newer chiplog and changed in a way that this one does not know: \
             install that one"
        ))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let text = plain(&error);
        if text.contains("disk is full") || text.contains("No space left") || text.contains("disk I/O error") {
            return Self::other(format!(
                "the store cannot be written: {text}. Is the disk full or broken? Nothing was lost, collection goes on from where it was"
            ));
        }
        let message = format!("the store did not answer as expected: {text}");
        Self { message, kind: if is_conflict(&error) { Kind::Conflict } else { Kind::Final } }
    }
}

/// Serialisation failures and deadlocks of PostgreSQL (and of clusters that speak its protocol), and SQLite's word for a
/// transaction that was overtaken by another process.
fn is_conflict(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| matches!(code.as_ref(), "40001" | "40P01" | "517"))
}

/// The database's own words, without sqlx's wrapping.
fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// A URL that may be shown.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((user, place)) => format!("{scheme}://{}@{place}", user.split(':').next().unwrap_or_default()),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_never_shown() {
        assert_eq!(without_password("postgres://ada:se:cr@et@host/db"), "postgres://ada@host/db");
        assert_eq!(without_password("postgres://host/db"), "postgres://host/db");
        assert_eq!(without_password("sqlite:chiplog.db"), "sqlite:chiplog.db");
    }
}
