//! Three replicas on one PostgreSQL, killed and frozen again and again: nothing is lost, nothing is done twice, and all of
//! them tell the same.

use std::collections::{BTreeMap, BTreeSet};

use chiplog::store::Store;
use chiplog_simulator::world::World;

use crate::harness::cluster::{Cluster, Member, all_facts};
use crate::harness::demo::small_world;
use crate::harness::outside::Outside;
use crate::harness::program::until;

/// Two teams that deploy in different ways.
pub(crate) fn world(seed: u64) -> World {
    let mut world = small_world(seed);
    world.repositories.retain(|repository| ["ledger", "search-api"].contains(&repository.name.as_str()));
    world
}

/// The requests that were made, each with how often.
fn requests(cluster: &Cluster) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in cluster.outside.github.log().requests() {
        *counts.entry(format!("{} {} {}", request.route, request.operation, request.variables)).or_insert(0) += 1;
    }
    counts
}

/// What one store has and the other has not.
pub(crate) fn differences(expected: &[String], found: &[String]) -> Vec<String> {
    let (wanted, had): (BTreeSet<&String>, BTreeSet<&String>) = (expected.iter().collect(), found.iter().collect());
    let missing = wanted.difference(&had).map(|fact| format!("missing: {fact}"));
    missing.chain(had.difference(&wanted).map(|fact| format!("too many: {fact}"))).take(10).collect()
}

/// What a program stores that is left alone.
pub(crate) async fn facts_of_a_single_run(outside: &Outside) -> Vec<String> {
    let single = outside.single();
    single.run_well(&["collect", "--once"]);
    let store = Store::open(&format!("sqlite:{}", single.path("chiplog.db").display())).await.unwrap();
    all_facts(&store).await
}

