//! What a source may still spend at its tool, and how long a backfill takes with it. Pure.

use std::time::Duration;

use crate::facts::Moment;

/// One budget of one credential.
#[derive(Debug, Clone, PartialEq)]
pub struct CredentialBudget {
    /// Which credential: the name of its environment variable, or its number. Never the secret.
    pub credential: String,
    /// The tool's word for the budget.
    pub resource: &'static str,
    /// Points of an hour.
    pub limit: u64,
    /// Points that are left of them.
    pub remaining: u64,
    /// Points that are left to others.
    pub reserve: u64,
    /// When the budget is renewed.
    pub reset_at: Moment,
    /// Requests of the credential that wait for their answer.
    pub under_way: usize,
    /// The owners whose repositories the credential sees.
    pub owners: Vec<String>,
    /// Why the tool refuses the credential, if it does.
    pub refusal: Option<String>,
}

/// What a credential may spend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Points above the reserve, until the reset.
    pub usable: f64,
    /// Seconds to the reset.
    pub seconds_to_reset: f64,
    /// Points above the reserve of each hour after that.
    pub per_hour: f64,
}

/// When something will be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeToFinish {
    /// If each hour's budget is spent as soon as it is there.
    pub earliest: Duration,
    /// If it is spread over the hour.
    pub latest: Duration,
}

impl TimeToFinish {
    /// Whichever takes longer.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { earliest: self.earliest.max(other.earliest), latest: self.latest.max(other.latest) }
    }

    /// In words: "12 min to 1 h 5 min"; "at least 12 min" where something is not known yet.
    pub fn in_words(&self, is_at_least: bool) -> String {
        let (earliest, latest) = (span(self.earliest), span(self.latest));
        if is_at_least {
            format!("at least {earliest}")
        } else if earliest == latest {
            latest
        } else {
            format!("{earliest} to {latest}")
        }
    }
}

/// A span in words, to two places.
fn span(span: Duration) -> String {
    const MINUTE: u64 = 60;
    let minutes = span.as_secs().div_ceil(MINUTE);
    match minutes {
        0..=1 => "1 min".to_owned(),
        2..60 => format!("{minutes} min"),
        60..2880 if minutes.is_multiple_of(60) => format!("{} h", minutes / 60),
        60..2880 => format!("{} h {} min", minutes / 60, minutes % 60),
        2880..525_600 => format!("{} days", minutes.div_ceil(1440)),
        _ => "more than a year".to_owned(),
    }
}

/// What a source may spend, and what it still has to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BudgetReport {
    /// Each budget of each credential.
    pub credentials: Vec<CredentialBudget>,
    /// The way back through history, while one is under way.
    pub backfill: Option<Backfill>,
}

/// The way back through history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Backfill {
    /// Repositories that have not been looked into.
    pub repositories_waiting: usize,
    /// Repositories whose history is being read.
    pub repositories_under_way: usize,
    /// Repositories whose history became complete since the collection began.
    pub repositories_complete: usize,
    /// What is being read, all repositories together.
    pub parts: Vec<PartLeft>,
    /// How long all of it takes. `None` where nothing tells.
    pub finish: Option<TimeToFinish>,
    /// Whether something is not known yet, so that it takes longer.
    pub is_at_least: bool,
}

/// What is left of one kind of records.
#[derive(Debug, Clone, PartialEq)]
pub struct PartLeft {
    /// The records, as the progress of a collection calls them.
    pub part: &'static str,
    /// So many are done.
    pub done: u64,
    /// Of at most so many, where that is known.
    pub total: Option<u64>,
    /// Repositories in which it is under way.
    pub repositories: usize,
    /// Requests that are left, at least and at most.
    pub requests: (u64, u64),
    /// Whether some repositories do not tell, so that it is more.
    pub is_at_least: bool,
    /// How long it takes: at best if it went alone, at worst if all else of the same budget goes before it.
    pub finish: Option<TimeToFinish>,
}

/// A budget is renewed after so many seconds.
const HOUR: f64 = 3600.0;

/// How long it takes to spend `points` in `requests`: not faster than the budget allows, nor than `pace` (requests a second
/// as measured, if it was). `None` where there is no budget to tell from, nor a pace.
pub fn time_to_finish(points: f64, requests: f64, allowances: &[Allowance], pace: Option<f64>) -> Option<TimeToFinish> {
    if requests <= 0.0 {
        return Some(TimeToFinish { earliest: Duration::ZERO, latest: Duration::ZERO });
    }
    let by_pace = pace.filter(|pace| *pace > 0.0).map(|pace| requests / pace);
    let by_budget = (!allowances.is_empty()).then(|| (at_once(points, allowances), spread(points, allowances)));
    let (earliest, latest) = match (by_budget, by_pace) {
        (None, None) => return None,
        (None, Some(paced)) => (paced, paced),
        (Some(budget), None) => budget,
        (Some((earliest, latest)), Some(paced)) => (earliest.max(paced), latest.max(paced)),
    };
    let whole = |seconds: f64| Duration::try_from_secs_f64(seconds.ceil()).unwrap_or(Duration::MAX);
    Some(TimeToFinish { earliest: whole(earliest), latest: whole(latest) })
}

