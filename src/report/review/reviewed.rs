//! A review as it is read: the facts, how firm they are, and the team's own words.

use chrono::{Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Actions, Review, ReviewChange, StageBreakdown};
use crate::facts::Moment;
use crate::kpi::{Unit, format_value};

/// A review with everything that stands beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reviewed {
    /// The review.
    pub review: Review,
    /// Its revision, once it is frozen. None for a draft.
    pub revision: Option<u32>,
    /// When it was frozen.
    pub frozen_at: Option<Moment>,
    /// The fingerprint of what it rests on.
    pub input_hash: String,
    /// What this revision changes, and why.
    pub changes: Vec<ReviewChange>,
    /// Which other parts of the review differ from the revision before.
    pub other_changes: Vec<String>,
    /// What the team resolved on.
    pub actions: Actions,
    /// What it had resolved on the month before, with what came of it.
    pub actions_before: Actions,
}

impl Reviewed {
    /// How firm it is, in a sentence.
    pub fn standing(&self) -> String {
        let minute = |moment: Moment| moment.format("%Y-%m-%d %H:%M UTC").to_string();
        let as_of = minute(self.review.as_of);
        match (self.revision, self.frozen_at) {
            (Some(revision), Some(at)) => {
                let short = self.input_hash.get(..12).unwrap_or_default();
                format!("Frozen at {}, revision {revision}. Facts as known at {as_of}. Inputs {short}.", minute(at))
            }
            _ => format!(
                "A draft: it changes until the month is over and every source has been collected. Facts as known at {as_of}."
            ),
        }
    }

    /// What to keep in mind about the numbers.
    pub fn notes(&self) -> Vec<String> {
        let fixed = [
            "This review is for the team first. It compares the team with its own past, never with other teams.",
            "Durations count when they end; what is open is counted beside them. The value is the statistic that each KPI \
             is headed by, mostly a median; intervals are 95 % intervals.",
            "A trend is told of complete weeks, all series of all teams taken into account; \"too few to tell\" is an answer.",
        ];
        fixed.map(str::to_owned).to_vec()
    }

    /// What is known to be missing, or that nothing is.
    pub fn coverage(&self) -> Vec<String> {
        match self.review.coverage.as_slice() {
            [] => vec!["Nothing is known to be missing.".to_owned()],
            missing => missing.to_vec(),
        }
    }
}

impl Review {
    /// The first and the last day of the month, in the team's time zone.
    pub fn days(&self) -> (NaiveDate, NaiveDate) {
        let first: NaiveDate = format!("{}-01", self.month).parse().unwrap_or_default();
        let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
        (first, next.checked_sub_days(Days::new(1)).unwrap_or(first))
    }
}

impl StageBreakdown {
    /// What changed, and which stage explains most of it.
    pub fn sentence(&self) -> String {
        let whole = |value: fn(&super::StageMean) -> Option<f64>| self.stages.iter().map(value).sum::<Option<f64>>();
        let seconds = |value: f64| format_value(Unit::Seconds, value);
        let now = whole(|stage| Some(stage.seconds)).unwrap_or_default();
        let delivered = format!(
            "{} pull requests reached production, {} on average after their first commit",
            self.observations,
            seconds(now)
        );
        let Some(before) = whole(|stage| stage.seconds_before) else {
            return format!("{delivered}; in the three months before there were none to compare with.");
        };
        let change = now - before;
        let way = if change < 0.0 { "sooner" } else { "later" };
        let compared = format!(
            "{delivered}: {} {way} than in the three months before (n {})",
            seconds(change.abs()),
            self.observations_before
        );
        let difference = |stage: &super::StageMean| stage.seconds - stage.seconds_before.unwrap_or_default();
        let most = self.stages.iter().filter(|stage| difference(stage) * change > 0.0);
        let most = most.max_by(|one, other| difference(one).abs().total_cmp(&difference(other).abs()));
        match most {
            Some(stage) => {
                format!(
                    "{compared}. The stage \"{}\" alone makes {} of it.",
                    stage.stage,
                    seconds(difference(stage).abs())
                )
            }
            None => format!("{compared}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::StageMean;
    use super::*;

    fn breakdown(before: [Option<f64>; 2]) -> StageBreakdown {
        let stage = |name: &str, hours: f64, before: Option<f64>| StageMean {
            stage: name.to_owned(),
            seconds: hours * 3600.0,
            seconds_before: before.map(|hours| hours * 3600.0),
        };
        let stages = vec![stage("pickup", 20.0, before[0]), stage("review", 5.0, before[1])];
        StageBreakdown { observations: 8, observations_before: 30, stages }
    }

    #[test]
    fn the_stage_that_moved_most_the_same_way_explains_the_change() {
        // 25 h now, 10 h before: 15 h later. Pickup went from 4 to 20, review from 6 to 5.
        assert_eq!(
            breakdown([Some(4.0), Some(6.0)]).sentence(),
            "8 pull requests reached production, 25.0 h on average after their first commit: 15.0 h later than in the \
             three months before (n 30). The stage \"pickup\" alone makes 16.0 h of it."
        );
        assert!(breakdown([None, None]).sentence().ends_with("there were none to compare with."));
    }
}
