//! What `/metrics` tells.
//!
//! One family per KPI, named with its unit; companions (how many observations, how many open, the interval) carry a
//! `kpi` label and mix units on purpose: they are always selected by `kpi`. A team without data has no value series;
//! absent is never zero.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::exposition::Exposition;
use crate::kpi::{Assessment, CATALOGUE, Kpi, Outcome, Parts, Shape, Statistic, Summary, metric_name};
use crate::pipeline::{PackError, PackedTeam, Snapshot, TeamSnapshot, Telemetry};
use crate::report::scorecard::{RowStatus, Status};
use crate::trend::Trend;

/// The content type of the text exposition format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The counters of the running program: `registered` ones, and what each source tells of itself.
///
/// # Errors
/// A family is not valid.
pub fn live(
    registered: Vec<MetricFamily>,
    sources: &[(&str, Vec<Telemetry>)],
) -> Result<Exposition, prometheus::Error> {
    let mut families = Families::default();
    for (source, samples) in sources {
        for sample in samples {
            let name = format!("chiplog_source_{}", sample.name);
            let mut labels = vec![("source", *source)];
            labels.extend(sample.labels.iter().map(|(label, value)| (*label, value.as_str())));
            if sample.name.ends_with("_total") {
                families.counter(&name, sample.help, &labels, sample.value);
            } else {
                families.gauge(&name, sample.help, &labels, sample.value);
            }
        }
    }
    let mut all = registered;
    all.extend(families.finished());
    Exposition::live(&all)
}

/// Metric families under construction.
#[derive(Debug, Default)]
pub struct Families {
    families: BTreeMap<String, MetricFamily>,
    series: BTreeMap<String, Vec<Metric>>,
}

/// Labels of one series, in the order in which they are shown.
type Labels<'a> = [(&'a str, &'a str)];

impl Families {
    /// Adds a gauge's sample; an empty label value is left out, as Prometheus itself would.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &Labels<'_>, value: f64) {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = Metric::from_label(label_pairs(labels));
        metric.set_gauge(gauge);
        self.add(name, help, MetricType::GAUGE, metric);
    }

    /// Adds a counter's sample.
    pub fn counter(&mut self, name: &str, help: &str, labels: &Labels<'_>, value: f64) {
        let mut counter = Counter::default();
        counter.set_value(value);
        let mut metric = Metric::from_label(label_pairs(labels));
        metric.set_counter(counter);
        self.add(name, help, MetricType::COUNTER, metric);
    }

    /// Every sample of a gauge: name, help, labels and value.
    pub(super) fn for_each_gauge(&self, mut take: impl FnMut(&str, &str, &Labels<'_>, f64)) {
        for (name, family) in self.families.iter().filter(|(_, family)| family.get_field_type() == MetricType::GAUGE) {
            for metric in self.series.get(name).into_iter().flatten() {
                let labels: Vec<_> = metric.get_label().iter().map(|pair| (pair.name(), pair.value())).collect();
                take(name, family.help(), &labels, metric.get_gauge().get_value());
            }
        }
    }

    /// How many series there are.
    pub fn series_count(&self) -> usize {
        self.series.values().map(Vec::len).sum()
    }

    pub(super) fn add_teams(&mut self, teams: &[Arc<PackedTeam>]) -> Result<(), PackError> {
        for team in teams {
            team_families(self, &team.open()?);
        }
        Ok(())
    }

    pub(super) fn add_trends(&mut self, trends: &[Trend]) {
        for trend in trends {
            super::trend_families::add(self, trend);
        }
    }

    fn add(&mut self, name: &str, help: &str, kind: MetricType, metric: Metric) {
        if !self.families.contains_key(name) {
            let mut family = MetricFamily::default();
            family.set_name(name.to_owned());
            family.set_help(help.to_owned());
            family.set_field_type(kind);
            self.families.insert(name.to_owned(), family);
        }
        self.series.entry(name.to_owned()).or_default().push(metric);
    }

    /// The families, sorted by name, so that the same samples give the same bytes.
    pub(super) fn finished(mut self) -> Vec<MetricFamily> {
        let filled = self.families.into_iter().map(|(name, mut family)| {
            family.set_metric(self.series.remove(&name).unwrap_or_default());
            family
        });
        filled.collect()
    }
}

fn label_pairs(labels: &Labels<'_>) -> Vec<LabelPair> {
    let given = labels.iter().filter(|(_, value)| !value.is_empty());
    let pairs = given.map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    pairs.collect()
}

