//! What is published is what was evaluated: read back it gives the same metrics, to the byte.

use std::sync::Arc;
use std::time::Duration;

use chiplog::app::App;
use chiplog::attribution::{Attributed, attribute};
use chiplog::expose::exposition::Exposition;
use chiplog::pipeline::{
    EvaluationCost, Evidence, Followed, Known, PackedTeam, Publication, Snapshot, TeamSnapshot, Unmapped, diagnose,
    evaluate, fingerprint, last_published, load_facts,
};
use chiplog::sources::{Finding, Fix};
use chiplog_simulator::demo;

use crate::harness::demo::Demo;
use crate::harness::{collect_well, now};

async fn evaluated(app: &App) -> Arc<Known> {
    let (as_of, facts) = (now(), load_facts(&app.store).await.unwrap());
    let attributed = attribute(&app.organisation, &facts, as_of);
    let mut findings = diagnose(&app.organisation, &facts, &attributed);
    let mut snapshot = evaluate(&app.organisation, &attributed, &app.families, &app.scorecards, as_of);
    // The demo organisation is in good order.
    findings.push(Finding::notice("look \"here\"").fix(Fix::configure("in [team.payments]", "name = \"Payments\"")));
    let (kind, reason, example) = ("deployment".into(), "no_service".into(), "a § that nobody owns".to_owned());
    snapshot.unmapped.push(Unmapped { kind, reason, count: 7, example });
    snapshot.cost = EvaluationCost { seconds: 1.25, teams: 8 };
    Arc::new(Known { snapshot, evidence: Evidence::whole(attributed), findings: findings.into() })
}

fn rendered(snapshot: &Snapshot) -> String {
    String::from_utf8(Exposition::of(snapshot).unwrap().plain().to_vec()).unwrap()
}

fn publication(app: &App) -> Publication {
    Publication::new(fingerprint(&app.organisation, &app.families, &app.scorecards))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_loaded_is_what_was_published() {
    let demo = Demo::start(demo::world(now(), 1)).await;
    demo.import(demo::reports(now()));
    let app = demo.app().await;
    collect_well(&app).await;
    let known = evaluated(&app).await;
    assert!(!known.snapshot.trends.is_empty());
    let store = &app.store;
    let fence = store.acquire_lease("evaluation", "one", Duration::from_hours(1)).await.unwrap().unwrap();
    let (mut publisher, mut follower) = (publication(&app), publication(&app));
    assert!(matches!(follower.follow(store, None).await.unwrap(), Followed::Unfit), "nothing is published yet");
    publisher.publish(store, &fence, &known).await.unwrap();
    let Followed::Loaded(loaded) = follower.follow(store, None).await.unwrap() else { panic!("nothing was loaded") };
    assert_eq!(format!("{:?}", loaded.snapshot), format!("{:?}", known.snapshot));
    assert_eq!(loaded.findings, known.findings);
    let metrics = rendered(&known.snapshot);
    assert!(metrics.len() > 100_000);
    assert!(rendered(&loaded.snapshot) == metrics, "the metrics differ");
    assert!(matches!(follower.follow(store, None).await.unwrap(), Followed::Nothing));

    // Only what has changed is written, and the rest is as it was.
    let mut snapshot = known.snapshot.clone();
    let renamed = TeamSnapshot { name: "Renamed".to_owned(), ..snapshot.teams[0].open().unwrap() };
    snapshot.teams[0] = Arc::new(PackedTeam::of(&renamed));
    // A team that nothing has changed holds for longer: that is told without it.
    let later_on = known.snapshot.as_of + chrono::Duration::minutes(5);
    snapshot.teams[2] = Arc::new(snapshot.teams[2].holding_at(later_on));
    let later = |snapshot: Snapshot| {
        let evidence = Evidence::whole(Attributed::default());
        Arc::new(Known { snapshot, evidence, findings: known.findings.clone() })
    };
    let renamed = later(snapshot);
    let before = store.published_generation("organisation").await.unwrap().unwrap();
    publisher.publish(store, &fence, &renamed).await.unwrap();
    let parts = store.published_since(before).await.unwrap();
    let changed = format!("team/{}", known.snapshot.teams[0].id);
    assert_eq!(parts.bodies.into_keys().collect::<Vec<_>>(), ["organisation".to_owned(), changed]);
    let Followed::Loaded(loaded) = follower.follow(store, Some(later(loaded.snapshot))).await.unwrap() else {
        panic!("nothing was loaded")
    };
    assert_eq!(format!("{:?}", loaded.snapshot), format!("{:?}", renamed.snapshot));

    // Another configuration is another snapshot: it is not followed.
    let mut stranger = Publication::new("another".to_owned());
    assert!(matches!(stranger.follow(store, None).await.unwrap(), Followed::Unfit));
    assert!(matches!(stranger.follow(store, None).await.unwrap(), Followed::Unfit));
    // What is known of the teams that are still there can be served until they are evaluated anew.
    let gone = &known.snapshot.teams[1].id;
    let meanwhile = last_published(store, |team| team != gone).await.unwrap().unwrap().snapshot;
    let mut expected = renamed.snapshot.clone();
    expected.teams.retain(|team| team.id != *gone);
    expected.trends = expected.trends.iter().filter(|trend| trend.team != *gone).cloned().collect();
    assert_eq!(format!("{meanwhile:?}"), format!("{expected:?}"));
    assert!(last_published(store, |_| false).await.unwrap().is_none());
}
