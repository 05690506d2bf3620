//! CDEvents over HTTP: what Jenkins, GitLab, Argo CD, Tekton and Spinnaker tell of deployments, incidents, changes,
//! pipelines and tests, in the CloudEvents binary, structured and batched modes.
//!
//! <https://cdevents.dev/docs/>

mod convert;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use toml::de::ValueDeserializer;

use super::finding::Finding;
use super::source::{
    BatchSink, ConfigureError, FactLookup, Kind, Reach, ReceiveError, Receiver, Source, SourceContext, SourceError,
    SourceTable, Telemetry,
};
use super::webhook::digest_id;
use crate::facts::{Batch, Reject};
use convert::Event;

/// CDEvents.
pub(super) const KIND: Kind = Kind {
    name: "cdevents",
    summary: "Deployments, incidents, merged changes, pipeline and test runs that tools send as CDEvents.",
    families: FAMILIES,
    example: r#"[cdevents]
# Tools send to /api/v1/webhooks/cdevents with a token of [reporters]. What an event does not tell may stand in its
# customData: repository ("owner/name"), sha, branch. Repositories by service, pipeline or event source otherwise:
repositories = { "ledger-pipeline" = "acme/ledger" }
name = "cdevents"                # the source's name, needed when there are several
"#,
    privacy: "Descriptions are kept without addresses and mentions; custom data is read for repository, sha and branch only.",
    credential: "",
    configure,
};

const FAMILIES: &[&str] = &["deployments", "incidents", "pull_requests", "ci_runs", "test_reports"];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    repositories: BTreeMap<String, String>,
    name: Option<String>,
}

fn configure(table: SourceTable<'_>, _: &SourceContext) -> Result<Arc<dyn Source>, ConfigureError> {
    let table = Table::deserialize(ValueDeserializer::from(table))?;
    let name = table.name.unwrap_or_else(|| KIND.name.to_owned());
    Ok(Arc::new(CdeventsSource { name, repositories: table.repositories }))
}

struct CdeventsSource {
    name: String,
    repositories: BTreeMap<String, String>,
}

#[async_trait]
impl Source for CdeventsSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn families(&self) -> Vec<&'static str> {
        FAMILIES.to_vec()
    }

    /// There is nothing to fetch: events are sent.
    async fn collect(&self, _: &dyn BatchSink) -> Result<(), SourceError> {
        Ok(())
    }

    fn reaches_back(&self) -> Reach {
        Reach::Nothing
    }

    async fn diagnose(&self) -> Vec<Finding> {
        let message = format!("waits for events at /api/v1/webhooks/{}", self.name);
        vec![Finding::good(message)]
    }

    fn telemetry(&self) -> Vec<Telemetry> {
        Vec::new()
    }

    fn receiver(&self) -> Option<&dyn Receiver> {
        Some(self)
    }
}

#[async_trait]
impl Receiver for CdeventsSource {
    async fn receive(&self, headers: &HeaderMap, body: &[u8], stored: &dyn FactLookup) -> Result<Batch, ReceiveError> {
        let mut batch = Batch::default();
        // Where among the facts each one stands that a later event of the same request may complete.
        let mut begun: HashMap<(&'static str, String), usize> = HashMap::new();
        for document in events(headers, body)? {
            let event = match Event::read(&document) {
                Ok(event) => event,
                Err(reject) => {
                    batch.rejects.push(reject);
                    continue;
                }
            };
            let completes = event.completes();
            let known = match &completes {
                None => None,
                Some(key) => match begun.get(key) {
                    Some(place) => convert::document(&batch.facts[*place]),
                    None => stored.fact(key.0, &key.1).await?,
                },
            };
            match event.fact(known, &self.repositories) {
                Ok(fact) => {
                    begun.extend(completes.map(|key| (key, batch.facts.len())).filter(|_| fact.is_some()));
                    batch.facts.extend(fact);
                }
                Err(reason) => {
                    batch.rejects.push(Reject { family: event.family(), external_id: event.id().to_owned(), reason });
                }
            }
        }
        Ok(batch)
    }

    /// CloudEvents are told apart by their source and id, and so are CDEvents; several in one request by all of theirs.
    fn delivery_id(&self, headers: &HeaderMap, body: &[u8]) -> Result<String, ReceiveError> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let id =
            |event: &Value| Some(format!("{} {}", text(&event["context"]["source"])?, text(&event["context"]["id"])?));
        let ids: Option<Vec<String>> = events(headers, body)?.iter().map(id).collect();
        Ok(match ids.as_deref() {
            Some([id]) => id.clone(),
            Some(ids) => digest_id(ids.join("\n").as_bytes()),
            // The bad one among them goes to quarantine.
            None => digest_id(body),
        })
    }
}

/// The CDEvents of a request, whatever mode they come in.
fn events(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Value>, ReceiveError> {
    let malformed = |problem: String| {
        ReceiveError::Malformed(format!(
            "{problem}: send CDEvents as CloudEvents, binary (application/json), structured (application/cloudevents+json) \
             or batched (application/cloudevents-batch+json)"
        ))
    };
    let document: Value = serde_json::from_slice(body).map_err(|error| malformed(format!("no JSON ({error})")))?;
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let documents = match document {
        Value::Array(items) if kind.starts_with("application/cloudevents-batch+json") => items,
        document => vec![document],
    };
    let unpacked = documents
        .into_iter()
        .map(|mut document| if document.get("specversion").is_some() { document["data"].take() } else { document });
    let events: Vec<Value> = unpacked.collect();
    if events.iter().any(|event| !event["context"].is_object()) {
        return Err(malformed("an event has no context".to_owned()));
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_mode_gives_the_same_event() {
        let event = json!({ "context": { "id": "1" }, "subject": {} });
        let of = |kind: &'static str, document: &Value| {
            let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind))]);
            events(&headers, document.to_string().as_bytes())
        };
        let cloud = json!({ "specversion": "1.0", "type": "t", "data": event });
        assert_eq!(of("application/json", &event).unwrap(), std::slice::from_ref(&event));
        assert_eq!(of("application/cloudevents+json", &cloud).unwrap(), std::slice::from_ref(&event));
        assert_eq!(of("application/cloudevents-batch+json", &json!([cloud, cloud])).unwrap().len(), 2);
        let error = of("application/json", &json!({ "hello": 1 })).unwrap_err().to_string();
        assert!(error.starts_with("an event has no context: send CDEvents"), "{error}");
    }
}
