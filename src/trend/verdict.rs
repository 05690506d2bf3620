//! The verdicts of today, with all that explains them.

use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::compare::{Comparison, Tested};
use super::gate::{GateSettings, WeekVerdict, comparisons, followed};
use super::series::{Series, SeriesKind};
use crate::kpi::KpiId;
use crate::stats::{change_point, mean};

/// The weeks over which verdicts are followed: longer than any is confirmed after its cause is over.
const WEEKS_FOLLOWED: usize = 16;

/// The highest p-value of a change point.
const MOST_P_OF_CHANGE: f64 = 0.001;

/// What is said of a series. Too few to tell is an answer of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrendVerdict {
    /// Too little happened to tell.
    TooFew,
    /// No change that could be told from chance, or none that matters.
    Steady,
    /// It has got worse.
    Worsening,
    /// It has got better.
    Improving,
}

impl TrendVerdict {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::TooFew => "too few to tell",
            Self::Steady => "steady",
            Self::Worsening => "worsening",
            Self::Improving => "improving",
        }
    }
}

/// One week of a series, for people to look at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WeekPoint {
    /// Its Monday.
    pub monday: NaiveDate,
    /// How many items.
    pub observations: usize,
    /// The value: the geometric mean of durations in seconds, events per working day, a share.
    pub value: Option<f64>,
    /// Whether it was compared: weeks with few working days are not.
    pub compared: bool,
}

/// The trend of a KPI of a team.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Trend {
    /// The team's slug.
    pub team: String,
    /// The KPI's id.
    #[serde(deserialize_with = "crate::kpi::read_kpi_id")]
    pub kpi: KpiId,
    /// The verdict.
    pub verdict: TrendVerdict,
    /// The value of the last weeks.
    pub current: Option<f64>,
    /// The value of the weeks before.
    pub baseline: Option<f64>,
    /// Now over before; of proportions now less before.
    pub effect: Option<f64>,
    /// The 95 % interval of the effect.
    pub interval: Option<(f64, f64)>,
    /// Whether the effect is a difference in points rather than a ratio.
    pub effect_in_points: bool,
    /// Whether durations are those of what began in the weeks, by the wall clock, with what is open counted in.
    pub with_open: bool,
    /// The p-value of having got worse.
    pub p_worse: f64,
    /// The q-value of having got worse, over all series of the evaluation.
    pub q_worse: f64,
    /// Items now and before.
    pub observations: (usize, usize),
    /// The Monday of the week since which the verdict is confirmed.
    pub confirmed_since: Option<NaiveDate>,
    /// The Monday of the week in which the values changed most, where they did.
    pub changed_in: Option<NaiveDate>,
    /// Week by week, oldest first.
    #[serde(serialize_with = "as_slice", deserialize_with = "shared")]
    #[schema(value_type = Vec<WeekPoint>)]
    pub weeks: Arc<[WeekPoint]>,
}

/// A series week by week, with all that is told of it before it is held against the others. What costs most about a trend,
/// and stays the same until another week is complete.
#[derive(Debug, Clone)]
pub struct Weekly {
    team: String,
    kpi: &'static str,
    kind: SeriesKind,
    /// The last weeks, oldest first.
    tested: Box<[Option<Tested>]>,
    newest: Option<Comparison>,
    points: Arc<[WeekPoint]>,
    changed_in: Option<NaiveDate>,
}

impl Weekly {
    /// The slug of the team.
    pub fn team(&self) -> &str {
        &self.team
    }

    /// Compares the weeks of a series.
    pub fn of(series: &Series) -> Self {
        let (points, compared) = (points(series), comparisons(series, WEEKS_FOLLOWED));
        Self {
            team: series.team.clone(),
            kpi: series.kpi,
            kind: series.kind,
            tested: compared.iter().map(|comparison| comparison.map(|it| it.tested())).collect(),
            newest: compared.last().copied().flatten(),
            changed_in: changed_in(series, &points),
            points: points.into(),
        }
    }
}

/// The trends of all series of an evaluation.
pub fn trends(series: &[Series]) -> Vec<Trend> {
    let weekly: Vec<Weekly> = series.iter().map(Weekly::of).collect();
    judged(&weekly.iter().collect::<Vec<_>>())
}

