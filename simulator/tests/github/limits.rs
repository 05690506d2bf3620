//! Prices, budgets, faults, tokens.

use chiplog_simulator::github::Fault;
use serde_json::{Value, json};

use crate::harness::{Github, repository};

/// The claims of an App's JWT without a signature that anyone checks.
fn jwt(claims: &Value) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let encode = |text: &str| {
        let mut encoded = String::new();
        for three in text.as_bytes().chunks(3) {
            let bits =
                three.iter().enumerate().fold(0, |bits, (place, byte)| bits | u32::from(*byte) << (16 - 8 * place));
            let letters = (0..=three.len()).map(|place| LETTERS[(bits >> (18 - 6 * place)) as usize & 63]);
            encoded.extend(letters.map(char::from));
        }
        encoded
    };
    format!("{}.{}.signature", encode("{\"alg\":\"RS256\"}"), encode(&claims.to_string()))
}

async fn price(github: &Github, query: &str) -> (u64, u64) {
    let data = github.data(query).await;
    let limit = &data["rateLimit"];
    (limit["cost"].as_u64().unwrap(), limit["nodeCount"].as_u64().unwrap())
}

#[tokio::test]
async fn prices_are_those_of_githubs_documentation() {
    let github = Github::start_with(vec![repository(1, 3)], |options| options.most_nodes = 500_000).await;
    // The documentation's example: 1 request for 100 repositories, 100 for their 50 issues each, 5,000 for their 60
    // labels each: 5,101 requests, 51 points. Nodes: 100 + 5,000 + 300,000.
    let documented = "{ rateLimit { cost nodeCount } organization(login: \"acme\") { repositories(first: 100) { nodes { issues(first: 50) { nodes { labels(first: 60) { nodes { name } } } } } } } }";
    assert_eq!(price(&github, documented).await, (51, 305_100));
    // The documentation's example of nodes: 50 repositories, 20 pull requests each with 10 comments each (here reviews),
    // 20 issues each with 10 comments each (here labels): 50 + 1,000 + 10,000 + 1,000 + 10,000 = 22,050 nodes.
    // Requests: 1 + 50 + 1,000 + 50 + 1,000 = 2,101, 21 points.
    let nested = "{ rateLimit { cost nodeCount } organization(login: \"acme\") { repositories(first: 50) { nodes {
        pullRequests(first: 20) { nodes { reviews(first: 10) { nodes { state } } } }
        issues(first: 20) { nodes { labels(first: 10) { nodes { name } } } } } } } }";
    assert_eq!(price(&github, nested).await, (21, 22_050));
    // 1 + 100 + 49 * ... : half a point rounds up: 1 request + 149 = 150 requests are 2 points, 149 are 1.
    let rounded = |first: u64| {
        format!(
            "{{ rateLimit {{ cost nodeCount }} organization(login: \"acme\") {{ repositories(first: {first}) {{ nodes {{ issues {{ totalCount }} releases {{ totalCount }} }} }} }} }}"
        )
    };
    // 1 + 2 * 74 = 149 requests; 1 + 2 * 75 = 151 requests. What is only counted returns no nodes.
    assert_eq!(price(&github, &rounded(74)).await, (1, 74));
    assert_eq!(price(&github, &rounded(75)).await, (2, 75));
    assert_eq!(price(&github, "{ rateLimit { cost nodeCount } viewer { login } }").await, (1, 0));
    // What a directive leaves out is not asked for; the fragment counts as its fields.
    let left_out = "query { rateLimit { cost nodeCount } organization(login: \"acme\") { repositories(first: 100) { nodes { ...rest @skip(if: true) ... @include(if: false) { issues(first: 100) { totalCount } } } } } }
        fragment rest on Repository { pullRequests(first: 100) { totalCount } }";
    assert_eq!(price(&github, left_out).await, (1, 100));
    // Fifty repositories by id with two connections each: 100 requests.
    let ids: Vec<String> = (0..50).map(|_| "\"R_1\"".to_owned()).collect();
    let by_id = format!(
        "{{ rateLimit {{ cost nodeCount }} nodes(ids: [{}]) {{ ... on Repository {{ issues(first: 1) {{ totalCount }} releases(first: 1) {{ totalCount }} }} }} }}",
        ids.join(",")
    );
    assert_eq!(price(&github, &by_id).await, (1, 100));
}

