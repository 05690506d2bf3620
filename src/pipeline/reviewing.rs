//! Reviews of months: made from facts, frozen once the month is over and known, revised on request.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Datelike as _, Days, NaiveDate};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::evaluate::{Families, TeamScorecards, observe, team_facts};
use super::evaluator::{EvaluationRules, Evaluator};
use super::evidence::Evidence;
use crate::attribution::{Attributed, Organisation, Team};
use crate::facts::Moment;
use crate::report::Explanation;
use crate::report::review::{
    Actions, KnownEvent, Review, ReviewChange, ReviewInputs, ReviewWithEvidence, Reviewed, changes, input_hash,
    other_changes, review,
};
use crate::stats::WorkingCalendar;
use crate::store::{ReviewRecord, SourceState, Store, StoreError};
use crate::trend::Trend;

/// A source that is behind holds up the freezing of a month for so long.
const WAIT_FOR_SOURCES: chrono::Duration = chrono::Duration::days(3);

/// A review that no longer changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrozenReview {
    /// The review.
    pub review: Review,
    /// 1 is the first look.
    pub revision: u32,
    /// When it was frozen.
    pub frozen_at: Moment,
    /// The fingerprint of what it rests on.
    pub input_hash: String,
    /// What differs from the revision before, and why. Empty for the first.
    pub changes: Vec<ReviewChange>,
    /// Which other parts of the review differ from it.
    pub other_changes: Vec<String>,
}

/// Why a review could not be made or read.
#[derive(Debug, Error)]
pub enum ReviewError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored document cannot be read.
    #[error("the review of {team} for {month} cannot be read: {reason}")]
    Unreadable {
        /// The team.
        team: String,
        /// The month.
        month: String,
        /// Why.
        reason: String,
    },
    /// The computation was cut off.
    #[error("the review was interrupted")]
    Interrupted,
}

/// Makes, freezes and reads reviews.
#[derive(Clone)]
pub struct Reviewer {
    /// The store.
    pub store: Store,
    /// The rules.
    pub organisation: Arc<Organisation>,
    /// The families of facts that the sources yield.
    pub families: Arc<Families>,
    /// The scorecards as each team has them.
    pub scorecards: Arc<TeamScorecards>,
    /// What the configuration tells of the time, by team.
    pub events: Arc<BTreeMap<String, Vec<KnownEvent>>>,
    /// The names of the configured sources.
    pub sources: Arc<[String]>,
}

/// A team's trends, facts and rules, from which the review of a month that lasts can be made without any query.
pub struct Draft<'a> {
    /// The attributed facts.
    pub attributed: &'a Attributed,
    /// The trends of all teams.
    pub trends: &'a [Trend],
    /// The moment of evaluation.
    pub as_of: Moment,
}

/// The moment as of which a month of a team is told.
fn ends(team: &Team, month: NaiveDate, now: Moment) -> Moment {
    team.calendar.month_span(month).1.min(now)
}

/// What the reviews of one month are made of.
struct Making {
    reviewer: Reviewer,
    month: NaiveDate,
    now: Moment,
    states: Vec<SourceState>,
    /// Of all teams, each as of the end of its own month.
    trends: Arc<[Trend]>,
    evidence: Evidence,
}

impl Making {
    /// The review of one team; its facts are read now. `None` where there is no such team.
    async fn of(&self, team: &str) -> Result<Option<ReviewWithEvidence>, ReviewError> {
        let Some(team) = self.reviewer.organisation.teams.get(team).cloned() else { return Ok(None) };
        // As known then, by today's rules: what was open at that moment is open.
        let as_of = ends(&team, self.month, self.now);
        // While the month lasts, everything is known up to the last round.
        let span = team.calendar.month_span(self.month);
        let coverage = if as_of < self.now { self.reviewer.coverage(&self.states, span) } else { Vec::new() };
        let attributed = self.evidence.of_team(&team.id, as_of).await?;
        let (reviewer, trends, month) = (self.reviewer.clone(), self.trends.clone(), self.month);
        let draft = tokio::task::spawn_blocking(move || {
            reviewer.draft(&team, month, &Draft { attributed: &attributed, trends: &trends, as_of }, coverage)
        });
        draft.await.map(Some).map_err(|_| ReviewError::Interrupted)
    }
}

impl Reviewer {
    /// Whether a month of a team is over.
    pub fn is_over(calendar: &WorkingCalendar, month: NaiveDate, now: Moment) -> bool {
        calendar.month_span(month).1 <= now
    }

