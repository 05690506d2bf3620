//! Sending: the credential with the most left makes a request when its governor lets it; what breaks is tried again.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::select_all;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::super::budget::{Ask, Resource, Urgency, Wait, wait_after_refusal};
use super::super::governor::{Permit, Place, next_place};
use super::Client;
use super::member::{Attempt, Failure, Member, Request};
use crate::facts::Moment;
use crate::sources::source::SourceError;

/// How often a request is tried in all, refusals for limits not counted.
const TRIES: u32 = 5;

/// How often limits are waited for before a collection gives up until the next round.
const REFUSALS: u32 = 6;

/// The longest wait of something fresh within a collection; beyond it the collection ends and is taken up again later.
/// A backfill waits as long as it takes.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// An answer, and whose it is.
pub(super) struct Sent {
    pub(super) attempt: Attempt,
    pub(super) member: usize,
}

/// What an answer means for the request.
enum Judgement {
    Good,
    Again(String),
    Refused(String),
    /// Another credential may have it.
    Hidden(SourceError),
    /// The credential is no good.
    Bad(SourceError),
}

impl Client {
    /// What a request is, as far as limits go.
    pub(super) fn ask(&self, resource: Resource) -> Ask {
        Ask { resource, urgency: self.urgency, reserve: self.shared.reserve }
    }

    /// Sends until there is an answer that means something: waits for budgets and refusals, tries broken connections,
    /// broken bodies and server errors again, and asks with another credential what one does not see. `tried` are the
    /// credentials that had nothing to show.
    pub(super) async fn send(
        &self,
        resource: Resource,
        request: &Request<'_>,
        about: Option<&str>,
        tried: &mut BTreeSet<usize>,
    ) -> Result<Sent, SourceError> {
        let (mut attempts, mut refusals) = (0, 0);
        loop {
            let (member, permit) = self.acquire(resource, about, tried).await?;
            let credential = &self.shared.members[member];
            attempts += 1;
            self.shared.requests.fetch_add(1, Ordering::Relaxed);
            let problem = match credential.attempt(request).await {
                Err(Failure::Broken(problem)) => problem,
                Err(Failure::NoToken(why)) => {
                    self.set_aside(tried, member, SourceError::Unauthorized(why))?;
                    continue;
                }
                Ok(attempt) => {
                    let now = self.shared.time.now();
                    permit.answered(&attempt.headers, attempt.status.is_success(), now);
                    if self.urgency == Urgency::Backfill {
                        self.shared.ledger.answered(resource, now);
                    }
                    match self.judge(resource, credential, &attempt, attempts, refusals) {
                        Judgement::Good => {
                            credential.governor.take_back();
                            return Ok(Sent { attempt, member });
                        }
                        Judgement::Again(problem) => problem,
                        Judgement::Refused(message) => {
                            self.hold(member, &attempt.headers, &message, refusals)?;
                            refusals += 1;
                            attempts -= 1;
                            continue;
                        }
                        Judgement::Hidden(_) if self.has_others(tried, member) => continue,
                        Judgement::Hidden(SourceError::NotFound(_)) => return Ok(Sent { attempt, member }),
                        Judgement::Hidden(error) => return Err(error),
                        Judgement::Bad(error) => {
                            self.set_aside(tried, member, error)?;
                            continue;
                        }
                    }
                }
            };
            if attempts >= TRIES {
                let place = &self.shared.base_url;
                return Err(SourceError::Unavailable(format!(
                    "{problem} at {place}, after {attempts} tries: check base_url and the network; chiplog goes on trying"
                )));
            }
            // The jitter keeps replicas that met the same trouble from coming back together.
            let jitter = u64::from(rand_byte());
            (self.shared.time.sleep)(Duration::from_millis((100 << attempts) + jitter)).await;
        }
    }

    /// Sets a credential aside that is no good. Fails with the error where there is no other.
    fn set_aside(&self, tried: &mut BTreeSet<usize>, member: usize, error: SourceError) -> Result<(), SourceError> {
        let news = self.shared.members[member].governor.set_aside(&error.to_string(), self.shared.time.now());
        if !self.has_others(tried, member) {
            return Err(error);
        }
        if news {
            tracing::error!("{error}; the other credentials go on");
        }
        Ok(())
    }

