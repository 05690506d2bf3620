//! From events to facts. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::facts::{
    CiRun, CiRunConclusion, Deployment, DeploymentState, DeploymentStatus, Fact, FactFamily, Incident, IncidentUpdate,
    IncidentUpdateKind, Moment, PullRequest, PullRequestState, Reject, TestReport,
};
use crate::sources::{scrub, shape};
use crate::with_fact;

#[derive(Debug, Deserialize)]
struct Envelope {
    context: Context,
    subject: Subject,
    #[serde(default, rename = "customData")]
    custom: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    timestamp: Moment,
    chain_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Subject {
    id: String,
    source: Option<String>,
    #[serde(default)]
    content: Value,
}

/// What an event says has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Deployed,
    RolledBack,
    IncidentBegan,
    IncidentResolved,
    ChangeCreated,
    ChangeMerged,
    RunQueued,
    RunStarted,
    RunFinished,
    TestFinished,
    /// Nothing that a KPI needs.
    Other,
}

/// A well-formed event.
#[derive(Debug)]
pub(super) struct Event {
    what: What,
    envelope: Envelope,
}

/// A fact as a document.
pub(super) fn document(fact: &Fact) -> Option<Value> {
    with_fact!(fact, fact => serde_json::to_value(fact)).ok()
}

