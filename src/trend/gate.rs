//! When a change is called real: all of these hold, in two weeks running. False alarms cost more trust than late ones.

use super::compare::{Comparison, Tested, compare};
use super::series::Series;
use crate::stats::benjamini_hochberg;

/// The settings of the gate. The defaults are those whose error rates `docs/trends.md` tells.
#[derive(Debug, Clone, Copy)]
pub struct GateSettings {
    /// The highest p-value.
    pub most_p: f64,
    /// The highest q-value over all series of an evaluation.
    pub most_q: f64,
    /// A verdict is taken back once the q-value is above this.
    pub clear_q: f64,
    /// So many weeks running make a verdict, and take it back.
    pub weeks_running: u32,
    /// So many weeks after a verdict was taken back the series stays silent.
    pub quiet_weeks: usize,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self { most_p: 0.003, most_q: 0.10, clear_q: 0.2, weeks_running: 2, quiet_weeks: 4 }
    }
}

/// What was made of one week of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeekVerdict {
    /// The q-value of having got worse, over all series of the evaluation.
    pub q_worse: f64,
    /// The q-value of having got better.
    pub q_better: f64,
    /// Whether it is confirmed that it has got worse.
    pub worse: bool,
    /// Whether it is confirmed that it has got better.
    pub better: bool,
}

/// Where the following of one direction of one series stands.
#[derive(Debug, Clone, Copy, Default)]
struct Following {
    running: u32,
    clearing: u32,
    confirmed: bool,
    quiet_until: usize,
}

impl Following {
    fn step(&mut self, passes: bool, clears: bool, week: usize, settings: &GateSettings) -> bool {
        if self.confirmed {
            self.clearing = if clears { self.clearing + 1 } else { 0 };
            if self.clearing >= settings.weeks_running {
                *self = Self { quiet_until: week + settings.quiet_weeks, ..Self::default() };
            }
        } else {
            self.running = if passes { self.running + 1 } else { 0 };
            self.confirmed = self.running >= settings.weeks_running && week >= self.quiet_until;
            self.clearing = 0;
        }
        self.confirmed
    }
}

/// Follows all series of an evaluation over the last `weeks_back` complete weeks, oldest first: the verdicts of each
/// series, week by week.
pub fn verdicts(series: &[Series], weeks_back: usize, settings: &GateSettings) -> Vec<Vec<WeekVerdict>> {
    let tested =
        series.iter().map(|series| comparisons(series, weeks_back).into_iter().map(|it| Some(it?.tested())).collect());
    let tested: Vec<Vec<Option<Tested>>> = tested.collect();
    followed(&tested.iter().map(Vec::as_slice).collect::<Vec<_>>(), settings)
}

/// The comparisons of one series over the last `weeks_back` complete weeks, oldest first: what costs most, and depends on
/// no other series.
pub(super) fn comparisons(series: &Series, weeks_back: usize) -> Vec<Option<Comparison>> {
    let compared = (0..weeks_back).rev().map(|back| compare(series, series.weeks.len().checked_sub(back)?));
    compared.collect()
}

/// Follows series by their comparisons, all over as many weeks. The q-values of a week are taken over all series of that
/// week that have enough data.
pub(super) fn followed(tested: &[&[Option<Tested>]], settings: &GateSettings) -> Vec<Vec<WeekVerdict>> {
    let mut found: Vec<Vec<WeekVerdict>> = vec![Vec::new(); tested.len()];
    let mut worse = vec![Following::default(); tested.len()];
    let mut better = vec![Following::default(); tested.len()];
    for week in 1..=tested.first().map_or(0, |weeks| weeks.len()) {
        let of_week: Vec<Option<Tested>> = tested.iter().map(|weeks| weeks[week - 1]).collect();
        let (q_worse, q_better) = (q_values(&of_week, |it| it.p_worse), q_values(&of_week, |it| it.p_better));
        for (place, tested) in of_week.iter().enumerate() {
            let enough = tested.as_ref().filter(|it| it.enough);
            let passes = |p: fn(&Tested) -> f64, q: f64| {
                enough.is_some_and(|it| it.matters && p(it) <= settings.most_p && q <= settings.most_q)
            };
            let clears = |q: f64| enough.is_none() || q > settings.clear_q;
            let (is_worse, is_better) =
                (passes(|it| it.p_worse, q_worse[place]), passes(|it| it.p_better, q_better[place]));
            found[place].push(WeekVerdict {
                q_worse: q_worse[place],
                q_better: q_better[place],
                worse: worse[place].step(is_worse, clears(q_worse[place]), week, settings),
                better: better[place].step(is_better, clears(q_better[place]), week, settings),
            });
        }
    }
    found
}

fn q_values(of_week: &[Option<Tested>], p: impl Fn(&Tested) -> f64) -> Vec<f64> {
    let tested: Vec<(usize, f64)> = of_week
        .iter()
        .enumerate()
        .filter_map(|(place, it)| it.as_ref().filter(|it| it.enough).map(|it| (place, p(it))))
        .collect();
    let adjusted = benjamini_hochberg(&tested.iter().map(|(_, p)| *p).collect::<Vec<_>>());
    let mut q_values = vec![1.0; of_week.len()];
    for ((place, _), q) in tested.iter().zip(adjusted) {
        q_values[*place] = q;
    }
    q_values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_weeks_running_make_a_verdict_and_two_take_it_back_with_silence_after_it() {
        let settings = GateSettings::default();
        let mut following = Following::default();
        let steps = [
            (true, false, false),
            (false, false, false),
            (true, false, false),
            (true, false, true),
            (false, true, true),
            (true, false, true),
            (false, true, true),
            (false, true, false),
            // Silent for four weeks, whatever comes.
            (true, false, false),
            (true, false, false),
            (true, false, false),
            (true, false, true),
        ];
        for (week, (passes, clears, expected)) in steps.into_iter().enumerate() {
            assert_eq!(following.step(passes, clears, week + 1, &settings), expected, "week {}", week + 1);
        }
    }
}
