//! A line as small as a word.

use super::scale::Stretch;
use super::svg::{escape, number, polyline};
use crate::kpi::Unit;
use crate::trend::WeekPoint;

const WIDTH: f64 = 128.0;
const HEIGHT: f64 = 28.0;

/// Draws the weeks as a line without axes, the newest value as a dot. Durations are drawn by their logarithms. Without a
/// title it is mere decoration and hidden from those who do not see it.
pub fn sparkline(unit: Unit, weeks: &[WeekPoint], title: Option<&str>) -> String {
    let known = weeks.iter().map(|week| week.value.filter(|value| value.is_finite()));
    let heights: Vec<Option<f64>> =
        known.map(|value| value.map(|value| if unit == Unit::Seconds { value.max(1.0).ln() } else { value })).collect();
    let low = heights.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let high = heights.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let across = Stretch { from: 4.0, until: WIDTH - 4.0 };
    let upwards = Stretch { from: HEIGHT - 4.0, until: 4.0 };
    let last = heights.len().saturating_sub(1) as f64;
    let points: Vec<Option<(f64, f64)>> = heights
        .iter()
        .enumerate()
        .map(|(index, height)| height.map(|it| (across.place(index as f64, 0.0, last), upwards.place(it, low, high))))
        .collect();
    let runs = points.split(Option::is_none).filter(|run| run.len() > 1);
    let commands: String = runs.map(|run| polyline(&run.iter().flatten().copied().collect::<Vec<_>>())).collect();
    let line = if commands.is_empty() { String::new() } else { format!("<path class=\"line\" d=\"{commands}\"/>") };
    let dot = points.iter().flatten().next_back().map_or_else(String::new, |(x, y)| {
        format!("<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"2\"/>", number(*x), number(*y))
    });
    let (role, name) = match title.map(escape) {
        Some(title) => (format!("role=\"img\" aria-label=\"{title}\""), format!("<title>{title}</title>")),
        None => ("aria-hidden=\"true\"".to_owned(), String::new()),
    };
    let (width, height) = (number(WIDTH), number(HEIGHT));
    format!("<svg class=\"spark\" viewBox=\"0 0 {width} {height}\" {role}>{name}{line}{dot}</svg>")
}
