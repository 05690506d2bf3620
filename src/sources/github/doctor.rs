//! What `doctor` says of a GitHub: whether each credential is good, what it sees, what it may still ask.

use super::GithubSource;
use super::collect;
use crate::sources::source::{Finding, FindingLevel};

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
