//! How values are spread, month by month.

use super::scale::{Axis, Stretch};
use super::svg::{Anchor, Area, Drawing, WIDTH, nothing, shortened, width_of};
use crate::kpi::{Unit, format_value};

const LEFT: f64 = 136.0;
const RIGHT: f64 = WIDTH - 84.0;
const TOP: f64 = 30.0;
const ROW: f64 = 32.0;
const ROW_WITH_DOTS: f64 = 64.0;
const BELOW: f64 = 34.0;

/// How many dots are drawn at most; a spread of more is told by its box.
const MOST_DOTS: usize = 600;

/// What a distribution shows.
#[derive(Debug, Clone)]
pub struct Distribution<'a> {
    /// Begins the ids within the drawing; another for each chart of a page.
    pub id: &'a str,
    /// What is shown, for those who do not see it.
    pub title: &'a str,
    /// The unit of the values. Durations stand on a logarithmic axis.
    pub unit: Unit,
    /// The months, from top to bottom.
    pub months: &'a [Month],
    /// The greatest value that meets the target.
    pub target_max: Option<f64>,
}

/// The values of one month.
#[derive(Debug, Clone, PartialEq)]
pub struct Month {
    /// What the month is called: `Sep 2026`.
    pub label: String,
    /// How many items.
    pub n: usize,
    /// Where the values lie; `None` where there are none or too few.
    pub quantiles: Option<Quantiles>,
    /// The values themselves, each drawn as a dot. Empty where only the box is wanted.
    pub values: Vec<f64>,
}

/// Below each of these lies the share of the values that its name tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantiles {
    /// A tenth lies below.
    pub p10: f64,
    /// A quarter lies below.
    pub p25: f64,
    /// Half lies below: the median.
    pub p50: f64,
    /// Three quarters lie below.
    pub p75: f64,
    /// Nine tenths lie below.
    pub p90: f64,
}

impl Quantiles {
    fn all(self) -> [f64; 5] {
        [self.p10, self.p25, self.p50, self.p75, self.p90]
    }
}

/// Draws a row for each month: a box from p25 to p75, a tick at the median, whiskers from p10 to p90, and dots.
pub fn distribution(chart: &Distribution<'_>) -> String {
    let quantiles = chart.months.iter().filter_map(|month| month.quantiles).flat_map(Quantiles::all);
    let values = quantiles.chain(chart.months.iter().flat_map(|month| month.values.iter().copied()));
    if !values.clone().any(f64::is_finite) {
        return nothing(chart.id, chart.title);
    }
    let Some(axis) = Axis::holding(chart.unit, values.chain(chart.target_max)) else {
        return nothing(chart.id, chart.title);
    };
    let bottom = TOP + chart.months.iter().map(row_height).sum::<f64>();
    let plot = Plot { chart, axis, bottom };
    let mut drawing = Drawing::new(chart.id, chart.title);
    plot.axis(&mut drawing);
    let mut top = TOP;
    for month in chart.months {
        plot.month(&mut drawing, month, top);
        top += row_height(month);
    }
    plot.target_words(&mut drawing);
    drawing.finish(bottom + BELOW, &plot.description())
}

fn row_height(month: &Month) -> f64 {
    if month.values.is_empty() { ROW } else { ROW_WITH_DOTS }
}

struct Plot<'a> {
    chart: &'a Distribution<'a>,
    axis: Axis,
    bottom: f64,
}

