//! A change evaluates what it touches, and time what it changes.

use chiplog::attribution::{Organisation, Ownership};
use chiplog::facts::{
    Batch, Commit, Fact, Incident, Iteration, IterationMembership, Moment, Repository, Tag, TeamRepositories, WorkItem,
};
use chiplog::pipeline::{Evaluator, KEPT_FACTS, Updated};
use chiplog::store::Store;
use chrono::Duration;

use super::facts::{now, rules, service, store_all, team};
use crate::store_contract::engines;

/// Three teams: two with a repository each and one project between them, and one that nothing ever happens to.
fn organisation() -> Organisation {
    let mut organisation = Organisation::default();
    for (id, component) in [("pay", "checkout"), ("search", "index"), ("quiet", "nothing")] {
        let projects = [format!("SHOP:{component}")];
        organisation.teams.insert(id.to_owned(), team(id, &projects, &[format!("acme/{id}")]));
    }
    let owner = vec![Ownership { team: "pay".to_owned(), from: None, until: None }];
    organisation.services.insert("till".to_owned(), service("till", "acme/pay", owner));
    organisation
}

fn ago(days: i64) -> Moment {
    now() - Duration::days(days)
}

fn tag(repository: &str, name: &str, at: Moment) -> (&'static str, Fact) {
    let (repository, name) = (repository.to_owned(), name.to_owned());
    ("github", Fact::Tag(Tag { repository, sha: format!("{name:0>40}"), name, tagged_at: at, url: None }))
}

fn commit(repository: &str, name: &str, at: Moment) -> (&'static str, Fact) {
    let commit = Commit {
        repository: repository.to_owned(),
        sha: format!("{name:0>40}"),
        parents: Vec::new(),
        authored_at: at,
        committed_at: at,
        author: None,
        subject: name.to_owned(),
        reverts: Vec::new(),
        pull_request: None,
        paths: None,
        url: None,
    };
    ("github", Fact::Commit(commit))
}

fn item(id: &str, component: &str, points: f64) -> (&'static str, Fact) {
    let membership = IterationMembership { iteration: "41".to_owned(), added_at: None, removed_at: None };
    let item = WorkItem {
        id: id.to_owned(),
        project: "SHOP".to_owned(),
        components: vec![component.to_owned()],
        words: Vec::new(),
        title: id.to_owned(),
        created_at: ago(30),
        transitions: Vec::new(),
        iterations: if component == "checkout" { vec![membership] } else { Vec::new() },
        points: Some(points),
        updated_at: ago(20),
        url: None,
    };
    ("jira", Fact::WorkItem(item))
}

fn incident(service: &str, minutes: i64) -> (&'static str, Fact) {
    let incident = Incident {
        id: "q1".to_owned(),
        service: service.to_owned(),
        service_name: None,
        title: "down".to_owned(),
        severity_words: Vec::new(),
        created_at: ago(3),
        impact_started_at: None,
        updates: Vec::new(),
        causes: Vec::new(),
        withdrawn: false,
        updated_at: ago(3) + Duration::minutes(minutes),
        url: None,
    };
    ("pager", Fact::Incident(incident))
}

