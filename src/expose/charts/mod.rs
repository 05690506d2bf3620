//! Charts as SVG: pure functions from data to text. The same input gives the same bytes.
//!
//! Colours come from the classes of `templates/style.css` alone, and shape or words say the same beside them. Every
//! chart names itself by a title and a description, every mark by a tooltip; the numbers themselves belong into a table
//! beside the chart.

mod distribution;
mod scale;
mod sparkline;
mod stage_bars;
mod svg;
mod ticks;
mod time_bar;
mod timeline;
mod weekly_line;

#[cfg(test)]
mod tests;

pub use distribution::{Distribution, Month, Quantiles, distribution};
pub use sparkline::sparkline;
pub use stage_bars::{StageBar, StageBars, stage_bars};
pub use time_bar::{StageSpan, TimeBar, time_bar};
pub use timeline::{DeploymentMark, IncidentMark, Timeline, timeline};
pub use weekly_line::{WeeklyLine, weekly_line};
