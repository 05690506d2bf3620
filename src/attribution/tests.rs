//! The definitions that are easily got wrong, each on a history small enough to follow by hand.

use proptest::prelude::*;

use super::test_support::{REPOSITORY, World, commits, failure, hour, lead_times};
use super::{DeploymentRule, IncidentService, Ownership, Severity};
use crate::facts::{ChangeReference, PullRequestState, Repository, Sourced};

/// The repository, with a head of its default branch.
fn repository(head: &str) -> Sourced<Repository> {
    let fact = Repository {
        full_name: REPOSITORY.to_owned(),
        host_id: "1".to_owned(),
        default_branch: Some("main".to_owned()),
        branch_heads: [("main".to_owned(), head.to_owned())].into(),
        url: None,
        archived: false,
        created_at: hour(0),
        observed_at: hour(9),
    };
    Sourced { source: "test".to_owned(), fact }
}

/// a ← b ← c ← d on main, each an hour later.
fn line() -> World {
    World::new().commit("a", &[], 0).commit("b", &["a"], 1).commit("c", &["b"], 2).commit("d", &["c"], 3)
}

#[test]
fn the_first_deployment_is_the_baseline_and_later_ones_ship_what_is_new() {
    let world = line().deploy("v1", "a", 10).deploy("v2", "c", 20).deploy("v3", "d", 30);
    assert_eq!(world.told(commits), ["v1 baseline", "v2 b,c", "v3 d"]);
    assert_eq!(world.told(lead_times), ["v1 baseline", "v2 b:19,c:18", "v3 d:27"]);
}

#[test]
fn ancestry_decides_and_not_dates() {
    // A maintenance branch off `a` is deployed between two deployments of main: each commit counts once.
    let world = line()
        .commit("fix", &["a"], 5)
        .deploy("v1", "a", 10)
        .deploy("v2", "c", 20)
        .deploy("v1.1", "fix", 25)
        .deploy("v3", "d", 30);
    assert_eq!(world.told(commits), ["v1 baseline", "v2 b,c", "v1.1 fix", "v3 d"]);
}

#[test]
fn a_merge_ships_its_side_branch_and_carries_no_lead_time_itself() {
    let world = line()
        .commit("side", &["a"], 1)
        .commit("merge", &["d", "side"], 4)
        .deploy("v1", "c", 10)
        .deploy("v2", "merge", 14);
    assert_eq!(world.told(commits), ["v1 baseline", "v2 d,merge,side"]);
    assert_eq!(world.told(lead_times), ["v1 baseline", "v2 d:11,side:13"]);
}

#[test]
fn deploying_the_same_commit_again_ships_nothing_and_is_no_rollback() {
    let world = line().deploy("v1", "a", 10).deploy("v2", "b", 20).deploy("v2-again", "b", 21);
    assert_eq!(world.told(commits), ["v1 baseline", "v2 b", "v2-again "]);
    assert_eq!(world.told(failure), ["v1 ok", "v2 ok", "v2-again ok"]);
}

#[test]
fn an_unknown_commit_is_told_and_never_guessed() {
    let world = line().deploy("v1", "a", 10).deploy("v2", "gone", 20).deploy("v3", "b", 30);
    assert_eq!(world.told(commits), ["v1 baseline", "v2 unlinked", "v3 b"]);
    let attributed = world.attributed();
    assert_eq!(attributed.left_out.iter().map(|item| item.reason).collect::<Vec<_>>(), ["commit_unknown"]);
}

#[test]
fn a_squashed_pull_request_is_represented_by_its_own_commits() {
    // Squashed at hour 3 as `d`; its own commits were authored at hours 1 and 2 and carry the lead time.
    let world = line().pull_request(7, "d", &[("own1", 1), ("own2", 2)]).deploy("v1", "c", 10).deploy("v2", "d", 13);
    assert_eq!(world.told(lead_times), ["v1 baseline", "v2 own1:12,own2:11"]);
}

#[test]
fn a_rebased_pull_request_keeps_its_landed_commits() {
    // Rebasing keeps the authored times: c and d are the two own commits under new names.
    let world = line().pull_request(7, "d", &[("own1", 2), ("own2", 3)]).deploy("v1", "b", 10).deploy("v2", "d", 13);
    assert_eq!(world.told(lead_times), ["v1 baseline", "v2 c:11,d:10"]);
}

