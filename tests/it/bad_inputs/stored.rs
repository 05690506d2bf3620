//! What is kept of bad inputs can be read again, on both engines, and the numbers are still made.

use chiplog::facts::{Batch, Incident, Sourced, Tag};
use chiplog::pipeline::Evaluator;
use chiplog::store::Selection;
use serde_json::json;

use crate::harness::{app, now};
use crate::store_contract::{at, engines, facts, tag};

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_nul_is_kept_and_what_cannot_be_kept_is_quarantined() {
    let (_folder, stores) = engines().await;
    // Nothing that a database could compress.
    let long: String = (1..600_u32).map(|number| number.wrapping_mul(2_654_435_761).to_string()).collect();
    for store in stores {
        let names = ["\\", r"\\u0000", r"a\u0000b", r#"a\u0000""#];
        let mut all: Vec<_> = names.into_iter().map(|name| tag(name, "a", 0)).collect();
        all.extend([tag(&long, "a", 0), tag("nul\0", "a", 0)]);
        let accepted = store.accept("github", &facts(all), at(0)).await.unwrap();
        assert_eq!((accepted.changed["tags"], accepted.rejected), (5, 1), "{store:?}");
        let found: Vec<Sourced<Tag>> = store.facts(&Selection::default()).await.unwrap();
        let found: Vec<&str> = found.iter().map(|item| item.fact.name.as_str()).collect();
        assert!(names.iter().chain(&["nul"]).all(|name| found.contains(name)), "{store:?}: {found:?}");
        let quarantine = store.quarantine(10).await.unwrap();
        assert_eq!(quarantine.len(), 1, "{store:?}");
        assert!(quarantine[0].reason.contains("longer than"), "{}", quarantine[0].reason);
        store.close().await;
    }
}

/// The first and the last moment that are kept, in whatever order.
#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_are_made_of_any_moments_that_are_kept() {
    let app = app("[cdevents]\n[team.payments]\nrepositories = [\"acme/ledger\"]\n").await;
    let receiver = app.sources[0].receiver().unwrap();
    let moments = ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2026-11-01T12:00:00Z", "9999-12-31T23:59:59Z"];
    let kinds = [
        "incident.detected",
        "incident.resolved",
        "change.created",
        "change.merged",
        "pipelinerun.queued",
        "pipelinerun.started",
        "pipelinerun.finished",
        "service.deployed",
        "testcaserun.finished",
    ];
    let mut events = Vec::new();
    for (number, (begin, end)) in
        moments.iter().flat_map(|begin| moments.iter().map(move |end| (begin, end))).enumerate()
    {
        for (place, kind) in kinds.iter().enumerate() {
            let timestamp = if place % 2 == 0 { begin } else { end };
            events.push(json!({
                "context": { "id": format!("{number}-{place}"), "source": "/ci", "type": format!("dev.cdevents.{kind}.0.3.0"), "timestamp": timestamp },
                "subject": { "id": format!("thing/{number}"), "content": { "outcome": "success", "testCase": { "id": "t" },
                    "environment": { "id": "production" }, "service": { "id": "acme/ledger" } } },
                "customData": { "repository": "acme/ledger", "sha": format!("{number:040}") },
            }));
        }
    }
    let body = serde_json::to_vec(&events).unwrap();
    let headers = [(http::header::CONTENT_TYPE, "application/cloudevents-batch+json".parse().unwrap())];
    let headers = http::HeaderMap::from_iter(headers);
    let batch: Batch = receiver.receive(&headers, &body, &super::inputs::Sink::default()).await.unwrap();
    assert_eq!(batch.rejects, []);
    let accepted = app.store.accept("cdevents", &batch, now()).await.unwrap();
    assert_eq!(accepted.rejected, 0);
    assert_eq!(app.store.facts::<Incident>(&Selection::default()).await.unwrap().len(), 16);
    let mut evaluator: Evaluator = app.evaluator();
    assert!(evaluator.update(now()).await.unwrap().is_some());
}
