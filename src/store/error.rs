//! What can go wrong with a store, in words that say what to do.

use thiserror::Error;

/// The store cannot be opened, read or written.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct StoreError {
    message: String,
}

impl StoreError {
    /// An error of its own words.
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self { message: message.into() }
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
        let advice = match error {
            sqlx::migrate::MigrateError::VersionMissing(_) => "it was made by a newer chiplog: install that one",
            _ => "restore it from a backup, or name another store",
        };
        Self::other(format!(
            "the tables of the store {} cannot be brought up to date: {error}; {advice}",
            without_password(url)
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
        Self::other(format!("the store did not answer as expected: {text}"))
    }
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
