//! Connections: pages of nodes behind cursors.

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::{JsonMap, JsonValue};

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
    type_name: &'static str,
    resolve: Resolve<'a>,
}

impl<'a> Object<'a> {
    pub(super) fn new(type_name: &'static str, resolve: impl Fn(&str, &JsonMap) -> Option<Answer<'a>> + 'a) -> Self {
        Self { type_name, resolve: Box::new(resolve) }
    }
}

impl ObjectValue for Object<'_> {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let name = info.field_name();
        let unknown = || FieldError { message: format!("the simulator does not know {}.{name}", self.type_name) };
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
pub(super) fn object(object: Option<Object<'_>>) -> Answer<'_> {
    Ok(Resolved::Object(object))
}

/// A list of objects.
#[expect(clippy::unnecessary_wraps, reason = "every resolver answers with a result")]
pub(super) fn list(objects: Vec<Option<Object<'_>>>) -> Answer<'_> {
    Ok(Resolved::List(objects))
}

/// One node of a connection, and the cursor that stands for its place. Cursors are of the value that the connection is
/// sorted by, so that nodes that come in front of a page don't shift the next one.
pub(super) struct Node<'a> {
    pub(super) cursor: String,
    pub(super) make: Box<dyn Fn() -> Object<'a> + 'a>,
}

impl<'a> Node<'a> {
    pub(super) fn new(cursor: impl Into<String>, make: impl Fn() -> Object<'a> + 'a) -> Self {
        Self { cursor: cursor.into(), make: Box::new(make) }
    }
}

/// The order in which cursors run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
    /// By place: the cursor is the number of nodes up to and with it.
    Place,
}

/// The page of a connection that the arguments ask for.
pub(super) fn connection<'a>(
    type_name: &'static str,
    mut nodes: Vec<Node<'a>>,
    order: Order,
    arguments: &JsonMap,
) -> Answer<'a> {
    match order {
        Order::Ascending => nodes.sort_by(|one, other| one.cursor.cmp(&other.cursor)),
        Order::Descending => nodes.sort_by(|one, other| other.cursor.cmp(&one.cursor)),
        Order::Place => {}
    }
    let total = nodes.len();
    let after = arguments.get("after").and_then(JsonValue::as_str).map(str::to_owned);
    let begin = after.map_or(0, |after| match order {
        Order::Ascending => nodes.iter().position(|node| node.cursor > after).unwrap_or(total),
        Order::Descending => nodes.iter().position(|node| node.cursor < after).unwrap_or(total),
        Order::Place => after.rsplit(' ').next().and_then(|place| place.parse().ok()).unwrap_or(total),
    });
    let count =
        |name: &str| arguments.get(name).and_then(JsonValue::as_u64).and_then(|count| usize::try_from(count).ok());
    let (begin, end) = match (count("first"), count("last")) {
        (Some(first), _) => (begin, (begin + first).min(total)),
        (None, Some(last)) => (total.saturating_sub(last), total),
        (None, None) => (begin, total),
    };
    let page: Vec<Node<'a>> = nodes.drain(begin.min(total)..end.max(begin.min(total))).collect();
    let more = end < total;
    let page = std::rc::Rc::new(page);
    object(Some(Object::new(type_name, move |field, _| match field {
        "totalCount" => Some(leaf(total)),
        "nodes" => Some(list(page.iter().map(|node| Some((node.make)())).collect())),
        "pageInfo" => {
            let (first, last) =
                (page.first().map(|node| node.cursor.clone()), page.last().map(|node| node.cursor.clone()));
            Some(object(Some(Object::new("PageInfo", move |field, _| match field {
                "hasNextPage" => Some(leaf(more)),
                "hasPreviousPage" => Some(leaf(begin > 0)),
                "startCursor" => Some(leaf(&first)),
                "endCursor" => Some(leaf(&last)),
                _ => None,
            }))))
        }
        _ => None,
    })))
}
