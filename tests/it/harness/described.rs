//! An OpenAPI document as a judge of answers.

use serde_json::{Map, Value, json};

/// A document with what it says of operations.
pub(crate) struct Described {
    pub(crate) document: Value,
}

/// One operation of it.
pub(crate) struct Operation<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) told: &'a Value,
}

impl Described {
    /// All operations, in the order of paths.
    pub(crate) fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.document["paths"].as_object().unwrap();
        paths
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().unwrap().iter().map(move |(method, told)| Operation { method, path, told })
            })
            .collect()
    }

    /// The names of an operation's parameters in the path or in the query.
    pub(crate) fn parameters<'a>(told: &'a Value, place: &str) -> Vec<&'a str> {
        let all = told["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(|it| it["in"] == place).map(|it| it["name"].as_str().unwrap()).collect()
    }

    /// What is wrong with an answer: nothing where it is what the document says, no more and no less.
    pub(crate) fn violations(&self, method: &str, path: &str, status: u16, answer: &Value) -> Vec<String> {
        let response = &self.document["paths"][path][method]["responses"][status.to_string()];
        let schema = &response["content"]["application/json"]["schema"];
        if schema.is_null() {
            return vec![format!("{method} {path} is not described to answer {status}")];
        }
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).should_validate_formats(true);
        let validator = options.build(&self.closed(schema)).unwrap();
        validator.iter_errors(answer).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// A schema without references, whose objects have no other properties than those that it names.
    fn closed(&self, schema: &Value) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.closed(self.document.pointer(&reference[1..]).unwrap());
        }
        match schema {
            Value::Array(items) => items.iter().map(|item| self.closed(item)).collect(),
            Value::Object(fields) => {
                let mut closed: Map<String, Value> =
                    fields.iter().map(|(name, field)| (name.clone(), self.closed(field))).collect();
                if let Some(parts) = closed.remove("allOf") {
                    merge(&mut closed, &parts);
                }
                if closed.contains_key("properties") {
                    closed.insert("additionalProperties".to_owned(), json!(false));
                }
                Value::Object(closed)
            }
            other => other.clone(),
        }
    }
}

/// Puts the properties of flattened parts into one object.
fn merge(whole: &mut Map<String, Value>, parts: &Value) {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for part in parts.as_array().unwrap() {
        properties.extend(part["properties"].as_object().unwrap().clone());
        required.extend(part["required"].as_array().unwrap().clone());
    }
    whole.insert("type".to_owned(), json!("object"));
    whole.insert("properties".to_owned(), Value::Object(properties));
    whole.insert("required".to_owned(), Value::Array(required));
}

/// Every value of a key, anywhere in a document.
pub(crate) fn values_of<'a>(document: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match document {
        Value::Array(items) => items.iter().for_each(|item| values_of(item, key, found)),
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == key {
                    found.push(field);
                }
                values_of(field, key, found);
            }
        }
        _ => {}
    }
}
