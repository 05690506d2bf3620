//! The table of a team's KPIs over a span.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Word;
use crate::kpi::{Assessment, CATALOGUE, Kpi, Outcome, Parts, Span, Statistic, Summary, TeamFacts, Unit, assess};

/// What kind of answer a row gives. No data, not configured, too few and a value are four different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A value.
    Value,
    /// Fewer observations than the KPI's minimum.
    TooFew,
    /// Nothing happened that could be observed.
    NoData,
    /// No source supplies what it needs.
    NotConfigured,
}

/// One KPI (or one part of it) of a team over a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KpiRow {
    /// The KPI's id.
    pub kpi: Word,
    /// Its title.
    pub title: Word,
    /// The part, for example a stage; none is the KPI as a whole.
    pub part: Option<Word>,
    /// The unit of the values.
    pub unit: Unit,
    /// What kind of answer this is.
    pub verdict: Verdict,
    /// The statistic that stands for the KPI.
    pub headline: Word,
    /// The value of the headline statistic.
    pub value: Option<f64>,
    /// All statistics, by label.
    pub statistics: BTreeMap<Word, f64>,
    /// The 95 % interval of the headline.
    pub interval: Option<(f64, f64)>,
    /// How many observations the value rests on.
    pub observations: usize,
    /// How many items are still open.
    pub open: usize,
    /// Below this many observations the verdict is "too few".
    pub minimum_observations: usize,
    /// What to do, where something is not configured.
    pub remedy: Option<String>,
}

impl KpiRow {
    /// Title and part.
    pub fn name(&self) -> String {
        self.part.as_ref().map_or_else(|| self.title.to_string(), |part| format!("{} · {part}", self.title))
    }
}

/// All KPIs of a team over a span, in the order of the catalogue.
pub fn kpi_rows(facts: &TeamFacts<'_>, span: &Span) -> Vec<KpiRow> {
    let rows = CATALOGUE.iter().flat_map(|kpi| {
        let observed = (kpi.observe)(facts);
        rows_of(kpi, &assess(kpi, &observed, span, facts))
    });
    rows.collect()
}

/// The rows of one KPI: alternatives each have one; a breakdown follows its whole.
pub fn rows_of(kpi: &'static Kpi, assessment: &Assessment) -> Vec<KpiRow> {
    let alternatives = matches!(kpi.parts, Parts::Alternatives { .. }) && !assessment.parts.is_empty();
    let whole = (!alternatives).then(|| row(kpi, None, &assessment.whole));
    let parts = assessment.parts.iter().map(|(part, outcome)| row(kpi, Some(part), outcome));
    whole.into_iter().chain(parts).collect()
}

fn row(kpi: &'static Kpi, part: Option<&'static str>, outcome: &Outcome) -> KpiRow {
    let (verdict, summary, remedy) = match outcome {
        Outcome::Value(summary) => (Verdict::Value, Some(summary), None),
        Outcome::TooFew { summary, .. } => (Verdict::TooFew, Some(summary), None),
        Outcome::NoData => (Verdict::NoData, None, None),
        Outcome::NotConfigured(need) => (Verdict::NotConfigured, None, Some(need.remedy())),
    };
    let labelled = |summary: &&Summary| {
        summary
            .statistics
            .iter()
            .map(|(statistic, value)| (statistic.label().into(), *value))
            .collect::<BTreeMap<_, _>>()
    };
    let headline: Statistic = kpi.headline;
    KpiRow {
        kpi: kpi.id.into(),
        title: kpi.title.into(),
        part: part.map(Word::from),
        unit: kpi.unit,
        verdict,
        headline: headline.label().into(),
        value: summary.as_ref().and_then(|summary| summary.statistics.get(&headline).copied()),
        statistics: summary.as_ref().map(labelled).unwrap_or_default(),
        interval: summary.as_ref().and_then(|summary| summary.interval),
        observations: summary.as_ref().map_or(0, |summary| summary.observations),
        open: summary.as_ref().map_or(0, |summary| summary.open),
        minimum_observations: match outcome {
            Outcome::TooFew { minimum, .. } => *minimum,
            _ => kpi.minimum_observations,
        },
        remedy,
    }
}
