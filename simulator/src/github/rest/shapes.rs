//! The shapes that many answers share: accounts and repositories.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::github::graphql::pushed_at;
use crate::github::{VIEWER, WEB};
use crate::world::{Moment, Repository, World};

/// The addresses that belong to an account, below its own.
const ACCOUNT_URLS: &[(&str, &str)] = &[
    ("events_url", "/events{/privacy}"),
    ("followers_url", "/followers"),
    ("following_url", "/following{/other_user}"),
    ("gists_url", "/gists{/gist_id}"),
    ("organizations_url", "/orgs"),
    ("received_events_url", "/received_events"),
    ("repos_url", "/repos"),
    ("starred_url", "/starred{/owner}{/repo}"),
    ("subscriptions_url", "/subscriptions"),
];

/// The addresses that belong to a repository, below its own.
const REPOSITORY_URLS: &[(&str, &str)] = &[
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

/// A moment as GitHub writes it.
pub(super) fn time(moment: Moment) -> String {
    moment.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// A number that stands for a text, the same at each start.
pub(super) fn number_of(text: &str) -> u64 {
    Sha256::digest(text.as_bytes()).iter().take(4).fold(1, |number, byte| number * 256 + u64::from(*byte))
}

/// The first object with the fields of the second.
pub(super) fn with(mut object: Value, more: Value) -> Value {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

/// The address of a repository in the API.
pub(super) fn repository_url(root: &str, of: &Repository) -> String {
    format!("{root}/repos/{}/{}", of.owner, of.name)
}

/// The address of a repository's pages.
pub(super) fn repository_page(of: &Repository) -> String {
    format!("{WEB}/{}/{}", of.owner, of.name)
}

fn below(url: &str, names: &[(&str, &str)]) -> Map<String, Value> {
    names.iter().map(|(name, end)| ((*name).to_owned(), Value::String(format!("{url}{end}")))).collect()
}

fn account(root: &str, login: &str, kind: &str) -> Value {
    let url = format!("{root}/users/{login}");
    let id = number_of(login);
    let own = json!({
        "login": login, "id": id, "node_id": format!("U_{id}"), "type": kind, "site_admin": false, "gravatar_id": "",
        "url": url, "html_url": format!("{WEB}/{login}"), "avatar_url": format!("{WEB}/avatars/{id}"),
    });
    with(own, Value::Object(below(&url, ACCOUNT_URLS)))
}

/// A person, a bot, or `null` for an account that is gone.
pub(super) fn user(root: &str, world: &World, login: &str) -> Value {
    if login.is_empty() {
        return Value::Null;
    }
    let bot = world.accounts.get(login).is_some_and(|account| account.bot);
    account(root, login, if bot { "Bot" } else { "User" })
}

/// An account that GitHub always names: of one that is gone, the ghost.
pub(super) fn user_or_ghost(root: &str, world: &World, login: &str) -> Value {
    user(root, world, if login.is_empty() { "ghost" } else { login })
}

/// An organisation as the owner of something.
pub(super) fn owner(root: &str, login: &str) -> Value {
    account(root, login, "Organization")
}

/// The account behind the personal access token.
pub(super) fn viewer(root: &str) -> Value {
    let more = json!({
        "id": 1, "name": null, "company": null, "blog": null, "location": null, "email": null, "hireable": null,
        "bio": null, "public_repos": 0, "public_gists": 0, "followers": 0, "following": 0,
        "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z",
    });
    with(account(root, VIEWER, "User"), more)
}

/// A repository as others point to it.
pub(super) fn minimal_repository(root: &str, of: &Repository) -> Value {
    let url = repository_url(root, of);
    let pushed = pushed_at(of).unwrap_or(of.created_at);
    let own = json!({
        "id": of.id, "node_id": format!("R_{}", of.id), "name": of.name,
        "full_name": format!("{}/{}", of.owner, of.name), "private": true, "fork": false, "description": null,
        "owner": owner(root, &of.owner), "url": url, "html_url": repository_page(of), "archived": of.archived,
        "disabled": false, "default_branch": of.default_branch, "visibility": "private",
        "created_at": time(of.created_at), "updated_at": time(pushed.max(of.created_at)), "pushed_at": time(pushed),
    });
    with(own, Value::Object(below(&url, REPOSITORY_URLS)))
}

/// A repository with all that GitHub tells of it.
pub(super) fn full_repository(root: &str, of: &Repository) -> Value {
    let page = repository_page(of);
    let open = of.issues.iter().filter(|issue| issue.closed_at.is_none()).count()
        + of.pull_requests.iter().filter(|item| item.merged_at.or(item.closed_at).is_none()).count();
    let more = json!({
        "clone_url": format!("{page}.git"), "git_url": format!("git://github.example/{}/{}.git", of.owner, of.name),
        "ssh_url": format!("git@github.example:{}/{}.git", of.owner, of.name), "svn_url": page, "mirror_url": null,
        "homepage": null, "language": null, "license": null, "forks": 0, "forks_count": 0, "has_issues": true,
        "has_projects": false, "has_wiki": false, "has_pages": false, "has_downloads": false, "has_discussions": false,
        "open_issues": open, "open_issues_count": open, "size": of.commits.len(), "stargazers_count": 0,
        "watchers": 0, "watchers_count": 0, "network_count": 0, "subscribers_count": 0,
    });
    with(minimal_repository(root, of), more)
}
