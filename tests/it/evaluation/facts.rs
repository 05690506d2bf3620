//! Small organisations and facts of every family, made of a few numbers each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chiplog::attribution::{
    DeploymentRule, IncidentService, Organisation, Ownership, ReadinessCheck, ReadinessRule, Service, Team,
};
use chiplog::facts::{
    Batch, ChangeReference, CiRun, CiRunConclusion, Commit, CoverageReport, Deployment, DeploymentState,
    DeploymentStatus, Fact, FileCoverage, Incident, IncidentUpdate, IncidentUpdateKind, Inventory, InventoryEntry,
    InventoryKind, Iteration, IterationMembership, Moment, OwnCommit, Person, PullRequest, PullRequestState, Release,
    ReportedValue, Repository, Sample, SecurityAlert, SecurityAlertKind, Tag, TeamRepositories, TestReport, WorkItem,
    WorkItemTransition,
};
use chiplog::pipeline::EvaluationRules;
use chiplog::stats::WorkingCalendar;
use chiplog::store::Store;
use chrono::Duration;

/// What one fact, service or team is made of.
pub(super) type Numbers = (u8, u8, u8, u8);

pub(super) fn now() -> Moment {
    "2026-11-18T12:00:00Z".parse().unwrap()
}

fn days_ago(days: u8, hours: u8) -> Moment {
    now() - Duration::days(i64::from(days) * 2) - Duration::hours(i64::from(hours % 24))
}

fn repository(number: u8) -> String {
    format!("acme/r{}", number % 7)
}

fn word(number: u8) -> String {
    ["s0", "s1", "s2", "shop", "cart", "nobody"][usize::from(number % 6)].to_owned()
}

pub(super) fn team(id: &str, work_items: &[String], repositories: &[String]) -> Team {
    Team {
        id: id.to_owned(),
        name: id.to_owned(),
        calendar: WorkingCalendar::default(),
        github_team: Some(format!("acme/{id}")),
        repositories: repositories.to_vec(),
        work_items: work_items.to_vec(),
    }
}

pub(super) fn service(id: &str, repository: &str, owners: Vec<Ownership>) -> Service {
    Service {
        id: id.to_owned(),
        repository: repository.to_owned(),
        paths: None,
        owners,
        tier: 2,
        deployments: DeploymentRule::Auto.into(),
        incident_services: Vec::new(),
        names: Vec::new(),
        critical_paths: None,
    }
}

/// Five teams, with some projects, repositories and services.
pub(super) fn organisation(numbers: &[Numbers]) -> Organisation {
    let mut organisation = Organisation::default();
    for number in 0..5_u8 {
        let (a, b, c, d) = numbers[usize::from(number) % numbers.len()];
        let projects = [format!("P{}", a % 4), format!("P{}:c{}", b % 4, c % 2)];
        let projects = if d.is_multiple_of(3) { &projects[..] } else { &projects[1..] };
        let repositories = if d.is_multiple_of(2) { vec![repository(d)] } else { Vec::new() };
        let team = team(&format!("t{number}"), projects, &repositories);
        organisation.teams.insert(team.id.clone(), team);
    }
    let any = regex::Regex::new(".*").unwrap();
    for (number, (a, b, c, d)) in numbers.iter().enumerate().take(4) {
        let of = |team: u8| format!("t{}", team % 6);
        let day = "2026-10-01".parse().ok();
        let owners = match d % 4 {
            0 => Vec::new(),
            1 => vec![
                Ownership { team: of(*b), from: None, until: day },
                Ownership { team: of(*c), from: day, until: None },
            ],
            _ => vec![Ownership { team: of(*b), from: None, until: None }],
        };
        let mut made = service(&format!("s{number}"), &repository(*a), owners);
        if c.is_multiple_of(2) {
            made.names.push(word(*c));
        }
        let labels = if d.is_multiple_of(2) { Vec::new() } else { vec!["urgent".to_owned()] };
        made.incident_services.push(IncidentService {
            source: "pager".to_owned(),
            service: format!("PD{}", b % 3),
            labels,
        });
        if a.is_multiple_of(3) {
            let any = any.clone();
            made.deployments = DeploymentRule::WorkflowRun { workflow: any.clone(), branch: any }.into();
        }
        organisation.services.insert(made.id.clone(), made);
    }
    organisation.readiness = vec![
        check("runbook", ReadinessRule::File(vec!["RUNBOOK.md".to_owned()])),
        check("on-call", ReadinessRule::EscalationPolicy),
        check("alerts", ReadinessRule::AlertRule { label: "service".to_owned(), name: None }),
        check("dashboard", ReadinessRule::Reported),
    ];
    organisation
}

