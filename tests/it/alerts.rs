//! The alert rules and routes: generated, accepted by promtool and amtool, and doing what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chiplog::report::{alert_rules, alertmanager_example, recording_rules};

fn dashboards() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).current_dir(dashboards()).output();
    output.unwrap_or_else(|error| panic!("{program} is missing ({error}): install its Debian package"))
}

fn run_well(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

/// Files that are stale are written anew, and the test fails once.
#[test]
fn the_generated_files_are_those_of_the_catalogue() {
    let files = [
        ("alerts.yml", alert_rules()),
        ("rules.yml", recording_rules()),
        ("alertmanager.example.yml", alertmanager_example(&["payments", "platform"])),
    ];
    for (name, text) in files {
        let path = dashboards().join(name);
        if std::fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            std::fs::create_dir_all(dashboards()).unwrap();
            std::fs::write(&path, text).unwrap();
            panic!("dashboards/{name} was stale and is written anew: commit it");
        }
    }
}

/// The names of all alerts, and their pages as the annotations name them.
fn alerts_and_pages() -> BTreeMap<String, BTreeSet<String>> {
    let (mut pages, mut alert) = (BTreeMap::<_, BTreeSet<_>>::new(), String::new());
    for line in alert_rules().lines() {
        if let Some(name) = line.trim().strip_prefix("- alert: ") {
            name.clone_into(&mut alert);
            pages.entry(alert.clone()).or_default();
        }
        if let Some(page) = line.trim().strip_prefix("runbook_url: ") {
            pages.get_mut(&alert).unwrap().insert(page.to_owned());
        }
    }
    pages
}

#[test]
fn each_alert_has_its_page_and_each_page_its_alert() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let alerts = alerts_and_pages();
    for (alert, pages) in &alerts {
        assert_eq!(pages.iter().collect::<Vec<_>>(), [&format!("docs/runbooks/{alert}.md")], "{alert}");
        let page = std::fs::read_to_string(root.join("docs/runbooks").join(format!("{alert}.md"))).unwrap_or_default();
        assert!(page.starts_with(&format!("# {alert}\n")), "docs/runbooks/{alert}.md is missing");
        for heading in ["## What it means", "## What people notice", "## How to look", "## How to mend it"] {
            let part = page.split(heading).nth(1).unwrap_or_default();
            assert!(part.trim_start().len() > 40, "docs/runbooks/{alert}.md: {heading} is missing or empty");
        }
    }
    let pages = std::fs::read_dir(root.join("docs/runbooks")).unwrap().map(|page| page.unwrap().file_name());
    let pages: BTreeSet<String> = pages.map(|name| name.into_string().unwrap()).collect();
    let expected = alerts.keys().map(|alert| format!("{alert}.md")).chain(["README.md".to_owned()]);
    assert_eq!(pages, expected.collect());
}

/// Every alert is seen to fire by the unit tests of the rules.
#[test]
fn each_alert_is_tested() {
    let tests = std::fs::read_to_string(dashboards().join("alerts_test.yml")).unwrap();
    let fires = |alert: &str| {
        let mut cases = tests.split("alertname: ").filter(|case| case.starts_with(&format!("{alert}\n")));
        cases.any(|case| case.contains("- exp_labels:"))
    };
    let untested: Vec<String> = alerts_and_pages().into_keys().filter(|alert| !fires(alert)).collect();
    assert!(untested.is_empty(), "never seen to fire: {untested:?}");
}

#[test]
fn promtool_accepts_the_rules_and_they_fire_as_they_should() {
    run_well("promtool", &["check", "rules", "alerts.yml", "rules.yml"]);
    run_well("promtool", &["test", "rules", "alerts_test.yml"]);
}

#[test]
fn amtool_accepts_the_routes_and_each_team_has_its_own() {
    let file = "alertmanager.example.yml";
    run_well("amtool", &["check-config", file]);
    for (labels, receiver) in
        [("team=payments", "team-payments"), ("team=platform", "team-platform"), ("team=other", "engineering")]
    {
        let expected = format!("--verify.receivers={receiver}");
        let labels = [
            "config",
            "routes",
            "test",
            "--config.file",
            file,
            &expected,
            "alertname=ChiplogKpiTrendRegression",
            labels,
        ];
        run_well("amtool", &labels);
    }
}
