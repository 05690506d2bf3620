//! What is taken out of the documents that tools answer with: it is there, or the answer makes no sense. What is between
//! chiplog and a tool may answer with any document; none may be taken for "there is nothing".

use serde_json::Value;

use super::source::SourceError;

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

#[cfg(test)]
mod tests {
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
}
