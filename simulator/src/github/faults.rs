//! What goes wrong, on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

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
    /// 200 with half a body.
    BrokenJson,
    /// 401: the token is no longer good.
    Unauthorized,
}

/// The faults that the next requests meet, in order; afterwards all is well. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    waiting: Arc<Mutex<VecDeque<Option<Fault>>>>,
}

impl Faults {
    /// Lets the next `times` requests meet a fault.
    pub fn next(&self, fault: &Fault, times: usize) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(std::iter::repeat_n(Some(fault.clone()), times));
    }

    /// Lets `times` requests pass before the next fault.
    pub fn pass(&self, times: usize) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(std::iter::repeat_n(None, times));
    }

    pub(crate) fn take(&self) -> Option<Fault> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front().flatten()
    }
}
