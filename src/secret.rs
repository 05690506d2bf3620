//! Secrets that the configuration names by an environment variable or a file.

use std::path::Path;

/// The value of a variable. The error says what to do where it is not set.
pub(crate) fn of_variable(name: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let value = environment(name).ok_or_else(|| format!("the environment variable {name} is not set: export it"))?;
    Ok(value.trim().to_owned())
}

/// What a file holds, without the line's end. A relative path is meant from the folder `base`.
pub(crate) fn of_file(name: &str, base: &Path) -> Result<String, String> {
    let path = base.join(name);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(text.trim().to_owned())
}
