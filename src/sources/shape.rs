//! What is taken out of the documents that tools answer with: it is there, or the answer makes no sense. What is between
//! chiplog and a tool may answer with any document; none may be taken for "there is nothing".

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::scrub::pattern;
use super::source::SourceError;
use crate::facts::Reject;

/// A field, taken out; `null` where there is none. Indexing would panic where the document is no object.
pub(crate) fn take(document: &mut Value, name: &str) -> Value {
    document.get_mut(name).map(Value::take).unwrap_or_default()
}

/// A list that must be there.
pub(crate) fn list(document: &mut Value, name: &str, tool: &str) -> Result<Vec<Value>, SourceError> {
    whole_list(take(document, name), name, tool)
}

/// A document that must be a list of these.
pub(crate) fn whole_list(document: Value, name: &str, tool: &str) -> Result<Vec<Value>, SourceError> {
    match document {
        Value::Array(records) => Ok(records),
        _ => Err(missing(name, tool)),
    }
}

/// An object that must be there.
pub(crate) fn object(document: &mut Value, name: &str, tool: &str) -> Result<Value, SourceError> {
    let found = take(document, name);
    if found.is_object() { Ok(found) } else { Err(missing(name, tool)) }
}

fn missing(name: &str, tool: &str) -> SourceError {
    SourceError::Malformed(format!("the answer of {tool} has no {name}: check base_url, and what is in between"))
}

/// A record that is not as its tool documents it.
pub(crate) fn unreadable(family: &'static str, external_id: String, error: &serde_json::Error) -> Reject {
    Reject { family, external_id, reason: why(error) }
}

/// The same of a document that is part of another, in words.
pub(crate) fn unexpected(what: &str, error: &serde_json::Error) -> String {
    format!("{what} is not as expected: {}", why(error))
}

/// Why a document cannot be read, without the texts that stand in it: they may be names of people.
pub(crate) fn why(error: &serde_json::Error) -> String {
    static TEXTS: LazyLock<Regex> =
        LazyLock::new(|| pattern(r#"string "(?:[^"\\]|\\.)*"|unknown (variant|field) `[^`]*`"#));
    let told = error.to_string();
    let without = |found: &regex::Captures<'_>| match found.get(1) {
        Some(kind) => format!("unknown {}", kind.as_str()),
        None => "a text".to_owned(),
    };
    TEXTS.replace_all(&told, without).into_owned()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_must_be_there_is_there_or_missed() {
        let mut good = json!({ "values": [1, 2], "one": {} });
        assert_eq!(list(&mut good, "values", "it").unwrap(), [json!(1), json!(2)]);
        assert_eq!(object(&mut good, "one", "it").unwrap(), json!({}));
        for mut other in [json!([]), json!(null), json!("values"), json!({ "values": {}, "one": [] })] {
            assert!(matches!(list(&mut other, "values", "it"), Err(SourceError::Malformed(_))), "{other}");
            assert!(matches!(object(&mut other, "one", "it"), Err(SourceError::Malformed(_))), "{other}");
        }
    }
    #[test]
    fn what_cannot_be_read_is_told_without_its_texts() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Record {
            #[serde(rename = "number")]
            _number: u64,
            #[serde(rename = "stage")]
            _stage: Option<crate::facts::WorkItemStage>,
        }
        let told = |document: Value| why(&serde_json::from_value::<Record>(document).unwrap_err());
        assert_eq!(told(json!({ "number": "Ada \"the\" Lovelace" })), "invalid type: a text, expected u64");
        let stages = "unknown variant, expected one of `to_do`, `in_progress`, `done`";
        assert_eq!(told(json!({ "number": 1, "stage": "ada" })), stages);
        let fields = "unknown field, expected `number` or `stage`";
        assert_eq!(told(json!({ "number": 1, "ada": 2 })), fields);
        assert_eq!(told(json!({})), "missing field `number`");
    }
}