    /// The sources that have not been collected since a moment: what happened before it may not all be known.
    pub fn behind(&self, states: &[SourceState], since: Moment) -> Vec<String> {
        let current = |name: &String| {
            states.iter().any(|state| state.source == *name && state.last_success_at.is_some_and(|at| at >= since))
        };
        self.sources.iter().filter(|name| !current(name)).cloned().collect()
    }

    /// What the sources leave unknown of a month that is over, in words.
    pub fn coverage(&self, states: &[SourceState], (from, until): (Moment, Moment)) -> Vec<String> {
        let begins = states.iter().filter(|state| self.sources.contains(&state.source)).filter_map(|state| {
            let since = state.known_since.filter(|since| *since > from)?.format("%Y-%m-%d %H:%M UTC");
            Some(format!("{} is known since {since} only: facts from before may be missing", state.source))
        });
        let behind = self.behind(states, until);
        let behind = behind
            .into_iter()
            .map(|source| format!("{source} was not collected since the end of the month: facts may be missing"));
        let configured = states.iter().filter(|state| self.sources.contains(&state.source));
        let trouble = configured.filter(|state| state.last_success_at.is_some_and(|at| at >= until));
        let trouble =
            trouble.filter_map(|state| Some(format!("{}, in part: {}", state.source, state.last_error.as_ref()?)));
        begins.chain(behind).chain(trouble).collect()
    }

    /// The review of a month as it looks from what is known already, without reading the store.
    pub fn draft(&self, team: &Team, month: NaiveDate, known: &Draft<'_>, coverage: Vec<String>) -> ReviewWithEvidence {
        let facts = team_facts(&self.organisation, known.attributed, &self.families, team, known.as_of);
        let observed = observe(&facts);
        let (from, until) = team.calendar.month_span(month);
        let left_out = facts.left_out.iter().filter(|item| from <= item.at && item.at < until);
        let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for item in left_out {
            *reasons.entry((item.kind, item.reason)).or_default() += 1;
        }
        let told = reasons.iter().map(|((kind, reason), count)| {
            format!("{count} × {} left out: {}", kind.replace('_', " "), reason.replace('_', " "))
        });
        review(&ReviewInputs {
            facts: &facts,
            observed: &observed,
            scorecards: self.scorecards.get(&team.id).map_or(&[], AsRef::as_ref),
            trends: known.trends.iter().filter(|trend| trend.team == team.id).collect(),
            month,
            events: self.events.get(&team.id).cloned().unwrap_or_default(),
            coverage: coverage.into_iter().chain(told).collect(),
        })
    }

    /// What the reviews of a month are made of, as the facts were known when it ended for each team (or are known now, while it
    /// lasts).
    async fn making(&self, month: NaiveDate, now: Moment) -> Result<Making, ReviewError> {
        let rules = EvaluationRules {
            organisation: self.organisation.clone(),
            families: self.families.clone(),
            scorecards: self.scorecards.clone(),
        };
        // It keeps no facts of a part that is done with.
        let mut evaluator = Evaluator::new(self.store.clone(), rules, 0);
        let trends = evaluator.trends(now, |team| ends(team, month, now)).await?;
        let states = self.store.source_states().await?;
        Ok(Making { reviewer: self.clone(), month, now, states, trends: trends.into(), evidence: evaluator.evidence() })
    }

    /// The review of a month of one team.
    pub async fn make(
        &self,
        team: &str,
        month: NaiveDate,
        now: Moment,
    ) -> Result<Option<ReviewWithEvidence>, ReviewError> {
        self.making(month, now).await?.of(team).await
    }

    /// The frozen review of a month: of a revision, or the newest.
    pub async fn frozen(
        &self,
        team: &str,
        month: NaiveDate,
        revision: Option<u32>,
    ) -> Result<Option<FrozenReview>, ReviewError> {
        let Some(record) = self.store.review(team, &label(month), revision).await? else { return Ok(None) };
        read(team, month, &record.body).map(Some)
    }

    /// What the headline of a frozen review rests on, by KPI.
    pub async fn evidence(
        &self,
        team: &str,
        month: NaiveDate,
        revision: u32,
    ) -> Result<BTreeMap<String, Explanation>, ReviewError> {
        let bodies = self.store.review_evidence(team, &label(month), revision).await?;
        bodies.into_iter().map(|(kpi, body)| Ok((kpi, read(team, month, &body)?))).collect()
    }

