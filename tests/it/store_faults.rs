//! The store goes away and comes back: what was known is served meanwhile, webhooks are refused honestly, and in the end
//! everything is as if it had been there all the time.

use crate::harness::cluster::{Member, client};
use crate::harness::outside::Outside;
use crate::harness::postgres::OwnServer;
use crate::harness::program::{Installation, until};
use crate::kills::{KNOWN, ends_like_one_left_alone, one_team};

/// Waits until all sources are collected and the teams are known.
async fn is_collected(member: &Member) {
    until("all is collected", async || {
        let metrics = member.get("/metrics").await;
        last_successes(&metrics).len() == 3 && metrics.contains(KNOWN)
    })
    .await;
}

/// When each source was last collected well.
fn last_successes(metrics: &str) -> Vec<&str> {
    metrics.lines().filter(|line| line.starts_with("chiplog_source_last_success_timestamp_seconds{")).collect()
}

/// What is the same whatever has happened: what was known is served, freshness does not rise, webhooks are refused for the
/// moment, the trouble is told in clear words.
async fn tells_the_truth_without_a_store(outside: &mut Outside, member: &Member, words: &str) {
    until("the trouble is noticed", async || member.program.stderr().contains(words)).await;
    let before = member.get("/metrics").await;
    outside.step();
    for told in outside.told().iter().take(3) {
        assert_eq!(member.post(told).await, Some(503));
    }
    let (more, noticed) = (member.program.stderr().matches(words).count(), outside.github.log().count());
    until("it is tried again", async || member.program.stderr().matches(words).count() > more).await;
    let metrics = member.get("/metrics").await;
    assert!(metrics.contains(KNOWN), "what was known is served");
    assert_eq!(last_successes(&metrics), last_successes(&before), "nothing was collected");
    for path in ["/", "/teams/search", "/teams/payments", "/api/v1/teams/payments/kpis"] {
        assert!(member.get(path).await.len() > 500, "{path} is served");
    }
    println!("{noticed} requests to GitHub until it was noticed");
}

/// All is well again: the webhooks are sent again, and everything is known in the end.
async fn goes_on(outside: &Outside, member: Member, url: &str) {
    let mut taken = Vec::new();
    for told in outside.told() {
        until("the webhook is taken", async || member.takes(&told).await).await;
        taken.push(told.id);
    }
    let log = member.program.stderr();
    assert!(!log.contains("panicked"), "{log}");
    let facts = ends_like_one_left_alone(outside, member, url, &taken).await;
    println!("{facts} facts, {} webhooks", taken.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_and_comes_back_leaves_no_trace() {
    let mut outside = Outside::start(one_team(6), "1s").await;
    let mut server = tokio::task::spawn_blocking(OwnServer::start).await.unwrap();
    let url = server.url();
    let member = Member::start(Installation::new(&outside.config(&url)), client()).await;
    is_collected(&member).await;
    server.stop();
    tells_the_truth_without_a_store(&mut outside, &member, "the heart-beat failed").await;
    server.start_again();
    goes_on(&outside, member, &url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_for_a_while_leaves_no_trace() {
    let mut outside = Outside::start(one_team(7), "1s").await;
    let installation = Installation::new(&outside.config("sqlite:chiplog.db"));
    let url = format!("sqlite:{}", installation.path("chiplog.db").display());
    let member = Member::start(installation, client()).await;
    is_collected(&member).await;
    member.program.limit_files("4096");
    tells_the_truth_without_a_store(&mut outside, &member, "Is the disk full or broken?").await;
    member.program.limit_files("unlimited");
    goes_on(&outside, member, &url).await;
}
