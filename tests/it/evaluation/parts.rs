//! Part by part is the same as all at once: for any organisation, any facts, and after any change.

use chiplog::attribution::attribute_in_view;
use chiplog::facts::Moment;
use chiplog::pipeline::{EvaluationRules, Evaluator, Known, Snapshot, diagnose, evaluate, load_facts};
use chiplog::store::Store;
use proptest::prelude::*;

use super::facts::{Numbers, fact, now, organisation, rules, store_all};

/// What a page could show of it, without how it came about.
async fn told(known: &Known, rules: &EvaluationRules) -> Vec<String> {
    let mut told = Vec::new();
    for team in &known.snapshot.teams {
        told.push(format!("{team:#?}"));
        let attributed = known.evidence.of_team(&team.id, team.as_of).await.unwrap();
        told.push(format!("{:#?}", attributed.of_team(&team.id)));
        let tiers: Vec<_> = attributed.tiers.iter().collect();
        told.push(format!("{tiers:?}"));
    }
    told.push(format!("{:?}", known.snapshot.trends));
    told.push(format!("{:?}", known.snapshot.unmapped));
    let teams: Vec<_> = rules.organisation.teams.keys().collect();
    told.push(format!("{teams:?} {:#?}", known.findings));
    told
}

/// The same of everything, evaluated at once.
async fn told_at_once(store: &Store, rules: &EvaluationRules, as_of: Moment) -> Vec<String> {
    let mut facts = load_facts(store).await.unwrap();
    let attributed = attribute_in_view(&rules.organisation, &mut facts, as_of);
    let snapshot = evaluate(&rules.organisation, &attributed, &rules.families, &rules.scorecards, as_of);
    let mut told = Vec::new();
    for team in &snapshot.teams {
        told.push(format!("{team:#?}"));
        told.push(format!("{:#?}", attributed.of_team(&team.id)));
        let tiers: Vec<_> = attributed.tiers.iter().collect();
        told.push(format!("{tiers:?}"));
    }
    told.push(format!("{:?}", snapshot.trends));
    told.push(format!("{:?}", snapshot.unmapped));
    let teams: Vec<_> = rules.organisation.teams.keys().collect();
    told.push(format!("{teams:?} {:#?}", diagnose(&rules.organisation, &facts, &attributed)));
    told
}

fn assert_same(parts: &[String], whole: &[String], when: &str) {
    assert_eq!(parts.len(), whole.len(), "{when}");
    for (part, whole) in parts.iter().zip(whole) {
        if part != whole {
            let differing = part.lines().zip(whole.lines()).enumerate().find(|(_, (one, other))| one != other);
            let from = differing.map_or(0, |(line, _)| line.saturating_sub(12));
            let around = |text: &str| text.lines().skip(from).take(26).collect::<Vec<_>>().join("\n");
            panic!("{when}: by parts:\n{}\n\nat once:\n{}", around(part), around(whole));
        }
    }
}

fn numbers() -> impl Strategy<Value = Numbers> {
    (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn parts_give_what_the_whole_gives_after_any_change(
        of_organisation in prop::collection::vec(numbers(), 5),
        stored in prop::collection::vec(numbers(), 20..120),
        changes in prop::collection::vec(numbers(), 1..10),
        last in prop::collection::vec(numbers(), 0..5),
        kept in 0..60_usize,
        days_later in 0..700_i64,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Store::open("sqlite::memory:").await.unwrap();
            let rules = rules(organisation(&of_organisation));
            store_all(&store, stored.into_iter().map(fact)).await;
            let mut evaluator = Evaluator::new(store.clone(), rules.clone(), kept);
            // The later it is, the more of the facts is history.
            let as_of = now() + chrono::Duration::days(days_later);
            let mut known = evaluator.update(as_of).await.unwrap().unwrap().known;
            assert_same(&told(&known, &rules).await, &told_at_once(&store, &rules, as_of).await, "at first");
            for change in changes {
                store_all(&store, [fact(change)]).await;
                // Nothing is told anew where the change touches nobody.
                if let Some(updated) = evaluator.update(as_of).await.unwrap() {
                    known = updated.known;
                }
                let when = format!("after {:?}", fact(change));
                assert_same(&told(&known, &rules).await, &told_at_once(&store, &rules, as_of).await, &when);
            }
            // Another one takes over what was told, and finds out by itself what has come since.
            store_all(&store, last.into_iter().map(fact)).await;
            let mut other = Evaluator::new(store.clone(), rules.clone(), kept);
            other.take_over(&known);
            while let Some(updated) = other.update_some(as_of).await.unwrap() {
                known = updated.known;
            }
            other.note().await.unwrap();
            assert!(store.changed_scopes().await.unwrap().is_empty());
            assert_same(&told(&known, &rules).await, &told_at_once(&store, &rules, as_of).await, "taken over");
        });
    }

    #[test]
    fn each_moment_of_a_history_is_what_it_is_by_itself(
        of_organisation in prop::collection::vec(numbers(), 5),
        stored in prop::collection::vec(numbers(), 20..120),
        days in prop::collection::vec(1..20_i64, 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Store::open("sqlite::memory:").await.unwrap();
            let rules = rules(organisation(&of_organisation));
            store_all(&store, stored.into_iter().map(fact)).await;
            let facts = load_facts(&store).await.unwrap();
            let mut evaluator = Evaluator::new(store.clone(), rules.clone(), 0);
            let mut moment = now() - chrono::Duration::days(days.iter().sum());
            for some in days {
                moment += chrono::Duration::days(some);
                let attributed = attribute_in_view(&rules.organisation, &mut facts.clone(), moment);
                let alone = evaluate(&rules.organisation, &attributed, &rules.families, &rules.scorecards, moment);
                let told = |Snapshot { as_of, teams, trends, unmapped, cost: _ }: Snapshot| {
                    [format!("{as_of}"), format!("{teams:#?}"), format!("{trends:#?}"), format!("{unmapped:#?}")]
                };
                let of_history = evaluator.as_of(moment).await.unwrap();
                assert_same(&told(of_history), &told(alone), &format!("as of {moment}"));
            }
        });
    }
}