#[test]
fn a_backport_with_the_same_number_does_not_count_again() {
    let world = line()
        .pull_request(7, "d", &[("own", 1)])
        .commit("pick", &["a"], 5)
        .with(|commit| commit.pull_request = Some(7))
        .deploy("v1", "a", 6)
        .deploy("v2", "d", 10)
        .deploy("v1.1", "pick", 12);
    assert_eq!(world.told(lead_times), ["v1 baseline", "v2 b:9,c:8,own:9", "v1.1 "]);
    assert_eq!(world.told(commits)[2], "v1.1 pick");
}

#[test]
fn an_incident_within_the_window_fails_the_last_deployment_before_it() {
    let world = line()
        .deploy("v1", "a", 10)
        .deploy("v2", "b", 20)
        .deploy("v3", "c", 50)
        .incident("soon", 22, Some(24), vec![])
        .incident("late", 75, Some(76), vec![]);
    // The incident at 75 began 25 hours after v3: no window, no blame.
    assert_eq!(world.told(failure), ["v1 ok", "v2 Incident until 24", "v3 ok"]);
    assert_eq!(world.attributed().incidents.iter().filter(|item| item.caused_by.is_some()).count(), 1);
}

#[test]
fn a_mild_incident_is_blamed_on_nothing_but_what_it_names() {
    let mut world = line().deploy("v1", "a", 10).deploy("v2", "c", 20).deploy("v3", "d", 21);
    world.organisation.incidents.blamed_up_to = Severity(1);
    let unnamed = World { facts: world.facts.clone(), organisation: world.organisation.clone() };
    assert_eq!(unnamed.incident("i", 22, None, vec![]).told(failure), ["v1 ok", "v2 ok", "v3 ok"]);
    let named = world.incident("i", 22, None, vec![ChangeReference::Commit("b".to_owned())]);
    assert_eq!(named.told(failure), ["v1 ok", "v2 LinkedIncident", "v3 ok"]);
}

#[test]
fn a_deployment_fails_once_and_recovers_with_the_first_of_its_mends() {
    let world = line()
        .deploy("v1", "a", 10)
        .deploy("v2", "b", 20)
        .deploy("v1-again", "a", 23)
        .incident("one", 21, Some(30), vec![])
        .incident("two", 22, Some(25), vec![]);
    assert_eq!(world.told(failure), ["v1 ok", "v2 Incident until 23", "v1-again ok, a fix"]);
}

#[test]
fn going_back_to_an_earlier_version_fails_the_one_before() {
    let world = line().deploy("v1", "a", 10).deploy("v2", "b", 20).deploy("v3", "c", 30).deploy("back", "b", 31);
    assert_eq!(world.told(failure), ["v1 ok", "v2 ok", "v3 Rollback until 31", "back ok, a fix"]);
    assert_eq!(world.told(commits)[3], "back ");
}

#[test]
fn going_forward_again_after_a_rollback_is_no_rollback() {
    let world = line().deploy("v1", "a", 10).deploy("v2", "b", 20).deploy("back", "a", 21).deploy("again", "b", 30);
    assert_eq!(world.told(failure), ["v1 ok", "v2 Rollback until 21", "back ok, a fix", "again ok"]);
}

#[test]
fn merges_to_a_branch_are_deployments_also_when_the_past_is_looked_at() {
    let mut world = line();
    world.organisation.services.get_mut("shop").unwrap().deployments = DeploymentRule::Merge { branch: None }.into();
    world.facts.repositories.push(repository("d"));
    let told = |as_of| {
        let attributed = super::attribute(&world.organisation, &world.facts, hour(as_of));
        attributed.deployments.iter().map(commits).collect::<Vec<_>>()
    };
    assert_eq!(told(100), ["baseline", "b", "c", "d"]);
    assert_eq!(told(2), ["baseline", "b", "c"]);
}

#[test]
fn a_rebased_pull_request_is_merged_once_and_clocks_fail_nothing() {
    // Rebasing gives all commits the same second, and their names sort against their order; whoever pushed `fix` has a clock
    // that is behind.
    let mut world = World::new()
        .commit("base", &[], 0)
        .commit("z", &["base"], 5)
        .commit("y", &["z"], 5)
        .commit("x", &["y"], 5)
        .pull_request(7, "x", &[("own1", 5), ("own2", 5), ("own3", 5)])
        .commit("fix", &["x"], 4);
    world.organisation.services.get_mut("shop").unwrap().deployments = DeploymentRule::Merge { branch: None }.into();
    world.facts.repositories.push(repository("fix"));
    assert_eq!(world.told(commits), ["merge base baseline", "merge fix fix", "merge x x,y,z"]);
    assert_eq!(world.told(failure), ["merge base ok", "merge fix ok", "merge x ok"]);
}

