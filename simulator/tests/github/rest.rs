//! REST: pages, redirects, filters, headers.

use crate::harness::{Github, link, minute, repository, run, sha};

#[tokio::test]
async fn links_lead_through_all_pages_and_back() {
    let repositories = (1..=7).map(|id| repository(id, 1)).collect();
    let github = Github::start(repositories).await;
    let mut names = Vec::new();
    let mut next = Some("/orgs/acme/repos?per_page=3&sort=full_name".to_owned());
    let mut pages = Vec::new();
    while let Some(address) = next {
        let got = github.get(&address).await;
        names.extend(got.json.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        next = link(&got, "next");
        pages.push(got);
    }
    assert_eq!(names, (1..=7).map(|id| format!("shop-{id}")).collect::<Vec<_>>());
    let base = github.simulator.base_url();
    let page = |number: u32| format!("{base}/orgs/acme/repos?per_page=3&sort=full_name&page={number}");
    assert_eq!(pages[0].header("link"), format!("<{}>; rel=\"next\", <{}>; rel=\"last\"", page(2), page(3)));
    assert_eq!((link(&pages[1], "prev"), link(&pages[1], "first")), (Some(page(1)), Some(page(1))));
    assert_eq!((link(&pages[2], "prev"), link(&pages[2], "last")), (Some(page(2)), None));
    assert_eq!(github.get("/orgs/acme/repos").await.header("link"), "", "seven fit on a page of thirty");
}

#[tokio::test]
async fn an_enterprise_server_answers_below_its_own_root() {
    let github = Github::start((1..=3).map(|id| repository(id, 1)).collect()).await;
    let got = github.get("/api/v3/orgs/acme/repos?per_page=2").await;
    let next = link(&got, "next").unwrap();
    assert_eq!(next, format!("{}/api/v3/orgs/acme/repos?per_page=2&page=2", github.simulator.base_url()));
    assert_eq!(github.get(&next).await.json.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_renamed_repository_redirects_with_its_number_and_keeps_path_and_parameters() {
    let github = Github::start(vec![repository(1, 3)]).await;
    let moved = github.get("/repos/acme/old-1/actions/runs?per_page=1").await;
    let location = format!("{}/repositories/1/actions/runs?per_page=1", github.simulator.base_url());
    assert_eq!((moved.status.as_u16(), moved.header("location")), (301, location.as_str()));
    assert_eq!(moved.json["message"], "Moved Permanently");
    let followed = github.get(&location).await;
    assert_eq!(followed.json["workflow_runs"][0]["id"], 21);
    // Another case of the present name is no rename.
    assert_eq!(github.get("/repos/Acme/SHOP-1").await.status, 200);
}

#[tokio::test]
async fn a_new_repository_takes_a_former_name_over() {
    let mut newcomer = repository(2, 1);
    newcomer.name = "old-1".to_owned();
    let github = Github::start(vec![repository(1, 3), newcomer]).await;
    assert_eq!(github.get("/repos/acme/old-1").await.json["id"], 2);
}

#[tokio::test]
async fn runs_show_their_last_attempt_and_lead_to_the_earlier_ones() {
    let github = Github::start(vec![repository(1, 3)]).await;
    let got = github.get("/repos/acme/shop-1/actions/runs").await;
    assert_eq!((got.json["total_count"].as_u64(), got.json["workflow_runs"].as_array().unwrap().len()), (Some(1), 1));
    let last = &got.json["workflow_runs"][0];
    assert_eq!((last["run_attempt"].as_u64(), last["head_sha"].as_str()), (Some(3), Some(sha(1).as_str())));
    let previous = github.get(last["previous_attempt_url"].as_str().unwrap()).await;
    assert_eq!(previous.json["run_attempt"], 2);
    // Created in minute 21, the second attempt began two minutes later.
    assert_eq!(previous.json["run_started_at"], "2023-11-14T22:36:20Z");
    assert_eq!(github.get("/repos/acme/shop-1/actions/runs/21/attempts/4").await.status, 404);
}

#[tokio::test]
async fn a_filtered_list_of_runs_ends_after_a_thousand() {
    let mut shop = repository(1, 1);
    shop.workflow_runs = (1..=1205).map(|id| run(id, 1)).collect();
    let github = Github::start(vec![shop]).await;
    // 12 full pages of 100 and one of 5 without a filter.
    let all = github.get("/repos/acme/shop-1/actions/runs?per_page=100").await;
    assert!(link(&all, "last").unwrap().ends_with("page=13"));
    assert_eq!(all.json["workflow_runs"][0]["id"], 1205, "the newest comes first");
    let window = format!("{}..{}", minute(0).format("%FT%TZ"), minute(1205).format("%FT%TZ"));
    let capped = github.get(&format!("/repos/acme/shop-1/actions/runs?per_page=100&created={window}")).await;
    let last = link(&capped, "last").unwrap();
    assert!(last.ends_with("page=10"), "{last}");
    // The oldest that can be reached is number 206.
    assert_eq!(github.get(&last).await.json["workflow_runs"][99]["id"], 206);
    // Both ends of a window belong to it: minutes 10 to 12 hold three runs.
    let window = format!("{}..{}", minute(10).format("%FT%TZ"), minute(12).format("%FT%TZ"));
    let few = github.get(&format!("/repos/acme/shop-1/actions/runs?created={}", window.replace(':', "%3A"))).await;
    assert_eq!(few.json["total_count"], 3);
    assert_eq!(github.get("/repos/acme/shop-1/actions/runs?created=soon").await.status, 422);
    let failed = github.get("/repos/acme/shop-1/actions/runs?status=failure").await;
    assert_eq!(failed.json["total_count"], 0);
}

#[tokio::test]
async fn the_files_of_a_large_commit_come_in_pages_of_three_hundred() {
    let mut shop = repository(1, 1);
    let commit = shop.commits.get_mut(&sha(1)).unwrap();
    commit.paths = (0..3100).map(|number| format!("file-{number}")).collect();
    let github = Github::start(vec![shop]).await;
    let first = github.get(&format!("/repos/acme/shop-1/commits/{}", sha(1))).await;
    assert_eq!(first.json["files"].as_array().unwrap().len(), 300);
    // 3,000 files at most: 10 pages.
    assert!(link(&first, "last").unwrap().ends_with("page=10"));
    let second = github.get(&link(&first, "next").unwrap()).await;
    assert_eq!(second.json["files"][0]["filename"], "file-300");
    assert_eq!(github.get("/repos/acme/shop-1/commits/v1").await.json["sha"], sha(1));
    assert_eq!(github.get("/repos/acme/shop-1/commits/none").await.status, 422);
}

#[tokio::test]
async fn lists_are_filtered_as_asked() {
    let github = Github::start(vec![repository(1, 3)]).await;
    let count =
        async |path: &str| github.get(&format!("/repos/acme/shop-1{path}")).await.json.as_array().unwrap().len();
    assert_eq!(count("/issues").await, 1, "only the open one");
    assert_eq!(count("/issues?state=all&labels=incident").await, 2);
    assert_eq!(count("/issues?state=all&labels=incident,other").await, 0, "all labels are wanted");
    let since = minute(50).format("%FT%TZ").to_string();
    assert_eq!(count(&format!("/issues?state=all&since={since}")).await, 1);
    assert_eq!(count("/issues?state=all").await, 5, "three of them are pull requests");
    let pull = &github.get("/repos/acme/shop-1/issues?state=all&labels=feature").await.json[0];
    assert!(pull["pull_request"]["url"].as_str().unwrap().ends_with("/repos/acme/shop-1/pulls/3"), "{pull}");
    assert_eq!(count("/deployments?environment=production").await, 2);
    assert_eq!(count("/pulls").await, 0, "all are merged");
    assert_eq!(count("/pulls?state=closed&base=main").await, 3);
    assert_eq!(count("/deployments/3/statuses").await, 3);
    let statuses = github.get("/repos/acme/shop-1/deployments/3/statuses").await;
    assert_eq!(statuses.json[0]["state"], "inactive", "the newest comes first");
    let events = github.get("/repos/acme/shop-1/issues/8/events").await;
    let names: Vec<&str> =
        events.json.as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["labeled", "assigned", "closed"]);
}

#[tokio::test]
async fn a_pull_request_counts_what_its_lists_hold() {
    let github = Github::start(vec![repository(1, 3)]).await;
    let pull = github.get("/api/v3/repos/acme/shop-1/pulls/2").await.json;
    assert_eq!(
        (&pull["merged"], pull["number"].as_u64(), pull["changed_files"].as_u64()),
        (&true.into(), Some(2), Some(1))
    );
    for (list, field) in [("commits", "commits"), ("comments", "review_comments")] {
        let held = github.get(&format!("/repos/acme/shop-1/pulls/2/{list}")).await;
        assert_eq!((held.json.as_array().unwrap().len() as u64, pull[field].as_u64()), (2, Some(2)), "{list}");
    }
    let reviews = github.get("/repos/acme/shop-1/pulls/2/reviews").await.json;
    let comments = github.get("/repos/acme/shop-1/pulls/2/comments").await.json;
    assert_eq!((&reviews[0]["state"], &reviews[0]["user"]["login"]), (&"APPROVED".into(), &"grace".into()));
    assert_eq!(comments[1]["pull_request_review_id"], reviews[0]["id"]);
    assert_eq!(github.get("/repos/acme/shop-1/pulls/9/reviews").await.status, 404);
    assert_eq!(github.get("/users/grace/orgs").await.json[0]["login"], "acme");
    assert_eq!(github.get("/users/nobody/orgs").await.json.as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_missing_is_404_and_what_is_not_simulated_says_so() {
    let github = Github::start(vec![repository(1, 3)]).await;
    for path in ["/repos/acme/none", "/orgs/acne", "/orgs/acme/teams/none", "/repos/acme/shop-1/deployments/99"] {
        let got = github.get(path).await;
        assert_eq!((got.status.as_u16(), got.json["message"].as_str()), (404, Some("Not Found")), "{path}");
    }
    let got = github.get("/repos/acme/shop-1/stargazers").await;
    assert_eq!(
        (got.status.as_u16(), got.json["message"].as_str()),
        (501, Some("the simulator does not serve GET /repos/acme/shop-1/stargazers"))
    );
    assert_ne!(got.header("x-github-request-id"), "");
    assert_eq!(github.simulator.log().by_route()["GET /repos/acme/none"], 1);
}
