//! Where the time goes: stacked bars, one beneath the other.

use super::scale::Stretch;
use super::svg::{Anchor, Area, Drawing, WIDTH, nothing, shortened};
use crate::kpi::{Unit, format_value};

const BAR: f64 = 24.0;
const ABOVE: f64 = 18.0;
const BELOW: f64 = 22.0;
const BETWEEN: f64 = 22.0;

/// What stage bars show.
#[derive(Debug, Clone)]
pub struct StageBars<'a> {
    /// Begins the ids within the drawing; another for each chart of a page.
    pub id: &'a str,
    /// What is shown, for those who do not see it.
    pub title: &'a str,
    /// The bars, from top to bottom, all on one scale. The same place within a bar has the same colour.
    pub bars: &'a [StageBar],
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct StageBar {
    /// What is told by it: `September` or `the three months before`.
    pub label: String,
    /// The stages in their order: what each is called, and how many seconds it takes.
    pub stages: Vec<(String, f64)>,
}

impl StageBar {
    fn total(&self) -> f64 {
        self.stages.iter().map(|(_, seconds)| length(*seconds)).sum()
    }
}

/// Draws the bars with the times of the stages and their sum in words.
pub fn stage_bars(chart: &StageBars<'_>) -> String {
    let longest = chart.bars.iter().map(StageBar::total).fold(0.0, f64::max);
    if longest <= 0.0 {
        return nothing(chart.id, chart.title);
    }
    let mut drawing = Drawing::new(chart.id, chart.title);
    let mut top = 0.0;
    for bar in chart.bars {
        one_bar(&mut drawing, bar, top, longest);
        top += ABOVE + BAR + BELOW + BETWEEN;
    }
    let told = chart.bars.iter().map(description);
    drawing.finish(top - BETWEEN + 4.0, &told.collect::<Vec<_>>().join(" "))
}

fn one_bar(drawing: &mut Drawing<'_>, bar: &StageBar, top: f64, longest: f64) {
    drawing.text("strong", Anchor::Start, (0.0, top + 12.0), &bar.label);
    let total = format!("{} in all", time(bar.total()));
    drawing.text("strong", Anchor::End, (WIDTH, top + 12.0), &total);
    let across = Stretch { from: 0.0, until: WIDTH };
    let column = WIDTH / bar.stages.len().max(1) as f64;
    let mut before = 0.0;
    for (index, (name, seconds)) in bar.stages.iter().enumerate() {
        let until = before + length(*seconds);
        let (x, end) = (across.place(before, 0.0, longest), across.place(until, 0.0, longest));
        let words = format!("{name} {}", time(*seconds));
        if end - x >= 0.05 {
            // A gap of one unit keeps neighbours apart whatever their colours.
            let area = Area { x, y: top + ABOVE, width: (end - x - 1.0).max(0.6), height: BAR };
            drawing.stage(index, area, Some(&format!("{}: {words}", bar.label)));
        }
        let legend = (index as f64 * column, top + ABOVE + BAR + 8.0);
        drawing.stage(index, Area { x: legend.0, y: legend.1, width: 12.0, height: 10.0 }, None);
        drawing.text("", Anchor::Start, (legend.0 + 18.0, legend.1 + 9.5), &shortened(&words, column - 22.0));
        before = until;
    }
}

/// What cannot be drawn has no length.
fn length(seconds: f64) -> f64 {
    if seconds.is_finite() { seconds.max(0.0) } else { 0.0 }
}

fn time(seconds: f64) -> String {
    format_value(Unit::Seconds, seconds)
}

fn description(bar: &StageBar) -> String {
    let stages = bar.stages.iter().map(|(name, seconds)| format!("{name} {}", time(*seconds)));
    format!("{}: {} in all; {}.", bar.label, time(bar.total()), stages.collect::<Vec<_>>().join(", "))
}
