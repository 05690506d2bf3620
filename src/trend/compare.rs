//! The last weeks against those before them.

use sha2::{Digest as _, Sha256};

use super::series::{CalendarWeek, Occurrence, Series, SeriesKind};
use crate::facts::Moment;
use crate::stats::{
    Cases, Lifetime, WeekStatistic, WeekValue, barnard_p_higher, dispersion, hodges_lehmann, kaplan_meier_median,
    log_rank_scores, mean, mid_p_higher, newcombe_interval, quantile, rate_ratio, week_permutation_p,
};

/// The weeks that are compared, and those before them.
const CURRENT_WEEKS: usize = 8;
/// The same for a busy series, which tells sooner.
const CURRENT_WEEKS_OF_BUSY: usize = 6;
/// Items a week from which a series is busy.
const BUSY: usize = 15;
const BASELINE_WEEKS: usize = 26;
const LEAST_BASELINE_WEEKS: usize = 16;

/// What changes are worth telling: a quarter for durations, a fifth for rates, five points for proportions.
const DURATION_RATIO: f64 = 1.25;
const RATE_RATIO: f64 = 1.2;
const PROPORTION_POINTS: f64 = 0.05;

/// Beyond so many cases Barnard's test costs more than it adds to Fisher's.
const MOST_CASES_FOR_BARNARD: u64 = 150;

/// One comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Whether there is enough on both sides to tell anything.
    pub enough: bool,
    /// The value now: a median in seconds, events per working day, a share.
    pub current: f64,
    /// The value before.
    pub baseline: f64,
    /// The ratio of now to before; of proportions the difference.
    pub effect: f64,
    /// Its 95 % interval.
    pub interval: (f64, f64),
    /// The p-value of having got worse.
    pub p_worse: f64,
    /// The p-value of having got better.
    pub p_better: f64,
    /// Whether the change is worth telling: large enough, and more than the series' own noise.
    pub matters: bool,
    /// Items now and before.
    pub observations: (usize, usize),
}

/// What the gate goes by: kept for weeks that are over, of which nothing else is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tested {
    pub(super) enough: bool,
    pub(super) matters: bool,
    pub(super) p_worse: f64,
    pub(super) p_better: f64,
}

impl Comparison {
    pub(super) fn tested(&self) -> Tested {
        Tested { enough: self.enough, matters: self.matters, p_worse: self.p_worse, p_better: self.p_better }
    }

    fn nothing(observations: (usize, usize)) -> Self {
        Self {
            enough: false,
            current: f64::NAN,
            baseline: f64::NAN,
            effect: f64::NAN,
            interval: (f64::NAN, f64::NAN),
            p_worse: 1.0,
            p_better: 1.0,
            matters: false,
            observations,
        }
    }
}

/// Compares the last usable weeks before `until` (a number of weeks of the series) with those before them. `None` where
/// there are no weeks to compare.
pub fn compare(series: &Series, until: usize) -> Option<Comparison> {
    let usable: Vec<&CalendarWeek> = series.weeks[..until].iter().filter(|week| week.is_usable()).collect();
    let recent = usable.len().checked_sub(CURRENT_WEEKS)?;
    let items = |weeks: &[&CalendarWeek]| -> usize { weeks.iter().map(|week| within(series, week).len()).sum() };
    let busy = items(&usable[recent..]) >= BUSY * CURRENT_WEEKS;
    let current_weeks = if busy { CURRENT_WEEKS_OF_BUSY } else { CURRENT_WEEKS };
    let begin = usable.len() - current_weeks;
    let current = &usable[begin..];
    let baseline = &usable[begin.saturating_sub(BASELINE_WEEKS)..begin];
    let sides = Sides { series, current, baseline, as_of: series.weeks.get(until.checked_sub(1)?)?.until };
    let compared = match series.kind {
        SeriesKind::Duration => sides.durations(),
        SeriesKind::DurationWithOpen => sides.lifetimes(),
        SeriesKind::Rate => sides.rates(),
        SeriesKind::Proportion => sides.proportions(),
    };
    Some(compared.unwrap_or_else(|| Comparison::nothing((items(current), items(baseline)))))
}

