//! What the store promises, on SQLite and on PostgreSQL.

use std::collections::BTreeMap;

use chiplog::facts::{Batch, Commit, Fact, Incident, IncidentUpdate, IncidentUpdateKind, Moment, Reject, Sourced, Tag};
use chiplog::store::{Attempt, ReviewRecord, Selection, Store};
use proptest::prelude::*;

use crate::harness::postgres;

pub(crate) fn at(minutes: i64) -> Moment {
    Moment::from_timestamp(1_790_000_000 + minutes * 60, 0).unwrap()
}

pub(crate) fn tag(name: &str, sha: &str, minutes: i64) -> Fact {
    let (repository, name, sha) = ("acme/shop".to_owned(), name.to_owned(), sha.to_owned());
    Fact::Tag(Tag { repository, name, sha, tagged_at: at(minutes), url: None })
}

fn incident(id: &str, version: i64, resolved: bool) -> Fact {
    let update = IncidentUpdate { at: at(version), kind: IncidentUpdateKind::Resolved };
    Fact::Incident(Incident {
        id: id.to_owned(),
        service: "PSHOP".to_owned(),
        service_name: None,
        title: format!("version {version}"),
        severity_words: Vec::new(),
        created_at: at(0),
        impact_started_at: None,
        updates: if resolved { vec![update] } else { Vec::new() },
        causes: Vec::new(),
        withdrawn: false,
        updated_at: at(version),
        url: None,
    })
}

pub(crate) fn facts(of: Vec<Fact>) -> Batch {
    Batch { facts: of, ..Batch::default() }
}

/// Both engines, each with a store of its own.
pub(crate) async fn engines() -> (tempfile::TempDir, Vec<Store>) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Store::open(&format!("sqlite:{}/chiplog.db", folder.path().display())).await.unwrap();
    let postgres = Store::open(&postgres::fresh_database().await).await.unwrap();
    (folder, vec![sqlite, postgres])
}

async fn titles(store: &Store) -> Vec<String> {
    let facts: Vec<Sourced<Incident>> = store.facts(&Selection::default()).await.unwrap();
    facts.into_iter().map(|item| format!("{} {}", item.fact.id, item.fact.title)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_may_come_twice_and_older_knowledge_never_replaces_newer() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let newer = facts(vec![incident("Q1", 5, true), incident("Q2", 1, false)]);
        let accepted = store.accept("pagerduty", &newer, at(9)).await.unwrap();
        assert_eq!(accepted.changed["incidents"], 2);
        assert!(store.accept("pagerduty", &newer, at(9)).await.unwrap().changed.is_empty(), "{store:?}: unchanged");
        store.accept("pagerduty", &facts(vec![incident("Q1", 4, false)]), at(9)).await.unwrap();
        assert_eq!(titles(&store).await, ["Q1 version 5", "Q2 version 1"], "{store:?}");
        // Within one batch the newest wins too, whatever its place.
        let both = facts(vec![incident("Q2", 8, true), incident("Q2", 7, false)]);
        store.accept("pagerduty", &both, at(9)).await.unwrap();
        assert_eq!(titles(&store).await, ["Q1 version 5", "Q2 version 8"], "{store:?}");
    }
}