#[test]
fn tags_of_the_same_second_stand_in_the_order_of_their_commits() {
    let world = line().deploy("v1", "a", 10).deploy("v9", "b", 20).deploy("v10", "c", 20);
    assert_eq!(world.told(commits), ["v1 baseline", "v10 c", "v9 b"]);
    assert_eq!(world.told(failure), ["v1 ok", "v10 ok", "v9 ok"]);
}

#[test]
fn an_environment_that_gets_its_versions_later_does_not_roll_back_the_first() {
    let mut world = line();
    world.organisation.services.get_mut("shop").unwrap().deployments = DeploymentRule::Auto.into();
    let world = [("eu", "a", 10), ("us", "a", 15), ("eu", "b", 20), ("us", "b", 25), ("eu", "c", 30), ("us", "a", 35)]
        .into_iter()
        .fold(world, |world, (place, sha, at)| world.deploy_to(&format!("production-{place}"), sha, at));
    let told = ["eu a", "us a", "eu b", "us b", "eu c", "us a"].map(|told| format!("production-{told}"));
    let failed = ["ok", "ok", "ok", "Rollback until 35", "ok", "ok, a fix"];
    assert_eq!(
        world.told(failure),
        told.iter().zip(failed).map(|(told, failed)| format!("{told} {failed}")).collect::<Vec<_>>()
    );
}

#[test]
fn an_incident_that_names_a_change_of_another_repository_is_the_fault_of_none_here() {
    let named = |repository: &str| {
        let cause = ChangeReference::PullRequestIn { repository: repository.to_owned(), number: 7 };
        let world = line().pull_request(7, "b", &[("own", 1)]).deploy("v1", "a", 10).deploy("v2", "b", 20);
        world.deploy("v3", "c", 30).incident("outage", 31, None, vec![cause]).told(failure)
    };
    assert_eq!(named("Acme/Shop"), ["v1 ok", "v2 LinkedIncident", "v3 ok"]);
    assert_eq!(named("acme/payments"), ["v1 ok", "v2 ok", "v3 ok"]);
}

#[test]
fn a_number_of_the_tracker_that_an_incident_is_in_names_no_change_elsewhere() {
    let cause = ChangeReference::PullRequestIn { repository: "acme/incidents".to_owned(), number: 7 };
    let world = line().deploy("v1", "a", 10).deploy("v2", "b", 20);
    let world = world.incident("Acme/Incidents#12", 21, None, vec![cause]);
    assert_eq!(world.told(failure), ["v1 ok", "v2 Incident"]);
}

#[test]
fn a_later_revert_fails_the_deployment_that_shipped_the_change() {
    let reference = ChangeReference::Commit("b".to_owned());
    let world = line()
        .revert("undo", &["d"], 5, reference)
        .deploy("v1", "a", 10)
        .deploy("v2", "b", 20)
        .deploy("v3", "d", 30)
        .deploy("v4", "undo", 40);
    assert_eq!(world.told(failure), ["v1 ok", "v2 Revert until 40", "v3 ok", "v4 ok, a fix"]);
}

#[test]
fn a_revert_within_the_same_release_is_no_failure() {
    let reference = ChangeReference::Commit("b".to_owned());
    let world = line().revert("undo", &["d"], 5, reference).deploy("v1", "a", 10).deploy("v2", "undo", 20);
    assert_eq!(world.told(failure), ["v1 ok", "v2 ok"]);
}

#[test]
fn reverts_are_understood_by_number_by_prefix_and_by_subject() {
    let sha = "0123456789abcdef0123456789abcdef01234567";
    let references = [
        ChangeReference::PullRequest(7),
        ChangeReference::Commit("0123456789".to_owned()),
        ChangeReference::Subject(format!("change {sha}")),
    ];
    for reference in references {
        let world = World::new()
            .commit("a", &[], 0)
            .commit(sha, &["a"], 1)
            .pull_request(7, sha, &[("own", 1)])
            .revert("undo", &[sha], 5, reference.clone())
            .deploy("v1", "a", 10)
            .deploy("v2", sha, 20)
            .deploy("v3", "undo", 30);
        assert_eq!(world.told(failure), ["v1 ok", "v2 Revert until 30", "v3 ok, a fix"], "{reference:?}");
    }
}

#[test]
fn a_hotfix_fails_the_deployment_before_it() {
    let world = line()
        .pull_request(9, "d", &[("own", 2)])
        .with_pull_request(|fact| fact.labels = vec!["Hotfix".to_owned()])
        .deploy("v1", "a", 10)
        .deploy("v2", "c", 20)
        .deploy("v3", "d", 22);
    assert_eq!(world.told(failure), ["v1 ok", "v2 Hotfix until 22", "v3 ok, a fix"]);
}

