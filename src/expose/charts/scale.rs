//! From values to places: linear and logarithmic axes.

use super::ticks::{DURATION_START, Tick, duration_ticks, moderate_ticks};
use crate::kpi::Unit;

/// An axis of values: its ends, its ticks, and where a value stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    /// The value at the start.
    pub low: f64,
    /// The value at the end.
    pub high: f64,
    /// Whether equal factors are equal lengths.
    pub logarithmic: bool,
    /// Where lines and labels stand.
    pub ticks: Vec<Tick>,
}

impl Axis {
    /// An axis with round ends that holds the values; durations are logarithmic. `None` where there is no value.
    pub(super) fn holding(unit: Unit, values: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        let high = values.iter().copied().reduce(f64::max)?;
        if unit == Unit::Seconds {
            let low = values.iter().copied().filter(|value| *value > 0.0).reduce(f64::min).unwrap_or(DURATION_START);
            let ticks = duration_ticks(low, high.max(low));
            return Some(Self::of(ticks, true));
        }
        let low = values.iter().copied().reduce(f64::min)?;
        Some(Self::of(moderate_ticks(unit, low, high), false))
    }

    fn of(ticks: Vec<Tick>, logarithmic: bool) -> Self {
        let low = ticks.first().map_or(0.0, |tick| tick.value);
        let high = ticks.last().map_or(1.0, |tick| tick.value);
        Self { low, high, logarithmic, ticks }
    }

    /// Where a value stands between the start (0) and the end (1). What lies outside stands at the nearer end.
    pub(super) fn share(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    /// Whether a value lies before the start, so that it is drawn at the start.
    pub(super) fn is_before(&self, value: f64) -> bool {
        value < self.low
    }
}

/// A stretch of a drawing, from the place of the start to that of the end; upwards where the end is the smaller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    pub from: f64,
    pub until: f64,
}

impl Stretch {
    /// The place of a share of the stretch.
    pub(super) fn at(self, share: f64) -> f64 {
        self.from + (self.until - self.from) * share
    }

    /// The place of what lies at `value` between `low` and `high`; in the middle where those are the same.
    pub(super) fn place(self, value: f64, low: f64, high: f64) -> f64 {
        if high > low { self.at(((value - low) / (high - low)).clamp(0.0, 1.0)) } else { self.at(0.5) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_stand_at_equal_factors() {
        // 20 minutes to 20 hours: from 10 minutes (600 s) to a day (86 400 s), a factor of 144.
        let axis = Axis::holding(Unit::Seconds, [1_200.0, 72_000.0].into_iter()).unwrap();
        assert!(axis.logarithmic);
        assert_eq!((axis.low, axis.high), (600.0, 86_400.0));
        // Twelve times the start is half of the way, because 12 × 12 = 144.
        assert!((axis.share(7_200.0) - 0.5).abs() < 1e-12);
        assert_eq!([axis.share(600.0), axis.share(86_400.0), axis.share(1e9)], [0.0, 1.0, 1.0]);
    }

    #[test]
    fn what_is_not_positive_stands_at_the_start() {
        let axis = Axis::holding(Unit::Seconds, [-5.0, 0.0, 3_000.0].into_iter()).unwrap();
        assert_eq!([axis.share(-5.0), axis.share(0.0)], [0.0, 0.0]);
        assert!(axis.is_before(0.0) && !axis.is_before(3_000.0));
        let none_positive = Axis::holding(Unit::Seconds, [0.0].into_iter()).unwrap();
        assert!(none_positive.low > 0.0 && none_positive.share(0.0) == 0.0);
    }

    #[test]
    fn rates_stand_at_equal_distances_from_zero() {
        let axis = Axis::holding(Unit::PerDay, [0.6, 3.6].into_iter()).unwrap();
        assert_eq!((axis.low, axis.high), (0.0, 4.0));
        assert!((axis.share(1.0) - 0.25).abs() < 1e-12);
        assert_eq!(Axis::holding(Unit::PerDay, [f64::NAN].into_iter()), None);
    }

    #[test]
    fn a_stretch_may_go_upwards() {
        let upwards = Stretch { from: 200.0, until: 0.0 };
        assert_eq!(
            [upwards.at(0.25), upwards.place(3.0, 0.0, 4.0), upwards.place(3.0, 3.0, 3.0)],
            [150.0, 50.0, 100.0]
        );
    }
}
