//! What the review of a month says. Everything in it is owned, so that it can be frozen and read again.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::facts::Moment;
use crate::kpi::{ItemStage, Unit};
use crate::report::scorecard::{ScorecardStatus, Status};
use crate::report::{Explanation, Verdict};
use crate::trend::{TrendVerdict, WeekPoint};

/// The review of one team's month: facts by machine. The team's own words stand beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Review {
    /// The team's slug.
    pub team: String,
    /// The name shown to people.
    pub team_name: String,
    /// The month, `2026-10`, in the team's time zone.
    pub month: String,
    /// Its first moment.
    pub from: Moment,
    /// The first moment after it.
    pub until: Moment,
    /// The team's time zone.
    pub time_zone: String,
    /// The moment as of which facts are known: the end of the month, or of a draft the moment at which it was made.
    pub as_of: Moment,
    /// How many of its days are worked, and how many of the month before.
    pub working_days: (usize, usize),
    /// What to keep in mind: holidays, services that changed hands, new targets, what the configuration tells.
    pub events: Vec<KnownEvent>,
    /// What is missing: sources that are behind, items that could not be counted.
    pub coverage: Vec<String>,
    /// The KPIs that a review begins with; DORA's five first.
    pub headline: Vec<HeadlineRow>,
    /// How durations were spread, KPI by KPI.
    pub distributions: Vec<Distribution>,
    /// Where the time of delivered pull requests went, against the three months before.
    pub stages: Option<StageBreakdown>,
    /// The slowest items that were delivered, slowest first.
    pub slowest: Vec<Item>,
    /// The oldest items that are still open, oldest first.
    pub oldest_open: Vec<Item>,
    /// Incidents that began in the month, in their order.
    pub incidents: Vec<IncidentLine>,
    /// Deployments of the month that failed, in their order.
    pub failed_deployments: Vec<FailedDeployment>,
    /// How the team stood in the scorecards of the roles at `as_of`.
    pub scorecards: Vec<ScorecardStatus>,
    /// The revision of each definition that was used, by KPI.
    pub definitions: BTreeMap<String, u32>,
}

/// A review with what its headline numbers rest on.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewWithEvidence {
    /// The review.
    pub review: Review,
    /// What each KPI of the headline rests on.
    pub evidence: BTreeMap<String, Explanation>,
}

/// Something that everybody should know when the numbers are read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct KnownEvent {
    /// The first day.
    pub from: NaiveDate,
    /// The last day, where it lasted longer than one.
    pub until: Option<NaiveDate>,
    /// What happened.
    pub text: String,
}

/// Whether a KPI tells of speed or of stability: DORA's five are read side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// DORA's throughput.
    Speed,
    /// DORA's instability.
    Stability,
    /// Neither: not one of DORA's five.
    Beside,
}

/// One KPI over the month, with what it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeadlineRow {
    /// The KPI's id.
    pub kpi: String,
    /// Its title.
    pub title: String,
    /// The part that stands for it, where it has parts.
    pub part: Option<String>,
    /// Speed or stability.
    pub side: Side,
    /// The unit of the values.
    pub unit: Unit,
    /// The statistic's label.
    pub statistic: String,
    /// What kind of answer this is.
    pub verdict: Verdict,
    /// The value.
    pub value: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// How many observations it rests on.
    pub observations: usize,
    /// How many items are open at the end of the month.
    pub open: usize,
    /// Below this many observations the verdict is "too few".
    pub minimum_observations: usize,
    /// The month before.
    pub previous_month: Compared,
    /// The three months before.
    pub three_months: Compared,
    /// The same month a year ago.
    pub year_ago: Compared,
    /// The verdict on its weekly values. None where none are tested.
    pub trend: Option<TrendTold>,
    /// What it should be.
    pub target: Option<TargetTold>,
    /// What to do, where something is not configured.
    pub remedy: Option<String>,
}

/// A value to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Compared {
    /// The value; none where there were too few observations.
    pub value: Option<f64>,
    /// How many observations there were.
    pub observations: usize,
}

/// A trend in words, with its weeks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrendTold {
    /// The verdict.
    pub verdict: TrendVerdict,
    /// What was compared and what came of it.
    pub sentence: String,
    /// Now over before, or, of proportions, now less before.
    pub effect: Option<f64>,
    /// The 95 % interval of the effect.
    pub interval: Option<(f64, f64)>,
    /// Whether the effect is a difference in points rather than a ratio.
    pub effect_in_points: bool,
    /// The Monday of the week in which the values changed most, where they did.
    pub changed_in: Option<NaiveDate>,
    /// Week by week, oldest first.
    pub weeks: Vec<WeekPoint>,
}

/// A target and how the month stands against it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetTold {
    /// In words.
    pub words: String,
    /// At least.
    pub min: Option<f64>,
    /// At most.
    pub max: Option<f64>,
    /// How the month stands against it.
    pub status: Status,
}

/// How a duration was spread over the last months, the reviewed one last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Distribution {
    /// The KPI's id.
    pub kpi: String,
    /// Its title.
    pub title: String,
    /// The part that stands for it.
    pub part: Option<String>,
    /// At most, where there is such a target.
    pub target_max: Option<f64>,
    /// Month by month.
    pub months: Vec<MonthSpread>,
}

/// How a duration was spread in one month, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MonthSpread {
    /// The month, `2026-10`.
    pub month: String,
    /// How many ended in it.
    pub observations: usize,
    /// The 10th, 25th, 50th, 75th and 90th percentile. None where nothing ended.
    #[schema(min_items = 5, max_items = 5)]
    pub percentiles: Option<[f64; 5]>,
    /// Single values, ascending, of the reviewed month; of many, evenly picked ones.
    pub values: Vec<f64>,
}

/// The mean time of delivered pull requests by stage. Means, because those add up to the whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageBreakdown {
    /// How many pull requests of the month are in production.
    pub observations: usize,
    /// How many of the three months before.
    pub observations_before: usize,
    /// Stage by stage, in their order.
    pub stages: Vec<StageMean>,
}

/// The mean time in one stage, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageMean {
    /// The stage.
    pub stage: String,
    /// In the month.
    pub seconds: f64,
    /// In the three months before. None where nothing was delivered then.
    pub seconds_before: Option<f64>,
}

/// A thing that took long. Things, never people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Item {
    /// `source:external_id`.
    pub key: String,
    /// What people call it.
    pub title: String,
    /// Where people open it.
    pub url: Option<String>,
    /// How long it took, or has taken so far.
    pub seconds: f64,
    /// The stage that took longest.
    pub longest: Option<String>,
    /// Stage by stage.
    pub stages: Vec<ItemStage>,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentLine {
    /// The service, where it has one.
    pub service: Option<String>,
    /// What people call it, with the service.
    pub title: String,
    /// Where people open it.
    pub url: Option<String>,
    /// 1 is the most severe.
    pub severity: u8,
    /// When it began.
    pub began_at: Moment,
    /// When service was restored. None while it lasts.
    pub resolved_at: Option<Moment>,
    /// The deployment that caused it, where one was found.
    pub caused_by: Option<Link>,
}

/// A deployment that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailedDeployment {
    /// What people call it, with the service.
    pub title: String,
    /// Where people open it.
    pub url: Option<String>,
    /// When it finished.
    pub finished_at: Moment,
    /// Why it counts as failed.
    pub explanation: String,
    /// Where people open that.
    pub evidence_url: Option<String>,
    /// When the service was well again. None while it is not.
    pub recovered_at: Option<Moment>,
}

/// Something that people can open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// What people call it.
    pub title: String,
    /// Where.
    pub url: Option<String>,
}
