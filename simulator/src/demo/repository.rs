//! The life of one repository: pull requests that land, deployments that follow, and what goes wrong with them.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Duration, Timelike as _};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::ORGANIZATION;
use super::plan::{DeployBy, Landing, RepositoryPlan, members};
use crate::world::{Commit, Event, Incident, Moment, PullRequest, Repository, Review};

/// How long before now the slow team became slow, and by how much.
const SLOW_SINCE: Duration = Duration::weeks(10);
const SLOWER: f64 = 2.4;

/// What was made.
pub(super) struct Made {
    pub(super) repository: Repository,
    pub(super) incidents: Vec<Incident>,
}

/// Makes one repository.
pub(super) struct Generator<'a> {
    pub(super) plan: &'a RepositoryPlan,
    pub(super) now: Moment,
    pub(super) random: ChaCha8Rng,
    pub(super) repository: Repository,
    pub(super) incidents: Vec<Incident>,
    /// The head of `main`.
    head: String,
    /// Commits in production, newest last.
    pub(super) deployed: Vec<String>,
    next_number: u64,
    pub(super) next_id: u64,
}

/// A pull request before it lands.
pub(super) struct Draft {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) branch: String,
    pub(super) author: String,
    pub(super) labels: Vec<String>,
    pub(super) created_at: Moment,
    pub(super) merged_at: Option<Moment>,
    pub(super) closed_at: Option<Moment>,
}

impl<'a> Generator<'a> {
    pub(super) fn new(plan: &'a RepositoryPlan, number: usize, begin: Moment, now: Moment, random: ChaCha8Rng) -> Self {
        let repository = Repository {
            id: 1000 + number as u64,
            owner: ORGANIZATION.to_owned(),
            name: plan.name.to_owned(),
            former_names: Vec::new(),
            default_branch: "main".to_owned(),
            archived: false,
            created_at: begin,
            commits: BTreeMap::new(),
            branches: BTreeMap::new(),
            tags: Vec::new(),
            pull_requests: Vec::new(),
            deployments: Vec::new(),
            releases: Vec::new(),
            workflow_runs: Vec::new(),
            issues: Vec::new(),
        };
        let mut generator = Self {
            plan,
            now,
            random,
            repository,
            incidents: Vec::new(),
            head: String::new(),
            deployed: Vec::new(),
            next_number: 1,
            next_id: (number as u64 + 1) * 100_000,
        };
        let author = generator.person("");
        let first = generator.commit(&[], "Begin", &author, begin, begin, vec!["README.md".to_owned()]);
        generator.head = generator.keep(first);
        generator
    }

    /// Everything in the order in which it lands.
    pub(super) fn run(mut self) -> Made {
        let mut drafts = self.drafts();
        drafts.sort_by_key(|draft| draft.merged_at.or(draft.closed_at).unwrap_or(self.now + Duration::days(1)));
        for draft in drafts {
            let merged_at = draft.merged_at;
            let landed = self.land(draft);
            if let (Some(merged_at), Some(landed)) = (merged_at, landed)
                && (self.plan.deploy_by == DeployBy::Merge || self.random.random_bool(0.7))
            {
                let at = merged_at + self.minutes(15, 120);
                self.deploy(&landed, at);
            }
        }
        self.repository.branches.insert("main".to_owned(), self.head.clone());
        Made { repository: self.repository, incidents: self.incidents }
    }

    pub(super) fn minutes(&mut self, least: i64, most: i64) -> Duration {
        Duration::minutes(self.random.random_range(least..=most))
    }

    /// A member of the team other than `than`.
    pub(super) fn person(&mut self, than: &str) -> String {
        let people: Vec<String> = members(self.plan.team).into_iter().filter(|login| login != than).collect();
        people[self.random.random_range(0..people.len())].clone()
    }

    /// A moment moved into working hours.
    fn at_work(&mut self, moment: Moment) -> Moment {
        let mut moment = moment;
        while moment.weekday().number_from_monday() > 5 {
            moment += Duration::days(1);
        }
        if !(8..17).contains(&moment.hour()) {
            let hour = self.random.random_range(8..17);
            moment = moment.with_hour(hour).unwrap_or(moment);
        }
        moment
    }

