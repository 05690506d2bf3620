//! Freezes the reviews of months that are over, and posts their digests.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::NaiveDate;

use crate::app::App;
use crate::clock;
use crate::config::Webhook;
use crate::expose::digest;
use crate::expose::web::Served;
use crate::facts::Moment;
use crate::pipeline::{ReviewError, Reviewer, Stop, month_before, month_label};
use crate::stats::WorkingCalendar;

/// How often the calendar is looked at.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// How often the first evaluation is looked for.
const LOOK_FOR_EVALUATION: Duration = Duration::from_millis(500);

/// A digest that could not be posted for so long is no news any more.
const POSTED_WITHIN: chrono::Duration = chrono::Duration::days(7);

/// Whether the digest of the month before is to be posted: from the opening of the first working day on.
fn is_due(calendar: &WorkingCalendar, now: Moment) -> bool {
    let due_at = calendar.first_opening(calendar.day(now));
    due_at <= now && now < due_at + POSTED_WITHIN
}

/// Looks at the calendar until told to stop.
pub(super) async fn keep_reviewed(app: &App, served: &Served, stop: &Stop) {
    let mut stop = stop.clone();
    let reviewer = app.reviewer();
    // The first evaluation comes first: people wait for it.
    while served.known.load().is_none() && !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(LOOK_FOR_EVALUATION) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
    while !*stop.borrow() {
        let now = clock::now();
        tokio::select! {
            result = look(app, &reviewer, now) => if let Err(error) = result {
                tracing::error!("reviews could not be frozen, this is tried again: {error}");
            },
            _ = stop.wait_for(|stop| *stop) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

async fn look(app: &App, reviewer: &Reviewer, now: Moment) -> Result<(), ReviewError> {
    let months: BTreeSet<NaiveDate> =
        app.organisation.teams.values().map(|team| month_before(team.calendar.day(now))).collect();
    for month in months {
        let mut ready = Vec::new();
        for team in app.organisation.teams.values() {
            let its = month_before(team.calendar.day(now)) == month;
            if its && reviewer.waits_for(&team.calendar, month, now).await?.is_empty() {
                ready.push(team.id.clone());
            }
        }
        for frozen in reviewer.freeze(&ready, month, now).await? {
            tracing::info!(team = frozen.review.team, "the review of {} is frozen", frozen.review.month);
        }
        ready.retain(|team| app.organisation.teams.get(team).is_some_and(|team| is_due(&team.calendar, now)));
        post(app, reviewer, &ready, month, now).await?;
    }
    Ok(())
}

/// Posts the digests of frozen reviews to all webhooks that want them; each once. Returns how many could not be posted.
pub(super) async fn post(
    app: &App,
    reviewer: &Reviewer,
    teams: &[String],
    month: NaiveDate,
    now: Moment,
) -> Result<usize, ReviewError> {
    let mut failed = 0;
    for webhook in &app.config.reviews.webhooks {
        let wanted = teams.iter().filter(|team| webhook.teams.is_empty() || webhook.teams.contains(team));
        for team in wanted {
            if !post_one(app, reviewer, webhook, team, month, now).await? {
                failed += 1;
            }
        }
    }
    Ok(failed)
}

/// `false` where it could not be posted; then it is tried again.
async fn post_one(
    app: &App,
    reviewer: &Reviewer,
    webhook: &Webhook,
    team: &str,
    month: NaiveDate,
    now: Moment,
) -> Result<bool, ReviewError> {
    let (Some(rules), Some(_)) = (app.organisation.teams.get(team), reviewer.frozen(team, month, None).await?) else {
        return Ok(true);
    };
    let label = month_label(month);
    if !reviewer.store.claim_digest(team, &label, &webhook.name, now).await? {
        return Ok(true);
    }
    let Some(told) = reviewer.reviewed(rules, month, None, now).await? else { return Ok(true) };
    let base = app.config.reviews.base_url.as_deref();
    let link = base.map(|base| format!("{base}/teams/{team}/reviews/{label}"));
    let message = digest::message(webhook.format, &told, link.as_deref());
    let posted = digest::post(&webhook.url, &format!("chiplog-review-{team}-{label}"), &message).await;
    if let Err(problem) = &posted {
        tracing::error!(team, webhook = webhook.name, "the digest of {label} could not be posted: {problem}");
    }
    reviewer.store.settle_digest(team, &label, &webhook.name, posted.is_ok().then_some(now)).await?;
    Ok(posted.is_ok())
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
