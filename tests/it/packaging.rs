//! What `packaging/` has is taken by the tools that it is for, and the static binary runs where nothing else is.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chiplog_simulator::demo;
use serde_json::Value;

use crate::documentation::configurations;
use crate::harness::demo::small_world;
use crate::harness::program::{Program, until};
use crate::harness::{github, shared};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn packaging(name: &str) -> PathBuf {
    root().join("packaging").join(name)
}

/// Runs a program that must succeed, and returns what it says.
fn run_well(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}: run `scripts/test` once"));
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    told
}

fn python(arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command
        .args(arguments)
        .env("PYTHONPATH", root().join("target/kubernetes-validate"))
        .env("PYTHONWARNINGS", "ignore");
    command
}

/// The documents of a YAML file.
fn documents(path: &Path) -> Vec<Value> {
    let script = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    serde_json::from_str(&run_well(&mut python(&["-c", script, path.to_str().unwrap()]))).unwrap()
}

#[test]
fn systemd_takes_the_unit_and_finds_it_hardened() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(packaging("chiplog.service")).unwrap();
    let installed = text.replace("/usr/bin/chiplog", env!("CARGO_BIN_EXE_chiplog"));
    assert_ne!(installed, text);
    let unit = folder.path().join("chiplog.service");
    std::fs::write(&unit, installed).unwrap();
    let told = run_well(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit));
    assert!(!told.contains("chiplog.service"), "{told}");
    // Tenths of the exposure, of which 100 is the worst.
    let hardened = ["security", "--offline=true", "--no-pager", "--threshold=15"];
    run_well(Command::new("systemd-analyze").args(hardened).arg(&unit));
    // Its commands are commands of chiplog.
    let started = text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/chiplog ")).unwrap();
    let help = started.split(' ').chain(["--help"]);
    run_well(Command::new(env!("CARGO_BIN_EXE_chiplog")).args(help));
}

#[test]
fn the_compose_file_follows_its_specification_and_its_parts_are_there() {
    let schema = std::fs::read(root().join("target/compose-spec/compose-spec.json"));
    let schema =
        schema.unwrap_or_else(|error| panic!("the specification is missing ({error}): run `scripts/test` once"));
    let schema = serde_json::from_slice(&schema).unwrap();
    let compose = documents(&packaging("compose/compose.yml")).remove(0);
    let validator = jsonschema::validator_for(&schema).unwrap();
    // The published copy of the specification is older than the name of a project.
    let mut described = compose.clone();
    assert_eq!(described.as_object_mut().unwrap().remove("name"), Some("chiplog".into()));
    let errors: Vec<String> = validator.iter_errors(&described).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let services = compose["services"].as_object().unwrap();
    let mut mounted = 0;
    for (name, service) in services {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let from = volume.as_str().unwrap().split(':').next().unwrap();
            if from.starts_with('.') {
                mounted += 1;
                assert!(packaging("compose").join(from).exists(), "{name}: {from} is not there");
            } else {
                assert!(compose["volumes"].as_object().unwrap().contains_key(from), "{name}: no volume {from}");
            }
        }
        for secret in service["secrets"].as_array().into_iter().flatten() {
            assert!(compose["secrets"][secret.as_str().unwrap()].is_object(), "{name}: no secret {secret}");
        }
    }
    assert_eq!(mounted, 5);
    let build = &services["chiplog"]["build"];
    let context = packaging("compose").join(build["context"].as_str().unwrap());
    assert!(context.join(build["dockerfile"].as_str().unwrap()).exists());
}

#[test]
fn prometheus_alertmanager_and_chiplog_take_what_the_compose_file_gives_them() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["packaging/compose/prometheus.yml", "dashboards/alerts.yml", "dashboards/rules.yml"] {
        let path = root().join(file);
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    run_well(Command::new("promtool").args(["check", "config"]).arg(folder.path().join("prometheus.yml")));
    run_well(Command::new("amtool").arg("check-config").arg(packaging("compose/alertmanager.yml")));
    let text = std::fs::read_to_string(packaging("compose/chiplog.toml")).unwrap();
    let parsed = text.parse().unwrap();
    configurations::check("packaging/compose/chiplog.toml", text, parsed);
}

#[test]
fn kubernetes_takes_the_manifests() {
    let file = packaging("kubernetes/chiplog.yaml");
    let script = root().join("target/kubernetes-validate/bin/kubernetes-validate");
    run_well(&mut python(&[script.to_str().unwrap(), "--strict", file.to_str().unwrap()]));
    let objects = documents(&file);
    let of = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"));
    let labels = &of("Deployment")["spec"]["template"]["metadata"]["labels"];
    let monitor = documents(&packaging("kubernetes/servicemonitor.yaml")).remove(0);
    for selector in [
        &of("Deployment")["spec"]["selector"]["matchLabels"],
        &of("Service")["spec"]["selector"],
        &of("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        &monitor["spec"]["selector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], of("Service")["spec"]["ports"][0]["name"]);
    // The rules expect this job, which the operator names after the Service.
    assert_eq!(of("Service")["metadata"]["name"], "chiplog");
    let config = of("ConfigMap")["data"]["chiplog.toml"].as_str().unwrap().to_owned();
    let parsed = config.parse().unwrap();
    configurations::check("packaging/kubernetes/chiplog.yaml", config, parsed);
    let container = &of("Deployment")["spec"]["template"]["spec"]["containers"][0];
    let arguments = container["args"].as_array().unwrap().iter().map(|it| it.as_str().unwrap());
    run_well(Command::new(env!("CARGO_BIN_EXE_chiplog")).args(arguments.chain(["--help"])));
}

/// The program under test, which `scripts/test` has linked statically.
fn static_binary() -> &'static str {
    let program = env!("CARGO_BIN_EXE_chiplog");
    assert!(
        cfg!(target_feature = "crt-static"),
        "{program} needs libraries of this system: run the tests by `scripts/test`"
    );
    program
}

#[test]
fn the_archive_has_all_that_an_installation_needs() {
    let told = run_well(Command::new(root().join("scripts/package")).arg(static_binary()));
    let archive = told.lines().last().unwrap();
    let folder = tempfile::tempdir().unwrap();
    run_well(Command::new("tar").arg("-xzf").arg(root().join(archive)).arg("-C").arg(folder.path()));
    let unpacked =
        folder.path().join(Path::new(archive).file_name().unwrap().to_str().unwrap().trim_end_matches(".tar.gz"));
    for file in [
        "LICENSE",
        "man/chiplog.1",
        "completions/chiplog.bash",
        "packaging/chiplog.service",
        "docs/start.md",
        "chiplog.example.toml",
    ] {
        assert!(unpacked.join(file).metadata().is_ok_and(|it| it.len() > 0), "{file} is not in {archive}");
    }
    assert!(run_well(Command::new(unpacked.join("chiplog")).arg("--version")).starts_with("chiplog "));
}
