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
    let libraries = Command::new("ldd").arg(program).env("LC_ALL", "C").output().unwrap();
    let told = String::from_utf8_lossy(&libraries.stdout).into_owned() + &String::from_utf8_lossy(&libraries.stderr);
    let is_static = told.contains("not a dynamic executable") || told.contains("statically linked");
    assert!(is_static, "run the tests by `scripts/test`: {program} needs libraries: {told}");
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

/// An almost empty file system: the program, its configuration, certificates of authorities, and where names are looked up.
struct EmptyRoot(tempfile::TempDir);

impl EmptyRoot {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["data", "etc/ssl/certs"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::set_permissions(folder.path().join("data"), std::fs::Permissions::from_mode(0o777)).unwrap();
        std::fs::copy(static_binary(), folder.path().join("chiplog")).unwrap();
        std::fs::copy("/etc/ssl/certs/ca-certificates.crt", folder.path().join("etc/ssl/certs/ca-certificates.crt"))
            .unwrap();
        std::fs::write(folder.path().join("etc/hosts"), "127.0.0.1 github.internal\n").unwrap();
        std::fs::write(folder.path().join("etc/chiplog.toml"), config).unwrap();
        Self(folder)
    }

    /// A command of chiplog in there, as a user without rights.
    fn command(&self, arguments: &[&str]) -> Command {
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
        let mut command = Command::new(if is_root { "chroot" } else { "unshare" });
        if is_root {
            command.arg("--userspec=65532:65532");
        } else {
            command.args(["--map-root-user", "chroot"]);
        }
        command.arg(self.0.path()).args(["/chiplog", "--config", "/etc/chiplog.toml"]).args(arguments);
        command.env_clear().env("PATH", env!("PATH")).env("GITHUB_TOKEN", "ghp_simulated");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_static_binary_runs_on_an_empty_root() {
    let mut world = small_world(1);
    world.repositories.retain(|repository| repository.name == "ledger");
    let github = github(&shared(world)).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // By name, which the program has to look up by itself.
    let url = github.base_url().replace("127.0.0.1", "github.internal");
    let config = format!(
        "server.listen = \"127.0.0.1:{port}\"\nstore.url = \"sqlite:/data/chiplog.db\"\n[github]\ntoken_env = \"GITHUB_TOKEN\"\n\
         organization = \"{}\"\nbase_url = \"{url}\"\n[team.payments]\nrepositories = [\"acme/ledger\"]\n\
         time_zone = \"Europe/Berlin\"\n",
        demo::ORGANIZATION
    );
    let empty = EmptyRoot::new(&config);
    let well = |arguments: &[&str]| {
        let output = empty.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(well(&["--version"]).starts_with("chiplog "));
    well(&["config", "check"]);
    assert_eq!(empty.run(&["health"]).status.code(), Some(1), "nobody serves yet");
    well(&["collect", "--once"]);
    assert!(well(&["kpis", "payments", "--window", "84d"]).contains("Lead time for changes"));
    let served = Program::spawn(&mut empty.command(&["serve"]));
    until("chiplog is healthy", async || empty.run(&["health"]).status.success()).await;
    until("chiplog is ready", async || {
        empty.run(&["health", "--url", &format!("http://127.0.0.1:{port}/-/ready")]).status.success()
    })
    .await;
    drop(served);
}
