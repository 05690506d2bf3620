//! Connections: pages of nodes behind cursors.

use apollo_compiler::resolvers::FieldError;
use apollo_compiler::response::{JsonMap, JsonValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::object::{Answer, Object, leaf, list, object, refused};

/// What GitHub's cursors begin with, under their base64.
const CURSOR_PREFIX: &str = "cursor:v2:";

/// One node of a connection, and the key that it is sorted by.
pub(super) struct Node<'a> {
    key: String,
    make: Box<dyn Fn() -> Object<'a> + 'a>,
}

impl<'a> Node<'a> {
    /// A node that is sorted by `key`; keys must differ within a connection.
    pub(super) fn new(key: impl Into<String>, make: impl Fn() -> Object<'a> + 'a) -> Self {
        Self { key: key.into(), make: Box::new(make) }
    }

    /// A node of a connection that has its order already.
    pub(super) fn unsorted(make: impl Fn() -> Object<'a> + 'a) -> Self {
        Self::new(String::new(), make)
    }
}

/// The order in which nodes and cursors run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order<'o> {
    /// By key. The cursor is the key, so that nodes that come in front of a page don't shift the next one.
    Ascending,
    /// By key, backwards.
    Descending,
    /// As given. The cursor is the place.
    Place,
    /// As given. The cursor is the head's object id, a blank and the place, as GitHub has it for the history of a commit.
    History(&'o str),
}

impl Order<'_> {
    /// The order by key in one direction.
    pub(super) fn by_key(descending: bool) -> Self {
        if descending { Self::Descending } else { Self::Ascending }
    }

    fn cursor(self, place: usize, key: &str) -> String {
        match self {
            Self::Ascending | Self::Descending => STANDARD.encode(format!("{CURSOR_PREFIX}{key}")),
            Self::Place => STANDARD.encode(format!("{CURSOR_PREFIX}{place}")),
            Self::History(head) => format!("{head} {place}"),
        }
    }

    /// The places before and behind a cursor: how many nodes are up to and with it, and how many before it.
    fn places(self, cursor: &str, nodes: &[Node<'_>]) -> Option<(usize, usize)> {
        let inner = || String::from_utf8(STANDARD.decode(cursor).ok()?).ok();
        let key = || inner()?.strip_prefix(CURSOR_PREFIX).map(str::to_owned);
        match self {
            Self::Ascending => {
                let key = key()?;
                Some((nodes.partition_point(|node| node.key <= key), nodes.partition_point(|node| node.key < key)))
            }
            Self::Descending => {
                let key = key()?;
                Some((nodes.partition_point(|node| node.key >= key), nodes.partition_point(|node| node.key > key)))
            }
            Self::Place => key()?.parse().ok().map(|place: usize| (place + 1, place)),
            Self::History(_) => cursor.rsplit_once(' ')?.1.parse().ok().map(|place: usize| (place + 1, place)),
        }
    }
}

/// Where a page begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    begin: usize,
    end: usize,
}

fn window(nodes: &[Node<'_>], order: Order<'_>, arguments: &JsonMap) -> Result<Window, FieldError> {
    let total = nodes.len();
    let cursor = |name: &str| match arguments.get(name).and_then(JsonValue::as_str) {
        None => Ok(None),
        Some(text) => order.places(text, nodes).map(Some).ok_or_else(|| {
            refused("INVALID_CURSOR_ARGUMENTS", &format!("`{text}` does not appear to be a valid cursor."))
        }),
    };
    let count =
        |name: &str| arguments.get(name).and_then(JsonValue::as_u64).and_then(|count| usize::try_from(count).ok());
    let after = cursor("after")?.map_or(0, |(with, _)| with).min(total);
    let before = cursor("before")?.map_or(total, |(_, without)| without).clamp(after, total);
    Ok(match (count("first"), count("last")) {
        (Some(_), Some(_)) => {
            let message = "Passing both `first` and `last` to paginate a connection is not supported.";
            return Err(refused("UNPROCESSABLE", message));
        }
        (Some(first), None) => Window { begin: after, end: (after + first).min(before) },
        (None, Some(last)) => Window { begin: before.saturating_sub(last).max(after), end: before },
        (None, None) => Window { begin: after, end: before },
    })
}

/// The page of a connection that the arguments ask for.
pub(super) fn connection<'a>(
    type_name: &'static str,
    mut nodes: Vec<Node<'a>>,
    order: Order<'_>,
    arguments: &JsonMap,
) -> Answer<'a> {
    match order {
        Order::Ascending => nodes.sort_by(|one, other| one.key.cmp(&other.key)),
        Order::Descending => nodes.sort_by(|one, other| other.key.cmp(&one.key)),
        Order::Place | Order::History(_) => {}
    }
    let total = nodes.len();
    let Window { begin, end } = window(&nodes, order, arguments)?;
    let page: Vec<(String, Node<'a>)> = nodes
        .drain(begin..end)
        .enumerate()
        .map(|(place, node)| (order.cursor(begin + place, &node.key), node))
        .collect();
    let page = std::rc::Rc::new(page);
    object(Object::new(type_name, move |field, _| match field {
        "totalCount" => Some(leaf(total)),
        "nodes" => Some(list(page.iter().map(|(_, node)| Some((node.make)())).collect())),
        "edges" => {
            let edges = (0..page.len()).map(|place| Some(edge(type_name, page.clone(), place)));
            Some(list(edges.collect()))
        }
        "pageInfo" => {
            let (first, last) =
                (page.first().map(|(cursor, _)| cursor.clone()), page.last().map(|(cursor, _)| cursor.clone()));
            Some(object(Object::new("PageInfo", move |field, _| match field {
                "hasNextPage" => Some(leaf(end < total)),
                "hasPreviousPage" => Some(leaf(begin > 0)),
                "startCursor" => Some(leaf(&first)),
                "endCursor" => Some(leaf(&last)),
                _ => None,
            })))
        }
        _ => None,
    }))
}

fn edge<'a>(connection: &'static str, page: std::rc::Rc<Vec<(String, Node<'a>)>>, place: usize) -> Object<'a> {
    // The edges of histories are named after the commit, all others after the connection.
    let type_name = match connection {
        "CommitHistoryConnection" => "CommitEdge".to_owned(),
        other => format!("{}Edge", other.trim_end_matches("Connection")),
    };
    Object::of(type_name, move |field, _| match field {
        "cursor" => Some(leaf(&page[place].0)),
        "node" => Some(object((page[place].1.make)())),
        _ => None,
    })
}
