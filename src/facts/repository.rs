//! Repositories, and which teams of the hosting service work in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FactFamily, Moment};

/// A repository as its host knows it now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repository {
    /// `owner/name` as of now; a renamed or moved repository keeps its `host_id`.
    pub full_name: String,
    /// The host's own id, which survives a rename or a transfer.
    pub host_id: String,
    /// The name of the default branch. `None` for an empty repository.
    pub default_branch: Option<String>,
    /// The heads of the branches that were collected, by name; the default branch at least.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub branch_heads: BTreeMap<String, String>,
    /// Where people open it.
    pub url: Option<String>,
    /// Archived repositories are kept but no longer polled.
    pub archived: bool,
    /// When it was created at the host.
    pub created_at: Moment,
    /// When chiplog last read it.
    pub observed_at: Moment,
}

impl FactFamily for Repository {
    const FAMILY: &'static str = "repositories";

    fn external_id(&self) -> String {
        self.host_id.clone()
    }
    fn scope(&self) -> &str {
        &self.full_name
    }
    fn started_at(&self) -> Moment {
        self.created_at
    }
    fn ended_at(&self) -> Option<Moment> {
        None
    }
    fn version_at(&self) -> Moment {
        self.observed_at
    }
}

/// The repositories that a team of the hosting service (a GitHub team) works in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TeamRepositories {
    /// The organisation and the team's slug, for example `acme/payments`.
    pub team: String,
    /// `owner/name` of each repository, sorted.
    pub repositories: Vec<String>,
    /// When chiplog read the list.
    pub observed_at: Moment,
}

impl FactFamily for TeamRepositories {
    const FAMILY: &'static str = "team_repositories";

    fn external_id(&self) -> String {
        self.team.clone()
    }
    fn scope(&self) -> &str {
        &self.team
    }
    fn started_at(&self) -> Moment {
        self.observed_at
    }
    fn ended_at(&self) -> Option<Moment> {
        None
    }
    fn version_at(&self) -> Moment {
        self.observed_at
    }
}
