//! One sentence: what is wrong, or what to wait for.

use askama::Template;

#[derive(Template)]
#[template(path = "message.html")]
struct Page<'a> {
    title: &'a str,
    message: &'a str,
}

/// A page with a heading and a sentence.
pub fn page(title: &str, message: &str) -> askama::Result<String> {
    Page { title, message }.render()
}
