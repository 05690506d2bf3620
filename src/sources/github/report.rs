//! What is left to do and how long that takes, honestly: from the requests that are left and the rate that the budgets allow.

use super::GithubSource;
use super::budget::{Resource, Urgency};
use super::ledger::{KindLeft, RequestsLeft};
use crate::facts::Moment;
use crate::sources::budget::{Allowance, Backfill, BudgetReport, PartLeft, TimeToFinish, time_to_finish};
use crate::sources::source::Telemetry;

/// What may be spent on one resource.
#[derive(Debug, Clone)]
struct Means {
    resource: Resource,
    allowances: Vec<Allowance>,
    /// Points of a request.
    cost: f64,
    /// Requests a second, as measured.
    pace: Option<f64>,
}

impl Means {
    fn time_for(&self, least: f64, most: f64) -> Option<TimeToFinish> {
        let at_best = time_to_finish(least * self.cost, least, &self.allowances, self.pace)?;
        let at_worst = time_to_finish(most * self.cost, most, &self.allowances, self.pace)?;
        Some(TimeToFinish { earliest: at_best.earliest, latest: at_worst.latest })
    }
}

impl GithubSource {
    /// The state of the budgets, and of the way back through history.
    pub(super) fn budget_report(&self) -> BudgetReport {
        BudgetReport { credentials: self.client.budgets(), backfill: self.backfill() }
    }

    /// The way back through history. `None` where none is under way.
    pub(super) fn backfill(&self) -> Option<Backfill> {
        let (waiting, under_way, complete) = self.ledger.repositories();
        let left = self.ledger.left();
        if waiting + under_way == 0 && left.is_empty() {
            return None;
        }
        let now = (self.context.now)();
        let means = Resource::ALL.map(|resource| self.means(resource, now));
        let mut backfill = forecast(&left, &means);
        backfill.is_at_least |= waiting > 0;
        (backfill.repositories_waiting, backfill.repositories_under_way, backfill.repositories_complete) =
            (waiting, under_way, complete);
        Some(backfill)
    }

    fn means(&self, resource: Resource, now: Moment) -> Means {
        let (allowances, cost) = self.client.allowances(resource);
        Means { resource, allowances, cost, pace: self.ledger.pace(resource, now) }
    }

    /// How far a backfill has come, as the log tells it.
    pub(super) fn backfill_in_words(&self) -> String {
        let Some(backfill) = self.backfill() else { return "no history is left to read".to_owned() };
        let finish = backfill.finish.map(|finish| finish.in_words(backfill.is_at_least));
        format!(
            "history: {} repositories are complete, {} under way, {} waiting; time to finish: {}",
            backfill.repositories_complete,
            backfill.repositories_under_way,
            backfill.repositories_waiting,
            finish.unwrap_or_else(|| "unknown".to_owned())
        )
    }

    /// Samples of a backfill for `/metrics`: only what is known.
    pub(super) fn backfill_telemetry(&self) -> Vec<Telemetry> {
        let Some(backfill) = self.backfill() else { return Vec::new() };
        let counts = [
            ("waiting", backfill.repositories_waiting),
            (Urgency::Backfill.name(), backfill.repositories_under_way),
            ("complete", backfill.repositories_complete),
        ];
        let mut samples: Vec<Telemetry> = counts
            .into_iter()
            .map(|(state, count)| Telemetry {
                name: "backfill_repositories",
                help: "Repositories whose history waits, is being read, or became complete since the collection began.",
                labels: vec![("state", state.to_owned())],
                value: count as f64,
            })
            .collect();
        if let Some(finish) = backfill.finish.filter(|_| !backfill.is_at_least) {
            for (bound, time) in [("earliest", finish.earliest), ("latest", finish.latest)] {
                samples.push(Telemetry {
                    name: "backfill_remaining_seconds",
                    help: "How long the rest of the history takes, where that is known: at best and at worst.",
                    labels: vec![("bound", bound.to_owned())],
                    value: time.as_secs_f64(),
                });
            }
        }
        samples
    }
}