/// Waits until all replicas serve the newest generation, and checks that they tell the same.
async fn tells_the_same(cluster: &Cluster) {
    until("all replicas tell the same", async || {
        let told = futures_util::future::join_all(cluster.members.iter().map(Member::told_of_teams)).await;
        told[0].contains("chiplog_lead_time_for_changes_seconds{") && told.iter().all(|other| *other == told[0])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_made_once_however_often_its_collector_dies() {
    let mut cluster = Cluster::start(world(3), 3, "1h").await;
    let kills = [10, 40, 70];
    for count in kills {
        until("some requests were made", async || cluster.outside.github.log().count() >= count).await;
        let collector = cluster.held_by("source/github").await;
        cluster.kill(collector).await;
    }
    until("GitHub is collected", async || {
        cluster.store.source_states().await.unwrap().iter().filter(|state| state.last_success_at.is_some()).count() == 3
    })
    .await;
    tells_the_same(&cluster).await;
    let (made, disturbed) = (requests(&cluster), cluster.outside.github.log().count());
    let repeated: usize = made.values().map(|count| count - 1).sum();
    cluster.outside.github.log().clear();
    let expected = facts_of_a_single_run(&cluster.outside).await;
    let undisturbed = cluster.outside.github.log().count();
    let found = all_facts(&cluster.store).await;
    assert!(expected.len() > 1_000, "{}", expected.len());
    assert!(expected == found, "{:#?}", differences(&expected, &found));
    println!("{undisturbed} requests undisturbed, {disturbed} with {} kills, {repeated} of them repeated", kills.len());
    // Each death repeats the beginning of a round, and the pages that were under way.
    assert!(disturbed < undisturbed * 2, "{disturbed} requests instead of {undisturbed}: work was done twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_frozen_again_and_again_three_replicas_end_like_one_that_was_left_alone() {
    let mut cluster = Cluster::start(world(4), 3, "1s").await;
    for round in 0..10 {
        let before = cluster.outside.github.log().count();
        cluster.step_told_by_webhooks().await;
        until("the work goes on", async || cluster.outside.github.log().count() >= before + 8).await;
        let lease = ["source/github", "evaluation", "deliveries", "source/pagerduty"][round % 4];
        let holder = cluster.held_by(lease).await;
        if round == 4 {
            freeze_beyond_the_lease(&mut cluster).await;
        } else {
            cluster.kill(holder).await;
        }
        cluster.step_told_by_webhooks().await;
    }
    until("no delivery waits", async || cluster.store.waiting_delivery_counts().await.unwrap().is_empty()).await;
    let tables = cluster.store.size().await.unwrap().tables;
    let kept = tables.iter().find(|table| table.table == "webhook_deliveries").unwrap().rows;
    assert_eq!(kept, cluster.delivered, "each delivery that was answered is kept, once");
    println!("{} webhooks were taken while replicas died", cluster.delivered);
    let last = format!("QSTEP{}", cluster.outside.steps());
    until("the last incident is known", async || {
        cluster.store.fact_body("pagerduty", "incidents", &last).await.unwrap().is_some()
    })
    .await;
    // Both sources have made a whole round since the world stands still.
    let still = chiplog::clock::now();
    until("everything is collected", async || {
        let states = cluster.store.source_states().await.unwrap();
        states.iter().filter(|state| state.last_success_at.is_some_and(|at| at > still)).count() == 3
    })
    .await;
    let (expected, found) = (facts_of_a_single_run(&cluster.outside).await, all_facts(&cluster.store).await);
    assert!(expected.len() > 1_000, "{}", expected.len());
    assert!(expected == found, "{:#?}", differences(&expected, &found));
    tells_the_same(&cluster).await;
    for path in ["/", "/teams/payments", "/teams/payments/kpis/lead_time_for_changes", "/api/v1/teams/search/kpis"] {
        until(&format!("all replicas show the same at {path}"), async || {
            let pages = futures_util::future::join_all(cluster.members.iter().map(|member| member.get(path))).await;
            pages[0].len() > 1_000 && pages.iter().all(|page| *page == pages[0])
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_restart_hands_its_work_over_and_serves_at_once_what_fits() {
    let mut cluster = Cluster::start(world(5), 2, "1h").await;
    until("GitHub is collected", async || {
        cluster.store.source_states().await.unwrap().iter().filter(|state| state.last_success_at.is_some()).count() == 3
    })
    .await;
    tells_the_same(&cluster).await;
    let evaluator = cluster.held_by("evaluation").await;
    let id = cluster.members[evaluator].id().await;
    let requests = cluster.outside.github.log().count();
    cluster.restart(evaluator, "1h", "1h").await;
    let leases = cluster.store.leases().await.unwrap();
    assert!(leases.iter().all(|lease| lease.holder != id), "all was given back: {leases:?}");
    cluster.held_by("evaluation").await;
    until("what is known is served, before anything is evaluated", async || {
        let log = cluster.members[evaluator].program.stderr();
        let served = log.find("serving what was known at ");
        served.is_some_and(|served| log.find("evaluated seconds").is_none_or(|evaluated| served < evaluated))
    })
    .await;
    tells_the_same(&cluster).await;
    assert_eq!(cluster.outside.github.log().count(), requests, "whoever takes over waits for the rest of the interval");

    // One with another configuration, as during an upgrade, tells what it makes of the same facts.
    let other = cluster.held_by("reviews").await;
    cluster.restart(other, "name = \"Payments\"", "name = \"Money\"").await;
    until("each tells its own", async || {
        let told = futures_util::future::join_all(cluster.members.iter().map(Member::told_of_teams)).await;
        told[other].contains("display_name=\"Money\"") && told[1 - other].contains("display_name=\"Payments\"")
    })
    .await;
}

/// Freezes the collector of GitHub until another has taken over, and lets it wake up in the midst of the other's work.
async fn freeze_beyond_the_lease(cluster: &mut Cluster) {
    let frozen = cluster.held_by("source/github").await;
    let leases_before = cluster.store.leases().await.unwrap();
    let holder = &leases_before.iter().find(|lease| lease.name == "source/github").unwrap().holder;
    cluster.members[frozen].program.pause();
    until("another has taken over", async || {
        let leases = cluster.store.leases().await.unwrap();
        leases.iter().any(|lease| lease.name == "source/github" && lease.live && lease.holder != *holder)
    })
    .await;
    cluster.members[frozen].program.go_on();
    let noticed = "no longer holds the lease \"source/github\"";
    until("the frozen one has noticed", async || cluster.members[frozen].program.stderr().contains(noticed)).await;
    let metrics = cluster.members[frozen].get("/metrics").await;
    let errors = metrics.lines().filter(|line| line.contains("reason=\"store\"") && !line.ends_with(" 0"));
    assert_eq!(errors.collect::<Vec<_>>(), [""; 0], "a lease that is lost is no error of the source");
}