    /// Takes note that a credential had nothing to show, and says whether another may.
    pub(super) fn has_others(&self, tried: &mut BTreeSet<usize>, member: usize) -> bool {
        tried.insert(member);
        self.only.is_none() && tried.len() < self.shared.members.len()
    }

    /// Remembers who showed a repository that others did not.
    pub(super) fn learn(&self, about: Option<&str>, tried: &BTreeSet<usize>, member: usize) {
        if let Some(repository) = about.filter(|_| !tried.is_empty()) {
            self.shared.sight.add(repository, member);
        }
    }

    fn judge(
        &self,
        resource: Resource,
        credential: &Member,
        attempt: &Attempt,
        tries: u32,
        refusals: u32,
    ) -> Judgement {
        let message = || {
            let body: Value = serde_json::from_slice(&attempt.body).unwrap_or_default();
            body["message"].as_str().unwrap_or_default().to_owned()
        };
        let name = &credential.name;
        match attempt.status {
            StatusCode::UNAUTHORIZED if credential.is_app && tries == 1 => {
                Judgement::Again("the installation token has ended".to_owned())
            }
            StatusCode::UNAUTHORIZED => Judgement::Bad(SourceError::Unauthorized(format!(
                "GitHub refuses {name} (401 {}): it has expired or was revoked. Make a new one and start chiplog again",
                message()
            ))),
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                let message = message();
                if wait_after_refusal(&attempt.headers, &message, refusals, self.shared.time.now()).is_some() {
                    return Judgement::Refused(message);
                }
                let accepted = attempt.headers.get("x-accepted-oauth-scopes").and_then(|value| value.to_str().ok());
                let permitted =
                    attempt.headers.get("x-accepted-github-permissions").and_then(|value| value.to_str().ok());
                let scopes = accepted.filter(|scopes| !scopes.is_empty()).map(|it| format!("one of the scopes {it}"));
                // Of Apps and fine-grained tokens GitHub names the permissions instead.
                let permissions = permitted.map(|permissions| format!("the permission {permissions}"));
                let needed = scopes.or(permissions).unwrap_or_else(|| {
                    "read access to repositories, pull requests, deployments, actions and members".to_owned()
                });
                Judgement::Hidden(SourceError::Forbidden(format!(
                    "GitHub does not let {name} do this (403 {message}): give it {needed}"
                )))
            }
            StatusCode::NOT_FOUND => Judgement::Hidden(SourceError::NotFound(message())),
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT if resource == Resource::Graphql => Judgement::Good,
            status if status.is_server_error() => Judgement::Again(format!("GitHub answers {status}")),
            StatusCode::OK if serde_json::from_slice::<serde::de::IgnoredAny>(&attempt.body).is_err() => {
                Judgement::Again("GitHub answers with broken JSON".to_owned())
            }
            _ => Judgement::Good,
        }
    }

    /// Those that may make a request: who is known to see what it is about, else all; without those that were tried, and
    /// without those that are refused while there are others.
    fn candidates(&self, about: Option<&str>, tried: &BTreeSet<usize>, now: Moment) -> Vec<usize> {
        let members = 0..self.shared.members.len();
        let mut open: Vec<usize> =
            members.filter(|place| self.only.is_none_or(|only| only == *place) && !tried.contains(place)).collect();
        if let Some(seers) = about.and_then(|repository| self.shared.sight.of(repository)) {
            let seeing: Vec<usize> = open.iter().copied().filter(|place| seers.contains(place)).collect();
            if !seeing.is_empty() {
                open = seeing;
            }
        }
        let is_good = |place: &usize| !self.shared.members[*place].governor.is_set_aside(now);
        if open.iter().any(is_good) {
            open.retain(is_good);
        }
        open
    }

    /// Waits for the first credential whose governor lets the request go.
    async fn acquire(
        &self,
        resource: Resource,
        about: Option<&str>,
        tried: &BTreeSet<usize>,
    ) -> Result<(usize, Permit), SourceError> {
        let (ask, place) = (self.ask(resource), next_place());
        let members = &self.shared.members;
        let mut waiting = None;
        loop {
            let now = self.shared.time.now();
            let mut candidates = self.candidates(about, tried, now);
            let plenty = |place: &usize| members[*place].governor.plenty(resource, ask.reserve, now);
            candidates.sort_by(|one, other| plenty(other).total_cmp(&plenty(one)));
            // What changes from here on is not missed.
            let changes: Vec<_> = candidates
                .iter()
                .map(|place| {
                    let mut changed = Box::pin(members[*place].governor.changed.notified());
                    changed.as_mut().enable();
                    changed
                })
                .collect();
            let mut earliest: Option<(Moment, Wait, usize)> = None;
            for candidate in candidates.iter().copied() {
                match members[candidate].governor.admit(ask, place, now) {
                    Ok(permit) => return Ok((candidate, permit)),
                    Err((until, why)) if earliest.is_none_or(|(known, ..)| until < known) => {
                        earliest = Some((until, why, candidate));
                    }
                    Err(_) => {}
                }
            }
            let Some((until, why, member)) = earliest else {
                return Err(SourceError::Unauthorized("no credential is left to ask with".to_owned()));
            };
            if waiting.is_none() {
                let governors = candidates.iter().map(|place| &members[*place].governor).collect();
                waiting = Some(Place::take(ask, place, governors));
            }
            let wait = (until - now).to_std().unwrap_or_default();
            self.announce(ask, why, wait, until, member)?;
            tokio::select! {
                () = (self.shared.time.sleep)(wait) => {}
                () = select_all(changes).map(|_| ()) => {}
            }
            let waited = (self.shared.time.now() - now).to_std().unwrap_or_default();
            members[member].governor.waited(resource, why, waited);
            let milliseconds = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
            self.shared.waited_milliseconds.fetch_add(milliseconds, Ordering::Relaxed);
        }
    }

    /// Says why a request waits, where that is long; fails where it is too long for something fresh.
    fn announce(&self, ask: Ask, why: Wait, wait: Duration, until: Moment, member: usize) -> Result<(), SourceError> {
        let (name, resource) = (&self.shared.members[member].name, ask.resource.name());
        let words = match why {
            Wait::Refused => format!("GitHub asked {name} to wait"),
            Wait::Reserve => format!("the {resource} budget of {name} is down to the reserve"),
            Wait::Spread => format!("a backfill spreads the rest of the {resource} budget of {name} over the hour"),
            Wait::Pace => format!("{name} asks as often in a minute as its {resource} limit allows"),
            Wait::Work => format!("answers to {name} take as long in a minute as GitHub allows"),
            Wait::Concurrency | Wait::Turn => format!("other requests of {name} go first"),
        };
        if wait > LONGEST_WAIT && ask.urgency == Urgency::Fresh {
            return Err(rate_limited(until, &words));
        }
        if wait > Duration::from_secs(30) && why != Wait::Spread {
            tracing::info!(seconds = wait.as_secs(), "waiting {} s: {words}", wait.as_secs());
        }
        Ok(())
    }

    /// Keeps a credential from asking for as long as a refusal wants.
    pub(super) fn hold(
        &self,
        member: usize,
        headers: &HeaderMap,
        message: &str,
        refusals: u32,
    ) -> Result<(), SourceError> {
        let (now, credential) = (self.shared.time.now(), &self.shared.members[member]);
        if refusals >= REFUSALS {
            return Err(rate_limited(now + chrono::Duration::minutes(5), message));
        }
        let wait = wait_after_refusal(headers, message, refusals, now).unwrap_or(Duration::from_mins(1));
        tracing::warn!(
            seconds = wait.as_secs(),
            "GitHub asks {} to wait {} s: {message}",
            credential.name,
            wait.as_secs()
        );
        credential.governor.hold_until(now + chrono::Duration::from_std(wait).unwrap_or_default());
        Ok(())
    }
}

fn rate_limited(retry_at: Moment, why: &str) -> SourceError {
    let at = retry_at.format("%H:%M UTC");
    SourceError::RateLimited { message: format!("{why}; chiplog goes on at {at}"), retry_at }
}

fn rand_byte() -> u8 {
    let mut byte = [0];
    // Without random numbers there is no jitter, and nothing else is lost.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}
