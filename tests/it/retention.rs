//! What ended long ago is forgotten, what numbers rest on is not; and `chiplog stats` tells how the store grows.

use std::collections::BTreeMap;

use chiplog::facts::{Fact, Incident, IncidentUpdate, IncidentUpdateKind, Moment, ReportedValue, Sourced};
use chiplog::store::{AuditEntry, Selection, Store};
use serde_json::Value;

use crate::git_source;
use crate::harness::last_month;
use crate::harness::program::{Installation, until};
use crate::store_contract::{at, engines, facts, frozen, tag};

const MINUTES_PER_DAY: i64 = 24 * 60;

fn day(number: i64) -> Moment {
    at(number * MINUTES_PER_DAY)
}

fn incident(id: &str, service: &str, began: i64, resolved: Option<i64>) -> Fact {
    let resolved = resolved.map(|number| IncidentUpdate { at: day(number), kind: IncidentUpdateKind::Resolved });
    Fact::Incident(Incident {
        id: id.to_owned(),
        service: service.to_owned(),
        service_name: None,
        title: id.to_owned(),
        severity_words: Vec::new(),
        created_at: day(began),
        impact_started_at: None,
        updates: resolved.into_iter().collect(),
        causes: Vec::new(),
        withdrawn: false,
        updated_at: day(began),
        url: None,
    })
}

fn survey(id: &str, answered: i64) -> Fact {
    Fact::ReportedValue(ReportedValue {
        template: "team_engagement".to_owned(),
        id: id.to_owned(),
        team: Some("payments".to_owned()),
        service: None,
        began_at: None,
        at: day(answered),
        ended: true,
        value: 4.0,
        cases: 9.0,
        segment: None,
        person: None,
        reported_at: day(answered),
    })
}

