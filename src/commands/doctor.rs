//! `chiplog doctor`: credentials, sources, rules, and why a number is missing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::print;
use crate::address;
use crate::app::App;
use crate::clock;
use crate::config::Server;
use crate::pipeline::StoredFacts;
use crate::reported;
use crate::sources::{Finding, FindingLevel, Fix};
use crate::store::{FamilyCount, SourceState, WaitingCount};

/// Prints all findings, and with `fix_hints` the exact steps that mend each.
pub(super) async fn run(config: &Path, fix_hints: bool) -> Result<ExitCode> {
    let app = App::open(config).await?;
    let mut text = String::new();
    let mut problems = 0;
    for source in &app.sources {
        let mut findings = source.diagnose().await;
        findings.extend(source.shows_credentials_to().and_then(unencrypted));
        if !findings.iter().any(|finding| finding.level == FindingLevel::Problem) {
            let stored = StoredFacts { store: &app.store, source: source.name() };
            findings.extend(source.history_left(&stored).await);
        }
        problems += section(&mut text, &format!("Source {}", source.name()), &findings, fix_hints);
    }
    problems += section(&mut text, "Access", &access(&app.config.server), fix_hints);
    problems += section(&mut text, "Collection", &collection(&app).await?, fix_hints);
    let findings = app.evaluator().findings(clock::now()).await?;
    problems += section(&mut text, "Services, teams and rules", &findings, fix_hints);
    let _ =
        writeln!(text, "{}", if problems == 0 { "All is well.".to_owned() } else { format!("{problems} problems.") });
    print(&text)?;
    Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A token that leaves this machine unencrypted. Within a network of containers that may be meant so.
fn unencrypted(base_url: &str) -> Option<Finding> {
    address::is_plain(base_url).then(|| {
        Finding::notice(format!("the token is sent to {base_url} unencrypted: whoever is on the way can read it"))
            .hint("use https, unless only a network of your own is between")
            .fix(Fix::Elsewhere(
                "write https:// in base_url, once the tool, or a proxy before it, speaks TLS".to_owned(),
            ))
    })
}

/// Prints a section and counts its problems.
fn section(text: &mut String, heading: &str, findings: &[Finding], fix_hints: bool) -> usize {
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
        if fix_hints {
            finding.fixes.iter().for_each(|fix| steps(text, fix));
        }
    }
    text.push('\n');
    findings.iter().filter(|finding| finding.level == FindingLevel::Problem).count()
}

/// Prints a step that mends a finding.
fn steps(text: &mut String, fix: &Fix) {
    match fix {
        Fix::Elsewhere(step) => {
            let _ = writeln!(text, "          do: {step}");
        }
        Fix::Run(command) => {
            let _ = writeln!(text, "          run:\n              {command}");
        }
        Fix::Configure { place, lines } => {
            let lines = lines.replace('\n', "\n              ");
            let _ = writeln!(text, "          paste {place}:\n              {lines}");
        }
    }
}

/// Who reaches chiplog, and who may read.
fn access(server: &Server) -> Vec<Finding> {
    let Server { listen, lease: _, certificate, readers } = server;
    if listen.ip().is_loopback() {
        return vec![Finding::good(format!("chiplog listens on {listen}, for this machine only"))];
    }
    let mut findings = Vec::new();
    if readers.are_anyone() {
        let lines = "basic_auth_users = { grafana = \"HASH\" } # HASH as `chiplog hash-password` prints it";
        let finding = Finding::notice(format!("whoever reaches {listen} may read everything that chiplog shows"));
        let finding = finding.hint("name users, or a proxy at which people sign in: docs/security.md says how");
        findings.push(finding.fix(Fix::configure("in [server]", lines)));
    }
    if certificate.is_none() {
        let lines = "tls = { cert_file = \"tls.crt\", key_file = \"tls.key\" }";
        let finding =
            Finding::notice(format!("{listen} speaks HTTP: tokens and passwords cross the network as they are"));
        let finding = finding.hint("give it a certificate, unless a proxy on the same machine or pod speaks TLS");
        findings.push(finding.fix(Fix::configure("in [server]", lines)));
    }
    if findings.is_empty() {
        findings.push(Finding::good(format!("{listen} speaks TLS, and readers are known")));
    }
    findings
}

