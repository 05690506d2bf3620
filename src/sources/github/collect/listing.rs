//! Which repositories and teams there are, and which credential sees which.
//!
//! A name that GitHub does not show is told, and the others go on. What a credential that is in trouble saw last is taken to
//! be there still.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::payload::{Page, RepositoryNode};
use super::super::{GithubSource, queries};
use super::{ask, part, record, shown, state};
use crate::facts::{Batch, Fact, Moment, TeamRepositories};
use crate::sources::clocks;
use crate::sources::source::{BatchSink, SourceError};

/// How long a listing of repositories and teams is good.
const LISTING_IS_GOOD_FOR: chrono::Duration = chrono::Duration::hours(1);

/// And one to which a credential has not answered.
const PART_IS_GOOD_FOR: chrono::Duration = chrono::Duration::minutes(10);

/// Names that are looked up at the same time.
const LOOKED_UP_AT_ONCE: usize = 8;

/// What GitHub listed, and when and for which configuration.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listing {
    listed_at: Moment,
    asked_for: String,
    pub(super) repositories: Vec<RepositoryNode>,
    /// The repositories and teams of the configuration that GitHub does not show, with its words.
    #[serde(default)]
    missing: BTreeMap<String, String>,
}

/// The cursor that keeps it.
pub(super) const CURSOR: &str = "listing";

/// The repositories to collect. They and the teams are listed anew every hour: new ones are rare, and each listing costs.
pub(super) async fn listed(source: &GithubSource, sink: &dyn BatchSink) -> Result<Vec<RepositoryNode>, SourceError> {
    let config = &source.config;
    let credentials: Vec<&str> = config.credentials.iter().map(|credential| credential.label.as_str()).collect();
    let asked_for = format!(
        "{:?} {:?} {:?} {:?} {credentials:?}",
        config.organization, config.repositories, config.exclude, config.teams
    );
    let now = (source.context.now)();
    let known: Option<Listing> = state(sink, CURSOR).await?;
    if let Some(known) = &known
        && known.asked_for == asked_for
        && clocks::is_recent(known.listed_at, now, LISTING_IS_GOOD_FOR)
    {
        remember_seers(source, &known.repositories);
        report_missing(known, sink);
        return Ok(known.repositories.clone());
    }
    let Found { mut repositories, mut missing, unheard } = found(source).await?;
    let known = known.filter(|known| known.asked_for == asked_for).map(|known| known.repositories).unwrap_or_default();
    let is_still_there = |node: &RepositoryNode| {
        node.seen_by.iter().any(|label| unheard.contains(label))
            && !repositories.iter().any(|found| found.id == node.id)
    };
    let still_there: Vec<RepositoryNode> = known.into_iter().filter(is_still_there).collect();
    repositories.extend(still_there);
    remember_seers(source, &repositories);
    missing.extend(teams(source, sink).await?);
    let listed_at = if unheard.is_empty() { now } else { now - (LISTING_IS_GOOD_FOR - PART_IS_GOOD_FOR) };
    let listing = Listing { listed_at, asked_for, repositories, missing };
    report_missing(&listing, sink);
    let cursors = vec![(CURSOR.to_owned(), Some(json!(listing).to_string()))];
    sink.accept(Batch { cursors, ..Batch::default() }).await?;
    Ok(listing.repositories)
}

fn report_missing(listing: &Listing, sink: &dyn BatchSink) {
    for (name, why) in &listing.missing {
        sink.report(name, &SourceError::NotFound(why.clone()));
    }
}

fn remember_seers(source: &GithubSource, repositories: &[RepositoryNode]) {
    if source.client.credentials() > 1 {
        for repository in repositories {
            source.client.seen_by(&repository.name_with_owner, &repository.seen_by);
        }
    }
}

