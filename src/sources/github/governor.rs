//! The governor of one credential: its budget, who waits for it, and what became of its requests. All that use the same
//! credential share it, whichever table of the configuration names it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::Notify;

use super::budget::{Ask, Budget, Left, Limits, Resource, Urgency, Wait};
use crate::facts::Moment;

/// How long a refused credential is set aside while there are others.
const SET_ASIDE_FOR: chrono::Duration = chrono::Duration::minutes(15);

/// The governors of the process. GitHub counts by credential, so there is one for each.
static GOVERNORS: LazyLock<Mutex<BTreeMap<[u8; 32], Weak<Governor>>>> = LazyLock::new(Mutex::default);

/// Places in the queues of all governors, so that a request has the same place in each.
static PLACES: AtomicU64 = AtomicU64::new(0);

/// The next place in the queues.
pub(super) fn next_place() -> u64 {
    PLACES.fetch_add(1, Ordering::Relaxed)
}

/// One credential's governor.
#[derive(Debug, Default)]
pub(super) struct Governor {
    state: Mutex<State>,
    /// Something changed that requests may wait for.
    pub(super) changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    budget: Budget,
    /// Who waits: what is fresh first, then in the order of asking.
    waiting: BTreeSet<(Resource, Urgency, u64)>,
    refused: Option<(Moment, String)>,
    used: BTreeMap<(Resource, Urgency), u64>,
    waited: BTreeMap<(Resource, Wait), Duration>,
}

/// What can be seen of a governor.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) left: BTreeMap<Resource, Left>,
    pub(super) cost: BTreeMap<Resource, f64>,
    pub(super) under_way: usize,
    pub(super) refusal: Option<String>,
    pub(super) used: BTreeMap<(Resource, Urgency), u64>,
    pub(super) waited: BTreeMap<(Resource, Wait), Duration>,
}

impl Governor {
    /// A governor of its own with these limits.
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        let state = State { budget: Budget::new(limits), ..State::default() };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new() })
    }

    /// The one governor of a credential at a GitHub with these limits.
    pub(super) fn of(fingerprint: [u8; 32], limits: Limits) -> Arc<Self> {
        let mut governors = GOVERNORS.lock().unwrap_or_else(PoisonError::into_inner);
        governors.retain(|_, governor| governor.strong_count() > 0);
        if let Some(known) = governors.get(&fingerprint).and_then(Weak::upgrade) {
            return known;
        }
        let governor = Self::new(limits);
        governors.insert(fingerprint, Arc::downgrade(&governor));
        governor
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request go, if nobody waits before it and the budget allows it; else says when to ask again, and why.
    pub(super) fn admit(self: &Arc<Self>, ask: Ask, place: u64, now: Moment) -> Result<Permit, (Moment, Wait)> {
        let mut state = self.state();
        let first = state.waiting.range((ask.resource, Urgency::Fresh, 0)..).next();
        if first.is_some_and(|first| *first < (ask.resource, ask.urgency, place)) {
            return Err((now + chrono::Duration::seconds(1), Wait::Turn));
        }
        let request = state.budget.admit(ask, now)?;
        Ok(Permit { governor: self.clone(), request: Some(request), ask })
    }

    /// Takes a place in the queue.
    fn wait(&self, ask: Ask, place: u64) {
        self.state().waiting.insert((ask.resource, ask.urgency, place));
    }

    fn leave(&self, ask: Ask, place: u64) {
        self.state().waiting.remove(&(ask.resource, ask.urgency, place));
        self.changed.notify_waiters();
    }

    /// Counts time spent waiting.
    pub(super) fn waited(&self, resource: Resource, reason: Wait, time: Duration) {
        *self.state().waited.entry((resource, reason)).or_default() += time;
    }

    /// Holds back all requests until a moment, as a refusal asked.
    pub(super) fn hold_until(&self, moment: Moment) {
        self.state().budget.hold_until(moment);
    }

    /// Counts what a request cost.
    pub(super) fn spent(&self, ask: Ask, points: u64) {
        let mut state = self.state();
        state.budget.spent(ask.resource, ask.urgency, points);
        *state.used.entry((ask.resource, ask.urgency)).or_default() += points;
    }

    /// GitHub refuses the credential: it is set aside while there are others. Says whether that is news.
    pub(super) fn set_aside(&self, why: &str, now: Moment) -> bool {
        let was = self.state().refused.replace((now + SET_ASIDE_FOR, why.to_owned()));
        was.is_none()
    }

    /// GitHub took the credential.
    pub(super) fn take_back(&self) {
        self.state().refused = None;
    }

    /// Whether the credential is set aside.
    pub(super) fn is_set_aside(&self, now: Moment) -> bool {
        self.state().refused.as_ref().is_some_and(|(until, _)| now < *until)
    }

    /// How much there is to give; see [`Budget::plenty`].
    pub(super) fn plenty(&self, resource: Resource, reserve: f64, now: Moment) -> f64 {
        self.state().budget.plenty(resource, reserve, now)
    }

    /// What is usable now; see [`Budget::usable`].
    pub(super) fn usable(&self, resource: Resource, reserve: f64, now: Moment) -> Option<f64> {
        self.state().budget.usable(resource, reserve, now)
    }

    /// What there is to see.
    pub(super) fn seen(&self) -> Seen {
        let state = self.state();
        Seen {
            left: state.budget.left().clone(),
            cost: Resource::ALL.into_iter().map(|resource| (resource, state.budget.cost(resource))).collect(),
            under_way: state.budget.under_way(),
            refusal: state.refused.as_ref().map(|(_, why)| why.clone()),
            used: state.used.clone(),
            waited: state.waited.clone(),
        }
    }
}

