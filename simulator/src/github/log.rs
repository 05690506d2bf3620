//! What was asked, for tests that count.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoggedRequest {
    /// `GET /repos/acme/shop`, or `POST /graphql`.
    pub route: String,
    /// The name of a GraphQL operation, or the fields it asks the root for: `rateLimit repository`.
    pub operation: String,
    /// The variables of a GraphQL request, as JSON.
    pub variables: String,
    /// The status of the answer.
    pub status: u16,
    /// The points that a GraphQL request cost.
    pub points: u64,
    /// Whether a limit refused it, the hourly one or a secondary one.
    pub refused: bool,
    /// The token that it showed, if any.
    pub token: Option<String>,
}

/// All requests since the start, or since the last [`RequestLog::clear`].
#[derive(Debug, Clone, Default)]
pub struct RequestLog {
    requests: Arc<Mutex<Vec<LoggedRequest>>>,
}

impl RequestLog {
    pub(crate) fn add(&self, request: LoggedRequest) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    /// All of them, oldest first.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The GraphQL points spent.
    pub fn points(&self) -> u64 {
        self.requests().iter().map(|request| request.points).sum()
    }

    /// How many a limit refused.
    pub fn refusals(&self) -> usize {
        self.requests().iter().filter(|request| request.refused).count()
    }

    /// How many were answered with "not modified".
    pub fn not_modified(&self) -> usize {
        self.requests().iter().filter(|request| request.status == 304).count()
    }

    /// How many REST requests counted against the budget: all but those answered with 304.
    pub fn paid_rest_requests(&self) -> usize {
        let paid = |request: &&LoggedRequest| request.status != 304 && !request.route.ends_with("/graphql");
        self.requests().iter().filter(paid).count()
    }

    /// How many requests each route had, without the parameters: `GET /repos/acme/shop/actions/runs`.
    pub fn by_route(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for request in self.requests() {
            let route = request.route.split('?').next().unwrap_or_default().to_owned();
            *counts.entry(route).or_insert(0) += 1;
        }
        counts
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
