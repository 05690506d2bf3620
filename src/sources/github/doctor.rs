//! What `doctor` says of a GitHub: whether each credential is good, what it sees, what it may still ask.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};

use super::budget::Resource;
use super::config::Secret;
use super::permissions::{self, Permission};
use super::{GithubSource, KIND, collect, hook};
use crate::sources::budget::{TimeToFinish, time_to_finish};
use crate::sources::finding::{Finding, Fix};
use crate::sources::source::{FactLookup, SourceError};

/// All findings.
pub(super) async fn findings(source: &GithubSource) -> Vec<Finding> {
    let (mut findings, any_is_good) = credentials(source).await;
    if !any_is_good {
        return findings;
    }
    match collect::found(source).await {
        Err(error) => findings.push(Finding::failed(&error, KIND.credential)),
        Ok(collect::Found { repositories, missing, .. }) => {
            findings.push(Finding::good(format!("{} repositories are visible", repositories.len())));
            findings.extend(missing.iter().map(|(name, why)| {
                let step = format!("in [github]: take {name} out of repositories, or write its name of today");
                Finding::problem(format!("{name}: {why}")).fix(Fix::Elsewhere(step))
            }));
        }
    }
    findings.extend(teams(source).await);
    if source.client.credentials() > 1 {
        for (name, owners) in source.client.owners() {
            let of = |(owner, count): (String, usize)| {
                format!("{owner} ({count} {})", if count == 1 { "repository" } else { "repositories" })
            };
            let owners: Vec<String> = owners.into_iter().map(of).collect();
            findings.push(if owners.is_empty() {
                Finding::notice(format!("{name} sees none of the repositories")).fix(Fix::Elsewhere(format!(
                    "install the App for them, or give the account of {name} access; else take it out of [github]"
                )))
            } else {
                Finding::good(format!("{name} sees {}", owners.join(", ")))
            });
        }
    }
    for budget in source.client.budgets() {
        let message = format!(
            "{} {}: {} of {} left until {}, {} of them for others",
            budget.credential,
            budget.resource,
            budget.remaining,
            budget.limit,
            budget.reset_at.format("%H:%M UTC"),
            budget.reserve
        );
        let is_low = budget.remaining <= budget.reserve;
        findings.push(if is_low {
            let lines = "tokens_env = [\"SECOND_TOKEN\"] # the token of another account";
            Finding::notice(message)
                .hint("nothing is asked until then: add credentials, or make the reserve smaller")
                .fix(Fix::configure("in [github]", lines))
        } else {
            Finding::good(message)
        });
    }
    findings
}

/// So many teams are asked for, so many of them at the same time.
const TEAMS_ASKED_FOR: usize = 100;
const TEAMS_AT_ONCE: usize = 8;

/// The teams of the configuration that GitHub does not show.
async fn teams(source: &GithubSource) -> Vec<Finding> {
    let Some(login) = &source.config.organization else { return Vec::new() };
    let teams = &source.config.teams;
    let asked_for: Vec<_> =
        teams.iter().take(TEAMS_ASKED_FOR).map(|slug| collect::of_team(source, login, slug)).collect();
    let answers: Vec<_> = stream::iter(asked_for).buffered(TEAMS_AT_ONCE).collect().await;
    let failures = answers.iter().filter_map(|answer| answer.as_ref().err());
    let mut findings: Vec<Finding> = failures.map(|error| Finding::failed(error, KIND.credential)).collect();
    if teams.len() > TEAMS_ASKED_FOR {
        let message = format!("{TEAMS_ASKED_FOR} of {} GitHub teams were asked for", teams.len());
        findings.push(Finding::notice(message));
    }
    findings
}

/// Of so many repositories the history is looked at: a probe for fifty of them.
const LOOKED_AT: usize = 1000;

