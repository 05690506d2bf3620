//! What one credential may still ask of GitHub, as its answers tell. Pure: the moment is a parameter.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use http::HeaderMap;

use crate::facts::Moment;

/// Above this share of the hour's usable budget a backfill takes what it can get; below, it spreads the rest over the time
/// to the reset, so that fresh work never finds the budget empty because of it.
const SPREAD_BELOW: f64 = 0.25;

/// What a request under way counts for in the choice of a credential, as a share of the hour's limit. Its answer tells what it
/// costs, and one of GraphQL may cost fifty times as much as the one before: so high that the next goes to another credential.
const UNDER_WAY_SHARE: f64 = 0.01;

/// The budgets that GitHub keeps apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resource {
    /// REST.
    Core,
    /// GraphQL.
    Graphql,
}

impl Resource {
    pub(super) const ALL: [Self; 2] = [Self::Core, Self::Graphql];

    /// GitHub's word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Graphql => "graphql",
        }
    }
}

/// How soon something is wanted. What is fresh goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// What has just happened.
    #[default]
    Fresh,
    /// The way back through history.
    Backfill,
}

impl Urgency {
    pub(super) const ALL: [Self; 2] = [Self::Fresh, Self::Backfill];

    /// The value of the label `urgency`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Backfill => "backfill",
        }
    }
}

/// What is kept below, beside the hourly budget: GitHub's secondary limits with a tenth to spare.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// REST requests of a minute; GitHub's limit is 900 points, and a request for reading is one.
    pub(super) core_per_minute: usize,
    /// GraphQL requests of a minute; GitHub's limit is 2,000 points.
    pub(super) graphql_per_minute: usize,
    /// Requests at the same time; GitHub's limit is 100.
    pub(super) at_once: usize,
    /// Time that answers of a minute take, where that is limited.
    pub(super) work: Option<WorkLimit>,
}

/// Time that answers of a minute may take. GitHub limits the work of its processors, which it says response times estimate.
#[derive(Debug, Clone, Copy)]
pub(super) struct WorkLimit {
    /// All answers; GitHub's limit is 90 s.
    pub(super) of_all: Duration,
    /// Those of GraphQL; GitHub's limit is 60 s.
    pub(super) of_graphql: Duration,
}

impl Default for WorkLimit {
    fn default() -> Self {
        Self { of_all: Duration::from_secs(80), of_graphql: Duration::from_secs(54) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { core_per_minute: 800, graphql_per_minute: 1800, at_once: 90, work: Some(WorkLimit::default()) }
    }
}

impl Limits {
    /// Those of one GitHub. How long an Enterprise Server may work is its administrators' affair.
    pub(super) fn of(base_url: &str) -> Self {
        let is_cloud = base_url.contains("://api.github.com") || base_url.trim_end_matches('/').ends_with(".ghe.com");
        Self { work: is_cloud.then(WorkLimit::default), ..Self::default() }
    }
}

/// What is left of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) limit: u64,
    pub(super) remaining: u64,
    pub(super) reset_at: Moment,
}

impl Left {
    /// What is left above a share of the limit.
    fn above(&self, share: f64) -> f64 {
        self.remaining as f64 - self.limit as f64 * share
    }
}

/// Why a request has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wait {
    /// GitHub refused an earlier request and said until when.
    Refused,
    /// The hour's budget is down to the reserve.
    Reserve,
    /// A backfill spreads what is left over the time to the reset.
    Spread,
    /// The pace of the last minute is as high as GitHub allows.
    Pace,
    /// Answers of the last minute took as long as GitHub allows.
    Work,
    /// As many requests are under way as GitHub allows.
    Concurrency,
    /// Something fresher, or something that asked earlier, goes first.
    Turn,
}

impl Wait {
    /// The value of the label `reason`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reserve => "reserve",
            Self::Spread => "spread",
            Self::Pace => "pace",
            Self::Work => "work",
            Self::Concurrency => "concurrency",
            Self::Turn => "turn",
        }
    }
}

/// What a request is, as far as limits go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) resource: Resource,
    pub(super) urgency: Urgency,
    /// The share of the budget that is left to others.
    pub(super) reserve: f64,
}

/// The pace of one resource.
#[derive(Debug, Default)]
struct Pace {
    /// When the requests of the last minute were sent.
    sent_at: VecDeque<Moment>,
    /// When the answers of the last minute came, and how long they took.
    answered: VecDeque<(Moment, Duration)>,
    last_backfill: Option<Moment>,
    /// Points of a request of a backfill, as a moving average.
    cost: Option<f64>,
}

/// The budgets of one credential.
#[derive(Debug, Default)]
pub(super) struct Budget {
    limits: Limits,
    left: BTreeMap<Resource, Left>,
    pace: BTreeMap<Resource, Pace>,
    held_until: Option<Moment>,
    /// Requests under way, by number: of which resource, and since when.
    under_way: BTreeMap<u64, (Resource, Moment)>,
    started: u64,
    /// GitHub answers without telling a budget: an Enterprise Server without limits.
    is_unlimited: bool,
}