/// What belongs to no team.
pub(super) fn families_of_organisation(snapshot: &Snapshot) -> Families {
    let mut families = Families::default();
    let as_of = snapshot.as_of.timestamp_millis() as f64 / 1000.0;
    families.gauge("chiplog_kpi_evaluation_timestamp_seconds", "When the KPIs were last evaluated.", &[], as_of);
    let took = "How long the last evaluation took, of the teams that it was of.";
    families.gauge("chiplog_kpi_evaluation_duration_seconds", took, &[], snapshot.cost.seconds);
    let teams = "How many teams the last evaluation was of.";
    families.gauge("chiplog_kpi_evaluation_teams", teams, &[], snapshot.cost.teams as f64);
    for kpi in CATALOGUE {
        kpi_info(&mut families, kpi);
    }
    let unmapped =
        "Facts that no service, team or deployment could be found for, by kind and reason; see chiplog doctor.";
    for group in &snapshot.unmapped {
        let labels = [("kind", group.kind.as_ref()), ("reason", group.reason.as_ref())];
        families.gauge("chiplog_unmapped_items", unmapped, &labels, group.count as f64);
    }
    families
}

fn team_families(families: &mut Families, team: &TeamSnapshot) {
    let info = "The teams, with the name shown to people.";
    families.gauge("chiplog_team_info", info, &[("team", &team.id), ("display_name", &team.name)], 1.0);
    for measured in &team.kpis {
        let kpi = measured.kpi;
        for (window, assessment) in &measured.windows {
            let series = Series { kpi, team: &team.id, window: window.label() };
            series.assessment(families, assessment);
        }
    }
    let moments = [
        (
            "chiplog_last_deployment_timestamp_seconds",
            "When the last successful deployment finished.",
            team.last_deployment_at,
        ),
        ("chiplog_last_incident_timestamp_seconds", "When the last incident began.", team.last_incident_at),
    ];
    for (name, help, moment) in moments {
        if let Some(moment) = moment {
            families.gauge(name, help, &[("team", &team.id)], moment.timestamp() as f64);
        }
    }
    for card in &team.scorecards {
        for row in &card.rows {
            scorecard_row(families, &team.id, &card.role, row);
        }
    }
}

/// A row of a scorecard: the status of each of its KPIs (the worst where it has several measures of one), and the bounds.
fn scorecard_row(families: &mut Families, team: &str, role: &str, row: &RowStatus) {
    let mut worst: BTreeMap<&str, Status> = BTreeMap::new();
    for measure in &row.measures {
        let status = worst.entry(&measure.kpi).or_insert(measure.status);
        *status = measure.status.max(*status);
        for bound in &measure.bounds {
            let labels =
                [("team", team), ("role", role), ("row", &row.id), ("kpi", &measure.kpi), ("bound", &bound.bound)];
            let help =
                "The targets of the scorecards, in the KPI's unit; for a trend, the value that would meet it now.";
            families.gauge("chiplog_scorecard_target", help, &labels, bound.value);
        }
    }
    for measure in &row.measures {
        if let Some(since) = measure.target_since.filter(|_| measure.own_target) {
            let labels = [("team", team), ("role", role), ("row", row.id.as_str()), ("kpi", &measure.kpi)];
            let help = "Since when a target that the team has set for itself holds.";
            families.gauge(
                "chiplog_scorecard_target_changed_timestamp_seconds",
                help,
                &labels,
                since.timestamp() as f64,
            );
        }
    }
    for (kpi, status) in worst {
        let labels = [("team", team), ("role", role), ("row", &row.id), ("kpi", kpi)];
        let help = "How a team stands: 1 on target, 2 near, 3 off, 0 too few observations, no data or not configured.";
        families.gauge("chiplog_scorecard_status", help, &labels, status.code());
    }
}

/// The catalogue's entry as a metric.
fn kpi_info(families: &mut Families, kpi: &Kpi) {
    let revision = kpi.revision.to_string();
    let labels = [
        ("kpi", kpi.id),
        ("title", kpi.title),
        ("unit", kpi.unit.metric_suffix()),
        ("direction", kpi.direction.label()),
        ("definition_version", revision.as_str()),
    ];
    let help = "The KPIs: title, unit, which direction is better, and the version of the definition.";
    families.gauge("chiplog_kpi_info", help, &labels, 1.0);
    families.gauge(
        "chiplog_kpi_minimum_observations",
        "Below this many observations a value is too few to judge by.",
        &[("kpi", kpi.id)],
        kpi.minimum_observations as f64,
    );
}

