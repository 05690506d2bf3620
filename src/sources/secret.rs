//! Secrets named by `*_env` and `*_file` keys.

use secrecy::SecretString;

use super::source::{ConfigureError, SourceContext};

/// Reads the secret that `<key>_env` or `<key>_file` names. Exactly one of them must be given.
pub(crate) fn read(
    key: &str,
    variable: Option<&str>,
    file: Option<&str>,
    context: &SourceContext,
) -> Result<SecretString, ConfigureError> {
    let problem = |suffix: &str, problem: String| ConfigureError::Value { key: format!("{key}_{suffix}"), problem };
    let text = match (variable, file) {
        (Some(variable), None) => (context.environment)(variable).ok_or_else(|| {
            problem("env", format!("the environment variable {variable} is not set: export it, or use {key}_file"))
        })?,
        (None, Some(file)) => {
            let path = context.base_directory.join(file);
            std::fs::read_to_string(&path)
                .map_err(|error| problem("file", format!("{} cannot be read: {error}", path.display())))?
        }
        (None, None) => {
            return Err(problem("env", format!("is missing: name the environment variable that holds the {key}")));
        }
        (Some(_), Some(_)) => return Err(problem("env", format!("give either {key}_env or {key}_file, not both"))),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(problem(if variable.is_some() { "env" } else { "file" }, "is empty".to_owned()));
    }
    Ok(SecretString::from(text.to_owned()))
}