#[tokio::test]
async fn pages_have_one_to_a_hundred_nodes_and_a_query_half_a_million() {
    let github = Github::start(vec![repository(1, 3)]).await;
    let of = |arguments: &str| {
        format!("{{ organization(login: \"acme\") {{ repositories{arguments} {{ nodes {{ id }} }} }} }}")
    };
    assert_eq!(
        github.error(&of("(first: 101)")).await,
        "EXCESSIVE_PAGINATION: Requesting 101 records on the `repositories` connection exceeds the `first` limit of 100 records."
    );
    assert_eq!(
        github.error(&of("")).await,
        "MISSING_PAGINATION_BOUNDARIES: You must provide a `first` or `last` value to properly paginate the `repositories` connection."
    );
    assert!(github.error(&of("(first: 0)")).await.contains("at least 1"));
    // 100 + 100 * 100 + 100 * 100 * 100 nodes.
    let too_many = "{ organization(login: \"acme\") { repositories(first: 100) { nodes { issues(first: 100) { nodes { labels(first: 100) { nodes { name } } } } } } } }";
    assert_eq!(
        github.error(too_many).await,
        "MAX_NODE_LIMIT_EXCEEDED: This query requests up to 1,010,100 possible nodes which exceeds the maximum limit of 500,000."
    );
    assert_eq!(github.simulator.log().points(), 0);
}

#[tokio::test]
async fn a_page_that_is_too_large_gets_a_502_and_costs_twice() {
    let github = Github::start_with(vec![repository(1, 3)], |options| options.most_nodes = 1000).await;
    let of = |first: u64| {
        format!(
            "{{ organization(login: \"acme\") {{ repositories(first: {first}) {{ nodes {{ issues(first: 100) {{ nodes {{ id }} }} }} }} }} }}"
        )
    };
    // 9 + 900 nodes pass; 10 + 1,000 don't. Both cost one point (10 or 11 requests).
    let passed = github.query(&of(9), json!({})).await;
    assert_eq!((passed.status.as_u16(), passed.number("x-ratelimit-used")), (200, 1));
    let failed = github.query(&of(10), json!({})).await;
    assert_eq!((failed.status.as_u16(), failed.number("x-ratelimit-used")), (502, 3));
    assert_eq!(github.simulator.log().points(), 3);
}

#[tokio::test]
async fn the_rest_budget_runs_out_and_comes_back_after_an_hour() {
    let github = Github::start_with(vec![repository(1, 3)], |options| options.requests_per_hour = 3).await;
    for used in 1..=3 {
        let got = github.get("/repos/acme/shop-1").await;
        assert_eq!(got.status, 200);
        assert_eq!(
            (got.number("x-ratelimit-limit"), got.number("x-ratelimit-used"), got.number("x-ratelimit-remaining")),
            (3, used, 3 - used)
        );
        // The window of an hour began with the first request.
        assert_eq!((got.header("x-ratelimit-resource"), got.number("x-ratelimit-reset")), ("core", 1_700_003_600));
    }
    let refused = github.get("/repos/acme/shop-1").await;
    assert_eq!((refused.status.as_u16(), refused.number("x-ratelimit-remaining")), (403, 0));
    assert!(refused.text.contains("API rate limit exceeded"));
    // Asking what is left is free, and GraphQL has a budget of its own.
    let left = github.get("/rate_limit").await;
    assert_eq!((left.status.as_u16(), &left.json["resources"]["core"]["remaining"]), (200, &json!(0)));
    assert_eq!(left.json["resources"]["graphql"]["remaining"], 5000);
    assert_eq!(github.query("{ viewer { login } }", json!({})).await.header("x-ratelimit-resource"), "graphql");
    github.set_minute(59);
    assert_eq!(github.get("/repos/acme/shop-1").await.status, 403);
    github.set_minute(60);
    let renewed = github.get("/repos/acme/shop-1").await;
    assert_eq!((renewed.status.as_u16(), renewed.number("x-ratelimit-remaining")), (200, 2));
}

#[tokio::test]
async fn the_graphql_budget_counts_points_and_runs_out_with_a_200() {
    let github = Github::start_with(vec![repository(1, 3)], |options| options.points_per_hour = 3).await;
    // 1 + 100 + 100 = 201 requests: 2 points.
    let query = "{ rateLimit { remaining used } organization(login: \"acme\") { repositories(first: 100) { nodes { issues(first: 1) { totalCount } releases(first: 1) { totalCount } } } } }";
    let first = github.query(query, json!({})).await;
    assert_eq!(first.json["data"]["rateLimit"], json!({ "remaining": 1, "used": 2 }));
    let second = github.query(query, json!({})).await;
    assert_eq!(second.status, 200);
    assert_eq!((&second.json["data"], &second.json["errors"][0]["type"]), (&Value::Null, &json!("RATE_LIMITED")));
    assert_eq!(github.simulator.log().points(), 2);
    github.set_minute(61);
    assert_eq!(github.query(query, json!({})).await.json["data"]["rateLimit"]["used"], 2);
}

