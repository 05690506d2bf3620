//! Alerts of security tools about a repository.

use serde::{Deserialize, Serialize};

use super::{FactFamily, Moment};

/// What kind of scanner raised an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityAlertKind {
    /// A vulnerable dependency (Dependabot).
    Dependency,
    /// A weakness in the code (code scanning, SARIF).
    Code,
    /// A secret that was pushed (secret scanning).
    Secret,
}

impl SecurityAlertKind {
    /// The word in keys and texts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dependency => "dependency",
            Self::Code => "code",
            Self::Secret => "secret",
        }
    }
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityAlert {
    /// `owner/name` of the repository.
    pub repository: String,
    /// What raised it.
    pub kind: SecurityAlertKind,
    /// The host's number of it, unique within repository and kind.
    pub number: u64,
    /// The severity in the tool's own word: `critical`, `high`, `medium`, `low`. Secrets have none: they are critical.
    pub severity: Option<String>,
    /// What it is about: package and advisory, or the rule. Never the secret itself.
    pub title: String,
    /// When it was opened.
    pub opened_at: Moment,
    /// When the cause was found to be gone, or the secret revoked.
    pub fixed_at: Option<Moment>,
    /// When somebody decided that it needs no fix.
    pub dismissed_at: Option<Moment>,
    /// Why, in the tool's own word: `tolerable_risk`, `false positive`.
    pub dismissed_reason: Option<String>,
    /// When the record last changed.
    pub updated_at: Moment,
    /// Where people open it.
    pub url: Option<String>,
}

impl FactFamily for SecurityAlert {
    const FAMILY: &'static str = "security_alerts";

    fn external_id(&self) -> String {
        format!("{}/{}_alerts/{}", self.repository, self.kind.word(), self.number)
    }
    fn scope(&self) -> &str {
        &self.repository
    }
    fn started_at(&self) -> Moment {
        self.opened_at
    }
    fn ended_at(&self) -> Option<Moment> {
        self.fixed_at.or(self.dismissed_at)
    }
    fn version_at(&self) -> Moment {
        self.updated_at
    }
}
