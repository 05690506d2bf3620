//! `chiplog doctor --fix-hints`: what it says to paste, tick or run mends what it has found.

use chiplog::facts::{Batch, Fact, Tag};
use chiplog::sources::{Finding, FindingLevel, Fix};
use chiplog::store::Attempt;
use chiplog_simulator::github::AppOptions;

use crate::harness::demo::{Demo, small_world};
use crate::harness::{app, github_with, now, shared};

/// Changes one line of a table of the configuration.
fn with_line(config: &str, table: &str, line: &str, instead: &str) -> String {
    let (before, after) = config.split_once(&format!("[{table}]\n")).unwrap();
    assert!(after.split("\n[").next().unwrap().contains(line), "[{table}] has no line {line}");
    format!("{before}[{table}]\n{}", after.replacen(line, instead, 1))
}

/// Pastes the lines that `doctor` has printed below a finding, as a reader would.
fn pasted(config: &str, doctor: &str, finding: &str) -> String {
    let below = doctor.split_once(finding).unwrap_or_else(|| panic!("{finding} is not found: {doctor}")).1;
    let below = below.split_once("paste ").unwrap().1;
    let (place, rest) = below.split_once(":\n").unwrap();
    let lines: Vec<&str> = rest.lines().map_while(|line| line.strip_prefix("              ")).collect();
    if place == "at the end" {
        return format!("{config}\n{}\n", lines.join("\n"));
    }
    let table = place.strip_prefix("in [").unwrap().split(']').next().unwrap();
    let (before, after) = config.split_once(&format!("[{table}]\n")).unwrap();
    let end = after.find("\n[").unwrap_or(after.len());
    let key = lines[0].split(' ').next().unwrap();
    let kept: Vec<&str> = after[..end].lines().filter(|line| !line.starts_with(&format!("{key} "))).collect();
    format!("{before}[{table}]\n{}\n{}\n{}", lines.join("\n"), kept.join("\n"), &after[end..])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_it_prints_mend_what_it_found() {
    let demo = Demo::start(small_world(1)).await;
    let file = demo.installation.path("chiplog.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    // A rule that matches nothing, incidents that belong nowhere, and a team without repositories.
    let bad = with_line(&good, "service.ledger", "deployments = \"auto\"", "deployments = { tag = \"^never\" }");
    let bad = with_line(&bad, "service.payouts", "pagerduty = [\"PPAYOUTS\"]", "");
    let bad = bad.replace("[service.payouts]", "[service.paying-out]");
    let bad = with_line(&bad, "team.search", "github_team = \"search\"", "");
    let tables = bad.split("\n\n").filter(|table| !table.contains("\nteam = \"search\""));
    let bad = tables.collect::<Vec<_>>().join("\n\n");
    std::fs::write(&file, &bad).unwrap();
    demo.installation.run(&["collect", "--once"]);
    let doctor = |arguments: &[&str]| String::from_utf8(demo.installation.run(arguments).stdout).unwrap();
    let found = doctor(&["doctor", "--fix-hints"]);
    let findings = [
        "PROBLEM service ledger: no deployment",
        "incidents of pagerduty service PPAYOUTS (payouts) belong to no service",
        "PROBLEM team search: no repository belongs to it",
    ];
    let plain = doctor(&["doctor"]);
    assert!(findings.iter().all(|finding| plain.contains(finding)), "{plain}");
    assert!(!plain.contains("paste") && !plain.contains("run:"), "{plain}");
    // Which service an unknown name stands for only the reader knows: an example is given.
    let found = found.replace("paste in [service.accounts], or", "paste in [service.paying-out], or");
    let mended = findings.iter().fold(bad, |config, finding| pasted(&config, &found, finding));
    std::fs::write(&file, &mended).unwrap();
    demo.installation.run_well(&["config", "check"]);
    assert!(found.contains("run:\n              chiplog collect --once"), "{found}");
    demo.installation.run_well(&["collect", "--once"]);
    let after = doctor(&["doctor", "--fix-hints"]);
    for finding in findings {
        assert!(!after.contains(finding), "{finding} is still there: {after}\n{mended}");
    }
    assert!(after.contains("ok      service ledger: "), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_source_that_was_taken_out_it_tells_one_line() {
    let demo = Demo::start(small_world(1)).await;
    let store = demo.app().await.store;
    let tag = Fact::Tag(Tag {
        repository: "acme/ledger".to_owned(),
        name: "v1".to_owned(),
        sha: "a".repeat(40),
        tagged_at: now(),
        url: None,
    });
    store.accept("old-clone", &Batch { facts: vec![tag], ..Batch::default() }, now()).await.unwrap();
    for source in ["old-clone", "pagerduty"] {
        let attempt = Attempt { succeeded: false, trouble: Some("it is gone".to_owned()), at: now() };
        store.record_attempt(source, "git", &attempt).await.unwrap();
    }
    let told = String::from_utf8(demo.installation.run(&["doctor"]).stdout).unwrap();
    assert!(told.contains("PROBLEM pagerduty: the last collection failed: it is gone"), "{told}");
    let of_clone: Vec<&str> = told.lines().filter(|line| line.contains("old-clone")).collect();
    assert_eq!(of_clone, ["  ok      facts of sources that are no longer configured stay, and count: old-clone (1)"]);
}

/// Problems without a step that mends them.
fn helpless(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|it| it.level == FindingLevel::Problem && it.fixes.is_empty()).collect()
}

fn steps(findings: &[Finding]) -> String {
    let all = findings.iter().flat_map(|finding| &finding.fixes).map(|fix| match fix {
        Fix::Elsewhere(step) | Fix::Run(step) => step.clone(),
        Fix::Configure { place, lines } => format!("{place}: {lines}"),
    });
    all.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn it_names_the_scopes_and_permissions_that_are_missing() {
    let world = shared(small_world(1));
    let all = "work_items = true\nsecurity_alerts = true\nprojects = { numbers = [1] }\nteams = [\"payments\"]\n";
    let github = github_with(&world, |options| {
        options.scopes = "repo".to_owned();
        options.app = Some(AppOptions { app_id: 7, installation_id: 9 });
    })
    .await;
    let of = async |credential: &str| {
        let url = github.base_url();
        let text = format!("[github]\n{credential}\norganization = \"acme\"\nbase_url = \"{url}\"\n{all}");
        let findings = app(&text).await.sources[0].diagnose().await;
        assert!(helpless(&findings).is_empty(), "{findings:#?}");
        findings
    };
    let findings = of("token_env = \"GITHUB_TOKEN\"").await;
    let told = steps(&findings);
    assert!(
        told.contains("tick read:org") && told.contains("tick read:project") && !told.contains("tick repo"),
        "{told}"
    );

    let key = tempfile::NamedTempFile::new().unwrap();
    let made = std::process::Command::new("openssl").args(["genrsa", "-traditional", "2048"]).output().unwrap();
    std::fs::write(key.path(), made.stdout).unwrap();
    let file = key.path().display();
    let findings = of(&format!("app = {{ id = 7, installation_id = 9, private_key_file = \"{file}\" }}")).await;
    let told = steps(&findings);
    for page in
        ["Organization permissions › Projects", "Dependabot alerts", "Code scanning alerts", "Secret scanning alerts"]
    {
        assert!(told.contains(page), "{page} is not named: {told}");
    }
    assert!(!told.contains("Pull requests"), "{told}");

    // A token that GitHub refuses, and a server that is not there.
    let findings = of("token_env = \"BAD_TOKEN\"").await;
    assert!(steps(&findings).contains("make a new credential (a classic token at Settings"), "{findings:#?}");
    let text = "[pagerduty]\ntoken_env = \"PAGERDUTY_TOKEN\"\nbase_url = \"http://127.0.0.1:9\"\n";
    let findings = app(text).await.sources[0].diagnose().await;
    assert!(helpless(&findings).is_empty() && steps(&findings).contains("base_url"), "{findings:#?}");
}
