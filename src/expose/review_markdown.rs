//! A review as Markdown: for a wiki, a chat, a pull request.

use std::fmt::Write as _;

use crate::facts::Moment;
use crate::kpi::{Unit, format_interval, format_value};
use crate::report::Verdict;
use crate::report::review::{
    Actions, Compared, Distribution, HeadlineRow, Item, Review, ReviewChange, Reviewed, Side, StageBreakdown,
};
use crate::report::scorecard::ScorecardStatus;

/// The whole review.
pub fn review(reviewed: &Reviewed) -> String {
    let review = &reviewed.review;
    let mut text = format!("# {}: review of {}\n\n", review.team_name, review.month);
    header(&mut text, reviewed);
    headline(&mut text, review);
    for distribution in &review.distributions {
        spread(&mut text, distribution);
    }
    if let Some(stages) = &review.stages {
        breakdown(&mut text, stages);
    }
    items(&mut text, "Slowest items", &review.slowest, review.as_of);
    items(&mut text, "Oldest open items", &review.oldest_open, review.as_of);
    incidents(&mut text, review);
    failures(&mut text, review);
    for card in &review.scorecards {
        scorecard(&mut text, card);
    }
    actions(&mut text, "Actions of the month before", &reviewed.actions_before);
    actions(&mut text, "Actions", &reviewed.actions);
    notes(&mut text, reviewed);
    text
}

fn header(text: &mut String, reviewed: &Reviewed) {
    let review = &reviewed.review;
    let _ = writeln!(text, "{}\n", reviewed.standing());
    let (days, before) = review.working_days;
    let (first, last) = review.days();
    let _ = writeln!(text, "- Period: {first} to {last} ({})", review.time_zone);
    let _ = writeln!(text, "- Working days: {days} (the month before: {before})");
    for missing in reviewed.coverage() {
        let _ = writeln!(text, "- Coverage: {}", line(&missing));
    }
    for event in &review.events {
        let until = event.until.map(|until| format!(" to {until}")).unwrap_or_default();
        let _ = writeln!(text, "- {}{until}: {}", event.from, line(&event.text));
    }
    text.push('\n');
    if !reviewed.changes.is_empty() || !reviewed.other_changes.is_empty() {
        let _ = writeln!(text, "## What this revision changes\n");
        for change in &reviewed.changes {
            revised(text, change);
        }
        if !reviewed.other_changes.is_empty() {
            let _ = writeln!(text, "- Also: {}", reviewed.other_changes.join(", "));
        }
        text.push('\n');
    }
}

fn revised(text: &mut String, change: &ReviewChange) {
    let value = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format_value(change.unit, value));
    let _ = writeln!(
        text,
        "- {}: {} (n {}) → {} (n {})",
        change.title,
        value(change.before),
        change.observations_before,
        value(change.after),
        change.observations_after
    );
    for reason in &change.reasons {
        let _ = writeln!(text, "  - {}", line(reason));
    }
}

fn headline(text: &mut String, review: &Review) {
    let heads = [(Side::Speed, "Speed (DORA)"), (Side::Stability, "Stability (DORA)"), (Side::Beside, "Beside them")];
    for (side, title) in heads {
        let _ = writeln!(
            text,
            "## {title}\n\n| KPI | value | 95 % interval | n | open | month before | 3 months before | a year ago | trend | target | status |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |"
        );
        for row in review.headline.iter().filter(|row| row.side == side) {
            headline_row(text, row);
        }
        text.push('\n');
    }
    let told = review.headline.iter().filter_map(|row| Some((row, row.trend.as_ref()?)));
    for (row, trend) in told {
        let _ = writeln!(text, "- {}: {}. {}", row.title, trend.verdict.words(), trend.sentence);
    }
    text.push('\n');
}

fn headline_row(text: &mut String, row: &HeadlineRow) {
    let value = |value: f64| format_value(row.unit, value);
    let part = row.part.as_ref().map(|part| format!(" · {part}")).unwrap_or_default();
    let shown = match row.verdict {
        Verdict::Value => row.value.map(value).unwrap_or_default(),
        Verdict::TooFew => format!("{} (too few to tell)", row.value.map(value).unwrap_or_default()),
        Verdict::NoData => "no data".to_owned(),
        Verdict::NotConfigured => "not configured".to_owned(),
    };
    let interval = row.interval.map(|interval| format_interval(row.unit, interval)).unwrap_or_default();
    let compared = |compared: &Compared| compared.value.map_or_else(|| "–".to_owned(), value);
    let trend = row.trend.as_ref().map_or("not tested", |trend| trend.verdict.words());
    let (target, status) =
        row.target.as_ref().map_or(("–", "–"), |target| (target.words.as_str(), target.status.words()));
    let _ = writeln!(
        text,
        "| {}{part} | {shown} | {interval} | {} | {} | {} | {} | {} | {trend} | {target} | {status} |",
        row.title,
        row.observations,
        row.open,
        compared(&row.previous_month),
        compared(&row.three_months),
        compared(&row.year_ago)
    );
}

fn spread(text: &mut String, distribution: &Distribution) {
    let part = distribution.part.as_ref().map(|part| format!(" · {part}")).unwrap_or_default();
    let _ = writeln!(
        text,
        "## How it is spread: {}{part}\n\n| month | n | p10 | p25 | median | p75 | p90 |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        distribution.title
    );
    for month in &distribution.months {
        let cells =
            month.percentiles.map_or_else(|| " – | – | – | – | –".to_owned(), |values| values.map(seconds).join(" | "));
        let _ = writeln!(text, "| {} | {} | {cells} |", month.month, month.observations);
    }
    text.push('\n');
}

