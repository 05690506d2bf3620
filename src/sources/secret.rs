//! Secrets named by `*_env` and `*_file` keys.

use secrecy::SecretString;

use super::source::{ConfigureError, SourceContext};
use crate::secret;

/// Reads the secret that `<key>_env` or `<key>_file` names. Exactly one of them must be given.
pub(crate) fn read(
    key: &str,
    variable: Option<&str>,
    file: Option<&str>,
    context: &SourceContext,
) -> Result<SecretString, ConfigureError> {
    let problem = |suffix: &str, problem: String| ConfigureError::Value { key: format!("{key}_{suffix}"), problem };
    let text = match (variable, file) {
        (Some(variable), None) => secret::of_variable(variable, &*context.environment)
            .map_err(|why| problem("env", format!("{why}, or use {key}_file")))?,
        (None, Some(file)) => secret::of_file(file, &context.base_directory).map_err(|why| problem("file", why))?,
        (None, None) => {
            return Err(problem("env", format!("is missing: name the environment variable that holds the {key}")));
        }
        (Some(_), Some(_)) => return Err(problem("env", format!("give either {key}_env or {key}_file, not both"))),
    };
    if text.is_empty() {
        return Err(problem(if variable.is_some() { "env" } else { "file" }, "is empty".to_owned()));
    }
    Ok(SecretString::from(text))
}