/// A place in the queues of several governors, given up when this is dropped.
pub(super) struct Place<'a> {
    ask: Ask,
    number: u64,
    governors: Vec<&'a Arc<Governor>>,
}

impl<'a> Place<'a> {
    /// Takes a place.
    pub(super) fn take(ask: Ask, place: u64, governors: Vec<&'a Arc<Governor>>) -> Self {
        for governor in &governors {
            governor.wait(ask, place);
        }
        Self { ask, number: place, governors }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        for governor in &self.governors {
            governor.leave(self.ask, self.number);
        }
    }
}

/// A request under way. Dropping it without an answer gives its place back.
pub(super) struct Permit {
    pub(super) governor: Arc<Governor>,
    pub(super) ask: Ask,
    request: Option<u64>,
}

impl Permit {
    /// The request has been answered.
    pub(super) fn answered(mut self, headers: &HeaderMap, is_good: bool, now: Moment) {
        let mut state = self.governor.state();
        state.budget.note(self.ask.resource, headers);
        if is_good && !headers.contains_key("x-ratelimit-limit") {
            state.budget.note_no_limits();
        }
        if let Some(request) = self.request.take() {
            state.budget.finish(request, now);
        }
        drop(state);
        self.governor.changed.notify_waiters();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            self.governor.state().budget.give_up(request);
            self.governor.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment::from_timestamp(seconds, 0).unwrap()
    }

    fn ask(urgency: Urgency) -> Ask {
        Ask { resource: Resource::Core, urgency, reserve: 0.0 }
    }

    #[test]
    fn what_is_fresh_goes_first_and_then_who_asked_first() {
        let governor = Governor::new(Limits { at_once: 1, ..Limits::default() });
        let under_way = governor.admit(ask(Urgency::Fresh), 1, at(0)).ok();
        let places = [(Urgency::Backfill, 2), (Urgency::Backfill, 3), (Urgency::Fresh, 4)];
        let mut waiting: Vec<_> =
            places.iter().map(|(urgency, place)| Some(Place::take(ask(*urgency), *place, vec![&governor]))).collect();
        drop(under_way);
        let mut order = Vec::new();
        while order.len() < places.len() {
            for (index, (urgency, place)) in places.iter().enumerate() {
                if waiting[index].is_some()
                    && let Ok(permit) = governor.admit(ask(*urgency), *place, at(0))
                {
                    waiting[index] = None;
                    order.push(*place);
                    drop(permit);
                }
            }
        }
        assert_eq!(order, [4, 2, 3]);
        // Another resource has a queue of its own.
        let _first = Place::take(ask(Urgency::Fresh), 5, vec![&governor]);
        let graphql = Ask { resource: Resource::Graphql, ..ask(Urgency::Backfill) };
        assert!(governor.admit(graphql, 6, at(0)).is_ok());
        assert_eq!(governor.admit(ask(Urgency::Fresh), 6, at(0)).err().map(|(_, why)| why), Some(Wait::Turn));
    }

    #[test]
    fn the_same_credential_has_one_governor_wherever_it_is_named() {
        let of = |credential| Governor::of([credential; 32], Limits::default());
        let (one, other) = (of(1), of(2));
        assert!(Arc::ptr_eq(&one, &of(1)));
        assert!(!Arc::ptr_eq(&one, &other));
        one.hold_until(at(50));
        assert!(of(1).admit(ask(Urgency::Fresh), next_place(), at(49)).is_err());
        drop(one);
        assert!(of(1).admit(ask(Urgency::Fresh), next_place(), at(49)).is_ok());
    }

    #[test]
    fn a_refused_credential_is_set_aside_for_a_while() {
        let governor = Governor::new(Limits::default());
        assert!(governor.set_aside("401", at(0)));
        assert!(!governor.set_aside("401", at(1)));
        assert!(governor.is_set_aside(at(900)) && !governor.is_set_aside(at(901)));
        governor.take_back();
        assert!(!governor.is_set_aside(at(2)));
    }
}
