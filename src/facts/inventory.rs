//! What exists on a day: files of a repository, on-call services, alert rules. Operational readiness is checked on it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FactFamily, Moment};

/// What kind of things an inventory lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InventoryKind {
    /// Files of a repository, of those that checklists ask for; the scope is the repository.
    Files,
    /// Services of an incident tool; the attribute `escalation_policy` names the one they have.
    OnCallServices,
    /// Alert rules of a Prometheus, with their labels as attributes.
    AlertRules,
}

impl InventoryKind {
    /// The word in keys.
    pub fn word(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::OnCallServices => "on_call_services",
            Self::AlertRules => "alert_rules",
        }
    }
}

/// One thing that exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InventoryEntry {
    /// Its name: a path, a service's id, a rule's name.
    pub name: String,
    /// What else is known of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// Everything of one kind that existed on one day; the newest look of a day stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// The kind of things.
    pub kind: InventoryKind,
    /// Where they are: the repository, or the tool.
    pub scope: String,
    /// The things, by name.
    pub entries: Vec<InventoryEntry>,
    /// When it was looked at.
    pub observed_at: Moment,
    /// Where people look.
    pub url: Option<String>,
}

impl FactFamily for Inventory {
    const FAMILY: &'static str = "inventories";

    fn external_id(&self) -> String {
        format!("{}/{}/{}", self.scope, self.kind.word(), self.observed_at.format("%Y-%m-%d"))
    }
    fn scope(&self) -> &str {
        &self.scope
    }
    fn started_at(&self) -> Moment {
        self.observed_at
    }
    fn ended_at(&self) -> Option<Moment> {
        Some(self.observed_at)
    }
    fn version_at(&self) -> Moment {
        self.observed_at
    }
}