impl Plot<'_> {
    fn x(&self, value: f64) -> f64 {
        Stretch { from: LEFT, until: RIGHT }.at(self.axis.share(value))
    }

    /// What a value is called; that it lies before the axis is said.
    fn told(&self, value: f64) -> String {
        let before = if self.axis.is_before(value) { " (drawn at the start of the axis)" } else { "" };
        format!("{}{before}", format_value(self.chart.unit, value))
    }

    fn axis(&self, drawing: &mut Drawing<'_>) {
        if let Some(max) = self.chart.target_max {
            let area = Area { x: LEFT, y: TOP, width: self.x(max) - LEFT, height: self.bottom - TOP };
            drawing.rectangle("zone", area, 0.0, None);
        }
        let mut free_from = f64::NEG_INFINITY;
        for tick in &self.axis.ticks {
            let x = self.x(tick.value);
            drawing.line("grid", (x, TOP), (x, self.bottom));
            let half = width_of(&tick.label) / 2.0;
            if x - half >= free_from {
                drawing.text("soft", Anchor::Middle, (x, self.bottom + 20.0), &tick.label);
                free_from = x + half + 4.0;
            }
        }
        drawing.line("axis", (LEFT, self.bottom), (RIGHT, self.bottom));
    }

    fn target_words(&self, drawing: &mut Drawing<'_>) {
        drawing.text("soft", Anchor::End, (WIDTH - 4.0, TOP - 12.0), "median");
        let Some(max) = self.chart.target_max else { return };
        let x = self.x(max);
        drawing.line("target", (x, TOP - 6.0), (x, self.bottom));
        let words = format!("at most {}", format_value(self.chart.unit, max));
        // Beside the heading of the medians, and within the drawing.
        let half = width_of(&words) / 2.0;
        let at = x.clamp(half, WIDTH - 56.0 - half);
        drawing.text("good", Anchor::Middle, (at, TOP - 12.0), &words);
    }

    fn month(&self, drawing: &mut Drawing<'_>, month: &Month, top: f64) {
        let middle = top + ROW / 2.0;
        let words = shortened(&month.label, LEFT - 70.0);
        drawing.text(if month.values.is_empty() { "" } else { "strong" }, Anchor::Start, (0.0, middle + 4.0), &words);
        drawing.text("soft", Anchor::End, (LEFT - 12.0, middle + 4.0), &format!("n = {}", month.n));
        if let Some(quantiles) = month.quantiles {
            self.box_and_whiskers(drawing, month, &quantiles, middle);
        } else {
            let words = if month.n == 0 { "no data" } else { "too few to tell" };
            drawing.text("soft", Anchor::End, (WIDTH - 4.0, middle + 4.0), words);
        }
        let lanes = [0.0, 12.0, 6.0, 18.0, 3.0, 15.0, 9.0, 21.0];
        for (index, value) in month.values.iter().filter(|value| value.is_finite()).take(MOST_DOTS).enumerate() {
            let at = (self.x(*value), top + ROW + 2.0 + lanes[index % lanes.len()]);
            drawing.circle("sample", at, 2.5, Some(&self.told(*value)));
        }
    }

    fn box_and_whiskers(&self, drawing: &mut Drawing<'_>, month: &Month, quantiles: &Quantiles, middle: f64) {
        let [p10, p25, p50, p75, p90] = quantiles.all().map(|value| self.x(value));
        let tooltip = self.tooltip(month, quantiles);
        drawing.line("whisker", (p10, middle), (p25, middle));
        drawing.line("whisker", (p75, middle), (p90, middle));
        for end in [p10, p90] {
            drawing.line("whisker", (end, middle - 4.0), (end, middle + 4.0));
        }
        let class = if month.values.is_empty() { "box" } else { "box now" };
        let area = Area { x: p25, y: middle - 8.0, width: p75 - p25, height: 16.0 };
        drawing.rectangle(class, area, 3.0, None);
        drawing.line("median", (p50, middle - 8.0), (p50, middle + 8.0));
        let row = Area { x: LEFT, y: middle - ROW / 2.0, width: RIGHT - LEFT, height: ROW };
        drawing.rectangle("hit", row, 0.0, Some(&tooltip));
        let median = format_value(self.chart.unit, quantiles.p50);
        drawing.text("strong", Anchor::End, (WIDTH - 4.0, middle + 4.0), &median);
    }

    fn tooltip(&self, month: &Month, quantiles: &Quantiles) -> String {
        let [p10, p25, p50, p75, p90] = quantiles.all().map(|value| self.told(value));
        format!(
            "{}, n = {}: median {p50}; half of them from {p25} to {p75}; four in five from {p10} to {p90}",
            month.label, month.n
        )
    }

    fn description(&self) -> String {
        let told = self.chart.months.iter().map(|month| match month.quantiles {
            Some(quantiles) => format!("{}: median {} of {}.", month.label, self.told(quantiles.p50), month.n),
            None => format!("{}: {} items, no median.", month.label, month.n),
        });
        let target = self.chart.target_max.map(|max| format!("The target is at most {}.", self.told(max)));
        told.chain(target).collect::<Vec<_>>().join(" ")
    }
}