/// Where the samples of one KPI of one team over one window go.
struct Series<'a> {
    kpi: &'static Kpi,
    team: &'a str,
    window: &'static str,
}

impl Series<'_> {
    fn assessment(&self, families: &mut Families, assessment: &Assessment) {
        match self.kpi.parts {
            Parts::Alternatives { .. } if !assessment.parts.is_empty() => {
                for (part, outcome) in &assessment.parts {
                    self.companions(families, part, outcome);
                    self.values(families, part, outcome, |_| true);
                }
            }
            // Rates of parts add up to the whole: a sum over them gives it, and a total beside its parts would double it.
            // Medians and shares of parts do not: there the whole stands beside them.
            Parts::Breakdown { .. } if !assessment.parts.is_empty() => {
                self.companions(families, "", &assessment.whole);
                self.values(families, "", &assessment.whole, |statistic| statistic != Statistic::PerDay);
                for (part, outcome) in &assessment.parts {
                    self.companions(families, part, outcome);
                    self.values(families, part, outcome, |_| true);
                }
            }
            _ => {
                self.companions(families, "", &assessment.whole);
                self.values(families, "", &assessment.whole, |_| true);
            }
        }
    }

    fn values(&self, families: &mut Families, part: &str, outcome: &Outcome, tells: fn(Statistic) -> bool) {
        let Some(summary) = summary(outcome) else { return };
        let name = metric_name(self.kpi);
        let help = format!("{}: {}", self.kpi.title, self.kpi.meaning);
        for (statistic, value) in summary.statistics.iter().filter(|(statistic, _)| tells(**statistic)) {
            if *statistic == Statistic::WorkingDaysWithOne {
                let name = format!("chiplog_{}_active_workday_ratio", self.kpi.id);
                let help = format!("{}: the share of the team's working days with at least one.", self.kpi.title);
                families.gauge(&name, &help, &self.labels(part, ""), *value);
                continue;
            }
            if *statistic == Statistic::WeeklyVariation {
                let name = format!("chiplog_{}_weekly_variation_ratio", self.kpi.id);
                let help = format!("{}: the coefficient of variation of the weeks of the window.", self.kpi.title);
                families.gauge(&name, &help, &self.labels(part, ""), *value);
                continue;
            }
            let stat = if matches!(self.kpi.shape, Shape::Duration | Shape::Level) { statistic.label() } else { "" };
            families.gauge(&name, &help, &self.labels(part, stat), *value);
        }
    }

    fn companions(&self, families: &mut Families, part: &str, outcome: &Outcome) {
        if matches!(outcome, Outcome::NotConfigured(_)) {
            return;
        }
        let labels = [("kpi", self.kpi.id), ("team", self.team), ("window", self.window), ("part", part)];
        let summary = summary(outcome);
        let observations = summary.map_or(0, |summary| summary.observations) as f64;
        let help = "How many observations stand behind the value: events, or cases of a ratio.";
        families.gauge("chiplog_kpi_observations", help, &labels, observations);
        let Some(summary) = summary else { return };
        let help = "How many items have begun and not ended, and count as censored.";
        families.gauge("chiplog_kpi_censored", help, &labels, summary.open as f64);
        if let Some((low, high)) = summary.interval {
            let help = "The lower end of the 95 % interval of the KPI's headline statistic, in the KPI's own unit.";
            families.gauge("chiplog_kpi_interval_low", help, &labels, low);
            let help = "The upper end of the 95 % interval of the KPI's headline statistic, in the KPI's own unit.";
            families.gauge("chiplog_kpi_interval_high", help, &labels, high);
        }
    }

    fn labels<'b>(&'b self, part: &'b str, stat: &'b str) -> [(&'b str, &'b str); 4] {
        let part_label = match self.kpi.parts {
            Parts::Alternatives { label, .. } | Parts::Breakdown { label, .. } => label,
            Parts::Whole => "part",
        };
        [("team", self.team), ("window", self.window), (part_label, part), ("stat", stat)]
    }
}

/// The statistics of an outcome that has some. Too few observations are shown with their number; whether to judge by
/// them is told by `chiplog_kpi_minimum_observations`.
fn summary(outcome: &Outcome) -> Option<&Summary> {
    match outcome {
        Outcome::Value(summary) | Outcome::TooFew { summary, .. } => Some(summary),
        Outcome::NoData | Outcome::NotConfigured(_) => None,
    }
}