fn check(name: &str, rule: ReadinessRule) -> ReadinessCheck {
    ReadinessCheck { name: name.to_owned(), tiers: BTreeSet::from([1, 2, 3]), rule }
}

/// The source and a fact of it.
pub(super) fn fact((kind, a, b, c): Numbers) -> (&'static str, Fact) {
    match kind % 17 {
        kind @ 0..4 => change((kind, a, b, c)),
        kind @ 4..8 => delivery((kind, a, b, c)),
        kind => beyond_delivery((kind, a, b, c)),
    }
}

fn sha(number: u8) -> String {
    format!("{:040}", number % 16)
}

/// A repository, a team's list, a commit or a pull request.
fn change((kind, a, b, c): Numbers) -> (&'static str, Fact) {
    let (began, ended) = (days_ago(b, c), days_ago(b / 2, c));
    let repository = repository(a);
    match kind {
        0 => (
            "github",
            Fact::Repository(Repository {
                full_name: repository,
                host_id: format!("h{}", a % 7),
                default_branch: Some(if b.is_multiple_of(2) { "main" } else { "master" }.to_owned()),
                branch_heads: BTreeMap::new(),
                url: None,
                archived: false,
                created_at: days_ago(200, 0),
                observed_at: began,
            }),
        ),
        1 => {
            let repositories = [repository, format!("acme/r{}", b % 7)].into_iter().collect::<BTreeSet<_>>();
            let team = format!("acme/t{}", c % 5);
            let repositories = repositories.into_iter().collect();
            ("github", Fact::TeamRepositories(TeamRepositories { team, repositories, observed_at: began }))
        }
        2 => (
            "github",
            Fact::Commit(Commit {
                repository,
                sha: sha(b),
                parents: if b.is_multiple_of(16) { Vec::new() } else { vec![sha(b % 16 - 1)] },
                authored_at: days_ago(90 - b % 16 * 2, 3),
                committed_at: days_ago(90 - b % 16 * 2, 1),
                author: None,
                subject: format!("change {b}"),
                reverts: if c.is_multiple_of(5) {
                    vec![ChangeReference::Commit(sha(b.wrapping_sub(2)))]
                } else {
                    Vec::new()
                },
                pull_request: None,
                paths: None,
                url: None,
            }),
        ),
        _ => ("github", Fact::PullRequest(pull_request(repository, b, c, sha(b), began, ended))),
    }
}

/// A deployment, a release, a tag or a run.
fn delivery((kind, a, b, c): Numbers) -> (&'static str, Fact) {
    let (began, ended) = (days_ago(b, c), days_ago(b / 2, c));
    let repository = repository(a);
    match kind {
        4 => (
            "cd",
            Fact::Deployment(Deployment {
                repository,
                id: format!("d{}", b % 8),
                service: (c.is_multiple_of(2)).then(|| word(b)),
                sha: sha(b),
                reference: None,
                environment: if c.is_multiple_of(5) { "staging" } else { "production" }.to_owned(),
                task: None,
                created_at: ended,
                statuses: vec![DeploymentStatus { at: ended, state: DeploymentState::Success, url: None }],
                url: None,
            }),
        ),
        5 => (
            "github",
            Fact::Release(Release {
                repository,
                id: format!("e{}", b % 8),
                tag: format!("v{}", b % 8),
                sha: Some(sha(b)),
                prerelease: c.is_multiple_of(4),
                created_at: began,
                published_at: ended,
                url: None,
            }),
        ),
        6 => (
            "github",
            Fact::Tag(Tag { repository, name: format!("v{}", b % 8), sha: sha(b), tagged_at: ended, url: None }),
        ),
        _ => (
            "github",
            Fact::CiRun(CiRun {
                repository,
                id: u64::from(b % 12),
                attempt: u32::from(c % 2) + 1,
                workflow: "ci".to_owned(),
                event: "push".to_owned(),
                branch: Some("main".to_owned()),
                sha: sha(b),
                created_at: ended,
                run_started_at: ended,
                updated_at: ended + Duration::minutes(i64::from(c)),
                conclusion: Some(if c.is_multiple_of(3) { CiRunConclusion::Failure } else { CiRunConclusion::Success }),
                url: None,
            }),
        ),
    }
}