    /// Why a month that is over stays a draft, in words. `None` where it can be frozen.
    pub async fn stays_draft(
        &self,
        calendar: &WorkingCalendar,
        month: NaiveDate,
        now: Moment,
    ) -> Result<Option<String>, ReviewError> {
        Ok(self.stays_draft_by(&self.store.source_states().await?, calendar, month, now))
    }

    /// The same where the states are known already.
    pub fn stays_draft_by(
        &self,
        states: &[SourceState],
        calendar: &WorkingCalendar,
        month: NaiveDate,
        now: Moment,
    ) -> Option<String> {
        let until = calendar.month_span(month).1;
        let state = |name: &String| states.iter().find(|state| state.source == *name);
        let behind: Vec<&str> =
            self.sources.iter().filter(|name| holds_up(state(name), until, now)).map(String::as_str).collect();
        if !behind.is_empty() {
            let behind = behind.join(", ");
            return Some(format!("{behind} not collected since: `chiplog collect --once` completes it"));
        }
        // Some sources may have come later than others; where none reaches so far back, nothing is known at all.
        let known_since = self.sources.iter().map(|name| state(name)?.known_since).min()??;
        let since = known_since.format("%Y-%m-%d");
        (until <= known_since).then(|| format!("nothing is known from before {since}: so far back was collected"))
    }

    /// Freezes the reviews of a month that is over, of those teams that have none yet. What is frozen stays as it is.
    pub async fn freeze(
        &self,
        teams: &[String],
        month: NaiveDate,
        now: Moment,
    ) -> Result<Vec<FrozenReview>, ReviewError> {
        let mut missing = Vec::new();
        for team in teams {
            if self.store.review(team, &label(month), None).await?.is_none() {
                missing.push(team.clone());
            }
        }
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let (making, mut frozen) = (self.making(month, now).await?, Vec::new());
        for team in missing {
            let Some(made) = making.of(&team).await? else { continue };
            let document = FrozenReview {
                input_hash: input_hash(&made),
                review: made.review,
                revision: 1,
                frozen_at: now,
                changes: Vec::new(),
                other_changes: Vec::new(),
            };
            if self.keep(&document, &made.evidence).await? {
                frozen.push(document);
            }
        }
        Ok(frozen)
    }

    /// Looks at a frozen month again: a new revision where anything differs, with what and why. `None` where nothing
    /// does. A month that is not frozen yet is frozen.
    pub async fn revise(&self, team: &str, month: NaiveDate, now: Moment) -> Result<Option<FrozenReview>, ReviewError> {
        let teams = [team.to_owned()];
        let Some(before) = self.frozen(team, month, None).await? else {
            return Ok(self.freeze(&teams, month, now).await?.pop());
        };
        let Some(made) = self.make(team, month, now).await? else { return Ok(None) };
        let hash = input_hash(&made);
        if hash == before.input_hash {
            return Ok(None);
        }
        let evidence = self.evidence(team, month, before.revision).await?;
        let known = ReviewWithEvidence { review: before.review, evidence };
        let document = FrozenReview {
            changes: changes(&known, &made),
            other_changes: other_changes(&known.review, &made.review),
            review: made.review,
            revision: before.revision + 1,
            frozen_at: now,
            input_hash: hash,
        };
        Ok(self.keep(&document, &made.evidence).await?.then_some(document))
    }

    /// The review of a month as it is read: of a revision, the newest, or a draft made anew where nothing is frozen.
    /// `None` where a revision was asked for that is not there.
    pub async fn reviewed(
        &self,
        team: &Team,
        month: NaiveDate,
        revision: Option<u32>,
        now: Moment,
    ) -> Result<Option<Reviewed>, ReviewError> {
        if let Some(frozen) = self.frozen(&team.id, month, revision).await? {
            return self.told(frozen).await.map(Some);
        }
        if revision.is_some() {
            return Ok(None);
        }
        match self.make(&team.id, month, now).await? {
            Some(made) => self.draft_told(made).await.map(Some),
            None => Ok(None),
        }
    }

    /// A frozen review with the team's words.
    pub async fn told(&self, frozen: FrozenReview) -> Result<Reviewed, ReviewError> {
        let (actions, actions_before) = self.actions(&frozen.review).await?;
        Ok(Reviewed {
            review: frozen.review,
            revision: Some(frozen.revision),
            frozen_at: Some(frozen.frozen_at),
            input_hash: frozen.input_hash,
            changes: frozen.changes,
            other_changes: frozen.other_changes,
            actions,
            actions_before,
        })
    }