/// What counts in a week.
fn within<'a>(series: &'a Series, week: &CalendarWeek) -> &'a [Occurrence] {
    let from = series.occurrences.partition_point(|occurrence| occurrence.at < week.from);
    let until = series.occurrences.partition_point(|occurrence| occurrence.at < week.until);
    &series.occurrences[from..until]
}

struct Sides<'a> {
    series: &'a Series,
    current: &'a [&'a CalendarWeek],
    baseline: &'a [&'a CalendarWeek],
    as_of: Moment,
}

impl Sides<'_> {
    /// The p-values in both directions. Only the direction in which the values lie is tested; the other cannot be.
    fn p_values(
        &self,
        current: &[WeekValue],
        baseline: &[WeekValue],
        statistic: WeekStatistic,
        is_higher: bool,
    ) -> (f64, f64) {
        let sign = if is_higher { 1.0 } else { -1.0 };
        let turned = |weeks: &[WeekValue]| -> Vec<WeekValue> {
            weeks.iter().map(|week| WeekValue { sum: sign * week.sum, weight: week.weight }).collect()
        };
        let p = week_permutation_p(&turned(current), &turned(baseline), statistic, self.seed(is_higher));
        if is_higher == self.series.higher_is_worse { (p, 1.0) } else { (1.0, p) }
    }

    /// Made of what is compared, so that the same facts give the same verdict anywhere.
    fn seed(&self, is_higher: bool) -> u64 {
        let monday = self.current.last().map(|week| week.monday.to_string()).unwrap_or_default();
        let digest = Sha256::digest(format!("{}/{}/{monday}/{is_higher}", self.series.team, self.series.kpi));
        digest.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }

    /// Whether both sides hold enough: so many items, or so many weeks with any.
    fn is_enough(&self, current: &[usize], baseline: &[usize]) -> bool {
        let items = |weeks: &[usize]| weeks.iter().sum::<usize>();
        let filled = |weeks: &[usize]| weeks.iter().filter(|items| **items > 0).count();
        (items(current) >= 20 || filled(current) >= 6)
            && (items(baseline) >= 40 || filled(baseline) >= LEAST_BASELINE_WEEKS)
            && self.baseline.len() >= LEAST_BASELINE_WEEKS
            && items(current).min(items(baseline)) >= self.series.least_items
    }

    fn durations(&self) -> Option<Comparison> {
        let logs = |weeks: &[&CalendarWeek]| -> Vec<Vec<f64>> {
            let of_week = |week: &&CalendarWeek| within(self.series, week).iter().map(|it| log(it.value)).collect();
            weeks.iter().map(of_week).collect()
        };
        let (current, baseline) = (logs(self.current), logs(self.baseline));
        let weekly = |weeks: &[Vec<f64>]| -> Vec<WeekValue> {
            let value = |logs: &Vec<f64>| WeekValue { sum: logs.iter().sum(), weight: logs.len() as f64 };
            weeks.iter().filter(|logs| !logs.is_empty()).map(value).collect()
        };
        let medians = (median(&current)?, median(&baseline)?);
        let shift = shift_of_weeks(&current, &baseline)?;
        let counts = (sizes(&current), sizes(&baseline));
        let (p_worse, p_better) =
            self.p_values(&weekly(&current), &weekly(&baseline), WeekStatistic::WeightedMean, shift.0 > 1.0);
        Some(self.of_ratio(medians, shift, (p_worse, p_better), &counts, DURATION_RATIO))
    }

    /// Items by the week in which they began; one that had not ended by the evaluation is known to last at least so long.
    fn lifetimes(&self) -> Option<Comparison> {
        let began = |week: &CalendarWeek| -> Vec<Lifetime> {
            let is_within = |began: Moment| week.from <= began && began < week.until;
            let ended = self.series.occurrences.iter().filter_map(|item| {
                let began_at = item.began_at.filter(|began_at| is_within(*began_at))?;
                Some(if item.at < self.as_of {
                    Lifetime { duration: (item.at - began_at).as_seconds_f64(), ended: true }
                } else {
                    Lifetime { duration: (self.as_of - began_at).as_seconds_f64(), ended: false }
                })
            });
            let open = self.series.open.iter().filter(|began_at| is_within(**began_at));
            let open =
                open.map(|began_at| Lifetime { duration: (self.as_of - *began_at).as_seconds_f64(), ended: false });
            ended.chain(open).collect()
        };
        let cohorts =
            |weeks: &[&CalendarWeek]| -> Vec<Vec<Lifetime>> { weeks.iter().map(|week| began(week)).collect() };
        let (current, baseline) = (cohorts(self.current), cohorts(self.baseline));
        let all: Vec<Lifetime> = current.iter().chain(&baseline).flatten().copied().collect();
        let scores = log_rank_scores(&all);
        let mut scores = scores.into_iter();
        let mut weekly = |weeks: &[Vec<Lifetime>]| -> Vec<WeekValue> {
            let week = |items: &Vec<Lifetime>| WeekValue {
                sum: scores.by_ref().take(items.len()).sum(),
                weight: items.len() as f64,
            };
            weeks.iter().map(week).collect()
        };
        let (current_scores, baseline_scores) = (weekly(&current), weekly(&baseline));
        let is_higher = current_scores.iter().map(|week| week.sum).sum::<f64>() > 0.0;
        let logs = |weeks: &[Vec<Lifetime>]| -> Vec<Vec<f64>> {
            weeks.iter().map(|items| items.iter().map(|item| log(item.duration)).collect()).collect()
        };
        let (current_logs, baseline_logs) = (logs(&current), logs(&baseline));
        let known = |weeks: &[Vec<Lifetime>]| kaplan_meier_median(&weeks.iter().flatten().copied().collect::<Vec<_>>());
        let medians =
            (known(&current).or_else(|| median(&current_logs))?, known(&baseline).or_else(|| median(&baseline_logs))?);
        let shift = shift_of_weeks(&current_logs, &baseline_logs)?;
        let p_values = self.p_values(&current_scores, &baseline_scores, WeekStatistic::Sum, is_higher);
        let counts = (sizes(&current_logs), sizes(&baseline_logs));
        Some(self.of_ratio(medians, shift, p_values, &counts, DURATION_RATIO))
    }

    fn rates(&self) -> Option<Comparison> {
        let counts = |weeks: &[&CalendarWeek]| -> Vec<(f64, f64)> {
            let events = |week: &&CalendarWeek| within(self.series, week).iter().map(|it| it.weight).sum();
            weeks.iter().map(|week| (events(week), f64::from(week.working_days))).collect()
        };
        let (current, baseline) = (counts(self.current), counts(self.baseline));
        let total =
            |weeks: &[(f64, f64)]| weeks.iter().fold((0.0, 0.0), |(e, d), (events, days)| (e + events, d + days));
        let (now, before) = (total(&current), total(&baseline));
        if before.0 <= 0.0 {
            return None;
        }
        let noise = dispersion(&baseline);
        // A series that has fallen silent has no ratio; half an event stands for none.
        let (ratio, interval) = rate_ratio((now.0.max(0.5), now.1), before, noise)?;
        let weekly = |weeks: &[(f64, f64)]| -> Vec<WeekValue> {
            weeks.iter().map(|(sum, weight)| WeekValue { sum: *sum, weight: *weight }).collect()
        };
        let p_values = self.p_values(&weekly(&current), &weekly(&baseline), WeekStatistic::WeightedMean, ratio > 1.0);
        let size = |weeks: &[&CalendarWeek]| -> Vec<usize> {
            weeks.iter().map(|week| within(self.series, week).len()).collect()
        };
        let rates = (now.0 / now.1, before.0 / before.1);
        let sizes = (size(self.current), size(self.baseline));
        let mut compared = self.of_ratio(rates, (ratio, interval), p_values, &sizes, RATE_RATIO);
        // Few events now are what is to be found, no lack of data.
        compared.enough = sizes.1.iter().sum::<usize>() >= 20 && self.baseline.len() >= LEAST_BASELINE_WEEKS;
        Some(compared)
    }

    fn proportions(&self) -> Option<Comparison> {
        let weekly = |weeks: &[&CalendarWeek]| -> Vec<WeekValue> {
            let of_week = |week: &&CalendarWeek| {
                let items = within(self.series, week);
                let sum = items.iter().map(|it| it.value * it.weight).sum();
                WeekValue { sum, weight: items.iter().map(|it| it.weight).sum() }
            };
            weeks.iter().map(of_week).collect()
        };
        let (current, baseline) = (weekly(self.current), weekly(self.baseline));
        let cases = |weeks: &[WeekValue]| -> Cases {
            let (held, of) = weeks.iter().fold((0.0, 0.0), |(h, n), week| (h + week.sum, n + week.weight));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
            Cases { held: held.round() as u64, of: of.round() as u64 }
        };
        let (now, before) = (cases(&current), cases(&baseline));
        let (effect, interval) = (now.share() - before.share(), newcombe_interval(now, before)?);
        let is_higher = effect > 0.0;
        let (mut p_worse, mut p_better) = self.p_values(&current, &baseline, WeekStatistic::WeightedMean, is_higher);
        // The exact test knows how few cases there are, the permutation how weeks cluster: both must be convinced.
        let exact = exact_p(now, before, is_higher);
        if is_higher == self.series.higher_is_worse {
            p_worse = p_worse.max(exact);
        } else {
            p_better = p_better.max(exact);
        }
        let beyond_noise = interval.0 > 0.0 || interval.1 < 0.0;
        let size = |cases: Cases| usize::try_from(cases.of).unwrap_or(usize::MAX);
        Some(Comparison {
            enough: now.of >= 30 && before.of >= 40 && self.baseline.len() >= LEAST_BASELINE_WEEKS,
            current: now.share(),
            baseline: before.share(),
            effect,
            interval,
            p_worse,
            p_better,
            matters: effect.abs() >= PROPORTION_POINTS && beyond_noise,
            observations: (size(now), size(before)),
        })
    }

    fn of_ratio(
        &self,
        values: (f64, f64),
        (effect, interval): (f64, (f64, f64)),
        (p_worse, p_better): (f64, f64),
        (current, baseline): &(Vec<usize>, Vec<usize>),
        least: f64,
    ) -> Comparison {
        let beyond_noise = interval.0 > 1.0 || interval.1 < 1.0;
        Comparison {
            enough: self.is_enough(current, baseline),
            current: values.0,
            baseline: values.1,
            effect,
            interval,
            p_worse,
            p_better,
            matters: (effect >= least || effect <= 1.0 / least) && beyond_noise,
            observations: (current.iter().sum(), baseline.iter().sum()),
        }
    }
}