fn minute() -> chrono::Duration {
    chrono::Duration::minutes(1)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn reset(headers: &HeaderMap) -> Option<Moment> {
    let seconds = number(headers, "x-ratelimit-reset").and_then(|seconds| i64::try_from(seconds).ok());
    seconds.and_then(|seconds| Moment::from_timestamp(seconds, 0))
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes over what the headers of an answer tell.
    pub(super) fn note(&mut self, resource: Resource, headers: &HeaderMap) {
        let told = headers.get("x-ratelimit-resource").and_then(|value| value.to_str().ok());
        // Some paths (searching, scanning) have budgets of their own.
        if told.is_some_and(|told| told != resource.name()) {
            return;
        }
        let limit = number(headers, "x-ratelimit-limit");
        let remaining = number(headers, "x-ratelimit-remaining");
        let (Some(limit), Some(mut remaining), Some(mut reset_at)) = (limit, remaining, reset(headers)) else { return };
        // Answers overtake each other: within an hour the smallest number is the newest.
        if let Some(known) = self.left.get(&resource).filter(|known| (reset_at - known.reset_at).abs() < minute()) {
            remaining = remaining.min(known.remaining);
            reset_at = known.reset_at;
        }
        self.is_unlimited = false;
        self.left.insert(resource, Left { limit, remaining, reset_at });
    }

    /// GitHub answered well and told no budget: there is none.
    pub(super) fn note_no_limits(&mut self) {
        self.is_unlimited = self.left.is_empty();
    }

    /// What is left, by resource.
    pub(super) fn left(&self) -> &BTreeMap<Resource, Left> {
        &self.left
    }

    /// How many requests are under way.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Takes note of what a request of a backfill cost. What is fresh costs less.
    pub(super) fn spent(&mut self, resource: Resource, urgency: Urgency, points: u64) {
        if urgency == Urgency::Backfill {
            let pace = self.pace.entry(resource).or_default();
            let points = points as f64;
            pace.cost = Some(pace.cost.map_or(points, |known| known * 0.9 + points * 0.1));
        }
    }

    /// Points of a usual request of a backfill.
    pub(super) fn cost(&self, resource: Resource) -> f64 {
        self.pace.get(&resource).and_then(|pace| pace.cost).unwrap_or(1.0)
    }

    /// Holds back all requests until a moment, as a refusal asked.
    pub(super) fn hold_until(&mut self, moment: Moment) {
        self.held_until = self.held_until.max(Some(moment));
    }

    /// What is left above the reserve and what is under way. `None` where that is unknown: before the first answer, and
    /// once the hour is over.
    pub(super) fn usable(&self, resource: Resource, reserve: f64, now: Moment) -> Option<f64> {
        Some(self.current(resource, now)?.above(reserve) - self.under_way_of(resource) * self.cost(resource))
    }

    /// What is left of the hour that runs, as far as is known.
    fn current(&self, resource: Resource, now: Moment) -> Option<&Left> {
        self.left.get(&resource).filter(|left| now < left.reset_at)
    }

    fn under_way_of(&self, resource: Resource) -> f64 {
        self.under_way.values().filter(|(of, _)| *of == resource).count() as f64
    }

    /// How much a credential has to give: points left above the reserve, per second to the reset. What is unknown is tried
    /// once before all others, so that it becomes known, and after them until it is.
    pub(super) fn plenty(&self, resource: Resource, reserve: f64, now: Moment) -> f64 {
        let under_way = self.under_way_of(resource);
        match self.current(resource, now) {
            Some(left) => left.above(reserve + UNDER_WAY_SHARE * under_way) / seconds(left.reset_at - now).max(1.0),
            None if under_way == 0.0 => f64::INFINITY,
            // Of several unknown ones, that with the fewest requests under way.
            None => -1e9 * under_way,
        }
    }

    /// Lets a request go and returns its number; or says when to ask again, and why. What is allowed counts as sent.
    pub(super) fn admit(&mut self, ask: Ask, now: Moment) -> Result<u64, (Moment, Wait)> {
        let Ask { resource, urgency, reserve } = ask;
        if let Some(until) = self.held_until.filter(|until| now < *until) {
            return Err((until, Wait::Refused));
        }
        if self.under_way.len() >= self.limits.at_once {
            return Err((now + chrono::Duration::seconds(1), Wait::Concurrency));
        }
        if !self.is_unlimited {
            self.within_the_minute(resource, now)?;
            self.above_the_reserve(resource, reserve, now)?;
            if urgency == Urgency::Backfill {
                self.spread(resource, reserve, now)?;
            }
        }
        let pace = self.pace.entry(resource).or_default();
        pace.sent_at.push_back(now);
        if urgency == Urgency::Backfill {
            pace.last_backfill = Some(now);
        }
        self.started += 1;
        self.under_way.insert(self.started, (resource, now));
        Ok(self.started)
    }

    /// A request has its answer.
    pub(super) fn finish(&mut self, request: u64, now: Moment) {
        if let Some((resource, began)) = self.under_way.remove(&request) {
            let took = (now - began).to_std().unwrap_or_default();
            self.pace.entry(resource).or_default().answered.push_back((now, took));
        }
    }

    /// A request was given up before its answer came.
    pub(super) fn give_up(&mut self, request: u64) {
        self.under_way.remove(&request);
    }

    fn within_the_minute(&mut self, resource: Resource, now: Moment) -> Result<(), (Moment, Wait)> {
        for pace in self.pace.values_mut() {
            while pace.sent_at.front().is_some_and(|sent| *sent + minute() <= now) {
                pace.sent_at.pop_front();
            }
            while pace.answered.front().is_some_and(|(answered, _)| *answered + minute() <= now) {
                pace.answered.pop_front();
            }
        }
        let most = match resource {
            Resource::Core => self.limits.core_per_minute,
            Resource::Graphql => self.limits.graphql_per_minute,
        };
        let sent_at = self.pace.get(&resource).map(|pace| &pace.sent_at);
        if let Some(first) = sent_at.filter(|sent_at| sent_at.len() >= most).and_then(|sent_at| sent_at.front()) {
            return Err((*first + minute(), Wait::Pace));
        }
        let Some(limit) = self.limits.work else { return Ok(()) };
        let graphql_is_full = resource == Resource::Graphql && self.work(&[Resource::Graphql], now) >= limit.of_graphql;
        if graphql_is_full || self.work(&Resource::ALL, now) >= limit.of_all {
            let answers = self.pace.values().filter_map(|pace| pace.answered.front());
            let first = answers.map(|(answered, _)| *answered + minute()).min();
            return Err((first.unwrap_or(now + chrono::Duration::seconds(1)), Wait::Work));
        }
        Ok(())
    }

    /// How long answers of the last minute took, those under way as far as they have come.
    fn work(&self, resources: &[Resource], now: Moment) -> Duration {
        let answered = self.pace.iter().filter(|(resource, _)| resources.contains(resource));
        let answered: Duration =
            answered.flat_map(|(_, pace)| &pace.answered).map(|(_, took)| (*took).min(Duration::from_mins(1))).sum();
        let under_way = self.under_way.values().filter(|(resource, _)| resources.contains(resource));
        answered + under_way.map(|(_, began)| (now - *began).to_std().unwrap_or_default()).sum::<Duration>()
    }

    fn above_the_reserve(&self, resource: Resource, reserve: f64, now: Moment) -> Result<(), (Moment, Wait)> {
        let left = self.left.get(&resource);
        match (self.usable(resource, reserve, now), left) {
            (Some(usable), Some(left)) if usable <= 0.0 => Err((left.reset_at, Wait::Reserve)),
            _ => Ok(()),
        }
    }

    fn spread(&self, resource: Resource, reserve: f64, now: Moment) -> Result<(), (Moment, Wait)> {
        let (Some(usable), Some(left)) = (self.usable(resource, reserve, now), self.left.get(&resource)) else {
            return Ok(());
        };
        let whole = left.limit as f64 * (1.0 - reserve);
        let Some(last) = self.pace.get(&resource).and_then(|pace| pace.last_backfill) else { return Ok(()) };
        if usable > whole * SPREAD_BELOW {
            return Ok(());
        }
        let cost = self.cost(resource).max(1.0);
        if usable < cost {
            return Err((left.reset_at, Wait::Reserve));
        }
        let gap = seconds(left.reset_at - last).max(0.0) * cost / usable;
        #[expect(clippy::cast_possible_truncation, reason = "at most the hour to the reset for each point")]
        let next = last + chrono::Duration::milliseconds((gap * 1000.0).ceil().min(1e10) as i64);
        if next > now { Err((next.min(left.reset_at), Wait::Spread)) } else { Ok(()) }
    }
}

/// A span in seconds.
pub(super) fn seconds(span: chrono::Duration) -> f64 {
    span.num_milliseconds() as f64 / 1000.0
}

/// How long a refusal (403, 429, or a GraphQL error of type `RATE_LIMITED`) asks to wait: `Retry-After`, else the reset
/// of a budget that is used up, else a minute that doubles with each refusal. `None` where it is no matter of limits.
pub(super) fn wait_after_refusal(headers: &HeaderMap, message: &str, refusals: u32, now: Moment) -> Option<Duration> {
    if let Some(seconds) = number(headers, "retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if number(headers, "x-ratelimit-remaining") == Some(0) {
        return Some(reset(headers).and_then(|reset| (reset - now).to_std().ok()).unwrap_or(Duration::from_mins(1)));
    }
    message.contains("rate limit").then(|| Duration::from_mins(1) * 2_u32.pow(refusals.min(4)))
}

#[cfg(test)]
mod tests;
