//! The alert rules and routes: generated, accepted by promtool and amtool, and doing what they say.

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
