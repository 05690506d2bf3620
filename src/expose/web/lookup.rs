//! From a request's words to a view, or to what is wrong with them. Pages and API share it.

use std::sync::Arc;

use axum::http::StatusCode;
use chrono::NaiveDate;

use super::WebState;
use super::queries::FrozenEvidenceQuery;
use crate::clock;
use crate::expose::tokens::NotAllowed;
use crate::expose::views::{
    CollectionView, DataQualityView, EvidenceQuery, EvidenceView, KpiView, ReviewsView, collection_view,
    data_quality_view, evidence_view, frozen_evidence_view, kpi_view, reviews_view,
};
use crate::kpi::{CATALOGUE, Kpi, Parts, Window, find};
use crate::pipeline::{
    Draft, Known, PackedTeam, ReviewError, Reviewer, TeamRules, TeamSnapshot, month_before, month_label, team_facts,
};
use crate::report::review::Reviewed;
use crate::report::scorecard::scorecards;
use crate::store::StoreError;

/// Nothing older is asked for.
const EARLIEST: chrono::Duration = chrono::Duration::days(36_500);

/// So many records of the quarantine are shown.
const SHOWN_QUARANTINE: u32 = 100;

/// Why a request cannot be answered.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn missing(what: &str, asked: &str, known: &[&str]) -> Self {
        let message = format!("there is no {what} \"{}\": known are {}", asked.escape_default(), known.join(", "));
        Self::new(StatusCode::NOT_FOUND, message)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<NotAllowed> for Failure {
    fn from(error: NotAllowed) -> Self {
        Self::new(error.status(), error.to_string())
    }
}

impl From<ReviewError> for Failure {
    fn from(error: ReviewError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

pub(super) fn known(state: &WebState) -> Result<Arc<Known>, Failure> {
    let text = "chiplog has not evaluated its facts yet: try again in a moment";
    state.served.known().ok_or_else(|| Failure::new(StatusCode::SERVICE_UNAVAILABLE, text))
}

pub(super) fn window(label: Option<&str>) -> Result<Window, Failure> {
    let label = label.unwrap_or("28d");
    let text = "there is no such window: take one of 7d, 28d, 84d and 364d";
    let found = Window::ALL.into_iter().find(|window| window.label() == label);
    found.ok_or_else(|| Failure::new(StatusCode::BAD_REQUEST, text))
}

/// What a snapshot has of a team.
pub(super) fn team(known: &Known, team: &str) -> Result<TeamSnapshot, Failure> {
    let unreadable = |error| {
        let text =
            format!("what is known of the team cannot be unpacked ({error}): start chiplog again to evaluate it anew");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    };
    packed_team(known, team)?.open().map_err(unreadable)
}

/// The same where its name, its moment or its services are enough.
pub(super) fn packed_team<'a>(known: &'a Known, team: &str) -> Result<&'a Arc<PackedTeam>, Failure> {
    let teams = &known.snapshot.teams;
    let found = teams.iter().find(|known| known.id == team);
    found.ok_or_else(|| Failure::missing("team", team, &teams.iter().map(|team| team.id.as_str()).collect::<Vec<_>>()))
}

pub(super) fn kpi(id: &str) -> Result<&'static Kpi, Failure> {
    find(id).ok_or_else(|| Failure::missing("KPI", id, &CATALOGUE.iter().map(|kpi| kpi.id).collect::<Vec<_>>()))
}

/// Whether a KPI has a part of this name.
fn part(kpi: &Kpi, name: Option<&str>) -> Result<(), Failure> {
    let known = match kpi.parts {
        Parts::Alternatives { values, .. } | Parts::Breakdown { values, .. } => values,
        Parts::Whole => &[],
    };
    match name {
        Some(name) if !known.contains(&name) => Err(Failure::missing("part of this KPI", name, known)),
        _ => Ok(()),
    }
}

pub(super) fn role(id: Option<&str>) -> Result<(), Failure> {
    let roles: Vec<&str> = scorecards().iter().map(|card| card.role.as_str()).collect();
    match id {
        Some(id) if !roles.contains(&id) => Err(Failure::missing("role", id, &roles)),
        _ => Ok(()),
    }
}

