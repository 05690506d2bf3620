//! One sentence: what is wrong, or what to wait for.

use askama::Template;

use crate::expose::requests::current_id;

#[derive(Template)]
#[template(path = "message.html")]
struct Page<'a> {
    title: &'a str,
    message: &'a str,
    written: Option<&'a str>,
    request_id: Option<String>,
}

/// A page with a heading and a sentence, and what was not taken.
pub fn page(title: &str, message: &str, written: Option<&str>) -> askama::Result<String> {
    Page { title, message, written, request_id: current_id() }.render()
}
