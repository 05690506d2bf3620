//! Do REST answers have the shapes of GitHub's OpenAPI description?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chiplog_simulator::github::{SentDelivery, payload};
use chiplog_simulator::world::{Artifact, SecurityAlert, World};
use serde_json::{Value, json};

use crate::harness::{Github, repository, sha};

/// Where the set-up scripts put GitHub's OpenAPI description.
fn description_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/github-openapi/api.github.com.json")
}

/// OpenAPI 3.0 says `nullable` where JSON Schema has a list of types.
fn translate(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(translate),
        Value::Object(fields) => {
            fields.values_mut().for_each(translate);
            if fields.remove("nullable") == Some(Value::Bool(true)) {
                let inner = Value::Object(std::mem::take(fields));
                *schema = json!({ "anyOf": [{ "type": "null" }, inner] });
            }
        }
        _ => {}
    }
}

/// The description with its components as JSON Schema; the answers' schemas are looked up in it.
fn description() -> Value {
    let path = description_path();
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("GitHub's OpenAPI description is missing at {}: run `scripts/test`, or `bash -c '. scripts/setup.sh; need_github_openapi'` in the project's folder ({error})", path.display())
    });
    let mut description: Value = serde_json::from_str(&text).unwrap();
    translate(&mut description["components"]["schemas"]);
    description
}

/// The violations of one answer.
fn violations(description: &Value, method: &str, path: &str, status: u16, answer: &Value) -> Vec<String> {
    let content = &description["paths"][path][method]["responses"][status.to_string()]["content"]["application/json"];
    let mut schema = content["schema"].clone();
    assert!(schema.is_object(), "the description has no {method} {path} with {status}");
    translate(&mut schema);
    schema["components"] = json!({ "schemas": description["components"]["schemas"] });
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft7).build(&schema).unwrap();
    validator.iter_errors(answer).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Alerts of all scanners, open, fixed and dismissed, and an artifact.
fn surroundings(world: &mut World) {
    let repository = "acme/shop-1".to_owned();
    let at = world.repositories[0].created_at;
    for scanner in ["dependabot", "code-scanning", "secret-scanning"] {
        for (number, (fixed_at, dismissed_at)) in
            [(None, None), (Some(at), None), (None, Some(at))].into_iter().enumerate()
        {
            world.security_alerts.push(SecurityAlert {
                repository: repository.clone(),
                scanner: scanner.to_owned(),
                number: number as u64 + 1,
                severity: "high".to_owned(),
                opened_at: at,
                fixed_at,
                dismissed_at,
            });
        }
    }
    world.artifacts.push(Artifact {
        repository,
        id: 1,
        name: "junit".to_owned(),
        run_id: 21,
        branch: "main".to_owned(),
        sha: sha(1),
        created_at: at,
        expired: false,
        files: BTreeMap::new(),
    });
}

/// A webhook that nobody answered.
fn delivery(world: &World) -> SentDelivery {
    SentDelivery {
        id: 1,
        guid: "58474f00-b361-11eb-836d-0e4f3503ccbe".to_owned(),
        event: "pull_request".to_owned(),
        delivered_at: world.repositories[0].created_at,
        status: 502,
        payload: payload(world, "pull_request", "acme/shop-1", "3").unwrap(),
    }
}