/// One of the services that a team has deployed.
pub(super) fn service(deployed: &[String], id: Option<&str>) -> Result<(), Failure> {
    match id {
        Some(id) if !deployed.iter().any(|known| known == id) => {
            Err(Failure::missing("service", id, &deployed.iter().map(String::as_str).collect::<Vec<_>>()))
        }
        _ => Ok(()),
    }
}

/// The first day of `2026-10`.
pub(super) fn month(text: &str) -> Result<NaiveDate, Failure> {
    let day = format!("{text}-01").parse().ok().filter(|day| month_label(*day) == text);
    day.ok_or_else(|| Failure::new(StatusCode::BAD_REQUEST, "write the month as YYYY-MM, for example 2026-10"))
}

/// Computes beside the server's own threads: evidence of a large team takes some milliseconds.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the computation was interrupted")))
}

/// The rules of a team that a snapshot has.
fn rules<'a>(reviewer: &'a Reviewer, id: &str) -> Result<&'a TeamRules, Failure> {
    let known: Vec<&str> = reviewer.organisation.teams.keys().map(String::as_str).collect();
    reviewer.organisation.teams.get(id).ok_or_else(|| Failure::missing("team", id, &known))
}

pub(super) async fn kpi_of_team(state: &WebState, of_team: String, id: &str) -> Result<KpiView, Failure> {
    let (known, kpi, reviewer) = (known(state)?, kpi(id)?, state.reviewer.clone());
    let snapshot = team(&known, &of_team)?;
    let attributed = known.evidence.of_team(&of_team, snapshot.as_of).await?;
    beside(move || {
        let rules = rules(&reviewer, &of_team)?;
        let facts = team_facts(&reviewer.organisation, &attributed, &reviewer.families, rules, snapshot.as_of);
        Ok(kpi_view(&known.snapshot, &snapshot, kpi, &facts))
    })
    .await
}

pub(super) async fn evidence(
    state: &WebState,
    of_team: String,
    id: &str,
    query: EvidenceQuery,
) -> Result<EvidenceView, Failure> {
    let (known, kpi, reviewer) = (known(state)?, kpi(id)?, state.reviewer.clone());
    let window = window(query.window.as_deref())?;
    part(kpi, query.part.as_deref())?;
    let shown = packed_team(&known, &of_team)?;
    service(&shown.services, query.service.as_deref())?;
    let as_of = shown.as_of;
    let attributed = known.evidence.of_team(&of_team, as_of).await?;
    beside(move || {
        let rules = rules(&reviewer, &of_team)?;
        let facts = team_facts(&reviewer.organisation, &attributed, &reviewer.families, rules, as_of);
        let until = query.until.unwrap_or(as_of).min(as_of);
        if as_of - until > EARLIEST {
            return Err(Failure::new(StatusCode::BAD_REQUEST, "until is longer ago than anything is kept"));
        }
        let span = window.span(until);
        Ok(evidence_view(kpi, &facts, &span, &query))
    })
    .await
}

pub(super) async fn reviews(state: &WebState, of_team: &str) -> Result<ReviewsView, Failure> {
    let rules = rules(&state.reviewer, of_team)?;
    let frozen = state.reviewer.store.reviewed_months(of_team).await?;
    Ok(reviews_view(of_team, rules.calendar.day(clock::now()), frozen))
}

/// Drafts are made of the month that lasts and of the one that has just ended.
fn may_be_drafted(today: NaiveDate, month: NaiveDate) -> bool {
    let last = month_before(today);
    month == last || month == last.checked_add_months(chrono::Months::new(1)).unwrap_or(today)
}

fn no_review(of_team: &str, month: &str, revision: Option<u32>) -> Failure {
    let revision = revision.map(|revision| format!(" with revision {revision}")).unwrap_or_default();
    let text = format!(
        "there is no review of {month}{revision}: `chiplog review {of_team} --month {month}` makes the one of a month \
         that is over"
    );
    Failure::new(StatusCode::NOT_FOUND, text)
}

