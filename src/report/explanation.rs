//! Why a number is what it is: every observation behind it, largest first, and what was left out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Word;
use super::table::{KpiRow, rows_of};
use crate::facts::Moment;
use crate::kpi::{
    Evidence, ItemStage, ItemStages, Kpi, Observation, Observed, Protection, Span, TeamFacts, assess, of_service,
    of_tier,
};

/// One observation behind a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Piece {
    /// The value, in the KPI's unit (for a rate: the weight of the event).
    pub value: f64,
    /// How many cases stand behind it; n is their sum.
    pub cases: f64,
    /// When it counts.
    pub at: Moment,
    /// The part, where the KPI has parts.
    pub part: Option<Word>,
    /// The service, where it has one.
    pub service: Option<String>,
    /// `source:external_id`.
    pub key: String,
    /// What people call it.
    pub title: String,
    /// How the value came about.
    pub detail: String,
    /// Where people open it.
    pub url: Option<String>,
}

/// Something that was looked at and did not count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Left {
    /// When it would have counted.
    pub at: Moment,
    /// What it is.
    pub title: String,
    /// Why it did not count, and how to mend it.
    pub reason: String,
    /// Where people open it.
    pub url: Option<String>,
}

/// The explanation of one number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The team.
    pub team: String,
    /// The first moment of the span.
    pub from: Moment,
    /// The first moment after the span.
    pub until: Moment,
    /// One sentence: what the KPI tells.
    pub meaning: Word,
    /// Exactly what is counted.
    pub definition: Word,
    /// The number itself, part by part where the KPI has alternatives.
    pub rows: Vec<KpiRow>,
    /// How many cases stand behind it: the n of the number, counted from what it rests on.
    pub cases: usize,
    /// What it rests on, largest first.
    pub observations: Vec<Piece>,
    /// What has begun and not ended, oldest first.
    pub open: Vec<Piece>,
    /// What was looked at and left out, newest first.
    pub left_out: Vec<Left>,
}

/// Of which part of a number an explanation is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// Only this part of the KPI.
    pub part: Option<String>,
    /// Only this service.
    pub service: Option<String>,
    /// Only services of this tier or a more critical one.
    pub tier: Option<u8>,
}

impl Narrowed {
    fn takes(&self, part: Option<&str>) -> bool {
        self.part.as_deref().is_none_or(|wanted| part == Some(wanted))
    }
}

/// Explains a KPI of a team over a span.
pub fn explain(kpi: &'static Kpi, facts: &TeamFacts<'_>, span: &Span) -> Explanation {
    explain_narrowed(kpi, facts, &(kpi.observe)(facts), span, &Narrowed::default())
}

/// The same for a part, a service or a tier of it. `observed` is what the KPI found in the team's facts.
pub fn explain_narrowed(
    kpi: &'static Kpi,
    facts: &TeamFacts<'_>,
    observed: &Observed,
    span: &Span,
    narrowed: &Narrowed,
) -> Explanation {
    let of_tier = narrowed.tier.map(|tier| of_tier(observed, tier, facts.tiers));
    let observed = of_tier.as_ref().unwrap_or(observed);
    let of_service = narrowed.service.as_deref().map(|service| of_service(observed, service));
    let observed = of_service.as_ref().unwrap_or(observed);
    let mut rows = rows_of(kpi, &assess(kpi, observed, span, facts));
    let protected = kpi.protection != Protection::None;
    let observations = if protected { together(kpi, span, &rows, narrowed) } else { pieces(observed, span, narrowed) };
    rows.retain(|row| narrowed.part.as_deref().is_none_or(|part| row.part.as_deref() == Some(part)));
    let cases = if protected { rows.iter().map(|row| row.observations).sum() } else { cases(observed, span, narrowed) };
    Explanation {
        team: facts.team.to_owned(),
        from: span.from,
        until: span.until,
        meaning: kpi.meaning.into(),
        definition: kpi.definition.into(),
        rows,
        cases,
        observations,
        open: if protected { Vec::new() } else { open(observed, span, narrowed) },
        left_out: if protected { Vec::new() } else { left_out(kpi, observed, span, facts) },
    }
}

fn within<'a>(observed: &'a Observed, span: &Span, narrowed: &Narrowed) -> impl Iterator<Item = &'a Observation> {
    let within = observed.observations.iter().filter(|it| span.contains(it.at));
    within.filter(|it| narrowed.takes(it.part))
}

