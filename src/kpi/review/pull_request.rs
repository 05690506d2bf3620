//! What the review KPIs ask of a pull request.

use crate::facts::{Moment, PullRequest, Review, StateChangeKind};

/// Whether a bot opened it.
pub(crate) fn is_by_bot(pull_request: &PullRequest) -> bool {
    pull_request.author.as_ref().is_some_and(|author| author.bot)
}

/// When it could first be reviewed: its opening, or the first time that it was marked ready if it began as a draft.
/// `None` while it has always been a draft. Going back to draft later does not move it.
pub(crate) fn ready_at(pull_request: &PullRequest) -> Option<Moment> {
    let first = pull_request
        .state_changes
        .iter()
        .find(|change| matches!(change.kind, StateChangeKind::ReadyForReview | StateChangeKind::ConvertedToDraft));
    match first.map(|change| (change.kind, change.at)) {
        Some((StateChangeKind::ReadyForReview, at)) => Some(at),
        None if pull_request.draft => None,
        Some(_) | None => Some(pull_request.created_at),
    }
}

/// The first review, in whatever state, by a person other than the author, once it could be reviewed. Reviews of
/// deleted accounts count: they were given.
pub(crate) fn first_review(pull_request: &PullRequest) -> Option<&Review> {
    let ready_at = ready_at(pull_request).unwrap_or(pull_request.created_at);
    let eligible = human_reviews(pull_request).filter(|review| review.submitted_at >= ready_at);
    eligible.min_by_key(|review| review.submitted_at)
}

/// Reviews by people other than the author.
pub(super) fn human_reviews(pull_request: &PullRequest) -> impl Iterator<Item = &Review> {
    let author = pull_request.author.as_ref().map(|author| author.key.as_str());
    pull_request.reviews.iter().filter(move |review| {
        review.author.as_ref().is_none_or(|reviewer| !reviewer.bot && Some(reviewer.key.as_str()) != author)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::StateChange;
    use crate::kpi::test_support::{at, merged_pull_request, review};

    fn changed(changes: &[(StateChangeKind, &str)]) -> PullRequest {
        let mut fact = merged_pull_request(1, "2026-10-05T10:00:00Z", "2026-10-07T10:00:00Z").pull_request;
        fact.state_changes = changes.iter().map(|(kind, moment)| StateChange { kind: *kind, at: at(moment) }).collect();
        fact
    }

    #[test]
    fn a_draft_is_ready_when_it_was_first_marked_so() {
        use StateChangeKind::{ConvertedToDraft, ReadyForReview};
        let began_as_draft = changed(&[
            (ReadyForReview, "2026-10-05T12:00:00Z"),
            (ConvertedToDraft, "2026-10-05T13:00:00Z"),
            (ReadyForReview, "2026-10-06T12:00:00Z"),
        ]);
        assert_eq!(ready_at(&began_as_draft), Some(at("2026-10-05T12:00:00Z")));
        let became_draft =
            changed(&[(ConvertedToDraft, "2026-10-05T13:00:00Z"), (ReadyForReview, "2026-10-06T12:00:00Z")]);
        assert_eq!(ready_at(&became_draft), Some(at("2026-10-05T10:00:00Z")));
        let mut still_draft = changed(&[]);
        still_draft.draft = true;
        assert_eq!(ready_at(&still_draft), None);
    }

    #[test]
    fn bots_and_the_author_give_no_first_review() {
        let mut fact = changed(&[]);
        let mut by_bot = review("robot", "2026-10-05T11:00:00Z");
        by_bot.author.as_mut().unwrap().bot = true;
        fact.reviews = vec![by_bot, review("author", "2026-10-05T12:00:00Z"), review("other", "2026-10-05T13:00:00Z")];
        assert_eq!(first_review(&fact).unwrap().submitted_at, at("2026-10-05T13:00:00Z"));
    }
}
