//! Tables and explanations as text for people at a terminal.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::kpi::{Unit, format_interval, format_value};
use crate::report::scorecard::{MeasureStatus, ScorecardStatus};
use crate::report::{Explanation, KpiRow, Piece, Verdict};

/// The width of tables that don't go to a terminal.
const WIDTH_OF_FILES: u16 = 150;

/// The table of a team's KPIs.
pub fn kpi_table(rows: &[KpiRow]) -> String {
    let mut table = plain_table();
    table.set_header(["KPI", "value", "95 % interval", "p90", "n", "open", ""]);
    for row in rows {
        table.add_row([
            row.name(),
            value(row, row.value),
            interval(row),
            value(row, row.statistics.get("p90").copied()),
            if row.verdict == Verdict::NotConfigured { String::new() } else { row.observations.to_string() },
            if row.open > 0 { row.open.to_string() } else { String::new() },
            remark(row),
        ]);
    }
    for column in 1..=5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{table}\n")
}

/// A plain table: the first column is text, the others are numbers or dates.
pub fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = plain_table();
    table.set_header(header.iter().copied());
    rows.for_each(|row| {
        table.add_row(row);
    });
    for column in 1..header.len() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{table}\n")
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(WIDTH_OF_FILES);
    }
    table
}

/// A team's scorecard: a line per measure, the row's title and status on its first.
pub fn scorecard(team: &str, card: &ScorecardStatus) -> String {
    let mut table = plain_table();
    table.set_header(["row", "status", "measure", "value", "n", "target", ""]);
    for row in &card.rows {
        for (number, measure) in row.measures.iter().enumerate() {
            let first = |text: &str| if number == 0 { text.to_owned() } else { String::new() };
            table.add_row([
                first(&row.title),
                first(row.status.words()),
                measure.words(),
                measure.value.map(|value| format_value(measure.unit, value)).unwrap_or_default(),
                if measure.remedy.is_some() { String::new() } else { measure.observations.to_string() },
                target(measure),
                standing(measure, row.measures.len() > 1),
            ]);
        }
    }
    for column in [3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{team}: {}\n{table}\n", card.title)
}

fn target(measure: &MeasureStatus) -> String {
    let since = measure.target_since.filter(|_| measure.own_target);
    let own = since.map(|since| format!(" (its own since {})", since.format("%Y-%m-%d"))).unwrap_or_default();
    format!("{}{own}", measure.target)
}

/// What else there is to say of a measure. `several`: the row's status is not that of this measure alone.
fn standing(measure: &MeasureStatus, several: bool) -> String {
    if let Some(remedy) = &measure.remedy {
        return remedy.clone();
    }
    let before = measure.before.map(|before| format!("before: {}", format_value(measure.unit, before)));
    let status = several.then(|| measure.status.words().to_owned());
    [status, before].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The explanation of a number: what it is, what it rests on, what was left out. `limit` caps each list.
pub fn explanation(explanation: &Explanation, limit: usize) -> String {
    let mut text = String::new();
    let day = "%Y-%m-%d %H:%M";
    let (from, until) = (explanation.from.format(day), explanation.until.format(day));
    let unit = explanation.rows.first().map_or(Unit::Seconds, |row| row.unit);
    let _ = writeln!(text, "{} of team {}, {from} to {until} UTC", title(explanation), explanation.team);
    let _ = writeln!(text, "{}\n{}\n", explanation.meaning, explanation.definition);
    text.push_str(&kpi_table(&explanation.rows));
    let shown = explanation.observations.iter().map(|piece| line(unit, piece));
    list(&mut text, "What it rests on, largest first", shown, explanation.observations.len(), limit);
    let open = explanation.open.iter().map(|piece| line(unit, piece));
    list(&mut text, "Still open, oldest first", open, explanation.open.len(), limit);
    let left = explanation.left_out.iter().map(|item| {
        let url = item.url.as_deref().unwrap_or_default();
        format!("  {}  {}\n      {} {url}", item.at.format(day), item.title, item.reason)
    });
    list(&mut text, "Left out", left, explanation.left_out.len(), limit);
    text
}

fn title(explanation: &Explanation) -> &str {
    explanation.rows.first().map_or("The KPI", |row| &row.title)
}

fn list(text: &mut String, heading: &str, lines: impl Iterator<Item = String>, count: usize, limit: usize) {
    if count == 0 {
        return;
    }
    let _ = writeln!(text, "\n{heading} ({count}):");
    for line in lines.take(limit) {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if count > limit {
        let _ = writeln!(text, "  … and {} more: raise --limit, or take --json for all", count - limit);
    }
}

fn line(unit: Unit, piece: &Piece) -> String {
    let mut line = format!("  {:>9}  {}", format_value(unit, piece.value), piece.at.format("%Y-%m-%d %H:%M"));
    if let Some(part) = &piece.part {
        let _ = write!(line, "  [{part}]");
    }
    let _ = write!(line, "  {}", piece.title);
    if !piece.detail.is_empty() {
        let _ = write!(line, "\n             {}", piece.detail);
    }
    if let Some(url) = &piece.url {
        let _ = write!(line, "\n             {url}");
    }
    line
}

fn value(row: &KpiRow, value: Option<f64>) -> String {
    value.map(|value| format_value(row.unit, value)).unwrap_or_default()
}

fn interval(row: &KpiRow) -> String {
    row.interval.map(|interval| format_interval(row.unit, interval)).unwrap_or_default()
}

fn remark(row: &KpiRow) -> String {
    match row.verdict {
        Verdict::Value => String::new(),
        Verdict::TooFew => format!("too few to tell: fewer than {}", row.minimum_observations),
        Verdict::NoData => "no data".to_owned(),
        Verdict::NotConfigured => {
            row.remedy.as_ref().map_or_else(String::new, |remedy| format!("not configured: {remedy}"))
        }
    }
}
