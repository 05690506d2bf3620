//! What a GitHub App must be permitted, and a classic token's scopes, for what the configuration asks. All of it reads only.

use super::config::GithubConfig;

/// Something that GitHub asks the owner of an App or token for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permission {
    /// What APIs and manifests call it.
    pub(super) name: &'static str,
    /// Where the App's settings page has it.
    pub(super) page: &'static str,
    /// The scope of classic tokens that holds it. Empty where any token will do.
    pub(super) scope: &'static str,
    /// What is read with it.
    pub(super) reads: &'static str,
    /// Whether a configuration needs it.
    is_needed: fn(&GithubConfig) -> bool,
}

const fn permission(
    name: &'static str,
    page: &'static str,
    scope: &'static str,
    reads: &'static str,
    is_needed: fn(&GithubConfig) -> bool,
) -> Permission {
    Permission { name, page, scope, reads, is_needed }
}

/// All that chiplog can make use of.
pub(super) const ALL: &[Permission] = &[
    permission("metadata", "Repository permissions › Metadata", "", "which repositories there are", |_| true),
    permission("contents", "Repository permissions › Contents", "repo", "commits, tags, releases, files", |_| true),
    permission(
        "pull_requests",
        "Repository permissions › Pull requests",
        "repo",
        "pull requests and reviews",
        |_| true,
    ),
    permission("deployments", "Repository permissions › Deployments", "repo", "deployments", |_| true),
    permission("actions", "Repository permissions › Actions", "repo", "workflow runs and their artifacts", |config| {
        config.workflow_runs || !config.test_reports.is_empty() || !config.coverage_reports.is_empty()
    }),
    permission("issues", "Repository permissions › Issues", "repo", "issues as incidents or work items", |config| {
        config.work_items || !config.incident_labels.is_empty()
    }),
    permission(
        "members",
        "Organization permissions › Members",
        "read:org",
        "which repositories a team has",
        |config| !config.teams.is_empty(),
    ),
    permission("organization_projects", "Organization permissions › Projects", "read:project", "boards", |config| {
        !config.projects.numbers.is_empty()
    }),
    permission(
        "vulnerability_alerts",
        "Repository permissions › Dependabot alerts",
        "repo",
        "Dependabot's alerts",
        |config| config.security_alerts,
    ),
    permission(
        "security_events",
        "Repository permissions › Code scanning alerts",
        "repo",
        "code-scanning alerts",
        |config| config.security_alerts,
    ),
    permission(
        "secret_scanning_alerts",
        "Repository permissions › Secret scanning alerts",
        "repo",
        "secret-scanning alerts",
        |config| config.security_alerts,
    ),
];

/// What a configuration needs.
pub(super) fn needed(config: &GithubConfig) -> impl Iterator<Item = &'static Permission> {
    ALL.iter().filter(|permission| (permission.is_needed)(config))
}

/// Whether a classic token with these scopes holds one; some scopes hold others.
pub(super) fn holds(scopes: &[&str], scope: &str) -> bool {
    let by = |more: &[&str]| scopes.iter().any(|held| *held == scope || more.contains(held));
    match scope {
        "" => true,
        "read:org" => by(&["write:org", "admin:org"]),
        "read:project" => by(&["project"]),
        _ => by(&[]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use serde_json::Value;

    use super::super::webhook;

    use super::*;

    fn file(path: &str) -> (PathBuf, String) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, text)
    }

    fn manifest() -> Value {
        serde_json::from_str(&file("docs/github-app-manifest.json").1).unwrap()
    }

    #[test]
    fn the_manifest_asks_for_what_is_needed_and_for_nothing_else() {
        let asked: BTreeMap<String, String> =
            serde_json::from_value(manifest()["default_permissions"].clone()).unwrap();
        let needed = ALL.iter().map(|permission| (permission.name.to_owned(), "read".to_owned()));
        assert_eq!(asked, needed.collect());
        assert_eq!(manifest()["public"], false);
    }

    #[test]
    fn the_page_about_github_tells_of_the_same() {
        let (path, page) = file("docs/github.md");
        for Permission { name, page: place, scope, reads, .. } in ALL {
            let row = format!("| {place} | `{name}` | {} | {reads}", if scope.is_empty() { "" } else { scope });
            assert!(page.contains(&row), "{} lacks the row {row}", path.display());
            assert!(page.contains(&format!("&{name}=read")), "the address in {} lacks {name}", path.display());
        }
        let read = page.matches("=read").count();
        assert_eq!(read, ALL.len(), "the address in {} asks for more", path.display());
        for event in manifest()["default_events"].as_array().unwrap() {
            assert!(page.contains(&format!("&events[]={}", event.as_str().unwrap())), "{event}");
        }
    }

    #[test]
    fn something_is_read_of_each_event_that_the_manifest_subscribes_to() {
        let thing = serde_json::json!({ "node_id": "N", "tag_name": "v1" });
        let payload = serde_json::json!({
            "repository": { "node_id": "R", "full_name": "acme/shop", "default_branch": "main" },
            "ref": "refs/tags/v1", "ref_type": "tag", "pull_request": thing, "issue": thing, "deployment": thing,
            "release": thing, "workflow_run": {}, "alert": {},
        });
        for event in manifest()["default_events"].as_array().unwrap() {
            let taken = webhook::delivery("id", event.as_str().unwrap(), payload.to_string().as_bytes()).unwrap();
            assert!(!taken.body.is_empty(), "{event} tells nothing that is measured");
        }
        assert!(webhook::delivery("id", "star", payload.to_string().as_bytes()).unwrap().body.is_empty());
    }

    #[test]
    fn github_knows_each_permission() {
        let (_, description) = file("target/github-openapi/api.github.com.json");
        let description: Value = serde_json::from_str(&description).unwrap();
        let known = &description["components"]["schemas"]["app-permissions"]["properties"];
        for Permission { name, .. } in ALL {
            let access = known[name]["enum"].as_array().unwrap_or_else(|| panic!("GitHub knows no {name}"));
            assert!(access.contains(&"read".into()), "{name}");
        }
    }

    #[test]
    fn scopes_hold_others() {
        assert!(holds(&[], "") && holds(&["admin:org"], "read:org") && holds(&["project"], "read:project"));
        assert!(!holds(&["repo"], "read:org") && !holds(&["read:org"], "repo"));
    }
}
