//! GraphQL: validation, pages, prices, what every field says.

use std::collections::BTreeSet;

use chiplog_simulator::world::Tag;
use serde_json::{Value, json};

use crate::harness::{Github, commit, minute, repository, sha};

/// A field within `repository(owner: "acme", name: "shop-1")`.
fn of_shop(inner: &str) -> String {
    format!("{{ repository(owner: \"acme\", name: \"shop-1\") {{ {inner} }} }}")
}

fn texts(values: &Value, pointer: &str) -> Vec<String> {
    let values = values.as_array().unwrap();
    values.iter().map(|value| value.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_wrong_query_gets_the_error_of_githubs_own_schema() {
    let github = Github::start(vec![repository(1, 3)]).await;
    let no_field = github.error(&of_shop("pullRequest(number: 1) { mergedOn }")).await;
    assert!(no_field.contains("mergedOn") && no_field.contains("PullRequest"), "{no_field}");
    let no_argument = github.error(&of_shop("pullRequest { title }")).await;
    assert!(no_argument.contains("number"), "{no_argument}");
    let wrong_enum = github
        .error(&of_shop(
            "refs(refPrefix: \"refs/tags/\", first: 1, orderBy: {field: SIZE, direction: ASC}) { totalCount }",
        ))
        .await;
    assert!(wrong_enum.contains("SIZE"), "{wrong_enum}");
    let not_a_number = github
        .query(
            "query($n: Int!) { repository(owner: \"acme\", name: \"shop-1\") { issue(number: $n) { title } } }",
            json!({ "n": "one" }),
        )
        .await;
    assert!(not_a_number.json["errors"][0]["message"].is_string(), "{}", not_a_number.text);
    assert!(not_a_number.json["data"].is_null());
    // What is refused costs nothing.
    assert_eq!(github.simulator.log().points(), 0);
}

#[tokio::test]
async fn what_is_not_simulated_is_refused_loudly() {
    let github = Github::start(vec![repository(1, 3)]).await;
    assert_eq!(
        github.error(&of_shop("forkCount")).await,
        "NOT_SIMULATED: the simulator does not know the field Repository.forkCount"
    );
    assert_eq!(
        github
            .error(&of_shop(
                "object(expression: \"HEAD\") { ... on Commit { history(first: 1, author: {}) { totalCount } } }"
            ))
            .await,
        "NOT_SIMULATED: the simulator does not honour the argument Commit.history(author)"
    );
    assert_eq!(
        github.error(&of_shop("issues(first: 1, orderBy: {field: COMMENTS, direction: ASC}) { totalCount }")).await,
        "NOT_SIMULATED: the simulator does not order by COMMENTS, only by CREATED_AT, UPDATED_AT"
    );
    assert_eq!(
        github.error(&of_shop("issues(first: 1, filterBy: {milestone: \"1\"}) { totalCount }")).await,
        "NOT_SIMULATED: the simulator does not honour the filter milestone of issues"
    );
    assert_eq!(
        github.error("mutation { addStar(input: {starrableId: \"R_1\"}) { clientMutationId } }").await,
        "the simulator answers queries only"
    );
}

#[tokio::test]
async fn errors_have_githubs_types_words_and_paths() {
    let github = Github::start(vec![repository(1, 3)]).await;
    let cases = [
        (
            "{ repository(owner: \"acme\", name: \"none\") { id } }",
            "NOT_FOUND: Could not resolve to a Repository with the name 'acme/none'.",
        ),
        (
            "{ organization(login: \"acne\") { id } }",
            "NOT_FOUND: Could not resolve to an Organization with the login of 'acne'.",
        ),
        ("{ node(id: \"R_99\") { id } }", "NOT_FOUND: Could not resolve to a node with the global id of 'R_99'"),
        (
            "{ repository(owner: \"acme\", name: \"shop-1\") { pullRequest(number: 99) { id } } }",
            "NOT_FOUND: Could not resolve to a PullRequest with the number of 99.",
        ),
        (
            "{ repository(owner: \"acme\", name: \"shop-1\") { issue(number: 99) { id } } }",
            "NOT_FOUND: Could not resolve to an Issue with the number of 99.",
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(github.error(query).await, expected);
    }
    // The neighbours of what is missing are there.
    let got = github.query("{ one: repository(owner: \"acme\", name: \"shop-1\") { name } two: repository(owner: \"acme\", name: \"none\") { name } nodes(ids: [\"R_1\", \"R_9\"]) { id } }", json!({})).await;
    assert_eq!(got.json["data"], json!({ "one": { "name": "shop-1" }, "two": null, "nodes": [{ "id": "R_1" }, null] }));
    assert_eq!(got.json["errors"][0]["path"], json!(["two"]));
    assert_eq!(got.json["errors"][1]["path"], json!(["nodes", 1]));
}

#[tokio::test]
async fn fragments_aliases_variables_and_directives_work() {
    let github = Github::start(vec![repository(1, 3)]).await;
    let query = "query Wanted($with: Boolean!, $name: String!) {
        shop: repository(owner: \"acme\", name: $name) { ...names isEmpty @skip(if: $with) isArchived @include(if: $with) }
        node(id: \"D_1_2\") { __typename ... on Deployment { environment } ... on Issue { title } }
    }
    fragment names on Repository { __typename nameWithOwner }
    query Other { viewer { login } }";
    let body = json!({ "query": query, "variables": { "with": true, "name": "shop-1" }, "operationName": "Wanted" });
    let got = github.post("/graphql", &body).await;
    let expected = json!({
        "shop": { "__typename": "Repository", "nameWithOwner": "acme/shop-1", "isArchived": false },
        "node": { "__typename": "Deployment", "environment": "staging" },
    });
    assert_eq!(got.json, json!({ "data": expected }));
    let other = github.post("/api/graphql", &json!({ "query": query, "operationName": "Other" })).await;
    assert_eq!(other.json, json!({ "data": { "viewer": { "login": "simulated-viewer" } } }));
    let logged = github.simulator.log().requests();
    assert_eq!(logged.iter().map(|request| request.operation.as_str()).collect::<Vec<_>>(), ["Wanted", "Other"]);
    assert_eq!(logged[0].variables, "{\"name\":\"shop-1\",\"with\":true}");
}

/// Walks a connection of the shop forwards, and returns what `pointer` finds in each node.
async fn walk(github: &Github, connection: &str, arguments: &str, node: &str, pointer: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = String::new();
    for _ in 0..100 {
        let inner = format!(
            "{connection}(first: 7{after}{arguments}) {{ totalCount nodes {{ {node} }} pageInfo {{ hasNextPage endCursor hasPreviousPage startCursor }} }}"
        );
        let data = github.data(&of_shop(&inner)).await;
        let page = &data["repository"][connection];
        assert_eq!(page["pageInfo"]["hasPreviousPage"], !found.is_empty());
        found.extend(texts(&page["nodes"], pointer));
        if page["pageInfo"]["hasNextPage"] == false {
            assert_eq!(page["totalCount"].as_u64().unwrap(), found.len() as u64);
            return found;
        }
        after = format!(", after: {}", page["pageInfo"]["endCursor"]);
    }
    panic!("the walk does not end");
}

#[tokio::test]
async fn pages_show_everything_once_and_in_order() {
    // 25 is no multiple of the page of 7; the last page holds 4.
    let github = Github::start(vec![repository(1, 25)]).await;
    let titles = |numbers: Vec<u64>| numbers.iter().map(|number| format!("Change {number}")).collect::<Vec<_>>();
    let newest = ", orderBy: {field: UPDATED_AT, direction: DESC}";
    assert_eq!(walk(&github, "pullRequests", newest, "title", "/title").await, titles((1..=25).rev().collect()));
    assert_eq!(walk(&github, "pullRequests", "", "title", "/title").await, titles((1..=25).collect()));
    let merged = ", states: [MERGED], headRefName: \"change-4\"";
    assert_eq!(walk(&github, "pullRequests", merged, "title", "/title").await, titles(vec![4]));
    assert!(walk(&github, "pullRequests", ", states: [OPEN]", "title", "/title").await.is_empty());
    assert_eq!(
        walk(&github, "deployments", ", environments: [\"production\"]", "commitOid", "/commitOid").await,
        [sha(1), sha(3)]
    );
    assert_eq!(
        walk(&github, "issues", ", states: [CLOSED], labels: [\"incident\"]", "url", "/url").await,
        ["https://github.example/acme/shop-1/issues/8"]
    );
    let since = format!(", filterBy: {{since: \"{}\"}}", minute(8).to_rfc3339());
    assert_eq!(walk(&github, "issues", &since, "url", "/url").await, ["https://github.example/acme/shop-1/issues/8"]);
}

#[tokio::test]
async fn a_page_does_not_shift_when_something_new_comes_in_front() {
    let github = Github::start(vec![repository(1, 6)]).await;
    let page = |after: &str| {
        of_shop(&format!(
            "pullRequests(first: 3{after}, orderBy: {{field: UPDATED_AT, direction: DESC}}) {{ nodes {{ title }} pageInfo {{ endCursor }} }}"
        ))
    };
    let first = github.data(&page("")).await["repository"]["pullRequests"].clone();
    assert_eq!(texts(&first["nodes"], "/title"), ["Change 6", "Change 5", "Change 4"]);
    github.world.write().unwrap().repositories[0].pull_requests[0].updated_at = minute(500);
    let second = github.data(&page(&format!(", after: {}", first["pageInfo"]["endCursor"]))).await;
    // Number 1 has moved to the front; numbers 3 and 2 are neither repeated nor lost.
    assert_eq!(texts(&second["repository"]["pullRequests"]["nodes"], "/title"), ["Change 3", "Change 2"]);
}

#[tokio::test]
async fn pages_run_backwards_and_edges_carry_cursors() {
    let github = Github::start(vec![repository(1, 5)]).await;
    let data = github.data(&of_shop("pullRequests(last: 2) { edges { cursor node { title } } pageInfo { hasNextPage hasPreviousPage startCursor } }")).await;
    let last = &data["repository"]["pullRequests"];
    assert_eq!(texts(&last["edges"], "/node/title"), ["Change 4", "Change 5"]);
    assert_eq!(last["pageInfo"]["startCursor"], last["edges"][0]["cursor"]);
    assert_eq!((&last["pageInfo"]["hasNextPage"], &last["pageInfo"]["hasPreviousPage"]), (&json!(false), &json!(true)));
    let before = format!("pullRequests(last: 2, before: {}) {{ nodes {{ title }} }}", last["edges"][0]["cursor"]);
    let data = github.data(&of_shop(&before)).await;
    assert_eq!(texts(&data["repository"]["pullRequests"]["nodes"], "/title"), ["Change 2", "Change 3"]);
    assert_eq!(
        github.error(&of_shop("pullRequests(first: 1, after: \"nonsense\") { totalCount }")).await,
        "INVALID_CURSOR_ARGUMENTS: `nonsense` does not appear to be a valid cursor."
    );
}

#[tokio::test]
async fn history_runs_as_git_log_and_its_cursors_are_github_s() {
    // 1 - 2 - 4 - 5 (merge of 4 and 3), 3 from 1; commit 4 has a clock that is a hundred minutes slow.
    let mut shop = repository(1, 1);
    let mut slow = commit(4, &[2]);
    slow.committed_at = minute(-100);
    for made in [commit(2, &[1]), commit(3, &[1]), slow, commit(5, &[4, 3])] {
        shop.commits.insert(made.sha.clone(), made);
    }
    shop.branches.insert("main".to_owned(), sha(5));
    let github = Github::start(vec![shop]).await;
    let history = |arguments: &str| {
        of_shop(&format!(
            "defaultBranchRef {{ name target {{ oid ... on Commit {{ history(first: 3{arguments}) {{ totalCount nodes {{ oid }} pageInfo {{ endCursor hasNextPage }} }} }} }} }}"
        ))
    };
    let data = github.data(&history("")).await;
    let page = &data["repository"]["defaultBranchRef"]["target"]["history"];
    // After the merge comes the newer parent, 3, then its parent, 1 (minute 1); 4 waits (minute -100) and holds 2 back.
    assert_eq!(texts(&page["nodes"], "/oid"), [sha(5), sha(3), sha(1)]);
    assert_eq!(page["totalCount"], 5);
    assert_eq!(page["pageInfo"]["endCursor"], format!("{} 2", sha(5)));
    let data = github.data(&history(&format!(", after: \"{} 2\"", sha(5)))).await;
    let page = &data["repository"]["defaultBranchRef"]["target"]["history"];
    assert_eq!(texts(&page["nodes"], "/oid"), [sha(4), sha(2)]);
    assert_eq!(page["pageInfo"]["hasNextPage"], false);
    let data = github.data(&history(", path: \"src/file-3.rs\"")).await;
    assert_eq!(texts(&data["repository"]["defaultBranchRef"]["target"]["history"]["nodes"], "/oid"), [sha(3)]);
    let data = github.data(&history(", path: \"src/file\"")).await;
    assert_eq!(
        data["repository"]["defaultBranchRef"]["target"]["history"]["totalCount"], 0,
        "half a name is no folder"
    );
    let window = format!(", since: \"{}\", until: \"{}\"", minute(2).to_rfc3339(), minute(3).to_rfc3339());
    let data = github.data(&history(&window)).await;
    assert_eq!(texts(&data["repository"]["defaultBranchRef"]["target"]["history"]["nodes"], "/oid"), [sha(3), sha(2)]);
}

#[tokio::test]
async fn refs_are_sorted_by_name_or_by_date_and_annotated_tags_are_objects() {
    let mut shop = repository(1, 9);
    shop.tags.push(Tag { name: "a-late-one".to_owned(), sha: sha(9), annotated_at: None });
    shop.branches.insert("side".to_owned(), sha(3));
    let github = Github::start(vec![shop]).await;
    let node = "name target { __typename oid: id ... on Tag { tagger { date } target { oid } } }";
    let node = node.replace("oid: id ", "");
    let by_name =
        github.data(&of_shop(&format!("refs(refPrefix: \"refs/tags/\", first: 10) {{ nodes {{ {node} }} }}"))).await;
    let nodes = &by_name["repository"]["refs"]["nodes"];
    assert_eq!(texts(nodes, "/name"), ["a-late-one", "v1", "v2"]);
    assert_eq!(nodes[1]["target"], json!({ "__typename": "Commit" }));
    assert_eq!(
        nodes[2]["target"],
        json!({ "__typename": "Tag", "tagger": { "date": "2023-11-14T22:18:20Z" }, "target": { "oid": sha(2) } })
    );
    let newest = "refs(refPrefix: \"refs/tags/\", first: 10, orderBy: {field: TAG_COMMIT_DATE, direction: DESC}) { nodes { name } }";
    // a-late-one is of minute 9, v2 was tagged at minute 5, v1 is of minute 1.
    assert_eq!(
        texts(&github.data(&of_shop(newest)).await["repository"]["refs"]["nodes"], "/name"),
        ["a-late-one", "v2", "v1"]
    );
    let heads = github.data(&of_shop("refs(refPrefix: \"refs/heads/\", first: 10) { nodes { name target { oid } } } ref(qualifiedName: \"refs/heads/side\") { prefix target { oid } } gone: ref(qualifiedName: \"none\") { name } object(expression: \"v2^{commit}\") { oid } short: object(expression: \"00000000000000\") { oid }")).await;
    let shop = &heads["repository"];
    assert_eq!(texts(&shop["refs"]["nodes"], "/name"), ["main", "side"]);
    assert_eq!(shop["ref"], json!({ "prefix": "refs/heads/", "target": { "oid": sha(3) } }));
    assert_eq!((&shop["gone"], &shop["object"]), (&Value::Null, &json!({ "oid": sha(2) })));
    // All nine commits begin with these zeros.
    assert_eq!(shop["short"], Value::Null);
}

#[tokio::test]
async fn a_pull_request_tells_all_that_the_world_knows() {
    let mut shop = repository(1, 3);
    shop.pull_requests[0].author = "robot[bot]".to_owned();
    shop.pull_requests[0].reviews[0].author = String::new();
    let github = Github::start(vec![shop]).await;
    let fields = "id number title body state isDraft createdAt mergedAt url baseRefName headRefName headRefOid isCrossRepository
        mergeCommit { oid } additions changedFiles author { __typename login } labels(first: 5) { nodes { name } }
        commits(first: 1) { totalCount nodes { commit { oid author { user { login } } } } pageInfo { hasNextPage } }
        reviews(first: 5) { nodes { state submittedAt author { login } comments { totalCount } } }
        files(first: 5) { nodes { path } } closingIssuesReferences(first: 5) { nodes { number } }
        timelineItems(first: 5, itemTypes: [READY_FOR_REVIEW_EVENT, MERGED_EVENT]) { nodes { __typename ... on MergedEvent { createdAt } } }";
    let data = github.data(&of_shop(&format!("pullRequest(number: 1) {{ {fields} }}"))).await;
    let expected = json!({
        "id": "P_1_1", "number": 1, "title": "Change 1", "body": "Fixes #7", "state": "MERGED", "isDraft": false,
        "createdAt": "2023-11-14T22:14:20Z", "mergedAt": "2023-11-14T22:16:20Z",
        "url": "https://github.example/acme/shop-1/pull/1", "baseRefName": "main", "headRefName": "change-1",
        "headRefOid": sha(2001), "isCrossRepository": false, "mergeCommit": { "oid": sha(1) },
        // Two own commits of three lines each.
        "additions": 6, "changedFiles": 1, "author": { "__typename": "Bot", "login": "robot" },
        "labels": { "nodes": [{ "name": "feature" }] },
        "commits": {
            "totalCount": 2, "nodes": [{ "commit": { "oid": sha(1001), "author": { "user": { "login": "ada" } } } }],
            "pageInfo": { "hasNextPage": true },
        },
        "reviews": { "nodes": [{
            "state": "APPROVED", "submittedAt": "2023-11-14T22:15:20Z", "author": null, "comments": { "totalCount": 2 },
        }] },
        "files": { "nodes": [{ "path": "src/lib.rs" }] }, "closingIssuesReferences": { "nodes": [{ "number": 7 }] },
        "timelineItems": { "nodes": [
            { "__typename": "ReadyForReviewEvent" },
            { "__typename": "MergedEvent", "createdAt": "2023-11-14T22:16:20Z" },
        ] },
    });
    assert_eq!(data["repository"]["pullRequest"], expected);
}

#[tokio::test]
async fn deployments_releases_issues_and_teams_tell_all_that_the_world_knows() {
    let github = Github::start(vec![repository(1, 3), repository(2, 1)]).await;
    let query = "{
        node(id: \"D_1_3\") { ... on Deployment { databaseId commitOid ref { name } state latestStatus { state } updatedAt statuses(first: 2) { nodes { state createdAt } } } }
        issue: node(id: \"I_1_8\") { ... on Issue { number state closedAt timelineItems(first: 5, itemTypes: [LABELED_EVENT, CLOSED_EVENT]) { nodes { __typename } } } }
        organization(login: \"acme\") {
            team(slug: \"payments\") { name repositories(first: 5) { nodes { nameWithOwner } } members(first: 5) { nodes { login } } }
            teams(first: 5) { nodes { slug } }
            repositories(first: 5, orderBy: {field: NAME, direction: DESC}, isArchived: false) { nodes { name pushedAt } }
        }
        repository(owner: \"acme\", name: \"shop-1\") {
            releases(first: 1, orderBy: {field: CREATED_AT, direction: DESC}) { nodes { tagName publishedAt isDraft tagCommit { oid } } }
        }
    }";
    let data = github.data(query).await;
    let expected = json!({
        "node": {
            "databaseId": 3, "commitOid": sha(3), "ref": { "name": "main" }, "state": "INACTIVE",
            "latestStatus": { "state": "INACTIVE" }, "updatedAt": "2023-11-14T22:43:20Z",
            "statuses": { "nodes": [
                { "state": "INACTIVE", "createdAt": "2023-11-14T22:46:20Z" },
                { "state": "SUCCESS", "createdAt": "2023-11-14T22:45:20Z" },
            ] },
        },
        "issue": {
            "number": 8, "state": "CLOSED", "closedAt": "2023-11-14T23:43:20Z",
            "timelineItems": { "nodes": [{ "__typename": "LabeledEvent" }, { "__typename": "ClosedEvent" }] },
        },
        "organization": {
            "team": {
                "name": "Payments",
                "repositories": { "nodes": [{ "nameWithOwner": "acme/shop-1" }, { "nameWithOwner": "acme/shop-2" }] },
                "members": { "nodes": [{ "login": "ada" }, { "login": "grace" }] },
            },
            "teams": { "nodes": [{ "slug": "payments" }] },
            // The newest push of both is the tag v2 of minute 5.
            "repositories": { "nodes": [
                { "name": "shop-2", "pushedAt": "2023-11-14T22:18:20Z" },
                { "name": "shop-1", "pushedAt": "2023-11-14T22:18:20Z" },
            ] },
        },
        "repository": { "releases": { "nodes": [
            { "tagName": "v2", "publishedAt": "2023-11-14T22:19:20Z", "isDraft": false, "tagCommit": { "oid": sha(2) } },
        ] } },
    });
    assert_eq!(data, expected);
}

#[tokio::test]
async fn renames_are_followed_unless_asked_otherwise() {
    let github = Github::start(vec![repository(1, 3)]).await;
    let data = github.data("{ repository(owner: \"acme\", name: \"old-1\") { nameWithOwner } }").await;
    assert_eq!(data["repository"]["nameWithOwner"], "acme/shop-1");
    assert_eq!(
        github.error("{ repository(owner: \"acme\", name: \"old-1\", followRenames: false) { id } }").await,
        "NOT_FOUND: Could not resolve to a Repository with the name 'acme/old-1'."
    );
}

#[tokio::test]
async fn every_node_id_leads_back_to_its_object() {
    let github = Github::start(vec![repository(1, 3)]).await;
    let data = github.data(&of_shop("id pullRequests(first: 3) { nodes { id } } issues(first: 3) { nodes { id } } deployments(first: 3) { nodes { id } }")).await;
    let shop = &data["repository"];
    let mut ids = vec![shop["id"].as_str().unwrap().to_owned()];
    for connection in ["pullRequests", "issues", "deployments"] {
        ids.extend(texts(&shop[connection]["nodes"], "/id"));
    }
    // One repository, three pull requests, two issues, three deployments.
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 9);
    let got = github.query("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": ids })).await;
    assert_eq!(texts(&got.json["data"]["nodes"], "/id"), ids);
}
