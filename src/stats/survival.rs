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
}
