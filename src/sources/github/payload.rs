//! What GitHub's answers look like: only the fields that are used.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::facts::Moment;

/// A connection whose nodes are read one by one, so that a bad one is told from its neighbours.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "the field is GitHub's")]
pub(super) struct Page {
    pub(super) nodes: Vec<Value>,
    pub(super) page_info: PageInfo,
    pub(super) total_count: Option<u64>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PageInfo {
    pub(super) has_next_page: bool,
    pub(super) end_cursor: Option<String>,
}

impl PageInfo {
    /// The cursor of the next page, where there is one.
    pub(super) fn next(&self) -> Option<String> {
        self.end_cursor.clone().filter(|_| self.has_next_page)
    }
}

/// A connection whose nodes are read together.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the field is GitHub's")]
pub(super) struct Nodes<T> {
    pub(super) nodes: Vec<T>,
    #[serde(default)]
    pub(super) page_info: PageInfo,
    pub(super) total_count: Option<u64>,
}

impl<T> Default for Nodes<T> {
    fn default() -> Self {
        Self { nodes: Vec::new(), page_info: PageInfo::default(), total_count: None }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepositoryNode {
    pub(super) id: String,
    pub(super) name_with_owner: String,
    pub(super) is_archived: bool,
    /// The labels of the credentials that see it. Nothing that GitHub tells.
    #[serde(default)]
    pub(super) seen_by: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProbeNode {
    pub(super) id: String,
    pub(super) name_with_owner: String,
    pub(super) url: String,
    pub(super) is_archived: bool,
    pub(super) created_at: Moment,
    pub(super) pushed_at: Option<Moment>,
    pub(super) default_branch_ref: Option<BranchNode>,
    pub(super) latest_release: Option<Value>,
    pub(super) pull_requests: Nodes<Value>,
    pub(super) deployments: Nodes<Value>,
    pub(super) issues: Option<Nodes<Value>>,
    pub(super) work_items: Option<Nodes<Value>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BranchNode {
    pub(super) name: String,
    pub(super) target: Option<ObjectNode>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ObjectNode {
    pub(super) oid: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ActorNode {
    #[serde(rename = "__typename")]
    pub(super) kind: String,
    pub(super) login: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct NameNode {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PullRequestNode {
    pub(super) number: u64,
    pub(super) title: String,
    #[serde(default)]
    pub(super) body: String,
    pub(super) url: Option<String>,
    pub(super) state: String,
    pub(super) is_draft: bool,
    pub(super) created_at: Moment,
    pub(super) updated_at: Moment,
    pub(super) merged_at: Option<Moment>,
    pub(super) closed_at: Option<Moment>,
    pub(super) base_ref_name: String,
    pub(super) head_ref_name: String,
    pub(super) head_ref_oid: Option<String>,
    #[serde(default)]
    pub(super) additions: u64,
    #[serde(default)]
    pub(super) deletions: u64,
    pub(super) author: Option<ActorNode>,
    pub(super) merge_commit: Option<ObjectNode>,
    pub(super) labels: Option<Nodes<NameNode>>,
    pub(super) commits: Nodes<OwnCommitNode>,
    pub(super) reviews: Option<Nodes<ReviewNode>>,
    pub(super) files: Option<Nodes<FileNode>>,
    pub(super) timeline_items: Nodes<EventNode>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OwnCommitNode {
    pub(super) commit: OwnCommitFields,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnCommitFields {
    pub(super) oid: String,
    pub(super) authored_date: Moment,
    pub(super) author: Option<GitActorNode>,
    pub(super) parents: Count,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Count {
    pub(super) total_count: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct GitActorNode {
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) user: Option<LoginNode>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LoginNode {
    pub(super) login: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReviewNode {
    pub(super) state: String,
    pub(super) submitted_at: Option<Moment>,
    #[serde(default)]
    pub(super) body: String,
    pub(super) author: Option<ActorNode>,
    pub(super) comments: Count,
}

#[derive(Debug, Deserialize)]
pub(super) struct FileNode {
    pub(super) path: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventNode {
    #[serde(rename = "__typename")]
    pub(super) kind: String,
    pub(super) created_at: Option<Moment>,
    pub(super) state_reason: Option<String>,
}

/// The rest of a large pull request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PullRequestRest {
    pub(super) commits: Option<Nodes<OwnCommitNode>>,
    pub(super) reviews: Option<Nodes<ReviewNode>>,
    pub(super) files: Option<Nodes<FileNode>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CommitNode {
    pub(super) oid: String,
    pub(super) url: Option<String>,
    pub(super) authored_date: Moment,
    pub(super) committed_date: Moment,
    pub(super) message: String,
    pub(super) author: Option<GitActorNode>,
    pub(super) parents: Nodes<ObjectNode>,
    pub(super) associated_pull_requests: Option<Nodes<NumberNode>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NumberNode {
    pub(super) number: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeploymentNode {
    pub(super) id: String,
    pub(super) database_id: Option<u64>,
    pub(super) commit_oid: String,
    pub(super) original_environment: Option<String>,
    pub(super) task: Option<String>,
    pub(super) created_at: Moment,
    #[serde(rename = "ref")]
    pub(super) reference: Option<NameNode>,
    pub(super) creator: Option<LoginNode>,
    pub(super) statuses: Option<Nodes<StatusNode>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusNode {
    pub(super) state: String,
    pub(super) created_at: Moment,
    pub(super) log_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReleaseNode {
    pub(super) database_id: Option<u64>,
    pub(super) tag_name: String,
    pub(super) is_draft: bool,
    pub(super) is_prerelease: bool,
    pub(super) created_at: Moment,
    pub(super) published_at: Option<Moment>,
    pub(super) url: Option<String>,
    pub(super) tag_commit: Option<ObjectNode>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TagNode {
    pub(super) name: String,
    pub(super) target: Option<TagTarget>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagTarget {
    pub(super) oid: Option<String>,
    pub(super) committed_date: Option<Moment>,
    pub(super) tagger: Option<TaggerNode>,
    pub(super) target: Option<Box<TagTarget>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TaggerNode {
    pub(super) date: Option<Moment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IssueNode {
    pub(super) number: u64,
    pub(super) title: String,
    #[serde(default)]
    pub(super) body: String,
    pub(super) url: Option<String>,
    pub(super) created_at: Moment,
    pub(super) updated_at: Moment,
    pub(super) closed_at: Option<Moment>,
    pub(super) author: Option<ActorNode>,
    pub(super) labels: Option<Nodes<NameNode>>,
    pub(super) timeline_items: Nodes<EventNode>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RunNode {
    pub(super) id: u64,
    pub(super) name: Option<String>,
    /// The workflow's file.
    pub(super) path: Option<String>,
    pub(super) event: String,
    pub(super) head_branch: Option<String>,
    pub(super) head_sha: String,
    pub(super) run_attempt: u32,
    pub(super) status: Option<String>,
    pub(super) conclusion: Option<String>,
    pub(super) created_at: Moment,
    pub(super) run_started_at: Option<Moment>,
    pub(super) updated_at: Moment,
    pub(super) html_url: Option<String>,
    pub(super) actor: Option<LoginNode>,
}

/// A project with its iterations.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProjectNode {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) url: Option<String>,
    pub(super) updated_at: Moment,
    pub(super) iterations: Option<IterationFieldNode>,
}

#[derive(Debug, Deserialize)]
pub(super) struct IterationFieldNode {
    /// Missing where the field of that name is of another type.
    pub(super) configuration: Option<IterationConfiguration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IterationConfiguration {
    pub(super) iterations: Vec<IterationNode>,
    pub(super) completed_iterations: Vec<IterationNode>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IterationNode {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) start_date: NaiveDate,
    /// In days.
    pub(super) duration: u32,
}

/// An item of a project, with the values of the fields that are asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProjectItemNode {
    pub(super) updated_at: Moment,
    pub(super) content: Option<ContentNode>,
    pub(super) status: Option<StatusValue>,
    pub(super) iteration: Option<IterationValue>,
    pub(super) points: Option<PointsValue>,
}

/// What an item of a project is. Drafts and pull requests have neither field.
#[derive(Debug, Deserialize)]
pub(super) struct ContentNode {
    pub(super) number: Option<u64>,
    pub(super) repository: Option<FullNameNode>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FullNameNode {
    pub(super) name_with_owner: String,
}

/// A field of another type than asked for gives an empty object.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusValue {
    pub(super) name: Option<String>,
    pub(super) updated_at: Option<Moment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IterationValue {
    pub(super) iteration_id: Option<String>,
    pub(super) updated_at: Option<Moment>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PointsValue {
    pub(super) number: Option<f64>,
}