impl Event {
    /// Reads an event.
    pub(super) fn read(document: &Value) -> Result<Self, Reject> {
        let envelope: Envelope = Envelope::deserialize(document).map_err(|error| Reject {
            family: "events",
            external_id: document["context"]["id"].as_str().unwrap_or("without an id").to_owned(),
            reason: format!("is no CDEvent: {}", shape::why(&error)),
        })?;
        // dev.cdevents.<subject>.<predicate>.<version>
        let mut words = envelope.context.kind.trim_start_matches("dev.cdevents.").split('.');
        let what = match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
            ("service", "deployed" | "upgraded") => What::Deployed,
            ("service", "rolledback") => What::RolledBack,
            ("incident", "detected" | "reported") => What::IncidentBegan,
            ("incident", "resolved") => What::IncidentResolved,
            ("change", "created") => What::ChangeCreated,
            ("change", "merged") => What::ChangeMerged,
            ("pipelinerun", "queued") => What::RunQueued,
            ("pipelinerun", "started") => What::RunStarted,
            ("pipelinerun", "finished") => What::RunFinished,
            ("testcaserun", "finished") => What::TestFinished,
            _ => What::Other,
        };
        Ok(Self { what, envelope })
    }

    /// The event's id.
    pub(super) fn id(&self) -> &str {
        &self.envelope.context.id
    }

    /// The family of the fact that it gives.
    pub(super) fn family(&self) -> &'static str {
        match self.what {
            What::Deployed | What::RolledBack => Deployment::FAMILY,
            What::IncidentBegan | What::IncidentResolved => Incident::FAMILY,
            What::ChangeCreated | What::ChangeMerged => PullRequest::FAMILY,
            What::RunQueued | What::RunStarted | What::RunFinished => CiRun::FAMILY,
            What::TestFinished => TestReport::FAMILY,
            What::Other => "events",
        }
    }

    /// The fact that an earlier event may have begun.
    pub(super) fn completes(&self) -> Option<(&'static str, String)> {
        let subject = &self.envelope.subject;
        match self.what {
            What::IncidentBegan | What::IncidentResolved => Some((Incident::FAMILY, subject.id.clone())),
            What::RunQueued | What::RunStarted | What::RunFinished => {
                let id = number_of(&format!("{}/{}", self.envelope.context.source, subject.id));
                Some((CiRun::FAMILY, format!("{}/runs/{id}/attempts/1", self.repository_told()?)))
            }
            What::ChangeCreated | What::ChangeMerged => {
                Some((PullRequest::FAMILY, format!("{}#{}", self.repository_told()?, self.change_number()?)))
            }
            _ => None,
        }
    }

    /// The fact. `None` where no KPI needs the event.
    pub(super) fn fact(
        &self,
        known: Option<Value>,
        repositories: &BTreeMap<String, String>,
    ) -> Result<Option<Fact>, String> {
        let fact = match self.what {
            What::Other => return Ok(None),
            What::Deployed => Fact::Deployment(self.deployment("deploy", repositories)?),
            What::RolledBack => Fact::Deployment(self.deployment("rollback", repositories)?),
            What::IncidentBegan | What::IncidentResolved => Fact::Incident(self.incident(known)),
            What::ChangeCreated | What::ChangeMerged => Fact::PullRequest(self.change(known)?),
            What::RunQueued | What::RunStarted | What::RunFinished => Fact::CiRun(self.run(known, repositories)?),
            What::TestFinished => Fact::TestReport(self.test(repositories)?),
        };
        Ok(Some(fact))
    }

    fn content(&self, path: &str) -> Option<&str> {
        self.envelope.subject.content.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn custom(&self, key: &str) -> Option<&str> {
        self.envelope.custom[key].as_str().filter(|text| !text.is_empty())
    }

    /// The repository, where the event itself tells it.
    fn repository_told(&self) -> Option<String> {
        self.custom("repository").or_else(|| self.content("/repository/id")).map(str::to_owned)
    }

    /// The repository, told or configured.
    fn repository(&self, repositories: &BTreeMap<String, String>) -> Option<String> {
        let subject = &self.envelope.subject;
        let names = [
            Some(subject.id.as_str()),
            self.content("/pipelineName"),
            subject.source.as_deref(),
            Some(self.envelope.context.source.as_str()),
        ];
        let configured = names.into_iter().flatten().find_map(|name| repositories.get(name).cloned());
        self.repository_told().or(configured)
    }

    fn needed_repository(&self, repositories: &BTreeMap<String, String>) -> Result<String, String> {
        self.repository(repositories).ok_or_else(|| {
            format!(
                "which repository? Send customData.repository, or write \"{}\" = \"owner/name\" into repositories of [cdevents]",
                self.content("/pipelineName").unwrap_or(&self.envelope.context.source)
            )
        })
    }

    /// The commit: told, or the version of the artifact where that is one.
    fn sha(&self) -> Option<String> {
        let is_sha = |text: &&str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let artifact = self.content("/artifactId").unwrap_or_default();
        let in_artifact = artifact.split(|letter: char| !letter.is_ascii_alphanumeric()).find(is_sha);
        self.custom("sha").or(in_artifact).map(str::to_lowercase)
    }

    fn deployment(&self, task: &str, repositories: &BTreeMap<String, String>) -> Result<Deployment, String> {
        let Envelope { context, subject, .. } = &self.envelope;
        let environment = self.content("/environment/id").ok_or("content.environment.id is missing")?;
        // The version of a package URL stands behind the last @, before qualifiers.
        let version = self
            .content("/artifactId")
            .and_then(|artifact| artifact.rsplit_once('@'))
            .map(|(_, rest)| rest.split(['?', '#']).next().unwrap_or_default().to_owned());
        // Services of Kubernetes are called by kind and name; the name tells.
        let service = subject.id.rsplit('/').next().unwrap_or(&subject.id);
        Ok(Deployment {
            repository: self.repository(repositories).unwrap_or_default(),
            id: context.id.clone(),
            service: Some(service.to_owned()),
            sha: self.sha().unwrap_or_default(),
            reference: version.filter(|version| !version.starts_with("sha256")),
            environment: environment.to_owned(),
            task: Some(task.to_owned()),
            created_at: context.timestamp,
            statuses: vec![DeploymentStatus { at: context.timestamp, state: DeploymentState::Success, url: None }],
            url: self.content("/environment/uri").map(str::to_owned),
        })
    }

    fn incident(&self, known: Option<Value>) -> Incident {
        let Envelope { context, subject, .. } = &self.envelope;
        let service = self.content("/service/id").unwrap_or_default();
        let known = known.and_then(|known| serde_json::from_value::<Incident>(known).ok());
        let mut incident = known.unwrap_or_else(|| Incident {
            id: subject.id.clone(),
            service: service.to_owned(),
            service_name: None,
            title: scrub::scrubbed_line(self.content("/description").unwrap_or("incident"), &[]),
            severity_words: self.custom("severity").map(str::to_owned).into_iter().collect(),
            created_at: context.timestamp,
            impact_started_at: None,
            updates: Vec::new(),
            causes: Vec::new(),
            withdrawn: false,
            updated_at: context.timestamp,
            url: self.content("/ticketURI").map(str::to_owned),
        });
        if self.what == What::IncidentResolved {
            let update = IncidentUpdate { at: context.timestamp, kind: IncidentUpdateKind::Resolved };
            if !incident.updates.contains(&update) {
                incident.updates.push(update);
                incident.updates.sort_by_key(|update| update.at);
            }
        } else {
            incident.created_at = incident.created_at.min(context.timestamp);
        }
        incident.updated_at = incident.updated_at.max(context.timestamp);
        incident
    }

    /// The number of a change: the digits at the end of its id.
    fn change_number(&self) -> Option<u64> {
        let id = &self.envelope.subject.id;
        id[id.trim_end_matches(|letter: char| letter.is_ascii_digit()).len()..].parse().ok()
    }

    fn change(&self, known: Option<Value>) -> Result<PullRequest, String> {
        let Envelope { context, subject, .. } = &self.envelope;
        let repository = self.repository_told().ok_or("content.repository.id is missing")?;
        let number = self.change_number().ok_or_else(|| format!("\"{}\" ends in no number", subject.id))?;
        let known = known.and_then(|known| serde_json::from_value::<PullRequest>(known).ok());
        let mut change = known.unwrap_or_else(|| PullRequest {
            repository,
            number,
            url: None,
            title: scrub::scrubbed_line(self.content("/description").unwrap_or("change"), &[]),
            author: None,
            state: PullRequestState::Open,
            draft: false,
            created_at: context.timestamp,
            updated_at: context.timestamp,
            merged_at: None,
            closed_at: None,
            base_branch: self.custom("branch").unwrap_or("main").to_owned(),
            head_branch: String::new(),
            head_sha: None,
            merge_commit_sha: None,
            labels: Vec::new(),
            own_commits: Vec::new(),
            reviews: Vec::new(),
            state_changes: Vec::new(),
            reverts: Vec::new(),
            paths: None,
            additions: 0,
            deletions: 0,
        });
        change.created_at = change.created_at.min(context.timestamp);
        change.updated_at = change.updated_at.max(context.timestamp);
        if self.what == What::ChangeMerged {
            change.state = PullRequestState::Merged;
            change.merged_at = Some(context.timestamp);
            change.closed_at = Some(context.timestamp);
            change.merge_commit_sha = self.sha().or(change.merge_commit_sha);
        }
        Ok(change)
    }

    fn run(&self, known: Option<Value>, repositories: &BTreeMap<String, String>) -> Result<CiRun, String> {
        let Envelope { context, subject, .. } = &self.envelope;
        let at = context.timestamp;
        let known = known.and_then(|known| serde_json::from_value::<CiRun>(known).ok());
        let mut run = match known {
            Some(run) => run,
            None => CiRun {
                repository: self.needed_repository(repositories)?,
                id: number_of(&format!("{}/{}", context.source, subject.id)),
                attempt: 1,
                workflow: self.content("/pipelineName").unwrap_or("pipeline").to_owned(),
                event: "cdevents".to_owned(),
                branch: self.custom("branch").map(str::to_owned),
                sha: self.sha().unwrap_or_default(),
                created_at: at,
                run_started_at: at,
                updated_at: at,
                conclusion: None,
                url: self.content("/uri").map(str::to_owned),
            },
        };
        run.created_at = run.created_at.min(at);
        run.updated_at = run.updated_at.max(at);
        match self.what {
            What::RunStarted => run.run_started_at = at,
            What::RunFinished => {
                run.conclusion = Some(match self.content("/outcome").unwrap_or_default() {
                    "success" => CiRunConclusion::Success,
                    "cancel" | "cancelled" => CiRunConclusion::Cancelled,
                    "failure" | "error" => CiRunConclusion::Failure,
                    other => {
                        return Err(format!("the outcome \"{other}\" is neither success, failure, error nor cancel"));
                    }
                });
            }
            _ => {}
        }
        Ok(run)
    }

    /// One run of one test. The commit is told, or stands behind the chain of events that it belongs to.
    fn test(&self, repositories: &BTreeMap<String, String>) -> Result<TestReport, String> {
        let Envelope { context, subject, .. } = &self.envelope;
        let chain = context.chain_id.as_ref().map(|chain| format!("chain {chain}"));
        let sha = self.sha().or(chain).ok_or("which commit? Send customData.sha, or a chainId")?;
        let name = self.content("/testCase/name").or_else(|| self.content("/testCase/id"));
        let name = name.ok_or("content.testCase is missing")?;
        let failed = match self.content("/outcome").unwrap_or_default() {
            "success" => Vec::new(),
            "failure" | "error" => vec![name.to_owned()],
            other => return Err(format!("the outcome \"{other}\" is neither success, failure nor error")),
        };
        Ok(TestReport {
            repository: self.needed_repository(repositories)?,
            id: subject.id.clone(),
            // Reports of one suite run the same tests; here each report has one.
            suite: format!("cdevents/{name}"),
            sha,
            branch: self.custom("branch").map(str::to_owned),
            at: context.timestamp,
            executed: 1,
            failed,
            flaky: Vec::new(),
            url: self.content("/uri").map(str::to_owned),
        })
    }
}