/// The logarithm of a duration; what takes no time at all takes a second.
fn log(seconds: f64) -> f64 {
    seconds.max(1.0).ln()
}

fn sizes<T>(weeks: &[Vec<T>]) -> Vec<usize> {
    weeks.iter().map(Vec::len).collect()
}

/// The median of all items, from their logarithms.
fn median(weeks: &[Vec<f64>]) -> Option<f64> {
    let mut all: Vec<f64> = weeks.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    quantile(&all, 0.5).map(f64::exp)
}

/// The ratio of typical weeks, with its interval: Hodges and Lehmann's shift of the weekly means of logarithms.
fn shift_of_weeks(current: &[Vec<f64>], baseline: &[Vec<f64>]) -> Option<(f64, (f64, f64))> {
    let means = |weeks: &[Vec<f64>]| -> Vec<f64> { weeks.iter().filter_map(|logs| mean(logs)).collect() };
    let shift = hodges_lehmann(&means(current), &means(baseline))?;
    Some((shift.estimate.exp(), (shift.interval.0.exp(), shift.interval.1.exp())))
}

/// The exact one-sided p-value of two proportions, in the direction in which they lie.
fn exact_p(now: Cases, before: Cases, is_higher: bool) -> f64 {
    let (first, second) = if is_higher { (now, before) } else { (before, now) };
    if now.of + before.of <= MOST_CASES_FOR_BARNARD {
        barnard_p_higher(first, second)
    } else {
        mid_p_higher(first, second)
    }
}
