//! The stages of one item, from its first moment to its last.

use super::scale::Stretch;
use super::svg::{Anchor, Area, Drawing, LINE, WIDTH, nothing, polyline, shortened};
use super::ticks::moment_ticks;
use crate::facts::Moment;
use crate::kpi::{Unit, format_value};

const LEFT: f64 = 6.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 4.0;
const BAR: f64 = 24.0;

/// What a time bar shows.
#[derive(Debug, Clone)]
pub struct TimeBar<'a> {
    /// Begins the ids within the drawing; another for each chart of a page.
    pub id: &'a str,
    /// What is shown, for those who do not see it.
    pub title: &'a str,
    /// The stages in their order.
    pub stages: &'a [StageSpan],
    /// The moment of the evaluation: until then reaches what is still open.
    pub as_of: Moment,
}

/// One stage of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct StageSpan {
    /// What it is called.
    pub name: String,
    /// When it began.
    pub from: Moment,
    /// When it ended; `None` while it lasts.
    pub until: Option<Moment>,
}

/// Draws the stages on one axis of time, and beneath it tells from when to when each lasted, in UTC.
pub fn time_bar(chart: &TimeBar<'_>) -> String {
    let Some(first) = chart.stages.iter().map(|stage| stage.from).min() else { return nothing(chart.id, chart.title) };
    let last = chart.stages.iter().map(|stage| end_of(stage, chart.as_of)).max().unwrap_or(first);
    let plot = Plot { first, last, as_of: chart.as_of };
    let mut drawing = Drawing::new(chart.id, chart.title);
    plot.axis(&mut drawing);
    for (index, stage) in chart.stages.iter().enumerate() {
        plot.stage(&mut drawing, index, stage);
        plot.words(&mut drawing, index, stage, TOP + BAR + 34.0 + index as f64 * (LINE + 4.0));
    }
    let told: Vec<String> = chart.stages.iter().map(|stage| plot.told(stage)).collect();
    let height = TOP + BAR + 34.0 + chart.stages.len() as f64 * (LINE + 4.0);
    drawing.finish(height, &format!("Times in UTC. {}.", told.join("; ")))
}

/// When a stage ends in the drawing: never before it began.
fn end_of(stage: &StageSpan, as_of: Moment) -> Moment {
    stage.until.unwrap_or(as_of).max(stage.from)
}

struct Plot {
    first: Moment,
    last: Moment,
    as_of: Moment,
}

impl Plot {
    fn x(&self, moment: Moment) -> f64 {
        let seconds = |moment: Moment| moment.timestamp() as f64;
        let stretch = Stretch { from: LEFT, until: RIGHT };
        if self.first == self.last {
            return LEFT;
        }
        stretch.place(seconds(moment), seconds(self.first), seconds(self.last))
    }

    fn axis(&self, drawing: &mut Drawing<'_>) {
        let middle = TOP + BAR / 2.0;
        drawing.line("axis", (LEFT, middle), (RIGHT, middle));
        for (moment, label) in moment_ticks(self.first, self.last, 6) {
            let x = self.x(moment);
            drawing.line("axis", (x, TOP + BAR), (x, TOP + BAR + 5.0));
            drawing.text("soft", Anchor::Middle, (x.clamp(40.0, WIDTH - 40.0), TOP + BAR + 19.0), &label);
        }
    }

    fn stage(&self, drawing: &mut Drawing<'_>, index: usize, stage: &StageSpan) {
        let from = self.x(stage.from).min(RIGHT - 2.0);
        let until = self.x(end_of(stage, self.as_of)).max(from + 2.0);
        let area = Area { x: from, y: TOP, width: (until - from - 1.0).max(1.5), height: BAR };
        drawing.stage(index, area, Some(&self.told(stage)));
        if stage.until.is_none() {
            let tip = [(until + 1.0, TOP + 3.0), (until + 9.0, TOP + BAR / 2.0), (until + 1.0, TOP + BAR - 3.0)];
            drawing.path("open", &polyline(&tip), Some("still open"));
        }
    }

    fn words(&self, drawing: &mut Drawing<'_>, index: usize, stage: &StageSpan, y: f64) {
        drawing.stage(index, Area { x: LEFT, y: y + 2.0, width: 12.0, height: 10.0 }, None);
        drawing.text("strong", Anchor::Start, (LEFT + 20.0, y + 11.5), &shortened(&stage.name, 210.0));
        drawing.text("", Anchor::End, (340.0, y + 11.5), &self.lasted(stage));
        drawing.text("soft", Anchor::Start, (364.0, y + 11.5), &moments(stage));
    }

    fn lasted(&self, stage: &StageSpan) -> String {
        let seconds = (end_of(stage, self.as_of) - stage.from).num_seconds() as f64;
        let so_far = if stage.until.is_none() { " so far" } else { "" };
        format!("{}{so_far}", format_value(Unit::Seconds, seconds))
    }

    fn told(&self, stage: &StageSpan) -> String {
        format!("{}: {}, {}", stage.name, self.lasted(stage), moments(stage))
    }
}

fn moments(stage: &StageSpan) -> String {
    let at = |moment: Moment| moment.format("%-d %b %Y %H:%M").to_string();
    let until = stage.until.map_or_else(|| "still open".to_owned(), at);
    format!("{} – {until}", at(stage.from))
}