#[tokio::test]
async fn rest_answers_have_the_shapes_of_githubs_description() {
    let description = description();
    let mut github = Github::start(vec![repository(1, 3), repository(2, 1)]).await;
    surroundings(&mut github.world.write().unwrap());
    let repository = "/repos/{owner}/{repo}";
    let attempt = format!("{repository}/actions/runs/{{run_id}}/attempts/{{attempt_number}}");
    let at = |rest: &str| format!("{repository}{rest}");
    let shop = |rest: &str| format!("/repos/acme/shop-1{rest}");
    let cases = [
        ("/rate_limit".to_owned(), "/rate_limit".to_owned()),
        ("/user".to_owned(), "/user".to_owned()),
        ("/orgs/{org}".to_owned(), "/orgs/acme".to_owned()),
        ("/orgs/{org}/repos".to_owned(), "/orgs/acme/repos".to_owned()),
        ("/orgs/{org}/teams".to_owned(), "/orgs/acme/teams".to_owned()),
        ("/orgs/{org}/teams/{team_slug}/repos".to_owned(), "/orgs/acme/teams/payments/repos".to_owned()),
        ("/orgs/{org}/teams/{team_slug}/members".to_owned(), "/orgs/acme/teams/payments/members".to_owned()),
        (repository.to_owned(), shop("")),
        (at("/commits/{ref}"), shop(&format!("/commits/{}", sha(2)))),
        (at("/actions/runs"), shop("/actions/runs")),
        (at("/actions/runs/{run_id}"), shop("/actions/runs/21")),
        (attempt, shop("/actions/runs/21/attempts/2")),
        (at("/deployments"), shop("/deployments")),
        (at("/deployments/{deployment_id}"), shop("/deployments/1")),
        (at("/deployments/{deployment_id}/statuses"), shop("/deployments/1/statuses")),
        (at("/actions/artifacts"), shop("/actions/artifacts")),
        (at("/dependabot/alerts"), shop("/dependabot/alerts")),
        (at("/code-scanning/alerts"), shop("/code-scanning/alerts")),
        (at("/secret-scanning/alerts"), shop("/secret-scanning/alerts")),
        (at("/releases"), shop("/releases")),
        (at("/pulls"), shop("/pulls?state=all")),
        (at("/pulls/{pull_number}"), shop("/pulls/1")),
        (at("/pulls/{pull_number}/commits"), shop("/pulls/1/commits")),
        (at("/pulls/{pull_number}/reviews"), shop("/pulls/1/reviews")),
        (at("/pulls/{pull_number}/comments"), shop("/pulls/1/comments")),
        (at("/pulls/{pull_number}/requested_reviewers"), shop("/pulls/1/requested_reviewers")),
        ("/users/{username}".to_owned(), "/users/ada".to_owned()),
        ("/users/{username}/orgs".to_owned(), "/users/ada/orgs".to_owned()),
        (at("/issues"), shop("/issues?state=all")),
        (at("/issues/{issue_number}"), shop("/issues/8")),
        (at("/issues/{issue_number}/events"), shop("/issues/8/events")),
        (at("/issues/{issue_number}/timeline"), shop("/issues/8/timeline")),
        ("/orgs/{org}/hooks/{hook_id}/deliveries".to_owned(), "/orgs/acme/hooks/1/deliveries".to_owned()),
        (at("/hooks/{hook_id}/deliveries"), shop("/hooks/1/deliveries")),
        (at("/hooks/{hook_id}/deliveries/{delivery_id}"), shop("/hooks/1/deliveries/1")),
    ];
    github.options.hook.add(delivery(&github.world.read().unwrap()));
    for (template, path) in cases {
        let got = github.get(&path).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text);
        let is_empty = got.json.as_array().is_some_and(Vec::is_empty);
        assert!(!is_empty, "{path} has nothing to check");
        assert_eq!(violations(&description, "get", &template, 200, &got.json), [] as [String; 0], "{path}");
    }
    // The App's claims: {"iss":"7","iat":1000,"exp":1600}
    github.log_in("e30.eyJpc3MiOiI3IiwiaWF0IjoxMDAwLCJleHAiOjE2MDB9.signature");
    for (template, path) in [
        ("/app", "/app"),
        ("/app/installations", "/app/installations"),
        ("/app/installations/{installation_id}", "/app/installations/9"),
        ("/orgs/{org}/installation", "/orgs/acme/installation"),
    ] {
        let got = github.get(path).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text);
        let mut found = violations(&description, "get", template, 200, &got.json);
        // In this one place the description wants an account to be a user and an enterprise at once; elsewhere either.
        found.retain(|violation| !(template == "/app/installations" && violation.starts_with("/0/account: ")));
        assert_eq!(found, [] as [String; 0], "{path}");
    }
    let made = github.post("/app/installations/9/access_tokens", &json!({})).await;
    let template = "/app/installations/{installation_id}/access_tokens";
    assert_eq!(violations(&description, "post", template, 201, &made.json), [] as [String; 0]);
}

#[test]
fn the_check_of_shapes_finds_what_is_wrong() {
    let description = description();
    let wrong = json!([{ "id": "one", "name": "Payments" }]);
    let found = violations(&description, "get", "/orgs/{org}/teams", 200, &wrong).join("\n");
    assert!(found.contains("\"slug\" is a required property") && found.contains("\"one\""), "{found}");
}
