//! What goes wrong, on demand.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// A fault that one request meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An answer of this status without a useful body.
    Status(u16),
    /// 403 with the words of the secondary limit, and `Retry-After` in seconds.
    SecondaryLimit(u64),
    /// 429 with `Retry-After` in seconds.
    TooManyRequests(u64),
    /// 200 with a GraphQL error of type `RATE_LIMITED`.
    GraphqlRateLimited,
    /// 200 with a GraphQL error in the words of the secondary limit, and `Retry-After` in seconds.
    GraphqlSecondaryLimit(u64),
    /// 200 with half a body.
    BrokenJson,
    /// 200 with a body that is JSON, and not the JSON that was asked for.
    OtherJson(&'static str),
    /// 401: the token is no longer good.
    Unauthorized,
    /// 302 to the same path below this address.
    Redirect(String),
    /// The connection is reset instead of an answer.
    Reset,
    /// No answer, for as long as the other side waits.
    Silence,
    /// The connection ends after half of the body.
    CutOff,
    /// The body comes a few bytes at a time, too slowly for anything but a short one.
    Drip,
    /// 200 with a body that never ends.
    Endless,
}

/// What is kept from all tokens until it is given back.
#[derive(Debug, Clone, Default)]
pub(super) struct Withheld {
    /// `owner/name`s, in lower case, that answer as if they did not exist.
    pub(super) hidden: BTreeSet<String>,
    /// `owner/name`s, in lower case, that answer with "forbidden".
    pub(super) forbidden: BTreeSet<String>,
    /// Scopes that personal access tokens have no longer.
    pub(super) scopes: BTreeSet<String>,
    /// Tokens that were revoked.
    pub(super) tokens: BTreeSet<String>,
    /// Tokens whose budgets others use up as soon as there is anything in them.
    pub(super) exhausted: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Option<Fault>>,
    withheld: Withheld,
}

/// What goes wrong with the next requests, in order, and what is withheld. Clones share it, so that a test can change it
/// while the simulator runs.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    /// How many requests have met a fault.
    met: Arc<watch::Sender<usize>>,
}

impl Faults {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the next `times` requests meet a fault.
    pub fn next(&self, fault: &Fault, times: usize) {
        self.state().waiting.extend(std::iter::repeat_n(Some(fault.clone()), times));
    }

    /// Lets `times` requests pass before the next fault.
    pub fn pass(&self, times: usize) {
        self.state().waiting.extend(std::iter::repeat_n(None, times));
    }

    /// From now on `owner/name` answers as if it did not exist.
    pub fn hide(&self, repository: &str) {
        self.state().withheld.hidden.insert(repository.to_lowercase());
    }

    /// From now on `owner/name` is forbidden: 403, and `FORBIDDEN` in GraphQL.
    pub fn forbid(&self, repository: &str) {
        self.state().withheld.forbidden.insert(repository.to_lowercase());
    }

    /// From now on personal access tokens lack this scope.
    pub fn withdraw_scope(&self, scope: &str) {
        self.state().withheld.scopes.insert(scope.to_owned());
    }

    /// From now on this token is not good.
    pub fn revoke(&self, token: &str) {
        self.state().withheld.tokens.insert(token.to_owned());
    }

    /// From now on nothing is left of this token's budgets.
    pub fn exhaust(&self, token: &str) {
        self.state().withheld.exhausted.insert(token.to_owned());
    }

    /// From now on all is well.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    /// How many requests have met a fault.
    pub fn met(&self) -> usize {
        *self.met.borrow()
    }

    /// Waits until so many requests have met a fault.
    pub async fn until_met(&self, times: usize) {
        // The sender lives as long as this.
        let _ = self.met.subscribe().wait_for(|met| *met >= times).await;
    }

    pub(crate) fn take(&self) -> Option<Fault> {
        let fault = self.state().waiting.pop_front().flatten()?;
        self.met.send_modify(|met| *met += 1);
        Some(fault)
    }

    pub(super) fn withheld(&self) -> Withheld {
        self.state().withheld.clone()
    }
}
