//! One part of the organisation, evaluated by itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::diagnosis::{Diagnosis, diagnose_part};
use super::due::next_midnight;
use super::evaluate::{Rules, evaluate_team, series_of_team};
use super::evaluator::EvaluationRules;
use super::evidence::EvidenceOfParts;
use super::load::{PartFacts, attributed_part};
use super::packed::PackedTeam;
use super::plan::Reading;
use crate::attribution::{LeftOut, Organisation, Part, Parts, Services, Team};
use crate::facts::Moment;
use crate::store::{Store, StoreError};
use crate::trend::Weekly;

/// What came of a part.
#[derive(Debug)]
pub(super) struct PartResult {
    /// When it was evaluated.
    pub(super) as_of: Moment,
    pub(super) teams: Vec<Arc<PackedTeam>>,
    /// The series of its teams with their fingerprints.
    pub(super) weekly: Vec<(u64, Arc<Weekly>)>,
    pub(super) diagnosis: Diagnosis,
    /// When its numbers change without any change of facts.
    pub(super) changes_at: Option<Moment>,
    /// The next midnight of one of its teams. `None` where it has no team.
    pub(super) midnight: Option<Moment>,
    /// The iterations that the items of its teams are in, by source and id.
    pub(super) iterations: BTreeSet<(String, String)>,
}

impl PartResult {
    /// What is left out of the services themselves.
    fn of_nobody(work: &Work) -> Self {
        let left_out: Vec<LeftOut> = work.services.left_out(work.as_of).collect();
        Self {
            as_of: work.as_of,
            teams: Vec::new(),
            weekly: Vec::new(),
            diagnosis: Diagnosis::of_left_out(&left_out),
            changes_at: None,
            midnight: None,
            iterations: BTreeSet::new(),
        }
    }

    /// Adds what came of some of the facts that belong to nobody.
    fn add_of_nobody(&mut self, work: &Work, found: &PartFacts) {
        let nobody = Part::default();
        self.diagnosis.add(diagnose_part(&work.rules.organisation, &nobody, &found.facts, &found.attributed));
        self.changes_at = self.changes_at.into_iter().chain(found.first_after).min();
    }
}

/// What is different in the results of parts from what they were before.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) weeks_changed: bool,
    pub(super) diagnosis_changed: bool,
}

impl News {
    pub(super) fn add(&mut self, before: Option<&PartResult>, now: &PartResult) {
        let prints = |result: &PartResult| result.weekly.iter().map(|(print, _)| *print).collect::<Vec<_>>();
        self.weeks_changed |= before.map(prints) != Some(prints(now));
        self.diagnosis_changed |= before.map(|before| &before.diagnosis) != Some(&now.diagnosis);
    }
}

/// Loads and evaluates one part.
pub(super) async fn evaluate_one(
    store: Store,
    evidence: Arc<EvidenceOfParts>,
    work: Work,
    part: usize,
    known: Vec<(u64, Arc<Weekly>)>,
) -> Result<PartResult, StoreError> {
    let reading = evidence.plan().reading(part);
    let of_part = (&work.services, &work.parts, part);
    if work.parts.all[part].is_rest() {
        let mut rest = PartResult::of_nobody(&work);
        for some in reading.in_pieces() {
            rest.add_of_nobody(&work, &attributed_part(&store, &some, of_part, work.as_of).await?);
        }
        return Ok(rest);
    }
    let found = attributed_part(&store, &reading, of_part, work.as_of).await?;
    let result = tokio::task::spawn_blocking(move || {
        let result = work.evaluate(part, &found, &known);
        evidence.keep(part, work.as_of, Arc::new(found.attributed));
        result
    });
    result.await.map_err(|_| StoreError::interrupted())
}

/// Loads one part, and compares the series of some of its teams.
pub(super) async fn weekly_of(
    store: Store,
    work: Work,
    part: usize,
    reading: Reading,
    teams: Vec<Team>,
) -> Result<Vec<Weekly>, StoreError> {
    let found = attributed_part(&store, &reading, (&work.services, &work.parts, part), work.as_of).await?;
    let compared = tokio::task::spawn_blocking(move || {
        let (rules, attributed) = (&work.rules, &found.attributed);
        let series = teams
            .iter()
            .flat_map(|team| series_of_team(&rules.organisation, attributed, &rules.families, team, work.as_of));
        series.map(|series| Weekly::of(&series)).collect()
    });
    compared.await.map_err(|_| StoreError::interrupted())
}

/// What it takes to evaluate a part.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) rules: EvaluationRules,
    pub(super) services: Arc<Services>,
    pub(super) parts: Arc<Parts>,
    pub(super) as_of: Moment,
}

impl Work {
    /// Evaluates the facts of a part. Series whose weeks are those of before are not compared again.
    fn evaluate(&self, part: usize, found: &PartFacts, known: &[(u64, Arc<Weekly>)]) -> PartResult {
        let (organisation, part) = (&self.rules.organisation, &self.parts.all[part]);
        let rules = Rules { families: &self.rules.families, scorecards: &self.rules.scorecards };
        let known: HashMap<(u64, &str), &Arc<Weekly>> =
            known.iter().map(|(print, weekly)| ((*print, weekly.team()), weekly)).collect();
        let (mut teams, mut weekly, mut changes) = (Vec::new(), Vec::new(), Vec::new());
        for team in part.teams.iter().filter_map(|team| organisation.teams.get(team)) {
            let evaluated = evaluate_team(organisation, &found.attributed, &rules, team, self.as_of);
            changes.extend(evaluated.changes_at);
            for series in evaluated.weekly {
                let print = series.fingerprint();
                let of_before = known.get(&(print, series.team.as_str())).map(|weekly| Arc::clone(weekly));
                weekly.push((print, of_before.unwrap_or_else(|| Arc::new(Weekly::of(&series)))));
            }
            teams.push(Arc::new(PackedTeam::of(&evaluated.snapshot)));
        }
        changes.extend(found.first_after);
        PartResult {
            as_of: self.as_of,
            midnight: first_midnight(organisation, &teams, self.as_of),
            teams,
            weekly,
            diagnosis: diagnose_part(organisation, part, &found.facts, &found.attributed),
            changes_at: changes.into_iter().min(),
            iterations: found.iterations.clone(),
        }
    }
}

pub(super) fn first_midnight(organisation: &Organisation, teams: &[Arc<PackedTeam>], as_of: Moment) -> Option<Moment> {
    let rules = teams.iter().filter_map(|team| organisation.teams.get(&team.id));
    rules.map(|team| next_midnight(&team.calendar, as_of)).min()
}
