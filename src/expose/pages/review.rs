//! The review of a month, served and as one file.

use askama::Template;

use super::parts::{Place, Word, minute, remark, seconds, stage_strip, status, trend, web_address};
use super::review_charts::{Spread, Stages, Weekly, spreads, stages, weekly};
use super::team::{ShownCard, ShownIncident, card, incident};
use crate::facts::Moment;
use crate::kpi::format_value;
use crate::report::review::{Action, Compared, HeadlineRow, Item, KnownEvent, Review, Reviewed, Side, TrendTold};
use crate::report::{Verdict, review::ReviewChange};

#[derive(Template)]
#[template(path = "review.html")]
struct Page<'a> {
    served: bool,
    linked: bool,
    review: &'a Review,
    lead: String,
    first_day: String,
    last_day: String,
    standing: String,
    coverage: Vec<String>,
    earlier: Vec<u32>,
    events: Vec<String>,
    changes: Vec<ShownChange<'a>>,
    other_changes: String,
    groups: [Group; 3],
    weekly_note: &'static str,
    weekly: Vec<Weekly<'a>>,
    spreads: Vec<Spread<'a>>,
    stages: Option<Stages>,
    lists: [List<'a>; 2],
    incidents: Vec<ShownIncident<'a>>,
    failures: Vec<ShownFailure<'a>>,
    actions_before: &'a [Action],
    actions: &'a [Action],
    actions_text: String,
    as_of: String,
    scorecards: Vec<ShownCard<'a>>,
    notes: Vec<String>,
}

struct ShownChange<'a> {
    title: &'a str,
    before: String,
    after: String,
    observations_before: usize,
    observations_after: usize,
    reasons: &'a [String],
}

struct Group {
    id: &'static str,
    title: &'static str,
    rows: Vec<ShownHeadline>,
}

struct ShownHeadline {
    name: String,
    link: String,
    value: String,
    interval: String,
    observations: String,
    open: String,
    remark: String,
    compared: [String; 3],
    trend: Option<Word>,
    effect: String,
    target: Option<ShownTarget>,
}

struct ShownTarget {
    words: String,
    status: Word,
}

struct List<'a> {
    title: &'static str,
    items: Vec<ShownItem<'a>>,
}

struct ShownItem<'a> {
    title: &'a str,
    url: Option<String>,
    time: String,
    longest: &'a str,
    bar: String,
}

struct ShownFailure<'a> {
    title: &'a str,
    url: Option<String>,
    finished: String,
    explanation: &'a str,
    evidence_url: Option<String>,
    recovered: String,
}

/// The page of a review.
pub fn served(reviewed: &Reviewed) -> askama::Result<String> {
    render(reviewed, true)
}

/// The review as one file, without links to chiplog: it can be mailed, archived and printed.
pub fn exported(reviewed: &Reviewed) -> askama::Result<String> {
    render(reviewed, false)
}

fn render(reviewed: &Reviewed, served: bool) -> askama::Result<String> {
    let review = &reviewed.review;
    let group = |id, title, side| Group { id, title, rows: headline(reviewed, side, served) };
    let (first_day, last_day) = review.days();
    let page = Page {
        served,
        linked: served,
        lead: lead(review),
        first_day: first_day.to_string(),
        last_day: last_day.to_string(),
        standing: reviewed.standing(),
        coverage: reviewed.coverage(),
        earlier: (1..reviewed.revision.unwrap_or(1)).filter(|_| served).collect(),
        events: review.events.iter().map(event).collect(),
        changes: reviewed.changes.iter().map(change).collect(),
        other_changes: reviewed.other_changes.join(", "),
        groups: [
            group("speed", "Speed: DORA's throughput", Side::Speed),
            group("stability", "Stability: DORA's instability", Side::Stability),
            group("beside", "Beside them", Side::Beside),
        ],
        weekly_note: "Complete weeks: durations by their geometric mean, events per working day, shares.",
        weekly: weekly(review),
        spreads: spreads(review),
        stages: review.stages.as_ref().map(stages),
        lists: [
            List { title: "Slowest items delivered", items: items(&review.slowest, review.as_of) },
            List { title: "Oldest open items", items: items(&review.oldest_open, review.as_of) },
        ],
        incidents: review.incidents.iter().map(incident).collect(),
        failures: failures(review),
        actions_before: &reviewed.actions_before.actions,
        actions: &reviewed.actions.actions,
        actions_text: reviewed.actions.text(),
        as_of: minute(review.as_of),
        scorecards: review
            .scorecards
            .iter()
            .map(|known| card(&review.team, known, Some(review.as_of), served))
            .collect(),
        notes: reviewed.notes(),
        review,
    };
    page.render()
}

