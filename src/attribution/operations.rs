//! Service health, operational readiness and reported values, each with its service and team.

use std::collections::BTreeMap;

use super::input::FactsInput;
use super::ownership::Services;
use super::rules::{ReadinessCheck, ReadinessRule};
use super::{LeftOut, Organisation, Service};
use crate::facts::{FactFamily as _, Inventory, InventoryKind, Moment, Person, Sourced};

/// A value of a service that the user's monitoring knows.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceSample {
    /// `source:external_id`.
    pub key: String,
    /// The service's id.
    pub service: String,
    /// The team that owned it then.
    pub team: Option<String>,
    /// What was measured.
    pub measure: String,
    /// The end of the day that it was measured over.
    pub at: Moment,
    /// The value.
    pub value: f64,
    /// Where people see it.
    pub url: Option<String>,
}

/// The checklist of a service as it held on a day.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceReadiness {
    /// The service's id.
    pub service: String,
    /// The team that owned it then.
    pub team: Option<String>,
    /// Where people look: the repository.
    pub url: Option<String>,
    /// The newest look of the day.
    pub at: Moment,
    /// The items of the checklist, and whether each holds.
    pub checks: Vec<(String, bool)>,
}

/// A reported value with its team.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamReport {
    /// `source:external_id`.
    pub key: String,
    /// The template.
    pub template: String,
    /// The service's id, where the template is about services.
    pub service: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// When it began, for durations.
    pub began_at: Option<Moment>,
    /// When it counts.
    pub at: Moment,
    /// Whether a duration has ended.
    pub ended: bool,
    /// The value.
    pub value: f64,
    /// How many answers, cases or people stand behind it.
    pub cases: f64,
    /// A part of the template.
    pub segment: Option<String>,
    /// The person it is about, as a keyed hash.
    pub person: Option<Person>,
}

/// Samples, each with its service; those that no service is called by are reported.
pub(super) fn samples(facts: &FactsInput, services: &Services, left_out: &mut Vec<LeftOut>) -> Vec<ServiceSample> {
    let mut strangers: BTreeMap<(&str, &str), Moment> = BTreeMap::new();
    let mut made = Vec::new();
    for item in &facts.samples {
        let fact = &item.fact;
        let Some(service) = services.called(&fact.service) else {
            strangers.insert((&item.source, &fact.service), fact.at);
            continue;
        };
        made.push(ServiceSample {
            key: format!("{}:{}", item.source, fact.external_id()),
            service: service.id.clone(),
            team: services.owner_at(service, fact.at),
            measure: fact.measure.clone(),
            at: fact.at,
            value: fact.value,
            url: fact.url.clone(),
        });
    }
    left_out.extend(strangers.into_iter().map(|((source, name), at)| LeftOut {
        kind: "sample",
        reason: "no_service",
        team: None,
        key: format!("{source}:{name}"),
        explanation: format!(
            "no service is called \"{name}\" as {source} calls it: write names = [\"{name}\"] into the table of its service"
        ),
        url: None,
        at,
    }));
    made
}

/// Reported values. The team of a service's value is its owner.
pub(super) fn reports(
    organisation: &Organisation,
    facts: &FactsInput,
    services: &Services,
    left_out: &mut Vec<LeftOut>,
) -> Vec<TeamReport> {
    let mut made = Vec::new();
    for item in &facts.reported_values {
        let fact = &item.fact;
        let service = fact.service.as_deref().and_then(|name| services.called(name));
        let owner = service.and_then(|service| services.owner_at(service, fact.at));
        let team = fact.team.clone().or(owner).filter(|team| organisation.teams.contains_key(team));
        let key = format!("{}:{}", item.source, fact.external_id());
        if team.is_none() {
            left_out.push(LeftOut {
                kind: "report",
                reason: "no_team",
                team: None,
                key: key.clone(),
                explanation: format!(
                    "the reported {} names team \"{}\" and service \"{}\", of which the configuration knows neither",
                    fact.template,
                    fact.team.as_deref().unwrap_or_default(),
                    fact.service.as_deref().unwrap_or_default()
                ),
                url: None,
                at: fact.at,
            });
        }
        made.push(TeamReport {
            key,
            template: fact.template.clone(),
            service: service.map(|service| service.id.clone()),
            team,
            began_at: fact.began_at,
            at: fact.at,
            ended: fact.ended,
            value: fact.value,
            cases: fact.cases,
            segment: fact.segment.clone(),
            person: fact.person.clone(),
        });
    }
    made
}