async fn incidents(store: &Store) -> Vec<String> {
    let found: Vec<Sourced<Incident>> = store.facts(&Selection::default()).await.unwrap();
    found.into_iter().map(|item| item.fact.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_before_is_forgotten_but_the_open_and_the_newest_of_each_scope() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let batch = facts(vec![
            incident("old", "PAY", 1, Some(2)),
            incident("old and open", "PAY", 1, None),
            incident("long", "PAY", 1, Some(30)),
            incident("new", "PAY", 25, Some(26)),
            incident("the only one", "WEB", 1, Some(2)),
            survey("2024", 1),
            survey("2026", 30),
        ]);
        store.accept("pagerduty", &batch, day(31)).await.unwrap();
        // Another source's newer incident says nothing of this one's.
        let elsewhere = facts(vec![incident("elsewhere", "WEB", 30, Some(31))]);
        store.accept("opsgenie", &elsewhere, day(31)).await.unwrap();
        let evidence = BTreeMap::from([("time_to_restore".to_owned(), "[\"old\"]".to_owned())]);
        assert!(store.freeze_review(&frozen(1, "what old was"), &evidence).await.unwrap());
        let prunable = store.prunable(day(20)).await.unwrap();
        assert_eq!(prunable.iter().map(|it| (it.family, it.facts)).collect::<Vec<_>>(), [("incidents", 1)]);
        let pruned = store.prune(day(20)).await.unwrap();
        assert_eq!(pruned.into_iter().collect::<Vec<_>>(), [("incidents", 1)], "{store:?}");
        let left = ["elsewhere", "long", "new", "old and open", "the only one"];
        assert_eq!(incidents(&store).await, left, "{store:?}");
        let reported: Vec<Sourced<ReportedValue>> = store.facts(&Selection::default()).await.unwrap();
        assert_eq!(reported.len(), 2);
        assert!(store.prunable(day(20)).await.unwrap().is_empty());
        assert!(store.prune(day(20)).await.unwrap().is_empty());
        let review = store.review("payments", "2026-10", None).await.unwrap();
        assert_eq!(review, Some(frozen(1, "what old was")), "reviews stay as they are");
        assert_eq!(store.review_evidence("payments", "2026-10", 1).await.unwrap(), evidence);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pages_are_forgotten_and_sizes_and_growth_are_told() {
    let (_folder, stores) = engines().await;
    for store in stores {
        let tags = (0..9_000).map(|number| tag(&format!("v{number}"), "a", number * MINUTES_PER_DAY / 1_000)).collect();
        store.accept("github", &facts(tags), day(10)).await.unwrap();
        let growth = store.growth().await.unwrap();
        assert_eq!(growth.iter().map(|family| family.family).collect::<Vec<_>>(), ["tags"]);
        assert_eq!(growth[0].facts_by_day.values().sum::<u64>(), 9_000);
        let whole_days = growth[0].facts_by_day.values().filter(|count| **count == 1_000).count();
        assert_eq!(whole_days, 8, "{store:?}: {:?}", growth[0].facts_by_day);
        let size = store.size().await.unwrap();
        let of_tags = size.tables.iter().find(|table| table.table == "tags").unwrap();
        assert_eq!(of_tags.rows, 9_000);
        assert!(of_tags.bytes > 9_000 * 100, "{store:?}: {of_tags:?}");
        for reported in [3, 9] {
            let (reporter, template) = ("ci".to_owned(), "events/argo".to_owned());
            let entry = AuditEntry { reporter, template, origin: "event", accepted: 1, rejected: 0 };
            store.audit(&entry, day(reported)).await.unwrap();
        }
        let prunable = store.prunable(day(8)).await.unwrap();
        let of = |family: &str| prunable.iter().find(|it| it.family == family).map(|it| it.facts);
        assert_eq!([of("tags"), of("report_audit")], [Some(8_000), Some(1)], "{store:?}");
        let pruned = store.prune(day(8)).await.unwrap();
        assert_eq!((pruned["tags"], pruned["report_audit"]), (8_000, 1), "{store:?}");
        assert_eq!(store.audited().await.unwrap(), [("ci".to_owned(), 1)]);
        assert_eq!(store.size().await.unwrap().tables.iter().find(|table| table.table == "tags").unwrap().rows, 1_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_program_forgets_changes_no_number_and_nothing_comes_back() {
    let mut stream = String::new();
    for number in 1..=60 {
        let hours_ago = (61 - i64::try_from(number).unwrap()) * 24 * 15;
        let parents: &[usize] = if number == 1 { &[] } else { &[number - 1] };
        git_source::commit(&mut stream, "main", number, parents, hours_ago, &format!("Change {number}"));
        git_source::tag(&mut stream, &format!("v{number}"), number, Some(hours_ago - 24));
    }
    let clone = git_source::import(&stream);
    let installation = Installation::new(&git_source::config(clone.path(), ""));
    installation.run_well(&["collect", "--once"]);
    let stats = |arguments: &[&str]| -> Value {
        serde_json::from_str(&installation.run_well(&[&["stats", "--json"], arguments].concat())).unwrap()
    };
    let facts = |stats: &Value, family: &str| {
        let of_family = stats["growth"].as_array().unwrap().iter().find(|it| it["family"] == family).cloned();
        of_family.map_or(0, |it| it["facts"].as_u64().unwrap())
    };
    let refused = installation.run(&["stats", "--retention", "10d"]);
    assert_eq!(
        String::from_utf8(refused.stderr).unwrap(),
        "chiplog: --retention is too short: numbers look back as far as 550 days, so write at least \"550d\"\n"
    );
    let before = stats(&["--retention", "550d"]);
    let (commits, tags) = (facts(&before, "commits"), facts(&before, "tags"));
    assert_eq!((commits, tags), (60, 60));
    let forgotten = before["retention"]["facts"].as_u64().unwrap();
    // Fifteen days apart, 36 of each are younger than 550 days.
    assert_eq!(forgotten, 24 + 24);
    let text = installation.run_well(&["stats", "--retention", "550d"]);
    assert!(text.contains("Retention: 48 facts ended before"), "{text}");
    assert!(installation.run_well(&["stats"]).contains("Retention: none, everything is kept"), "{text}");
    let kpis = || installation.run_well(&["kpis", "team", "--month", &last_month(), "--json"]);
    let numbers = kpis();

    let config = std::fs::read_to_string(installation.path("chiplog.toml")).unwrap();
    let config = format!("{config}[store]\nretention = \"550d\"\n[server]\nlisten = \"127.0.0.1:0\"\n");
    std::fs::write(installation.path("chiplog.toml"), config).unwrap();
    let mut chiplog = installation.start(&["serve"]);
    until("old facts are forgotten", async || {
        chiplog.stderr().contains("forgot 24 commits") && chiplog.stderr().contains("forgot 24 tags")
    })
    .await;
    assert_eq!(chiplog.terminate(), Some(0));
    assert_eq!(kpis(), numbers, "no number of a month changes");
    let after = stats(&[]);
    assert_eq!((facts(&after, "commits"), facts(&after, "tags")), (36, 36));
    assert_eq!(after["retention"]["facts"], 0);

    // A new commit has the clone read again; what was forgotten stays so.
    let mut more = String::new();
    git_source::commit(&mut more, "main", 99, &[], 1, "One more");
    git_source::append(clone.path(), &more.replace("M 100644", "from refs/heads/main^0\nM 100644"));
    installation.run_well(&["collect", "--once"]);
    let after = stats(&[]);
    assert_eq!((facts(&after, "commits"), facts(&after, "tags"), &after["retention"]["facts"]), (37, 36, &0.into()));
}