/// Everything else.
fn beyond_delivery((kind, a, b, c): Numbers) -> (&'static str, Fact) {
    let (began, ended) = (days_ago(b, c), days_ago(b / 2, c));
    let repository = repository(a);
    match kind {
        8 => ("pager", Fact::Incident(incident(a, b, c, began, ended))),
        9 => ("jira", Fact::WorkItem(work_item(a, b, c, began, ended))),
        10 => (
            "jira",
            Fact::Iteration(Iteration {
                id: format!("i{}", a % 4),
                board: format!("b{}", b % 2),
                name: format!("sprint {c}"),
                started_at: days_ago(20 + a % 4 * 7, 0),
                ends_at: days_ago(13 + a % 4 * 7, 0),
                closed_at: None,
                updated_at: began,
                url: None,
            }),
        ),
        11 => (
            "github",
            Fact::SecurityAlert(SecurityAlert {
                repository,
                kind: SecurityAlertKind::Dependency,
                number: u64::from(b % 6),
                severity: Some(if c.is_multiple_of(2) { "critical" } else { "high" }.to_owned()),
                title: "a hole".to_owned(),
                opened_at: began,
                fixed_at: (c.is_multiple_of(3)).then_some(ended),
                dismissed_at: None,
                dismissed_reason: None,
                updated_at: ended,
                url: None,
            }),
        ),
        12 => (
            "github",
            Fact::TestReport(TestReport {
                repository,
                id: format!("{}", b % 8),
                suite: "unit".to_owned(),
                sha: sha(b),
                branch: None,
                at: ended,
                executed: 20,
                failed: if c.is_multiple_of(2) { vec!["one".to_owned()] } else { Vec::new() },
                flaky: Vec::new(),
                url: None,
            }),
        ),
        13 => (
            "github",
            Fact::CoverageReport(CoverageReport {
                repository,
                name: "all".to_owned(),
                sha: sha(b),
                branch: Some("main".to_owned()),
                at: ended,
                files: vec![FileCoverage { path: "a.rs".to_owned(), covered: u64::from(c), lines: 300 }],
                url: None,
            }),
        ),
        14 => {
            let measure = if c.is_multiple_of(2) { "availability" } else { "cost" }.to_owned();
            let value = f64::from(c) / 256.0;
            ("prometheus", Fact::Sample(Sample { service: word(a), measure, at: ended, value, url: None }))
        }
        15 => ("tools", Fact::Inventory(inventory(a, b, c, ended))),
        _ => ("reported", Fact::ReportedValue(reported(a, b, c, ended))),
    }
}

fn pull_request(repository: String, b: u8, c: u8, sha: String, began: Moment, ended: Moment) -> PullRequest {
    let merged = !c.is_multiple_of(3);
    PullRequest {
        repository,
        number: u64::from(b % 20),
        url: None,
        title: format!("change {b}"),
        author: Some(Person { key: format!("p{}", c % 3), bot: false }),
        state: if merged { PullRequestState::Merged } else { PullRequestState::Open },
        draft: false,
        created_at: began,
        updated_at: ended,
        merged_at: merged.then_some(ended),
        closed_at: merged.then_some(ended),
        base_branch: "main".to_owned(),
        head_branch: "change".to_owned(),
        head_sha: None,
        merge_commit_sha: merged.then_some(sha),
        labels: Vec::new(),
        own_commits: vec![OwnCommit { sha: format!("own{b}"), authored_at: began, author: None, merge: false }],
        reviews: Vec::new(),
        state_changes: Vec::new(),
        reverts: Vec::new(),
        paths: None,
        additions: u64::from(c),
        deletions: 1,
    }
}

