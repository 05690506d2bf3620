//! What a later look at a frozen month changes, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::model::{Compared, HeadlineRow, Review, ReviewWithEvidence, TargetTold, TrendTold};
use crate::kpi::Unit;
use crate::report::{Explanation, Piece};

/// Of many facts that came or went a revision names this many.
const NAMED_FACTS: usize = 5;

/// One number that a later look changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReviewChange {
    /// The KPI's id.
    pub kpi: String,
    /// Its title.
    pub title: String,
    /// The unit of the values.
    pub unit: Unit,
    /// The value before.
    pub before: Option<f64>,
    /// The value now.
    pub after: Option<f64>,
    /// How many observations there were.
    pub observations_before: usize,
    /// How many there are.
    pub observations_after: usize,
    /// Why, in sentences.
    pub reasons: Vec<String>,
}

/// A fingerprint of a review and everything that it rests on. Equal facts, definitions and targets give equal ones.
pub fn input_hash(made: &ReviewWithEvidence) -> String {
    let mut hasher = Sha256::new();
    let parts = [serde_json::to_string(&made.evidence), serde_json::to_string(&made.review)];
    for part in parts.into_iter().flatten() {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hex::encode(hasher.finalize())
}

/// The headline numbers that differ between a frozen review and a later one of the same month.
pub fn changes(frozen: &ReviewWithEvidence, later: &ReviewWithEvidence) -> Vec<ReviewChange> {
    let known: BTreeMap<&str, &HeadlineRow> =
        frozen.review.headline.iter().map(|row| (row.kpi.as_str(), row)).collect();
    let changed = later.review.headline.iter().filter_map(|row| {
        let before = known.get(row.kpi.as_str()).copied();
        let reasons = reasons(&row.kpi, frozen, later);
        let same_number = before.is_some_and(|before| same(before, row));
        (!same_number || !reasons.is_empty()).then(|| ReviewChange {
            kpi: row.kpi.clone(),
            title: row.title.clone(),
            unit: row.unit,
            before: before.and_then(|before| before.value),
            after: row.value,
            observations_before: before.map_or(0, |before| before.observations),
            observations_after: row.observations,
            reasons: if reasons.is_empty() { vec!["other rules count what was there".to_owned()] } else { reasons },
        })
    });
    changed.collect()
}

/// What else differs, beside the numbers of the headline: whole parts of the review, by name.
pub fn other_changes(frozen: &Review, later: &Review) -> Vec<String> {
    let rest = |review: &Review| -> Vec<(Option<TrendTold>, Option<TargetTold>, usize)> {
        review.headline.iter().map(|row| (row.trend.clone(), row.target.clone(), row.open)).collect()
    };
    let parts = [
        ("trends, targets or open items of the headline", rest(frozen) != rest(later)),
        ("values that are compared with", compared(frozen) != compared(later)),
        ("the spread of durations", frozen.distributions != later.distributions),
        ("the stages", frozen.stages != later.stages),
        ("the slowest or oldest items", (&frozen.slowest, &frozen.oldest_open) != (&later.slowest, &later.oldest_open)),
        ("the incidents", frozen.incidents != later.incidents),
        ("the failed deployments", frozen.failed_deployments != later.failed_deployments),
        ("the scorecards", frozen.scorecards != later.scorecards),
        ("the known events", (&frozen.events, frozen.working_days) != (&later.events, later.working_days)),
        ("what is known to be missing", frozen.coverage != later.coverage),
    ];
    parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect()
}

fn compared(review: &Review) -> Vec<[Compared; 3]> {
    review.headline.iter().map(|row| [row.previous_month, row.three_months, row.year_ago]).collect()
}

fn same(one: &HeadlineRow, other: &HeadlineRow) -> bool {
    one.value == other.value && one.observations == other.observations && one.verdict == other.verdict
}

fn reasons(kpi: &str, frozen: &ReviewWithEvidence, later: &ReviewWithEvidence) -> Vec<String> {
    let mut reasons = Vec::new();
    let revision = |review: &Review| review.definitions.get(kpi).copied();
    if let (Some(before), Some(now)) = (revision(&frozen.review), revision(&later.review))
        && before != now
    {
        reasons.push(format!("the definition is another: revision {now} instead of {before}"));
    }
    let none = BTreeMap::new();
    let pieces = |made: &ReviewWithEvidence| made.evidence.get(kpi).map(pieces_by_key);
    let (before, now) = (pieces(frozen).unwrap_or_else(|| none.clone()), pieces(later).unwrap_or(none));
    let came: Vec<&str> = missing_from(&now, &before);
    let went: Vec<&str> = missing_from(&before, &now);
    let other = now.iter().filter(|(key, (_, values))| before.get(*key).is_some_and(|(_, known)| known != values));
    let other: Vec<&str> = other.map(|(_, (title, _))| title.as_str()).collect();
    for (titles, what) in [
        (came, "became known after the month was frozen"),
        (went, "no longer counted"),
        (other, "now tell another value"),
    ] {
        if !titles.is_empty() {
            reasons.push(format!("{} {what}: {}", titles.len(), named(&titles)));
        }
    }
    reasons
}

/// Title and values of each thing, by its key.
type Known = BTreeMap<String, (String, Vec<String>)>;

fn pieces_by_key(explanation: &Explanation) -> Known {
    let mut known = Known::new();
    let told = |piece: &Piece| format!("{}/{}", piece.part.as_deref().unwrap_or_default(), piece.value);
    for piece in &explanation.observations {
        let entry = known.entry(piece.key.clone()).or_insert_with(|| (piece.title.clone(), Vec::new()));
        entry.1.push(told(piece));
    }
    for (_, values) in known.values_mut() {
        values.sort();
    }
    known
}

fn missing_from<'a>(these: &'a Known, known: &Known) -> Vec<&'a str> {
    these.iter().filter(|(key, _)| !known.contains_key(*key)).map(|(_, (title, _))| title.as_str()).collect()
}

fn named(titles: &[&str]) -> String {
    let more = titles.len().saturating_sub(NAMED_FACTS);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", titles.iter().take(NAMED_FACTS).copied().collect::<Vec<_>>().join("; "))
}