#[test]
fn a_service_of_a_monorepo_ships_only_what_touches_its_paths() {
    let mut world = World::new()
        .commit("a", &[], 0)
        .commit("ours", &["a"], 1)
        .with(|commit| commit.paths = Some(vec!["shop/main.rs".to_owned()]))
        .commit("theirs", &["ours"], 2)
        .with(|commit| commit.paths = Some(vec!["cart/main.rs".to_owned()]))
        .deploy("v1", "a", 10)
        .deploy("v2", "theirs", 20);
    let paths = globset::GlobSetBuilder::new().add(globset::Glob::new("shop/**").unwrap()).build().unwrap();
    world.organisation.services.get_mut("shop").unwrap().paths = Some(paths);
    assert_eq!(world.told(commits), ["v1 baseline", "v2 ours"]);
}

#[test]
fn what_was_withdrawn_is_no_incident() {
    let mut world = line().deploy("v1", "a", 10).deploy("v2", "b", 20).incident("outage", 21, None, Vec::new());
    assert_eq!(world.told(failure), ["v1 ok", "v2 Incident"]);
    world.facts.incidents[0].fact.withdrawn = true;
    let attributed = world.attributed();
    assert!(attributed.incidents.is_empty());
    assert_eq!(world.told(failure), ["v1 ok", "v2 ok"]);
    let told: Vec<_> = attributed.left_out.iter().map(|item| (item.reason, item.team.as_deref())).collect();
    assert_eq!(told, [("withdrawn", Some("team"))]);
}

#[test]
fn ownership_has_dates() {
    let mut world = line().deploy("v1", "a", 10).deploy("v2", "b", 500);
    let moved = hour(200).date_naive();
    world.organisation.services.get_mut("shop").unwrap().owners = vec![
        Ownership { team: "team".to_owned(), from: None, until: Some(moved) },
        Ownership { team: "other".to_owned(), from: Some(moved), until: None },
    ];
    assert_eq!(world.told(|item| item.team.clone().unwrap_or_default()), ["v1 team", "v2 other"]);
}

#[test]
fn between_time_zones_a_service_is_never_nobodys() {
    // The day begins at 15:00 UTC before in Tokyo, and at 7:00 UTC in Los Angeles; deployed at 18:26, 4:26 and 14:26.
    let mut world = line().deploy("v1", "a", 190).deploy("v2", "b", 200).deploy("v3", "c", 210);
    let moved = hour(200).date_naive();
    world.organisation.services.get_mut("shop").unwrap().owners = vec![
        Ownership { team: "team".to_owned(), from: None, until: Some(moved) },
        Ownership { team: "other".to_owned(), from: Some(moved), until: None },
    ];
    let zones = [chrono_tz::Asia::Tokyo, chrono_tz::America::Los_Angeles];
    for zones in [zones, [zones[1], zones[0]]] {
        for (team, zone) in ["team", "other"].into_iter().zip(zones) {
            world.organisation.teams.get_mut(team).unwrap().calendar.time_zone = zone;
        }
        assert_eq!(world.told(|item| item.team.clone().unwrap_or_default()), ["v1 team", "v2 team", "v3 other"]);
    }
}

#[test]
fn auto_says_what_it_took_and_what_else_was_seen() {
    let mut world = line().deploy("v1", "a", 10);
    world.organisation.services.get_mut("shop").unwrap().deployments = DeploymentRule::Auto.into();
    assert_eq!(world.attributed().chosen_rules["shop"], "auto took tags");
    let release = crate::facts::Release {
        repository: REPOSITORY.to_owned(),
        id: "1".to_owned(),
        tag: "v1".to_owned(),
        sha: None,
        prerelease: false,
        created_at: hour(10),
        published_at: hour(11),
        url: None,
    };
    world.facts.releases.push(Sourced { source: "test".to_owned(), fact: release });
    let attributed = world.attributed();
    assert_eq!(attributed.chosen_rules["shop"], "auto took releases; not counted: 1 tags");
    assert_eq!(attributed.deployments.len(), 1, "a release and its tag are one deployment");
    assert_eq!(attributed.deployments[0].sha, "a");
}

#[test]
fn a_repository_of_a_team_is_a_service_without_being_named() {
    let mut world = line().deploy("v1", "a", 10);
    world.organisation.services.clear();
    world.organisation.teams.get_mut("team").unwrap().repositories = vec![REPOSITORY.to_owned()];
    let attributed = world.attributed();
    assert_eq!(attributed.deployments[0].service, "shop");
    assert_eq!(attributed.deployments[0].team.as_deref(), Some("team"));
}