/// What was found of the repositories that the configuration asks for.
#[derive(Debug, Default)]
pub(in super::super) struct Found {
    /// Those to collect, as GitHub names them now, with the credentials that see each.
    pub(in super::super) repositories: Vec<RepositoryNode>,
    /// Those that no credential sees, by name, with GitHub's words.
    pub(in super::super) missing: BTreeMap<String, String>,
    /// The labels of the credentials that could not be asked, or not to the end.
    unheard: BTreeSet<String>,
}

/// Looks for the repositories to collect. Fails where none is found because of an error.
pub(in super::super) async fn found(source: &GithubSource) -> Result<Found, SourceError> {
    let config = &source.config;
    let (mut found, mut nodes, mut failure) = (Found::default(), BTreeMap::new(), None);
    if let Some(login) = &config.organization {
        let answers = through_each(source, Wanted::OfOrganization(login)).await;
        if let Some(error) = add(&mut nodes, &mut found.unheard, answers) {
            return Err(error);
        }
    }
    for names in config.repositories.chunks(LOOKED_UP_AT_ONCE) {
        let looks: Vec<_> = names.iter().map(|name| through_each(source, Wanted::Named(name))).collect();
        for (name, answers) in names.iter().zip(join_all(looks).await) {
            let none_is_heard = answers.none_is_heard;
            let Some(error) = add(&mut nodes, &mut found.unheard, answers) else { continue };
            if none_is_heard {
                return Err(error);
            }
            if matches!(error, SourceError::NotFound(_) | SourceError::Forbidden(_)) {
                found.missing.insert(name.clone(), error.to_string());
            }
            failure = failure.or(Some(error));
        }
    }
    if let Some(error) = failure.filter(|_| nodes.is_empty()) {
        return Err(error);
    }
    for node in nodes.values_mut() {
        node.seen_by.sort();
        node.seen_by.dedup();
    }
    let is_wanted = |node: &RepositoryNode| !node.is_archived && !config.exclude.is_match(&node.name_with_owner);
    found.repositories = nodes.into_values().filter(is_wanted).collect();
    remember_seers(source, &found.repositories);
    Ok(found)
}

/// Adds what the credentials answered to what was found before, by the host's ids. Gives back why there is nothing.
fn add(
    nodes: &mut BTreeMap<String, RepositoryNode>,
    unheard: &mut BTreeSet<String>,
    answers: Answers,
) -> Option<SourceError> {
    unheard.extend(answers.unheard);
    for node in answers.nodes {
        let known = nodes.remove(&node.id).map(|known| known.seen_by).unwrap_or_default();
        let seen_by = known.into_iter().chain(node.seen_by.iter().cloned()).collect();
        nodes.insert(node.id.clone(), RepositoryNode { seen_by, ..node });
    }
    answers.failure
}

/// What is asked of each credential.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    OfOrganization(&'a str),
    Named(&'a str),
}

/// What the credentials together answered.
#[derive(Debug, Default)]
struct Answers {
    nodes: Vec<RepositoryNode>,
    /// The labels of those that cannot answer now.
    unheard: Vec<String>,
    none_is_heard: bool,
    /// Why there is nothing, where nobody saw anything.
    failure: Option<SourceError>,
}

/// Asks with each credential, since each may see others. One that cannot answer now does not keep the others from it.
async fn through_each(source: &GithubSource, wanted: Wanted<'_>) -> Answers {
    let (mut answers, mut any) = (Answers::default(), false);
    let (mut trouble, mut unseen, mut refused) = (None, None, None);
    for (label, client) in source.client.each_good() {
        let asking = GithubSource { client, ..source.clone() };
        let found = match wanted {
            Wanted::OfOrganization(login) => of_organization(&asking, login).await,
            Wanted::Named(full_name) => by_name(&asking, full_name).await.map(|node| vec![node]),
        };
        match found {
            Ok(nodes) => {
                any = true;
                let seen = nodes.into_iter().map(|node| RepositoryNode { seen_by: vec![label.clone()], ..node });
                answers.nodes.extend(seen);
            }
            Err(error @ SourceError::Unauthorized(_)) => refused = refused.or(Some(error)),
            Err(error @ (SourceError::NotFound(_) | SourceError::Forbidden(_))) => unseen = unseen.or(Some(error)),
            Err(error) => {
                answers.unheard.push(label);
                trouble = trouble.or(Some(error));
            }
        }
    }
    answers.none_is_heard = !any && unseen.is_none();
    // Whoever cannot answer may be the one that sees it.
    answers.failure = trouble.or(unseen).or(refused).filter(|_| !any);
    answers
}

