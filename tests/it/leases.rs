//! What leases promise, on SQLite and on PostgreSQL; and what programs of several versions do to one another's tables.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chiplog::facts::{Batch, Fact, Moment, Tag};
use chiplog::pipeline::{CollectMetrics, Replica};
use chiplog::store::{Attempt, Fence, Selection, Store};

use crate::harness::postgres;
use crate::harness::program::until;

const LONG: Duration = Duration::from_hours(1);

fn at(minutes: i64) -> Moment {
    Moment::from_timestamp(1_790_000_000 + minutes * 60, 0).unwrap()
}

fn page(name: &str) -> Batch {
    let tag = Tag {
        repository: "acme/shop".to_owned(),
        name: name.to_owned(),
        sha: "a".to_owned(),
        tagged_at: at(0),
        url: None,
    };
    Batch { facts: vec![Fact::Tag(tag)], cursors: vec![("page".to_owned(), Some(name.to_owned()))], ..Batch::default() }
}

/// Both engines, each opened by two programs.
async fn engines() -> (tempfile::TempDir, Vec<[Store; 2]>) {
    let folder = tempfile::tempdir().unwrap();
    let urls = [format!("sqlite:{}/chiplog.db", folder.path().display()), postgres::fresh_database().await];
    let mut stores = Vec::new();
    for url in urls {
        stores.push([Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap()]);
    }
    (folder, stores)
}

