//! How a team stands against its targets. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::definition::{Measure, Scorecard, ScorecardRow, Target, Trend, Way};
use super::quantity::unit_of;
use crate::facts::Moment;
use crate::kpi::{
    Kpi, Observed, Outcome, Shape, Span, Statistic, Summary, TeamFacts, Unit, format_value, of_tier, standing_part,
    summarise, summarise_part,
};
use crate::report::Word;

/// How a value stands against its target. What could not be judged is told apart: too few, no data, not configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No source supplies what it needs.
    NotConfigured,
    /// Nothing happened that could be observed.
    NoData,
    /// Too few observations, now or in the span that is compared with.
    TooFew,
    /// The target is met.
    OnTarget,
    /// Missed by no more than a tenth of the bound, or moving the right way and not as far as asked.
    Near,
    /// Missed.
    Off,
}

impl Status {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotConfigured => "not configured",
            Self::NoData => "no data",
            Self::TooFew => "too few",
            Self::OnTarget => "on target",
            Self::Near => "near",
            Self::Off => "off",
        }
    }

    /// The value of `chiplog_scorecard_status`.
    pub fn code(self) -> f64 {
        match self {
            Self::NotConfigured | Self::NoData | Self::TooFew => 0.0,
            Self::OnTarget => 1.0,
            Self::Near => 2.0,
            Self::Off => 3.0,
        }
    }
}

/// How a team stands in one role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScorecardStatus {
    /// The role's id.
    pub role: String,
    /// The role's name.
    pub title: String,
    /// Row by row.
    pub rows: Vec<RowStatus>,
}

/// How a team stands in one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RowStatus {
    /// The row's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How often it is looked at.
    pub frequency: String,
    /// The worst of its measures that could be judged; where none could, what is closest to a judgement.
    pub status: Status,
    /// Measure by measure.
    pub measures: Vec<MeasureStatus>,
}

/// A bound in base units, by the label that it has in the metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Bound {
    /// `min` or `max`, with part and statistic in front where they are not the headline's.
    pub bound: String,
    /// The value. For a trend: the value that would meet it now.
    pub value: f64,
}

/// How one measure stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeasureStatus {
    /// The KPI's id.
    pub kpi: Word,
    /// The KPI's title.
    pub title: Word,
    /// The part.
    pub part: Option<Word>,
    /// The statistic's label.
    pub statistic: Word,
    /// The window's label.
    pub window: Word,
    /// Only services of this tier or a more critical one count.
    pub tier: Option<u8>,
    /// The unit of the values.
    pub unit: Unit,
    /// How it stands.
    pub status: Status,
    /// The value.
    pub value: Option<f64>,
    /// The value of the span that a trend is compared with.
    pub before: Option<f64>,
    /// How many observations the value rests on.
    pub observations: usize,
    /// The 95 % interval, where the statistic is the KPI's headline.
    pub interval: Option<(f64, f64)>,
    /// The target in words.
    pub target: String,
    /// The target as bounds.
    pub bounds: Vec<Bound>,
    /// Whether the team has set the target itself.
    pub own_target: bool,
    /// Since when the target holds.
    pub target_since: Option<Moment>,
    /// What to do, where something is not configured.
    pub remedy: Option<String>,
}

impl MeasureStatus {
    /// What is measured: KPI, part, statistic, window and tier.
    pub fn words(&self) -> String {
        let part = self.part.as_ref().map(|part| format!(" · {part}")).unwrap_or_default();
        let tier = self.tier.map(|tier| format!(", tier {tier}")).unwrap_or_default();
        format!("{}{part}, {} of {}{tier}", self.kpi, self.statistic, self.window)
    }
}

/// How a team stands in its scorecards. `observed` holds what each KPI found in the team's facts.
pub fn standing(
    cards: &[Scorecard],
    facts: &TeamFacts<'_>,
    observed: &BTreeMap<&'static str, Observed>,
) -> Vec<ScorecardStatus> {
    let cards = cards.iter().map(|card| ScorecardStatus {
        role: card.role.clone(),
        title: card.title.clone(),
        rows: card.rows.iter().map(|row| row_status(row, facts, observed)).collect(),
    });
    cards.collect()
}