/// The sum of the cases of the observations; of distinct things of something, how many somethings there are.
fn cases(observed: &Observed, span: &Span, narrowed: &Narrowed) -> usize {
    let (mut cases, mut somethings) = (0.0, BTreeSet::new());
    for observation in within(observed, span, narrowed) {
        match &observation.distinct {
            Some(distinct) => drop(somethings.insert(distinct.of.as_str())),
            None => cases += observation.cases,
        }
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, far below 2^52")]
    let cases = cases.round().max(0.0) as usize;
    cases + somethings.len()
}

fn pieces(observed: &Observed, span: &Span, narrowed: &Narrowed) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = within(observed, span, narrowed).map(counted).collect();
    pieces.sort_by(|one, other| other.value.total_cmp(&one.value).then_with(|| one.key.cmp(&other.key)));
    pieces
}

fn counted(observation: &Observation) -> Piece {
    let value = if observation.value == 0.0 { 0.0 } else { observation.value * observation.weight };
    Piece {
        cases: observation.cases,
        service: observation.service.clone(),
        ..piece(value, observation.at, observation.part.map(Word::from), &observation.evidence)
    }
}

fn open(observed: &Observed, span: &Span, narrowed: &Narrowed) -> Vec<Piece> {
    let begun = observed.open.iter().filter(|item| item.began_at < span.until && narrowed.takes(item.part));
    let mut open: Vec<Piece> =
        begun.map(|item| piece(item.age_seconds, item.began_at, item.part.map(Word::from), &item.evidence)).collect();
    open.sort_by(|one, other| one.at.cmp(&other.at).then_with(|| one.key.cmp(&other.key)));
    open
}

/// What may be told of answers and of single people: how many stand behind each number, and nothing of any of them.
fn together(kpi: &'static Kpi, span: &Span, rows: &[KpiRow], narrowed: &Narrowed) -> Vec<Piece> {
    let counted = rows.iter().filter(|row| narrowed.takes(row.part.as_deref())).filter_map(|row| {
        let evidence = Evidence {
            key: format!("reported:{}", kpi.id),
            title: format!("{} reported, together", row.observations),
            url: None,
            detail: "single answers are never shown".to_owned(),
        };
        let cases = row.observations as f64;
        row.value.map(|value| Piece { cases, ..piece(value, span.until, row.part.clone(), &evidence) })
    });
    counted.collect()
}

fn piece(value: f64, at: Moment, part: Option<Word>, evidence: &Evidence) -> Piece {
    Piece {
        value,
        cases: 1.0,
        at,
        part,
        service: None,
        key: evidence.key.clone(),
        title: evidence.title.clone(),
        detail: evidence.detail.clone(),
        url: evidence.url.clone(),
    }
}

/// What the KPI itself left out, and what attribution could not tie to a service or a history.
fn left_out(kpi: &Kpi, observed: &Observed, span: &Span, facts: &TeamFacts<'_>) -> Vec<Left> {
    let own = observed.left_out.iter().map(|item| Left {
        at: item.at,
        title: item.evidence.title.clone(),
        reason: item.reason.clone(),
        url: item.evidence.url.clone(),
    });
    let unattributed = facts.left_out.iter().filter(|item| kpi.needs.iter().any(|need| need.concerns(item.kind)));
    let unattributed = unattributed.map(|item| Left {
        at: item.at,
        title: item.key.clone(),
        reason: item.explanation.clone(),
        url: item.url.clone(),
    });
    let mut left: Vec<Left> = own.chain(unattributed).filter(|item| span.contains(item.at)).collect();
    left.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.title.cmp(&other.title)));
    left
}

/// A piece with the way of the thing behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Staged {
    /// The piece.
    #[serde(flatten)]
    pub piece: Piece,
    /// Where its time went; empty for what has no stages.
    pub stages: Vec<ItemStage>,
}

/// Adds the stages of the things behind pieces.
pub fn staged<'a>(pieces: impl IntoIterator<Item = &'a Piece>, stages: &ItemStages<'_>) -> Vec<Staged> {
    let with = |piece: &Piece| Staged { stages: stages.of_item(&piece.key), piece: piece.clone() };
    pieces.into_iter().map(with).collect()
}