async fn of_organization(source: &GithubSource, login: &str) -> Result<Vec<RepositoryNode>, SourceError> {
    let (mut found, mut after): (Vec<RepositoryNode>, Option<String>) = (Vec::new(), None);
    loop {
        let variables = json!({ "login": login, "first": 100, "after": after });
        let data = ask(source, queries::ORGANIZATION_REPOSITORIES, &variables).await?;
        let page: Page = part(&data, "/organization/repositories")?;
        for node in page.nodes {
            found.push(record(node)?);
        }
        after = page.page_info.next();
        if after.is_none() {
            return Ok(found);
        }
    }
}

async fn by_name(source: &GithubSource, full_name: &str) -> Result<RepositoryNode, SourceError> {
    let (owner, name) = full_name.split_once('/').unwrap_or_default();
    let data = ask(source, queries::REPOSITORY, &json!({ "owner": owner, "name": name })).await?;
    let mut node: RepositoryNode = shown(&data, "/repository", || {
        format!("GitHub does not show the repository {full_name}: check the name and what the token may see")
    })?;
    // A repository that was renamed goes on under the name by which the configuration knows it.
    full_name.clone_into(&mut node.name_with_owner);
    Ok(node)
}

/// Stores the repositories of the GitHub teams, and tells the teams that GitHub does not show, with its words: what was
/// known of those stays.
async fn teams(source: &GithubSource, sink: &dyn BatchSink) -> Result<BTreeMap<String, String>, SourceError> {
    let mut missing = BTreeMap::new();
    let Some(login) = &source.config.organization else { return Ok(missing) };
    for slug in &source.config.teams {
        let repositories = match of_team(source, login, slug).await {
            Ok(repositories) => repositories,
            Err(error @ (SourceError::NotFound(_) | SourceError::Forbidden(_))) => {
                missing.insert(format!("team {slug}"), error.to_string());
                continue;
            }
            Err(error) => return Err(error),
        };
        let cursor = format!("team/{slug}");
        let known = json!(repositories).to_string();
        if sink.cursor(&cursor).await?.as_deref() == Some(known.as_str()) {
            continue;
        }
        let fact =
            TeamRepositories { team: format!("{login}/{slug}"), repositories, observed_at: (source.context.now)() };
        let cursors = vec![(cursor, Some(known))];
        sink.accept(Batch { facts: vec![Fact::TeamRepositories(fact)], cursors, ..Batch::default() }).await?;
    }
    Ok(missing)
}

/// The repositories of a GitHub team, in the order of their names.
pub(in super::super) async fn of_team(
    source: &GithubSource,
    login: &str,
    slug: &str,
) -> Result<Vec<String>, SourceError> {
    let mut repositories = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let variables = json!({ "login": login, "slug": slug, "first": 100, "after": after });
        let data = ask(source, queries::TEAM_REPOSITORIES, &variables).await?;
        let page: Page = shown(&data, "/organization/team/repositories", || {
            format!(
                "GitHub shows no team \"{slug}\" in {login}: check the slug, and that the token has the scope read:org"
            )
        })?;
        repositories.extend(page.nodes.iter().filter_map(|node| node["nameWithOwner"].as_str()).map(str::to_owned));
        after = page.page_info.next();
        if after.is_none() {
            repositories.sort();
            return Ok(repositories);
        }
    }
}
