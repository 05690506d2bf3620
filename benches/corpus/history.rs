//! The facts of a team: the same for the same seed, counted back from the moment of evaluation.

use chiplog::attribution::FactsInput;
use chiplog::facts::{
    ChangeReference, CiRun, CiRunConclusion, Commit, Moment, OwnCommit, Person, PullRequest, PullRequestState,
    Repository, Review, ReviewState, Sourced,
};
use chrono::{Datelike as _, Days, Duration, NaiveDate, NaiveTime, Weekday};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::organisation::repository;
use super::{Size, operations};

/// People in a team.
const PEOPLE: usize = 8;

/// All facts of all teams.
pub(crate) fn all_facts(size: Size, now: Moment) -> FactsInput {
    let mut facts = FactsInput::default();
    for team in 0..size.teams {
        TeamHistory::new(size, team, now, &mut facts).tell();
    }
    facts
}

/// All facts of one team.
pub(crate) fn team_facts(size: Size, team: usize, now: Moment) -> FactsInput {
    let mut facts = FactsInput::default();
    TeamHistory::new(size, team, now, &mut facts).tell();
    facts
}

/// The history of one team while it is told.
pub(super) struct TeamHistory<'a> {
    pub(super) size: Size,
    pub(super) team: usize,
    pub(super) now: Moment,
    pub(super) random: ChaCha8Rng,
    pub(super) facts: &'a mut FactsInput,
    /// The commits on the default branch, oldest first, by service.
    pub(super) landed: Vec<Vec<(Moment, String)>>,
    runs: u64,
}

impl<'a> TeamHistory<'a> {
    fn new(size: Size, team: usize, now: Moment, facts: &'a mut FactsInput) -> Self {
        let random = ChaCha8Rng::seed_from_u64(9_000 + team as u64);
        Self { size, team, now, random, facts, landed: vec![Vec::new(); size.services], runs: 0 }
    }

