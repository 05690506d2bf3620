//! The reference of the KPIs, generated from the catalogue and the scorecards: a table for the README, a page for each.

use std::fmt::Write as _;

use super::scorecard::scorecards;
use crate::kpi::{CATALOGUE, Direction, Kpi, Need, Parts, Protection, Shape, Unit, metric_name};

/// The folder of the pages within the project.
pub const REFERENCE_FOLDER: &str = "docs/kpis";

/// The table of the README, as Markdown. `folder` is where the pages are, seen from the file with the table.
pub fn reference_table(folder: &str) -> String {
    let mut table = String::from("| KPI | metric | what it tells |\n| --- | --- | --- |\n");
    for kpi in CATALOGUE {
        let link = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let _ = writeln!(table, "| [{}]({link}{}.md) | `{}` | {} |", kpi.title, kpi.id, metric_name(kpi), kpi.meaning);
    }
    table
}

/// Every page of the reference by the name of its file, the index first.
pub fn reference_pages() -> Vec<(String, String)> {
    let index = format!(
        "# The KPIs\n\nGenerated from the catalogue. How the numbers are shown is said in the [README](../../README.md).\n\n{}",
        reference_table("")
    );
    let pages = CATALOGUE.iter().map(|kpi| (format!("{}.md", kpi.id), page(kpi)));
    std::iter::once(("README.md".to_owned(), index)).chain(pages).collect()
}

fn page(kpi: &Kpi) -> String {
    let mut page = format!("# {}\n\n{}\n\n## Definition\n\n{}\n\n", kpi.title, kpi.meaning, kpi.definition);
    let _ = writeln!(page, "Source: {}\n", kpi.reference);
    let facts = [
        ("Metric", format!("`{}`", metric_name(kpi))),
        ("Unit", unit(kpi.unit).to_owned()),
        ("Better", better(kpi.direction).to_owned()),
        ("Statistics", statistics(kpi).to_owned()),
        ("Headline", format!("`{}`", kpi.headline.label())),
        ("Parts", parts(kpi.parts)),
        ("Too few", too_few(kpi)),
        ("Revision of the definition", kpi.revision.to_string()),
    ];
    page.push_str("| | |\n| --- | --- |\n");
    for (name, text) in facts {
        let _ = writeln!(page, "| {name} | {text} |");
    }
    page.push_str("\n## Where it comes from\n\nIt needs");
    page.push_str(if kpi.needs.len() > 1 { " all of these:\n\n" } else { ":\n\n" });
    for need in kpi.needs {
        let _ = writeln!(page, "- {}", remedy(*need));
    }
    let rows = rows(kpi);
    if !rows.is_empty() {
        let _ = write!(
            page,
            "\n## In the scorecards\n\n| role | row | measure | target |\n| --- | --- | --- | --- |\n{rows}"
        );
    }
    let _ = write!(page, "\n## Why is it what it is?\n\n```sh\nchiplog explain TEAM {} --window 84d\n```\n", kpi.id);
    page
}

/// "No incidents: configure …" told as what supplies them.
fn remedy(need: Need) -> String {
    let text = need.remedy();
    let (missing, how) = text.split_once(": ").unwrap_or(("", &text));
    let what = missing.strip_prefix("no ").unwrap_or("reported rows");
    format!("{what}: {how}")
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "seconds",
        Unit::Ratio => "ratio, 0 to 1",
        Unit::PerDay => "per calendar day",
        Unit::PerPullRequest => "per merged pull request",
        Unit::PerSecond => "per second",
        Unit::Count => "a number of things",
        Unit::Score => "a score on the scale of the survey",
        Unit::CostPerUnit => "cost per thing that was served, in the currency that is reported",
    }
}

fn better(direction: Direction) -> &'static str {
    match direction {
        Direction::Lower => "lower",
        Direction::Higher => "higher",
        Direction::Stable => "steady",
    }
}

fn statistics(kpi: &Kpi) -> &'static str {
    match kpi.shape {
        Shape::Duration => {
            "`p50` and `p90` (R-7), `mean`, and `p50_with_open`: the Kaplan–Meier median of what began in the window"
        }
        Shape::Proportion => "`share`, with the Wilson interval",
        Shape::Rate => {
            "`per_day`, with the Garwood interval; the share of working days with one, the variation of weeks"
        }
        Shape::Level => "`mean`, and `latest`: the newest of each service, averaged",
    }
}

fn parts(parts: Parts) -> String {
    let list = |values: &[&str]| values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    match parts {
        Parts::Whole => "none".to_owned(),
        Parts::Alternatives { label, values } => {
            format!("by `{label}`: {}; never summed, the first with data is the headline", list(values))
        }
        Parts::Breakdown { label, values } => format!("by `{label}`: {}; together they are the headline", list(values)),
    }
}

fn too_few(kpi: &Kpi) -> String {
    let below = match kpi.minimum_observations {
        0 => "never: none is a value too".to_owned(),
        least => format!("below {least}"),
    };
    match kpi.protection {
        Protection::None => below,
        Protection::Answers => format!("{below}; below `minimum_group_size` of `[privacy]` nothing is shown"),
        Protection::People => format!("{below}; then nothing is shown, because it would tell of single people"),
    }
}

fn rows(kpi: &Kpi) -> String {
    let mut rows = String::new();
    for card in scorecards() {
        for row in &card.rows {
            for measure in row.measures.iter().filter(|measure| measure.kpi.id == kpi.id) {
                let part = measure.part.map(|part| format!("`{part}`, "));
                let tier = measure.tier.map(|tier| format!(", tier {tier}"));
                let (part, tier) = (part.unwrap_or_default(), tier.unwrap_or_default());
                let (statistic, window) = (measure.statistic.label(), measure.window.label());
                let target = measure.target_words();
                let _ = writeln!(
                    rows,
                    "| {} | {} | {part}`{statistic}` of {window}{tier} | {target} |",
                    card.title, row.title
                );
            }
        }
    }
    rows
}
