//! Freezes the reviews of months that are over, and posts their digests.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;

use crate::app::App;
use crate::clock;
use crate::config::Webhook;
use crate::expose::digest;
use crate::expose::web::Served;
use crate::facts::Moment;
use crate::pipeline::{Replica, ReviewError, Reviewer, Stop, month_before, month_label};
use crate::stats::WorkingCalendar;
use crate::store::StoreError;

/// How often the calendar is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// The lease of reviews and digests.
const LEASE: &str = "reviews";

/// A digest that could not be posted for so long is no news any more.
const POSTED_WITHIN: chrono::Duration = chrono::Duration::days(7);

/// Whether the digest of the month before is to be posted: from the opening of the first working day on.
fn is_due(calendar: &WorkingCalendar, now: Moment) -> bool {
    let due_at = calendar.first_opening(calendar.day(now));
    due_at <= now && now < due_at + POSTED_WITHIN
}

/// Looks at the calendar until told to stop.
pub(super) async fn keep_reviewed(app: &App, served: &Served, replica: &Replica, stop: &Stop) {
    let mut stop = stop.clone();
    let reviewer = app.reviewer();
    // The first evaluation comes first: people wait for it.
    tokio::select! {
        () = served.first() => {}
        _ = stop.wait_for(|stop| *stop) => return,
    }
    while !*stop.borrow() {
        // One looks for all; two that did would be in nobody's way. A look is not cut off: between the answer of a chat and
        // the note of it a digest would be posted twice.
        if replica.hold(LEASE).await.is_some()
            && let Err(error) = look(app, &reviewer, &stop).await
        {
            tracing::error!("reviews could not be frozen, this is tried again: {error}");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

async fn look(app: &App, reviewer: &Reviewer, stop: &Stop) -> Result<(), ReviewError> {
    let now = clock::now();
    let states = reviewer.store.source_states().await?;
    let mut ready: BTreeMap<NaiveDate, Vec<String>> = BTreeMap::new();
    for team in app.organisation.teams.values() {
        let month = month_before(team.calendar.day(now));
        if reviewer.stays_draft_by(&states, &team.calendar, month, now).is_none() {
            ready.entry(month).or_default().push(team.id.clone());
        }
    }
    for (month, mut teams) in ready {
        for frozen in reviewer.freeze(&teams, month, now).await? {
            tracing::info!(team = frozen.review.team, "the review of {} is frozen", frozen.review.month);
        }
        teams.retain(|team| app.organisation.teams.get(team).is_some_and(|team| is_due(&team.calendar, now)));
        post(app, reviewer, &teams, month, stop).await;
    }
    Ok(())
}

/// Posts the digests of frozen reviews to all webhooks that want them; each once. Returns how many could not be posted. One
/// that fails stops no other.
pub(super) async fn post(app: &App, reviewer: &Reviewer, teams: &[String], month: NaiveDate, stop: &Stop) -> usize {
    let mut failed = 0;
    for webhook in &app.config.reviews.webhooks {
        for team in teams.iter().filter(|team| webhook.teams.is_empty() || webhook.teams.contains(team)) {
            if *stop.borrow() {
                return failed;
            }
            if let Err(problem) = post_one(app, reviewer, webhook, team, month).await {
                let label = month_label(month);
                tracing::error!(team, webhook = webhook.name, "the digest of {label} could not be posted: {problem}");
                failed += 1;
            }
        }
    }
    failed
}

/// Claims, posts, and notes how it ended. What is posted already, or being posted, is left alone.
async fn post_one(
    app: &App,
    reviewer: &Reviewer,
    webhook: &Webhook,
    team: &str,
    month: NaiveDate,
) -> Result<(), String> {
    let label = month_label(month);
    let store = &reviewer.store;
    let text = |error: StoreError| error.to_string();
    if !store.claim_digest(team, &label, &webhook.name, clock::now()).await.map_err(text)? {
        return Ok(());
    }
    let posted = post_claimed(app, reviewer, webhook, team, month).await;
    let sent_at = posted.is_ok().then(clock::now);
    store.settle_digest(team, &label, &webhook.name, sent_at).await.map_err(text)?;
    posted
}

async fn post_claimed(
    app: &App,
    reviewer: &Reviewer,
    webhook: &Webhook,
    team: &str,
    month: NaiveDate,
) -> Result<(), String> {
    let frozen = reviewer.frozen(team, month, None).await.map_err(|error| error.to_string())?;
    let frozen = frozen.ok_or("it is a draft: a digest is posted of a frozen review")?;
    let told = reviewer.told(frozen).await.map_err(|error| error.to_string())?;
    let label = month_label(month);
    let base = app.config.reviews.base_url.as_deref();
    let link = base.map(|base| format!("{base}/teams/{team}/reviews/{label}"));
    let message = digest::message(webhook.format, &told, link.as_deref());
    digest::post(&webhook.url, &format!("chiplog-review-{team}-{label}"), &message).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_due_from_the_opening_of_the_first_working_day_on() {
        let mut calendar = WorkingCalendar::default();
        // The first of November 2026 is a Sunday; the Monday after it is a holiday.
        calendar.holidays.extend(NaiveDate::from_ymd_opt(2026, 11, 2));
        let due = |text: &str| is_due(&calendar, text.parse().unwrap());
        assert!(!due("2026-11-03T08:59:00Z"));
        assert!(due("2026-11-03T09:00:00Z"));
        assert!(due("2026-11-10T08:59:00Z"));
        assert!(!due("2026-11-10T09:00:00Z"), "a week later it is no news any more");
    }
}
