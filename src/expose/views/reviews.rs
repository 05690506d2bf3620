//! The reviews of a team.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

/// The months of a team that have a review.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewsView {
    /// The team's slug.
    pub team: String,
    /// The months, newest first.
    pub reviews: Vec<ReviewMonth>,
}

/// One month.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewMonth {
    /// The month, `2026-10`.
    pub month: String,
    /// The newest revision of its frozen review. None where there is none yet.
    pub revision: Option<u32>,
}

/// The months of a team: the one that lasts, and those that are frozen.
pub fn reviews_view(team: &str, today: NaiveDate, frozen: Vec<(String, u32)>) -> ReviewsView {
    let lasting = ReviewMonth { month: today.format("%Y-%m").to_string(), revision: None };
    let frozen = frozen.into_iter().map(|(month, revision)| ReviewMonth { month, revision: Some(revision) });
    ReviewsView { team: team.to_owned(), reviews: std::iter::once(lasting).chain(frozen).collect() }
}
