//! Secrets that the configuration names by an environment variable or a file.

use std::path::Path;

/// The value of a variable. The error says what to do where it is not set, and does not repeat a secret that was written in the
/// place of its name.
pub(crate) fn of_variable(name: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let is_name = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let value = environment(name).ok_or_else(|| {
        if is_name {
            format!("the environment variable {name} is not set: export it")
        } else {
            "there is no environment variable of this name: write the name of one here, never the secret itself"
                .to_owned()
        }
    })?;
    Ok(value.trim().to_owned())
}

/// What a file holds, without the line's end. A relative path is meant from the folder `base`.
pub(crate) fn of_file(name: &str, base: &Path) -> Result<String, String> {
    let path = base.join(name);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_the_place_of_a_name_is_not_repeated() {
        let error = |name: &str| of_variable(name, &|_| None).unwrap_err();
        assert!(error("GITHUB_TOKEN").contains("GITHUB_TOKEN is not set"));
        for secret in ["ghp_R3alLookingTokenValue", "https://hooks.example/T0/B0", "postgres://u:pw@h/db"] {
            assert!(!error(secret).contains(secret), "{}", error(secret));
        }
    }
}
