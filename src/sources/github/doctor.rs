//! What `doctor` says of a GitHub: whether each credential is good, what it sees, what it may still ask.

use super::GithubSource;
use super::budget::Resource;
use super::collect;
use crate::sources::budget::{TimeToFinish, time_to_finish};
use crate::sources::source::{FactLookup, Finding, FindingLevel, SourceError};

fn finding(level: FindingLevel, message: String, hint: Option<&str>) -> Finding {
    Finding { level, message, hint: hint.map(str::to_owned) }
}

/// All findings.
pub(super) async fn findings(source: &GithubSource) -> Vec<Finding> {
    let (mut findings, any_is_good) = credentials(source).await;
    if !any_is_good {
        return findings;
    }
    match collect::repositories(source).await {
        Err(error) => findings.push(finding(FindingLevel::Problem, error.to_string(), None)),
        Ok(repositories) => {
            let message = format!("{} repositories are visible", repositories.len());
            findings.push(finding(FindingLevel::Good, message, None));
        }
    }
    if source.client.credentials() > 1 {
        for (name, owners) in source.client.owners() {
            let of = |(owner, count): (String, usize)| {
                format!("{owner} ({count} {})", if count == 1 { "repository" } else { "repositories" })
            };
            let owners: Vec<String> = owners.into_iter().map(of).collect();
            findings.push(if owners.is_empty() {
                finding(FindingLevel::Notice, format!("{name} sees none of the repositories"), None)
            } else {
                finding(FindingLevel::Good, format!("{name} sees {}", owners.join(", ")), None)
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
        let level = if is_low { FindingLevel::Notice } else { FindingLevel::Good };
        let hint = "nothing is asked until then: add credentials, or make the reserve smaller";
        findings.push(finding(level, message, is_low.then_some(hint)));
    }
    findings
}

/// Of so many repositories the history is looked at: a probe for fifty of them.
const LOOKED_AT: usize = 1000;

/// What is left of the history, and what that costs.
pub(super) async fn history_left(source: &GithubSource, stored: &dyn FactLookup) -> Result<Finding, SourceError> {
    let mut repositories = collect::repositories(source).await?;
    let all = repositories.len();
    repositories.truncate(LOOKED_AT);
    let of = if all > LOOKED_AT { format!(" (of {LOOKED_AT} of {all} repositories)") } else { String::new() };
    let collect::HistoryLeft { complete, under_way, not_begun, requests, points } =
        collect::history_left(source, stored, repositories).await?;
    if under_way + not_begun == 0 {
        let message = format!("the history of {complete} repositories is complete{of}");
        return Ok(finding(FindingLevel::Good, message, None));
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
    Ok(finding(FindingLevel::Notice, message, None))
}

/// Whether each credential is taken, and whether any is.
async fn credentials(source: &GithubSource) -> (Vec<Finding>, bool) {
    let several = source.client.credentials() > 1;
    let (mut findings, mut any_is_good) = (Vec::new(), false);
    for (label, client) in source.client.each() {
        let of = if several { format!("{label}: ") } else { String::new() };
        match client.scopes().await {
            Err(error) => findings.push(finding(FindingLevel::Problem, format!("{of}{error}"), None)),
            Ok(Some(scopes)) => {
                any_is_good = true;
                let message = format!("{of}the token is good; its scopes: {scopes}");
                findings.push(finding(FindingLevel::Good, message, None));
                let held: Vec<&str> = scopes.split(',').map(str::trim).collect();
                if !source.config.teams.is_empty() && !held.iter().any(|scope| scope.ends_with(":org")) {
                    let hint = Some("make a token with the scope read:org");
                    let message = format!("{of}the token may not read teams");
                    findings.push(finding(FindingLevel::Problem, message, hint));
                }
            }
            Ok(None) => {
                any_is_good = true;
                findings.push(finding(FindingLevel::Good, format!("{of}the credentials are good"), None));
            }
        }
    }
    (findings, any_is_good)
}