fn row_status(row: &ScorecardRow, facts: &TeamFacts<'_>, observed: &BTreeMap<&'static str, Observed>) -> RowStatus {
    let nothing = Observed::default();
    let measures: Vec<MeasureStatus> = row
        .measures
        .iter()
        .map(|measure| {
            let observed = observed.get(measure.kpi.id).unwrap_or(&nothing);
            measure_status(measure, &measure.window.span(facts.as_of), facts, observed)
        })
        .collect();
    let status = measures.iter().map(|measure| measure.status).max().unwrap_or(Status::NoData);
    RowStatus { id: row.id.clone(), title: row.title.clone(), frequency: row.frequency.clone(), status, measures }
}

/// How one measure stands over a span of its own choice.
pub fn measure_status(measure: &Measure, span: &Span, facts: &TeamFacts<'_>, observed: &Observed) -> MeasureStatus {
    let kpi = measure.kpi;
    let of_tier = measure.tier.map(|tier| of_tier(observed, tier, facts.tiers));
    let observed = of_tier.as_ref().unwrap_or(observed);
    // What stands for the KPI now is compared with the same of before, and not with what stood for it then.
    let part = measure.part.or_else(|| standing_part(kpi, observed, span, facts));
    let now = outcome(kpi, part, observed, span, facts);
    let before = measure.target.trend.as_ref().map(|trend| {
        let earlier = chrono::Duration::days(trend.over_days);
        let span = Span { from: span.from - earlier, until: span.until - earlier };
        // A rate over days before anything was seen of the team is none to compare with.
        let is_known = kpi.shape != Shape::Rate || kpi.needs.iter().all(|need| facts.has_seen(*need, span.from));
        value_of(&outcome(kpi, part, observed, &span, facts), measure.statistic).filter(|_| is_known)
    });
    let value = value_of(&now, measure.statistic);
    let unit = unit_of(kpi, measure.statistic);
    let before = before.flatten();
    let status = match (&now, value) {
        (Outcome::NotConfigured(_), _) => Status::NotConfigured,
        (Outcome::TooFew { .. }, _) => Status::TooFew,
        (_, None) => Status::NoData,
        (_, Some(value)) => judge(&measure.target, unit, value, before),
    };
    let summary = match &now {
        Outcome::Value(summary) | Outcome::TooFew { summary, .. } => Some(summary),
        Outcome::NoData | Outcome::NotConfigured(_) => None,
    };
    MeasureStatus {
        kpi: kpi.id.into(),
        title: kpi.title.into(),
        part: part.map(Word::from),
        statistic: measure.statistic.label().into(),
        window: measure.window.label().into(),
        tier: measure.tier,
        unit,
        status,
        value: summary.and_then(|summary| summary.statistics.get(&measure.statistic).copied()),
        before,
        observations: summary.map_or(0, |summary| summary.observations),
        interval: summary.filter(|_| measure.statistic == kpi.headline).and_then(|summary| summary.interval),
        target: measure.target_words(),
        bounds: bounds(measure, before),
        own_target: measure.target.own,
        target_since: measure.since,
        remedy: match now {
            Outcome::NotConfigured(need) => Some(need.remedy()),
            _ => None,
        },
    }
}

fn outcome(
    kpi: &'static Kpi,
    part: Option<&'static str>,
    observed: &Observed,
    span: &Span,
    facts: &TeamFacts<'_>,
) -> Outcome {
    match part {
        Some(part) => summarise_part(kpi, observed, part, span, facts),
        None => summarise(kpi, observed, span, facts),
    }
}

/// The value of a statistic, where there are enough observations to judge by.
fn value_of(outcome: &Outcome, statistic: Statistic) -> Option<f64> {
    let Outcome::Value(Summary { statistics, .. }) = outcome else { return None };
    statistics.get(&statistic).copied()
}

