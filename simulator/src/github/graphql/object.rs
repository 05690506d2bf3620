//! Objects of the schema, resolved field by field. What is not simulated is refused loudly, never answered with `null`.

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::{JsonMap, JsonValue};

use super::arguments;

/// Stands between the type and the message of an error; see [`refused`].
const SEPARATOR: char = '\u{1f}';

/// The value of one field.
pub(super) enum Resolved<'a> {
    Leaf(JsonValue),
    Object(Option<Object<'a>>),
    List(Vec<Option<Object<'a>>>),
}

/// The answer to one field.
pub(super) type Answer<'a> = Result<Resolved<'a>, FieldError>;

/// Resolves the fields of an object by name; `None` is a field that is not simulated, which becomes a loud error.
type Resolve<'a> = Box<dyn Fn(&str, &JsonMap) -> Option<Answer<'a>> + 'a>;

/// An object of the schema.
pub(super) struct Object<'a> {
    type_name: std::borrow::Cow<'static, str>,
    resolve: Resolve<'a>,
}

impl<'a> Object<'a> {
    pub(super) fn new(type_name: &'static str, resolve: impl Fn(&str, &JsonMap) -> Option<Answer<'a>> + 'a) -> Self {
        Self { type_name: type_name.into(), resolve: Box::new(resolve) }
    }

    /// An object whose type has a computed name.
    pub(super) fn of(type_name: String, resolve: impl Fn(&str, &JsonMap) -> Option<Answer<'a>> + 'a) -> Self {
        Self { type_name: type_name.into(), resolve: Box::new(resolve) }
    }
}

impl ObjectValue for Object<'_> {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let name = info.field_name();
        arguments::check(&self.type_name, info)?;
        let unknown =
            || refused("NOT_SIMULATED", &format!("the simulator does not know the field {}.{name}", self.type_name));
        Ok(match (self.resolve)(name, info.arguments()).ok_or_else(unknown)?? {
            Resolved::Leaf(value) => ResolvedValue::Leaf(value),
            Resolved::Object(object) => ResolvedValue::nullable_object(object),
            Resolved::List(objects) => ResolvedValue::List(Box::new(
                objects.into_iter().map(|object| Ok(ResolvedValue::nullable_object(object))),
            )),
        })
    }
}

/// A leaf: a number, a text, a moment, `null`.
#[expect(clippy::unnecessary_wraps, reason = "every resolver answers with a result")]
pub(super) fn leaf<'a>(value: impl serde::Serialize) -> Answer<'a> {
    let json = serde_json::to_value(value).unwrap_or_default();
    Ok(Resolved::Leaf(serde_json::from_value(json).unwrap_or(JsonValue::Null)))
}

/// An object, or `null`.
#[expect(clippy::unnecessary_wraps, reason = "every resolver answers with a result")]
pub(super) fn object<'a>(object: impl Into<Option<Object<'a>>>) -> Answer<'a> {
    Ok(Resolved::Object(object.into()))
}

/// A list of objects.
#[expect(clippy::unnecessary_wraps, reason = "every resolver answers with a result")]
pub(super) fn list(objects: Vec<Option<Object<'_>>>) -> Answer<'_> {
    Ok(Resolved::List(objects))
}

/// An error with one of GitHub's types, such as `NOT_FOUND`. [`typed`] takes the two apart again.
pub(super) fn refused(kind: &str, message: &str) -> FieldError {
    FieldError { message: format!("{kind}{SEPARATOR}{message}") }
}

/// Puts the type of each error beside its message, as GitHub does.
pub(super) fn typed(errors: &mut [serde_json::Value]) {
    for error in errors {
        let Some(text) = error["message"].as_str() else { continue };
        // The executor puts words of its own in front of some messages.
        let Some((before, message)) = text.split_once(SEPARATOR) else { continue };
        let kind = before.rsplit(|letter: char| letter != '_' && !letter.is_ascii_uppercase()).next();
        let (kind, message) = (kind.unwrap_or_default().to_owned(), message.to_owned());
        error["type"] = kind.into();
        error["message"] = message.into();
    }
}
