//! Which service an incident hit, and how severe it was.

use super::input::FactsInput;
use super::ownership::Services;
use super::{IncidentRules, LeftOut, Service, ServiceIncident, Severity};
use crate::facts::{FactFamily, Incident, Sourced};

/// All incidents, each with its service where one was found; the others are reported and kept. What was withdrawn is none.
pub(super) fn attributed(
    facts: &FactsInput,
    services: &Services,
    rules: &IncidentRules,
    left_out: &mut Vec<LeftOut>,
) -> Vec<ServiceIncident> {
    let (withdrawn, incidents): (Vec<_>, Vec<_>) = facts.incidents.iter().partition(|item| item.fact.withdrawn);
    left_out.extend(withdrawn.into_iter().map(|item| no_incident(item, services)));
    let incidents = incidents.into_iter().map(|item| {
        let fact = &item.fact;
        let service = service_of(item, services);
        let incident = ServiceIncident {
            key: format!("{}:{}", item.source, fact.external_id()),
            service: service.map(|service| service.id.clone()),
            team: service.and_then(|service| services.owner_at(service, fact.began_at())),
            title: fact.title.clone(),
            url: fact.url.clone(),
            severity: severity(fact, rules),
            began_at: fact.began_at(),
            created_at: fact.created_at,
            acknowledged_at: fact.acknowledged_at(),
            resolved_at: fact.resolved_at(),
            cause_tag: fact
                .severity_words
                .iter()
                .map(|word| word.to_lowercase())
                .find(|word| word.starts_with("cause:")),
            caused_by: None,
        };
        if service.is_none() {
            left_out.push(without_service(item, &incident));
        }
        incident
    });
    incidents.collect()
}

/// The service that names the incident's service, or is called the same; for issues also the only service of their repository.
pub(super) fn service_of<'a>(item: &Sourced<Incident>, services: &'a Services) -> Option<&'a Service> {
    let fact = &item.fact;
    let has_label = |labels: &[String]| {
        let has = |label: &String| fact.severity_words.iter().any(|word| word.eq_ignore_ascii_case(label));
        labels.is_empty() || labels.iter().any(has)
    };
    let candidates = services.of_incident_service(&item.source, [Some(&fact.service), fact.service_name.as_deref()]);
    let named = candidates.into_iter().filter_map(|id| services.all.get(id)).find(|service| {
        service.incident_services.iter().any(|named| {
            let same = named.service == fact.service || Some(&named.service) == fact.service_name.as_ref();
            named.source == item.source && same && has_label(&named.labels)
        })
    });
    let called = || {
        let by_name = fact.service_name.as_deref().and_then(|name| services.called(name));
        by_name.or_else(|| services.called(&fact.service))
    };
    named.or_else(called).or_else(|| {
        let mut of_repository = services.of_repository(&fact.service);
        let only = of_repository.next()?;
        (of_repository.next().is_none() && only.incident_services.is_empty()).then_some(only)
    })
}

fn severity(fact: &Incident, rules: &IncidentRules) -> Severity {
    let known = fact.severity_words.iter().filter_map(|word| rules.severities.get(&word.to_lowercase()));
    known.min().copied().unwrap_or(rules.default_severity)
}

fn no_incident(item: &Sourced<Incident>, services: &Services) -> LeftOut {
    let fact = &item.fact;
    let service = service_of(item, services);
    LeftOut {
        kind: "incident",
        reason: "withdrawn",
        team: service.and_then(|service| services.owner_at(service, fact.began_at())),
        key: format!("{}:{}", item.source, fact.external_id()),
        explanation: format!(
            "\"{}\" is no incident after all: it was canceled, merged into another, closed as not planned, or lost its label",
            fact.title
        ),
        url: fact.url.clone(),
        at: fact.began_at(),
    }
}

fn without_service(item: &Sourced<Incident>, incident: &ServiceIncident) -> LeftOut {
    let service = item.fact.service_name.as_deref().unwrap_or(&item.fact.service);
    LeftOut {
        kind: "incident",
        reason: "no_service",
        team: None,
        key: incident.key.clone(),
        explanation: format!(
            "no [service.ID] names the {} service \"{service}\": write {} = [\"{}\"] into the table of the service that it belongs to",
            item.source, item.source, item.fact.service
        ),
        url: incident.url.clone(),
        at: incident.began_at,
    }
}
