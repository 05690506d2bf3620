//! The months of a team that have a review.

use askama::Template;

use crate::expose::views::ReviewsView;

#[derive(Template)]
#[template(path = "reviews.html")]
struct Page<'a> {
    view: &'a ReviewsView,
    name: &'a str,
}

/// The list of reviews. `name` is the team's name.
pub fn page(view: &ReviewsView, name: &str) -> askama::Result<String> {
    Page { view, name }.render()
}