    fn drafts(&mut self) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let mut at = self.repository.created_at;
        loop {
            let mean_hours = 7.0 * 24.0 / self.plan.pull_requests_per_week;
            let share: f64 = self.random.random_range(0.2..1.8);
            #[expect(clippy::cast_possible_truncation, reason = "some thousands of minutes")]
            let minutes = (mean_hours * share * 60.0) as i64;
            at += Duration::minutes(minutes.max(5));
            if at >= self.now {
                return drafts;
            }
            let created_at = self.at_work(at);
            if created_at < self.now {
                drafts.push(self.draft(created_at));
            }
        }
    }

    fn draft(&mut self, created_at: Moment) -> Draft {
        const WORK: &[&str] = &["Speed up", "Fix", "Add", "Rework", "Document", "Simplify", "Test", "Remove"];
        const THINGS: &[&str] = &[
            "the retry queue",
            "rounding",
            "the audit log",
            "the health check",
            "pagination",
            "the cache key",
            "time zones",
            "error messages",
        ];
        let bot = self.random.random_bool(0.08);
        let author = if bot { "dependabot[bot]".to_owned() } else { self.person("") };
        let work = WORK[self.random.random_range(0..WORK.len())];
        let thing = THINGS[self.random.random_range(0..THINGS.len())];
        let title = if bot { "Bump a library to its next version".to_owned() } else { format!("{work} {thing}") };
        let slow = self.plan.team == "checkout" && self.now - created_at < SLOW_SINCE;
        let hours = self.random.random_range(0.5..1.0_f64) * self.random.random_range(1.0..60.0_f64);
        let hours = if slow { 12.0 + hours * SLOWER } else { hours };
        #[expect(clippy::cast_possible_truncation, reason = "some hundred hours")]
        let took = Duration::minutes((hours * 60.0) as i64);
        let ended_at = self.at_work(created_at + took);
        let closed = self.random.random_bool(0.06);
        let over = ended_at < self.now;
        Draft {
            labels: match work {
                _ if bot => vec!["dependencies".to_owned()],
                "Simplify" => vec!["improvement".to_owned()],
                _ => Vec::new(),
            },
            body: format!("{title}, because it was time."),
            branch: format!("{author}/change-{}", created_at.timestamp()),
            title,
            author,
            created_at,
            merged_at: (over && !closed).then_some(ended_at),
            closed_at: over.then_some(ended_at),
        }
    }

    fn paths(&mut self) -> Vec<String> {
        if self.plan.parts.is_empty() {
            return vec![format!("src/part{}.rs", self.random.random_range(1..20))];
        }
        if self.random.random_bool(0.1) {
            return vec!["lib/common.rs".to_owned()];
        }
        let part = self.plan.parts[self.random.random_range(0..self.plan.parts.len())];
        vec![format!("services/{part}/main.rs")]
    }

    /// Adds a pull request, lands it if it was merged, and returns the landed commit.
    pub(super) fn land(&mut self, draft: Draft) -> Option<String> {
        let number = self.next_number;
        self.next_number += 1;
        let mut paths = self.paths();
        if ["Add", "Document", "Rework"].iter().any(|work| draft.title.starts_with(work)) {
            paths.push("docs/guide.md".to_owned());
        }
        let base = self.head.clone();
        let mut parent = base.clone();
        let mut own_commits = Vec::new();
        let count = self.random.random_range(1..=4_i64);
        for left in (0..count).rev() {
            let written = draft.created_at - Duration::minutes(20 + left * 95);
            let written = written - self.minutes(0, 40);
            let message = format!("{} (part {} of {count})", draft.title, count - left);
            let commit = self.commit(&[&parent], &message, &draft.author, written, written, paths.clone());
            parent.clone_from(&commit.sha);
            own_commits.push(commit);
        }
        let landed = draft.merged_at.map(|merged_at| self.landed(number, &draft, &own_commits, merged_at));
        let (reviews, events) = self.reviews(&draft);
        let updated_at = draft
            .closed_at
            .unwrap_or(draft.created_at)
            .max(reviews.iter().map(|review: &Review| review.submitted_at).max().unwrap_or_default());
        self.repository.pull_requests.push(PullRequest {
            number,
            title: draft.title,
            body: draft.body,
            author: draft.author,
            draft: false,
            created_at: draft.created_at,
            updated_at,
            merged_at: draft.merged_at,
            closed_at: draft.closed_at,
            base: "main".to_owned(),
            head: draft.branch,
            from_fork: false,
            merge_commit: landed.clone(),
            own_commits,
            reviews,
            labels: draft.labels,
            events,
            paths,
        });
        landed
    }

    /// Brings the commits onto `main` in the repository's way.
    fn landed(&mut self, number: u64, draft: &Draft, own: &[Commit], merged_at: Moment) -> String {
        let paths = own.iter().flat_map(|commit| commit.paths.clone()).collect();
        let head = self.head.clone();
        self.head = match self.plan.landing {
            Landing::Squash => {
                let message = format!("{} (#{number})\n\n{}", draft.title, draft.body);
                let mut commit = self.commit(&[&head], &message, &draft.author, merged_at, merged_at, paths);
                commit.pull_request = Some(number);
                self.keep(commit)
            }
            Landing::Merge => {
                for commit in own {
                    let mut commit = commit.clone();
                    commit.pull_request = Some(number);
                    self.keep(commit);
                }
                let tip = own.last().map_or_else(|| head.clone(), |commit| commit.sha.clone());
                let message =
                    format!("Merge pull request #{number} from {ORGANIZATION}/{}\n\n{}", draft.branch, draft.title);
                let mut commit = self.commit(&[&head, &tip], &message, &draft.author, merged_at, merged_at, Vec::new());
                commit.pull_request = Some(number);
                self.keep(commit)
            }
            Landing::Rebase => {
                let mut tip = head;
                for (place, commit) in own.iter().enumerate() {
                    let at = merged_at + Duration::seconds(i64::try_from(place).unwrap_or_default());
                    let message = format!("{}\n\n{}", commit.message, draft.body);
                    let mut rebased =
                        self.commit(&[&tip], &message, &commit.author, commit.authored_at, at, commit.paths.clone());
                    rebased.pull_request = Some(number);
                    tip = self.keep(rebased);
                }
                tip
            }
        };
        self.head.clone()
    }

    fn reviews(&mut self, draft: &Draft) -> (Vec<Review>, Vec<Event>) {
        let mut events = Vec::new();
        let mut reviews = Vec::new();
        let end = draft.merged_at.or(draft.closed_at).unwrap_or(self.now);
        let open = (end - draft.created_at).num_minutes().max(2);
        let at = |share: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "some thousands of minutes")]
            let minutes = (open as f64 * share) as i64;
            draft.created_at + Duration::minutes(minutes)
        };
        if draft.author.ends_with("[bot]") {
            return (reviews, events);
        }
        let ready = if self.random.random_bool(0.12) { 0.1 } else { 0.0 };
        if ready > 0.0 {
            events.push(Event { kind: "ReadyForReviewEvent".to_owned(), at: at(ready) });
        }
        let review = |author: String, state: &str, submitted_at, body: &str, comments| Review {
            author,
            state: state.to_owned(),
            submitted_at,
            body: body.to_owned(),
            comments,
        };
        reviews.push(review(
            "review-robot[bot]".to_owned(),
            "COMMENTED",
            at(ready) + Duration::minutes(1),
            "Looks fine to a robot.",
            0,
        ));
        let first = self.person(&draft.author);
        if self.random.random_bool(0.3) {
            reviews.push(review(first.clone(), "CHANGES_REQUESTED", at(0.4), "Please look at the second case.", 2));
        }
        if self.random.random_bool(0.9) {
            let comments = self.random.random_range(0..3);
            reviews.push(review(first, "APPROVED", at(0.8), "", comments));
        }
        if let Some(closed_at) = draft.closed_at {
            events.push(Event { kind: "ClosedEvent".to_owned(), at: closed_at });
        }
        (reviews, events)
    }

    /// A commit, not yet in the repository. Its object id is a hash of all that it is.
    fn commit(
        &mut self,
        parents: &[&str],
        message: &str,
        author: &str,
        authored_at: Moment,
        committed_at: Moment,
        paths: Vec<String>,
    ) -> Commit {
        let text = format!(
            "{}|{parents:?}|{message}|{author}|{authored_at}|{committed_at}|{}",
            self.plan.name, self.next_number
        );
        let digest = Sha256::digest(text.as_bytes());
        Commit {
            sha: digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect(),
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
            authored_at,
            committed_at,
            author: author.to_owned(),
            message: message.to_owned(),
            paths,
            additions: self.random.random_range(1..200),
            deletions: self.random.random_range(0..80),
            pull_request: None,
        }
    }

    /// Puts a commit into the repository and returns its object id.
    fn keep(&mut self, commit: Commit) -> String {
        let sha = commit.sha.clone();
        self.repository.commits.insert(sha.clone(), commit);
        sha
    }
}