/// What moved, in one sentence.
fn lead(review: &Review) -> String {
    let moved = |wanted| -> Vec<&str> {
        let of_kind = |row: &&HeadlineRow| row.trend.as_ref().is_some_and(|trend| trend.verdict == wanted);
        review.headline.iter().filter(of_kind).map(|row| row.title.as_str()).collect()
    };
    let worse = moved(crate::trend::TrendVerdict::Worsening);
    let better = moved(crate::trend::TrendVerdict::Improving);
    match (worse.is_empty(), better.is_empty()) {
        (true, true) => "No trend was confirmed: what moved may be chance.".to_owned(),
        (false, true) => format!("Worsening: {}.", worse.join(", ")),
        (true, false) => format!("Improving: {}.", better.join(", ")),
        (false, false) => format!("Worsening: {}. Improving: {}.", worse.join(", "), better.join(", ")),
    }
}

fn event(event: &KnownEvent) -> String {
    let until = event.until.map(|until| format!(" to {until}")).unwrap_or_default();
    format!("{}{until}: {}", event.from, event.text)
}

fn change(change: &ReviewChange) -> ShownChange<'_> {
    let value = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format_value(change.unit, value));
    ShownChange {
        title: &change.title,
        before: value(change.before),
        after: value(change.after),
        observations_before: change.observations_before,
        observations_after: change.observations_after,
        reasons: &change.reasons,
    }
}

fn headline(reviewed: &Reviewed, side: Side, served: bool) -> Vec<ShownHeadline> {
    let rows = reviewed.review.headline.iter().filter(|row| row.side == side);
    rows.map(|row| headline_row(reviewed, row, served)).collect()
}

fn headline_row(reviewed: &Reviewed, row: &HeadlineRow, served: bool) -> ShownHeadline {
    let review = &reviewed.review;
    let (team, month) = (review.team.as_str(), review.month.as_str());
    let revision = reviewed.revision.map(|revision| format!("?revision={revision}")).unwrap_or_default();
    let link = served.then(|| format!("/teams/{team}/reviews/{month}/evidence/{}{revision}", row.kpi));
    let place = Place { team, kpi: &row.kpi, part: row.part.as_deref(), tier: None, span: month, unit: row.unit, link };
    let compared = |compared: &Compared| {
        let value = compared.value.map(|value| format_value(row.unit, value));
        value.unwrap_or_else(|| if compared.observations > 0 { "too few".to_owned() } else { "–".to_owned() })
    };
    let known = row.verdict != Verdict::NotConfigured;
    ShownHeadline {
        name: row.part.as_ref().map_or_else(|| row.title.clone(), |part| format!("{} · {part}", row.title)),
        link: if served { format!("/teams/{team}/kpis/{}", row.kpi) } else { String::new() },
        value: row.value.map(|value| place.value(&row.statistic, value)).unwrap_or_default(),
        interval: row.interval.map(|(low, high)| place.interval(low, high)).unwrap_or_default(),
        observations: if known { place.count("observations", row.observations) } else { String::new() },
        open: if row.open > 0 { place.count("open", row.open) } else { String::new() },
        remark: remark(row.verdict, row.minimum_observations, row.remedy.as_deref()),
        compared: [compared(&row.previous_month), compared(&row.three_months), compared(&row.year_ago)],
        trend: row.trend.as_ref().map(|told| trend(told.verdict)),
        effect: row.trend.as_ref().map(effect).unwrap_or_default(),
        target: row
            .target
            .as_ref()
            .map(|target| ShownTarget { words: target.words.clone(), status: status(target.status) }),
    }
}

fn effect(told: &TrendTold) -> String {
    let Some(effect) = told.effect else { return String::new() };
    match (told.effect_in_points, told.interval) {
        (true, Some((low, high))) => {
            format!("{:+.1} points ({:+.1} to {:+.1})", effect * 100.0, low * 100.0, high * 100.0)
        }
        (true, None) => format!("{:+.1} points", effect * 100.0),
        (false, Some((low, high))) => format!("×{effect:.2} ({low:.2} to {high:.2})"),
        (false, None) => format!("×{effect:.2}"),
    }
}

fn items(items: &[Item], as_of: Moment) -> Vec<ShownItem<'_>> {
    let shown = items.iter().map(|item| ShownItem {
        title: &item.title,
        url: web_address(item.url.as_ref()),
        time: seconds(item.seconds),
        longest: item.longest.as_deref().unwrap_or_default(),
        bar: stage_strip(&item.stages, as_of),
    });
    shown.collect()
}

fn failures(review: &Review) -> Vec<ShownFailure<'_>> {
    let shown = review.failed_deployments.iter().map(|it| {
        let recovered = it.recovered_at.map(|at| seconds((at - it.finished_at).as_seconds_f64()));
        ShownFailure {
            title: &it.title,
            url: web_address(it.url.as_ref()),
            finished: minute(it.finished_at),
            explanation: &it.explanation,
            evidence_url: web_address(it.evidence_url.as_ref()),
            recovered: recovered.unwrap_or_else(|| "not yet".to_owned()),
        }
    });
    shown.collect()
}
