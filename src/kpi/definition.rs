//! What every KPI must say of itself.

use super::{Observed, TeamFacts};

/// One entry of the catalogue. All fields are mandatory; metric name, help text, documentation, tables and
/// explanations derive from them.
#[derive(Debug, Clone, Copy)]
pub struct Kpi {
    /// The id, `snake_case`, as in the catalogue: `lead_time_for_changes`.
    pub id: &'static str,
    /// The title for people: `Lead time for changes`.
    pub title: &'static str,
    /// The unit of a value.
    pub unit: Unit,
    /// Which way is better.
    pub direction: Direction,
    /// How observations become a value.
    pub shape: Shape,
    /// The statistic that stands for the KPI in a table.
    pub headline: Statistic,
    /// One sentence: what it tells.
    pub meaning: &'static str,
    /// Exactly what is counted and what is left out.
    pub definition: &'static str,
    /// Where the definition comes from.
    pub reference: &'static str,
    /// The facts that it cannot do without.
    pub needs: &'static [Need],
    /// Below this many observations the verdict is "too few".
    pub minimum_observations: usize,
    /// Rises whenever the definition changes, so that old and new values are never compared.
    pub revision: u32,
    /// How observations fall into parts.
    pub parts: Parts,
    /// Derives the observations of a team from its facts, over all of its history.
    pub observe: fn(&TeamFacts<'_>) -> Observed,
}

/// The unit of a KPI's value, as Prometheus names base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Durations.
    Seconds,
    /// Proportions, 0 to 1.
    Ratio,
    /// Events per day.
    PerDay,
    /// Things per merged pull request, for example reviews.
    PerPullRequest,
}

impl Unit {
    /// The suffix of the metric family's name.
    pub fn metric_suffix(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Ratio => "ratio",
            Self::PerDay => "per_day",
            Self::PerPullRequest => "per_pull_request",
        }
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Lower is better.
    Lower,
    /// Higher is better.
    Higher,
    /// Neither: steadiness is.
    Stable,
}

impl Direction {
    /// The value of the `direction` label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::Stable => "stable",
        }
    }
}

/// How observations become a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Durations in seconds: median, 90th percentile, mean.
    Duration,
    /// Cases that hold or don't (1 or 0): their share.
    Proportion,
    /// Events with a weight: their number per day.
    Rate,
    /// Measured values: their mean and the latest.
    Level,
}

/// A statistic over the observations of a window: the `stat` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statistic {
    /// The median.
    P50,
    /// The 90th percentile.
    P90,
    /// The arithmetic mean.
    Mean,
    /// The Kaplan–Meier median of what began in the window, open items included.
    P50WithOpen,
    /// The share of cases that hold.
    Share,
    /// Weighted events per day.
    PerDay,
    /// The share of working days with at least one event.
    WorkingDaysWithOne,
    /// The newest value.
    Latest,
}

impl Statistic {
    /// The value of the `stat` label.
    pub fn label(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::Mean => "mean",
            Self::P50WithOpen => "p50_with_open",
            Self::Share => "share",
            Self::PerDay => "per_day",
            Self::WorkingDaysWithOne => "working_days_with_one",
            Self::Latest => "latest",
        }
    }
}

/// How observations fall into parts, each a series of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// One value.
    Whole,
    /// The parts measure different things and are never summed; the headline is the first of them.
    Alternatives {
        /// The name of the label, for example `stage`.
        label: &'static str,
        /// The values of the label, the headline first.
        values: &'static [&'static str],
    },
    /// The parts add up to the whole, which is the headline.
    Breakdown {
        /// The name of the label, for example `severity`.
        label: &'static str,
        /// The values of the label.
        values: &'static [&'static str],
    },
}

/// A kind of facts that a KPI cannot do without. Where no configured source supplies it, the KPI is not configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Production deployments.
    Deployments,
    /// Commits and their ancestry.
    Commits,
    /// Pull requests.
    PullRequests,
    /// Incidents.
    Incidents,
}

impl Need {
    /// The kinds of things ([`crate::attribution::LeftOut::kind`]) that are missing from it when they were left out.
    pub fn concerns(self, kind: &str) -> bool {
        match self {
            Self::Deployments => kind == "deployment",
            Self::Commits => kind == "commit",
            Self::PullRequests => kind == "pull_request",
            Self::Incidents => kind == "incident",
        }
    }

    /// What to do when nothing supplies it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Deployments => {
                "no deployments: set `deployments` of the team's services to what deploys them (`chiplog doctor` shows what was seen)"
            }
            Self::Commits => "no commits: configure [github] or [git]",
            Self::PullRequests => "no pull requests: configure [github]",
            Self::Incidents => {
                "no incidents: configure [pagerduty], or [github.incidents] with the labels of incident issues"
            }
        }
    }
}
