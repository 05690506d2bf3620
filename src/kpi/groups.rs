//! What is told of people is told of groups of them, whichever spans are compared.
//!
//! Two spans that differ by one answer would tell that answer, and so would one span before and after it. So answers count in
//! groups, in the order in which they were given: each group is complete with the first moment at which it is large enough,
//! and counts as a whole at that moment. What is given at one moment is never parted.

use super::outcome::{Observation, Span};

/// The observations of the groups that are complete within a span, or else the few that are there.
pub(super) fn in_groups<'a>(all: &[&'a Observation], smallest: usize, span: &Span) -> Vec<&'a Observation> {
    let mut in_order = all.to_vec();
    in_order.sort_by(|one, other| (one.at, &one.evidence.key).cmp(&(other.at, &other.evidence.key)));
    let (mut complete, mut group, mut cases) = (Vec::new(), Vec::new(), 0.0);
    for of_one_moment in in_order.chunk_by(|one, other| one.at == other.at) {
        group.extend_from_slice(of_one_moment);
        cases += of_one_moment.iter().map(|observation| observation.cases).sum::<f64>();
        if cases < smallest as f64 {
            continue;
        }
        if of_one_moment.iter().any(|observation| span.contains(observation.at)) {
            complete.append(&mut group);
        }
        group.clear();
        cases = 0.0;
    }
    if complete.is_empty() {
        in_order.retain(|observation| span.contains(observation.at));
        return in_order;
    }
    complete
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::outcome::Evidence;
    use super::*;
    use crate::facts::Moment;

    fn at(second: i64) -> Moment {
        Moment::from_timestamp(second, 0).unwrap()
    }

    fn answers(seconds: &[i64]) -> Vec<Observation> {
        let evidence = |place: usize| Evidence {
            key: format!("{place:03}"),
            title: String::new(),
            url: None,
            detail: String::new(),
        };
        seconds.iter().enumerate().map(|(place, second)| Observation::new(at(*second), 1.0, evidence(place))).collect()
    }

    /// How many count within seconds.
    fn count(answers: &[Observation], smallest: usize, from: i64, until: i64) -> usize {
        let all: Vec<&Observation> = answers.iter().collect();
        in_groups(&all, smallest, &Span { from: at(from), until: at(until) }).len()
    }

    #[test]
    fn a_group_counts_as_a_whole_when_it_is_complete() {
        // Groups of five: 1 to 5, then 6, 7, 8, 9 and the two of second 10; 11 waits for others.
        let answers = answers(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 11]);
        let within = |from, until| count(&answers, 5, from, until);
        assert_eq!(
            [within(0, 5), within(0, 6), within(5, 6), within(0, 10), within(0, 11), within(0, 20)],
            [4, 5, 5, 5, 11, 11]
        );
        assert_eq!([within(6, 10), within(6, 11), within(11, 20)], [4, 6, 1]);
    }

    proptest! {
        /// Whatever two spans are compared: what counts in one and not in the other are enough to hide each.
        #[test]
        fn no_two_spans_differ_by_few(
            mut seconds in prop::collection::vec(0_i64..60, 0..40),
            (from, until, other_from, other_until) in (0_i64..60, 0_i64..60, 0_i64..60, 0_i64..60),
        ) {
            seconds.sort_unstable();
            let answers = answers(&seconds);
            let all: Vec<&Observation> = answers.iter().collect();
            let shown = |from, until| {
                let keys: std::collections::BTreeSet<&str> = in_groups(&all, 5, &Span { from: at(from), until: at(until) })
                    .iter()
                    .map(|it| it.evidence.key.as_str())
                    .collect();
                if keys.len() < 5 { std::collections::BTreeSet::new() } else { keys }
            };
            let (one, other) = (shown(from, until), shown(other_from, other_until));
            for alone in [one.difference(&other).count(), other.difference(&one).count()] {
                prop_assert!(alone == 0 || alone >= 5, "{alone} of {seconds:?}");
            }
        }
    }
}