/// The checklist of each service, on each day on which anything of it was looked at.
pub(super) fn readiness(
    organisation: &Organisation,
    facts: &FactsInput,
    services: &Services,
    part: &[&Service],
    reports: &[TeamReport],
) -> Vec<ServiceReadiness> {
    let mut made = Vec::new();
    for service in part.iter().copied() {
        let checks: Vec<&ReadinessCheck> =
            organisation.readiness.iter().filter(|check| check.tiers.contains(&service.tier)).collect();
        if checks.is_empty() {
            continue;
        }
        let concerns = |item: &&Sourced<Inventory>| match item.fact.kind {
            InventoryKind::Files => item.fact.scope == service.repository,
            InventoryKind::OnCallServices | InventoryKind::AlertRules => true,
        };
        let own_reports = reports.iter().filter(|report| {
            report.template == "operational_readiness" && report.service.as_deref() == Some(service.id.as_str())
        });
        let own_reports: Vec<&TeamReport> = own_reports.collect();
        let looks: Vec<&Sourced<Inventory>> = facts.inventories.iter().filter(concerns).collect();
        // A service is looked at when its repository is, or when somebody reports on it.
        let own = looks.iter().filter(|item| item.fact.kind == InventoryKind::Files).map(|item| item.fact.observed_at);
        let mut days: BTreeMap<_, Moment> = BTreeMap::new();
        for at in own.chain(own_reports.iter().map(|report| report.at)) {
            let newest = days.entry(at.date_naive()).or_insert(at);
            *newest = (*newest).max(at);
        }
        for (day, at) in days {
            let Some(end) = (day + chrono::Days::new(1)).and_hms_opt(0, 0, 0).map(|end| end.and_utc()) else {
                continue;
            };
            let holds =
                |check: &&ReadinessCheck| (check.name.clone(), holds(check, service, &looks, &own_reports, end));
            let url = looks.iter().find(|item| item.fact.kind == InventoryKind::Files);
            made.push(ServiceReadiness {
                service: service.id.clone(),
                team: services.owner_at(service, at),
                url: url.and_then(|item| item.fact.url.clone()),
                at,
                checks: checks.iter().map(holds).collect(),
            });
        }
    }
    made
}

/// Whether an item holds, by the newest looks before a moment.
fn holds(
    check: &ReadinessCheck,
    service: &Service,
    looks: &[&Sourced<Inventory>],
    reports: &[&TeamReport],
    before: Moment,
) -> bool {
    let newest = |kind: InventoryKind| {
        let mut by_scope: BTreeMap<(&str, &str), &Inventory> = BTreeMap::new();
        for item in looks.iter().filter(|item| item.fact.kind == kind && item.fact.observed_at < before) {
            let known = by_scope.entry((&item.source, &item.fact.scope)).or_insert(&item.fact);
            if known.observed_at <= item.fact.observed_at {
                *known = &item.fact;
            }
        }
        by_scope.into_iter().flat_map(|((source, _), look)| look.entries.iter().map(move |entry| (source, entry)))
    };
    match &check.rule {
        ReadinessRule::File(paths) => newest(InventoryKind::Files).any(|(_, entry)| paths.contains(&entry.name)),
        ReadinessRule::EscalationPolicy => newest(InventoryKind::OnCallServices).any(|(source, entry)| {
            let has_policy = entry.attributes.get("escalation_policy").is_some_and(|policy| !policy.is_empty());
            let title = entry.attributes.get("title").map(String::as_str).unwrap_or_default();
            has_policy && service.is_called_by_tool(source, &entry.name, title)
        }),
        ReadinessRule::AlertRule { label, name } => newest(InventoryKind::AlertRules).any(|(_, entry)| {
            let labelled = entry.attributes.get(label).is_some_and(|value| service.is_called(value));
            labelled && name.as_ref().is_none_or(|name| name.is_match(&entry.name))
        }),
        ReadinessRule::Reported => {
            let of_check = |report: &&&TeamReport| report.segment.as_deref() == Some(check.name.as_str());
            let newest =
                reports.iter().filter(of_check).filter(|report| report.at < before).max_by_key(|report| report.at);
            newest.is_some_and(|report| report.value > 0.5)
        }
    }
}
