//! From a team's facts to the review of a month.

use std::collections::BTreeMap;

use chrono::{Months, NaiveDate};

use super::items;
use super::model::{
    Compared, Distribution, HeadlineRow, KnownEvent, MonthSpread, Review, ReviewWithEvidence, Side, TargetTold,
    TrendTold,
};
use crate::facts::Moment;
use crate::kpi::{CATALOGUE, ItemStages, Kpi, Observed, Parts, Protection, Shape, Span, TeamFacts, assess, find};
use crate::report::explanation::{Narrowed, explain_narrowed};
use crate::report::scorecard::{Measure, Scorecard, ScorecardStatus, measure_status, standing};
use crate::report::table::{KpiRow, Verdict, rows_of};
use crate::report::trend_words::sentence;
use crate::stats::quantile;
use crate::trend::Trend;

/// The KPIs that a review begins with. DORA's five come first, speed beside stability.
pub const HEADLINE: [(&str, Side); 12] = [
    ("lead_time_for_changes", Side::Speed),
    ("deployment_frequency", Side::Speed),
    ("failed_deployment_recovery_time", Side::Speed),
    ("change_failure_rate", Side::Stability),
    ("deployment_rework_rate", Side::Stability),
    ("time_to_restore", Side::Beside),
    ("incident_rate", Side::Beside),
    ("pr_cycle_time", Side::Beside),
    ("review_turnaround_time", Side::Beside),
    ("ci_success_rate", Side::Beside),
    ("work_item_cycle_time", Side::Beside),
    ("throughput", Side::Beside),
];

/// Distributions show the reviewed month and so many before it.
const MONTHS_BEFORE: u32 = 6;

/// Of more values than this a plot shows evenly picked ones.
const MOST_VALUES: usize = 250;

/// What a review is made of.
pub struct ReviewInputs<'a> {
    /// The team's facts as of the end of the month, or as of now while it lasts.
    pub facts: &'a TeamFacts<'a>,
    /// What every KPI found in them.
    pub observed: &'a BTreeMap<&'static str, Observed>,
    /// The team's scorecards.
    pub scorecards: &'a [Scorecard],
    /// The trends of the team as of the same moment.
    pub trends: Vec<&'a Trend>,
    /// Any day of the month.
    pub month: NaiveDate,
    /// What the configuration tells of the time.
    pub events: Vec<KnownEvent>,
    /// What is known to be missing.
    pub coverage: Vec<String>,
}

/// Makes the review of a month, with the evidence of its headline.
pub fn review(inputs: &ReviewInputs<'_>) -> ReviewWithEvidence {
    let facts = inputs.facts;
    let month = MonthSpan::of(facts, inputs.month);
    let headline: Vec<HeadlineRow> =
        HEADLINE.iter().filter_map(|(id, side)| Some(headline_row(inputs, find(id)?, *side, &month))).collect();
    let so_far = elapsed(&month.span, facts.as_of);
    let evidence = HEADLINE.iter().filter_map(|(id, _)| find(id)).map(|kpi| {
        let explanation = explain_narrowed(kpi, facts, &inputs.observed[kpi.id], &so_far, &Narrowed::default());
        (kpi.id.to_owned(), explanation)
    });
    let distributions = headline.iter().filter_map(|row| {
        let kpi = find(&row.kpi).filter(|kpi| kpi.shape == Shape::Duration)?;
        let target_max = row.target.as_ref().and_then(|target| target.max);
        distribution(kpi, row.part.as_deref(), &inputs.observed[kpi.id], facts, inputs.month, target_max)
    });
    let name = facts.organisation.teams.get(facts.team).map_or(facts.team, |team| &team.name);
    let calendar = facts.calendar;
    let working_days = |span: &Span| calendar.working_days_between(span.from, span.until);
    let stages = ItemStages::of(facts);
    let review = Review {
        team: facts.team.to_owned(),
        team_name: name.to_owned(),
        month: month.label(),
        from: month.span.from,
        until: month.span.until,
        time_zone: calendar.time_zone.name().to_owned(),
        as_of: facts.as_of,
        working_days: (working_days(&month.span), working_days(&month.back(facts, 1).span)),
        events: events(inputs, &month),
        coverage: inputs.coverage.clone(),
        distributions: distributions.collect(),
        stages: items::stage_breakdown(facts, &stages, &month.span, &before(facts, &month, 3)),
        slowest: items::slowest(facts, &stages, &month.span),
        oldest_open: items::oldest_open(inputs.observed, facts, &stages),
        incidents: items::incidents(facts, &month.span),
        failed_deployments: items::failed_deployments(facts, &month.span),
        scorecards: scorecards(inputs),
        definitions: CATALOGUE.iter().map(|kpi| (kpi.id.to_owned(), kpi.revision)).collect(),
        headline,
    };
    ReviewWithEvidence { review, evidence: evidence.collect() }
}

