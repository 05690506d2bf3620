//! From observations to statistics, by shape.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};

use super::definition::{Kpi, Parts, Protection, Shape, Statistic, Unit};
use super::groups::in_groups;
use super::input::TeamFacts;
use super::outcome::{Observation, Observed, OpenItem, Outcome, Span, Summary};
use crate::stats::{
    Lifetime, WorkingCalendar, kaplan_meier_median, mean, mean_interval, median_interval, poisson_interval, quantile,
    wilson_interval,
};

/// The KPI as a whole over a span: all parts together, or the first of the alternatives that has data.
pub fn summarise(kpi: &Kpi, observed: &Observed, span: &Span, facts: &TeamFacts<'_>) -> Outcome {
    outcome(kpi, observed, standing_part(kpi, observed, span, facts), span, facts)
}

/// The part that stands for the KPI as a whole: the first of the alternatives that has data. `None` where the whole stands
/// for itself.
pub fn standing_part(kpi: &Kpi, observed: &Observed, span: &Span, facts: &TeamFacts<'_>) -> Option<&'static str> {
    let Parts::Alternatives { values, .. } = kpi.parts else { return None };
    let has_data = |part: &&&'static str| !matches!(outcome(kpi, observed, Some(part), span, facts), Outcome::NoData);
    values.iter().find(has_data).or_else(|| values.first()).copied()
}

/// One part of the KPI over a span.
pub fn summarise_part(
    kpi: &Kpi,
    observed: &Observed,
    part: &'static str,
    span: &Span,
    facts: &TeamFacts<'_>,
) -> Outcome {
    outcome(kpi, observed, Some(part), span, facts)
}

/// What was observed of one part.
struct Selected<'a> {
    /// Every observation of the part, whenever it counted.
    all: Vec<&'a Observation>,
    /// Those that count within the span.
    within: Vec<&'a Observation>,
    /// What had begun before the end of the span and has not ended.
    open: Vec<&'a OpenItem>,
}

fn outcome(kpi: &Kpi, observed: &Observed, part: Option<&str>, span: &Span, facts: &TeamFacts<'_>) -> Outcome {
    if let Some(need) = kpi.needs.iter().find(|need| !facts.supply.contains(need)) {
        return Outcome::NotConfigured(*need);
    }
    if part.is_some_and(|part| observed.unknown_parts.contains(&part)) {
        return Outcome::NoData;
    }
    let of_part = |of: Option<&'static str>| part.is_none_or(|part| of == Some(part));
    let all: Vec<&Observation> = observed.observations.iter().filter(|observation| of_part(observation.part)).collect();
    let minimum = minimum(kpi, facts);
    let within: Vec<&Observation> = match kpi.protection {
        Protection::None => all.iter().copied().filter(|observation| span.contains(observation.at)).collect(),
        Protection::Answers | Protection::People => in_groups(&all, minimum, span),
    };
    let open = observed.open.iter().filter(|item| of_part(item.part) && item.began_at < span.until).collect();
    let selected = Selected { all, within, open };
    let summary = match kpi.shape {
        Shape::Duration => duration(kpi, &selected, span),
        Shape::Proportion => proportion(&selected),
        Shape::Rate => {
            let known = span.days() > 0.0 && kpi.needs.iter().all(|need| facts.has_seen(*need, span.until));
            known.then(|| rate(&selected, span, facts))
        }
        Shape::Level => level(kpi, &selected),
    };
    match summary {
        None => Outcome::NoData,
        Some(summary) if summary.observations < minimum => Outcome::TooFew {
            summary: if kpi.protection == Protection::None { summary } else { withheld(&summary) },
            minimum,
        },
        Some(summary) if kpi.protection == Protection::None => Outcome::Value(summary),
        Some(summary) => Outcome::Value(of_nobody_alone(summary, kpi.shape)),
    }
}

/// The same without what is one person's: the newest answer, the upper tail of a few people, the median of those who began
/// within the span, of whom there may be one, and the ends of a median's interval.
fn of_nobody_alone(mut summary: Summary, shape: Shape) -> Summary {
    for statistic in [Statistic::Latest, Statistic::P90, Statistic::P50WithOpen] {
        summary.statistics.remove(&statistic);
    }
    summary.interval = summary.interval.filter(|_| shape != Shape::Duration);
    summary
}