#[test]
fn an_incident_without_a_service_is_told_and_kept() {
    let mut world = line().incident("lost", 5, None, vec![]);
    world.facts.incidents[0].fact.service = "PLOST".to_owned();
    let attributed = world.attributed();
    assert_eq!(attributed.incidents.len(), 1);
    assert!(attributed.left_out[0].explanation.contains("write test = [\"PLOST\"]"), "{:?}", attributed.left_out);
    let named = IncidentService { source: "test".to_owned(), service: "PLOST".to_owned(), labels: Vec::new() };
    world.organisation.services.get_mut("shop").unwrap().incident_services.push(named);
    assert_eq!(world.attributed().incidents[0].service.as_deref(), Some("shop"));
}

#[test]
fn the_past_is_seen_as_it_was() {
    // Merged at hour 1 and reviewed later: as of hour 0 it is open, and nothing was deployed.
    let world = line().pull_request(7, "d", &[("own", 0)]).deploy("v1", "a", 10);
    let then = super::attribute(&world.organisation, &world.facts, hour(0));
    assert_eq!(then.pull_requests[0].pull_request.state, PullRequestState::Open);
    assert!(then.deployments.is_empty());
}

#[test]
fn a_past_that_was_told_stays_as_it_was_when_later_things_happen() {
    let world = line().deploy("v1", "a", 10).deploy("v2", "c", 20).incident("i", 21, Some(40), vec![]);
    let told = |world: &World| super::attribute(&world.organisation, &world.facts, hour(30)).deployments;
    let before = told(&world);
    assert_eq!(before[1].failure.as_ref().unwrap().recovered_at, None, "the incident was open then");
    let later = world.deploy("v3", "d", 50).deploy("back", "a", 60).incident("j", 51, Some(52), vec![]);
    assert_eq!(told(&later), before);
}

#[test]
fn configured_bots_are_bots_everywhere() {
    let mut world = line().pull_request(7, "d", &[("own", 0)]);
    world.organisation.bots.insert("author".to_owned());
    assert!(world.attributed().pull_requests[0].pull_request.author.as_ref().unwrap().bot);
}

proptest! {
    #[test]
    fn the_order_of_facts_does_not_matter(seed in any::<u64>()) {
        let world = line()
            .pull_request(7, "d", &[("own1", 1), ("own2", 2)])
            .revert("undo", &["d"], 5, ChangeReference::PullRequest(7))
            .deploy("v1", "a", 10)
            .deploy("v2", "c", 20)
            .deploy("v3", "d", 30)
            .deploy("v4", "undo", 40)
            .incident("i", 31, Some(35), vec![]);
        let expected = world.attributed();
        let mut shuffled = World { facts: world.facts.clone(), organisation: world.organisation.clone() };
        let rank = |place: usize| (place as u64 + 1).wrapping_mul(seed | 1).rotate_left(17);
        let mut order: Vec<usize> = (0..shuffled.facts.commits.len()).collect();
        order.sort_by_key(|place| rank(*place));
        shuffled.facts.commits = order.iter().map(|place| world.facts.commits[*place].clone()).collect();
        shuffled.facts.tags.reverse();
        let found = shuffled.attributed();
        prop_assert_eq!(found.deployments, expected.deployments);
        prop_assert_eq!(found.incidents, expected.incidents);
    }
}

#[test]
fn a_repository_of_two_teams_counts_for_the_first_of_them_and_is_told() {
    let shared = || {
        let mut world = World::new().commit("a", &[], 0).deploy("v1", "a", 1);
        for team in world.organisation.teams.values_mut() {
            team.repositories = vec![REPOSITORY.to_owned()];
        }
        world
    };
    // No table names it, or one that does not say whose it is.
    let (mut unnamed, mut named) = (shared(), shared());
    unnamed.organisation.services.clear();
    named.organisation.services.values_mut().for_each(|service| service.owners.clear());
    for world in [unnamed, named] {
        let attributed = world.attributed();
        assert_eq!(attributed.deployments[0].team.as_deref(), Some("other"));
        let told = attributed.left_out.iter().find(|item| item.reason == "shared_repository").unwrap();
        assert!(told.explanation.contains("belongs to several teams (other, team): it counts for other"), "{told:?}");
    }
    // The table of its service says whose it is.
    let attributed = shared().attributed();
    assert_eq!(attributed.deployments[0].team.as_deref(), Some("team"));
    assert!(attributed.left_out.iter().all(|item| item.reason != "shared_repository"));
}
