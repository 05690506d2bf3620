//! What `doctor` has to say, and what exactly mends it.

use serde::{Deserialize, Serialize};

use super::source::SourceError;

/// How bad a finding of `doctor` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FindingLevel {
    /// As it should be.
    Good,
    /// Works, and something is worth knowing.
    Notice,
    /// Numbers are missing or wrong because of it.
    Problem,
}

/// Something that `doctor` has to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub level: FindingLevel,
    /// What was found.
    pub message: String,
    /// How to mend it, where there is something to mend.
    pub hint: Option<String>,
    /// The exact steps, for `doctor --fix-hints`.
    #[serde(default)]
    pub fixes: Vec<Fix>,
}

/// A step that mends a finding, or one of several of which any does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fix {
    /// Lines for the configuration file.
    Configure {
        /// Where they go, for example "in \[service.ledger\]".
        place: String,
        /// The lines, ready to be pasted.
        lines: String,
    },
    /// A command.
    Run(String),
    /// Something to do elsewhere: where, and what there.
    Elsewhere(String),
}

impl Finding {
    fn new(level: FindingLevel, message: impl Into<String>) -> Self {
        Self { level, message: message.into(), hint: None, fixes: Vec::new() }
    }

    /// As it should be.
    pub fn good(message: impl Into<String>) -> Self {
        Self::new(FindingLevel::Good, message)
    }

    /// Worth knowing.
    pub fn notice(message: impl Into<String>) -> Self {
        Self::new(FindingLevel::Notice, message)
    }

    /// Numbers are missing or wrong because of it.
    pub fn problem(message: impl Into<String>) -> Self {
        Self::new(FindingLevel::Problem, message)
    }

    /// A source did not answer as it should. `credential` says where its credentials are made and what they must be
    /// allowed: [`super::Kind::credential`].
    pub fn failed(error: &SourceError, credential: &str) -> Self {
        let step = match error {
            SourceError::Unauthorized(_) => {
                format!("make a new credential ({credential}), put it where *_env or *_file says, start chiplog again")
            }
            SourceError::Forbidden(_) => format!("give the credential the right that the message names ({credential})"),
            SourceError::NotFound(_) => {
                format!(
                    "compare the name in the configuration with the tool's own page; the credential must see it ({credential})"
                )
            }
            SourceError::RateLimited { .. } => {
                "wait until then, or give chiplog a credential of its own: nobody else uses up its budget then"
                    .to_owned()
            }
            SourceError::Unavailable(_) => {
                "see whether base_url is right and answers from this machine; chiplog tries again by itself".to_owned()
            }
            SourceError::Malformed(_) => {
                "see whether base_url is that of the API, and no proxy answers in its place".to_owned()
            }
            SourceError::Sink(_) => return Self::problem(error.to_string()).fix(Fix::Run("chiplog stats".to_owned())),
        };
        Self::problem(error.to_string()).fix(Fix::Elsewhere(step))
    }

    /// The same with a sentence that says how to mend it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same with one more step that mends it.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }
}

impl Fix {
    /// Lines for a place of the configuration file.
    pub fn configure(place: impl Into<String>, lines: impl Into<String>) -> Self {
        Self::Configure { place: place.into(), lines: lines.into() }
    }
}
