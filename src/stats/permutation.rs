//! Permutation tests whose unit is the week: what happens within one week is not independent, whole weeks nearly are.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// The most permutations that are drawn: enough to tell p-values far below those that survive a correction for many tests.
const MOST_PERMUTATIONS: u32 = 20_000;

/// So many permutations at least as extreme end the drawing: the p-value is then known well enough (Besag and Clifford,
/// "Sequential Monte Carlo p-values", 1991).
const EXTREME_ENOUGH: u32 = 60;

/// What a permutation is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeekStatistic {
    /// The difference of the weighted means of the two groups: the sum of values over the sum of weights.
    WeightedMean,
    /// The sum of the values of the first group, weights left out of account: for scores whose weight is in themselves.
    Sum,
}

/// One week: a value, summed over its items, and their number or weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeekValue {
    /// The sum over the items of the week.
    pub sum: f64,
    /// How much they weigh.
    pub weight: f64,
}

/// The sums of the values and of the weights of some weeks.
fn total(weeks: &[WeekValue]) -> (f64, f64) {
    weeks.iter().fold((0.0, 0.0), |(sum, weight), week| (sum + week.sum, weight + week.weight))
}

/// Judges the weeks that stand in front. The others are what is left of `all`: to add them up anew for each draw would be
/// most of the work.
fn judged(statistic: WeekStatistic, front: &[WeekValue], all: (f64, f64)) -> f64 {
    let (sum, weight) = total(front);
    let (other_sum, other_weight) = (all.0 - sum, all.1 - weight);
    // What is left of weights that have fractions is nothing, or at least a share of the smallest week.
    let nothing = 1e-12 * all.1;
    match statistic {
        WeekStatistic::Sum => sum,
        WeekStatistic::WeightedMean if weight <= 0.0 || other_weight <= nothing => 0.0,
        WeekStatistic::WeightedMean => sum / weight - other_sum / other_weight,
    }
}

/// The one-sided p-value of the current weeks being higher than those of the baseline, if weeks were exchangeable: the
/// share of shuffles of the weeks that are at least as extreme. The same seed gives the same value.
pub fn week_permutation_p(current: &[WeekValue], baseline: &[WeekValue], statistic: WeekStatistic, seed: u64) -> f64 {
    if current.is_empty() || baseline.is_empty() {
        return 1.0;
    }
    let mut weeks: Vec<WeekValue> = [current, baseline].concat();
    let all = total(&weeks);
    let observed = judged(statistic, &weeks[..current.len()], all);
    // Sums in another order differ in their last digits.
    let reached = observed - 1e-9 * observed.abs().max(1e-9);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut drawn, mut extreme) = (0_u32, 0_u32);
    while drawn < MOST_PERMUTATIONS && extreme < EXTREME_ENOUGH {
        shuffle_front(&mut weeks, current.len(), &mut random);
        drawn += 1;
        extreme += u32::from(judged(statistic, &weeks[..current.len()], all) >= reached);
    }
    if extreme >= EXTREME_ENOUGH {
        return f64::from(extreme) / f64::from(drawn);
    }
    (f64::from(extreme) + 1.0) / (f64::from(drawn) + 1.0)
}

/// Draws who stands in front: the first steps of a Fisher–Yates shuffle.
fn shuffle_front(weeks: &mut [WeekValue], front: usize, random: &mut ChaCha8Rng) {
    for place in 0..front {
        let left = (weeks.len() - place) as u64;
        // The bias of the remainder is below 2⁻³² for so few weeks.
        let drawn = usize::try_from(random.next_u64() % left).unwrap_or_default();
        weeks.swap(place, place + drawn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks(sums: &[f64]) -> Vec<WeekValue> {
        sums.iter().map(|sum| WeekValue { sum: *sum, weight: 1.0 }).collect()
    }

    #[test]
    fn the_share_of_more_extreme_arrangements() {
        // Of the ten ways to choose two of five weeks, only {9, 8} has a mean as high: p is near 1/10.
        let p = week_permutation_p(&weeks(&[9.0, 8.0]), &weeks(&[1.0, 2.0, 3.0]), WeekStatistic::WeightedMean, 7);
        assert!((p - 0.1).abs() < 0.04, "{p}");
        // The lowest two: every arrangement is at least as high.
        let p = week_permutation_p(&weeks(&[1.0, 2.0]), &weeks(&[3.0, 8.0, 9.0]), WeekStatistic::WeightedMean, 7);
        assert!((p - 1.0).abs() < 1e-9, "{p}");
    }

    #[test]
    fn the_same_seed_gives_the_same_value() {
        let (current, baseline) = (weeks(&[3.0, 4.0, 6.0]), weeks(&[1.0, 2.0, 2.5, 3.5, 4.5, 1.5]));
        let p = |seed| week_permutation_p(&current, &baseline, WeekStatistic::Sum, seed).to_bits();
        assert_eq!(p(3), p(3));
    }
}