/// What is stored, when it was last collected, and what is in quarantine: of the sources that are configured, and of what
/// people report.
async fn collection(app: &App) -> Result<Vec<Finding>> {
    let is_configured =
        |source: &str| source == reported::SOURCE || app.sources.iter().any(|known| known.name() == source);
    let mut findings = Vec::new();
    let counts = app.store.family_counts().await?;
    if counts.is_empty() {
        let finding = Finding::notice("nothing has been collected yet");
        let finding = finding.hint("run `chiplog collect --once`, then `chiplog doctor` again");
        findings.push(finding.fix(Fix::Run("chiplog collect --once".to_owned())));
    }
    let (counts, of_others): (Vec<_>, Vec<_>) = counts.into_iter().partition(|count| is_configured(&count.source));
    for count in counts {
        let message = format!(
            "{}: {} {}, the newest of {}",
            count.source,
            count.count,
            count.family,
            count.newest.format("%Y-%m-%d %H:%M UTC")
        );
        findings.push(Finding::good(message));
    }
    findings.extend(taken_out(&of_others));
    let states = app.store.source_states().await?;
    findings.extend(states.into_iter().filter(|state| is_configured(&state.source)).filter_map(failed));
    let waiting = app.store.waiting_delivery_counts().await?;
    findings.extend(waiting.iter().filter(|waiting| is_configured(&waiting.source)).map(inbox));
    for reject in app.store.quarantine(10).await?.into_iter().filter(|reject| is_configured(&reject.source)) {
        let message =
            format!("{}: {} {} is in quarantine: {}", reject.source, reject.family, reject.external_id, reject.reason);
        let step = "mend the record in the tool, or the field that the reason names in the configuration; it leaves \
                    the quarantine when it is read well";
        findings.push(Finding::notice(message).fix(Fix::Elsewhere(step.to_owned())));
    }
    Ok(findings)
}

/// What sources have left behind that are no longer configured.
fn taken_out(counts: &[FamilyCount]) -> Option<Finding> {
    let mut facts: BTreeMap<&str, u64> = BTreeMap::new();
    for count in counts {
        *facts.entry(&count.source).or_default() += count.count;
    }
    let told: Vec<String> = facts.iter().map(|(source, facts)| format!("{source} ({facts})")).collect();
    let message = || format!("facts of sources that are no longer configured stay, and count: {}", told.join(", "));
    (!told.is_empty()).then(|| Finding::good(message()))
}

/// The problem of a source whose last collection, or a part of it, failed.
fn failed(state: SourceState) -> Option<Finding> {
    let error = state.last_error?;
    let since =
        state.last_success_at.map_or_else(|| "never".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string());
    let whole = state.last_success_at == Some(state.last_attempt_at);
    let what = if whole { "a part of the last collection failed" } else { "the last collection failed" };
    let message = format!("{}: {what}: {error} (last success: {since})", state.source);
    let again = "chiplog collect --once # once what the section of the source says is mended";
    Some(Finding::problem(message).fix(Fix::Run(again.to_owned())))
}

/// How long webhooks of a source have waited.
fn inbox(waiting: &WaitingCount) -> Finding {
    let minutes = (clock::now() - waiting.oldest).num_minutes();
    let message = format!(
        "{}: {} webhooks wait to be processed, the oldest for {minutes} minutes",
        waiting.source, waiting.count
    );
    if minutes < 1 {
        return Finding::good(message);
    }
    let hint = "is `chiplog serve` running? Its log says why they cannot be processed; what is given up polling brings";
    Finding::problem(message).hint(hint).fix(Fix::Run("chiplog serve".to_owned()))
}
