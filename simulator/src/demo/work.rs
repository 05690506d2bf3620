//! The work around the code: issues and the project that plans them, CI, security alerts, reports, files.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Duration, NaiveTime};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::plan::{RepositoryPlan, members};
use super::{HISTORY, ORGANIZATION};
use crate::world::{
    Artifact, Event, Issue, Moment, Project, ProjectItem, ProjectIteration, PullRequest, Repository, SecurityAlert,
    WorkflowRun, World,
};

/// How far back CI runs go.
const RUNS: Duration = Duration::days(182);

/// How far back artifacts go; GitHub keeps them for ninety days. Every other repository uploads them.
const ARTIFACTS: Duration = Duration::days(56);

/// How long an iteration lasts.
const ITERATION_DAYS: u32 = 14;

/// The first issue's number: behind all pull requests.
const FIRST_ISSUE: u64 = 100_000;

/// What issues are about: type, labels, and how many of a hundred.
const KINDS: [(&str, &[&str], u32); 8] = [
    ("Feature", &[], 38),
    ("Bug", &[], 18),
    ("Bug", &["production"], 6),
    ("Bug", &["production", "customer", "high-impact"], 8),
    ("Bug", &["customer", "high-impact"], 6),
    ("Task", &["improvement"], 8),
    ("Task", &["tech-debt"], 10),
    ("Task", &["reliability"], 6),
];

/// Adds the work of one repository to the world.
pub(super) struct Work<'a> {
    pub(super) plan: &'a RepositoryPlan,
    pub(super) number: usize,
    pub(super) now: Moment,
    pub(super) random: ChaCha8Rng,
}

/// The project of the whole organisation, with no items yet.
pub(super) fn project(now: Moment) -> Project {
    let begin = (now - HISTORY).date_naive();
    let first = begin - Duration::days(i64::from(begin.weekday().num_days_from_monday()));
    let starts = (0..).map(|place| first + Duration::days(i64::from(ITERATION_DAYS) * place));
    let iterations = starts.take_while(|start| *start <= now.date_naive()).enumerate();
    let iterations = iterations.map(|(place, start)| ProjectIteration {
        id: format!("iteration{place}"),
        title: format!("Iteration {}", place + 1),
        start,
        days: ITERATION_DAYS,
        completed: start + Duration::days(i64::from(ITERATION_DAYS)) <= now.date_naive(),
    });
    Project {
        number: 1,
        title: "Delivery".to_owned(),
        updated_at: now,
        iterations: iterations.collect(),
        items: Vec::new(),
    }
}

