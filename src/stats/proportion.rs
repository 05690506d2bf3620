//! Tests of two proportions: so many of so many now, against so many of so many before.

use statrs::distribution::{Discrete as _, Hypergeometric};
use statrs::function::factorial::ln_binomial;

/// Cases that held, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cases {
    /// Those that held.
    pub held: u64,
    /// All of them.
    pub of: u64,
}

impl Cases {
    /// The share that held.
    pub fn share(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.held as f64 / self.of as f64 }
    }
}

/// Fisher's exact test with the mid-p correction (Lancaster, 1961), one-sided: the probability of so high a share in the
/// first group, the cases as high as the observed ones counted half, if both came from one urn.
pub fn mid_p_higher(first: Cases, second: Cases) -> f64 {
    let held = first.held + second.held;
    let Ok(urn) = Hypergeometric::new(first.of + second.of, held, first.of) else { return 1.0 };
    let more: f64 = (first.held + 1..=held.min(first.of)).map(|count| urn.pmf(count)).sum();
    (more + 0.5 * urn.pmf(first.held)).min(1.0)
}

/// Barnard's unconditional exact test (1945) with the pooled score as its statistic, one-sided: the highest probability,
/// over all common shares, of a score at least as high as the observed one. Stronger than Fisher's where few cases are
/// at hand.
pub fn barnard_p_higher(first: Cases, second: Cases) -> f64 {
    let observed = score(first.held, first.of, second.held, second.of);
    if first.of == 0 || second.of == 0 || observed <= 0.0 {
        return 1.0;
    }
    // The tables as extreme: for each count of the second group, the first group's count must be at least so high.
    let mut extreme: Vec<(usize, usize)> = Vec::new();
    let mut least = 0;
    for other in 0..=second.of {
        while least <= first.of && score(least, first.of, other, second.of) < observed - 1e-9 {
            least += 1;
        }
        if least > first.of {
            break;
        }
        extreme.push((usize::try_from(other).unwrap_or_default(), usize::try_from(least).unwrap_or_default()));
    }
    let (arrangements, other_arrangements) = (ln_arrangements(first.of), ln_arrangements(second.of));
    let probability = |share: f64| -> f64 {
        // The probabilities of all counts; what does not depend on the share is worked out once, for it costs most.
        let (ln_yes, ln_no) = (share.ln(), (1.0 - share).ln());
        let masses = |arrangements: &[f64]| -> Vec<f64> {
            let of = arrangements.len() - 1;
            let mass = |(count, ln): (usize, &f64)| (ln + count as f64 * ln_yes + (of - count) as f64 * ln_no).exp();
            arrangements.iter().enumerate().map(mass).collect()
        };
        let (one, two) = (masses(&arrangements), masses(&other_arrangements));
        // Tail sums of the first group, from its highest count down.
        let mut tail = vec![0.0; one.len() + 1];
        for count in (0..one.len()).rev() {
            tail[count] = tail[count + 1] + one[count];
        }
        extreme.iter().map(|(other, least)| two[*other] * tail[*least]).sum()
    };
    let steps = 200;
    (1..steps).map(|step| probability(f64::from(step) / f64::from(steps))).fold(0.0, f64::max).min(1.0)
}

/// The logarithms of how many ways there are to choose each count of so many.
fn ln_arrangements(of: u64) -> Vec<f64> {
    (0..=of).map(|count| ln_binomial(of, count)).collect()
}

/// The pooled score: the difference of the shares over its standard error.
fn score(held: u64, of: u64, other_held: u64, other_of: u64) -> f64 {
    let (n, m) = (of as f64, other_of as f64);
    let pooled = (held + other_held) as f64 / (n + m);
    let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
    if variance <= 0.0 { 0.0 } else { (held as f64 / n - other_held as f64 / m) / variance.sqrt() }
}

/// The interval of the difference of two shares, first minus second (Newcombe, 1998, method 10: from Wilson's intervals).
pub fn newcombe_interval(first: Cases, second: Cases) -> Option<(f64, f64)> {
    let of = |cases: Cases| super::wilson_interval(cases.share(), usize::try_from(cases.of).ok()?);
    let ((low, high), (other_low, other_high)) = (of(first)?, of(second)?);
    let (share, other) = (first.share(), second.share());
    let difference = share - other;
    Some((
        difference - ((share - low).powi(2) + (other_high - other).powi(2)).sqrt(),
        difference + ((high - share).powi(2) + (other - other_low).powi(2)).sqrt(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(held: u64, of: u64) -> Cases {
        Cases { held, of }
    }

    #[test]
    fn fisher_with_half_of_the_observed_table() {
        // 3 of 3 against 0 of 3: 1 of 20 arrangements is as high, and counts half.
        assert!((mid_p_higher(cases(3, 3), cases(0, 3)) - 0.025).abs() < 1e-12);
        // 1 of 2 against 1 of 2: P(2) = 1/6, P(1) = 4/6, so 1/6 + 2/6.
        assert!((mid_p_higher(cases(1, 2), cases(1, 2)) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn barnard_is_stronger_than_fisher_and_never_below_nothing() {
        let (first, second) = (cases(7, 12), cases(1, 17));
        let (barnard, fisher) = (barnard_p_higher(first, second), mid_p_higher(first, second));
        assert!(barnard < 0.01 && fisher < 0.01, "{barnard} {fisher}");
        assert!((barnard_p_higher(cases(1, 10), cases(5, 10)) - 1.0).abs() < 1e-12);
    }
}
