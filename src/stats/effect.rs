//! How large a difference is, with its interval.

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::quantile;

/// The shift between two samples and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The estimate: first minus second.
    pub estimate: f64,
    /// The interval. Infinite where the samples are too small to have one.
    pub interval: (f64, f64),
}

/// Hodges and Lehmann's estimator of the shift (1963): the median of all differences, with Moses' interval from the
/// Mann–Whitney distribution (normal approximation). `None` for an empty sample.
pub fn hodges_lehmann(first: &[f64], second: &[f64]) -> Option<Shift> {
    let mut differences: Vec<f64> =
        first.iter().flat_map(|value| second.iter().map(move |other| value - other)).collect();
    differences.sort_by(f64::total_cmp);
    let estimate = quantile(&differences, 0.5)?;
    let (m, n) = (first.len() as f64, second.len() as f64);
    let z = Normal::standard().inverse_cdf(0.975);
    let rank = (m * n / 2.0 - z * (m * n * (m + n + 1.0) / 12.0).sqrt()).floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be at least one")]
    let interval = if rank < 1.0 {
        (f64::NEG_INFINITY, f64::INFINITY)
    } else {
        let rank = rank as usize;
        (differences[rank - 1], differences[differences.len() - rank])
    };
    Some(Shift { estimate, interval })
}

/// The variance of weekly counts over their mean, each by its exposure; 1 for events that come independently (Poisson).
pub fn dispersion(counts: &[(f64, f64)]) -> f64 {
    let (events, exposure) = counts.iter().fold((0.0, 0.0), |(e, x), (events, exposure)| (e + events, x + exposure));
    let usable: Vec<&(f64, f64)> = counts.iter().filter(|(_, exposure)| *exposure > 0.0).collect();
    if events <= 0.0 || exposure <= 0.0 || usable.len() < 2 {
        return 1.0;
    }
    let rate = events / exposure;
    let chi: f64 = usable.iter().map(|(count, exposure)| (count - rate * exposure).powi(2) / (rate * exposure)).sum();
    chi / (usable.len() - 1) as f64
}

/// The ratio of two rates with the interval of quasi-Poisson counts: as wide as the dispersion asks. `None` without any
/// event on one side.
pub fn rate_ratio(first: (f64, f64), second: (f64, f64), dispersion: f64) -> Option<(f64, (f64, f64))> {
    let ((events, exposure), (other_events, other_exposure)) = (first, second);
    if events <= 0.0 || other_events <= 0.0 || exposure <= 0.0 || other_exposure <= 0.0 {
        return None;
    }
    let ratio = (events / exposure) / (other_events / other_exposure);
    let spread =
        Normal::standard().inverse_cdf(0.975) * (dispersion.max(1.0) * (1.0 / events + 1.0 / other_events)).sqrt();
    Some((ratio, ((ratio.ln() - spread).exp(), (ratio.ln() + spread).exp())))
}

/// Benjamini and Hochberg's q-values (1995), in the order of the p-values: the share of false ones among all that would be
/// called real at this one's level.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut q_values = vec![1.0; p_values.len()];
    let mut least: f64 = 1.0;
    for (rank, place) in order.iter().enumerate().rev() {
        least = least.min(p_values[*place] * p_values.len() as f64 / (rank + 1) as f64);
        q_values[*place] = least;
    }
    q_values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_all_differences() {
        // 5−1, 5−2, 5−3, 8−1, 8−2, 8−3 = 2, 3, 4, 5, 6, 7.
        let shift = hodges_lehmann(&[5.0, 8.0], &[1.0, 2.0, 3.0]).unwrap();
        assert!((shift.estimate - 4.5).abs() < 1e-12);
        assert_eq!(shift.interval, (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!(hodges_lehmann(&[], &[1.0]), None);
    }

    #[test]
    fn q_values_grow_with_p_values() {
        // 0.01·4/1, 0.02·4/2, 0.03·4/3, 0.5·4/4, each no higher than those behind it.
        let q = benjamini_hochberg(&[0.5, 0.01, 0.03, 0.02]);
        let expected = [0.5, 0.04, 0.04, 0.04];
        assert!(q.iter().zip(expected).all(|(q, expected)| (q - expected).abs() < 1e-12), "{q:?}");
    }

    #[test]
    fn counts_that_come_in_bursts_are_dispersed() {
        let even = [(2.0, 1.0), (2.0, 1.0), (2.0, 1.0)];
        assert!(dispersion(&even) < 1e-12);
        // Mean 4, squared deviations 16·3 + 144 = 192; 192/4/3 = 16.
        assert!((dispersion(&[(0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (16.0, 1.0)]) - 16.0).abs() < 1e-12);
    }
}
