//! Why a number is what it is: every observation behind it, largest first, and what was left out.

use serde::{Deserialize, Serialize};

use super::Word;
use super::table::{KpiRow, rows_of};
use crate::facts::Moment;
use crate::kpi::{Evidence, Kpi, Observed, Protection, Span, TeamFacts, assess};

/// One observation behind a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// The value, in the KPI's unit (for a rate: the weight of the event).
    pub value: f64,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// What it rests on, largest first.
    pub observations: Vec<Piece>,
    /// What has begun and not ended, oldest first.
    pub open: Vec<Piece>,
    /// What was looked at and left out, newest first.
    pub left_out: Vec<Left>,
}

/// Explains a KPI of a team over a span.
pub fn explain(kpi: &'static Kpi, facts: &TeamFacts<'_>, span: &Span) -> Explanation {
    let observed = (kpi.observe)(facts);
    let rows = rows_of(kpi, &assess(kpi, &observed, span, facts));
    if kpi.protection != Protection::None {
        return protected(kpi, facts, span, rows);
    }
    let mut observations: Vec<Piece> = observed
        .observations
        .iter()
        .filter(|observation| span.contains(observation.at))
        .map(|observation| {
            let value = if observation.value == 0.0 { 0.0 } else { observation.value * observation.weight };
            piece(
                value,
                observation.at,
                observation.part.map(Word::from),
                observation.service.clone(),
                &observation.evidence,
            )
        })
        .collect();
    observations.sort_by(|one, other| other.value.total_cmp(&one.value).then_with(|| one.key.cmp(&other.key)));
    let mut open: Vec<Piece> = observed
        .open
        .iter()
        .filter(|item| item.began_at < span.until)
        .map(|item| piece(item.age_seconds, item.began_at, item.part.map(Word::from), None, &item.evidence))
        .collect();
    open.sort_by(|one, other| one.at.cmp(&other.at).then_with(|| one.key.cmp(&other.key)));
    Explanation {
        team: facts.team.to_owned(),
        from: span.from,
        until: span.until,
        meaning: kpi.meaning.into(),
        definition: kpi.definition.into(),
        rows,
        observations,
        open,
        left_out: left_out(kpi, &observed, span, facts),
    }
}

/// What may be told of answers and of single people: how many stand behind each number, and nothing of any of them.
fn protected(kpi: &'static Kpi, facts: &TeamFacts<'_>, span: &Span, rows: Vec<KpiRow>) -> Explanation {
    let counted = rows.iter().filter_map(|row| {
        let evidence = Evidence {
            key: format!("reported:{}", kpi.id),
            title: format!("{} reported, together", row.observations),
            url: None,
            detail: "single answers are never shown".to_owned(),
        };
        row.value.map(|value| piece(value, span.until, row.part.clone(), None, &evidence))
    });
    Explanation {
        team: facts.team.to_owned(),
        from: span.from,
        until: span.until,
        meaning: kpi.meaning.into(),
        definition: kpi.definition.into(),
        observations: counted.collect(),
        rows,
        open: Vec::new(),
        left_out: Vec::new(),
    }
}

fn piece(value: f64, at: Moment, part: Option<Word>, service: Option<String>, evidence: &Evidence) -> Piece {
    Piece {
        value,
        at,
        part,
        service,
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
