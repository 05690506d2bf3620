//! Trends in words.

use std::fmt::Write as _;

use crate::kpi::{Kpi, find};
use crate::report::trend_words::{sentence, value_of};
use crate::trend::Trend;

/// The weeks that are printed of each series.
const SHOWN_WEEKS: usize = 16;

/// The trends of a team, each explained with its weekly numbers.
pub fn trends(team: &str, trends: &[Trend]) -> String {
    let mut text = format!("{team}: trends of complete weeks, each judged with all teams' others in mind\n");
    for trend in trends {
        let Some(kpi) = find(trend.kpi) else { continue };
        let _ = write!(text, "\n{}: {}\n  {}\n", kpi.title, trend.verdict.words(), sentence(kpi, trend));
        let _ = writeln!(text, "  {}", weeks(kpi, trend));
    }
    text
}

fn weeks(kpi: &Kpi, trend: &Trend) -> String {
    let skipped = trend.weeks.len().saturating_sub(SHOWN_WEEKS);
    let shown = trend.weeks[skipped..].iter().map(|week| {
        let value =
            week.value.map_or_else(|| "–".to_owned(), |value| value_of(kpi, value).replace(" per working day", ""));
        let mark = if week.compared { "" } else { "*" };
        format!("{} {value} ({}){mark}", week.monday.format("%m-%d"), week.observations)
    });
    format!("weeks: {}", shown.collect::<Vec<_>>().join("; "))
}
