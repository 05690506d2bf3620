//! How chiplog shows who it is: one credential or several, whose budgets add up.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Table, value};
use crate::sources::secret;
use crate::sources::source::{ConfigureError, SourceContext};

/// The keys of one credential, as they are written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CredentialTable {
    pub(super) token_env: Option<String>,
    pub(super) token_file: Option<String>,
    pub(super) app: Option<AppTable>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AppTable {
    id: u64,
    installation_id: u64,
    private_key_env: Option<String>,
    private_key_file: Option<String>,
}

/// One credential.
#[derive(Debug)]
pub(in crate::sources::github) struct Credential {
    /// What metrics and pages call it: the environment variable's name, or its number in the configuration.
    pub(in crate::sources::github) label: String,
    /// What messages call it: "the token in `$GITHUB_TOKEN`".
    pub(in crate::sources::github) name: String,
    pub(in crate::sources::github) secret: Secret,
}

/// What is shown to GitHub.
#[derive(Debug)]
pub(in crate::sources::github) enum Secret {
    /// A personal access token.
    Token(SecretString),
    /// A GitHub App's installation.
    App { id: u64, installation_id: u64, private_key: SecretString },
}

impl Credential {
    /// What tells this credential at this GitHub from all others, without telling the secret.
    pub(in crate::sources::github) fn fingerprint(&self, base_url: &str) -> [u8; 32] {
        let mut hasher = Sha256::new();
        let mut add = |text: &str| {
            hasher.update(text.len().to_le_bytes());
            hasher.update(text.as_bytes());
        };
        add(base_url);
        match &self.secret {
            Secret::Token(token) => add(token.expose_secret()),
            Secret::App { id, installation_id, .. } => add(&format!("app {id} {installation_id}")),
        }
        hasher.finalize().into()
    }
}

/// All credentials of a table, in the order in which they are written.
pub(super) fn read(table: &Table, base_url: &str, context: &SourceContext) -> Result<Vec<Credential>, ConfigureError> {
    let own = CredentialTable {
        token_env: table.token_env.clone(),
        token_file: table.token_file.clone(),
        app: table.app.clone(),
    };
    let own_given = own.token_env.is_some() || own.token_file.is_some() || own.app.is_some();
    let mut credentials: Vec<(String, Credential)> = Vec::new();
    let mut add = |key: String, place: &str, written: &CredentialTable| {
        let credential = one(written, place, credentials.len() + 1, context)?;
        let fingerprint = credential.fingerprint(base_url);
        if let Some((_, twin)) = credentials.iter().find(|(_, known)| known.fingerprint(base_url) == fingerprint) {
            return Err(value(&key, format!("is {} once more: each credential is named once", twin.name)));
        }
        credentials.push((key, credential));
        Ok(())
    };
    if own_given || (table.tokens_env.is_empty() && table.credentials.is_empty()) {
        add("token_env".to_owned(), "", &own)?;
    }
    for variable in &table.tokens_env {
        let written = CredentialTable { token_env: Some(variable.clone()), ..CredentialTable::default() };
        let renamed = |error| match error {
            ConfigureError::Value { problem, .. } => value("tokens_env", problem),
            error @ ConfigureError::Toml(_) => error,
        };
        add("tokens_env".to_owned(), "", &written).map_err(renamed)?;
    }
    for (place, written) in table.credentials.iter().enumerate() {
        add(format!("credentials.{place}"), &format!("credentials.{place}."), written)?;
    }
    Ok(credentials.into_iter().map(|(_, credential)| credential).collect())
}

/// One credential; `place` stands before its keys in errors.
fn one(
    written: &CredentialTable,
    place: &str,
    number: usize,
    context: &SourceContext,
) -> Result<Credential, ConfigureError> {
    let placed = |error| match error {
        ConfigureError::Value { key, problem } => value(&format!("{place}{key}"), problem),
        error @ ConfigureError::Toml(_) => error,
    };
    let (variable, file) = (written.token_env.as_deref(), written.token_file.as_deref());
    match &written.app {
        Some(_) if variable.is_some() || file.is_some() => {
            Err(value(&format!("{place}app"), "give either a token or an app, not both"))
        }
        Some(app) => {
            let (variable, file) = (app.private_key_env.as_deref(), app.private_key_file.as_deref());
            let private_key = secret::read("private_key", variable, file, context).map_err(placed)?;
            let (id, installation_id) = (app.id, app.installation_id);
            Ok(Credential {
                label: number.to_string(),
                name: format!("the GitHub App {id}"),
                secret: Secret::App { id, installation_id, private_key },
            })
        }
        None => {
            let token = secret::read("token", variable, file, context).map_err(placed)?;
            let place = variable.map_or_else(|| file.unwrap_or_default().to_owned(), |variable| format!("${variable}"));
            Ok(Credential {
                label: variable.map_or_else(|| number.to_string(), str::to_owned),
                name: format!("the token in {place}"),
                secret: Secret::Token(token),
            })
        }
    }
}
