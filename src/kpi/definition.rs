//! What every KPI must say of itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Observed, TeamFacts};

/// One entry of the catalogue. All fields are mandatory; metric name, help text, documentation, tables and
/// explanations derive from them.
#[derive(Clone, Copy)]
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
    /// Whether few observations would tell of single people.
    pub protection: Protection,
    /// Rises whenever the definition changes, so that old and new values are never compared.
    pub revision: u32,
    /// How observations fall into parts.
    pub parts: Parts,
    /// Derives the observations of a team from its facts, over all of its history.
    pub observe: fn(&TeamFacts<'_>) -> Observed,
}

impl std::fmt::Debug for Kpi {
    /// Which definition it is, in words that are the same in every run of the program.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kpi").field("id", &self.id).field("revision", &self.revision).finish_non_exhaustive()
    }
}

/// Whether a value is withheld when few people stand behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// It tells nothing of single people.
    None,
    /// Answers of people: withheld below the configured minimum group size; single answers are never shown.
    Answers,
    /// Facts about single people, such as joiners: withheld below three.
    People,
}

/// The unit of a KPI's value, as Prometheus names base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Durations.
    Seconds,
    /// Proportions, 0 to 1.
    Ratio,
    /// Events per day.
    PerDay,
    /// Things per merged pull request, for example reviews.
    PerPullRequest,
    /// Events per second.
    PerSecond,
    /// A plain number of things.
    Count,
    /// A score on the scale of a survey.
    Score,
    /// An amount of money, in the currency that is reported, per thing that is served.
    CostPerUnit,
}

impl Unit {
    /// The suffix of the metric family's name.
    pub fn metric_suffix(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Ratio => "ratio",
            Self::PerDay => "per_day",
            Self::PerPullRequest => "per_pull_request",
            Self::PerSecond => "per_second",
            Self::Count => "count",
            Self::Score => "score",
            Self::CostPerUnit => "cost_per_unit",
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// The coefficient of variation of the whole weeks of the span: standard deviation over mean.
    WeeklyVariation,
    /// The newest value; of several services the mean of their newest.
    Latest,
}

impl Statistic {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::P50,
        Self::P90,
        Self::Mean,
        Self::P50WithOpen,
        Self::Share,
        Self::PerDay,
        Self::WorkingDaysWithOne,
        Self::WeeklyVariation,
        Self::Latest,
    ];
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
            Self::WeeklyVariation => "weekly_variation",
            Self::Latest => "latest",
        }
    }
}

/// How observations fall into parts, each a series of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// One value.
    Whole,
    /// The parts measure different things and are never summed; the headline is the first of them that has data.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub enum Need {
    /// Production deployments.
    Deployments,
    /// Commits and their ancestry.
    Commits,
    /// Pull requests.
    PullRequests,
    /// Incidents.
    Incidents,
    /// Work items.
    WorkItems,
    /// Iterations.
    Iterations,
    /// CI runs.
    CiRuns,
    /// Test reports, or attempts of CI runs.
    TestOutcomes,
    /// Coverage reports, or reported coverage.
    Coverage,
    /// Security alerts.
    SecurityAlerts,
    /// Checklists of services.
    Readiness,
    /// A measure of services, by queries against Prometheus or reported.
    Measured(&'static str),
    /// Cost and volume of services, by queries or reported.
    Cost,
    /// Rows of a template that people report.
    Reported(&'static str),
}

impl Need {
    /// The kinds of things ([`crate::attribution::LeftOut::kind`]) that are missing from it when they were left out.
    pub fn concerns(self, kind: &str) -> bool {
        match self {
            Self::Deployments => kind == "deployment",
            Self::Commits => kind == "commit",
            Self::PullRequests => kind == "pull_request",
            Self::Incidents => kind == "incident",
            Self::WorkItems | Self::Iterations => kind == "work_item",
            Self::Measured(_) | Self::Cost => kind == "sample" || kind == "report",
            Self::Reported(_) | Self::Readiness => kind == "report",
            Self::CiRuns | Self::TestOutcomes | Self::Coverage | Self::SecurityAlerts => false,
        }
    }

    /// What to do when nothing supplies it.
    pub fn remedy(self) -> String {
        let text = match self {
            Self::Deployments => {
                "no deployments: set `deployments` of the team's services to what deploys them (`chiplog doctor` shows what was seen)"
            }
            Self::Commits => "no commits: configure [github] or [git]",
            Self::PullRequests => "no pull requests: configure [github]",
            Self::Incidents => {
                "no incidents: configure [pagerduty], [opsgenie], [jira_operations], [incident_io] or [alertmanager], or [github.incidents] with the labels of incident issues"
            }
            Self::WorkItems => "no work items: configure [jira], or set work_items = true in [github]",
            Self::Iterations => {
                "no iterations: configure [jira] with the boards of the team's sprints, or projects in [github]"
            }
            Self::CiRuns => "no CI runs: set workflow_runs = true in [github], or send CDEvents of pipeline runs",
            Self::TestOutcomes => {
                "no test results: set test_reports in [github] to the artifacts with JUnit XML, or workflow_runs = true"
            }
            Self::Coverage => {
                "no coverage: set coverage_reports in [github] to the artifacts with lcov, Cobertura or JaCoCo reports, or `chiplog import --template test_coverage`"
            }
            Self::SecurityAlerts => "no security alerts: set security_alerts = true in [github]",
            Self::Readiness => {
                "no checklists: set readiness_files = true in [github], or `chiplog import --template operational_readiness`"
            }
            Self::Cost => {
                "no cost: write queries for cost and volume into [prometheus.queries], or `chiplog import --template unit_cost`"
            }
            Self::Measured(measure) => {
                return format!(
                    "no {measure}: write a query for it into [prometheus.queries], or `chiplog import --template {measure}`"
                );
            }
            Self::Reported(template) => {
                return format!(
                    "nothing reported: `chiplog import --template {template}` prints the columns to fill in"
                );
            }
        };
        text.to_owned()
    }
}