impl Work<'_> {
    fn full_name(&self) -> String {
        format!("{ORGANIZATION}/{}", self.plan.name)
    }

    /// Everything.
    pub(super) fn add(mut self, world: &mut World) {
        let mut project = world.projects.pop().unwrap_or_else(|| project(self.now));
        let Some(repository) = world.repositories.iter_mut().find(|it| it.name == self.plan.name) else { return };
        self.issues(repository, &mut project);
        let runs = self.runs(repository);
        repository.workflow_runs.extend(runs);
        world.artifacts.extend(self.artifacts(repository));
        world.security_alerts.extend(self.alerts());
        world.files.insert(self.full_name(), self.files());
        world.projects.push(project);
    }

    fn days(&mut self, least: f64, most: f64) -> Duration {
        #[expect(clippy::cast_possible_truncation, reason = "some hundred thousands of minutes")]
        Duration::minutes((self.random.random_range(least..most) * 24.0 * 60.0) as i64)
    }

    fn issues(&mut self, repository: &mut Repository, project: &mut Project) {
        let mut at = repository.created_at;
        let mut number = FIRST_ISSUE;
        loop {
            let mean = 14.0 / self.plan.pull_requests_per_week.max(1.0);
            at += self.days(0.2 * mean, 1.8 * mean);
            if at >= self.now {
                return;
            }
            number += 1;
            let (issue, item) = self.issue(number, at, project);
            repository.issues.push(issue);
            project.items.extend(item);
        }
    }

    /// An issue, and its place in the project once it is planned.
    fn issue(&mut self, number: u64, created_at: Moment, project: &Project) -> (Issue, Option<ProjectItem>) {
        let mut drawn = self.random.random_range(0..100);
        let kind = KINDS.iter().find(|(.., share)| {
            let found = drawn < *share;
            drawn = drawn.saturating_sub(*share);
            found
        });
        let (issue_type, labels, _) = kind.copied().unwrap_or(KINDS[0]);
        let started_at = created_at + self.days(0.2, 6.0);
        let done_at = started_at + if labels.contains(&"customer") { self.days(0.2, 3.0) } else { self.days(0.5, 9.0) };
        let closed_at = (done_at < self.now).then_some(done_at);
        let mut events = vec![Event { kind: "AssignedEvent".to_owned(), at: started_at }];
        events.extend(closed_at.map(|at| Event { kind: "ClosedEvent".to_owned(), at }));
        if self.random.random_bool(0.06) && done_at + Duration::days(3) < self.now {
            events.push(Event { kind: "ReopenedEvent".to_owned(), at: done_at + Duration::days(1) });
            events.push(Event { kind: "ClosedEvent".to_owned(), at: done_at + Duration::days(3) });
        }
        events.retain(|event| event.at < self.now);
        let people = members(self.plan.team);
        let author = people[self.random.random_range(0..people.len())].clone();
        let updated_at = events.last().map_or(created_at, |event| event.at);
        let closed_at = events.last().filter(|event| event.kind == "ClosedEvent").map(|event| event.at);
        let issue = Issue {
            number,
            title: format!("{issue_type} {number} in {}", self.plan.name),
            body: String::new(),
            author,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            created_at,
            updated_at,
            closed_at,
            events,
            issue_type: Some(issue_type.to_owned()),
        };
        let late = self.random.random_bool(0.15);
        (issue, self.item(number, started_at, done_at, late, project))
    }

    /// Planned in the iteration in which it is done, or, where it gets late, in the one before that.
    fn item(
        &mut self,
        number: u64,
        started_at: Moment,
        done_at: Moment,
        late: bool,
        project: &Project,
    ) -> Option<ProjectItem> {
        let begins = |iteration: &ProjectIteration| iteration.start.and_time(NaiveTime::MIN).and_utc();
        let place = project.iterations.iter().rposition(|iteration| begins(iteration) <= done_at)?;
        let iteration = &project.iterations[place.saturating_sub(usize::from(late))];
        let ahead = !self.random.random_bool(0.12);
        let planned_at =
            if ahead { begins(iteration) - Duration::hours(20) } else { begins(iteration) + Duration::days(2) };
        let status = if done_at < self.now { ("Done", done_at) } else { ("In Progress", started_at) };
        let points = [1.0, 2.0, 3.0, 5.0][self.random.random_range(0..4)];
        (started_at < self.now && planned_at < self.now).then(|| ProjectItem {
            repository: self.full_name(),
            number,
            status: Some((status.0.to_owned(), status.1)),
            iteration: Some((iteration.id.clone(), planned_at)),
            points: Some(points),
            updated_at: status.1.max(planned_at),
        })
    }

    /// A run of CI for each pull request that landed, on its branch and on `main`; now and then one fails, and passes when
    /// it is run again.
    fn runs(&mut self, repository: &Repository) -> Vec<WorkflowRun> {
        let mut runs = Vec::new();
        let recent = |item: &&PullRequest| item.merged_at.is_some_and(|at| at > self.now - RUNS);
        let landed: Vec<PullRequest> = repository.pull_requests.iter().filter(recent).cloned().collect();
        for item in landed {
            let (Some(merged_at), Some(sha)) = (item.merged_at, item.merge_commit.clone()) else { continue };
            if let Some(own) = item.own_commits.last() {
                runs.extend(self.run("pull_request", &item.head, &own.sha, item.created_at, &item.author));
            }
            runs.extend(self.run("push", "main", &sha, merged_at, &item.author));
        }
        runs.retain(|run| run.updated_at < self.now);
        numbered(runs, (self.number as u64 + 1) * 10_000_000)
    }

    /// The attempts of one run. Their ids are given later.
    fn run(&mut self, event: &str, branch: &str, sha: &str, at: Moment, actor: &str) -> Vec<WorkflowRun> {
        let mut attempts = Vec::new();
        let failed = self.random.random_bool(0.08);
        let again = failed && self.random.random_bool(0.4);
        for attempt in 1..=if again { 2 } else { 1 } {
            let created_at = at + Duration::seconds(5);
            let started_at = created_at
                + Duration::minutes(20 * (i64::from(attempt) - 1))
                + Duration::seconds(self.random.random_range(5..90));
            let ends_at = started_at + Duration::seconds(self.random.random_range(240..840));
            let conclusion = if failed && attempt == 1 { "failure" } else { "success" };
            attempts.push(WorkflowRun {
                id: 0,
                attempt,
                workflow: "ci".to_owned(),
                event: event.to_owned(),
                branch: branch.to_owned(),
                sha: sha.to_owned(),
                created_at,
                run_started_at: started_at,
                updated_at: ends_at,
                status: "completed".to_owned(),
                conclusion: Some(conclusion.to_owned()),
                actor: actor.to_owned(),
            });
        }
        attempts
    }

    /// Test results and coverage of `main`, every other week.
    fn artifacts(&mut self, repository: &Repository) -> Vec<Artifact> {
        if self.number % 2 == 1 {
            return Vec::new();
        }
        let mut found: Vec<&WorkflowRun> = repository
            .workflow_runs
            .iter()
            .filter(|run| run.workflow == "ci" && run.event == "push" && run.created_at > self.now - ARTIFACTS)
            .collect();
        found.sort_by_key(|run| run.created_at);
        let mut weeks: BTreeMap<i64, &WorkflowRun> = BTreeMap::new();
        for run in found {
            weeks.insert((self.now - run.created_at).num_days() / 14, run);
        }
        let mut made = Vec::new();
        for run in weeks.into_values().rev() {
            let covered = self.random.random_range(70..92);
            let flaky = self.random.random_bool(0.2);
            for (offset, name, file, text) in
                [(0, "junit", "junit.xml", junit(flaky)), (1, "coverage", "lcov.info", lcov(self.plan, covered))]
            {
                made.push(Artifact {
                    repository: self.full_name(),
                    id: run.id * 2 + offset,
                    name: name.to_owned(),
                    run_id: run.id,
                    branch: run.branch.clone(),
                    sha: run.sha.clone(),
                    created_at: run.updated_at,
                    expired: false,
                    files: BTreeMap::from([(file.to_owned(), text)]),
                });
            }
        }
        made
    }

    fn alerts(&mut self) -> Vec<SecurityAlert> {
        let mut alerts = Vec::new();
        for (scanner, mean_days) in [("dependabot", 18.0), ("code-scanning", 60.0), ("secret-scanning", 150.0)] {
            let (mut at, mut number) = (self.now - HISTORY, 0);
            loop {
                at += self.days(0.3 * mean_days, 1.7 * mean_days);
                if at >= self.now {
                    break;
                }
                number += 1;
                let severity = ["critical", "high", "high", "medium", "low"][self.random.random_range(0..5)];
                let longest = if severity == "critical" { 8.0 } else { 34.0 };
                let ended_at = Some(at + self.days(0.2, longest)).filter(|end| *end < self.now);
                let dismissed = self.random.random_bool(0.1);
                alerts.push(SecurityAlert {
                    repository: self.full_name(),
                    scanner: scanner.to_owned(),
                    number,
                    severity: severity.to_owned(),
                    opened_at: at,
                    fixed_at: ended_at.filter(|_| !dismissed),
                    dismissed_at: ended_at.filter(|_| dismissed),
                });
            }
        }
        alerts
    }

    fn files(&self) -> std::collections::BTreeSet<String> {
        let mut files = vec!["README.md", "docs/guide.md"];
        if self.number % 5 != 4 {
            files.push("RUNBOOK.md");
        }
        if self.number % 7 != 6 {
            files.push(".github/CODEOWNERS");
        }
        files.into_iter().map(str::to_owned).collect()
    }
}

