//! The table `[git]`.

use serde::Deserialize;
use toml::de::ValueDeserializer;

use crate::sources::source::{ConfigureError, SourceTable};

/// The keys, as in the example.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GitTable {
    pub(super) path: String,
    pub(super) repository: Option<String>,
    #[serde(default)]
    pub(super) changed_files: bool,
    #[serde(default = "default_name")]
    pub(super) name: String,
}

fn default_name() -> String {
    "git".to_owned()
}

impl GitTable {
    pub(super) fn read(table: SourceTable<'_>) -> Result<Self, ConfigureError> {
        let table = Self::deserialize(ValueDeserializer::from(table))?;
        if table.repository.as_ref().is_some_and(|name| name.split('/').count() != 2) {
            return Err(ConfigureError::Value {
                key: "repository".to_owned(),
                problem: "is no repository: write \"owner/name\"".to_owned(),
            });
        }
        Ok(table)
    }
}