/// Seconds until the budgets hold so many points in all, each spent as soon as it is renewed.
fn at_once(points: f64, allowances: &[Allowance]) -> f64 {
    let mut left = points - allowances.iter().map(|allowance| allowance.usable).sum::<f64>();
    let per_hour: f64 = allowances.iter().map(|allowance| allowance.per_hour).sum();
    if left <= 0.0 {
        return 0.0;
    }
    if per_hour <= 0.0 {
        return f64::INFINITY;
    }
    // After each whole hour every budget has been renewed once; the last hour is looked at budget by budget.
    let hours = ((left / per_hour).ceil() - 1.0).max(0.0);
    left -= hours * per_hour;
    let mut renewed: Vec<&Allowance> = allowances.iter().collect();
    renewed.sort_by(|one, other| one.seconds_to_reset.total_cmp(&other.seconds_to_reset));
    for allowance in renewed {
        left -= allowance.per_hour;
        if left <= 0.0 {
            return hours * HOUR + allowance.seconds_to_reset;
        }
    }
    (hours + 1.0) * HOUR
}

/// Seconds until so many points are spent, each budget evenly over its time.
fn spread(points: f64, allowances: &[Allowance]) -> f64 {
    let mut moments: Vec<f64> = allowances.iter().map(|allowance| allowance.seconds_to_reset).collect();
    moments.sort_by(f64::total_cmp);
    let (mut left, mut from) = (points, 0.0);
    for until in moments.into_iter().chain([f64::INFINITY]) {
        let rate: f64 = allowances
            .iter()
            .map(|allowance| {
                if from < allowance.seconds_to_reset {
                    allowance.usable / allowance.seconds_to_reset
                } else {
                    allowance.per_hour / HOUR
                }
            })
            .sum();
        let needed = if rate > 0.0 { left / rate } else { f64::INFINITY };
        if from + needed <= until {
            return from + needed;
        }
        left -= rate * (until - from);
        from = until;
    }
    f64::INFINITY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowance(usable: f64, seconds_to_reset: f64, per_hour: f64) -> Allowance {
        Allowance { usable, seconds_to_reset, per_hour }
    }

    fn seconds(points: f64, requests: f64, allowances: &[Allowance], pace: Option<f64>) -> (u64, u64) {
        let found = time_to_finish(points, requests, allowances, pace).unwrap();
        (found.earliest.as_secs(), found.latest.as_secs())
    }

    #[test]
    fn within_the_hour_the_budget_may_be_spent_at_once_or_spread() {
        // 500 of 1,000 points: at once, or in half of the 2,000 s.
        assert_eq!(seconds(500.0, 100.0, &[allowance(1000.0, 2000.0, 4500.0)], None), (0, 1000));
        // 100 requests at 2 a second take 50 s at least.
        assert_eq!(seconds(500.0, 100.0, &[allowance(1000.0, 2000.0, 4500.0)], Some(2.0)), (50, 1000));
        assert_eq!(seconds(500.0, 100.0, &[allowance(1000.0, 2000.0, 4500.0)], Some(0.05)), (2000, 2000));
    }

    #[test]
    fn beyond_the_hour_the_next_ones_count_without_their_reserve() {
        let one = [allowance(1000.0, 600.0, 4500.0)];
        // 1,000 now and 4,500 at the reset are enough for 5,500 and not for one more, which waits another hour.
        assert_eq!(seconds(5500.0, 1.0, &one, None).0, 600);
        assert_eq!(seconds(5501.0, 1.0, &one, None).0, 4200);
        // Spread: 600 s for the first thousand, then 1.25 a second: 600 + 4,500 / 1.25 = 4,200.
        assert_eq!(seconds(5500.0, 1.0, &one, None).1, 4200);
        // Nothing left now: 900 points at 1.25 a second after the reset.
        assert_eq!(seconds(900.0, 1.0, &[allowance(0.0, 600.0, 4500.0)], None), (600, 600 + 720));
    }

    #[test]
    fn several_credentials_add_up() {
        let two = [allowance(1000.0, 1000.0, 3600.0), allowance(0.0, 500.0, 3600.0)];
        // Spread: 1 point a second until 500 s; then 1 + 1 until 1,000 s; 700 = 500 + 2 · 100.
        assert_eq!(seconds(700.0, 1.0, &two, None), (0, 600));
        // At once: 1,000 now, 3,600 at 500 s, 3,600 at 1,000 s.
        assert_eq!(seconds(4600.0, 1.0, &two, None).0, 500);
        assert_eq!(seconds(4601.0, 1.0, &two, None).0, 1000);
        assert_eq!(seconds(8201.0, 1.0, &two, None).0, 4100);
    }

    #[test]
    fn spans_are_told_in_words() {
        let of = |earliest, latest| TimeToFinish {
            earliest: Duration::from_secs(earliest),
            latest: Duration::from_secs(latest),
        };
        assert_eq!(of(0, 0).in_words(false), "1 min");
        assert_eq!(of(700, 3900).in_words(false), "12 min to 1 h 5 min");
        assert_eq!(of(7200, 9000).in_words(true), "at least 2 h");
        assert_eq!(of(3 * 86_400, 100 * 86_400).in_words(false), "3 days to 100 days");
        assert_eq!(TimeToFinish { latest: Duration::MAX, ..of(60, 0) }.in_words(false), "1 min to more than a year");
    }

    #[test]
    fn nothing_is_promised_without_a_budget_or_a_pace() {
        assert_eq!(time_to_finish(10.0, 10.0, &[], None), None);
        assert_eq!(seconds(10.0, 10.0, &[], Some(2.0)), (5, 5));
        assert_eq!(seconds(0.0, 0.0, &[], None), (0, 0));
        // A budget that is all reserve is never enough.
        let never = time_to_finish(10.0, 10.0, &[allowance(0.0, 10.0, 0.0)], None).unwrap();
        assert_eq!(never.latest, Duration::MAX);
    }
}