/// How the team stood. When chiplog first saw a usual target is no fact of the team: it is another in each installation.
fn scorecards(inputs: &ReviewInputs<'_>) -> Vec<ScorecardStatus> {
    let mut cards = standing(inputs.scorecards, inputs.facts, inputs.observed);
    let measures = cards.iter_mut().flat_map(|card| &mut card.rows).flat_map(|row| &mut row.measures);
    for measure in measures.filter(|measure| !measure.own_target) {
        measure.target_since = None;
    }
    cards
}

/// A calendar month of the team.
struct MonthSpan {
    first_day: NaiveDate,
    span: Span,
}

impl MonthSpan {
    fn of(facts: &TeamFacts<'_>, day: NaiveDate) -> Self {
        let (from, until) = facts.calendar.month_span(day);
        Self { first_day: facts.calendar.day(from), span: Span { from, until } }
    }

    /// The month so many months earlier.
    fn back(&self, facts: &TeamFacts<'_>, months: u32) -> Self {
        Self::of(facts, self.first_day.checked_sub_months(Months::new(months)).unwrap_or(self.first_day))
    }

    fn label(&self) -> String {
        self.first_day.format("%Y-%m").to_string()
    }
}

/// The span of so many months before a month.
fn before(facts: &TeamFacts<'_>, month: &MonthSpan, months: u32) -> Span {
    Span { from: month.back(facts, months).span.from, until: month.span.from }
}

/// What a span is measured by: while the month lasts, its part so far.
fn elapsed(span: &Span, as_of: Moment) -> Span {
    Span { from: span.from, until: span.until.min(as_of).max(span.from) }
}

fn headline_row(inputs: &ReviewInputs<'_>, kpi: &'static Kpi, side: Side, month: &MonthSpan) -> HeadlineRow {
    let facts = inputs.facts;
    let row_of = |span: &Span| standing_row(kpi, &inputs.observed[kpi.id], span, facts);
    let span = elapsed(&month.span, facts.as_of);
    let row = row_of(&span);
    let compared = |span: &Span| {
        let row = row_of(span);
        Compared { value: row.value.filter(|_| row.verdict == Verdict::Value), observations: row.observations }
    };
    HeadlineRow {
        kpi: kpi.id.to_owned(),
        title: kpi.title.to_owned(),
        side,
        unit: kpi.unit,
        statistic: kpi.headline.label().to_owned(),
        previous_month: compared(&month.back(facts, 1).span),
        three_months: compared(&before(facts, month, 3)),
        year_ago: compared(&month.back(facts, 12).span),
        trend: inputs.trends.iter().find(|trend| trend.kpi == kpi.id).map(|trend| told(kpi, trend)),
        target: target(inputs, kpi, row.part.as_deref(), &span),
        part: row.part.map(Into::into),
        verdict: row.verdict,
        value: row.value,
        interval: row.interval,
        observations: row.observations,
        open: row.open,
        minimum_observations: row.minimum_observations,
        remedy: row.remedy,
    }
}

/// The row that stands for a KPI: the whole, or the first of the alternatives.
fn standing_row(kpi: &'static Kpi, observed: &Observed, span: &Span, facts: &TeamFacts<'_>) -> KpiRow {
    let mut rows = rows_of(kpi, &assess(kpi, observed, span, facts));
    rows.swap_remove(0)
}

fn told(kpi: &Kpi, trend: &Trend) -> TrendTold {
    TrendTold {
        verdict: trend.verdict,
        sentence: sentence(kpi, trend),
        effect: trend.effect,
        interval: trend.interval,
        effect_in_points: trend.effect_in_points,
        changed_in: trend.changed_in,
        weeks: trend.weeks.to_vec(),
    }
}

