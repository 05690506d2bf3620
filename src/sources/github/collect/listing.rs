//! Which repositories and teams there are, and which credential sees which.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::payload::{Page, RepositoryNode};
use super::super::{GithubSource, queries};
use super::{ask, part, record, state};
use crate::facts::{Batch, Fact, Moment, TeamRepositories};
use crate::sources::clocks;
use crate::sources::source::{BatchSink, SourceError};

/// How long a listing of repositories and teams is good.
const LISTING_IS_GOOD_FOR: chrono::Duration = chrono::Duration::hours(1);

/// Names that are looked up at the same time.
const LOOKED_UP_AT_ONCE: usize = 8;

/// What GitHub listed, and when and for which configuration.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listing {
    listed_at: Moment,
    asked_for: String,
    pub(super) repositories: Vec<RepositoryNode>,
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
    if let Some(known) = known
        && known.asked_for == asked_for
        && clocks::is_recent(known.listed_at, now, LISTING_IS_GOOD_FOR)
    {
        remember_seers(source, &known.repositories);
        return Ok(known.repositories);
    }
    let listing = Listing { listed_at: now, asked_for, repositories: repositories(source).await? };
    teams(source, sink).await?;
    let cursors = vec![(CURSOR.to_owned(), Some(json!(listing).to_string()))];
    sink.accept(Batch { cursors, ..Batch::default() }).await?;
    Ok(listing.repositories)
}

fn remember_seers(source: &GithubSource, repositories: &[RepositoryNode]) {
    if source.client.credentials() > 1 {
        for repository in repositories {
            source.client.seen_by(&repository.name_with_owner, &repository.seen_by);
        }
    }
}

/// The repositories to collect, as GitHub names them now, with the credentials that see each.
pub(in super::super) async fn repositories(source: &GithubSource) -> Result<Vec<RepositoryNode>, SourceError> {
    let config = &source.config;
    let mut found: BTreeMap<String, RepositoryNode> = BTreeMap::new();
    let mut add = |node: RepositoryNode| {
        let known = found.remove(&node.id).map(|known| known.seen_by).unwrap_or_default();
        let seen_by = known.into_iter().chain(node.seen_by.iter().cloned()).collect();
        found.insert(node.id.clone(), RepositoryNode { seen_by, ..node });
    };
    if let Some(login) = &config.organization {
        through_each(source, Wanted::OfOrganization(login)).await?.into_iter().for_each(&mut add);
    }
    for names in config.repositories.chunks(LOOKED_UP_AT_ONCE) {
        let mut looks = Vec::new();
        for full_name in names {
            looks.push(through_each(source, Wanted::Named(full_name)));
        }
        for nodes in try_join_all(looks).await? {
            nodes.into_iter().for_each(&mut add);
        }
    }
    for node in found.values_mut() {
        node.seen_by.sort();
        node.seen_by.dedup();
    }
    let wanted =
        found.into_values().filter(|node| !node.is_archived && !config.exclude.is_match(&node.name_with_owner));
    let wanted: Vec<RepositoryNode> = wanted.collect();
    remember_seers(source, &wanted);
    Ok(wanted)
}

/// What is asked of each credential.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    OfOrganization(&'a str),
    Named(&'a str),
}

/// Asks with each credential, since each may see others. What all of them do not see is an error.
async fn through_each(source: &GithubSource, wanted: Wanted<'_>) -> Result<Vec<RepositoryNode>, SourceError> {
    let (mut seen, mut failure, mut any) = (Vec::new(), None, false);
    for (label, client) in source.client.each_good() {
        let asking = GithubSource { client, ..source.clone() };
        let found = match wanted {
            Wanted::OfOrganization(login) => of_organization(&asking, login).await,
            Wanted::Named(full_name) => by_name(&asking, full_name).await.map(|node| vec![node]),
        };
        match found {
            Ok(nodes) => {
                any = true;
                seen.extend(nodes.into_iter().map(|node| RepositoryNode { seen_by: vec![label.clone()], ..node }));
            }
            Err(error @ (SourceError::NotFound(_) | SourceError::Forbidden(_) | SourceError::Unauthorized(_))) => {
                failure = failure.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    match failure {
        Some(error) if !any => Err(error),
        _ => Ok(seen),
    }
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
    let mut node: RepositoryNode = part(&data, "/repository").map_err(|_| {
        SourceError::NotFound(format!(
            "GitHub does not show the repository {full_name}: check the name and what the token may see"
        ))
    })?;
    // A repository that was renamed goes on under the name by which the configuration knows it.
    full_name.clone_into(&mut node.name_with_owner);
    Ok(node)
}

/// The repositories of the GitHub teams.
async fn teams(source: &GithubSource, sink: &dyn BatchSink) -> Result<(), SourceError> {
    let Some(login) = &source.config.organization else { return Ok(()) };
    for slug in &source.config.teams {
        let mut repositories = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let variables = json!({ "login": login, "slug": slug, "first": 100, "after": after });
            let data = ask(source, queries::TEAM_REPOSITORIES, &variables).await?;
            let page: Page = part(&data, "/organization/team/repositories").map_err(|_| {
                SourceError::NotFound(format!("GitHub shows no team \"{slug}\" in {login}: check the slug, and that the token has the scope read:org"))
            })?;
            repositories.extend(page.nodes.iter().filter_map(|node| node["nameWithOwner"].as_str()).map(str::to_owned));
            after = page.page_info.next();
            if after.is_none() {
                break;
            }
        }
        repositories.sort();
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
    Ok(())
}
