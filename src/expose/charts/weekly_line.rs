//! A value week by week, with its target and the week in which it changed.

use std::fmt::Write as _;

use chrono::{Datelike, Days, NaiveDate};

use super::scale::{Axis, Stretch};
use super::svg::{Anchor, Area, Drawing, WIDTH, nothing, number, polyline};
use crate::kpi::{Unit, format_value};
use crate::trend::WeekPoint;

const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 108.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 220.0;
const HEIGHT: f64 = 248.0;

/// How many weeks have a label at most.
const MOST_LABELS: usize = 8;

/// What a weekly line shows.
#[derive(Debug, Clone)]
pub struct WeeklyLine<'a> {
    /// Begins the ids within the drawing; another for each chart of a page.
    pub id: &'a str,
    /// What is shown, for those who do not see it.
    pub title: &'a str,
    /// The unit of the values. Durations stand on a logarithmic axis.
    pub unit: Unit,
    /// The weeks, oldest first. A week without a value is a gap; one that was not compared is drawn hollow.
    pub weeks: &'a [WeekPoint],
    /// The least value that meets the target.
    pub target_min: Option<f64>,
    /// The greatest value that meets the target.
    pub target_max: Option<f64>,
    /// The Monday of the week in which the values changed most, where they did.
    pub changed_in: Option<NaiveDate>,
}

/// Draws a value week by week.
pub fn weekly_line(chart: &WeeklyLine<'_>) -> String {
    let values = chart.weeks.iter().filter_map(|week| week.value).filter(|value| value.is_finite());
    if values.clone().next().is_none() {
        return nothing(chart.id, chart.title);
    }
    let targets = chart.target_min.into_iter().chain(chart.target_max);
    let Some(axis) = Axis::holding(chart.unit, values.chain(targets)) else { return nothing(chart.id, chart.title) };
    let plot = Plot { chart, axis };
    let mut drawing = Drawing::new(chart.id, chart.title);
    plot.target_zone(&mut drawing);
    plot.value_axis(&mut drawing);
    plot.week_axis(&mut drawing);
    let labelled = plot.target_lines(&mut drawing);
    plot.change(&mut drawing);
    plot.line(&mut drawing);
    plot.last_value(&mut drawing, &labelled);
    drawing.finish(HEIGHT, &plot.description())
}

struct Plot<'a> {
    chart: &'a WeeklyLine<'a>,
    axis: Axis,
}