/// The review of a month: frozen, or the draft of the month that lasts or has just ended.
pub(super) async fn review(
    state: &WebState,
    of_team: String,
    text: &str,
    revision: Option<u32>,
) -> Result<Reviewed, Failure> {
    let (known, month, reviewer) = (known(state)?, month(text)?, state.reviewer.clone());
    let today = rules(&reviewer, &of_team)?.calendar.day(clock::now());
    if let Some(frozen) = reviewer.frozen(&of_team, month, revision).await? {
        return Ok(reviewer.told(frozen).await?);
    }
    if revision.is_some() || !may_be_drafted(today, month) {
        return Err(no_review(&of_team, text, revision));
    }
    let span = rules(&reviewer, &of_team)?.calendar.month_span(month);
    let as_of = packed_team(&known, &of_team)?.as_of;
    let coverage =
        if span.1 <= as_of { reviewer.coverage(&reviewer.store.source_states().await?, span) } else { Vec::new() };
    let drafting = reviewer.clone();
    let attributed = known.evidence.of_team(&of_team, as_of).await?;
    let made = beside(move || {
        let known_now = Draft { attributed: &attributed, trends: &known.snapshot.trends, as_of };
        Ok(drafting.draft(rules(&drafting, &of_team)?, month, &known_now, coverage))
    })
    .await?;
    Ok(reviewer.draft_told(made).await?)
}

/// What a number of a frozen review rests on.
pub(super) async fn review_evidence(
    state: &WebState,
    of_team: &str,
    text: &str,
    id: &str,
    query: &FrozenEvidenceQuery,
) -> Result<EvidenceView, Failure> {
    let (month, kpi, rules) = (month(text)?, kpi(id)?, rules(&state.reviewer, of_team)?);
    part(kpi, query.part.as_deref())?;
    let record = state.reviewer.store.review(of_team, text, query.revision).await?;
    let explanation = match record {
        Some(record) => state.reviewer.evidence(of_team, month, record.revision).await?.remove(kpi.id),
        None if query.revision.is_some() || !may_be_drafted(rules.calendar.day(clock::now()), month) => {
            return Err(no_review(of_team, text, query.revision));
        }
        None => {
            let (known, reviewer, rules) = (known(state)?, state.reviewer.clone(), rules.clone());
            let as_of = packed_team(&known, of_team)?.as_of;
            let attributed = known.evidence.of_team(of_team, as_of).await?;
            beside(move || {
                let known_now = Draft { attributed: &attributed, trends: &known.snapshot.trends, as_of };
                Ok(reviewer.draft(&rules, month, &known_now, Vec::new()).evidence.remove(kpi.id))
            })
            .await?
        }
    };
    let text = format!("the review of {text} does not begin with {id}: its evidence is on the KPI's own page");
    let explanation = explanation.ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, text))?;
    let wanted = EvidenceQuery {
        part: query.part.clone(),
        limit: query.limit,
        offset: query.offset,
        ..EvidenceQuery::default()
    };
    Ok(frozen_evidence_view(kpi.id, &explanation, &wanted))
}

pub(super) async fn collection(state: &WebState) -> Result<CollectionView, Failure> {
    let states = state.reviewer.store.source_states().await?;
    let sources = state.sources.iter().map(|source| (source.name().to_owned(), source.telemetry()));
    let reports = state.sources.iter().filter_map(|source| Some((source.name().to_owned(), source.budget()?)));
    let (progress, deliveries) = (state.metrics.progress(), state.metrics.deliveries());
    Ok(collection_view(sources.collect(), states, progress, reports.collect(), deliveries))
}

pub(super) async fn data_quality(state: &WebState) -> Result<DataQualityView, Failure> {
    let known = known(state)?;
    let store = &state.reviewer.store;
    let (counts, newest) = (store.quarantine_counts().await?, store.quarantine(SHOWN_QUARANTINE).await?);
    let sources = collection(state).await?.sources;
    Ok(data_quality_view(&known, counts, newest, sources))
}
