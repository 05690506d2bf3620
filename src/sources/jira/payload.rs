//! What Jira's answers look like: only the fields that are used. People are not among them.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::facts::Moment;

#[derive(Debug, Deserialize)]
pub(super) struct IssuePayload {
    pub(super) key: String,
    pub(super) fields: FieldsPayload,
}

#[derive(Debug, Deserialize)]
pub(super) struct FieldsPayload {
    #[serde(default)]
    pub(super) summary: String,
    pub(super) issuetype: Option<Named>,
    #[serde(default)]
    pub(super) labels: Vec<String>,
    pub(super) priority: Option<Named>,
    #[serde(default)]
    pub(super) components: Vec<Named>,
    pub(super) project: ProjectPayload,
    #[serde(deserialize_with = "moment")]
    pub(super) created: Moment,
    #[serde(deserialize_with = "moment")]
    pub(super) updated: Moment,
    pub(super) status: StatusPayload,
    #[serde(flatten)]
    pub(super) custom: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ProjectPayload {
    pub(super) key: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct StatusPayload {
    pub(super) id: String,
    pub(super) name: String,
}

/// One change of an issue: several fields at once.
#[derive(Debug, Deserialize)]
pub(super) struct HistoryPayload {
    #[serde(deserialize_with = "moment")]
    pub(super) created: Moment,
    #[serde(default)]
    pub(super) items: Vec<ChangePayload>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ChangePayload {
    pub(super) field: String,
    #[serde(default)]
    pub(super) from: Option<String>,
    #[serde(default, rename = "fromString")]
    pub(super) from_text: Option<String>,
    #[serde(default)]
    pub(super) to: Option<String>,
    #[serde(default, rename = "toString")]
    pub(super) to_text: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SprintPayload {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(default, deserialize_with = "optional_moment")]
    pub(super) start_date: Option<Moment>,
    #[serde(default, deserialize_with = "optional_moment")]
    pub(super) end_date: Option<Moment>,
    #[serde(default, deserialize_with = "optional_moment")]
    pub(super) complete_date: Option<Moment>,
}

/// Jira writes `+0000` where RFC 3339 has `+00:00`.
fn parse(text: &str) -> Option<Moment> {
    let read = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    read.ok().map(|moment| moment.to_utc())
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| serde::de::Error::custom(format!("\"{text}\" is no moment")))
}

fn optional_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Moment>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse(&text).ok_or_else(|| serde::de::Error::custom(format!("\"{text}\" is no moment"))))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_with_and_without_a_colon() {
        let expected: Moment = "2026-10-05T10:00:00.5Z".parse().unwrap();
        for text in ["2026-10-05T12:00:00.500+0200", "2026-10-05T12:00:00.500+02:00", "2026-10-05T10:00:00.500Z"] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert_eq!(parse("yesterday"), None);
    }
}
