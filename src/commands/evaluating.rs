//! Keeps what is served up to date while `chiplog serve` runs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::app::App;
use crate::clock;
use crate::expose::prometheus::{Exposition, families};
use crate::expose::web::Served;
use crate::pipeline::{Evaluator, Stop, Updated};

/// How often it is looked whether facts have changed that another program has stored, or anything is due.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// An evaluation that takes less is of a few teams and is not waited for long; one that takes more is part of a backfill.
const SHORT: Duration = Duration::from_millis(500);

/// The longest rest after a short evaluation: what happens next is out within two seconds.
const SHORT_REST: Duration = Duration::from_millis(1500);

/// Evaluates as soon as facts change, and rests after that in proportion to the cost: a long backfill shows its first
/// numbers early and is not slowed down by evaluations.
pub(super) async fn keep_evaluated(app: &App, served: &Served, stop: &Stop) {
    let mut stop = stop.clone();
    let mut evaluator = app.evaluator();
    let mut is_first = true;
    while !*stop.borrow() {
        let began = Instant::now();
        let rest = match evaluate_once(&mut evaluator, served).await {
            // Nothing is to be caught up with after a start, and what is due comes by the clock.
            Ok(Evaluated::Changes) if !is_first => rest_after(began.elapsed()),
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::error!("the evaluation failed, what was known stays served: {error:#}");
                rest_after(began.elapsed().max(LOOK_EVERY))
            }
        };
        is_first &= served.known.load().is_none();
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        tokio::select! {
            () = app.store.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

fn rest_after(cost: Duration) -> Duration {
    let rest = cost * 10;
    if cost < SHORT { rest.min(SHORT_REST) } else { rest }
}

/// Why there is something new.
enum Evaluated {
    /// There is nothing new.
    Nothing,
    /// Facts have changed.
    Changes,
    /// Time has passed.
    Due,
}

async fn evaluate_once(evaluator: &mut Evaluator, served: &Served) -> Result<Evaluated> {
    let began = Instant::now();
    let Some(updated) = evaluator.update(clock::now()).await? else { return Ok(Evaluated::Nothing) };
    let told = if updated.changes > 0 { Evaluated::Changes } else { Evaluated::Due };
    publish(served, updated, began).await?;
    Ok(told)
}

/// Swaps what is served for what is known now. The metrics of many teams take a while to render: once, and beside the
/// server's own threads.
async fn publish(served: &Served, updated: Updated, began: Instant) -> Result<()> {
    let Updated { known, parts, teams, .. } = updated;
    let rendered = known.clone();
    let team_count = teams.len();
    let exposition = tokio::task::spawn_blocking(move || {
        let mut families = families(&rendered.snapshot);
        let mut gauge = |name: &str, help: &str, value: f64| families.gauge(name, help, &[], value);
        gauge(
            "chiplog_kpi_evaluation_duration_seconds",
            "How long the last evaluation took, of the teams that it was of.",
            began.elapsed().as_secs_f64(),
        );
        gauge("chiplog_kpi_evaluation_teams", "How many teams the last evaluation was of.", team_count as f64);
        Exposition::render(&families)
    });
    let exposition = exposition.await.context("the evaluation was interrupted")??;
    served.known.store(Some(known));
    served.exposition.store(Some(exposition.into()));
    tracing::debug!(seconds = began.elapsed().as_secs_f64(), parts, teams = team_count, "evaluated");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_evaluation_is_not_waited_for_long_and_a_long_one_is() {
        assert_eq!(rest_after(Duration::from_millis(20)), Duration::from_millis(200));
        assert_eq!(rest_after(Duration::from_millis(400)), SHORT_REST);
        assert_eq!(rest_after(Duration::from_secs(3)), Duration::from_secs(30));
    }
}
