//! Deployments and incidents on one axis of time.

use std::collections::BTreeMap;

use super::scale::Stretch;
use super::svg::{Anchor, Area, Drawing, WIDTH, number, polyline, shortened};
use super::ticks::moment_ticks;
use crate::facts::Moment;
use crate::kpi::{Unit, format_value};

const LEFT: f64 = 96.0;
const RIGHT: f64 = WIDTH - 16.0;
const FAILED: f64 = 14.0;
const SHIPPED: f64 = 34.0;
const TICK: f64 = 16.0;
const INCIDENTS: f64 = 92.0;
const LANE: f64 = 16.0;
const MOST_LANES: usize = 6;

/// How many of the deployments that stand at one place are named.
const MOST_NAMED: usize = 4;

/// What a timeline shows. Its marks are no links, because hundreds of them would stand in the way of the keyboard: the
/// table beside it has the links.
#[derive(Debug, Clone)]
pub struct Timeline<'a> {
    /// Begins the ids within the drawing; another for each chart of a page.
    pub id: &'a str,
    /// What is shown, for those who do not see it.
    pub title: &'a str,
    /// The span that is shown: what lies outside is left out.
    pub from: Moment,
    /// The end of the span; also where incidents that are still open end in the drawing.
    pub until: Moment,
    /// The deployments, in any order.
    pub deployments: &'a [DeploymentMark],
    /// The incidents, in any order.
    pub incidents: &'a [IncidentMark],
}

/// A deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct DeploymentMark {
    /// When it was live.
    pub moment: Moment,
    /// What people call it.
    pub title: String,
    /// Whether it failed: drawn as a triangle instead of a line.
    pub failed: bool,
}

/// An incident.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentMark {
    /// When it began.
    pub began: Moment,
    /// When it ended; `None` while it is open.
    pub ended: Option<Moment>,
    /// What people call it.
    pub title: String,
    /// How severe it is, in the words of the tool; may be empty.
    pub severity: String,
}

/// Draws deployments as lines, failed ones as triangles, incidents as bars. Deployments that stand at one place share a
/// mark, whose tooltip tells how many they are.
pub fn timeline(chart: &Timeline<'_>) -> String {
    let plot = Plot { chart };
    let deployments: Vec<&DeploymentMark> =
        chart.deployments.iter().filter(|it| chart.from <= it.moment && it.moment <= chart.until).collect();
    let mut incidents: Vec<&IncidentMark> = chart.incidents.iter().filter(|it| plot.is_within(it)).collect();
    incidents.sort_by_key(|incident| (incident.began, incident.ended, &incident.title));
    let lanes = plot.lanes(&incidents);
    let used = lanes.iter().max().map_or(1, |lane| lane + 1);
    let bottom = INCIDENTS + used as f64 * LANE + 6.0;

    let mut drawing = Drawing::new(chart.id, chart.title);
    plot.axis(&mut drawing, bottom);
    plot.shipped(&mut drawing, &deployments);
    plot.failed(&mut drawing, &deployments);
    for (incident, lane) in incidents.iter().zip(&lanes) {
        plot.incident(&mut drawing, incident, INCIDENTS + *lane as f64 * LANE);
    }
    if incidents.is_empty() {
        drawing.text("soft", Anchor::Start, (LEFT + 8.0, INCIDENTS + 10.0), "none");
    }
    if deployments.is_empty() {
        drawing.text("soft", Anchor::Start, (LEFT + 8.0, SHIPPED + 12.0), "none");
    }
    drawing.finish(bottom + 28.0, &plot.description(&deployments, &incidents))
}

struct Plot<'a> {
    chart: &'a Timeline<'a>,
}