fn judge(target: &Target, unit: Unit, value: f64, before: Option<f64>) -> Status {
    if let Some(trend) = &target.trend {
        return judge_trend(trend, value, before);
    }
    // Floating point must not turn a bound that is met exactly into one that is missed.
    let slack = 1e-9 * value.abs().max(1.0);
    let missed_by = [target.max.map(|max| (value - max, max)), target.min.map(|min| (min - value, min))];
    let worst = missed_by.into_iter().flatten().filter(|(by, _)| *by > slack).map(|(by, bound)| {
        // Of shares close to everything, a tenth of what is left to everything: 99 % is not near 99.9 %.
        let scale = if unit == Unit::Ratio { bound.min((1.0 - bound).max(0.0)) } else { bound };
        if by <= scale * 0.1 + slack { Status::Near } else { Status::Off }
    });
    worst.max().unwrap_or(Status::OnTarget)
}

fn judge_trend(trend: &Trend, value: f64, before: Option<f64>) -> Status {
    let reached = match (trend.way, trend.until) {
        (Way::Down, Some(until)) => value <= until,
        (Way::Up, Some(until)) => value >= until,
        _ => false,
    };
    if reached {
        return Status::OnTarget;
    }
    let Some(before) = before else { return Status::TooFew };
    let slack = 1e-9 * before.abs().max(1.0);
    let [low, high] = trend_bounds(trend, before);
    if low.is_none_or(|low| value >= low - slack) && high.is_none_or(|high| value <= high + slack) {
        return Status::OnTarget;
    }
    let near = match trend.way {
        Way::Stable => (value - before).abs() <= 2.0 * trend.by * before.abs() + slack,
        // The right way and not far enough; or, where any improvement would do, no worse than a twentieth.
        Way::Down if trend.by > 0.0 => value < before,
        Way::Up if trend.by > 0.0 => value > before,
        Way::Down => value <= before * 1.05 + slack,
        Way::Up => value >= before * 0.95 - slack,
    };
    if near { Status::Near } else { Status::Off }
}

/// The lowest and the highest value that meet a trend.
fn trend_bounds(trend: &Trend, before: f64) -> [Option<f64>; 2] {
    match trend.way {
        Way::Down => [None, Some(before * (1.0 - trend.by))],
        Way::Up => [Some(before * (1.0 + trend.by)), None],
        Way::Stable => [Some(before * (1.0 - trend.by)), Some(before * (1.0 + trend.by))],
    }
}

fn bounds(measure: &Measure, before: Option<f64>) -> Vec<Bound> {
    let [min, max] = match (&measure.target.trend, before) {
        (Some(trend), Some(before)) => trend_bounds(trend, before),
        (Some(_), None) => [None, None],
        (None, _) => [measure.target.min, measure.target.max],
    };
    let qualifier = measure.qualifier();
    let named = [("min", min), ("max", max)].into_iter();
    named.filter_map(|(name, value)| value.map(|value| Bound { bound: format!("{qualifier}{name}"), value })).collect()
}

impl Measure {
    /// The target in words, which is also how it is recorded.
    pub fn target_words(&self) -> String {
        words(&self.target, unit_of(self.kpi, self.statistic))
    }
}