#[tokio::test]
async fn an_unchanged_answer_is_a_304_that_costs_nothing() {
    let github = Github::start(vec![repository(1, 3)]).await;
    let path = "/repos/acme/shop-1/actions/runs?per_page=5";
    let first = github.get(path).await;
    let etag = first.header("etag").to_owned();
    assert!(etag.starts_with("W/\""), "{etag}");
    for asked in [etag.as_str(), etag.trim_start_matches("W/"), &format!("\"other\", {etag}")] {
        let again = github.get_if_changed(path, asked).await;
        assert_eq!((again.status.as_u16(), again.text.as_str(), again.header("etag")), (304, "", etag.as_str()));
        assert_eq!(again.number("x-ratelimit-used"), 1);
    }
    assert_eq!((github.simulator.log().not_modified(), github.simulator.log().paid_rest_requests()), (3, 1));
    "failure".clone_into(github.world.write().unwrap().repositories[0].workflow_runs[2].conclusion.as_mut().unwrap());
    let changed = github.get_if_changed(path, &etag).await;
    assert_eq!((changed.status.as_u16(), changed.number("x-ratelimit-used")), (200, 2));
    assert_ne!(changed.header("etag"), etag);
}

#[tokio::test]
async fn a_bad_or_revoked_token_gets_githubs_401() {
    let mut github = Github::start(vec![repository(1, 3)]).await;
    let body =
        json!({ "message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401" });
    assert_eq!(github.get("/user").await.json["login"], "simulated-viewer");
    github.options.faults.revoke("ghp_simulated");
    for got in [github.get("/user").await, github.query("{ viewer { login } }", json!({})).await] {
        assert_eq!((got.status.as_u16(), &got.json), (401, &body));
    }
    github.options.faults.clear();
    assert_eq!(github.get("/user").await.status, 200);
    github.log_in("ghp_wrong");
    assert_eq!(github.get("/user").await.json, body);
}

#[tokio::test]
async fn an_installation_token_ends_after_an_hour() {
    let mut github = Github::start(vec![repository(1, 3)]).await;
    let claims = json!({ "iss": "7", "iat": 1000, "exp": 1600 });
    github.log_in(&jwt(&claims));
    assert_eq!(github.get("/app").await.json["id"], 7);
    assert_eq!(github.get("/orgs/acme/installation").await.json["id"], 9);
    assert_eq!(github.post("/app/installations/8/access_tokens", &json!({})).await.status, 404);
    let made = github.post("/app/installations/9/access_tokens", &json!({})).await;
    assert_eq!((made.status.as_u16(), &made.json["expires_at"]), (201, &json!("2023-11-14T23:13:20Z")));
    github.log_in(made.json["token"].as_str().unwrap());
    github.set_minute(59);
    let got = github.get("/repos/acme/shop-1").await;
    assert_eq!((got.status.as_u16(), got.headers.get("x-oauth-scopes")), (200, None));
    assert_eq!(github.query("{ viewer { login } }", json!({})).await.status, 200);
    github.set_minute(60);
    assert_eq!(github.get("/repos/acme/shop-1").await.json["message"], "Bad credentials");
    assert_eq!(github.query("{ viewer { login } }", json!({})).await.status, 401);
}

#[tokio::test]
async fn a_jwt_that_github_would_not_take_is_refused() {
    let mut github = Github::start(vec![repository(1, 3)]).await;
    let cases = [
        (jwt(&json!({ "iss": "8", "iat": 1000, "exp": 1600 })), "Integration not found"),
        (
            jwt(&json!({ "iss": 7, "iat": 1000, "exp": 5000 })),
            "'Expiration time' claim ('exp') is too far in the future",
        ),
        (
            jwt(&json!({ "iss": 7, "iat": 1000 })),
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        ),
        ("a.b.c".to_owned(), "A JSON web token could not be decoded"),
    ];
    for (token, expected) in cases {
        github.log_in(&token);
        let got = github.post("/app/installations/9/access_tokens", &json!({})).await;
        assert_eq!((got.status.as_u16(), got.json["message"].as_str().unwrap()), (401, expected));
    }
}

