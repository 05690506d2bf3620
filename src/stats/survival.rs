//! Survival: durations of which some have not ended yet.

/// How long something lasted, or has lasted so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lifetime {
    /// The duration, in any unit.
    pub duration: f64,
    /// Whether it has ended; one that has not is censored: it is known to last at least so long.
    pub ended: bool,
}

/// The median by Kaplan and Meier's estimator (1958): the shortest duration by which at most half are still open.
/// `None` where the curve does not reach one half, so that the median is beyond what has been seen.
pub fn kaplan_meier_median(lifetimes: &[Lifetime]) -> Option<f64> {
    let mut sorted = lifetimes.to_vec();
    // At the same duration ends come before censorings, as is the convention.
    sorted.sort_by(|one, other| one.duration.total_cmp(&other.duration).then(other.ended.cmp(&one.ended)));
    let mut surviving = 1.0;
    let mut at_risk = sorted.len() as f64;
    for lifetime in &sorted {
        if lifetime.ended {
            surviving *= (at_risk - 1.0) / at_risk;
            if surviving <= 0.5 + 1e-12 {
                return Some(lifetime.duration);
            }
        }
        at_risk -= 1.0;
    }
    None
}

/// The log-rank scores of lifetimes, in their order (Peto and Peto, 1972): the Nelson–Aalen hazard until the end of each,
/// less one if it has ended. Their sum over a group tells how much longer it lasts than the whole: it is the log-rank
/// statistic, expected less observed ends.
pub fn log_rank_scores(lifetimes: &[Lifetime]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..lifetimes.len()).collect();
    order.sort_by(|one, other| {
        let (one, other) = (&lifetimes[*one], &lifetimes[*other]);
        one.duration.total_cmp(&other.duration).then(other.ended.cmp(&one.ended))
    });
    let mut scores = vec![0.0; lifetimes.len()];
    let (mut hazard, mut begin) = (0.0, 0);
    while begin < order.len() {
        // What lasts equally long ends together.
        let duration = lifetimes[order[begin]].duration;
        let end = begin + order[begin..].iter().take_while(|place| lifetimes[**place].duration <= duration).count();
        let ended = order[begin..end].iter().filter(|place| lifetimes[**place].ended).count();
        hazard += ended as f64 / (order.len() - begin) as f64;
        for place in &order[begin..end] {
            scores[*place] = hazard - f64::from(u8::from(lifetimes[*place].ended));
        }
        begin = end;
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetimes(of: &[(f64, bool)]) -> Vec<Lifetime> {
        of.iter().map(|(duration, ended)| Lifetime { duration: *duration, ended: *ended }).collect()
    }

    #[test]
    fn without_open_items_it_is_the_middle_value() {
        assert_eq!(kaplan_meier_median(&lifetimes(&[(5.0, true), (1.0, true), (3.0, true)])), Some(3.0));
    }

    #[test]
    fn open_items_push_the_median_up() {
        // S after 1: 4/5. 2 is censored. S after 3: 4/5 * 2/3 = 8/15. S after 4: 8/15 * 1/2 = 4/15 <= 1/2.
        let open = lifetimes(&[(1.0, true), (2.0, false), (3.0, true), (4.0, true), (9.0, false)]);
        assert_eq!(kaplan_meier_median(&open), Some(4.0));
    }

    #[test]
    fn a_median_beyond_what_was_seen_is_not_known() {
        assert_eq!(kaplan_meier_median(&lifetimes(&[(1.0, true), (2.0, false), (2.0, false)])), None);
        assert_eq!(kaplan_meier_median(&[]), None);
    }

    #[test]
    fn the_scores_of_the_log_rank_test_add_up_to_nothing() {
        // Hazards: 1/4 after 1, plus 1/2 after 3 (2 is censored). Scores: 1/4 − 1, 1/4, 3/4 − 1, 3/4.
        let scores = log_rank_scores(&lifetimes(&[(1.0, true), (2.0, false), (3.0, true), (4.0, false)]));
        let expected = [-0.75, 0.25, -0.25, 0.75];
        assert!(scores.iter().zip(expected).all(|(score, expected)| (score - expected).abs() < 1e-12), "{scores:?}");
        assert!(scores.iter().sum::<f64>().abs() < 1e-12);
    }
}
