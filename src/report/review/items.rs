//! The things behind a month: what was slow, what is old, what broke.

use std::collections::BTreeMap;

use super::model::{FailedDeployment, IncidentLine, Item, Link, StageBreakdown, StageMean};
use crate::kpi::{Evidence, ItemStage, ItemStages, Observed, Span, TeamFacts};

/// How many slow and old items a review names.
const NAMED_ITEMS: usize = 5;

/// The stages of a pull request's way, in their order.
const STAGES: [&str; 4] = ["coding", "pickup", "review", "deploy"];

/// A delivered pull request with the stages of its way.
struct Delivered<'a> {
    key: &'a str,
    title: String,
    url: Option<String>,
    stages: Vec<ItemStage>,
}

impl Delivered<'_> {
    fn seconds_in(&self, stage: &str) -> f64 {
        let of_stage = self.stages.iter().filter(|it| it.stage == stage);
        of_stage.filter_map(|it| Some((it.until? - it.from).as_seconds_f64())).sum()
    }
}

/// The pull requests of people that reached production within a span.
fn delivered<'a>(facts: &TeamFacts<'a>, stages: &ItemStages<'a>, span: &Span) -> Vec<Delivered<'a>> {
    let of_people = facts.pull_requests.iter().filter(|item| {
        let by_bot = item.pull_request.author.as_ref().is_some_and(|author| author.bot);
        !by_bot && item.deployed.as_ref().is_some_and(|(_, at)| span.contains(*at))
    });
    let made = of_people.map(|item| Delivered {
        key: &item.key,
        title: format!("{}#{} {}", item.pull_request.repository, item.pull_request.number, item.pull_request.title),
        url: item.pull_request.url.clone(),
        stages: stages.of_item(&item.key),
    });
    made.collect()
}

/// The mean time in each stage of what was delivered within a span, against an earlier span. `None` where nothing was.
pub(super) fn stage_breakdown<'a>(
    facts: &TeamFacts<'a>,
    stages: &ItemStages<'a>,
    span: &Span,
    earlier: &Span,
) -> Option<StageBreakdown> {
    let (now, before) = (delivered(facts, stages, span), delivered(facts, stages, earlier));
    let mean = |items: &[Delivered<'_>], stage: &str| {
        let sum: f64 = items.iter().map(|item| item.seconds_in(stage)).sum();
        (!items.is_empty()).then(|| sum / items.len() as f64)
    };
    let means = STAGES.iter().map(|stage| {
        Some(StageMean {
            stage: (*stage).to_owned(),
            seconds: mean(&now, stage)?,
            seconds_before: mean(&before, stage),
        })
    });
    let stages = means.collect::<Option<Vec<_>>>()?;
    Some(StageBreakdown { observations: now.len(), observations_before: before.len(), stages })
}

/// The delivered pull requests that took longest.
pub(super) fn slowest<'a>(facts: &TeamFacts<'a>, stages: &ItemStages<'a>, span: &Span) -> Vec<Item> {
    let items = delivered(facts, stages, span).into_iter().filter_map(|item| {
        let (from, until) = (item.stages.first()?.from, item.stages.last()?.until?);
        let evidence = Evidence { key: item.key.to_owned(), title: item.title, url: item.url, detail: String::new() };
        Some(self::item(&evidence, (until - from).as_seconds_f64(), item.stages, facts))
    });
    longest_first(items.collect())
}

/// The pull requests and incidents that have been open longest.
pub(super) fn oldest_open(
    observed: &BTreeMap<&'static str, Observed>,
    facts: &TeamFacts<'_>,
    stages: &ItemStages<'_>,
) -> Vec<Item> {
    let open = ["pr_cycle_time", "time_to_restore"].into_iter().filter_map(|kpi| observed.get(kpi));
    let by_the_wall_clock = open.flat_map(|observed| &observed.open).filter(|item| item.part != Some("working"));
    let items = by_the_wall_clock.map(|open| {
        let seconds = (facts.as_of - open.began_at).as_seconds_f64();
        item(&open.evidence, seconds, stages.of_item(&open.evidence.key), facts)
    });
    longest_first(items.collect())
}

fn item(evidence: &Evidence, seconds: f64, stages: Vec<ItemStage>, facts: &TeamFacts<'_>) -> Item {
    let lasting = |stage: &&ItemStage| stage.seconds(facts.as_of);
    let longest = stages.iter().max_by(|one, other| lasting(one).total_cmp(&lasting(other)));
    Item {
        key: evidence.key.clone(),
        title: evidence.title.clone(),
        url: evidence.url.clone(),
        seconds,
        longest: longest.map(|stage| stage.stage.clone()),
        stages,
    }
}

fn longest_first(mut items: Vec<Item>) -> Vec<Item> {
    items.sort_by(|one, other| other.seconds.total_cmp(&one.seconds).then_with(|| one.key.cmp(&other.key)));
    items.truncate(NAMED_ITEMS);
    items
}

/// The incidents that began within a span.
pub(in crate::report) fn incidents(facts: &TeamFacts<'_>, span: &Span) -> Vec<IncidentLine> {
    let began = facts.incidents.iter().filter(|item| span.contains(item.began_at));
    let lines = began.map(|item| IncidentLine {
        service: item.service.clone(),
        title: format!("{} · {}", item.service.as_deref().unwrap_or("no service"), item.title),
        url: item.url.clone(),
        severity: item.severity.0,
        began_at: item.began_at,
        resolved_at: item.resolved_at,
        caused_by: item.caused_by.as_ref().and_then(|key| {
            let deployment = facts.deployments.iter().find(|deployment| deployment.key == *key)?;
            Some(Link { title: deployment.title.clone(), url: deployment.url.clone() })
        }),
    });
    lines.collect()
}

/// The deployments that finished within a span and failed.
pub(super) fn failed_deployments(facts: &TeamFacts<'_>, span: &Span) -> Vec<FailedDeployment> {
    let failed = facts.deployments.iter().filter_map(|item| {
        let (finished_at, failure) = (item.finished_at.filter(|at| span.contains(*at))?, item.failure.as_ref()?);
        Some(FailedDeployment {
            title: format!("{} · {}", item.service, item.title),
            url: item.url.clone(),
            finished_at,
            explanation: failure.explanation.clone(),
            evidence_url: failure.url.clone(),
            recovered_at: failure.recovered_at,
        })
    });
    failed.collect()
}