/// The target of the KPI's headline: that of the first scorecard which has one for all tiers.
fn target(inputs: &ReviewInputs<'_>, kpi: &Kpi, part: Option<&str>, span: &Span) -> Option<TargetTold> {
    let first_part = match kpi.parts {
        Parts::Alternatives { .. } => part,
        Parts::Whole | Parts::Breakdown { .. } => None,
    };
    let measures = inputs.scorecards.iter().flat_map(|card| &card.rows).flat_map(|row| &row.measures);
    let of_headline = |measure: &&Measure| {
        measure.kpi.id == kpi.id
            && measure.statistic == kpi.headline
            && measure.tier.is_none()
            && (measure.part.is_none() || measure.part == first_part)
    };
    let measure = measures.filter(of_headline).min_by_key(|measure| measure.target.trend.is_some())?;
    let stands = measure_status(measure, span, inputs.facts, &inputs.observed[kpi.id]);
    let (min, max) = (measure.target.min, measure.target.max);
    Some(TargetTold { words: stands.target, min, max, status: stands.status })
}

/// How a duration was spread over the month of a day and the months before it. `None` where nothing ended in any of them, and
/// where single values would tell of single people.
pub fn distribution(
    kpi: &Kpi,
    part: Option<&str>,
    observed: &Observed,
    facts: &TeamFacts<'_>,
    day: NaiveDate,
    target_max: Option<f64>,
) -> Option<Distribution> {
    if kpi.protection != Protection::None {
        return None;
    }
    let month = MonthSpan::of(facts, day);
    let spread = |back: u32| {
        let month = month.back(facts, back);
        let within = observed
            .observations
            .iter()
            .filter(|it| month.span.contains(it.at) && part.is_none_or(|part| it.part == Some(part)));
        let mut values: Vec<f64> = within.map(|it| it.value).collect();
        values.sort_by(f64::total_cmp);
        let percentile = |share| quantile(&values, share).unwrap_or_default();
        MonthSpread {
            month: month.label(),
            observations: values.len(),
            percentiles: (!values.is_empty()).then(|| [0.1, 0.25, 0.5, 0.75, 0.9].map(percentile)),
            values: if back == 0 { picked(&values) } else { Vec::new() },
        }
    };
    let months: Vec<MonthSpread> = (0..=MONTHS_BEFORE).rev().map(spread).collect();
    months.iter().any(|month| month.observations > 0).then(|| Distribution {
        kpi: kpi.id.to_owned(),
        title: kpi.title.to_owned(),
        part: part.map(str::to_owned),
        target_max,
        months,
    })
}

/// All of a few values; of many every so-manieth, the smallest and the largest among them.
fn picked(ascending: &[f64]) -> Vec<f64> {
    if ascending.len() <= MOST_VALUES {
        return ascending.to_vec();
    }
    (0..MOST_VALUES).map(|place| ascending[place * (ascending.len() - 1) / (MOST_VALUES - 1)]).collect()
}

/// What the calendar, the ownership, the targets and the configuration tell of the month.
fn events(inputs: &ReviewInputs<'_>, month: &MonthSpan) -> Vec<KnownEvent> {
    let facts = inputs.facts;
    let last_day = facts.calendar.day(month.span.until - chrono::Duration::milliseconds(1));
    let within = |day: NaiveDate| month.first_day <= day && day <= last_day;
    let event = |day: NaiveDate, text: String| KnownEvent { from: day, until: None, text };
    let mut events: Vec<KnownEvent> = facts
        .calendar
        .holidays
        .iter()
        .filter(|day| within(**day))
        .map(|day| event(*day, "holiday".to_owned()))
        .collect();
    for service in facts.organisation.services.values() {
        for owner in service.owners.iter().filter(|owner| owner.team == facts.team) {
            let took = owner.from.map(|day| event(day, format!("the team took over {}", service.id)));
            let gave = owner.until.map(|day| event(day, format!("the team gave {} away", service.id)));
            events.extend([took, gave].into_iter().flatten().filter(|event| within(event.from)));
        }
    }
    let measures = inputs.scorecards.iter().flat_map(|card| &card.rows).flat_map(|row| &row.measures);
    for measure in measures.filter(|measure| measure.target.own) {
        let since = measure.since.map(|at| facts.calendar.day(at)).filter(|day| within(*day));
        let text = format!("the team set a target for {}: {}", measure.kpi.title, measure.target_words());
        events.extend(since.map(|day| event(day, text)));
    }
    let overlaps = |event: &&KnownEvent| event.from <= last_day && event.until.unwrap_or(event.from) >= month.first_day;
    events.extend(inputs.events.iter().filter(overlaps).cloned());
    events.sort();
    events.dedup();
    events
}
