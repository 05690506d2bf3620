//! The reviews of a team.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::pipeline::{month_before, month_label};

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

/// The months of a team: the one that lasts, the one before while it waits to be frozen, and those that are frozen.
pub fn reviews_view(team: &str, today: NaiveDate, frozen: Vec<(String, u32)>) -> ReviewsView {
    let before = month_label(month_before(today));
    let waits = !frozen.iter().any(|(month, _)| *month == before);
    let drafts = [Some(month_label(today)), Some(before).filter(|_| waits)];
    let drafts = drafts.into_iter().flatten().map(|month| ReviewMonth { month, revision: None });
    let frozen = frozen.into_iter().map(|(month, revision)| ReviewMonth { month, revision: Some(revision) });
    ReviewsView { team: team.to_owned(), reviews: drafts.chain(frozen).collect() }
}
