//! Simulated series of which the truth is known: nothing changes, or everything doubles at a known week.

use chiplog::facts::Moment;
use chiplog::trend::{CalendarWeek, GateSettings, Occurrence, Series, SeriesKind, verdicts};
use chrono::{Days, Duration, NaiveDate, NaiveTime};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The weeks before the first verdict: the longest comparison.
const WARM_UP: usize = 34;
/// The weeks over which verdicts are counted.
const YEAR: usize = 52;
/// Series of a team, tested together.
const SERIES_OF_TEAM: usize = 8;

/// How a family of series comes about.
#[derive(Clone, Copy)]
pub(crate) struct Family {
    /// Its name.
    pub(crate) name: &'static str,
    kind: SeriesKind,
    /// Items a week.
    per_week: f64,
    /// The standard deviation of what whole weeks have in common.
    week_effect: f64,
    /// How much of it goes over into the next week.
    persistence: f64,
    /// Variance over mean of the number of items.
    dispersion: f64,
    holidays: bool,
}

const fn family(name: &'static str, kind: SeriesKind) -> Family {
    Family { name, kind, per_week: 8.0, week_effect: 0.0, persistence: 0.0, dispersion: 1.0, holidays: false }
}

/// All of them.
pub(crate) const FAMILIES: [Family; 10] = [
    family("durations, independent", SeriesKind::Duration),
    Family { week_effect: 0.35, ..family("durations, weeks alike", SeriesKind::Duration) },
    Family { week_effect: 0.35, persistence: 0.3, ..family("durations, weeks that linger", SeriesKind::Duration) },
    Family { per_week: 16.0, week_effect: 0.35, ..family("durations, busy", SeriesKind::Duration) },
    Family { week_effect: 0.35, holidays: true, ..family("durations, holidays", SeriesKind::Duration) },
    Family { week_effect: 0.35, ..family("durations with open items", SeriesKind::DurationWithOpen) },
    family("counts, independent", SeriesKind::Rate),
    Family { dispersion: 3.0, ..family("counts, in bursts", SeriesKind::Rate) },
    Family { holidays: true, dispersion: 2.0, ..family("counts, holidays", SeriesKind::Rate) },
    Family { week_effect: 0.35, ..family("proportions, weeks alike", SeriesKind::Proportion) },
];

/// What was counted over a corpus.
pub(crate) struct Errors {
    /// Series-years looked at.
    pub(crate) series_years: f64,
    /// Confirmed regressions per series-year.
    pub(crate) alarms: f64,
    /// Of shifted series, the share whose shift was confirmed within twelve weeks.
    pub(crate) found: f64,
    /// The weeks until then, as a median.
    pub(crate) delay: f64,
}

fn normal(random: &mut ChaCha8Rng) -> f64 {
    // Box and Muller.
    let (one, two): (f64, f64) = (random.random_range(1e-12..1.0), random.random_range(0.0..1.0));
    (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * two).cos()
}

fn poisson(random: &mut ChaCha8Rng, mean: f64) -> usize {
    let (limit, mut product, mut count) = ((-mean).exp(), 1.0, 0);
    loop {
        product *= random.random_range(0.0..1.0_f64);
        if product <= limit {
            return count;
        }
        count += 1;
    }
}

/// A count of this mean whose variance is so many times the mean: a Poisson whose own mean varies.
fn count(random: &mut ChaCha8Rng, mean: f64, dispersion: f64) -> usize {
    if dispersion <= 1.0 {
        return poisson(random, mean);
    }
    // Of a gamma with shape k: sums of exponentials, where k is rounded to halves of squares of normals.
    let scale = dispersion - 1.0;
    let halves = (2.0 * mean / scale).round().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few dozen")]
    let squares: f64 = (0..halves as usize).map(|_| normal(random).powi(2)).sum();
    poisson(random, squares * mean / halves)
}