async fn acquired(store: &Store, holder: &str, lasts: Duration) -> Option<Fence> {
    store.acquire_lease("source/github", holder, lasts).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_one_holder_and_its_fence_rises_whenever_it_changes_hands() {
    let (_folder, stores) = engines().await;
    for [one, other] in stores {
        let first = acquired(&one, "one", LONG).await.unwrap();
        assert_eq!(acquired(&other, "other", LONG).await, None, "{one:?}: it is held");
        assert_eq!(acquired(&one, "one", LONG).await, None, "{one:?}: by the holder as well");
        assert_eq!(one.renew_leases("one", LONG).await.unwrap(), std::slice::from_ref(&first));
        one.release_lease(&first).await.unwrap();
        let second = acquired(&other, "other", LONG).await.unwrap();
        assert!(second.number > first.number, "{one:?}");
        // Who had it before neither prolongs nor gives back what is another's now.
        assert!(one.renew_leases("one", LONG).await.unwrap().is_empty());
        one.release_lease(&first).await.unwrap();
        assert_eq!(acquired(&one, "one", LONG).await, None, "{one:?}");
        other.release_leases("other").await.unwrap();
        assert!(acquired(&one, "one", LONG).await.unwrap().number > second.number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_without_heart_beat_ends_and_of_many_who_ask_one_gets_it() {
    let (_folder, stores) = engines().await;
    for [one, other] in stores {
        let mut last = acquired(&one, "dead", Duration::from_millis(50)).await.unwrap();
        until("the lease has ended", async || one.leases().await.unwrap().iter().all(|lease| !lease.live)).await;
        for round in 0..5 {
            let asking = (0..8).map(|number| {
                let store = if number % 2 == 0 { one.clone() } else { other.clone() };
                tokio::spawn(async move { acquired(&store, &format!("{round}.{number}"), LONG).await })
            });
            let asked = futures_util::future::join_all(asking.collect::<Vec<_>>()).await;
            let given: Vec<Fence> = asked.into_iter().filter_map(Result::unwrap).collect();
            assert_eq!(given.len(), 1, "{one:?}");
            assert!(given[0].number > last.number, "{one:?}");
            last = given[0].clone();
            one.release_lease(&last).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_fenced_off_writes_nothing() {
    let (_folder, stores) = engines().await;
    for [one, other] in stores {
        let before = acquired(&one, "one", Duration::ZERO).await.unwrap();
        // Nobody else has taken it yet: what was begun may end.
        one.accept_fenced("github", &page("v1"), at(0), Some(&before)).await.unwrap();
        let after = acquired(&other, "other", LONG).await.unwrap();
        other.accept_fenced("github", &page("v2"), at(1), Some(&after)).await.unwrap();
        let attempt = Attempt { succeeded: true, trouble: None, at: at(1) };
        other.record_attempt_fenced("github", "github", &attempt, Some(&after)).await.unwrap();
        let changes = one.scopes().await.unwrap();

        let refused = one.accept_fenced("github", &page("stale"), at(2), Some(&before)).await.unwrap_err();
        assert!(refused.is_fenced(), "{refused}");
        assert_eq!(
            refused.to_string(),
            "the lease \"source/github\" has passed to another chiplog: nothing was written, it goes on there"
        );
        let stale = Attempt { succeeded: false, trouble: Some("late".to_owned()), at: at(2) };
        let refused = one.record_attempt_fenced("github", "github", &stale, Some(&before)).await.unwrap_err();
        assert!(refused.is_fenced());
        let body = BTreeMap::from([("organisation".to_owned(), vec![1])]);
        let refused = one.publish_parts(&before, &body, &BTreeSet::new()).await.unwrap_err();
        assert!(refused.is_fenced());

        let tags = other.facts::<Tag>(&Selection::default()).await.unwrap();
        assert_eq!(tags.iter().map(|tag| tag.fact.name.as_str()).collect::<Vec<_>>(), ["v1", "v2"], "{one:?}");
        assert_eq!(other.cursor("github", "page").await.unwrap().as_deref(), Some("v2"));
        assert_eq!(other.source_states().await.unwrap()[0].last_error, None);
        assert_eq!(other.published_generation("organisation").await.unwrap(), None);
        assert_eq!(other.scopes().await.unwrap(), changes, "{one:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_snapshot_are_published_together_and_read_by_what_has_risen() {
    let (_folder, stores) = engines().await;
    for [one, other] in stores {
        let fence = acquired(&one, "one", LONG).await.unwrap();
        let parts = |names: &[&str], byte: u8| -> BTreeMap<String, Vec<u8>> {
            names.iter().map(|name| ((*name).to_owned(), vec![0, byte, 255])).collect()
        };
        let all = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
        let three = ["organisation", "team/a", "team/b"];
        let first = one.publish_parts(&fence, &parts(&three, 1), &all(&three)).await.unwrap();
        let second = one.publish_parts(&fence, &parts(&["organisation", "team/b"], 2), &all(&three)).await.unwrap();
        assert!(second > first);
        assert_eq!(other.published_generation("organisation").await.unwrap(), Some(second));
        let changed = other.published_since(first).await.unwrap();
        assert_eq!((changed.generation, changed.bodies), (second, parts(&["organisation", "team/b"], 2)), "{one:?}");
        let third = one.publish_parts(&fence, &parts(&["organisation"], 3), &all(&["organisation", "team/b"])).await;
        let everything = other.published_since(0).await.unwrap();
        assert_eq!(everything.generation, third.unwrap());
        assert_eq!(
            everything.bodies.keys().collect::<Vec<_>>(),
            ["organisation", "team/b"],
            "{one:?}: one team is gone"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_are_spread_over_replicas_and_given_up_politely() {
    let (_folder, stores) = engines().await;
    for [one, other] in stores {
        let replica = |store: &Store| Replica::new(store, CollectMetrics::new().unwrap(), LONG).unwrap();
        let (first, second) = (replica(&one), replica(&other));
        first.beat().await.unwrap();
        let mut leases = Vec::new();
        for source in ["a", "b", "c"] {
            leases.push(first.hold_source(source, 3).await.unwrap());
        }
        assert!(first.sight().borrow().came_alone);
        assert!(!first.give_up_surplus(&leases[0], 3).await, "alone it does everything");
        second.beat().await.unwrap();
        assert!(second.hold_source("a", 3).await.is_none());
        assert!(!second.sight().borrow().came_alone);
        first.beat().await.unwrap();
        assert_eq!(first.sight().borrow().replicas, 2);
        assert!(first.give_up_surplus(&leases[0], 3).await);
        assert!(leases[0].is_lost() && !leases[1].is_lost());
        assert!(!first.give_up_surplus(&leases[1], 3).await, "{one:?}: two of three is its share");
        assert!(first.hold_source("a", 3).await.is_none(), "and it takes no more");
        second.beat().await.unwrap();
        assert!(second.hold_source("a", 3).await.is_some());
        // One that stops leaves everything to the other at once.
        first.leave().await;
        assert!(leases[1].is_lost());
        second.beat().await.unwrap();
        assert!(second.hold_source("b", 3).await.is_some(), "{one:?}");
        assert!(first.hold("evaluation").await.is_none(), "whoever has left takes nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_turns_is_alone_meanwhile() {
    let (_folder, stores) = engines().await;
    for [one, other] in stores {
        let turns = (0..12).map(|number| {
            let store = if number % 2 == 0 { one.clone() } else { other.clone() };
            tokio::spawn(async move {
                let turn = store.take_turn("receive/cdevents").await.unwrap();
                let seen =
                    store.cursor("cdevents", "count").await.unwrap().map_or(0, |count| count.parse::<u32>().unwrap());
                let cursors = vec![("count".to_owned(), Some((seen + 1).to_string()))];
                let batch = Batch { cursors, ..Batch::default() };
                store.accept_fenced("cdevents", &batch, at(0), Some(&turn)).await.unwrap();
                store.release_lease(&turn).await.unwrap();
            })
        });
        for turn in turns.collect::<Vec<_>>() {
            turn.await.unwrap();
        }
        assert_eq!(one.cursor("cdevents", "count").await.unwrap().as_deref(), Some("12"), "{one:?}: none was lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lost_a_lease_learns_it_with_the_next_heart_beat() {
    let (_folder, stores) = engines().await;
    for [one, other] in stores {
        let paused = Replica::new(&one, CollectMetrics::new().unwrap(), Duration::from_millis(50)).unwrap();
        paused.beat().await.unwrap();
        let lease = paused.hold("evaluation").await.unwrap();
        until("another has it", async || other.acquire_lease("evaluation", "other", LONG).await.unwrap().is_some())
            .await;
        assert!(!lease.is_lost(), "it does not know yet");
        paused.beat().await.unwrap();
        lease.lost().await;
        assert!(paused.hold("evaluation").await.is_none(), "{one:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_start_at_once_on_an_empty_database_all_come_up() {
    let folder = tempfile::tempdir().unwrap();
    for url in [format!("sqlite:{}/chiplog.db", folder.path().display()), postgres::fresh_database().await] {
        let starting = (0..4).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Store::open(&url).await.unwrap().person_key().await.unwrap() })
        });
        let keys = futures_util::future::join_all(starting.collect::<Vec<_>>()).await;
        let keys: BTreeSet<Vec<u8>> = keys.into_iter().map(Result::unwrap).collect();
        assert_eq!(keys.len(), 1, "they agree on the key of people");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_program_goes_on_beside_newer_tables_until_one_says_that_it_cannot() {
    let url = postgres::fresh_database().await;
    let running = Store::open(&url).await.unwrap();
    postgres::run_sql(
        &url,
        "CREATE TABLE of_the_future (name TEXT PRIMARY KEY); ALTER TABLE tags ADD COLUMN colour TEXT; \
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (20991231000001, 'future', true, '', 0)",
    );
    // What runs goes on, and starts again.
    running.accept("github", &page("v1"), at(0)).await.unwrap();
    let started = Store::open(&url).await.unwrap();
    assert_eq!(started.facts::<Tag>(&Selection::default()).await.unwrap().len(), 1);
    postgres::run_sql(&url, "INSERT INTO installation (name, value) VALUES ('least_migration', '20991231000001')");
    let refused = Store::open(&url).await.unwrap_err().to_string();
    assert!(
        refused.ends_with(
            "were made by a newer chiplog and changed in a way that this one does not know: install that one"
        )
    );
}
