//! The configuration file as text and as a spanned table, so that every error can name file, line and key.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// A problem of the configuration: one sentence that names file, line and key, what was expected and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// A problem that has no line, for example a file that is missing.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// A configuration file that is well-formed TOML.
#[derive(Clone)]
pub struct Document {
    path: PathBuf,
    text: String,
}

impl fmt::Debug for Document {
    /// Without the text: somebody may have written a password into it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Document").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Document {
    /// Reads a file. Fails when it cannot be read or is not TOML.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConfigError::new(format!(
                "{}: cannot be read: {error}. Name another file with --config, or start from config/chiplog.example.toml",
                path.display()
            ))
        })?;
        Self::parse(path, text)
    }

    /// Takes a text as if it had been read from `path`.
    pub fn parse(path: &Path, text: String) -> Result<Self, ConfigError> {
        let document = Self { path: path.to_owned(), text };
        match DeTable::parse(&document.text) {
            Ok(_) => Ok(document),
            Err(error) => Err(document.error(&error)),
        }
    }

    /// The folder of the file: relative paths in it are meant from there.
    pub fn base_directory(&self) -> PathBuf {
        self.path.parent().map(Path::to_path_buf).unwrap_or_default()
    }

    /// The names of the top-level tables, in the order of the alphabet.
    pub fn sections(&self) -> Vec<String> {
        self.root().iter().map(|(key, _)| key.get_ref().to_string()).collect()
    }

    /// Reads one top-level table into `T`; the default where it is missing.
    pub fn section<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, ConfigError> {
        let Some(value) = self.root().get(name).cloned() else { return Ok(T::default()) };
        T::deserialize(ValueDeserializer::from(value)).map_err(|error| self.error(&error))
    }

    /// The table of a name, or each table of an array of tables of that name.
    pub fn tables(&self, name: &str) -> Vec<Spanned<DeValue<'_>>> {
        let Some(value) = self.root().get(name).cloned() else { return Vec::new() };
        match value.get_ref() {
            DeValue::Array(items) => items.iter().cloned().collect(),
            _ => vec![value],
        }
    }

    /// An error of the TOML library with file, line and key in front.
    pub fn error(&self, error: &toml::de::Error) -> ConfigError {
        // The library does not say where what is nested too deeply begins.
        let Some(span) = error.span() else { return self.error_at_top(error.message()) };
        let key = DeTable::parse(&self.text).ok().and_then(|root| key_at(root.get_ref(), span.start));
        self.placed(span.start, key.as_deref(), error.message())
    }

    /// A problem of the value at a dotted key. The line is that of the deepest part of the key that exists.
    pub fn error_at(&self, key: &str, problem: &str) -> ConfigError {
        self.placed(self.offset_of(key), Some(key), problem)
    }

    /// A problem of the file as a whole.
    pub fn error_at_top(&self, problem: &str) -> ConfigError {
        self.placed(0, None, problem)
    }

    /// A problem inside a table that was handed out by [`Self::tables`], by its own key: `credentials.1.token_env` is a key
    /// of the second table of an array. The line is that of the deepest part of the key that exists.
    pub fn error_in(&self, table: &Spanned<DeValue<'_>>, section: &str, key: &str, problem: &str) -> ConfigError {
        let mut deepest = table;
        for part in key.split('.') {
            let inner = match deepest.get_ref() {
                DeValue::Table(entries) => entries.get(part),
                DeValue::Array(items) => part.parse().ok().and_then(|place: usize| items.get(place)),
                _ => None,
            };
            let Some(inner) = inner else { break };
            deepest = inner;
        }
        self.placed(deepest.span().start, Some(&format!("{section}.{key}")), problem)
    }

    fn placed(&self, offset: usize, key: Option<&str>, problem: &str) -> ConfigError {
        let line = self.text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1);
        let key = key.map(|key| format!("{key}: ")).unwrap_or_default();
        ConfigError::new(format!("{}:{line}: {key}{}", self.path.display(), problem.trim_end()))
    }

    fn offset_of(&self, key: &str) -> usize {
        let mut table = self.root();
        let mut offset = 0;
        for part in key.split('.') {
            let Some(value) = table.get(part).cloned() else { break };
            offset = value.span().start;
            match value.into_inner() {
                DeValue::Table(inner) => table = inner,
                _ => break,
            }
        }
        offset
    }

    fn root(&self) -> DeTable<'_> {
        DeTable::parse(&self.text).map(Spanned::into_inner).unwrap_or_default()
    }
}

/// The dotted key of the innermost value that holds the place, or of the key that stands there.
fn key_at(table: &DeTable<'_>, offset: usize) -> Option<String> {
    for (key, value) in table {
        if key.span().contains(&offset) {
            return Some(key.get_ref().to_string());
        }
        if let DeValue::Table(inner) = value.get_ref()
            && let Some(rest) = key_at(inner, offset)
        {
            return Some(format!("{}.{rest}", key.get_ref()));
        }
        if value.span().contains(&offset) {
            return Some(key.get_ref().to_string());
        }
    }
    None
}