impl Family {
    /// One series; from week `shift_at` on everything is twice as slow, half as often, or twice as frequent a failure.
    fn series(self, team: usize, place: usize, shift_at: Option<usize>, random: &mut ChaCha8Rng) -> Series {
        let monday = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap_or_default();
        let mut series = Series {
            team: format!("team-{team}"),
            kpi: ["a", "b", "c", "d", "e", "f", "g", "h"][place % SERIES_OF_TEAM],
            kind: self.kind,
            higher_is_worse: self.kind != SeriesKind::Rate,
            occurrences: Vec::new(),
            open: Vec::new(),
            weeks: Vec::new(),
            least_items: 0,
        };
        let mut effect = 0.0;
        for week in 0..WARM_UP + YEAR {
            let monday = monday + Days::new(7 * week as u64);
            let from: Moment = monday.and_time(NaiveTime::MIN).and_utc();
            let until = from + Duration::days(7);
            // Two weeks at the end of the year and one in summer are hardly worked.
            let is_holiday = self.holidays && matches!(week % 52, 29 | 50 | 51);
            let working_days = if is_holiday { 1 } else { 5 };
            series.weeks.push(CalendarWeek { monday, from, until, working_days, usual_days: 5 });
            let persistence: f64 = self.persistence;
            effect = persistence * effect + (1.0 - persistence.powi(2)).sqrt() * self.week_effect * normal(random);
            let shifted = shift_at.is_some_and(|at| week >= at);
            let mean = self.per_week * f64::from(working_days) / 5.0;
            let halved = shifted && self.kind == SeriesKind::Rate;
            for _ in 0..count(random, if halved { mean / 2.0 } else { mean }, self.dispersion) {
                let began = from + Duration::seconds(random.random_range(0..7 * 86_400));
                let level = 11.0 + effect + if shifted { std::f64::consts::LN_2 } else { 0.0 };
                let seconds = (level + 1.1 * normal(random)).exp();
                let failure = 0.15_f64 * (effect.exp()) * if shifted { 2.0 } else { 1.0 };
                let value = match self.kind {
                    SeriesKind::Proportion => f64::from(u8::from(random.random_bool(failure.clamp(0.0, 1.0)))),
                    SeriesKind::Rate => 1.0,
                    SeriesKind::Duration | SeriesKind::DurationWithOpen => seconds,
                };
                #[expect(clippy::cast_possible_truncation, reason = "some weeks")]
                let lasted = Duration::seconds(seconds.min(3e7) as i64);
                let at = if self.kind == SeriesKind::DurationWithOpen { began + lasted } else { began };
                series.occurrences.push(Occurrence { began_at: Some(began), at, value, weight: 1.0 });
            }
        }
        series.occurrences.sort_by_key(|occurrence| occurrence.at);
        series
    }

    /// Counts false alarms over so many team-years in which nothing changes, and how many doublings are found.
    pub(crate) fn errors(self, team_years: usize) -> Errors {
        let settings = GateSettings::default();
        let mut random = ChaCha8Rng::seed_from_u64(41);
        let (mut alarms, mut delays) = (0_usize, Vec::new());
        for team in 0..team_years {
            let still: Vec<Series> =
                (0..SERIES_OF_TEAM).map(|place| self.series(team, place, None, &mut random)).collect();
            for weeks in verdicts(&still, YEAR, &settings) {
                alarms += weeks.windows(2).filter(|pair| !pair[0].worse && pair[1].worse).count();
                alarms += usize::from(weeks.first().is_some_and(|week| week.worse));
            }
            // One series of the team shifts in the middle of the year.
            let middle = WARM_UP + YEAR / 2;
            let shifted: Vec<Series> = (0..SERIES_OF_TEAM)
                .map(|place| self.series(team, place, (place == 0).then_some(middle), &mut random))
                .collect();
            let weeks = &verdicts(&shifted, YEAR, &settings)[0];
            delays.push(weeks[YEAR / 2..].iter().position(|week| week.worse).map(|weeks| weeks + 1));
        }
        let mut found: Vec<usize> = delays.iter().flatten().copied().filter(|weeks| *weeks <= 12).collect();
        found.sort_unstable();
        let series_years = (team_years * SERIES_OF_TEAM) as f64;
        Errors {
            series_years,
            alarms: alarms as f64 / series_years,
            found: found.len() as f64 / team_years as f64,
            delay: found.get(found.len() / 2).map_or(f64::NAN, |weeks| *weeks as f64),
        }
    }
}
