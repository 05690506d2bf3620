//! From answers of Prometheus to facts. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::facts::{Batch, Fact, FactFamily as _, Inventory, InventoryEntry, InventoryKind, Moment, Reject, Sample};

/// The samples of a matrix; series without the service's label are told.
pub(super) fn samples(result: &Value, measure: &str, label: &str, url: Option<&String>) -> Batch {
    let mut batch = Batch::default();
    for series in result.as_array().into_iter().flatten() {
        let Some(service) = series["metric"][label].as_str().filter(|service| !service.is_empty()) else {
            batch.rejects.push(Reject {
                family: Sample::FAMILY,
                external_id: format!("{measure} {}", series["metric"]),
                reason: format!(
                    "the series has no label {label}: write the query with \"by ({label})\", or set service_label"
                ),
            });
            continue;
        };
        for pair in series["values"].as_array().into_iter().flatten() {
            let at = pair[0].as_f64().map(f64::round);
            #[expect(clippy::cast_possible_truncation, reason = "seconds of a date, far below 2^52")]
            let at = at.and_then(|seconds| Moment::from_timestamp(seconds as i64, 0));
            let value = pair[1].as_str().and_then(|value| value.parse::<f64>().ok());
            // No requests make no rate: NaN says that there is nothing to say.
            if let (Some(at), Some(value)) = (at, value.filter(|value| value.is_finite())) {
                let (service, measure, url) = (service.to_owned(), measure.to_owned(), url.cloned());
                batch.facts.push(Fact::Sample(Sample { service, measure, at, value, url }));
            }
        }
    }
    batch
}

/// The services that a result has series of.
pub(super) fn services(result: &Value, label: &str) -> Vec<String> {
    let series = result.as_array().into_iter().flatten();
    series.filter_map(|series| series["metric"][label].as_str().map(str::to_owned)).collect()
}

/// The alert rules that a Prometheus has.
pub(super) fn alert_rules(groups: &[Value], base_url: &str, now: Moment) -> Inventory {
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten());
    let entries = rules.filter_map(|rule| {
        let labels = rule["labels"].as_object().into_iter().flatten();
        let attributes: BTreeMap<String, String> =
            labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
        Some(InventoryEntry { name: rule["name"].as_str()?.to_owned(), attributes })
    });
    let mut entries: Vec<InventoryEntry> = entries.collect();
    entries.sort();
    Inventory {
        kind: InventoryKind::AlertRules,
        scope: base_url.to_owned(),
        entries,
        observed_at: now,
        url: Some(format!("{base_url}/alerts")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_day_without_requests_has_no_value_and_a_series_without_a_service_is_told() {
        let result = json!([
            { "metric": { "service": "ledger" }, "values": [[1_759_622_400, "0.25"], [1_759_708_800, "NaN"]] },
            { "metric": { "job": "x" }, "values": [[1_759_622_400, "1"]] },
        ]);
        let batch = samples(&result, "latency_p95", "service", None);
        let [Fact::Sample(sample)] = batch.facts.as_slice() else { panic!("{batch:?}") };
        assert_eq!((sample.value, sample.at.to_rfc3339().as_str()), (0.25, "2025-10-05T00:00:00+00:00"));
        assert!(batch.rejects[0].reason.contains("by (service)"));
    }

    #[test]
    fn rules_are_listed_with_their_labels() {
        let groups = [json!({ "rules": [{ "name": "Slow", "labels": { "service": "ledger" }, "type": "alerting" }] })];
        let inventory = alert_rules(&groups, "http://p", "2026-10-05T12:00:00Z".parse().unwrap());
        assert_eq!(inventory.entries[0].attributes["service"], "ledger");
    }
}