/// The trends of all series of an evaluation, once each was compared by itself: corrected for one another, and followed
/// through the last weeks.
pub fn judged(series: &[&Weekly]) -> Vec<Trend> {
    let tested: Vec<&[Option<Tested>]> = series.iter().map(|series| series.tested.as_ref()).collect();
    let followed = followed(&tested, &GateSettings::default());
    series.iter().zip(followed).map(|(series, weeks)| trend(series, &weeks)).collect()
}

fn trend(series: &Weekly, weeks: &[WeekVerdict]) -> Trend {
    let last = weeks.last();
    let comparison = series.newest;
    let (worse, better) = last.map_or((false, false), |week| (week.worse, week.better));
    let verdict = match comparison {
        _ if worse => TrendVerdict::Worsening,
        _ if better => TrendVerdict::Improving,
        Some(Comparison { enough: true, .. }) => TrendVerdict::Steady,
        _ => TrendVerdict::TooFew,
    };
    let confirmed = weeks.iter().rev().take_while(|week| (worse && week.worse) || (better && week.better)).count();
    let confirmed_since = (confirmed > 0).then(|| series.points.iter().rev().nth(confirmed - 1)).flatten();
    let told = |value: fn(&Comparison) -> f64| comparison.as_ref().map(value).filter(|value| value.is_finite());
    Trend {
        team: series.team.clone(),
        kpi: series.kpi,
        verdict,
        current: told(|it| it.current),
        baseline: told(|it| it.baseline),
        effect: told(|it| it.effect),
        interval: comparison.map(|it| it.interval).filter(|(low, high)| low.is_finite() && high.is_finite()),
        effect_in_points: series.kind == SeriesKind::Proportion,
        with_open: series.kind == SeriesKind::DurationWithOpen,
        p_worse: comparison.map_or(1.0, |it| it.p_worse),
        q_worse: last.map_or(1.0, |week| week.q_worse),
        observations: comparison.map_or((0, 0), |it| it.observations),
        confirmed_since: confirmed_since.map(|week| week.monday),
        changed_in: series.changed_in,
        weeks: series.points.clone(),
    }
}

fn shared<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Arc<[WeekPoint]>, D::Error> {
    Vec::deserialize(deserializer).map(Into::into)
}

fn as_slice<S: Serializer>(weeks: &Arc<[WeekPoint]>, serializer: S) -> Result<S::Ok, S::Error> {
    weeks.as_ref().serialize(serializer)
}

fn points(series: &Series) -> Vec<WeekPoint> {
    let points = series.weeks.iter().map(|week| {
        let of_week = series.occurrences.iter().filter(|it| week.from <= it.at && it.at < week.until);
        let items: Vec<(f64, f64)> = of_week.map(|it| (it.value, it.weight)).collect();
        let (held, weight) =
            items.iter().fold((0.0, 0.0), |(held, all), (value, weight)| (held + value * weight, all + weight));
        let value = match series.kind {
            SeriesKind::Duration | SeriesKind::DurationWithOpen => {
                mean(&items.iter().map(|(value, _)| value.max(1.0).ln()).collect::<Vec<_>>()).map(f64::exp)
            }
            SeriesKind::Rate => Some(weight / f64::from(week.working_days.max(1))),
            SeriesKind::Proportion => (weight > 0.0).then(|| held / weight),
        };
        WeekPoint { monday: week.monday, observations: items.len(), value, compared: week.is_usable() }
    });
    points.collect()
}

/// The week of the change point; durations are taken by their logarithms.
fn changed_in(series: &Series, points: &[WeekPoint]) -> Option<NaiveDate> {
    let known: Vec<(NaiveDate, f64)> =
        points.iter().filter(|point| point.compared).filter_map(|point| Some((point.monday, point.value?))).collect();
    let values: Vec<f64> = known
        .iter()
        .map(|(_, value)| match series.kind {
            SeriesKind::Duration | SeriesKind::DurationWithOpen => value.max(1.0).ln(),
            SeriesKind::Rate | SeriesKind::Proportion => *value,
        })
        .collect();
    change_point(&values, MOST_P_OF_CHANGE).map(|place| known[place].0)
}