    /// A draft with the team's words.
    pub async fn draft_told(&self, made: ReviewWithEvidence) -> Result<Reviewed, ReviewError> {
        let (actions, actions_before) = self.actions(&made.review).await?;
        Ok(Reviewed {
            input_hash: input_hash(&made),
            review: made.review,
            revision: None,
            frozen_at: None,
            changes: Vec::new(),
            other_changes: Vec::new(),
            actions,
            actions_before,
        })
    }

    /// What the team resolved on, and had resolved on the month before.
    async fn actions(&self, review: &Review) -> Result<(Actions, Actions), ReviewError> {
        let before = label(month_before(review.days().0));
        let read = async |month: &str| -> Result<Actions, ReviewError> {
            let text = self.store.review_actions(&review.team, month).await?;
            Actions::parse(&text).map_err(|reason| ReviewError::Unreadable {
                team: review.team.clone(),
                month: month.to_owned(),
                reason,
            })
        };
        Ok((read(&review.month).await?, read(&before).await?))
    }

    async fn keep(
        &self,
        document: &FrozenReview,
        evidence: &BTreeMap<String, Explanation>,
    ) -> Result<bool, ReviewError> {
        let review = &document.review;
        let unreadable = |error: serde_json::Error| ReviewError::Unreadable {
            team: review.team.clone(),
            month: review.month.clone(),
            reason: error.to_string(),
        };
        let bodies = evidence.iter().map(|(kpi, body)| Ok((kpi.clone(), serde_json::to_string(body)?)));
        let bodies = bodies.collect::<Result<BTreeMap<_, _>, serde_json::Error>>().map_err(unreadable)?;
        let record = ReviewRecord {
            team: review.team.clone(),
            month: review.month.clone(),
            revision: document.revision,
            frozen_at: document.frozen_at,
            input_hash: document.input_hash.clone(),
            body: serde_json::to_string(document).map_err(unreadable)?,
        };
        Ok(self.store.freeze_review(&record, &bodies).await?)
    }
}

/// Whether a source holds up the freezing of a month that ended at `until`. One that was never collected does: a first
/// collection may be under way. One that is down holds it up for a few days, and has been tried since the month ended.
fn holds_up(state: Option<&SourceState>, until: Moment, now: Moment) -> bool {
    let Some((state, succeeded_at)) = state.and_then(|state| Some((state, state.last_success_at?))) else {
        return true;
    };
    let given_up = now - until > WAIT_FOR_SOURCES && state.last_attempt_at >= until;
    succeeded_at < until && !given_up
}

/// `2026-10`.
pub fn label(month: NaiveDate) -> String {
    month.format("%Y-%m").to_string()
}

/// The first day of the month before that of a day.
pub fn month_before(day: NaiveDate) -> NaiveDate {
    let first = day.with_day(1).unwrap_or(day);
    let last_of_before = first.checked_sub_days(Days::new(1)).unwrap_or(first);
    last_of_before.with_day(1).unwrap_or(last_of_before)
}

fn read<T: serde::de::DeserializeOwned>(team: &str, month: NaiveDate, body: &str) -> Result<T, ReviewError> {
    serde_json::from_str(body).map_err(|error| ReviewError::Unreadable {
        team: team.to_owned(),
        month: label(month),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_waits_for_first_collections_and_some_days_for_sources_that_are_down() {
        let at = |day: &str| -> Moment { format!("2026-{day}T00:00:00Z").parse().unwrap() };
        let until = at("11-01");
        let state = |attempt: &str, success: Option<&str>| SourceState {
            source: "github".to_owned(),
            kind: "github".to_owned(),
            last_attempt_at: at(attempt),
            last_success_at: success.map(at),
            last_error: None,
            known_since: None,
        };
        let held_up = |state: Option<&SourceState>, now: &str| holds_up(state, until, at(now));
        assert!(held_up(None, "11-21"), "a first collection is under way");
        assert!(held_up(Some(&state("11-20", None)), "11-21"), "none has ever come to its end");
        assert!(!held_up(Some(&state("11-01", Some("11-01"))), "11-02"));
        let down = state("11-02", Some("10-30"));
        assert!(held_up(Some(&down), "11-03"));
        assert!(!held_up(Some(&down), "11-05"), "it is down for long");
        assert!(held_up(Some(&state("10-30", Some("10-30"))), "11-21"), "nobody has tried since the month ended");
    }
}