/// A number that stands for an id of letters.
fn number_of(id: &str) -> u64 {
    let digest = Sha256::digest(id.as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // Half of the range is more than enough, and every database and JSON reader can hold it.
    number >> 11
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, at: &str, subject: &Value, custom: &Value) -> Event {
        let mut document = json!({
            "context": { "id": "e1", "source": "/tekton", "type": format!("dev.cdevents.{kind}.0.2.0"), "timestamp": at },
            "subject": subject,
        });
        document["customData"] = custom.clone();
        Event::read(&document).unwrap()
    }

    fn none() -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    #[test]
    fn a_deployed_service_is_a_deployment_of_its_commit() {
        let sha = "1b2c3d4e5f60718293a4b5c6d7e8f90123456789";
        let content =
            json!({ "environment": { "id": "production" }, "artifactId": format!("pkg:generic/ledger@{sha}") });
        let subject = json!({ "id": "service/ledger", "content": content });
        let event = event("service.deployed", "2026-10-05T12:00:00Z", &subject, &Value::Null);
        let Ok(Some(Fact::Deployment(fact))) = event.fact(None, &none()) else { panic!("a deployment") };
        assert_eq!((fact.service.as_deref(), fact.sha.as_str()), (Some("ledger"), sha));
        assert_eq!(fact.succeeded_at(), Some("2026-10-05T12:00:00Z".parse().unwrap()));
    }

    #[test]
    fn an_incident_is_completed_by_its_resolution_in_any_order() {
        let subject = json!({ "id": "i7", "content": { "service": { "id": "ledger" }, "description": "slow" } });
        let began = event("incident.detected", "2026-10-05T12:00:00Z", &subject, &json!({ "severity": "P2" }));
        let ended = event("incident.resolved", "2026-10-05T13:00:00Z", &subject, &Value::Null);
        let both = |first: &Event, second: &Event| {
            let Ok(Some(Fact::Incident(one))) = first.fact(None, &none()) else { panic!("an incident") };
            let Ok(Some(Fact::Incident(two))) = second.fact(serde_json::to_value(one).ok(), &none()) else {
                panic!("it")
            };
            (two.created_at, two.resolved_at(), two.service)
        };
        assert_eq!(both(&began, &ended), both(&ended, &began));
        assert_eq!(both(&began, &ended).1, Some("2026-10-05T13:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_pipeline_run_tells_queue_duration_and_outcome() {
        let subject = json!({ "id": "run-1", "content": { "pipelineName": "ci", "outcome": "failure" } });
        let custom = json!({ "repository": "acme/ledger", "branch": "main" });
        let mut known = None;
        for (kind, at) in [("queued", "12:00"), ("started", "12:02"), ("finished", "12:10")] {
            let at = format!("2026-10-05T{at}:00Z");
            let fact = event(&format!("pipelinerun.{kind}"), &at, &subject, &custom).fact(known, &none());
            let Ok(Some(Fact::CiRun(run))) = fact else { panic!("a run") };
            known = serde_json::to_value(run).ok();
        }
        let run: CiRun = serde_json::from_value(known.unwrap()).unwrap();
        assert_eq!((run.run_started_at - run.created_at).num_minutes(), 2);
        assert_eq!((run.updated_at - run.run_started_at).num_minutes(), 8);
        assert_eq!(run.conclusion, Some(CiRunConclusion::Failure));
        let stranger = event("pipelinerun.started", "2026-10-05T12:00:00Z", &subject, &Value::Null).fact(None, &none());
        assert!(stranger.unwrap_err().contains("\"ci\" = \"owner/name\""));
    }

    #[test]
    fn changes_are_numbered_and_tests_are_reported_one_by_one() {
        let subject = json!({ "id": "pulls/12", "content": { "repository": { "id": "acme/ledger" } } });
        let merged = event("change.merged", "2026-10-05T12:00:00Z", &subject, &Value::Null);
        assert_eq!(merged.completes(), Some((PullRequest::FAMILY, "acme/ledger#12".to_owned())));
        let Ok(Some(Fact::PullRequest(change))) = merged.fact(None, &none()) else { panic!("a change") };
        assert_eq!((change.number, change.state), (12, PullRequestState::Merged));
        let subject =
            json!({ "id": "t1", "content": { "outcome": "failure", "testCase": { "id": "1", "name": "login" } } });
        let custom = json!({ "repository": "acme/ledger", "sha": "ab" });
        let test = event("testcaserun.finished", "2026-10-05T12:00:00Z", &subject, &custom);
        let Ok(Some(Fact::TestReport(report))) = test.fact(None, &none()) else { panic!("a report") };
        assert_eq!((report.executed, report.failed), (1, vec!["login".to_owned()]));
    }

    #[test]
    fn what_no_kpi_needs_gives_nothing_and_what_is_broken_says_so() {
        let other = event("artifact.signed", "2026-10-05T12:00:00Z", &json!({ "id": "a" }), &Value::Null);
        assert_eq!(other.fact(None, &none()), Ok(None));
        let reject = Event::read(&json!({ "context": { "id": "e9" }, "subject": {} })).unwrap_err();
        assert!(reject.external_id == "e9" && reject.reason.starts_with("is no CDEvent"), "{reject:?}");
    }
}
