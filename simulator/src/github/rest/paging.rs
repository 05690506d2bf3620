//! Pages by number, with the `Link` header that leads from one to the next.

use serde_json::Value;

use super::{Answer, Asked};

/// How many items a page holds.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    default: usize,
    largest: usize,
}

/// The sizes of most lists.
pub(super) const USUAL: Sizes = Sizes { default: 30, largest: 100 };

/// The sizes of the list of files within a commit.
pub(super) const FILES: Sizes = Sizes { default: 300, largest: 300 };

/// The page that is asked for, with its `Link` header. `body` makes the body of the shown items.
pub(super) fn page<T>(
    asked: &Asked<'_>,
    items: &[T],
    sizes: Sizes,
    shape: impl Fn(&T) -> Value,
    body: impl FnOnce(Vec<Value>) -> Value,
) -> Answer {
    let number =
        |name: &str, default: usize| asked.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let size = number("per_page", sizes.default).clamp(1, sizes.largest);
    let page = number("page", 1).max(1);
    let last = items.len().div_ceil(size).max(1);
    let shown = items.iter().skip((page - 1).saturating_mul(size)).take(size).map(shape).collect();
    let mut answer = Answer::ok(body(shown));
    let mut links = Vec::new();
    if page > 1 {
        links.push(("prev", (page - 1).min(last)));
    }
    if page < last {
        links.extend([("next", page + 1), ("last", last)]);
    }
    if page > 1 {
        links.push(("first", 1));
    }
    if !links.is_empty() {
        let link = |(relation, page): &(&str, usize)| format!("<{}>; rel=\"{relation}\"", address(asked, *page));
        answer.headers.push(("link", links.iter().map(link).collect::<Vec<_>>().join(", ")));
    }
    answer
}

/// A page whose body is the list itself.
pub(super) fn list<T>(asked: &Asked<'_>, items: &[T], shape: impl Fn(&T) -> Value) -> Answer {
    page(asked, items, USUAL, shape, Value::Array)
}

fn address(asked: &Asked<'_>, page: usize) -> String {
    let others = asked.parameters.iter().filter(|(name, _)| *name != "page");
    let pairs: Vec<String> = others.map(|(name, value)| format!("{name}={}&", encoded(value))).collect();
    format!("{}?{}page={page}", asked.url, pairs.concat())
}

/// A parameter's value as an address has it.
fn encoded(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            other => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                let digit = |place: u8| char::from(DIGITS[usize::from(place)]);
                text.extend(['%', digit(other >> 4), digit(other & 15)]);
            }
        }
    }
    text
}
