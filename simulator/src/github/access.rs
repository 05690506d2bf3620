//! Tokens and budgets: who may ask, and how much is left.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use axum::http::HeaderMap;
use chrono::Duration;

use super::GithubOptions;
use crate::world::Moment;

/// A GitHub App with one installation.
#[derive(Debug, Clone)]
pub struct AppOptions {
    /// The App's id.
    pub app_id: u64,
    /// The installation's id.
    pub installation_id: u64,
}

/// How long an installation token is good.
const TOKEN_LIFETIME: Duration = Duration::hours(1);

/// The kinds of budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Resource {
    Core,
    Graphql,
}

impl Resource {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Graphql => "graphql",
        }
    }
}

/// What is left of a budget.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) limit: u64,
    pub(super) used: u64,
    pub(super) reset_at: Moment,
}

impl Budget {
    pub(super) fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// Tokens that were issued, and what each has used.
#[derive(Default)]
pub(super) struct Access {
    issued: Mutex<HashMap<String, Moment>>,
    budgets: Mutex<HashMap<(String, Resource), Budget>>,
}

impl Access {
    /// The token of a request, if it is good.
    pub(super) fn token(&self, headers: &HeaderMap, options: &GithubOptions) -> Option<String> {
        let text = headers.get("authorization")?.to_str().ok()?;
        let token = text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("token "))?;
        if token == options.token {
            return Some(token.to_owned());
        }
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = issued.get(token).is_some_and(|at| (options.now)() < *at + TOKEN_LIFETIME);
        fresh.then(|| token.to_owned())
    }

    /// A new installation token and the end of its life.
    pub(super) fn issue(&self, now: Moment) -> (String, Moment) {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let token = format!("ghs_simulated{}", issued.len() + 1);
        issued.insert(token.clone(), now);
        (token, now + TOKEN_LIFETIME)
    }

    /// Takes `cost` from a budget. The second value says whether there was enough; if not, nothing is taken.
    pub(super) fn spend(&self, token: &str, resource: Resource, cost: u64, options: &GithubOptions) -> (Budget, bool) {
        let now = (options.now)();
        let limit = match resource {
            Resource::Core => options.requests_per_hour,
            Resource::Graphql => options.points_per_hour,
        };
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Budget { limit, used: 0, reset_at: now + Duration::hours(1) };
        let budget = budgets.entry((token.to_owned(), resource)).or_insert(fresh);
        if now >= budget.reset_at {
            *budget = fresh;
        }
        let enough = budget.remaining() >= cost;
        if enough {
            budget.used += cost;
        }
        (*budget, enough)
    }
}