impl Plot<'_> {
    fn x(&self, moment: Moment) -> f64 {
        let seconds = |moment: Moment| moment.timestamp() as f64;
        let stretch = Stretch { from: LEFT, until: RIGHT };
        stretch.place(seconds(moment), seconds(self.chart.from), seconds(self.chart.until))
    }

    fn is_within(&self, incident: &IncidentMark) -> bool {
        incident.began <= self.chart.until && incident.ended.is_none_or(|ended| ended >= self.chart.from)
    }

    /// From where to where an incident is drawn: never less than can be seen.
    fn reach(&self, incident: &IncidentMark) -> (f64, f64) {
        let from = self.x(incident.began).min(RIGHT - 3.0);
        (from, self.x(incident.ended.unwrap_or(self.chart.until)).max(from + 3.0))
    }

    /// The first lane in which an incident covers no other; the last where all are taken.
    fn lanes(&self, incidents: &[&IncidentMark]) -> Vec<usize> {
        let mut free_from = [f64::NEG_INFINITY; MOST_LANES];
        let place = |incident: &&IncidentMark| {
            let (from, until) = self.reach(incident);
            let lane = free_from.iter().position(|free| *free <= from).unwrap_or(MOST_LANES - 1);
            free_from[lane] = free_from[lane].max(until + 2.0);
            lane
        };
        incidents.iter().map(place).collect()
    }

    fn axis(&self, drawing: &mut Drawing<'_>, bottom: f64) {
        for (moment, label) in moment_ticks(self.chart.from, self.chart.until, 7) {
            let x = self.x(moment);
            drawing.line("grid", (x, 4.0), (x, bottom));
            drawing.text("soft", Anchor::Middle, (x.min(WIDTH - 24.0), bottom + 20.0), &label);
        }
        drawing.line("axis", (LEFT, bottom), (RIGHT, bottom));
        drawing.line("grid", (LEFT, SHIPPED + TICK / 2.0), (RIGHT, SHIPPED + TICK / 2.0));
        drawing.text("", Anchor::Start, (0.0, SHIPPED + 12.0), "Deployments");
        drawing.text("soft", Anchor::Start, (0.0, FAILED + 9.0), "▼ failed");
        drawing.text("", Anchor::Start, (0.0, INCIDENTS + 10.0), "Incidents");
    }

    fn shipped(&self, drawing: &mut Drawing<'_>, deployments: &[&DeploymentMark]) {
        for (x, marks) in self.by_place(deployments, false) {
            let commands = polyline(&[(x, SHIPPED), (x, SHIPPED + TICK)]);
            drawing.path("deployment", &commands, Some(&named(&marks)));
        }
    }

    fn failed(&self, drawing: &mut Drawing<'_>, deployments: &[&DeploymentMark]) {
        for (x, marks) in self.by_place(deployments, true) {
            let corners = [(x - 5.0, FAILED), (x + 5.0, FAILED), (x, FAILED + 10.0)];
            drawing.path("failed", &format!("{}Z", polyline(&corners)), Some(&named(&marks)));
        }
    }

    /// Deployments by where they stand, in whole units of the drawing.
    fn by_place<'b>(&self, deployments: &[&'b DeploymentMark], failed: bool) -> Vec<(f64, Vec<&'b DeploymentMark>)> {
        let mut places: BTreeMap<String, (f64, Vec<&'b DeploymentMark>)> = BTreeMap::new();
        let mut sorted: Vec<&DeploymentMark> = deployments.iter().copied().filter(|it| it.failed == failed).collect();
        sorted.sort_by_key(|mark| (mark.moment, &mark.title));
        for mark in sorted {
            let x = self.x(mark.moment).round();
            places.entry(format!("{x:06.0}")).or_insert_with(|| (x, Vec::new())).1.push(mark);
        }
        places.into_values().collect()
    }

    fn incident(&self, drawing: &mut Drawing<'_>, incident: &IncidentMark, top: f64) {
        let (from, until) = self.reach(incident);
        let ended = incident.ended.map_or_else(
            || "still open".to_owned(),
            |ended| {
                let lasted = (ended - incident.began).num_seconds() as f64;
                format!("until {}, {}", at(ended), format_value(Unit::Seconds, lasted))
            },
        );
        let severity = if incident.severity.is_empty() { String::new() } else { format!(" ({})", incident.severity) };
        let tooltip = format!("{}{severity}: from {}, {ended}", incident.title, at(incident.began));
        let area = Area { x: from, y: top, width: until - from, height: LANE - 5.0 };
        if incident.ended.is_some() {
            drawing.rectangle("incident", area, 1.5, Some(&tooltip));
            return;
        }
        // Without a right side, and with a point that goes on.
        let (low, tip) = (top + area.height, until + 7.0);
        let middle = top + area.height / 2.0;
        let outline = [(until, top), (from, top), (from, low), (until, low)];
        drawing.path("incident", &polyline(&outline), Some(&tooltip));
        drawing.path("open", &polyline(&[(until, top), (tip, middle), (until, low)]), None);
    }

    fn description(&self, deployments: &[&DeploymentMark], incidents: &[&IncidentMark]) -> String {
        let failed = deployments.iter().filter(|it| it.failed).count();
        let open = incidents.iter().filter(|it| it.ended.is_none()).count();
        format!(
            "From {} to {}, times in UTC: {} deployments, {failed} of them failed; {} incidents, {open} still open.",
            at(self.chart.from),
            at(self.chart.until),
            number(deployments.len() as f64),
            number(incidents.len() as f64),
        )
    }
}

fn at(moment: Moment) -> String {
    moment.format("%-d %b %Y %H:%M").to_string()
}

/// The names of deployments that share a mark.
fn named(marks: &[&DeploymentMark]) -> String {
    let name = |mark: &&DeploymentMark| {
        let failed = if mark.failed { ", failed" } else { "" };
        format!("{}, {}{failed}", shortened(&mark.title, 500.0), at(mark.moment))
    };
    let mut told: Vec<String> = marks.iter().take(MOST_NAMED).map(name).collect();
    if marks.len() > MOST_NAMED {
        told.push(format!("and {} more", marks.len() - MOST_NAMED));
    }
    told.join("; ")
}