/// Gives runs their ids, attempts of one run the same.
fn numbered(mut runs: Vec<WorkflowRun>, first: u64) -> Vec<WorkflowRun> {
    let mut id = first;
    for run in &mut runs {
        id += u64::from(run.attempt == 1);
        run.id = id;
    }
    runs
}

fn junit(flaky: bool) -> String {
    let mut cases: Vec<String> =
        (1..=40).map(|test| format!("<testcase classname=\"suite\" name=\"test {test}\"/>")).collect();
    if flaky {
        cases.push("<testcase classname=\"suite\" name=\"test 7\"><failure/></testcase>".to_owned());
    }
    format!("<testsuite name=\"suite\">{}</testsuite>", cases.join(""))
}

/// A hundred lines of each part of the repository, so many of them covered.
fn lcov(plan: &RepositoryPlan, covered: u32) -> String {
    let files: Vec<String> = if plan.parts.is_empty() {
        vec!["src/part1.rs".to_owned()]
    } else {
        plan.parts.iter().map(|part| format!("services/{part}/main.rs")).collect()
    };
    let report = files.iter().map(|file| {
        let lines: String = (1..=100).map(|line| format!("DA:{line},{}\n", u32::from(line <= covered))).collect();
        format!("SF:{file}\n{lines}end_of_record\n")
    });
    report.collect()
}
