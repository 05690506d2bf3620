//! Since when: the week at which a series of weekly values changed most, if it did.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// The fewest values on either side.
const LEAST: usize = 4;

/// The place of the first value after the change that divides a series best, by the energy distance of Matteson and James
/// (E-divisive, 2014), if Student's t-test between the two sides has a p-value below `most_p`. For the words "since week
/// 41", not for verdicts. Values should be symmetric: logarithms of durations.
pub fn change_point(values: &[f64], most_p: f64) -> Option<usize> {
    let place = (LEAST..=values.len().checked_sub(LEAST)?)
        .map(|place| (place, divergence(&values[..place], &values[place..])))
        .max_by(|(_, one), (_, other)| one.total_cmp(other))?
        .0;
    (t_test_p(&values[..place], &values[place..])? < most_p).then_some(place)
}

/// The empirical energy distance of two samples, scaled by their sizes.
fn divergence(first: &[f64], second: &[f64]) -> f64 {
    let (n, m) = (first.len() as f64, second.len() as f64);
    let between: f64 = first.iter().map(|a| second.iter().map(|b| (a - b).abs()).sum::<f64>()).sum();
    let within = |values: &[f64]| -> f64 {
        let pairs =
            values.iter().enumerate().map(|(place, a)| values[place + 1..].iter().map(|b| (a - b).abs()).sum::<f64>());
        pairs.sum()
    };
    let mean = |sum: f64, size: f64| if size > 1.0 { sum / (size * (size - 1.0) / 2.0) } else { 0.0 };
    n * m / (n + m) * (2.0 * between / (n * m) - mean(within(first), n) - mean(within(second), m))
}

/// Student's two-sided p-value of equal means, with equal variances.
fn t_test_p(first: &[f64], second: &[f64]) -> Option<f64> {
    let (n, m) = (first.len() as f64, second.len() as f64);
    let (mean, other) = (super::mean(first)?, super::mean(second)?);
    let squares = |values: &[f64], mean: f64| values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    let variance = (squares(first, mean) + squares(second, other)) / (n + m - 2.0);
    if variance <= 0.0 {
        return Some(if (mean - other).abs() > 0.0 { 0.0 } else { 1.0 });
    }
    let t = (mean - other) / (variance * (1.0 / n + 1.0 / m)).sqrt();
    Some(2.0 * StudentsT::new(0.0, 1.0, n + m - 2.0).ok()?.sf(t.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_change_is_found_where_it_is() {
        let mut values: Vec<f64> = (0..30).map(|week| f64::from(week * 7 % 5) * 0.1).collect();
        for value in &mut values[18..] {
            *value += 1.0;
        }
        assert_eq!(change_point(&values, 0.001), Some(18));
        assert_eq!(change_point(&values[..18], 0.001), None, "there is none before");
        assert_eq!(change_point(&[1.0, 2.0], 0.001), None);
    }
}
