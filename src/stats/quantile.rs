//! Quantiles and means.

/// The quantile of ascending values by linear interpolation between order statistics (type R-7 of Hyndman and Fan,
/// "Sample Quantiles in Statistical Packages", 1996). `None` for no values.
pub fn quantile(ascending: &[f64], probability: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    let position = probability.clamp(0.0, 1.0) * last as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the position lies within 0..=last")]
    let below = position.floor() as usize;
    let fraction = position - below as f64;
    let lower = *ascending.get(below)?;
    let upper = *ascending.get(below + 1).unwrap_or(&lower);
    Some(lower + (upper - lower) * fraction)
}

/// The arithmetic mean. `None` for no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_interpolate_between_neighbours() {
        // R: quantile(c(1, 2, 4, 8), c(.5, .9), type = 7) gives 3.0 and 6.8: 4 + (8 - 4) * (0.9 * 3 - 2).
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.5), Some(3.0));
        assert!((quantile(&[1.0, 2.0, 4.0, 8.0], 0.9).unwrap() - 6.8).abs() < 1e-12);
        assert_eq!(quantile(&[5.0], 0.9), Some(5.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    proptest! {
        #[test]
        fn quantiles_stay_within_the_values_and_rise(mut values in prop::collection::vec(-1e6..1e6, 1..50), p in 0.0..1.0f64, q in 0.0..1.0f64) {
            values.sort_by(f64::total_cmp);
            let (low, high) = (quantile(&values, p.min(q)).unwrap(), quantile(&values, p.max(q)).unwrap());
            prop_assert!(low <= high + 1e-9);
            prop_assert!(values[0] <= low && high <= values[values.len() - 1] + 1e-9);
        }
    }
}