/// A target in words: `at most 3.0 d`, `80.0 % to 90.0 %`, `down by 10 % in 182 days`.
fn words(target: &Target, unit: Unit) -> String {
    let value = |value| format_value(unit, value);
    match (&target.trend, target.min, target.max) {
        (Some(trend), _, _) => {
            let by = if trend.by > 0.0 { format!(" by {:.0} %", trend.by * 100.0) } else { String::new() };
            let way = match trend.way {
                Way::Down => format!("down{by}"),
                Way::Up => format!("up{by}"),
                Way::Stable => format!("within ±{:.0} %", trend.by * 100.0),
            };
            let until = trend.until.map(|until| format!(", until {}", value(until))).unwrap_or_default();
            format!("{way} in {} days{until}", trend.over_days)
        }
        (None, Some(min), Some(max)) => format!("{} to {}", value(min), value(max)),
        (None, Some(min), None) => format!("at least {}", value(min)),
        (None, None, Some(max)) => format!("at most {}", value(max)),
        (None, None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, report, shipping};
    use crate::kpi::{Window, find};

    fn bounds(min: Option<f64>, max: Option<f64>) -> Target {
        Target { min, max, trend: None, own: false }
    }

    fn trend(way: Way, by: f64) -> Trend {
        Trend { way, by, over_days: 84, until: None }
    }

    fn compared(kpi: &'static str, window: Window, world: &World) -> MeasureStatus {
        let kpi = find(kpi).unwrap();
        let target = Target { trend: Some(trend(Way::Up, 0.0)), ..bounds(None, None) };
        let measure = Measure { kpi, part: None, statistic: kpi.headline, window, tier: None, target, since: None };
        let as_of = at("2026-10-10T00:00:00Z");
        let observed = world.observed(kpi, as_of);
        world.with_facts(as_of, |facts| measure_status(&measure, &window.span(as_of), facts, &observed))
    }

    #[test]
    fn what_stands_for_a_kpi_is_compared_with_the_same_of_before() {
        // Scores now; twelve weeks ago there were answers to the other question only.
        let answers = |template: &str, day: &str| (0..5).map(|_| report(template, day, 4.0, 1.0)).collect::<Vec<_>>();
        let world = World::default().with(|facts| {
            facts.reports = answers("team_engagement", "2026-10-01T00:00:00Z");
            facts.reports.extend(answers("team_enps", "2026-07-01T00:00:00Z"));
        });
        let status = compared("team_engagement", Window::Days84, &world);
        assert_eq!((status.part.as_deref(), status.value, status.before), (Some("score"), Some(4.0), None));
    }

    #[test]
    fn a_rate_is_compared_only_with_days_of_which_something_is_known() {
        // The four weeks of twelve weeks before ended on 18 July. One a week in them, and one now.
        let days = ["2026-06-22T00:00:00Z", "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z"];
        let before = |first: Option<&str>| {
            let days = first.into_iter().chain(days);
            let world = days.fold(World::default(), |world, day| world.deployment(shipping(day, day, Vec::new())));
            compared("deployment_frequency", Window::Days28, &world).before
        };
        assert_eq!(before(None), None);
        assert_eq!(before(Some("2026-06-01T00:00:00Z")), Some(2.0 / 28.0));
    }

    #[test]
    fn near_is_a_tenth_of_the_bound_and_of_what_shares_leave() {
        let judged = |target: &Target, unit, value| judge(target, unit, value, None);
        let days = bounds(None, Some(100.0));
        assert_eq!(judged(&days, Unit::Seconds, 100.0), Status::OnTarget);
        assert_eq!(judged(&days, Unit::Seconds, 109.9), Status::Near);
        assert_eq!(judged(&days, Unit::Seconds, 110.1), Status::Off);
        let slo = bounds(Some(0.999), None);
        assert_eq!(judged(&slo, Unit::Ratio, 0.9989), Status::Near);
        assert_eq!(judged(&slo, Unit::Ratio, 0.99), Status::Off);
        let band = bounds(Some(0.8), Some(0.9));
        assert_eq!(judged(&band, Unit::Ratio, 0.85), Status::OnTarget);
        assert_eq!(judged(&band, Unit::Ratio, 0.95), Status::Off);
        let none = bounds(None, Some(0.0));
        assert_eq!(judged(&none, Unit::Count, 0.0), Status::OnTarget);
        assert_eq!(judged(&none, Unit::Count, 1.0), Status::Off);
    }

    #[test]
    fn a_trend_is_met_half_met_or_missed() {
        let down = trend(Way::Down, 0.1);
        assert_eq!(judge_trend(&down, 90.0, Some(100.0)), Status::OnTarget);
        assert_eq!(judge_trend(&down, 95.0, Some(100.0)), Status::Near);
        assert_eq!(judge_trend(&down, 101.0, Some(100.0)), Status::Off);
        assert_eq!(judge_trend(&down, 90.0, None), Status::TooFew);
        assert_eq!(judge_trend(&trend(Way::Down, 0.0), 0.0, Some(0.0)), Status::OnTarget);
        assert_eq!(judge_trend(&trend(Way::Stable, 0.2), 119.0, Some(100.0)), Status::OnTarget);
        assert_eq!(judge_trend(&trend(Way::Stable, 0.2), 61.0, Some(100.0)), Status::Near);
        let good_enough = Trend { until: Some(600.0), ..down };
        assert_eq!(judge_trend(&good_enough, 590.0, Some(500.0)), Status::OnTarget);
        assert_eq!(
            words(&Target { trend: Some(good_enough), ..bounds(None, None) }, Unit::Seconds),
            "down by 10 % in 84 days, until 10.0 min"
        );
    }
}