/// How long what is left takes.
fn forecast(left: &[KindLeft], means: &[Means]) -> Backfill {
    let mut backfill = Backfill::default();
    let mut finish: Option<TimeToFinish> = Some(TimeToFinish::default());
    for means in means {
        let of_this: Vec<&KindLeft> = left.iter().filter(|left| left.kind.resource() == means.resource).collect();
        let sum = |of: fn(&RequestsLeft) -> f64| of_this.iter().map(|left| of(&left.left)).sum::<f64>();
        let (least, most) = (sum(|left| left.least), sum(|left| left.most));
        let whole = means.time_for(least, most);
        finish = finish.zip(whole).map(|(one, other)| one.max(other));
        for kind in of_this {
            let alone = means.time_for(kind.left.least, kind.left.least);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of requests")]
            let requests = (kind.left.least as u64, kind.left.most as u64);
            backfill.is_at_least |= kind.unknown > 0;
            backfill.parts.push(PartLeft {
                part: kind.kind.name(),
                done: kind.done,
                total: kind.total,
                repositories: kind.repositories,
                requests,
                is_at_least: kind.unknown > 0,
                finish: alone
                    .zip(whole)
                    .map(|(alone, whole)| TimeToFinish { earliest: alone.earliest, latest: whole.latest }),
            });
        }
    }
    backfill.finish = finish;
    backfill
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ledger::PartKind;
    use super::*;

    fn kind(kind: PartKind, least: f64, most: f64, unknown: usize) -> KindLeft {
        KindLeft { kind, done: 10, total: None, repositories: 2, unknown, left: RequestsLeft { least, most } }
    }

    #[test]
    fn a_part_ends_between_going_alone_and_going_last() {
        // GraphQL: 1,200 points until the reset in 1,200 s, 6 points a request. REST: 2 requests a second and no budget.
        let allowance = Allowance { usable: 1200.0, seconds_to_reset: 1200.0, per_hour: 4500.0 };
        let means = [
            Means { resource: Resource::Core, allowances: Vec::new(), cost: 1.0, pace: Some(2.0) },
            Means { resource: Resource::Graphql, allowances: vec![allowance], cost: 6.0, pace: Some(1.0) },
        ];
        let left = [
            kind(PartKind::PullRequests, 30.0, 50.0, 0),
            kind(PartKind::Commits, 40.0, 50.0, 0),
            kind(PartKind::Runs, 100.0, 200.0, 0),
        ];
        let backfill = forecast(&left, &means);
        let seconds = |finish: Option<TimeToFinish>| finish.map(|it| (it.earliest.as_secs(), it.latest.as_secs()));
        let of = |part: &str| backfill.parts.iter().find(|it| it.part == part).unwrap();
        // Alone: 30 requests at one a second. Last: 100 requests are 600 points at one a second.
        assert_eq!(seconds(of("pull requests").finish), Some((30, 600)));
        assert_eq!(of("pull requests").requests, (30, 50));
        assert_eq!(seconds(of("commits").finish), Some((40, 600)));
        assert_eq!(seconds(of("days of workflow runs").finish), Some((50, 100)));
        // All of GraphQL: 70 requests at least.
        assert_eq!(seconds(backfill.finish), Some((70, 600)));
        assert!(!backfill.is_at_least);
    }

    #[test]
    fn what_is_not_known_is_said() {
        let means = |pace| [Means { resource: Resource::Graphql, allowances: Vec::new(), cost: 1.0, pace }];
        let left = [kind(PartKind::Commits, 10.0, 10.0, 3)];
        let backfill = forecast(&left, &means(Some(1.0)));
        assert!(backfill.is_at_least && backfill.parts[0].is_at_least);
        assert_eq!(backfill.finish.map(|it| it.earliest), Some(Duration::from_secs(10)));
        assert_eq!(forecast(&left, &means(None)).finish, None);
    }
}
