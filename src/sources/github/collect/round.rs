//! A round over all repositories: look what has changed, read that first, and walk back through history in turns.
//!
//! A turn is a page of each part of one repository. Whoever has more goes to the end of the line, so that all repositories
//! come on alike and the newest pages of all come first. While history is left, GitHub is asked again and again what is
//! new, and what is goes before every turn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::super::GithubSource;
use super::super::budget::Urgency;
use super::super::ledger::PartKind;
use super::super::payload::RepositoryNode;
use super::probe::{Seen, chunks, look};
use super::queue::{Line, Queue};
use super::{listing, projects, repository};
use crate::facts::Moment;
use crate::sources::source::{BatchSink, SourceError};

/// Repositories that are read at the same time, for each credential that sees them: of those that changed, and of those whose
/// history is walked through. What waits for the budget of one credential takes no place of another's.
const FRESH_AT_ONCE: usize = 8;
const BACKFILL_AT_ONCE: usize = 4;

/// However many credentials there are, not more.
const MOST_AT_ONCE: usize = 32;

/// Probes at the same time.
const PROBES_AT_ONCE: usize = 8;

/// While history is left, GitHub is asked what is new after so many requests for each probe: that costs a twentieth.
const REQUESTS_PER_PROBE: u64 = 20;

/// Or after this time, if that is sooner.
const LOOK_AGAIN_AFTER: std::time::Duration = std::time::Duration::from_mins(5);

/// A repository of which a probe tells nothing new is gone through all the same after this time: runs, alerts and artifacts
/// come without its telling.
const ATTEND_AFTER: chrono::Duration = chrono::Duration::minutes(15);

/// How often projects are read while history is left, which may take days.
const PROJECTS_AGAIN_AFTER: chrono::Duration = chrono::Duration::minutes(30);

/// How often the log tells how far a backfill has come.
const TELL_AFTER: chrono::Duration = chrono::Duration::minutes(3);

/// Collects everything that is new. A repository that fails is reported, and the others go on; what concerns all of them
/// (a bad token, a used-up budget) ends the round.
pub(in super::super) async fn all(source: &GithubSource, sink: &dyn BatchSink) -> Result<(), SourceError> {
    let mut round = Round::new(source, sink);
    let result = round.run().await;
    source.ledger.clear();
    if source.client.credentials() > 1 {
        for (credential, refusal) in source.client.refusals() {
            sink.report(&credential, &SourceError::Unauthorized(refusal));
        }
    }
    result?;
    // Projects say more of issues that are known by then.
    projects::collect(source, sink, false).await
}

/// What is done with a repository in its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// What has changed, newest first.
    Forward,
    /// A page of each part of its history.
    Back,
}

/// A repository in its turn.
struct Work {
    seen: Seen,
    step: Step,
    line: Line,
}

/// What comes of something that was under way.
enum Event {
    Listed(Result<Vec<RepositoryNode>, SourceError>),
    Looked(Result<Vec<Seen>, SourceError>),
    Turned(Box<Work>, Result<bool, SourceError>),
    TimeToLook,
    ProjectsRead(Result<(), SourceError>),
}

struct Round<'a> {
    source: &'a GithubSource,
    sink: &'a dyn BatchSink,
    queue: Queue<Work>,
    chunks: VecDeque<Vec<RepositoryNode>>,
    running: FuturesUnordered<BoxFuture<'a, Event>>,
    /// What is running, by what it is.
    listing: bool,
    timer: bool,
    probes: usize,
    turns: BTreeMap<Line, usize>,
    at_work: BTreeSet<String>,
    /// What was seen of repositories while they were at work.
    meanwhile: BTreeMap<String, Seen>,
    /// When each repository was last gone through.
    attended: BTreeMap<String, Moment>,
    /// How many requests were made until GitHub was last asked what is new, and how many probes that took.
    requests_at_look: u64,
    probes_of_a_look: u64,
    told_at: Moment,
    unavailable: Option<SourceError>,
    /// Of several credentials, one that has used its budget up keeps back what only it sees.
    kept_back: Option<SourceError>,
    any_turned: bool,
    projects_read_at: Moment,
}

impl<'a> Round<'a> {
    fn new(source: &'a GithubSource, sink: &'a dyn BatchSink) -> Self {
        Self {
            source,
            sink,
            queue: Queue::default(),
            chunks: VecDeque::new(),
            running: FuturesUnordered::new(),
            listing: false,
            timer: false,
            probes: 0,
            turns: BTreeMap::new(),
            at_work: BTreeSet::new(),
            meanwhile: BTreeMap::new(),
            attended: BTreeMap::new(),
            requests_at_look: 0,
            probes_of_a_look: 1,
            told_at: (source.context.now)(),
            unavailable: None,
            kept_back: None,
            any_turned: false,
            projects_read_at: (source.context.now)(),
        }
    }

