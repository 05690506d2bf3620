//! What one number rests on, page by page.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::facts::Moment;
use crate::kpi::{ItemStages, Kpi, Observed, Parts, Span, TeamFacts, assess};
use crate::report::{Explanation, KpiRow, Left, Narrowed, Piece, Staged, Verdict, explain_narrowed, rows_of, staged};

/// So many entries are shown at once, unless another number is asked for.
const USUAL_LIMIT: usize = 100;

/// No more than this are given at once.
const LARGEST_LIMIT: usize = 1000;

/// Which evidence is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EvidenceQuery {
    /// The window: `7d`, `28d`, `84d` or `364d`; `28d` unless given.
    #[param(pattern = "^(7|28|84|364)d$")]
    pub window: Option<String>,
    /// The last moment, for the window as it was; now unless given.
    pub until: Option<Moment>,
    /// Only this part of the KPI.
    pub part: Option<String>,
    /// Only this service.
    pub service: Option<String>,
    /// Only services of this tier or a more critical one.
    pub tier: Option<u8>,
    /// How many entries; 100 unless given, 1,000 at most.
    pub limit: Option<usize>,
    /// How many entries to pass over.
    #[serde(default)]
    pub offset: usize,
}

/// What one number rests on.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceView {
    /// The team's slug.
    pub team: String,
    /// The KPI's id.
    pub kpi: String,
    /// The KPI's title.
    pub title: String,
    /// The first moment of the span.
    pub from: Moment,
    /// The first moment after it.
    pub until: Moment,
    /// What the KPI tells.
    pub meaning: String,
    /// Exactly what is counted.
    pub definition: String,
    /// Of which part it is told.
    pub part: Option<String>,
    /// Of which service it is told.
    pub service: Option<String>,
    /// Of which tier and more critical ones it is told.
    pub tier: Option<u8>,
    /// The number itself.
    pub rows: Vec<KpiRow>,
    /// How many entries there are in all.
    pub total: usize,
    /// How many cases stand behind them: the n of the number.
    pub cases: usize,
    /// How many entries were passed over.
    pub offset: usize,
    /// How many entries are given at once.
    pub limit: usize,
    /// Of what has stages, the entry that stands nearest to the value.
    pub typical: Option<Staged>,
    /// The entries, largest first.
    pub observations: Vec<Staged>,
    /// How many things have begun and not ended, of all services.
    pub open_total: usize,
    /// Those, oldest first, as many as entries.
    pub open: Vec<Staged>,
    /// How many things were looked at and left out.
    pub left_out_total: usize,
    /// Those, newest first, as many as entries.
    pub left_out: Vec<Left>,
}

/// The evidence of a KPI of a team over a span.
pub fn evidence_view(kpi: &'static Kpi, facts: &TeamFacts<'_>, span: &Span, query: &EvidenceQuery) -> EvidenceView {
    let observed = (kpi.observe)(facts);
    let part = query.part.clone().or_else(|| usual_part(kpi, facts, &observed, span));
    let narrowed = Narrowed { part, service: query.service.clone(), tier: query.tier };
    let explanation = explain_narrowed(kpi, facts, &observed, span, &narrowed);
    let stages = ItemStages::of(facts);
    view(kpi.id, &explanation, narrowed, query, |pieces| staged(pieces, &stages))
}

/// The evidence that was frozen with a review. Its stages are not kept: titles and details tell the way.
pub fn frozen_evidence_view(kpi: &str, explanation: &Explanation, query: &EvidenceQuery) -> EvidenceView {
    let first = explanation.rows.first().and_then(|row| row.part.clone()).map(String::from);
    let narrowed = Narrowed { part: query.part.clone().or(first), service: None, tier: None };
    let mut explanation = explanation.clone();
    let takes = |part: Option<&str>| narrowed.part.is_none() || part == narrowed.part.as_deref();
    if explanation.rows.iter().any(|row| row.part.as_deref() == narrowed.part.as_deref()) {
        explanation.observations.retain(|piece| takes(piece.part.as_deref()));
        explanation.open.retain(|piece| takes(piece.part.as_deref()));
        explanation.rows.retain(|row| takes(row.part.as_deref()));
        let cases: f64 = explanation.observations.iter().map(|piece| piece.cases).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, far below 2^52")]
        let cases = cases.round().max(0.0) as usize;
        explanation.cases = cases;
    }
    let plain = |pieces: &[Piece]| pieces.iter().map(|it| Staged { piece: it.clone(), stages: Vec::new() }).collect();
    view(kpi, &explanation, narrowed, query, plain)
}

/// Alternatives are told one at a time: the first of them that has data.
fn usual_part(kpi: &'static Kpi, facts: &TeamFacts<'_>, observed: &Observed, span: &Span) -> Option<String> {
    let Parts::Alternatives { values, .. } = kpi.parts else { return None };
    let rows = rows_of(kpi, &assess(kpi, observed, span, facts));
    let with_data = rows.iter().find(|row| matches!(row.verdict, Verdict::Value | Verdict::TooFew));
    with_data.and_then(|row| row.part.clone()).map(String::from).or_else(|| values.first().map(|it| (*it).to_owned()))
}

fn view(
    kpi: &str,
    explanation: &Explanation,
    narrowed: Narrowed,
    query: &EvidenceQuery,
    staged: impl Fn(&[Piece]) -> Vec<Staged>,
) -> EvidenceView {
    let limit = query.limit.unwrap_or(USUAL_LIMIT).clamp(1, LARGEST_LIMIT);
    let total = explanation.observations.len();
    let offset = query.offset.min(total);
    let shown = &explanation.observations[offset..(offset + limit).min(total)];
    EvidenceView {
        team: explanation.team.clone(),
        kpi: kpi.to_owned(),
        title: explanation.rows.first().map_or_else(|| kpi.to_owned(), |row| row.title.to_string()),
        from: explanation.from,
        until: explanation.until,
        meaning: explanation.meaning.to_string(),
        definition: explanation.definition.to_string(),
        part: narrowed.part,
        service: narrowed.service,
        tier: narrowed.tier,
        rows: explanation.rows.clone(),
        total,
        cases: explanation.cases,
        offset,
        limit,
        typical: typical(explanation)
            .and_then(|piece| staged(std::slice::from_ref(piece)).pop())
            .filter(|it| !it.stages.is_empty()),
        observations: staged(shown),
        open_total: explanation.open.len(),
        open: staged(&explanation.open[..explanation.open.len().min(limit)]),
        left_out_total: explanation.left_out.len(),
        left_out: explanation.left_out.iter().take(limit).cloned().collect(),
    }
}

/// The entry whose value is nearest to the number; the largest of several.
fn typical(explanation: &Explanation) -> Option<&Piece> {
    let value = explanation.rows.first()?.value?;
    let distance = |piece: &&Piece| (piece.value - value).abs();
    explanation.observations.iter().min_by(|one, other| distance(one).total_cmp(&distance(other)))
}
