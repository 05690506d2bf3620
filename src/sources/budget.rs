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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeToFinish {
    /// If each hour's budget is spent as soon as it is there.
    pub earliest: Duration,
    /// If it is spread over the hour.
    pub latest: Duration,
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
    fn nothing_is_promised_without_a_budget_or_a_pace() {
        assert_eq!(time_to_finish(10.0, 10.0, &[], None), None);
        assert_eq!(seconds(10.0, 10.0, &[], Some(2.0)), (5, 5));
        assert_eq!(seconds(0.0, 0.0, &[], None), (0, 0));
        // A budget that is all reserve is never enough.
        let never = time_to_finish(10.0, 10.0, &[allowance(0.0, 10.0, 0.0)], None).unwrap();
        assert_eq!(never.latest, Duration::MAX);
    }
}