    async fn run(&mut self) -> Result<(), SourceError> {
        self.look();
        loop {
            self.start();
            // A timer alone is nothing to wait for.
            if self.running.len() == usize::from(self.timer) {
                break;
            }
            let Some(event) = self.running.next().await else { break };
            self.handle(event)?;
            self.look_again();
            self.read_projects();
            self.tell();
        }
        match self.kept_back.take() {
            Some(error) if !self.any_turned => return Err(error),
            Some(error) => self.sink.report("repositories that no other credential sees", &error),
            None => {}
        }
        // One repository that GitHub could not serve does not stop the others; the round has failed all the same.
        self.unavailable.take().map_or(Ok(()), Err)
    }

    /// Begins to ask what is new.
    fn look(&mut self) {
        let (source, sink) = (self.source, self.sink);
        self.listing = true;
        self.running.push(Box::pin(async move { Event::Listed(listing::listed(source, sink).await) }));
    }

    /// Starts as much as may run at the same time. What is fresh has places of its own.
    fn start(&mut self) {
        let (source, sink) = (self.source, self.sink);
        while self.probes < PROBES_AT_ONCE
            && let Some(chunk) = self.chunks.pop_front()
        {
            self.probes += 1;
            let about = chunk.first().map(|repository| repository.name_with_owner.clone());
            let source = source.asking(Urgency::Fresh, about.as_deref());
            self.running.push(Box::pin(async move { Event::Looked(look(&source, sink, chunk).await) }));
        }
        for (urgency, each) in [(Urgency::Fresh, FRESH_AT_ONCE), (Urgency::Backfill, BACKFILL_AT_ONCE)] {
            loop {
                let running = |line: &Line| self.turns.get(line).copied().unwrap_or_default();
                let may_go = |line: &Line| running(line) < (each * line.1.len()).min(MOST_AT_ONCE);
                let Some(work) = self.queue.take(urgency, may_go) else { break };
                *self.turns.entry(work.line.clone()).or_default() += 1;
                self.at_work.insert(work.seen.target.id.clone());
                self.running.push(Box::pin(turn(source, sink, work)));
            }
        }
        if !self.timer && !self.queue.is_empty() {
            self.timer = true;
            let wait = source.client.sleep(LOOK_AGAIN_AFTER);
            self.running.push(Box::pin(async move {
                wait.await;
                Event::TimeToLook
            }));
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), SourceError> {
        match event {
            Event::Listed(repositories) => {
                self.listing = false;
                self.chunks.extend(chunks(repositories?));
                self.requests_at_look = self.source.client.requests();
                self.probes_of_a_look = self.chunks.len().max(1) as u64;
            }
            Event::Looked(seen) => {
                self.probes -= 1;
                match seen {
                    Ok(seen) => seen.into_iter().for_each(|seen| self.consider(seen)),
                    Err(error) => self.keep_back(error)?,
                }
            }
            Event::Turned(work, result) => {
                if let Some(count) = self.turns.get_mut(&work.line) {
                    *count -= 1;
                }
                self.at_work.remove(&work.seen.target.id);
                self.after_turn(*work, result)?;
            }
            Event::TimeToLook => {
                self.timer = false;
                if self.has_history() && !self.is_looking() {
                    self.look();
                }
            }
            Event::ProjectsRead(Ok(())) => {}
            Event::ProjectsRead(Err(error)) => self.sink.report("projects", &error),
        }
        Ok(())
    }

    /// What is to be done with a repository that was looked at.
    fn consider(&mut self, seen: Seen) {
        let id = seen.target.id.clone();
        if self.at_work.contains(&id) {
            self.meanwhile.insert(id, seen);
            return;
        }
        let now = (self.source.context.now)();
        let is_new = !seen.known.complete;
        let is_due = self.attended.get(&id).is_none_or(|at| now - *at >= ATTEND_AFTER);
        if is_new {
            if !self.queue.holds(&id) {
                self.expect(&seen);
                self.put(seen, Step::Forward, Urgency::Backfill);
            }
        } else if seen.has_changed() || is_due {
            self.put(seen, Step::Forward, Urgency::Fresh);
        } else if seen.known.history_left && !self.queue.holds(&id) {
            self.put(seen, Step::Back, Urgency::Backfill);
        }
    }

    fn put(&mut self, seen: Seen, step: Step, urgency: Urgency) {
        if step == Step::Back {
            self.source.ledger.resume(&seen.target.full_name);
        }
        let line = (urgency, self.source.client.seers(&seen.target.full_name));
        let id = seen.target.id.clone();
        self.queue.put(&id, line.clone(), Work { seen, step, line });
    }

    /// Tells the ledger of a repository that was never read.
    fn expect(&self, seen: &Seen) {
        let (target, config) = (&seen.target, &self.source.config);
        let mut parts = Vec::new();
        if seen.known.pull_request != target.probe.pull_request {
            parts.push((PartKind::PullRequests, target.totals.pull_requests));
        }
        if seen.known.deployment != target.probe.deployment {
            parts.push((PartKind::Deployments, target.totals.deployments));
        }
        if target.head.is_some() {
            parts.push((PartKind::Commits, None));
        }
        if config.workflow_runs {
            parts.push((PartKind::Runs, None));
        }
        self.source.ledger.expect(&target.full_name, &parts);
    }

    fn after_turn(&mut self, work: Work, result: Result<bool, SourceError>) -> Result<(), SourceError> {
        let Work { seen, step, .. } = work;
        let (id, name) = (seen.target.id.clone(), seen.target.full_name.clone());
        if step == Step::Forward {
            self.attended.insert(id.clone(), (self.source.context.now)());
        }
        let meanwhile = self.meanwhile.remove(&id);
        match result {
            Ok(left) => {
                self.any_turned = true;
                if let Some(newer) = meanwhile {
                    // What is known is what has just been read.
                    let newer = Seen { target: newer.target, known: seen.known };
                    if newer.has_changed() {
                        self.consider(newer);
                        return Ok(());
                    }
                    if left {
                        self.put(newer, Step::Back, Urgency::Backfill);
                        return Ok(());
                    }
                } else if left {
                    self.put(seen, Step::Back, Urgency::Backfill);
                    return Ok(());
                }
                self.source.ledger.completed(&name);
            }
            Err(error @ (SourceError::NotFound(_) | SourceError::Forbidden(_) | SourceError::Malformed(_))) => {
                self.source.ledger.give_up(&name);
                self.sink.report(&name, &error);
            }
            Err(error @ SourceError::Unavailable(_)) if self.unavailable.is_none() => {
                self.source.ledger.give_up(&name);
                self.sink.report(&name, &error);
                self.unavailable = Some(error);
            }
            Err(error) => {
                self.keep_back(error)?;
                self.source.ledger.give_up(&name);
            }
        }
        Ok(())
    }

    /// With several credentials, the used-up budget of one does not hold the others. Any other error ends the round.
    fn keep_back(&mut self, error: SourceError) -> Result<(), SourceError> {
        if self.source.client.credentials() == 1 || !matches!(error, SourceError::RateLimited { .. }) {
            return Err(error);
        }
        self.kept_back.get_or_insert(error);
        Ok(())
    }

    fn is_looking(&self) -> bool {
        self.listing || self.probes > 0 || !self.chunks.is_empty()
    }

    fn has_history(&self) -> bool {
        let of_history = self.turns.iter().filter(|(line, _)| line.0 == Urgency::Backfill);
        of_history.map(|(_, running)| running).sum::<usize>() + self.queue.len(Urgency::Backfill) > 0
    }

    /// Asks again what is new, once a backfill has made many requests.
    fn look_again(&mut self) {
        let since = self.source.client.requests() - self.requests_at_look;
        if since >= REQUESTS_PER_PROBE * self.probes_of_a_look && self.has_history() && !self.is_looking() {
            self.look();
        }
    }

    /// Reads projects now and then while history is left: they do not wait for its end.
    fn read_projects(&mut self) {
        let (source, sink, now) = (self.source, self.sink, (self.source.context.now)());
        if now - self.projects_read_at >= PROJECTS_AGAIN_AFTER && self.has_history() {
            self.projects_read_at = now;
            self.running
                .push(Box::pin(async move { Event::ProjectsRead(projects::collect(source, sink, true).await) }));
        }
    }

    /// Says every few minutes how far a backfill has come.
    fn tell(&mut self) {
        let now = (self.source.context.now)();
        if now - self.told_at >= TELL_AFTER && self.has_history() {
            self.told_at = now;
            let source = self.source.config.name.as_str();
            tracing::info!(source, "{}", self.source.backfill_in_words());
        }
    }
}

/// One turn of one repository.
async fn turn(source: &GithubSource, sink: &dyn BatchSink, mut work: Work) -> Event {
    let asking = source.asking(work.line.0, Some(&work.seen.target.full_name));
    let result = match work.step {
        Step::Forward => repository::forward(&asking, sink, &mut work.seen).await,
        Step::Back => repository::back(&asking, sink, &mut work.seen).await,
    };
    Event::Turned(Box::new(work), result)
}
