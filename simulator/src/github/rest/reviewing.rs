//! One pull request, and what belongs to it: its commits, reviews and their comments.

use serde_json::{Value, json};

use super::pulls::pull;
use super::repositories::without_files;
use super::shapes::{number_of, repository_page, repository_url, time, user, with};
use super::{Answer, Asked, not_simulated, paging};
use crate::world::{PullRequest, Repository, Review};

/// Answers below `/repos/OWNER/NAME/pulls/NUMBER`.
pub(super) fn answer(asked: &Asked<'_>, of: &Repository, number: &str, rest: &[&str]) -> Answer {
    let Some(fact) = find(of, number) else { return Answer::not_found() };
    match rest {
        [] => Answer::ok(full_pull(asked, of, fact)),
        ["commits"] => paging::list(asked, &fact.own_commits, |commit| without_files(asked, of, commit)),
        ["reviews"] => {
            let reviews: Vec<(usize, &Review)> = fact.reviews.iter().enumerate().collect();
            paging::list(asked, &reviews, |(place, review)| shown_review(asked, of, fact, *place, review))
        }
        ["comments"] => {
            let of_reviews = fact.reviews.iter().enumerate();
            let comments: Vec<(usize, &Review, u32)> = of_reviews
                .flat_map(|(place, review)| (0..review.comments).map(move |number| (place, review, number)))
                .collect();
            paging::list(asked, &comments, |(place, review, number)| {
                comment(asked, of, fact, (*place, review, *number))
            })
        }
        // Whoever was asked has reviewed, as far as the world knows.
        ["requested_reviewers"] => Answer::ok(json!({ "users": [], "teams": [] })),
        _ => not_simulated(&format!("/repos/{}/{}/pulls/{number}/{}", of.owner, of.name, rest.join("/"))),
    }
}

/// The pull request of a number. Most repositories hold them in order, so the place is looked at first.
fn find<'a>(of: &'a Repository, number: &str) -> Option<&'a PullRequest> {
    let number: u64 = number.parse().ok()?;
    let place = usize::try_from(number).ok()?.checked_sub(1)?;
    let at_place = of.pull_requests.get(place).filter(|item| item.number == number);
    at_place.or_else(|| of.pull_requests.iter().find(|item| item.number == number))
}

/// A pull request with what only its own address tells. The world does not know who merged it: its author stands in.
fn full_pull(asked: &Asked<'_>, of: &Repository, fact: &PullRequest) -> Value {
    let comments: u32 = fact.reviews.iter().map(|review| review.comments).sum();
    let merged = fact.merged_at.is_some();
    let lines = |of_commit: fn(&crate::world::Commit) -> u64| fact.own_commits.iter().map(of_commit).sum::<u64>();
    let more = json!({
        "merged": merged, "mergeable": null, "mergeable_state": "unknown", "rebaseable": null,
        "merged_by": if merged { user(asked.root, asked.world, &fact.author) } else { Value::Null },
        "comments": 0, "review_comments": comments, "commits": fact.own_commits.len(),
        "additions": lines(|commit| commit.additions), "deletions": lines(|commit| commit.deletions),
        "changed_files": fact.paths.len(), "maintainer_can_modify": false,
    });
    with(pull(asked, of, fact), more)
}

fn review_id(of: &Repository, fact: &PullRequest, place: usize) -> u64 {
    number_of(&format!("review {}/{}/{place}", of.id, fact.number))
}

fn head(fact: &PullRequest) -> &str {
    fact.own_commits.last().map(|commit| commit.sha.as_str()).unwrap_or_default()
}

fn shown_review(asked: &Asked<'_>, of: &Repository, fact: &PullRequest, place: usize, review: &Review) -> Value {
    let id = review_id(of, fact, place);
    let url = format!("{}/pulls/{}", repository_url(asked.root, of), fact.number);
    let page = format!("{}/pull/{}#pullrequestreview-{id}", repository_page(of), fact.number);
    json!({
        "id": id, "node_id": format!("PRR_{id}"), "user": user(asked.root, asked.world, &review.author),
        "body": review.body, "state": review.state, "html_url": page, "pull_request_url": url,
        "_links": { "html": { "href": page }, "pull_request": { "href": url } },
        "submitted_at": time(review.submitted_at), "commit_id": head(fact), "author_association": "MEMBER",
    })
}

/// A comment that a review put on a line. The world knows how many there are, not what they say.
fn comment(
    asked: &Asked<'_>,
    of: &Repository,
    fact: &PullRequest,
    (place, review, number): (usize, &Review, u32),
) -> Value {
    let id = number_of(&format!("comment {}/{}/{place}/{number}", of.id, fact.number));
    let repository = repository_url(asked.root, of);
    let (url, pull) = (format!("{repository}/pulls/comments/{id}"), format!("{repository}/pulls/{}", fact.number));
    let page = format!("{}/pull/{}#discussion_r{id}", repository_page(of), fact.number);
    let reactions = json!({
        "url": format!("{url}/reactions"), "total_count": 0, "+1": 0, "-1": 0, "laugh": 0, "confused": 0, "heart": 0,
        "hooray": 0, "eyes": 0, "rocket": 0,
    });
    json!({
        "id": id, "node_id": format!("PRRC_{id}"), "url": url, "pull_request_review_id": review_id(of, fact, place),
        "diff_hunk": "@@ -1,1 +1,1 @@", "path": fact.paths.first().map(String::as_str).unwrap_or_default(),
        "position": 1, "original_position": 1, "line": 1, "original_line": 1, "side": "RIGHT", "subject_type": "line",
        "commit_id": head(fact), "original_commit_id": head(fact), "user": user(asked.root, asked.world, &review.author),
        "body": "Is this needed?", "created_at": time(review.submitted_at), "updated_at": time(review.submitted_at),
        "html_url": page, "pull_request_url": pull, "author_association": "MEMBER",
        "_links": { "self": { "href": url }, "html": { "href": page }, "pull_request": { "href": pull } },
        "reactions": reactions,
    })
}
