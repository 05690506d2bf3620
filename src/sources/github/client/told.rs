//! What the client tells of itself: metrics, and the state of each budget.

use std::sync::atomic::{AtomicU64, Ordering};

use super::super::budget::{Resource, Urgency, seconds};
use super::super::governor::Seen;
use super::Client;
use crate::sources::budget::{Allowance, CredentialBudget};
use crate::sources::source::Telemetry;

impl Client {
    /// How many requests were made.
    pub(in super::super) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// The credentials that are refused just now, with GitHub's words.
    pub(in super::super) fn refusals(&self) -> Vec<(String, String)> {
        let members = self.shared.members.iter();
        members.filter_map(|member| Some((member.name.clone(), member.governor.seen().refusal?))).collect()
    }

    /// Which owners' repositories each credential sees, by its name: how many of each.
    pub(in super::super) fn owners(&self) -> Vec<(String, Vec<(String, usize)>)> {
        let members = self.shared.members.iter().enumerate();
        members
            .map(|(place, member)| (member.name.clone(), self.shared.sight.owners(place).into_iter().collect()))
            .collect()
    }

    /// The state of each budget.
    pub(in super::super) fn budgets(&self) -> Vec<CredentialBudget> {
        let mut budgets = Vec::new();
        for (place, member) in self.shared.members.iter().enumerate() {
            let seen = member.governor.seen();
            let owners: Vec<String> = self.shared.sight.owners(place).into_keys().collect();
            for (resource, left) in &seen.left {
                budgets.push(CredentialBudget {
                    credential: member.label.clone(),
                    resource: resource.name(),
                    limit: left.limit,
                    remaining: left.remaining,
                    reserve: reserved(left.limit, self.shared.reserve),
                    reset_at: left.reset_at,
                    under_way: seen.under_way,
                    owners: owners.clone(),
                    refusal: seen.refusal.clone(),
                });
            }
        }
        budgets
    }

    /// What all credentials together may still spend on a resource, and what a usual request costs there.
    pub(in super::super) fn allowances(&self, resource: Resource) -> (Vec<Allowance>, f64) {
        let now = self.shared.time.now();
        let mut allowances = Vec::new();
        let mut cost: f64 = 1.0;
        let good = self.shared.members.iter().filter(|member| !member.governor.is_set_aside(now));
        for member in good {
            let seen = member.governor.seen();
            let Some(left) = seen.left.get(&resource) else { continue };
            let share = 1.0 - self.shared.reserve;
            let whole = left.limit as f64 * share;
            cost = cost.max(seen.cost.get(&resource).copied().unwrap_or(1.0));
            allowances.push(Allowance {
                // Once the hour is over, a new one begins with the next request.
                usable: member.governor.usable(resource, self.shared.reserve, now).unwrap_or(whole).max(0.0),
                seconds_to_reset: if now < left.reset_at { seconds(left.reset_at - now) } else { 3600.0 },
                per_hour: whole,
            });
        }
        (allowances, cost)
    }

    /// Samples for `/metrics`.
    pub(in super::super) fn telemetry(&self) -> Vec<Telemetry> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let plain = |name, help, value| Telemetry { name, help, labels: Vec::new(), value };
        let shared = &self.shared;
        let mut samples = vec![
            plain("requests_total", "Requests that the source has made.", count(&shared.requests)),
            plain(
                "not_modified_total",
                "Requests that cost nothing because nothing had changed.",
                count(&shared.not_modified),
            ),
            plain("graphql_points_total", "GraphQL points that the source has spent.", count(&shared.points)),
            plain(
                "rate_limit_wait_seconds_total",
                "Time that requests spent waiting for limits.",
                count(&shared.waited_milliseconds) / 1000.0,
            ),
        ];
        for member in &shared.members {
            let seen = member.governor.seen();
            samples.extend(budget_samples(&member.label, &seen, shared.reserve));
            samples.extend(use_samples(&member.label, &seen));
        }
        samples
    }
}

/// So much of a limit is left to others.
fn reserved(limit: u64, reserve: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
    let reserved = (limit as f64 * reserve).round() as u64;
    reserved
}

/// What is left of each budget of a credential.
fn budget_samples(credential: &str, seen: &Seen, reserve: f64) -> Vec<Telemetry> {
    let mut samples = Vec::new();
    for (resource, left) in &seen.left {
        let labels = vec![("credential", credential.to_owned()), ("resource", resource.name().to_owned())];
        let mut add = |name, help, value| samples.push(Telemetry { name, help, labels: labels.clone(), value });
        add("rate_limit_remaining", "What is left of the hourly budget.", left.remaining as f64);
        add("rate_limit_limit", "The hourly budget.", left.limit as f64);
        let help = "The part of the hourly budget that is left to others.";
        add("rate_limit_reserve", help, reserved(left.limit, reserve) as f64);
        let help = "When the hourly budget is renewed.";
        add("rate_limit_reset_timestamp_seconds", help, left.reset_at.timestamp() as f64);
    }
    samples
}

/// What became of requests with a credential.
fn use_samples(credential: &str, seen: &Seen) -> Vec<Telemetry> {
    let labels = |more: &[(&'static str, &str)]| {
        let mut labels = vec![("credential", credential.to_owned())];
        labels.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        labels
    };
    let mut samples = vec![
        Telemetry {
            name: "rate_limit_requests_in_flight",
            help: "Requests that wait for their answer.",
            labels: labels(&[]),
            value: seen.under_way as f64,
        },
        Telemetry {
            name: "rate_limit_credential_refused",
            help: "1 while GitHub refuses the credential.",
            labels: labels(&[]),
            value: f64::from(u8::from(seen.refusal.is_some())),
        },
    ];
    for resource in Resource::ALL {
        for urgency in Urgency::ALL {
            samples.push(Telemetry {
                name: "rate_limit_used_total",
                help: "What was spent of the hourly budgets, by urgency.",
                labels: labels(&[("resource", resource.name()), ("urgency", urgency.name())]),
                value: seen.used.get(&(resource, urgency)).copied().unwrap_or_default() as f64,
            });
        }
    }
    for ((resource, reason), waited) in &seen.waited {
        samples.push(Telemetry {
            name: "rate_limit_waited_seconds_total",
            help: "Time that requests waited, by reason.",
            labels: labels(&[("resource", resource.name()), ("reason", reason.name())]),
            value: waited.as_secs_f64(),
        });
    }
    samples
}