#[tokio::test]
async fn a_missing_scope_hides_teams_and_a_repository_can_be_hidden_or_forbidden() {
    let github = Github::start(vec![repository(1, 3), repository(2, 1)]).await;
    let faults = &github.options.faults;
    assert_eq!(github.get("/user").await.header("x-oauth-scopes"), "read:org, read:project, repo");
    faults.withdraw_scope("read:org");
    assert_eq!(github.get("/user").await.header("x-oauth-scopes"), "read:project, repo");
    let error = github.error("{ organization(login: \"acme\") { team(slug: \"payments\") { name } } }").await;
    assert!(error.starts_with("INSUFFICIENT_SCOPES: Your token has not been granted the required scopes"), "{error}");
    assert!(error.contains("['read:project', 'repo']"), "{error}");
    assert_eq!(github.get("/orgs/acme/teams").await.status, 403);
    faults.clear();
    faults.hide("acme/shop-1");
    faults.forbid("Acme/Shop-2");
    assert!(github.error("{ repository(owner: \"acme\", name: \"shop-1\") { id } }").await.starts_with("NOT_FOUND: "));
    assert!(github.error("{ repository(owner: \"acme\", name: \"shop-2\") { id } }").await.starts_with("FORBIDDEN: "));
    assert_eq!(
        (
            github.get("/repos/acme/shop-1").await.status.as_u16(),
            github.get("/repos/acme/shop-2").await.status.as_u16()
        ),
        (404, 403)
    );
    assert_eq!(github.get("/orgs/acme/repos").await.json, json!([]));
    let data = github.data("{ organization(login: \"acme\") { repositories(first: 5) { totalCount } team(slug: \"payments\") { repositories(first: 5) { totalCount } } } }").await;
    assert_eq!(
        data["organization"],
        json!({ "repositories": { "totalCount": 0 }, "team": { "repositories": { "totalCount": 0 } } })
    );
}

#[tokio::test]
async fn faults_meet_the_next_requests_in_order() {
    let github = Github::start(vec![repository(1, 3)]).await;
    let faults = &github.options.faults;
    faults.next(&Fault::Status(502), 2);
    faults.pass(1);
    faults.next(&Fault::SecondaryLimit(30), 1);
    faults.next(&Fault::TooManyRequests(5), 1);
    faults.next(&Fault::Unauthorized, 1);
    let mut seen = Vec::new();
    for _ in 0..7 {
        let got = github.get("/user").await;
        seen.push((got.status.as_u16(), got.header("retry-after").to_owned()));
    }
    let expected = [(502, ""), (502, ""), (200, ""), (403, "30"), (429, "5"), (401, ""), (200, "")];
    assert_eq!(seen, expected.map(|(status, after)| (status, after.to_owned())));
    faults.next(&Fault::GraphqlRateLimited, 1);
    faults.next(&Fault::GraphqlSecondaryLimit(9), 1);
    faults.next(&Fault::BrokenJson, 1);
    let limited = github.query("{ viewer { login } }", json!({})).await;
    assert_eq!((limited.status.as_u16(), &limited.json["errors"][0]["type"]), (200, &json!("RATE_LIMITED")));
    let secondary = github.query("{ viewer { login } }", json!({})).await;
    assert_eq!((secondary.status.as_u16(), secondary.header("retry-after")), (200, "9"));
    assert!(secondary.text.contains("secondary rate limit"));
    let broken = github.query("{ viewer { login } }", json!({})).await;
    assert!(broken.status == 200 && serde_json::from_str::<Value>(&broken.text).is_err());
    assert_eq!(github.simulator.log().points(), 0);
}

#[tokio::test]
async fn a_secondary_limit_refuses_what_comes_too_often_until_the_minute_is_over() {
    let github = Github::start_with(vec![repository(1, 3)], |options| options.secondary.rest_per_minute = 2).await;
    for _ in 0..2 {
        assert_eq!(github.get("/repos/acme/shop-1").await.status, 200);
    }
    let refused = github.get("/repos/acme/shop-1").await;
    // The clock stands at 1,700,000,000: forty seconds before the next minute.
    assert_eq!((refused.status.as_u16(), refused.number("retry-after")), (403, 40));
    assert!(refused.json["message"].as_str().unwrap().contains("secondary rate limit"));
    assert_eq!(github.simulator.log().refusals(), 1);
    // GraphQL is counted for itself.
    assert_eq!(github.query("{ viewer { login } }", json!({})).await.status, 200);
    let crowded = Github::start_with(vec![repository(1, 3)], |options| options.secondary.at_once = 0).await;
    assert_eq!(crowded.get("/repos/acme/shop-1").await.status, 403);
}