fn incident(a: u8, b: u8, c: u8, began: Moment, ended: Moment) -> Incident {
    let update = IncidentUpdate { at: ended, kind: IncidentUpdateKind::Resolved };
    Incident {
        id: format!("q{}", b % 10),
        service: if c.is_multiple_of(3) { repository(a) } else { format!("PD{}", a % 4) },
        service_name: (c.is_multiple_of(4)).then(|| word(b)),
        title: format!("it fails {b}"),
        severity_words: if c.is_multiple_of(2) { vec!["urgent".to_owned()] } else { vec!["sev2".to_owned()] },
        created_at: began,
        impact_started_at: None,
        updates: if c.is_multiple_of(5) { Vec::new() } else { vec![update] },
        causes: Vec::new(),
        withdrawn: false,
        updated_at: ended,
        url: None,
    }
}

fn work_item(a: u8, b: u8, c: u8, began: Moment, ended: Moment) -> WorkItem {
    let done = WorkItemTransition { at: ended, status: "Done".to_owned(), stage: None };
    WorkItem {
        id: format!("w{}", b % 20),
        project: if c.is_multiple_of(7) { repository(a) } else { format!("P{}", a % 5) },
        components: if c.is_multiple_of(2) { vec![format!("c{}", c % 3)] } else { Vec::new() },
        words: vec!["bug".to_owned()],
        title: format!("item {b}"),
        created_at: began,
        transitions: if c.is_multiple_of(3) { Vec::new() } else { vec![done] },
        iterations: vec![IterationMembership { iteration: format!("i{}", a % 4), added_at: None, removed_at: None }],
        points: Some(f64::from(c % 5)),
        updated_at: ended,
        url: None,
    }
}

fn inventory(a: u8, b: u8, c: u8, at: Moment) -> Inventory {
    let entry = |name: String, attributes: &[(&str, String)]| InventoryEntry {
        name,
        attributes: attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
    };
    let (kind, scope, entries) = match a % 3 {
        0 => {
            let file = if c.is_multiple_of(2) { "RUNBOOK.md" } else { "README.md" };
            (InventoryKind::Files, repository(b), vec![entry(file.to_owned(), &[])])
        }
        1 => {
            let policy = [("escalation_policy", "all".to_owned()), ("title", word(b))];
            (InventoryKind::OnCallServices, "https://pager".to_owned(), vec![entry(format!("PD{}", c % 4), &policy)])
        }
        _ => {
            let labels = [("service", word(c))];
            (InventoryKind::AlertRules, "https://prometheus".to_owned(), vec![entry("down".to_owned(), &labels)])
        }
    };
    Inventory { kind, scope, entries, observed_at: at, url: None }
}

fn reported(a: u8, b: u8, c: u8, at: Moment) -> ReportedValue {
    let template = ["operational_readiness", "unit_cost", "developer_satisfaction"][usize::from(a % 3)];
    ReportedValue {
        template: template.to_owned(),
        id: format!("{}", b % 20),
        team: (!c.is_multiple_of(3)).then(|| format!("t{}", b % 6)),
        service: (c.is_multiple_of(2)).then(|| word(b)),
        began_at: None,
        at,
        ended: true,
        value: f64::from(c % 2),
        cases: 7.0,
        segment: Some("dashboard".to_owned()),
        person: None,
        reported_at: at,
    }
}

/// Stores facts, each by itself.
pub(super) async fn store_all(store: &Store, facts: impl IntoIterator<Item = (&'static str, Fact)>) {
    for (source, fact) in facts {
        let batch = Batch { facts: vec![fact], ..Batch::default() };
        store.accept(source, &batch, now()).await.unwrap();
    }
}

/// Everything is supplied.
pub(super) fn rules(organisation: Organisation) -> EvaluationRules {
    let families = [
        "commits",
        "pull_requests",
        "deployments",
        "releases",
        "tags",
        "ci_runs",
        "incidents",
        "work_items",
        "iterations",
        "security_alerts",
        "test_reports",
        "coverage_reports",
    ];
    EvaluationRules {
        scorecards: Arc::new(
            organisation
                .teams
                .keys()
                .map(|team| (team.clone(), chiplog::report::scorecard::scorecards().into()))
                .collect(),
        ),
        organisation: Arc::new(organisation),
        families: Arc::new(families.into()),
    }
}