fn breakdown(text: &mut String, stages: &StageBreakdown) {
    let _ = writeln!(text, "## Where the time went\n\n{}\n", stages.sentence());
    let _ = writeln!(text, "| stage | mean | three months before |\n| --- | ---: | ---: |");
    for stage in &stages.stages {
        let before = stage.seconds_before.map_or_else(|| "–".to_owned(), seconds);
        let _ = writeln!(text, "| {} | {} | {before} |", stage.stage, seconds(stage.seconds));
    }
    text.push('\n');
}

fn items(text: &mut String, title: &str, items: &[Item], as_of: Moment) {
    let _ = writeln!(text, "## {title}\n");
    if items.is_empty() {
        text.push_str("None.\n\n");
        return;
    }
    text.push_str("| item | time | longest stage |\n| --- | ---: | --- |\n");
    for item in items {
        let stage = item.stages.iter().find(|stage| Some(&stage.stage) == item.longest.as_ref());
        let longest = stage.map(|it| format!("{}, {}", it.stage, seconds(it.seconds(as_of)))).unwrap_or_default();
        let _ =
            writeln!(text, "| {} | {} | {longest} |", link(&item.title, item.url.as_deref()), seconds(item.seconds));
    }
    text.push('\n');
}

fn incidents(text: &mut String, review: &Review) {
    let _ = writeln!(text, "## Incidents\n");
    if review.incidents.is_empty() {
        text.push_str("None.\n\n");
        return;
    }
    text.push_str("| incident | severity | began | lasted | caused by |\n| --- | ---: | --- | ---: | --- |\n");
    for incident in &review.incidents {
        let lasted = incident.resolved_at.map_or_else(|| "open".to_owned(), |at| between(incident.began_at, at));
        let cause = incident.caused_by.as_ref().map(|it| link(&it.title, it.url.as_deref())).unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {lasted} | {cause} |",
            link(&incident.title, incident.url.as_deref()),
            incident.severity,
            minute(incident.began_at)
        );
    }
    text.push('\n');
}

fn failures(text: &mut String, review: &Review) {
    let _ = writeln!(text, "## Failed deployments\n");
    if review.failed_deployments.is_empty() {
        text.push_str("None.\n\n");
        return;
    }
    text.push_str("| deployment | finished | why | well again after |\n| --- | --- | --- | ---: |\n");
    for failed in &review.failed_deployments {
        let after = failed.recovered_at.map_or_else(|| "not yet".to_owned(), |at| between(failed.finished_at, at));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {after} |",
            link(&failed.title, failed.url.as_deref()),
            minute(failed.finished_at),
            link(&failed.explanation, failed.evidence_url.as_deref())
        );
    }
    text.push('\n');
}

fn scorecard(text: &mut String, card: &ScorecardStatus) {
    let _ = writeln!(
        text,
        "## Scorecard: {}\n\n| row | status | measure | value | n | target |\n| --- | --- | --- | ---: | ---: | --- |",
        card.title
    );
    for row in &card.rows {
        for measure in &row.measures {
            let value = measure.value.map_or_else(|| "–".to_owned(), |value| format_value(measure.unit, value));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {value} | {} | {} |",
                line(&row.title),
                measure.status.words(),
                measure.words(),
                measure.observations,
                measure.target
            );
        }
    }
    text.push('\n');
}

fn actions(text: &mut String, title: &str, actions: &Actions) {
    let _ = writeln!(text, "## {title}\n");
    if actions.actions.is_empty() {
        text.push_str("None.\n\n");
        return;
    }
    for action in &actions.actions {
        let _ = writeln!(text, "- {}", line(&action.text));
        if let Some(outcome) = &action.outcome {
            let _ = writeln!(text, "  - Outcome: {}", line(outcome));
        }
    }
    text.push('\n');
}

fn notes(text: &mut String, reviewed: &Reviewed) {
    let _ = writeln!(text, "## Notes on the data\n");
    for note in reviewed.notes() {
        let _ = writeln!(text, "- {}", line(&note));
    }
}

/// Text of others must not become a table's or a link's syntax.
fn line(text: &str) -> String {
    let escaped = text.chars().flat_map(|letter| {
        let special = matches!(letter, '|' | '[' | ']' | '`' | '*' | '_' | '<' | '>' | '\\');
        let letter = if letter.is_control() { ' ' } else { letter };
        special.then_some('\\').into_iter().chain(std::iter::once(letter))
    });
    escaped.collect()
}

fn link(title: &str, url: Option<&str>) -> String {
    match url {
        Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
            format!("[{}](<{}>)", line(title), address(url))
        }
        _ => line(title),
    }
}

/// An address that ends neither the link nor the cell of a table.
fn address(url: &str) -> String {
    let encoded = url.chars().map(|letter| match letter {
        '|' => "%7C".to_owned(),
        '<' => "%3C".to_owned(),
        '>' => "%3E".to_owned(),
        letter if letter.is_control() || letter.is_whitespace() => "%20".to_owned(),
        letter => letter.to_string(),
    });
    encoded.collect()
}

fn seconds(value: f64) -> String {
    format_value(Unit::Seconds, value)
}

fn between(from: Moment, until: Moment) -> String {
    seconds((until - from).as_seconds_f64())
}

fn minute(moment: Moment) -> String {
    moment.format("%Y-%m-%d %H:%M UTC").to_string()
}
