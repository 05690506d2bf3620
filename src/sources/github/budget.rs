//! What GitHub allows, as its answers tell. Pure: the moment is a parameter.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use http::HeaderMap;

use crate::facts::Moment;

/// The share of each budget that is left for others who use the same token.
const RESERVE: f64 = 0.1;

/// The longest wait within a collection; beyond it the collection ends and is taken up again later.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// What is left of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) limit: u64,
    pub(super) remaining: u64,
    pub(super) reset_at: Moment,
}

/// The most requests of a minute: below GitHub's secondary limits of 900 points for REST and 2,000 for GraphQL, of which a
/// request for reading costs one.
fn most_per_minute(resource: &str) -> usize {
    if resource == "graphql" { 1800 } else { 800 }
}

/// Why a request has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// GitHub refused an earlier request and said until when.
    Refused,
    /// The hour's budget is down to the reserve.
    Reserve,
    /// The pace of the last minute is as high as GitHub allows.
    Pace,
}

/// The budgets of one token: `core` for REST, `graphql`; and the pace of its requests.
#[derive(Debug, Default)]
pub(super) struct Budget {
    left: BTreeMap<String, Left>,
    sent_at: BTreeMap<String, VecDeque<Moment>>,
    held_until: Option<Moment>,
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

impl Budget {
    /// Takes over what the headers of an answer tell.
    pub(super) fn note(&mut self, headers: &HeaderMap) {
        let resource = headers.get("x-ratelimit-resource").and_then(|value| value.to_str().ok()).unwrap_or("core");
        let limit = number(headers, "x-ratelimit-limit");
        let remaining = number(headers, "x-ratelimit-remaining");
        let reset = number(headers, "x-ratelimit-reset").and_then(|seconds| i64::try_from(seconds).ok());
        let reset_at = reset.and_then(|seconds| Moment::from_timestamp(seconds, 0));
        if let (Some(limit), Some(remaining), Some(reset_at)) = (limit, remaining, reset_at) {
            self.left.insert(resource.to_owned(), Left { limit, remaining, reset_at });
        }
    }

    /// What is left, by resource.
    pub(super) fn left(&self) -> &BTreeMap<String, Left> {
        &self.left
    }

    /// Holds back all requests until a moment, as a refusal asked.
    pub(super) fn hold_until(&mut self, moment: Moment) {
        self.held_until = self.held_until.max(Some(moment));
    }

    /// When a resource may be used again. `None` is now, and then the request counts as sent: nothing is held back, there
    /// is more left than the reserve (or the hour is over), and the pace of the last minute allows it.
    pub(super) fn wait_until(&mut self, resource: &str, now: Moment) -> Option<(Moment, Wait)> {
        if let Some(until) = self.held_until.filter(|until| now < *until) {
            return Some((until, Wait::Refused));
        }
        let used_up = |left: &&Left| left.remaining as f64 <= left.limit as f64 * RESERVE && now < left.reset_at;
        if let Some(left) = self.left.get(resource).filter(used_up) {
            return Some((left.reset_at, Wait::Reserve));
        }
        let minute = chrono::Duration::minutes(1);
        let sent_at = self.sent_at.entry(resource.to_owned()).or_default();
        while sent_at.front().is_some_and(|sent| *sent + minute <= now) {
            sent_at.pop_front();
        }
        if sent_at.len() >= most_per_minute(resource) {
            return sent_at.front().map(|sent| (*sent + minute, Wait::Pace));
        }
        sent_at.push_back(now);
        None
    }
}

/// How long a refusal (403, 429, or a GraphQL error of type `RATE_LIMITED`) asks to wait: `Retry-After`, else the reset
/// of a budget that is used up, else a minute that doubles with each refusal. `None` where it is no matter of limits.
pub(super) fn wait_after_refusal(headers: &HeaderMap, message: &str, refusals: u32, now: Moment) -> Option<Duration> {
    if let Some(seconds) = number(headers, "retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if number(headers, "x-ratelimit-remaining") == Some(0) {
        let reset = number(headers, "x-ratelimit-reset").and_then(|seconds| i64::try_from(seconds).ok());
        let reset = reset.and_then(|seconds| Moment::from_timestamp(seconds, 0));
        return Some(reset.and_then(|reset| (reset - now).to_std().ok()).unwrap_or(Duration::from_mins(1)));
    }
    message.contains("rate limit").then(|| Duration::from_mins(1) * 2_u32.pow(refusals.min(4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn at(seconds: i64) -> Moment {
        Moment::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_tenth_is_left_for_others_until_the_hour_is_over() {
        let mut budget = Budget::default();
        let told = |remaining| {
            headers(&[
                ("x-ratelimit-resource", "graphql"),
                ("x-ratelimit-limit", "5000"),
                ("x-ratelimit-remaining", remaining),
                ("x-ratelimit-reset", "1000"),
            ])
        };
        budget.note(&told("501"));
        assert_eq!(budget.wait_until("graphql", at(0)), None);
        budget.note(&told("500"));
        assert_eq!(budget.wait_until("graphql", at(0)), Some((at(1000), Wait::Reserve)));
        assert_eq!(budget.wait_until("graphql", at(1000)), None);
        assert_eq!(budget.wait_until("core", at(0)), None);
    }

    #[test]
    fn a_refusal_holds_back_every_request_and_the_pace_stays_below_the_secondary_limit() {
        let mut budget = Budget::default();
        budget.hold_until(at(10));
        assert_eq!(budget.wait_until("graphql", at(9)), Some((at(10), Wait::Refused)));
        assert_eq!(budget.wait_until("core", at(9)), Some((at(10), Wait::Refused)));
        for resource in ["core", "graphql"] {
            for _ in 0..most_per_minute(resource) {
                assert_eq!(budget.wait_until(resource, at(10)), None);
            }
            assert_eq!(budget.wait_until(resource, at(11)), Some((at(70), Wait::Pace)));
            assert_eq!(budget.wait_until(resource, at(70)), None);
        }
    }

    #[test]
    fn refusals_are_waited_for_as_they_ask() {
        let seconds = Duration::from_secs;
        assert_eq!(wait_after_refusal(&headers(&[("retry-after", "7")]), "", 0, at(0)), Some(seconds(7)));
        let used_up = headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "90")]);
        assert_eq!(wait_after_refusal(&used_up, "", 0, at(30)), Some(seconds(60)));
        let secondary = "You have exceeded a secondary rate limit.";
        assert_eq!(wait_after_refusal(&headers(&[]), secondary, 1, at(0)), Some(seconds(120)));
        assert_eq!(wait_after_refusal(&headers(&[]), "Must have admin rights.", 0, at(0)), None);
    }
}