impl Plot<'_> {
    /// The height at which a value stands.
    fn y(&self, value: f64) -> f64 {
        Stretch { from: BOTTOM, until: TOP }.at(self.axis.share(value))
    }

    /// The place of the week that begins on a Monday.
    fn x(&self, monday: NaiveDate) -> f64 {
        let day = |week: Option<&WeekPoint>| week.map_or(0.0, |week| f64::from(week.monday.num_days_from_ce()));
        let (first, last) = (day(self.chart.weeks.first()), day(self.chart.weeks.last()));
        let stretch = Stretch { from: LEFT + 12.0, until: RIGHT - 12.0 };
        stretch.place(f64::from(monday.num_days_from_ce()), first, last)
    }

    /// What a value is called; that it lies before the axis is said.
    fn told(&self, value: f64) -> String {
        let before = if self.axis.is_before(value) { " (drawn at the start of the axis)" } else { "" };
        format!("{}{before}", format_value(self.chart.unit, value))
    }

    fn target_zone(&self, drawing: &mut Drawing<'_>) {
        let (min, max) = (self.chart.target_min, self.chart.target_max);
        if min.is_none() && max.is_none() {
            return;
        }
        let (top, bottom) = (max.map_or(TOP, |value| self.y(value)), min.map_or(BOTTOM, |value| self.y(value)));
        drawing.rectangle("zone", Area { x: LEFT, y: top, width: RIGHT - LEFT, height: bottom - top }, 0.0, None);
    }

    fn value_axis(&self, drawing: &mut Drawing<'_>) {
        for tick in &self.axis.ticks {
            let y = self.y(tick.value);
            drawing.line("grid", (LEFT, y), (RIGHT, y));
            drawing.text("soft", Anchor::End, (LEFT - 8.0, y + 4.0), &tick.label);
        }
    }

    fn week_axis(&self, drawing: &mut Drawing<'_>) {
        drawing.line("axis", (LEFT, BOTTOM), (RIGHT, BOTTOM));
        let weeks = self.chart.weeks;
        let step = weeks.len().div_ceil(MOST_LABELS).max(1);
        let mut year = None;
        for (index, week) in weeks.iter().enumerate() {
            if !(weeks.len() - 1 - index).is_multiple_of(step) {
                continue;
            }
            let form = if year == Some(week.monday.year()) { "%-d %b" } else { "%-d %b %Y" };
            year = Some(week.monday.year());
            let x = self.x(week.monday);
            drawing.line("axis", (x, BOTTOM), (x, BOTTOM + 5.0));
            drawing.text("soft", Anchor::Middle, (x, BOTTOM + 20.0), &week.monday.format(form).to_string());
        }
    }

    /// Draws the bounds and tells the heights of their words.
    fn target_lines(&self, drawing: &mut Drawing<'_>) -> Vec<f64> {
        let bounds = [("at least", self.chart.target_min), ("at most", self.chart.target_max)];
        let mut labelled: Vec<f64> = Vec::new();
        for (words, bound) in bounds.into_iter().filter_map(|(words, bound)| Some((words, bound?))) {
            let y = self.y(bound);
            drawing.line("target", (LEFT, y), (RIGHT, y));
            let at = apart(y + 4.0, &labelled);
            let words = format!("{words} {}", format_value(self.chart.unit, bound));
            drawing.text("good", Anchor::Start, (RIGHT + 8.0, at), &words);
            labelled.push(at);
        }
        labelled
    }

    fn change(&self, drawing: &mut Drawing<'_>) {
        let Some(monday) = self.chart.changed_in else { return };
        let first = self.chart.weeks.first().map(|week| week.monday);
        let last = self.chart.weeks.last().and_then(|week| week.monday.checked_add_days(Days::new(6)));
        if first.is_none_or(|first| monday < first) || last.is_none_or(|last| monday > last) {
            return;
        }
        let x = self.x(monday);
        drawing.line("change", (x, TOP - 14.0), (x, BOTTOM));
        let words = format!("changed in the week of {}", monday.format("%-d %b"));
        let (anchor, at) =
            if x > f64::midpoint(LEFT, RIGHT) { (Anchor::End, x - 6.0) } else { (Anchor::Start, x + 6.0) };
        drawing.text("strong", anchor, (at, TOP - 12.0), &words);
    }

    fn line(&self, drawing: &mut Drawing<'_>) {
        for run in self.chart.weeks.split(|week| week.value.is_none()).filter(|run| run.len() > 1) {
            let points = run.iter().filter_map(|week| Some((self.x(week.monday), self.y(week.value?))));
            drawing.path("line", &polyline(&points.collect::<Vec<_>>()), None);
        }
        let column = (RIGHT - LEFT) / self.chart.weeks.len().max(1) as f64;
        for week in self.chart.weeks {
            let x = self.x(week.monday);
            if let Some(value) = week.value {
                let (class, radius) = if week.compared { ("dot", 2.5) } else { ("dot hollow", 3.5) };
                drawing.circle(class, (x, self.y(value)), radius, None);
            }
            let area = Area { x: x - column / 2.0, y: TOP, width: column, height: BOTTOM - TOP };
            drawing.rectangle("hit", area, 0.0, Some(&self.tooltip(week)));
        }
    }

    fn tooltip(&self, week: &WeekPoint) -> String {
        let value = week.value.map_or_else(|| "no value".to_owned(), |value| self.told(value));
        let items = if week.observations == 1 { "1 item".to_owned() } else { format!("{} items", week.observations) };
        let remark = if week.compared { "" } else { "; not compared: too few working days" };
        format!("Week of {}: {value}, {items}{remark}", week.monday.format("%-d %b %Y"))
    }

    /// The newest value in words beside the line, out of the way of the bounds' words.
    fn last_value(&self, drawing: &mut Drawing<'_>, labelled: &[f64]) {
        let Some(value) = self.chart.weeks.last().and_then(|week| week.value) else { return };
        let at = apart(self.y(value) + 4.0, labelled);
        drawing.text("strong", Anchor::Start, (RIGHT + 8.0, at), &format_value(self.chart.unit, value));
    }

    fn description(&self) -> String {
        let shown = |value: f64| format_value(self.chart.unit, value);
        let values: Vec<f64> = self.chart.weeks.iter().filter_map(|week| week.value).collect();
        let low = values.iter().copied().reduce(f64::min).map(shown).unwrap_or_default();
        let high = values.iter().copied().reduce(f64::max).map(shown).unwrap_or_default();
        let last = values.last().copied().map(shown).unwrap_or_default();
        let mut told =
            format!("{} weeks; values from {low} to {high}, the newest {last}.", number(self.chart.weeks.len() as f64));
        let bounds = [("at least", self.chart.target_min), ("at most", self.chart.target_max)];
        for (words, bound) in bounds.into_iter().filter_map(|(words, bound)| Some((words, bound?))) {
            let _ = write!(told, " The target is {words} {}.", shown(bound));
        }
        if let Some(monday) = self.chart.changed_in {
            let _ = write!(told, " The values changed in the week of {}.", monday.format("%-d %B %Y"));
        }
        told
    }
}

/// The height next to the wanted one at which words do not touch others.
fn apart(wanted: f64, taken: &[f64]) -> f64 {
    let near = |at: f64| taken.iter().any(|other| (other - at).abs() < 14.0);
    let steps = (0..8).flat_map(|step| [f64::from(step) * -4.0, f64::from(step) * 4.0]);
    steps.map(|step| wanted + step).find(|at| !near(*at)).unwrap_or(wanted)
}
