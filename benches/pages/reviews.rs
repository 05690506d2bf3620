//! A frozen review of the last month for every team, in a store on disk.

use std::collections::BTreeMap;

use chiplog::app::App;
use chiplog::attribution::FactsInput;
use chiplog::facts::{Batch, Fact, FactFamily, Moment, Reject, Sourced};
use chiplog::pipeline::{Draft, FrozenReview, Known, month_label};
use chiplog::report::review::input_hash;
use chiplog::store::{Attempt, ReviewRecord};
use chrono::{Duration, NaiveDate};

use crate::corpus::{project, team_id};

/// So many teams have their facts in the store, and their reviews frozen from there.
const STORED: usize = 2;

/// So many records are in quarantine.
const QUARANTINED: usize = 500;

/// Stores the facts of a few teams and freezes their reviews as `chiplog review` does.
pub(crate) async fn freeze_some_from_store(app: &App, facts: &FactsInput, month: NaiveDate, now: Moment) {
    for source in &app.sources {
        let attempt = Attempt { succeeded: true, trouble: None, at: now };
        app.store.record_attempt(source.name(), source.kind(), &attempt).await.unwrap();
    }
    let rejects = (0..QUARANTINED).map(|number| Reject {
        family: "pull_requests",
        external_id: format!("acme/team-000-api#{number}"),
        reason: "created_at: a moment was expected, and there was \"yesterday\"".to_owned(),
    });
    app.store.accept("github", &Batch { rejects: rejects.collect(), ..Batch::default() }, now).await.unwrap();
    let teams: Vec<String> = (0..STORED).map(team_id).collect();
    let mut stored: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
    keep(&facts.repositories, &mut stored, Fact::Repository);
    keep(&facts.commits, &mut stored, Fact::Commit);
    keep(&facts.pull_requests, &mut stored, Fact::PullRequest);
    keep(&facts.deployments, &mut stored, Fact::Deployment);
    keep(&facts.ci_runs, &mut stored, Fact::CiRun);
    keep(&facts.work_items, &mut stored, Fact::WorkItem);
    for (source, facts) in stored {
        for facts in facts.chunks(1000) {
            let batch = Batch { facts: facts.to_vec(), ..Batch::default() };
            app.store.accept(&source, &batch, now).await.unwrap();
        }
    }
    let frozen = app.reviewer().freeze(&teams, month, now).await.unwrap();
    assert_eq!(frozen.len(), STORED);
}

/// Takes those facts that are of a team in the store.
fn keep<F: FactFamily>(facts: &[Sourced<F>], stored: &mut BTreeMap<String, Vec<Fact>>, fact: fn(F) -> Fact) {
    let scopes: Vec<String> =
        (0..STORED).flat_map(|team| [format!("acme/{}-", team_id(team)), project(team)]).collect();
    for item in facts.iter().filter(|item| scopes.iter().any(|scope| item.fact.scope().starts_with(scope))) {
        stored.entry(item.source.clone()).or_default().push(fact(item.fact.clone()));
    }
}

/// Freezes what a draft tells of the last month for all other teams, and writes down what every team resolved.
pub(crate) async fn freeze_others(app: &App, known: &Known, month: NaiveDate, now: Moment) {
    let reviewer = app.reviewer();
    for team in app.organisation.teams.values() {
        let text = "Review within a day\nFewer flaky tests\n  two are left";
        app.store.set_review_actions(&team.id, &month_label(month), text, now).await.unwrap();
        if app.store.review(&team.id, &month_label(month), None).await.unwrap().is_some() {
            continue;
        }
        let as_of = known.snapshot.as_of;
        let attributed = known.evidence.of_team(&team.id, as_of).await.unwrap();
        let draft = Draft { attributed: &attributed, trends: &known.snapshot.trends, as_of };
        let made = reviewer.draft(team, month, &draft, Vec::new());
        let document = FrozenReview {
            other_changes: Vec::new(),
            input_hash: input_hash(&made),
            review: made.review,
            revision: 1,
            frozen_at: now - Duration::days(1),
            changes: Vec::new(),
        };
        let record = ReviewRecord {
            team: team.id.clone(),
            month: month_label(month),
            revision: 1,
            frozen_at: document.frozen_at,
            input_hash: document.input_hash.clone(),
            body: serde_json::to_string(&document).unwrap(),
        };
        let evidence = made.evidence.iter().map(|(kpi, body)| (kpi.clone(), serde_json::to_string(body).unwrap()));
        assert!(app.store.freeze_review(&record, &evidence.collect()).await.unwrap());
    }
}