/// Below so many observations there is no verdict.
pub(super) fn minimum(kpi: &Kpi, facts: &TeamFacts<'_>) -> usize {
    match kpi.protection {
        Protection::None => kpi.minimum_observations,
        Protection::Answers => kpi.minimum_observations.max(facts.organisation.minimum_group_size),
        Protection::People => kpi.minimum_observations.max(3),
    }
}

/// What may be told of a few people: how many they are.
fn withheld(summary: &Summary) -> Summary {
    Summary { statistics: BTreeMap::new(), observations: summary.observations, open: 0, interval: None }
}

/// How many cases stand behind observations.
fn cases(observations: &[&Observation]) -> usize {
    let sum: f64 = observations.iter().map(|observation| observation.cases).sum();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, far below 2^52")]
    let cases = sum.round().max(0.0) as usize;
    cases
}

/// The mean, each value by its weight. `None` where nothing weighs anything.
fn weighted_mean(observations: &[&Observation]) -> Option<f64> {
    let weight: f64 = observations.iter().map(|observation| observation.weight).sum();
    let sum: f64 = observations.iter().map(|observation| observation.value * observation.weight).sum();
    (weight > 0.0).then(|| sum / weight)
}

fn sorted_values(observations: &[&Observation]) -> Vec<f64> {
    let mut values: Vec<f64> = observations.iter().map(|observation| observation.value).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Median, 90th percentile and mean of what ended within the span; beside them the median of what began within it,
/// with open items as censored.
fn duration(kpi: &Kpi, selected: &Selected<'_>, span: &Span) -> Option<Summary> {
    let values = sorted_values(&selected.within);
    if values.is_empty() && selected.open.is_empty() {
        return None;
    }
    let cohort_ended = selected.all.iter().filter(|item| item.began_at.is_some_and(|began| span.contains(began)));
    let cohort_open = selected.open.iter().filter(|item| span.contains(item.began_at));
    let cohort: Vec<Lifetime> = cohort_ended
        .map(|item| Lifetime { duration: item.value, ended: true })
        .chain(cohort_open.map(|item| Lifetime { duration: item.age_seconds, ended: false }))
        .collect();
    let interval = match kpi.headline {
        Statistic::Mean => bounded(kpi, mean_interval(&values), &values),
        _ => median_interval(&values),
    };
    let statistics = [
        (Statistic::P50, quantile(&values, 0.5)),
        (Statistic::P90, quantile(&values, 0.9)),
        (Statistic::Mean, mean(&values)),
        (Statistic::P50WithOpen, kaplan_meier_median(&cohort)),
    ];
    Some(Summary { statistics: known(statistics), observations: values.len(), open: selected.open.len(), interval })
}

/// The share of cases that hold, each by its weight. The interval is Wilson's for that share of so many cases.
fn proportion(selected: &Selected<'_>) -> Option<Summary> {
    let cases = cases(&selected.within);
    let share = weighted_mean(&selected.within)?;
    let interval = wilson_interval(share, cases)?;
    Some(Summary {
        statistics: BTreeMap::from([(Statistic::Share, share)]),
        observations: cases,
        open: 0,
        interval: Some(interval),
    })
}

/// Weighted events per day. None in the span is a true zero once anything of the kind was seen of the team (an attempt to
/// deploy, an incident of any severity), and no data until then.
fn rate(selected: &Selected<'_>, span: &Span, facts: &TeamFacts<'_>) -> Summary {
    let events = cases(&selected.within);
    // The sum of nothing is −0 in floating point; adding 0 makes it 0.
    let weight: f64 = selected.within.iter().map(|event| event.weight).sum::<f64>() + 0.0;
    let days = span.days();
    let mean_weight = if events == 0 { 1.0 } else { weight / events as f64 };
    let (low, high) = poisson_interval(events);
    let statistics = [
        (Statistic::PerDay, Some(weight / days)),
        (Statistic::WorkingDaysWithOne, working_days_with_one(&selected.within, span, facts.calendar)),
        (Statistic::WeeklyVariation, weekly_variation(&selected.within, span)),
    ];
    Summary {
        statistics: known(statistics),
        observations: events,
        open: 0,
        interval: Some((low * mean_weight / days, high * mean_weight / days)),
    }
}

/// The share of working days with at least one. A day that the span begins in is left out, and one that it ends in counts as
/// soon as it has one: it is not over.
fn working_days_with_one(events: &[&Observation], span: &Span, calendar: &WorkingCalendar) -> Option<f64> {
    let with_one: BTreeSet<NaiveDate> = events.iter().map(|event| calendar.day(event.at)).collect();
    let is_whole = |day: NaiveDate| calendar.day_start(day) >= span.from;
    let is_over = |day: NaiveDate| calendar.day_start(day + Days::new(1)) <= span.until;
    let days = calendar.day(span.from).iter_days().take_while(|day| calendar.day_start(*day) < span.until);
    let counts = |day: &NaiveDate| is_whole(*day) && (is_over(*day) || with_one.contains(day));
    let days: Vec<NaiveDate> = days.filter(|day| calendar.is_working_day(*day)).filter(counts).collect();
    let worked = days.iter().filter(|day| with_one.contains(day)).count();
    (!days.is_empty()).then(|| worked as f64 / days.len() as f64)
}

/// How much the whole weeks before the end of the span differ: their standard deviation over their mean. `None` for less
/// than four weeks, or weeks without anything.
fn weekly_variation(events: &[&Observation], span: &Span) -> Option<f64> {
    let weeks = (span.until - span.from).num_weeks();
    if weeks < 4 {
        return None;
    }
    let mut sums = vec![0.0; usize::try_from(weeks).ok()?];
    for event in events {
        if let Ok(ago) = usize::try_from((span.until - event.at).num_weeks())
            && let Some(sum) = sums.get_mut(ago)
        {
            *sum += event.weight;
        }
    }
    let mean = mean(&sums).filter(|mean| *mean > 0.0)?;
    let variance = sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / (sums.len() - 1) as f64;
    Some(variance.sqrt() / mean)
}

/// Mean and newest of measured values, each by its weight.
fn level(kpi: &Kpi, selected: &Selected<'_>) -> Option<Summary> {
    if let Some(counts) = distinct_counts(&selected.within).filter(|counts| !counts.is_empty()) {
        return Some(Summary {
            statistics: known([(Statistic::Mean, mean(&counts))]),
            observations: counts.len(),
            open: 0,
            interval: mean_interval(&counts),
        });
    }
    let values = sorted_values(&selected.within);
    Some(Summary {
        statistics: known([
            (Statistic::Mean, Some(weighted_mean(&selected.within)?)),
            (Statistic::Latest, newest(&selected.within)),
        ]),
        observations: cases(&selected.within),
        open: selected.open.len(),
        interval: bounded(kpi, mean_interval(&values), &values)
            .filter(|_| kpi.headline == Statistic::Mean && equally_weighted(&selected.within)),
    })
}

/// The interval within what is possible: that of the mean of a few values reaches beyond. A mean of what is never negative
/// is not negative, and a share is at most 1; the interval holds as often as before.
fn bounded(kpi: &Kpi, interval: Option<(f64, f64)>, ascending: &[f64]) -> Option<(f64, f64)> {
    let never_negative = ascending.first().is_some_and(|least| *least >= 0.0);
    let lowest = if never_negative { 0.0 } else { f64::NEG_INFINITY };
    let highest = if kpi.unit == Unit::Ratio { 1.0 } else { f64::INFINITY };
    interval.map(|(low, high)| (low.max(lowest), high.min(highest)))
}

/// Whether all observations weigh the same: the interval of their mean takes them so.
fn equally_weighted(observations: &[&Observation]) -> bool {
    observations.windows(2).all(|pair| (pair[0].weight - pair[1].weight).abs() < 1e-9)
}

/// The newest value; of several services the mean of the newest of each.
fn newest(observations: &[&Observation]) -> Option<f64> {
    let mut newest: BTreeMap<Option<&str>, &Observation> = BTreeMap::new();
    for observation in observations {
        let known = newest.entry(observation.service.as_deref()).or_insert(observation);
        if (known.at, &known.evidence.key) < (observation.at, &observation.evidence.key) {
            *known = observation;
        }
    }
    mean(&newest.values().map(|observation| observation.value).collect::<Vec<_>>())
}

/// How many distinct things each of something has over the span. `None` where the level counts nothing of the kind.
fn distinct_counts(observations: &[&Observation]) -> Option<Vec<f64>> {
    let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for distinct in observations.iter().map(|observation| observation.distinct.as_ref()) {
        let distinct = distinct?;
        members.entry(&distinct.of).or_default().extend(distinct.members.iter().map(String::as_str));
    }
    Some(members.values().map(|members| members.len() as f64).collect())
}

fn known<const N: usize>(statistics: [(Statistic, Option<f64>); N]) -> BTreeMap<Statistic, f64> {
    statistics.into_iter().filter_map(|(statistic, value)| value.map(|value| (statistic, value))).collect()
}
