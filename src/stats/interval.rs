//! 95 % intervals.

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Gamma, StudentsT};

/// The two-sided 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's score interval of a proportion (Wilson, 1927), from the share and the number of cases. `None` without cases.
pub fn wilson_interval(share: f64, cases: usize) -> Option<(f64, f64)> {
    if cases == 0 {
        return None;
    }
    let n = cases as f64;
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Some((((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0)))
}

/// The exact interval of the mean of a Poisson count (Garwood, 1936).
pub fn poisson_interval(events: usize) -> (f64, f64) {
    let quantile =
        |shape: f64, probability| Gamma::new(shape, 1.0).map_or(f64::NAN, |gamma| gamma.inverse_cdf(probability));
    let count = events as f64;
    let low = if events == 0 { 0.0 } else { quantile(count, 0.025) };
    (low, quantile(count + 1.0, 0.975))
}

/// The distribution-free interval of the median: the order statistics between which it lies with at least 95 %
/// probability, by the binomial distribution with p = 1/2 (Conover, "Practical Nonparametric Statistics").
/// `None` for fewer than six values, which have no such interval.
pub fn median_interval(ascending: &[f64]) -> Option<(f64, f64)> {
    let n = ascending.len();
    if n < 6 {
        return None;
    }
    let binomial = Binomial::new(0.5, n as u64).ok()?;
    let mut rank = 0;
    while binomial.cdf(rank) <= 0.025 {
        rank += 1;
    }
    // `rank` is the first with more than 2.5 % at or below it, so the rank-th smallest value (from 1) bounds the median.
    let below = usize::try_from(rank).ok()?.checked_sub(1)?;
    Some((*ascending.get(below)?, *ascending.get(n - 1 - below)?))
}

/// Student's interval of a mean. `None` for fewer than two values.
pub fn mean_interval(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len();
    let mean = super::mean(values)?;
    if n < 2 {
        return None;
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
    let t = StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?.inverse_cdf(0.975);
    let spread = t * (variance / n as f64).sqrt();
    Some((mean - spread, mean + spread))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(actual: (f64, f64), expected: (f64, f64)) {
        assert!(
            (actual.0 - expected.0).abs() < 1e-4 && (actual.1 - expected.1).abs() < 1e-4,
            "{actual:?} ≠ {expected:?}"
        );
    }

    #[test]
    fn wilson_agrees_with_published_values() {
        // R: binom::binom.wilson(2, 20) gives 0.0278665 and 0.3010336.
        near(wilson_interval(2.0 / 20.0, 20).unwrap(), (0.027_866, 0.301_034));
        assert_eq!(wilson_interval(0.0, 0), None);
    }

    #[test]
    fn garwood_agrees_with_published_values() {
        // R: poisson.test(10)$conf.int gives 4.795389 and 18.390356; no events give 0 and 3.688879.
        near(poisson_interval(10), (4.795_389, 18.390_356));
        near(poisson_interval(0), (0.0, 3.688_879));
    }

    #[test]
    fn the_median_lies_between_the_second_and_the_ninth_of_ten() {
        // Of ten values P(B <= 1) = 11/1024 = 1.07 % and P(B <= 2) = 5.5 %: so the 2nd and the 9th.
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(median_interval(&values), Some((2.0, 9.0)));
        assert_eq!(median_interval(&values[..5]), None);
        // Of six P(B <= 0) = 1/64 = 1.6 %: the whole range.
        assert_eq!(median_interval(&values[..6]), Some((1.0, 6.0)));
    }

    #[test]
    fn the_mean_has_students_interval() {
        // Mean 3, standard deviation 1.5811, t(4) = 2.7764: 3 ± 2.7764 * 1.5811 / √5 = 3 ± 1.96324.
        near(mean_interval(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap(), (1.036_757, 4.963_243));
    }

    proptest! {
        #[test]
        fn wilson_stays_within_bounds_and_holds_the_share(cases in 1..500usize, part in 0.0..=1.0f64) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let successes = (cases as f64 * part) as usize;
            let share = successes as f64 / cases as f64;
            let (low, high) = wilson_interval(share, cases).unwrap();
            prop_assert!(0.0 <= low && low <= share + 1e-9 && share <= high + 1e-9 && high <= 1.0);
        }
    }
}
