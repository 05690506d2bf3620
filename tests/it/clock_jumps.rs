//! Clocks that are wrong and set right: what sources have noted meanwhile keeps nothing from being read, and nothing is read
//! twice into two facts. And clocks that people change twice a year: days and weeks follow one another without gap or overlap.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chiplog::config::Document;
use chiplog::facts::PersonHasher;
use chiplog::pipeline::{CollectMetrics, Collector};
use chiplog::sources::{KINDS, Source, SourceContext};
use chiplog::stats::WorkingCalendar;
use chiplog::store::Store;
use chiplog::trend::calendar_weeks;
use chiplog_simulator::github::{Faults, SharedWorld};
use chiplog_simulator::world::{JiraChange, LogEntry};
use chrono::{Days, Duration};
use proptest::prelude::*;

use crate::harness::cluster::all_facts;
use crate::harness::{Silent, environment, now};
use crate::replicas::differences;
use crate::source_faults::{Server, Subject, subjects, world_of_all};

/// Days by which the clock is wrong in one round after another. The last ones are right.
const WRONG_BY: [i64; 7] = [0, 400, 0, -30, 2, 0, 0];

/// A source whose clock can be set.
fn source(subject: Subject, server: &Server, wrong_by_days: Arc<AtomicI64>) -> Arc<dyn Source> {
    let text = format!("[{}]\nbase_url = \"{}\"\n{}\n", subject.kind, server.base_url(), subject.table);
    let document = Document::parse(Path::new("chiplog.toml"), text).unwrap();
    let context = SourceContext {
        people: PersonHasher::new(Vec::new()),
        history: Duration::days(456),
        retention: None,
        timeout: std::time::Duration::from_secs(30),
        now: Arc::new(move || now() + Duration::days(wrong_by_days.load(Ordering::Relaxed))),
        environment: Arc::new(environment),
        readiness_files: Vec::new(),
        base_directory: ".".into(),
    };
    let kind = KINDS.iter().find(|kind| kind.name == subject.kind).unwrap();
    (kind.configure)(document.tables(kind.name).remove(0), &context).unwrap()
}

async fn collect(store: &Store, source: &Arc<dyn Source>) {
    let (_sender, stop) = tokio::sync::watch::channel(false);
    let metrics = CollectMetrics::new().unwrap();
    let collector = Collector::new(store.clone(), vec![source.clone()], metrics, Arc::new(Silent));
    let report = collector.run_once(&stop).await;
    assert!(report.failures.is_empty(), "{:?}", report.failures);
}

/// Something happens in every tool.
fn step(world: &SharedWorld, place: usize) {
    let (mut world, at) = (world.write().unwrap(), now());
    let incident = &mut world.incidents[place];
    incident.log.push(LogEntry { kind: "reopen".to_owned(), at, agent: "dev-ada".to_owned() });
    world.jira.issues[place].changes.push((at, JiraChange::Status("To Do".to_owned())));
    let item = &mut world.repositories[0].pull_requests[place];
    item.labels.push("again".to_owned());
    item.updated_at = at;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_loses_and_doubles_nothing() {
    for subject in subjects() {
        let world = world_of_all();
        let server = Server::start(subject.api, &world, &Faults::default()).await;
        let wrong_by_days = Arc::new(AtomicI64::new(0));
        let jumping = source(subject, &server, wrong_by_days.clone());
        let store = Store::open("sqlite::memory:").await.unwrap();
        for (place, days) in WRONG_BY.into_iter().enumerate() {
            step(&world, place);
            wrong_by_days.store(days, Ordering::Relaxed);
            collect(&store, &jumping).await;
        }
        let undisturbed = Store::open("sqlite::memory:").await.unwrap();
        collect(&undisturbed, &source(subject, &server, Arc::default())).await;
        let (mut expected, mut found) = (all_facts(&undisturbed).await, all_facts(&store).await);
        for facts in [&mut expected, &mut found] {
            // What exists is looked at once a day, of which a wrong clock has others.
            facts.retain(|fact| !fact.starts_with("inventories "));
            // The order is that of storing.
            facts.sort();
        }
        let counts = (expected.len(), found.len());
        assert!(
            expected.len() > 100 && found == expected,
            "{} {counts:?}: {:#?}",
            subject.name(),
            differences(&expected, &found)
        );
    }
}

/// Where clocks change in the early morning, at midnight, by half an hour, before and after the usual, and not at all.
const ZONES: [chrono_tz::Tz; 10] = [
    chrono_tz::Europe::Berlin,
    chrono_tz::America::New_York,
    chrono_tz::America::Sao_Paulo,
    chrono_tz::America::Havana,
    chrono_tz::Atlantic::Azores,
    chrono_tz::Asia::Beirut,
    chrono_tz::Africa::Cairo,
    chrono_tz::Australia::Lord_Howe,
    chrono_tz::Pacific::Apia,
    chrono_tz::UTC,
];

proptest! {
    #[test]
    fn days_and_weeks_follow_one_another_wherever_clocks_change(seconds in 1_420_000_000i64..2_200_000_000) {
        let as_of = chiplog::facts::Moment::from_timestamp(seconds, 0).unwrap();
        for time_zone in ZONES {
            let calendar = WorkingCalendar { time_zone, ..WorkingCalendar::default() };
            let today = calendar.day(as_of);
            let (begin, end) = (calendar.day_start(today), calendar.day_start(today + Days::new(1)));
            prop_assert!(begin <= as_of && as_of < end, "{time_zone}: {begin} {as_of} {end}");
            prop_assert_eq!(calendar.day(begin), today);
            prop_assert!(calendar.day(begin - Duration::milliseconds(1)) < today, "{}", time_zone);
            let weeks = calendar_weeks(&calendar, as_of);
            prop_assert!(weeks.windows(2).all(|pair| pair[0].until == pair[1].from), "{}", time_zone);
            for week in &weeks {
                let off = (week.until - week.from - Duration::days(7)).abs();
                prop_assert!(off <= Duration::hours(1), "{}: {}", time_zone, week.monday);
            }
            let since = as_of - weeks.last().unwrap().until;
            prop_assert!(Duration::zero() <= since && since < Duration::days(7) + Duration::hours(1), "{}", time_zone);
        }
    }
}
