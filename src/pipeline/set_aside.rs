//! Parts of the organisation that could not be evaluated: they are tried again after a while, and hold no other up.

use std::collections::BTreeMap;

use chrono::Duration;

use crate::attribution::Part;
use crate::facts::Moment;
use crate::sources::Finding;
use crate::store::StoreError;

/// After the first failure; twice as long after each that follows.
const FIRST_REST: Duration = Duration::seconds(5);

/// The longest time between two tries.
const LONGEST_REST: Duration = Duration::minutes(1);

/// When so many parts fail at once, it is the store that fails, and the others are not tried.
pub(super) const MOST_AT_ONCE: usize = 4;

/// What came of trying to evaluate parts.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// The teams of those that were evaluated, by slug.
    pub(super) teams: Vec<String>,
    /// Whether any part was.
    pub(super) any: bool,
    /// The first failure.
    pub(super) failure: Option<StoreError>,
}

impl Tried {
    /// The teams, where no part has failed.
    pub(super) fn where_all(self) -> Result<Vec<String>, StoreError> {
        self.failure.map_or(Ok(self.teams), Err)
    }

    /// The teams, where not every part that was tried has failed.
    pub(super) fn where_any(self) -> Result<Vec<String>, StoreError> {
        match self.failure {
            Some(error) if !self.any => return Err(error),
            Some(error) => tracing::error!("some teams cannot be evaluated, the others go on: {error}"),
            None => {}
        }
        Ok(self.teams)
    }
}

/// The parts that are set aside.
#[derive(Debug, Default)]
pub(super) struct SetAside {
    parts: BTreeMap<usize, Failed>,
}

#[derive(Debug)]
struct Failed {
    rest: Duration,
    until: Moment,
    why: String,
}

impl SetAside {
    /// A part has failed.
    pub(super) fn failed(&mut self, part: usize, why: &StoreError, now: Moment) {
        let rest = self.parts.get(&part).map_or(FIRST_REST, |failed| (failed.rest * 2).min(LONGEST_REST));
        self.parts.insert(part, Failed { rest, until: now + rest, why: why.to_string() });
    }

    /// A part was evaluated.
    pub(super) fn succeeded(&mut self, part: usize) {
        self.parts.remove(&part);
    }

    /// The parts are others now.
    pub(super) fn clear(&mut self) {
        self.parts.clear();
    }

    /// Whether a part is set aside, and not tried again yet.
    pub(super) fn rests(&self, part: usize, now: Moment) -> bool {
        self.parts.get(&part).is_some_and(|failed| now < failed.until)
    }

    /// Whether the last evaluation of a part failed.
    pub(super) fn holds(&self, part: usize) -> bool {
        self.parts.contains_key(&part)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// What is to be said of it.
    pub(super) fn findings(&self, parts: &[Part]) -> Vec<Finding> {
        let findings = self.parts.iter().filter_map(|(part, failed)| Some((parts.get(*part)?, failed)));
        let findings = findings.map(|(part, failed)| {
            let teams: Vec<&str> = part.teams.iter().map(String::as_str).collect();
            let whose = if teams.is_empty() { "what belongs to no team".to_owned() } else { teams.join(", ") };
            Finding::problem(format!("cannot be evaluated: {whose}: {}", failed.why)).hint(
                "what was known stays served and becomes old; the others go on, and it is tried again every minute",
            )
        });
        findings.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_that_fail_are_an_error_only_where_none_succeeds_or_all_are_wanted() {
        let tried = |any| Tried { teams: Vec::new(), any, failure: Some(StoreError::interrupted()) };
        assert!(
            tried(true).where_any().is_ok() && tried(false).where_any().is_err() && tried(true).where_all().is_err()
        );
        assert!(Tried::default().where_any().is_ok() && Tried::default().where_all().is_ok());
    }

    #[test]
    fn tries_grow_apart_to_a_minute_and_success_forgets() {
        let (mut set_aside, begin) = (SetAside::default(), "2026-11-01T00:00:00Z".parse::<Moment>().unwrap());
        let mut now = begin;
        let mut rests = Vec::new();
        for _ in 0..6 {
            set_aside.failed(3, &StoreError::interrupted(), now);
            let rest = (1..100).find(|seconds| !set_aside.rests(3, now + Duration::seconds(*seconds))).unwrap();
            rests.push(rest);
            now += Duration::seconds(rest);
        }
        assert_eq!(rests, [5, 10, 20, 40, 60, 60]);
        assert!(set_aside.holds(3) && !set_aside.rests(2, begin));
        let parts: Vec<Part> = (0..4).map(|_| Part::default()).collect();
        assert!(set_aside.findings(&parts)[0].message.starts_with("cannot be evaluated: what belongs to no team: "));
        set_aside.succeeded(3);
        assert!(set_aside.is_empty());
    }
}