/// What is left of the history, and what that costs.
pub(super) async fn history_left(source: &GithubSource, stored: &dyn FactLookup) -> Result<Finding, SourceError> {
    let mut repositories = collect::found(source).await?.repositories;
    let all = repositories.len();
    repositories.truncate(LOOKED_AT);
    let of = if all > LOOKED_AT { format!(" (of {LOOKED_AT} of {all} repositories)") } else { String::new() };
    let collect::HistoryLeft { complete, under_way, not_begun, requests, points } =
        collect::history_left(source, stored, repositories).await?;
    if under_way + not_begun == 0 {
        let message = format!("the history of {complete} repositories is complete{of}");
        return Ok(Finding::good(message));
    }
    let is_at_least = not_begun > 0 || all > LOOKED_AT;
    let (allowances, _) = source.client.allowances(Resource::Graphql);
    let at_best = time_to_finish(points.least, requests.least, &allowances, None);
    let time = at_best.zip(time_to_finish(points.most, requests.most, &allowances, None));
    let time = time.map(|(least, most)| TimeToFinish { earliest: least.earliest, latest: most.latest });
    let message = format!(
        "history{of}: {complete} repositories are complete, {under_way} under way, {not_begun} not begun; at least {:.0} \
         GraphQL requests ({:.0} points) are left; by the budget alone that takes {}",
        requests.least,
        points.least,
        time.map_or_else(|| "an unknown time".to_owned(), |time| time.in_words(is_at_least))
    );
    Ok(Finding::notice(message))
}

/// Whether each credential is taken and what it lacks, and whether any is taken.
async fn credentials(source: &GithubSource) -> (Vec<Finding>, bool) {
    let several = source.client.credentials() > 1;
    let (mut findings, mut any_is_good) = (Vec::new(), false);
    for ((label, client), credential) in source.client.each().into_iter().zip(&source.config.credentials) {
        let of = if several { format!("{label}: ") } else { String::new() };
        match client.scopes().await {
            Err(error) => {
                let failed = Finding::failed(&error, KIND.credential);
                findings.push(Finding { message: format!("{of}{error}"), ..failed });
            }
            Ok(Some(scopes)) => {
                any_is_good = true;
                findings.push(Finding::good(format!("{of}the token is good; its scopes: {scopes}")));
                findings.extend(scopes_lacking(source, &of, &scopes));
            }
            Ok(None) => {
                any_is_good = true;
                findings.push(Finding::good(format!("{of}the credentials are good")));
                findings.extend(permissions_lacking(source, &of, &credential.secret).await);
            }
        }
    }
    (findings, any_is_good)
}

/// What a classic token may not read of what the configuration asks for.
fn scopes_lacking(source: &GithubSource, of: &str, scopes: &str) -> Vec<Finding> {
    let held: Vec<&str> = scopes.split(',').map(str::trim).collect();
    let mut lacking: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for permission in permissions::needed(&source.config).filter(|it| !permissions::holds(&held, it.scope)) {
        lacking.entry(permission.scope).or_default().push(permission.reads);
    }
    let findings = lacking.into_iter().map(|(scope, reads)| {
        let (message, step) = (
            format!("{of}the token lacks the scope {scope}: {}", reads.join("; ")),
            format!("Settings › Developer settings › Personal access tokens › Tokens (classic): tick {scope}"),
        );
        // Without it a token sees what is public, which may be all there is.
        let finding = if scope == "repo" { Finding::notice(message) } else { Finding::problem(message) };
        finding.hint(format!("make a token with the scope {scope}")).fix(Fix::Elsewhere(step))
    });
    findings.collect()
}

/// What an App's installation is not permitted of what the configuration asks for.
async fn permissions_lacking(source: &GithubSource, of: &str, secret: &Secret) -> Vec<Finding> {
    let Secret::App { id, installation_id, private_key } = secret else { return Vec::new() };
    let Ok(app) = hook::app_client(&source.config, *id, private_key) else { return Vec::new() };
    let path = format!("/app/installations/{installation_id}");
    let Ok(installation) = app.get::<serde_json::Value, _, ()>(path, None).await else { return Vec::new() };
    let granted = &installation["permissions"];
    let lacking = permissions::needed(&source.config).filter(|permission| granted[permission.name].is_null());
    let findings = lacking.map(|permission| {
        let Permission { name, page, reads, .. } = permission;
        Finding::problem(format!("{of}the App lacks the permission {name}: {reads}"))
            .hint(format!("permit it: {page}, read-only"))
            .fix(Fix::Elsewhere(format!("the App's settings › Permissions & events › {page}: Read-only, Save changes")))
            .fix(Fix::Elsewhere(
                "the organization's settings › GitHub Apps › Configure: accept the new permission".to_owned(),
            ))
    });
    findings.collect()
}
