//! `chiplog doctor`: credentials, sources, rules, and why a number is missing.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::print;
use crate::app::App;
use crate::clock;
use crate::pipeline::StoredFacts;
use crate::sources::{Finding, FindingLevel};

pub(super) async fn run(config: &Path) -> Result<ExitCode> {
    let app = App::open(config).await?;
    let mut text = String::new();
    let mut problems = 0;
    for source in &app.sources {
        let mut findings = source.diagnose().await;
        if !findings.iter().any(|finding| finding.level == FindingLevel::Problem) {
            let stored = StoredFacts { store: &app.store, source: source.name() };
            findings.extend(source.history_left(&stored).await);
        }
        problems += section(&mut text, &format!("Source {}", source.name()), &findings);
    }
    problems += section(&mut text, "Collection", &collection(&app).await?);
    let findings = app.evaluator().findings(clock::now()).await?;
    problems += section(&mut text, "Services, teams and rules", &findings);
    let _ =
        writeln!(text, "{}", if problems == 0 { "All is well.".to_owned() } else { format!("{problems} problems.") });
    print(&text)?;
    Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints a section and counts its problems.
fn section(text: &mut String, heading: &str, findings: &[Finding]) -> usize {
    let _ = writeln!(text, "{heading}");
    for finding in findings {
        let sign = match finding.level {
            FindingLevel::Good => "ok     ",
            FindingLevel::Notice => "notice ",
            FindingLevel::Problem => "PROBLEM",
        };
        let _ = writeln!(text, "  {sign} {}", finding.message);
        if let Some(hint) = &finding.hint {
            let _ = writeln!(text, "          → {hint}");
        }
    }
    text.push('\n');
    findings.iter().filter(|finding| finding.level == FindingLevel::Problem).count()
}

/// What is stored, when it was last collected, and what is in quarantine.
async fn collection(app: &App) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let counts = app.store.family_counts().await?;
    if counts.is_empty() {
        findings.push(Finding {
            level: FindingLevel::Notice,
            message: "nothing has been collected yet".to_owned(),
            hint: Some("run `chiplog collect --once`, then `chiplog doctor` again".to_owned()),
        });
    }
    for count in counts {
        let message = format!(
            "{}: {} {}, the newest of {}",
            count.source,
            count.count,
            count.family,
            count.newest.format("%Y-%m-%d %H:%M UTC")
        );
        findings.push(Finding { level: FindingLevel::Good, message, hint: None });
    }
    for state in app.store.source_states().await? {
        if let Some(error) = state.last_error {
            let since = state
                .last_success_at
                .map_or_else(|| "never".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string());
            let whole = state.last_success_at == Some(state.last_attempt_at);
            let what = if whole { "a part of the last collection failed" } else { "the last collection failed" };
            let message = format!("{}: {what}: {error} (last success: {since})", state.source);
            findings.push(Finding { level: FindingLevel::Problem, message, hint: None });
        }
    }
    for waiting in app.store.waiting_delivery_counts().await? {
        let minutes = (clock::now() - waiting.oldest).num_minutes();
        let level = if minutes < 1 { FindingLevel::Good } else { FindingLevel::Problem };
        let message = format!(
            "{}: {} webhooks wait to be processed, the oldest for {minutes} minutes",
            waiting.source, waiting.count
        );
        let hint =
            "is `chiplog serve` running? Its log says why they cannot be processed; what is given up polling brings";
        findings.push(Finding { level, message, hint: (minutes >= 1).then(|| hint.to_owned()) });
    }
    for reject in app.store.quarantine(10).await? {
        let message =
            format!("{}: {} {} is in quarantine: {}", reject.source, reject.family, reject.external_id, reject.reason);
        findings.push(Finding { level: FindingLevel::Notice, message, hint: None });
    }
    Ok(findings)
}
