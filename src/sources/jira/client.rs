//! Requests to Jira, where cloud and data centre differ.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::address;
use crate::facts::WorkItemStage;
use crate::sources::access::Access;
use crate::sources::http::JsonClient;
use crate::sources::shape;
use crate::sources::source::SourceError;

/// The fields of an issue that are read, beside those of sprints and points.
const FIELDS: &str = "summary,issuetype,labels,priority,components,project,created,updated,status";

/// A Jira and the way to it.
pub(super) struct Jira {
    pub(super) access: Access,
    pub(super) client: JsonClient,
    pub(super) points_field: Option<String>,
}

/// What is set up at a Jira: asked for once a round.
#[derive(Debug, Default, Clone)]
pub(super) struct Site {
    pub(super) is_cloud: bool,
    /// Where each status stands, by its id.
    pub(super) stages: BTreeMap<String, WorkItemStage>,
    /// The ids of the fields with sprints, and with points: the first that an issue has counts.
    pub(super) sprint_fields: Vec<String>,
    pub(super) points_fields: Vec<String>,
}

/// A page of issues.
pub(super) struct IssuePage {
    pub(super) issues: Vec<Value>,
    /// What to ask for next: a token in the cloud, a number in a data centre.
    pub(super) next: Option<String>,
    pub(super) total: Option<u64>,
}

impl Site {
    /// In words.
    pub(super) fn described(&self) -> String {
        let kind = if self.is_cloud { "Jira cloud" } else { "Jira data centre" };
        format!("{kind} with {} statuses; points in {}", self.stages.len(), self.points_fields.join(", "))
    }

    /// The path of the REST API.
    fn api(&self) -> &'static str {
        if self.is_cloud { "rest/api/3" } else { "rest/api/2" }
    }
}

impl Jira {
    async fn get(&self, path: &str, parameters: &[(&str, &str)], what: &str) -> Result<Value, SourceError> {
        self.client.document(self.access.url(path, parameters)?, what, &self.access.place).await
    }

    /// Asks what is set up.
    pub(super) async fn site(&self) -> Result<Site, SourceError> {
        let info = self.get("rest/api/2/serverInfo", &[], "server info").await?;
        let Some(deployed) = info["deploymentType"].as_str() else {
            return Err(SourceError::Malformed(
                "the server info of Jira names no deploymentType: check base_url".to_owned(),
            ));
        };
        let mut site = Site { is_cloud: deployed == "Cloud", ..Site::default() };
        let statuses = self.get(&format!("{}/status", site.api()), &[], "statuses").await?;
        for status in shape::whole_list(statuses, "statuses", "Jira")? {
            let stage = match status["statusCategory"]["key"].as_str() {
                Some("new") => WorkItemStage::ToDo,
                Some("indeterminate") => WorkItemStage::InProgress,
                Some("done") => WorkItemStage::Done,
                _ => continue,
            };
            site.stages.insert(status["id"].as_str().unwrap_or_default().to_owned(), stage);
        }
        let fields = self.get(&format!("{}/field", site.api()), &[], "fields").await?;
        let fields = shape::whole_list(fields, "fields", "Jira")?;
        if fields.is_empty() || site.stages.is_empty() {
            let text = "Jira names no statuses or no fields: check base_url, and what is in between";
            return Err(SourceError::Malformed(text.to_owned()));
        }
        for field in fields {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (id, name, kind) = (text(&field["id"]), text(&field["name"]), text(&field["schema"]["custom"]));
            if kind.ends_with(":gh-sprint") {
                site.sprint_fields.push(id);
            } else if self.is_points(&name, &kind) {
                site.points_fields.push(id);
            }
        }
        Ok(site)
    }

    /// Whether a field holds the points: by its name where that is configured, else by what Jira itself makes.
    fn is_points(&self, name: &str, kind: &str) -> bool {
        match &self.points_field {
            Some(wanted) => name.eq_ignore_ascii_case(wanted),
            None => kind.ends_with(":jsw-story-points") || (name == "Story Points" && kind.ends_with(":float")),
        }
    }

    /// A page of the issues that a query finds. The cloud's search may be minutes behind; issues whose ids are given are found
    /// as they are now: <https://developer.atlassian.com/cloud/jira/platform/search-and-reconcile/>.
    pub(super) async fn issues(
        &self,
        site: &Site,
        jql: &str,
        next: Option<&str>,
        as_of_now: &[String],
    ) -> Result<IssuePage, SourceError> {
        let fields: Vec<&str> = [FIELDS].into_iter().chain(site.custom_fields()).collect();
        let fields = fields.join(",");
        let mut parameters =
            vec![("jql", jql), ("maxResults", "100"), ("fields", fields.as_str()), ("expand", "changelog")];
        if site.is_cloud {
            parameters.extend(next.map(|token| ("nextPageToken", token)));
            parameters.extend(as_of_now.iter().map(|id| ("reconcileIssues", id.as_str())));
            let mut body = self.get("rest/api/3/search/jql", &parameters, "issues").await?;
            let next = body["nextPageToken"].as_str().map(str::to_owned);
            return Ok(IssuePage { issues: shape::list(&mut body, "issues", "Jira")?, next, total: None });
        }
        let start = next.unwrap_or("0");
        parameters.push(("startAt", start));
        let mut body = self.get("rest/api/2/search", &parameters, "issues").await?;
        let issues = shape::list(&mut body, "issues", "Jira")?;
        let total = body["total"].as_u64();
        let reached = start.parse::<u64>().unwrap_or_default() + issues.len() as u64;
        let next = (!issues.is_empty() && total.is_some_and(|total| reached < total)).then(|| reached.to_string());
        Ok(IssuePage { issues, next, total })
    }

    /// The histories of an issue. The list holds the newest ones only, where there are many.
    pub(super) async fn changelog(&self, site: &Site, issue: &Value) -> Result<Vec<Value>, SourceError> {
        let inline = issue["changelog"]["histories"].as_array().cloned().unwrap_or_default();
        let total = issue["changelog"]["total"].as_u64().unwrap_or_default();
        let key = issue["key"].as_str().unwrap_or_default();
        if total <= inline.len() as u64 || key.is_empty() || !site.is_cloud {
            return Ok(inline);
        }
        let mut histories = Vec::new();
        loop {
            let start = histories.len().to_string();
            let path = address::path(&["rest", "api", "3", "issue", key, "changelog"]);
            let path = path.map_err(SourceError::Malformed)?;
            let mut body = self.get(&path, &[("startAt", &start), ("maxResults", "100")], "changelogs").await?;
            let page = shape::list(&mut body, "values", "Jira")?;
            let is_last = page.is_empty() || body["isLast"] == true;
            histories.extend(page);
            if is_last {
                return Ok(histories);
            }
        }
    }

    /// All sprints of a board.
    pub(super) async fn sprints(&self, board: u64) -> Result<Vec<Value>, SourceError> {
        let mut sprints = Vec::new();
        loop {
            let start = sprints.len().to_string();
            let path = format!("rest/agile/1.0/board/{board}/sprint");
            let mut body = self.get(&path, &[("startAt", &start), ("maxResults", "50")], "sprints").await?;
            let page = shape::list(&mut body, "values", "Jira")?;
            let is_last = page.is_empty() || body["isLast"] == true;
            sprints.extend(page);
            if is_last {
                return Ok(sprints);
            }
        }
    }
}

impl Site {
    fn custom_fields(&self) -> impl Iterator<Item = &str> {
        self.sprint_fields.iter().chain(&self.points_fields).map(String::as_str)
    }
}
