//! Tokens and budgets: who may ask, and how much is left.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use serde_json::Value;

use super::GithubOptions;
use super::sight::Sight;
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

/// The longest life of an App's JWT, in seconds: ten minutes, and one for a clock that runs late.
const LONGEST_JWT_SECONDS: i64 = 660;

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

/// A good token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) sight: Sight,
}

/// Tokens that were issued, and what each has used.
#[derive(Default)]
pub(super) struct Access {
    issued: Mutex<HashMap<String, Moment>>,
    budgets: Mutex<HashMap<(String, Resource), Budget>>,
    pace: Mutex<HashMap<String, Pace>>,
}

/// What the secondary limits count of one token.
#[derive(Debug, Default)]
struct Pace {
    at_once: u64,
    /// The minute that is counted, and its requests, for each resource.
    minutes: HashMap<Resource, (i64, u64)>,
}

impl Access {
    /// The token of a request, if it is good.
    pub(super) fn token(&self, headers: &HeaderMap, options: &GithubOptions) -> Option<Token> {
        let text = bearer(headers)?;
        let withheld = options.faults.withheld();
        if withheld.tokens.contains(text) {
            return None;
        }
        let more = options.more_tokens.iter().find(|more| more.token == text);
        let owners = more.map(|more| more.owners.iter().map(|owner| owner.to_lowercase()).collect());
        let scopes = if text == options.token || more.is_some() {
            let granted = options.scopes.split(',').map(|scope| scope.trim().to_owned());
            let kept: BTreeSet<String> =
                granted.filter(|scope| !scope.is_empty() && !withheld.scopes.contains(scope)).collect();
            Some(kept)
        } else {
            let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = issued.get(text).is_some_and(|at| (options.now)() < *at + TOKEN_LIFETIME);
            if !fresh {
                return None;
            }
            None
        };
        let owners = owners.unwrap_or_default();
        Some(Token { text: text.to_owned(), sight: Sight { scopes, owners, withheld } })
    }

    /// A new installation token and the end of its life.
    pub(super) fn issue(&self, now: Moment) -> (String, Moment) {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let token = format!("ghs_simulated{}", issued.len() + 1);
        issued.insert(token.clone(), now);
        (token, now + TOKEN_LIFETIME)
    }

    /// A request of this token begins. Says how many seconds to wait where a secondary limit is exceeded.
    pub(super) fn begin(&self, token: &str, resource: Resource, options: &GithubOptions) -> Option<u64> {
        let (now, limits) = ((options.now)().timestamp(), &options.secondary);
        let mut paces = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = paces.entry(token.to_owned()).or_default();
        pace.at_once += 1;
        let (minute, count) = pace.minutes.entry(resource).or_default();
        if *minute != now / 60 {
            (*minute, *count) = (now / 60, 0);
        }
        *count += 1;
        let most = match resource {
            Resource::Core => limits.rest_per_minute,
            Resource::Graphql => limits.graphql_per_minute,
        };
        let exceeded = *count > most || pace.at_once > limits.at_once;
        exceeded.then(|| u64::try_from(60 - now % 60).unwrap_or(60))
    }

    /// A request of this token has its answer.
    pub(super) fn end(&self, token: &str) {
        let mut paces = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = paces.get_mut(token) {
            pace.at_once = pace.at_once.saturating_sub(1);
        }
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
        if options.faults.withheld().exhausted.contains(token) {
            budget.used = budget.limit;
        }
        let enough = budget.remaining() >= cost;
        if enough {
            budget.used += cost;
        }
        (*budget, enough)
    }
}

/// The credential of a request.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("authorization")?.to_str().ok()?;
    text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("token "))
}

/// Why a JWT does not authenticate the App, in GitHub's words; `Ok` if it does. Its signature is not looked at, nor is
/// its expiry compared with the simulation's clock: Apps sign with the real one.
pub(super) fn check_jwt(jwt: &str, app: &AppOptions) -> Result<(), &'static str> {
    const UNREADABLE: &str = "A JSON web token could not be decoded";
    let parts: Vec<&str> = jwt.split('.').collect();
    let [_, payload, _] = parts.as_slice() else { return Err(UNREADABLE) };
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| UNREADABLE)?;
    let claims: Value = serde_json::from_slice(&payload).map_err(|_| UNREADABLE)?;
    let issuer = claims["iss"].as_str().map(str::to_owned).or_else(|| claims["iss"].as_u64().map(|id| id.to_string()));
    if issuer != Some(app.app_id.to_string()) {
        return Err("Integration not found");
    }
    let (Some(issued_at), Some(expires_at)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else {
        return Err(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        );
    };
    if expires_at <= issued_at || expires_at - issued_at > LONGEST_JWT_SECONDS {
        return Err("'Expiration time' claim ('exp') is too far in the future");
    }
    Ok(())
}
