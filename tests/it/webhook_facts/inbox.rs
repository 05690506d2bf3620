//! The inbox on both engines: order, what comes again, what is tried again, given up and forgotten.

use chiplog::store::{NewDelivery, Settled, Store};
use chrono::Duration;

use crate::harness::now;
use crate::harness::postgres::fresh_database;

/// A delivery that has not come yet.
pub(super) fn new(id: &str) -> NewDelivery {
    NewDelivery {
        source: "github".to_owned(),
        id: id.to_owned(),
        event: "ping".to_owned(),
        headers: std::collections::BTreeMap::new(),
        body: format!("body of {id}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_read_up_to_so_many_bytes_and_at_least_one() {
    for url in ["sqlite::memory:".to_owned(), fresh_database().await] {
        let store = Store::open(&url).await.unwrap();
        let at = now();
        // Nine bytes each.
        store.receive_deliveries(&["d", "c", "b", "a"].map(new), at).await.unwrap();
        for (bytes, expected) in [(1, 1), (9, 1), (10, 2), (27, 3), (28, 4), (1000, 4)] {
            let waiting = store.waiting_deliveries("github", at, 10, bytes).await.unwrap();
            let ids: Vec<&str> = waiting.iter().map(|it| it.id.as_str()).collect();
            assert_eq!(ids, ["d", "c", "b", "a"][..expected], "{bytes} bytes, {url}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_keeps_its_order_on_both_engines() {
    for url in ["sqlite::memory:".to_owned(), fresh_database().await] {
        let store = Store::open(&url).await.unwrap();
        let at = now();
        let stored = store.receive_deliveries(&["b", "a", "b"].map(new), at).await.unwrap();
        assert_eq!(stored, [true, true, false], "{url}");
        let later = at + Duration::milliseconds(1);
        assert_eq!(store.receive_deliveries(&["a", "c"].map(new), later).await.unwrap(), [false, true], "{url}");
        let ids = async |moment| -> Vec<String> {
            let waiting = store.waiting_deliveries("github", moment, 10, 1000).await.unwrap();
            waiting.into_iter().map(|delivery| delivery.id).collect()
        };
        assert_eq!(ids(later).await, ["b", "a", "c"], "{url}");
        let again = Settled::Again { at: later + Duration::minutes(1), error: "not now".to_owned() };
        let settled = [
            ("b".to_owned(), Settled::Done { error: None }),
            ("a".to_owned(), again),
            ("c".to_owned(), Settled::Done { error: Some("bad".to_owned()) }),
        ];
        store.settle_deliveries("github", &settled, later, None).await.unwrap();
        assert!(ids(later).await.is_empty(), "{url}");
        let waiting = store.waiting_deliveries("github", later + Duration::minutes(2), 10, 1000).await.unwrap();
        let waiting: Vec<_> = waiting.iter().map(|it| (it.id.as_str(), it.attempts, it.body.as_str())).collect();
        assert_eq!(waiting, [("a", 1, "body of a")], "{url}");
        let counts = store.waiting_delivery_counts().await.unwrap();
        assert_eq!((counts.len(), counts[0].count, counts[0].oldest.timestamp_millis()), (1, 1, at.timestamp_millis()));
        let unknown = store.unknown_deliveries("github", &["a", "b", "z"].map(str::to_owned)).await.unwrap();
        assert_eq!(unknown.into_iter().collect::<Vec<_>>(), ["z"], "{url}");
        assert_eq!(store.forget_deliveries(later).await.unwrap(), 0, "{url}");
        assert_eq!(store.forget_deliveries(later + Duration::days(7)).await.unwrap(), 2, "{url}");
        assert_eq!(store.receive_deliveries(&["a", "b"].map(new), at).await.unwrap(), [false, true], "{url}");
    }
}