/// Where the rows of the incidents lie, and which transaction locked each last.
async fn rows(pool: &sqlx::PgPool) -> Vec<(String, String, String)> {
    let select = "SELECT external_id, ctid::text, xmax::text FROM incidents ORDER BY external_id";
    sqlx::query_as(select).fetch_all(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_neither_locks_nor_writes_what_is_unchanged() {
    let url = postgres::fresh_database().await;
    let (store, pool) = (Store::open(&url).await.unwrap(), sqlx::PgPool::connect(&url).await.unwrap());
    store.accept("pagerduty", &facts(vec![incident("Q1", 5, true), incident("Q2", 5, true)]), at(9)).await.unwrap();
    let before = rows(&pool).await;
    let same_and_older = facts(vec![incident("Q1", 5, true), incident("Q2", 4, false)]);
    assert!(store.accept("pagerduty", &same_and_older, at(9)).await.unwrap().changed.is_empty());
    assert_eq!(rows(&pool).await, before);
    let one_changed = facts(vec![incident("Q1", 5, true), incident("Q2", 6, true)]);
    assert_eq!(store.accept("pagerduty", &one_changed, at(9)).await.unwrap().changed["incidents"], 1);
    let after = rows(&pool).await;
    assert_eq!((after[0] == before[0], after[1] == before[1]), (true, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_the_same_facts_end_with_the_newest_of_each() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let writers = (0..4).map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for version in 0..20 {
                    let versions =
                        (0..30).map(|id| incident(&format!("Q{id:02}"), (version * 7 + writer + id) % 41, true));
                    store.accept("pagerduty", &facts(versions.collect()), at(99)).await.unwrap();
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let newest = (0..30).map(|id| {
            let written = (0..4).flat_map(|writer| (0..20).map(move |version| (version * 7 + writer + id) % 41));
            format!("Q{id:02} version {}", written.max().unwrap())
        });
        assert_eq!(titles(&store).await, newest.collect::<Vec<_>>(), "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_may_be_larger_than_a_statement() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let batch = facts((0..40_000).map(|number| tag(&format!("v{number}"), "a", number)).collect());
        assert_eq!(store.accept("github", &batch, at(9)).await.unwrap().changed["tags"], 40_000, "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_selected_by_scope_and_by_end() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let batch = facts(vec![incident("open", 1, false), incident("early", 10, true), incident("late", 20, true)]);
        store.accept("pagerduty", &batch, at(30)).await.unwrap();
        let since = Selection { not_ended_before: Some(at(15)), ..Selection::default() };
        let found: Vec<Sourced<Incident>> = store.facts(&since).await.unwrap();
        assert_eq!(found.iter().map(|item| item.fact.id.as_str()).collect::<Vec<_>>(), ["late", "open"], "{store:?}");
        let elsewhere = Selection { scope: Some("OTHER".to_owned()), ..Selection::default() };
        assert!(store.facts::<Incident>(&elsewhere).await.unwrap().is_empty());
        let asked = ["early".to_owned(), "nothing".to_owned()];
        let found = store.stored("pagerduty", "incidents", &asked).await.unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["early"]);
        let counts = store.family_counts().await.unwrap();
        assert_eq!(counts.iter().map(|count| (count.family, count.count)).collect::<Vec<_>>(), [("incidents", 3)]);
    }
}

/// The scopes that wait to be evaluated.
async fn waiting(store: &Store) -> Vec<String> {
    let mut scopes = store.changed_scopes().await.unwrap();
    scopes.sort_by(|one, other| one.key.cmp(&other.key));
    scopes.iter().map(|it| format!("{} {} {}", it.key.family, it.key.scope, it.version)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_marks_its_scopes_until_they_are_evaluated_as_of_it() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let batch = facts(vec![tag("v1", "a", 0), tag("v2", "b", 1), incident("Q1", 1, false)]);
        store.accept("pagerduty", &batch, at(9)).await.unwrap();
        assert_eq!(waiting(&store).await, ["incidents PSHOP 1", "tags acme/shop 1"]);
        store.accept("pagerduty", &batch, at(9)).await.unwrap();
        let read = store.changed_scopes().await.unwrap();
        assert_eq!(waiting(&store).await.len(), read.len(), "the same once more is no change");
        // What changes while it is evaluated waits on.
        store.accept("pagerduty", &facts(vec![tag("v1", "c", 0)]), at(9)).await.unwrap();
        store.note_evaluated(&read).await.unwrap();
        assert_eq!(waiting(&store).await, ["tags acme/shop 2"]);
        let newer = store.changed_scopes().await.unwrap();
        store.note_evaluated(&newer).await.unwrap();
        // Somebody who is late does not bring it back.
        store.note_evaluated(&read).await.unwrap();
        assert!(waiting(&store).await.is_empty());
        let Fact::Incident(mut moved) = incident("Q1", 2, false) else { unreachable!() };
        moved.service = "PTILL".to_owned();
        store.accept("pagerduty", &facts(vec![Fact::Incident(moved)]), at(9)).await.unwrap();
        assert_eq!(waiting(&store).await, ["incidents PSHOP 2", "incidents PTILL 1"]);
        assert_eq!(store.scopes().await.unwrap().len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_are_set_and_removed_with_their_batch() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let with = |cursor: Option<&str>| Batch {
            cursors: vec![("page".to_owned(), cursor.map(str::to_owned))],
            ..Batch::default()
        };
        assert_eq!(store.cursor("github", "page").await.unwrap(), None);
        store.accept("github", &with(Some("one")), at(0)).await.unwrap();
        store.accept("github", &with(Some("two")), at(0)).await.unwrap();
        assert_eq!(store.cursor("github", "page").await.unwrap().as_deref(), Some("two"));
        assert_eq!(store.cursor("other", "page").await.unwrap(), None);
        store.accept("github", &with(None), at(0)).await.unwrap();
        assert_eq!(store.cursor("github", "page").await.unwrap(), None, "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_record_clears_its_entry_in_quarantine() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let reject =
            Reject { family: "tags", external_id: "acme/shop/tags/v1".to_owned(), reason: "no commit".to_owned() };
        let batch = Batch { rejects: vec![reject.clone(), reject], ..Batch::default() };
        assert_eq!(store.accept("github", &batch, at(0)).await.unwrap().rejected, 2);
        assert_eq!(store.quarantine(10).await.unwrap().len(), 1);
        assert_eq!(store.quarantine_counts().await.unwrap(), [("github".to_owned(), 1)]);
        store.accept("github", &facts(vec![tag("v1", "a", 0)]), at(1)).await.unwrap();
        assert!(store.quarantine(10).await.unwrap().is_empty(), "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_sqlite_are_readable_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, stores) = engines().await;
    stores[0].record_attempt("git", "git", &Attempt { succeeded: true, trouble: None, at: at(1) }).await.unwrap();
    for name in ["chiplog.db", "chiplog.db-wal", "chiplog.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_keep_the_last_success() {
    let (_folder, stores) = engines().await;
    for store in stores {
        store.record_attempt("github", "github", &Attempt { succeeded: true, trouble: None, at: at(1) }).await.unwrap();
        let failed = Attempt { succeeded: false, trouble: Some("the host is down".to_owned()), at: at(2) };
        store.record_attempt("github", "github", &failed).await.unwrap();
        let states = store.source_states().await.unwrap();
        assert_eq!(states[0].last_success_at, Some(at(1)));
        assert_eq!(states[0].last_attempt_at, at(2));
        assert_eq!(states[0].last_error.as_deref(), Some("the host is down"), "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_people_is_made_once_and_nul_is_dropped() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let key = store.person_key().await.unwrap();
        assert_eq!(key.len(), 64);
        assert_eq!(store.person_key().await.unwrap(), key);
        let mut commit = Commit {
            repository: "acme/shop".to_owned(),
            sha: "a".to_owned(),
            parents: Vec::new(),
            authored_at: at(0),
            committed_at: at(0),
            author: None,
            subject: "a\0b".to_owned(),
            reverts: Vec::new(),
            pull_request: None,
            paths: None,
            url: None,
        };
        store.accept("git", &facts(vec![Fact::Commit(commit.clone())]), at(0)).await.unwrap();
        commit.subject = "ab".to_owned();
        let found: Vec<Sourced<Commit>> = store.facts(&Selection::default()).await.unwrap();
        assert_eq!(found[0].fact, commit, "{store:?}");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_at_once_meet_no_busy_database() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let writers = (0..16).map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..10 {
                    let name = format!("v{number}.{round}");
                    store.accept("github", &facts(vec![tag(&name, "a", round)]), at(round)).await.unwrap();
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        assert_eq!(store.facts::<Tag>(&Selection::default()).await.unwrap().len(), 160, "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}/chiplog.db", folder.path().display());
    for url in [file, postgres::fresh_database().await] {
        let store = Store::open(&url).await.unwrap();
        store.accept("github", &facts(vec![tag("v1", "a", 0)]), at(0)).await.unwrap();
        let key = store.person_key().await.unwrap();
        store.close().await;
        let again = Store::open(&url).await.unwrap();
        assert_eq!(again.facts::<Tag>(&Selection::default()).await.unwrap().len(), 1);
        assert_eq!(again.person_key().await.unwrap(), key);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_opened_says_what_to_do() {
    let missing = Store::open("sqlite:/nowhere/chiplog.db").await.unwrap_err().to_string();
    assert_eq!(
        missing,
        "the store sqlite:/nowhere/chiplog.db cannot be opened: unable to open database file; is the folder there, and may chiplog write to it?"
    );
    let refused = Store::open("postgres://ada:secret@127.0.0.1:9/chiplog").await.unwrap_err().to_string();
    assert!(refused.starts_with("the store postgres://ada@127.0.0.1:9/chiplog cannot be opened: "), "{refused}");
    assert!(refused.ends_with("is the server up, and are host, user, password and database right?"), "{refused}");
    assert!(!refused.contains("secret"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_order_and_the_repetition_of_batches_do_not_matter(
        versions in prop::collection::vec((0..4_u8, 0..6_i64), 1..12),
        seed in any::<u64>(),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut stores = Vec::new();
            for shuffled in [false, true] {
                let store = Store::open("sqlite::memory:").await.unwrap();
                let mut order: Vec<_> = versions.clone();
                if shuffled {
                    order.sort_by_key(|(id, version)| (u64::from(*id) * 31 + version.unsigned_abs()).wrapping_mul(seed | 1));
                    order.extend(versions.clone());
                }
                for (id, version) in order {
                    store.accept("pagerduty", &facts(vec![incident(&format!("Q{id}"), version, false)]), at(9)).await.unwrap();
                }
                stores.push(titles(&store).await);
            }
            assert_eq!(stores[0], stores[1]);
        });
    }
}

pub(crate) fn frozen(revision: u32, body: &str) -> ReviewRecord {
    ReviewRecord {
        team: "payments".to_owned(),
        month: "2026-10".to_owned(),
        revision,
        frozen_at: at(0),
        input_hash: format!("hash {revision}"),
        body: body.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_review_is_never_replaced_and_the_newest_revision_is_read() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let evidence = BTreeMap::from([("throughput".to_owned(), "[1]".to_owned())]);
        assert!(store.freeze_review(&frozen(1, "first"), &evidence).await.unwrap());
        assert!(!store.freeze_review(&frozen(1, "other"), &BTreeMap::new()).await.unwrap(), "{store:?}: it is there");
        assert_eq!(store.review("payments", "2026-10", None).await.unwrap(), Some(frozen(1, "first")));
        assert!(store.freeze_review(&frozen(2, "second"), &BTreeMap::new()).await.unwrap());
        assert_eq!(store.review("payments", "2026-10", None).await.unwrap(), Some(frozen(2, "second")));
        assert_eq!(store.review("payments", "2026-10", Some(1)).await.unwrap(), Some(frozen(1, "first")));
        assert_eq!(store.review("payments", "2026-10", Some(3)).await.unwrap(), None);
        assert_eq!(store.reviewed_months("payments").await.unwrap(), [("2026-10".to_owned(), 2)]);
        assert_eq!(store.review_evidence("payments", "2026-10", 1).await.unwrap(), evidence);
        assert_eq!(store.review_actions("payments", "2026-10").await.unwrap(), "");
        for text in ["one", "another"] {
            store.set_review_actions("payments", "2026-10", text, at(1)).await.unwrap();
            assert_eq!(store.review_actions("payments", "2026-10").await.unwrap(), text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_claimed_by_one_until_it_is_sent_released_or_cut_off() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let claim = async |minutes| store.claim_digest("payments", "2026-10", "chat", at(minutes)).await.unwrap();
        let settle = async |sent_at| store.settle_digest("payments", "2026-10", "chat", sent_at).await.unwrap();
        let asked = futures_util::future::join_all((0..8).map(|_| claim(0))).await;
        assert_eq!(asked.iter().filter(|claimed| **claimed).count(), 1, "{store:?}: exactly one of those who ask");
        assert!(!claim(9).await, "it is being posted");
        assert!(claim(10).await, "whoever had claimed it was cut off");
        settle(None).await;
        assert!(claim(11).await, "it could not be posted and is tried again");
        settle(Some(at(11))).await;
        assert!(!claim(1000).await, "it is sent");
    }
}
