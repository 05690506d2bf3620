//! What happens to a repository in production: deployments, and the trouble that some of them make.

use chrono::Duration;
use rand::RngExt as _;

use super::ORGANIZATION;
use super::plan::{DeployBy, pagerduty_id};
use super::repository::{Draft, Generator};
use crate::world::{Deployment, Event, Incident, Issue, LogEntry, Moment, Release, Tag, WorkflowRun};

impl Generator<'_> {
    /// Deploys a commit; now and then the attempt fails, and now and then it breaks production.
    pub(super) fn deploy(&mut self, sha: &str, at: Moment) {
        if at >= self.now {
            return;
        }
        if matches!(self.plan.deploy_by, DeployBy::Environment | DeployBy::Workflow) && self.random.random_bool(0.04) {
            self.attempt(sha, at, false);
            self.deploy_well(sha, at + Duration::minutes(25));
            return;
        }
        let finished_at = self.deploy_well(sha, at);
        if self.random.random_bool(0.07) {
            self.broke(finished_at);
        }
    }

    fn deploy_well(&mut self, sha: &str, at: Moment) -> Moment {
        self.deployed.push(sha.to_owned());
        self.attempt(sha, at, true)
    }

    /// One attempt in the repository's way; returns when it ended.
    fn attempt(&mut self, sha: &str, at: Moment, succeeds: bool) -> Moment {
        self.next_id += 1;
        let (id, ended_at) = (self.next_id, at + self.minutes(3, 15));
        let creator = self.person("");
        let version = format!("v{}.{}.0", 1 + self.deployed.len() / 100, self.deployed.len() % 100);
        match self.plan.deploy_by {
            DeployBy::Environment => {
                for environment in ["staging", "production"] {
                    let end = if succeeds || environment == "staging" { "SUCCESS" } else { "FAILURE" };
                    let statuses = [("QUEUED", at), ("IN_PROGRESS", at + Duration::minutes(1)), (end, ended_at)];
                    self.repository.deployments.push(Deployment {
                        id: id * 2 + u64::from(environment == "staging"),
                        sha: sha.to_owned(),
                        reference: "main".to_owned(),
                        environment: environment.to_owned(),
                        task: "deploy".to_owned(),
                        created_at: at,
                        statuses: statuses
                            .into_iter()
                            .filter(|(_, at)| *at < self.now)
                            .map(|(state, at)| (state.to_owned(), at))
                            .collect(),
                        creator: creator.clone(),
                    });
                }
            }
            DeployBy::Release | DeployBy::Tag => {
                self.repository.tags.push(Tag {
                    name: version.clone(),
                    sha: sha.to_owned(),
                    annotated_at: Some(ended_at),
                });
                if self.plan.deploy_by == DeployBy::Release {
                    self.repository.releases.push(Release {
                        id,
                        tag: version.clone(),
                        name: version,
                        draft: false,
                        prerelease: false,
                        created_at: at,
                        published_at: Some(ended_at),
                        author: creator,
                    });
                }
            }
            DeployBy::Workflow => {
                let conclusion = if succeeds { "success" } else { "failure" };
                self.repository.workflow_runs.push(WorkflowRun {
                    id,
                    attempt: 1,
                    workflow: "deploy".to_owned(),
                    event: "push".to_owned(),
                    branch: "main".to_owned(),
                    sha: sha.to_owned(),
                    created_at: at,
                    run_started_at: at,
                    updated_at: ended_at,
                    status: "completed".to_owned(),
                    conclusion: Some(conclusion.to_owned()),
                    actor: creator,
                });
            }
            DeployBy::Merge => {}
        }
        ended_at
    }

    /// An incident after a deployment, and how it ends: by a rollback, a revert, a hotfix, or by waiting.
    fn broke(&mut self, finished_at: Moment) {
        let began_at = finished_at + self.minutes(10, 120);
        let acknowledged_at = began_at + self.minutes(1, 20);
        let mended_at = acknowledged_at + self.minutes(15, 180);
        let resolved_at = (mended_at + Duration::minutes(30) < self.now).then_some(mended_at + Duration::minutes(10));
        self.incident(began_at, acknowledged_at, resolved_at);
        if mended_at >= self.now {
            return;
        }
        let last = self
            .repository
            .pull_requests
            .iter()
            .rfind(|item| item.merged_at.is_some() && !item.author.ends_with("[bot]"));
        let Some((number, title)) = last.map(|item| (item.number, item.title.clone())) else { return };
        let way = self.random.random_range(0..3);
        let can_roll_back =
            matches!(self.plan.deploy_by, DeployBy::Environment | DeployBy::Workflow) && self.deployed.len() > 2;
        if way == 0 && can_roll_back {
            let earlier = self.deployed[self.deployed.len() - 2].clone();
            self.deploy_well(&earlier, mended_at);
            return;
        }
        let author = self.person("");
        let (title, body, branch, labels) = if way == 2 {
            (
                format!("Hotfix: mend what #{number} broke"),
                String::new(),
                format!("hotfix/{number}"),
                vec!["hotfix".to_owned()],
            )
        } else {
            let body = format!("Reverts {ORGANIZATION}/{}#{number}", self.plan.name);
            (format!("Revert \"{title}\""), body, format!("revert-{number}-change"), Vec::new())
        };
        let created_at = acknowledged_at + Duration::minutes(5);
        let draft = Draft {
            title,
            body,
            branch,
            author,
            labels,
            created_at,
            merged_at: Some(mended_at),
            closed_at: Some(mended_at),
        };
        if let Some(landed) = self.land(draft) {
            self.deploy_well(&landed, mended_at + Duration::minutes(2));
        }
    }

    fn incident(&mut self, began_at: Moment, acknowledged_at: Moment, resolved_at: Option<Moment>) {
        self.next_id += 1;
        let agent = self.person("");
        let severity = self.random.random_range(1..=4);
        if self.plan.deploy_by == DeployBy::Merge {
            let mut events = vec![Event { kind: "AssignedEvent".to_owned(), at: acknowledged_at }];
            events.extend(resolved_at.map(|at| Event { kind: "ClosedEvent".to_owned(), at }));
            self.repository.issues.push(Issue {
                number: 100_000 + self.next_id % 100_000,
                title: format!("{} answers slowly, @{agent} is on it", self.plan.name),
                body: String::new(),
                author: agent,
                labels: vec!["incident".to_owned(), format!("sev{severity}")],
                created_at: began_at,
                updated_at: resolved_at.unwrap_or(acknowledged_at),
                closed_at: resolved_at,
                events,
                issue_type: None,
            });
            return;
        }
        let services = self.plan.services();
        let service = &services[self.random.random_range(0..services.len())];
        let mut log = vec![("trigger", began_at), ("acknowledge", acknowledged_at)];
        if let Some(resolved_at) = resolved_at {
            if self.random.random_bool(0.1) {
                log.push(("resolve", acknowledged_at + Duration::minutes(4)));
                log.push(("reopen", acknowledged_at + Duration::minutes(9)));
            }
            log.push(("resolve", resolved_at));
        }
        self.incidents.push(Incident {
            id: format!("Q{}", self.next_id),
            number: 0,
            title: format!("{service} fails its health check"),
            service: pagerduty_id(service),
            urgency: if severity <= 2 { "high" } else { "low" }.to_owned(),
            priority: Some(format!("P{severity}")),
            created_at: began_at,
            log: log
                .into_iter()
                .map(|(kind, at)| LogEntry { kind: kind.to_owned(), at, agent: agent.clone() })
                .collect(),
        });
    }
}