    /// So many of what there are so many of in two years.
    pub(super) fn in_two_years(&self, count: usize) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "some thousands")]
        let days = self.size.days as usize;
        count * days / 730
    }

    fn tell(&mut self) {
        for service in 0..self.size.services {
            self.repository(service);
        }
        operations::deployments(self);
        operations::incidents(self);
        operations::work_items(self);
    }

    /// The working days of the history, oldest first.
    pub(super) fn working_days(&self) -> Vec<NaiveDate> {
        let today = self.now.date_naive();
        let days = (0..self.size.days).rev().filter_map(|back| today.checked_sub_days(Days::new(back)));
        days.filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)).collect()
    }

    /// A moment of a day between two hours.
    pub(super) fn moment(&mut self, day: NaiveDate, from: i64, until: i64) -> Moment {
        day.and_time(NaiveTime::MIN).and_utc() + Duration::seconds(self.random.random_range(from * 3600..until * 3600))
    }

    /// A length of time: its median is given, and one in six is more than e times as long.
    pub(super) fn lasting(&mut self, median_hours: f64) -> Duration {
        let normal: f64 = (0..12).map(|_| self.random.random::<f64>()).sum::<f64>() - 6.0;
        #[expect(clippy::cast_possible_truncation, reason = "some months")]
        let seconds = (median_hours * 3600.0 * normal.exp()).min(1e7) as i64;
        Duration::seconds(seconds.max(60))
    }

    /// Whether something happens that happens in so many of a hundred cases.
    pub(super) fn happens(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn sha(&mut self) -> String {
        format!("{:040x}", self.random.random::<u128>())
    }

    fn person(&mut self) -> Person {
        let place = self.random.random_range(0..PEOPLE + 1);
        Person { key: format!("{:016x}", self.team * 100 + place), bot: place == PEOPLE }
    }

    /// A repository with its pull requests, the commits that they landed as, and the runs of its CI.
    fn repository(&mut self, service: usize) {
        let name = repository(self.team, service);
        let mut made: Vec<PullRequest> = Vec::new();
        for day in self.working_days() {
            let opened = u32::from(self.happens(80)) + u32::from(self.happens(16));
            for _ in 0..opened {
                let number = made.len() as u64 + 1;
                made.push(self.pull_request(&name, number, day));
            }
        }
        let first = self.now - Duration::days(self.size.days.cast_signed() + 1);
        let first_sha = self.sha();
        self.commit(&name, &[], &first_sha, (first, first), None, "Begin");
        let mut landed = vec![(first, first_sha)];
        let mut merged: Vec<&mut PullRequest> = made.iter_mut().filter(|item| item.merged_at.is_some()).collect();
        merged.sort_by_key(|item| item.merged_at);
        for item in merged {
            let (sha, at) = (self.sha(), item.merged_at.unwrap());
            let parent = landed.last().map(|(_, sha)| sha.clone()).unwrap();
            self.commit(&name, &[parent], &sha, (at, at), Some(item.number), &item.title);
            item.merge_commit_sha = Some(sha.clone());
            landed.push((at, sha.clone()));
            if self.happens(33) {
                self.run(&name, &sha, "push", "main", at);
            }
        }
        for item in &made {
            let head = item.head_sha.clone().unwrap();
            self.run(&name, &head, "pull_request", &item.head_branch, item.created_at);
        }
        self.facts.repositories.push(Sourced {
            source: "github".to_owned(),
            fact: Repository {
                host_id: format!("R{}-{service}", self.team),
                default_branch: Some("main".to_owned()),
                branch_heads: [("main".to_owned(), landed.last().map(|(_, sha)| sha.clone()).unwrap())].into(),
                url: Some(format!("https://github.com/{name}")),
                full_name: name,
                archived: false,
                created_at: first,
                observed_at: self.now,
            },
        });
        self.landed[service] = landed;
        let made = made.into_iter().map(|fact| Sourced { source: "github".to_owned(), fact });
        self.facts.pull_requests.extend(made);
    }

    fn pull_request(&mut self, repository: &str, number: u64, day: NaiveDate) -> PullRequest {
        let created_at = self.moment(day, 8, 17).min(self.now - Duration::minutes(5));
        let author = self.person();
        let commits = self.random.random_range(1..5);
        let mut own_commits: Vec<OwnCommit> = (0..commits)
            .map(|_| {
                let authored_at = created_at - self.lasting(6.0);
                OwnCommit { sha: self.sha(), authored_at, author: Some(author.clone()), merge: false }
            })
            .collect();
        own_commits.sort_by_key(|commit| commit.authored_at);
        let ended_at = Some(created_at + self.lasting(20.0)).filter(|at| *at < self.now);
        let merged_at = ended_at.filter(|_| self.happens(93));
        let until = ended_at.unwrap_or(self.now);
        let mut reviews: Vec<Review> = Vec::new();
        for _ in 0..self.random.random_range(0..4) {
            let submitted_at = created_at + (until - created_at) * self.random.random_range(1..100) / 100;
            let state = if self.happens(60) { ReviewState::Approved } else { ReviewState::Commented };
            let inline_comments = self.random.random_range(0..5);
            reviews.push(Review { submitted_at, author: Some(self.person()), state, has_body: true, inline_comments });
        }
        reviews.sort_by_key(|review| review.submitted_at);
        let reverts = if number > 20 && self.happens(1) {
            vec![ChangeReference::PullRequest(number - self.random.random_range(1..15))]
        } else {
            Vec::new()
        };
        let labels = if self.happens(3) { vec!["hotfix".to_owned()] } else { Vec::new() };
        PullRequest {
            repository: repository.to_owned(),
            number,
            url: Some(format!("https://github.com/{repository}/pull/{number}")),
            title: format!("Change number {number}: handle one more case of the checkout"),
            author: Some(author),
            state: match (merged_at, ended_at) {
                (Some(_), _) => PullRequestState::Merged,
                (None, Some(_)) => PullRequestState::Closed,
                (None, None) => PullRequestState::Open,
            },
            draft: false,
            created_at,
            updated_at: until,
            merged_at,
            closed_at: ended_at,
            base_branch: "main".to_owned(),
            head_branch: format!("change-{number}"),
            head_sha: own_commits.last().map(|commit| commit.sha.clone()),
            merge_commit_sha: None,
            labels,
            own_commits,
            reviews,
            state_changes: Vec::new(),
            reverts,
            paths: None,
            additions: self.random.random_range(1..400),
            deletions: self.random.random_range(0..200),
        }
    }

    fn commit(
        &mut self,
        repository: &str,
        parents: &[String],
        sha: &str,
        (authored_at, committed_at): (Moment, Moment),
        pull_request: Option<u64>,
        subject: &str,
    ) {
        let fact = Commit {
            repository: repository.to_owned(),
            sha: sha.to_owned(),
            parents: parents.to_vec(),
            authored_at,
            committed_at,
            author: Some(self.person()),
            subject: subject.to_owned(),
            reverts: Vec::new(),
            pull_request,
            paths: None,
            url: Some(format!("https://github.com/{repository}/commit/{sha}")),
        };
        self.facts.commits.push(Sourced { source: "github".to_owned(), fact });
    }

    /// A run of the CI, and a second attempt where the first failed and somebody asked for one.
    fn run(&mut self, repository: &str, sha: &str, event: &str, branch: &str, at: Moment) {
        self.runs += 1;
        let id = self.team as u64 * 1_000_000 + self.runs;
        let failed = self.happens(12);
        let again = failed && self.happens(25);
        for attempt in 1..=u32::from(again) + 1 {
            let created_at = at + Duration::minutes(30) * i32::try_from(attempt - 1).unwrap();
            let ended_at = created_at + self.lasting(0.2);
            let conclusion = if failed && attempt == 1 { CiRunConclusion::Failure } else { CiRunConclusion::Success };
            let fact = CiRun {
                repository: repository.to_owned(),
                id,
                attempt,
                workflow: "ci".to_owned(),
                event: event.to_owned(),
                branch: Some(branch.to_owned()),
                sha: sha.to_owned(),
                created_at,
                run_started_at: created_at + Duration::seconds(20),
                updated_at: ended_at,
                conclusion: Some(conclusion),
                url: Some(format!("https://github.com/{repository}/actions/runs/{id}")),
            };
            self.facts.ci_runs.push(Sourced { source: "github".to_owned(), fact });
        }
    }
}