fn listed(at: Moment) -> [(&'static str, Fact); 2] {
    let repository = Repository {
        full_name: "acme/pay".to_owned(),
        host_id: "h1".to_owned(),
        default_branch: Some("main".to_owned()),
        branch_heads: std::collections::BTreeMap::new(),
        url: None,
        archived: false,
        created_at: ago(900),
        observed_at: at,
    };
    let lists =
        TeamRepositories { team: "acme/pay".to_owned(), repositories: vec!["acme/pay".to_owned()], observed_at: at };
    [("github", Fact::Repository(repository)), ("github", Fact::TeamRepositories(lists))]
}

/// A store with a year of weekly deployments of two teams, evaluated.
async fn evaluated() -> (Store, Evaluator) {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let mut facts = Batch::default();
    for week in 0..52 {
        for (name, repository) in [("a", "acme/pay"), ("b", "acme/search")] {
            let (name, at) = (format!("{name}{week}"), ago(7 * week) - Duration::hours(5));
            facts.facts.push(commit(repository, &name, at).1);
            facts.facts.push(tag(repository, &name, at).1);
        }
    }
    store.accept("github", &facts, now()).await.unwrap();
    store_all(&store, listed(ago(1))).await;
    store_all(&store, [item("SHOP-1", "checkout", 1.0), item("SHOP-2", "index", 1.0), incident("till", 0)]).await;
    let mut evaluator = Evaluator::new(store.clone(), rules(organisation()), KEPT_FACTS);
    let first = evaluator.update(now()).await.unwrap().unwrap();
    assert_eq!(first.teams, ["pay", "quiet", "search"]);
    assert!(evaluator.update(now()).await.unwrap().is_none(), "nothing has changed since");
    (store, evaluator)
}

async fn after(
    store: &Store,
    evaluator: &mut Evaluator,
    facts: impl IntoIterator<Item = (&'static str, Fact)>,
) -> Updated {
    store_all(store, facts).await;
    let updated = evaluator.update(now()).await.unwrap().unwrap();
    assert!(store.changed_scopes().await.unwrap().is_empty(), "what was evaluated is noted");
    updated
}

#[tokio::test(flavor = "multi_thread")]
async fn one_new_fact_evaluates_its_team_and_no_other() {
    let (store, mut evaluator) = evaluated().await;
    let before = evaluator.update(now() + Duration::minutes(6)).await.unwrap().unwrap().known;
    let updated = after(&store, &mut evaluator, [tag("acme/search", "b-new", now() - Duration::hours(1))]).await;
    assert_eq!(updated.teams, ["search"]);
    for (one, other) in before.snapshot.teams.iter().zip(&updated.known.snapshot.teams) {
        let is_the_same = std::sync::Arc::ptr_eq(one, other);
        assert_eq!(is_the_same, one.id != "search", "{}", one.id);
    }
    // Of a week that is not complete no trend is told.
    assert!(std::sync::Arc::ptr_eq(&before.snapshot.trends, &updated.known.snapshot.trends));
    let updated = after(&store, &mut evaluator, [tag("acme/pay", "late", ago(17))]).await;
    assert_eq!(updated.teams, ["pay"]);
    assert!(!std::sync::Arc::ptr_eq(&before.snapshot.trends, &updated.known.snapshot.trends));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_several_teams_share_touches_those_whose_share_has_changed() {
    let (store, mut evaluator) = evaluated().await;
    let updated = after(&store, &mut evaluator, [item("SHOP-2", "index", 5.0)]).await;
    assert_eq!(updated.teams, ["search"], "the project is of two teams, the item of one");
    let updated = after(&store, &mut evaluator, [item("SHOP-2", "checkout", 5.0)]).await;
    assert_eq!(updated.teams, ["pay", "search"], "it has moved from one to the other");
    let iteration = Iteration {
        id: "41".to_owned(),
        board: "7".to_owned(),
        name: "Sprint 41".to_owned(),
        started_at: ago(25),
        ends_at: ago(11),
        closed_at: None,
        updated_at: ago(11),
        url: None,
    };
    let updated = after(&store, &mut evaluator, [("jira", Fact::Iteration(iteration))]).await;
    assert_eq!(updated.teams, ["pay"], "its items are of one team");
    // Lists that are read again every hour say the same.
    store_all(&store, listed(ago(0))).await;
    assert!(evaluator.update(now()).await.unwrap().is_none());
    assert!(store.changed_scopes().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_moves_is_missing_where_it_was() {
    let (store, mut evaluator) = evaluated().await;
    let updated = after(&store, &mut evaluator, [incident("acme/search", 1)]).await;
    assert_eq!(updated.teams, ["pay", "search"]);
    let incidents = |id: &str| {
        let teams = &updated.known.snapshot.teams;
        teams.iter().find(|team| team.id == id).unwrap().last_incident_at.is_some()
    };
    assert_eq!((incidents("pay"), incidents("search")), (false, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_that_a_team_gets_divide_the_organisation_anew() {
    let (store, mut evaluator) = evaluated().await;
    let repositories = vec!["acme/pay".to_owned(), "acme/extra".to_owned()];
    let lists = TeamRepositories { team: "acme/pay".to_owned(), repositories, observed_at: now() };
    let facts = [("github", Fact::TeamRepositories(lists)), tag("acme/extra", "x", ago(1))];
    let updated = after(&store, &mut evaluator, facts).await;
    let pay = updated.known.snapshot.teams.iter().find(|team| team.id == "pay").unwrap();
    assert!(pay.services.contains(&"extra".to_owned()), "{:?}", pay.services);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_has_evaluated_is_found_within_a_minute() {
    let (store, mut evaluator) = evaluated().await;
    store_all(&store, [tag("acme/search", "b-new", now() - Duration::hours(1))]).await;
    // Another program takes it first.
    store.note_evaluated(&store.changed_scopes().await.unwrap()).await.unwrap();
    assert!(evaluator.update(now()).await.unwrap().is_none());
    let updated = evaluator.update(now() + Duration::minutes(1)).await.unwrap().unwrap();
    assert_eq!(updated.teams, ["search"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_over_is_evaluated_anew_also_while_something_else_keeps_changing() {
    let (store, mut evaluator) = evaluated().await;
    let told = evaluator.update(now() + Duration::minutes(10)).await.unwrap().unwrap();
    let mut heir = Evaluator::new(store.clone(), rules(organisation()), KEPT_FACTS);
    heir.take_over(&told.known);
    store_all(&store, [tag("acme/pay", "taken-over", ago(1))]).await;
    let updated = heir.update_some(now() + Duration::minutes(10)).await.unwrap().unwrap();
    assert_eq!((updated.teams.len(), updated.changes), (told.known.snapshot.teams.len(), 1), "{:?}", updated.teams);
}

#[tokio::test(flavor = "multi_thread")]
async fn time_evaluates_the_teams_whose_numbers_it_changes() {
    let (_store, mut evaluator) = evaluated().await;
    // Within the hour nothing is due; every five minutes it is told that all of it still holds.
    let updated = evaluator.update(now() + Duration::minutes(10)).await.unwrap().unwrap();
    assert_eq!((updated.teams.len(), updated.known.snapshot.as_of), (0, now() + Duration::minutes(10)));
    // What is open has grown older after an hour, for the teams that have something open.
    let updated = evaluator.update(now() + Duration::minutes(65)).await.unwrap().unwrap();
    assert_eq!((updated.teams.as_slice(), updated.changes), (&["pay".to_owned()][..], 0));
    // At midnight the working days of the windows move; a team that nothing happens to is not evaluated, and holds.
    let midnight: Moment = "2026-11-19T00:00:00Z".parse().unwrap();
    let updated = evaluator.update(midnight).await.unwrap().unwrap();
    assert_eq!(updated.teams, ["pay", "search"]);
    let quiet = updated.known.snapshot.teams.iter().find(|team| team.id == "quiet").unwrap();
    assert_eq!((quiet.as_of, quiet.open().unwrap().timeline.until), (midnight, midnight));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_leaves_no_numbers_of_a_time_to_come() {
    let (store, mut evaluator) = evaluated().await;
    let at = now() + Duration::minutes(10);
    let shown = |updated: &Updated| format!("{:#?}", updated.known.snapshot.teams);
    let ahead = evaluator.update(now() + Duration::days(400)).await.unwrap().unwrap();
    let back = evaluator.update(at).await.unwrap().unwrap();
    let anew = Evaluator::new(store, rules(organisation()), KEPT_FACTS).update(at).await.unwrap().unwrap();
    assert_ne!(shown(&ahead), shown(&anew));
    assert_eq!((shown(&back), back.known.snapshot.as_of), (shown(&anew), at));
    assert!(evaluator.update(at).await.unwrap().is_none(), "once is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_week_is_complete_its_trends_are_told_at_once() {
    let (_store, mut evaluator) = evaluated().await;
    let last_week = |updated: &Updated| {
        let trend =
            updated.known.snapshot.trends.iter().find(|it| it.team == "pay" && it.kpi == "deployment_frequency");
        trend.and_then(|trend| trend.weeks.last()).unwrap().monday.to_string()
    };
    let sunday = evaluator.update("2026-11-22T23:58:00Z".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(last_week(&sunday), "2026-11-09");
    let monday = evaluator.update("2026-11-23T00:00:00Z".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((monday.teams.as_slice(), monday.changes), (&["pay".to_owned(), "search".to_owned()][..], 0));
    assert_eq!(last_week(&monday), "2026-11-16");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_several_times_is_noted_once_it_is_published() {
    let (_folder, stores) = engines().await;
    for store in stores {
        store_all(&store, [tag("acme/pay", "v1", ago(3))]).await;
        let mut evaluator = Evaluator::new(store.clone(), rules(organisation()), KEPT_FACTS);
        evaluator.update_some(now()).await.unwrap();
        store_all(&store, [tag("acme/pay", "v2", ago(2))]).await;
        evaluator.update_some(now()).await.unwrap();
        assert_eq!(store.changed_scopes().await.unwrap().len(), 1, "{store:?}");
        evaluator.note().await.unwrap();
        assert!(store.changed_scopes().await.unwrap().is_empty(), "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_evaluated_is_told_and_holds_no_other_up() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("store.db").display());
    let store = Store::open(&url).await.unwrap();
    store_all(&store, [tag("acme/pay", "v1", ago(3)), commit("acme/pay", "v1", ago(3))]).await;
    store_all(&store, [tag("acme/search", "v1", ago(3)), commit("acme/search", "v1", ago(3))]).await;
    let database = sqlx::SqlitePool::connect(&url).await.unwrap();
    let write = async |document: &str| {
        let update = "UPDATE tags SET body = $1 WHERE scope = 'acme/pay'";
        sqlx::query(update).bind(document).execute(&database).await.unwrap();
    };
    let (good,): (String,) =
        sqlx::query_as("SELECT body FROM tags WHERE scope = 'acme/pay'").fetch_one(&database).await.unwrap();
    write("{\"of\": \"another version\"}").await;

    let mut evaluator = Evaluator::new(store.clone(), rules(organisation()), KEPT_FACTS);
    let told = |updated: &Updated| {
        let findings = updated.known.findings.iter();
        findings.filter(|it| it.message.starts_with("cannot be evaluated: pay: ")).count()
    };
    let first = evaluator.update_some(now()).await.unwrap().unwrap();
    assert_eq!((first.teams.as_slice(), told(&first)), (&["quiet".to_owned(), "search".to_owned()][..], 1));
    // What changes elsewhere is evaluated as ever; what is noted as evaluated is not before all is.
    store_all(&store, [tag("acme/search", "v2", ago(2))]).await;
    let second = evaluator.update_some(now() + Duration::seconds(1)).await.unwrap().unwrap();
    assert_eq!((second.teams.as_slice(), told(&second)), (&["search".to_owned()][..], 1));
    evaluator.note().await.unwrap();
    assert!(!store.changed_scopes().await.unwrap().is_empty());
    // Whoever asks for all is not given less.
    let mut all = Evaluator::new(store.clone(), rules(organisation()), KEPT_FACTS);
    assert!(all.as_of(now()).await.unwrap_err().to_string().contains("acme/pay"), "the fact is named");
    let findings = Evaluator::new(store.clone(), rules(organisation()), KEPT_FACTS).findings(now()).await.unwrap();
    assert!(findings.iter().any(|it| it.message.starts_with("cannot be evaluated: pay: ")), "{findings:?}");

    write(&good).await;
    let third = evaluator.update_some(now() + Duration::seconds(10)).await.unwrap().unwrap();
    assert_eq!((third.teams.as_slice(), told(&third)), (&["pay".to_owned()][..], 0));
    evaluator.note().await.unwrap();
    assert!(store.changed_scopes().await.unwrap().is_empty());
    let anew = all.update(now() + Duration::seconds(10)).await.unwrap().unwrap();
    let shown =
        |updated: &Updated| format!("{:?}", updated.known.snapshot.teams.iter().map(|it| &it.id).collect::<Vec<_>>());
    assert_eq!((shown(&third), third.known.snapshot.trends.len()), (shown(&anew), anew.known.snapshot.trends.len()));
}
