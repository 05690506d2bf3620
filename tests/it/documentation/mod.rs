//! The documentation is true: its commands are run, its configurations checked, its links followed.

mod blocks;
pub(crate) mod configurations;
mod links;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use chiplog::kpi::{CATALOGUE, metric_name};
use chiplog::report::alert_rules;

use crate::harness::demo::{Demo, small_world};
use crate::harness::program::Program;
use crate::harness::{ENVIRONMENT, now, postgres};
use blocks::{Block, blocks, pages};

/// So many blocks say that they are not run. Whoever adds one changes this number, and is asked why.
const NOT_RUN: usize = 13;

/// Languages of blocks that nobody runs: addresses, answers, files that have a test of their own.
const NO_COMMANDS: [&str; 4] = ["text", "toml", "yaml", "json"];

/// What the demo's configuration lacks of what the pages speak of.
const MORE: &str = r#"
[reporters.people-team]
token_env = "PEOPLE_TOKEN"
scopes = ["reports/team_engagement"]
[reporters.ci]
token_env = "CI_TOKEN"
scopes = ["coverage_reports/acme/*", "test_reports/acme/*"]
"#;

/// Before the real program: `serve` is asked to end as soon as it serves; `collect` has a store of its own, because a chiplog
/// that runs beside it collects the other one; `doctor` may find problems, as the simulated organisation has some.
const WRAPPER: &str = r#"#!/usr/bin/env bash
for argument in "$@"; do
  case "$argument" in
    serve)
      : > serve.log
      "$CHIPLOG" "$@" 2> serve.log & pid=$!
      until grep -q "serving http" serve.log; do
        kill -0 "$pid" 2>/dev/null || { cat serve.log >&2; exit 1; }
        sleep 0.05
      done
      kill -TERM "$pid"; wait "$pid"; exit $? ;;
    collect)
      exec "$CHIPLOG" --config collect.toml "$@" ;;
    doctor)
      "$CHIPLOG" "$@" | tee doctor.log; code=${PIPESTATUS[0]}
      tail -n 1 doctor.log | grep -Eq '^[0-9]+ problems\.$' && exit 0
      exit "$code" ;;
  esac
done
exec "$CHIPLOG" "$@"
"#;

/// A folder in which the commands of all pages find what they speak of.
struct Reader {
    demo: Demo,
    address: String,
    _served: Program,
}

impl Reader {
    async fn sit_down() -> Self {
        let mut world = small_world(1);
        world.repositories.retain(|repository| repository.name == "ledger");
        let demo = Demo::start_at(world, now, MORE).await;
        let write = |name: &str, config: &str| std::fs::write(demo.installation.path(name), config).unwrap();
        let config = std::fs::read_to_string(demo.installation.path("chiplog.toml")).unwrap();
        let secret = "[github]\nwebhook = { secret_env = \"GITHUB_WEBHOOK_SECRET\" }\n";
        let config = config.replacen("[github]\n", secret, 1);
        // One service is enough, and quicker.
        let tables =
            config.split("\n\n").filter(|it| !it.starts_with("[service.") || it.starts_with("[service.ledger]"));
        let config = tables.collect::<Vec<_>>().join("\n\n");
        write("chiplog.toml", &config);
        write("collect.toml", &config.replace("sqlite:chiplog.db", "sqlite:collected.db"));
        write("restore.toml", &config.replace("sqlite:chiplog.db", &postgres::fresh_database().await));
        demo.installation.run_well(&["collect", "--once"]);
        let (served, address) = demo.serve().await;
        let reader = Self { demo, address, _served: served };
        reader.prepare();
        reader
    }

    fn prepare(&self) {
        let path = |name: &str| self.demo.installation.path(name);
        std::fs::create_dir_all(path("bin")).unwrap();
        std::fs::write(path("bin/chiplog"), WRAPPER).unwrap();
        std::fs::set_permissions(path("bin/chiplog"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(path("lcov.info"), "SF:src/lib.rs\nDA:1,1\nDA:2,0\nLF:2\nLH:1\nend_of_record\n").unwrap();
        let junit = "<testsuite tests=\"1\"><testcase classname=\"a\" name=\"b\" time=\"0.1\"/></testsuite>";
        std::fs::write(path("junit.xml"), junit).unwrap();
        let commit = "git -c user.name=a -c user.email=a@b.example commit -q --allow-empty -m";
        let made = self.demo.installation.run_shell(&format!(
            "export PATH=/usr/bin:/bin HOME=$PWD/home; mkdir -p home/src/shop prometheus && git init -q . && {commit} one && \
             cd home/src/shop && git init -q . && {commit} one && git tag v1.0 && {commit} two && git tag v1.1"
        ));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Metrics that pages speak of and nobody exposes.
    async fn unknown_families(&self) -> Vec<String> {
        let text = reqwest::get(format!("{}/metrics", self.address)).await.unwrap().text().await.unwrap();
        let word = regex::Regex::new(r"chiplog_[a-z][a-z0-9_]*").unwrap();
        // What is exposed here, what an installation with more to measure exposes, and what alerts are told by.
        let exposed = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let mut known: BTreeSet<String> = exposed.map(str::to_owned).collect();
        known.extend(CATALOGUE.iter().map(|kpi| metric_name(kpi)));
        // Counters appear with what they count.
        let counters = blocks::text(Path::new("src/pipeline/metrics.rs"));
        known.extend(word.find_iter(&counters).map(|found| found.as_str().to_owned()));
        known.extend(word.find_iter(&alert_rules()).map(|found| found.as_str().to_owned()));
        let mut unknown = Vec::new();
        for page in pages() {
            for found in word.find_iter(&blocks::text(&page)).map(|found| found.as_str()) {
                if !known.iter().any(|family| family == found || (found.ends_with('_') && family.starts_with(found))) {
                    unknown.push(format!("{}: nobody exposes {found}", page.display()));
                }
            }
        }
        unknown
    }

    /// Runs a block as somebody would who pastes it.
    fn run(&self, block: &Block) -> Output {
        let folder = self.demo.installation.path("");
        let script = block.text.replace("http://127.0.0.1:9847", &self.address).replace(" TEAM ", " payments ");
        let script = script.replace("/var/lib/prometheus", &folder.join("prometheus").display().to_string());
        let path = format!("{}:{}", folder.join("bin").display(), std::env!("PATH"));
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", &script]).current_dir(&folder).env_clear();
        command.envs(ENVIRONMENT.iter().copied()).env("PATH", path).env("HOME", folder.join("home"));
        command.env("CHIPLOG", env!("CARGO_BIN_EXE_chiplog")).output().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_works() {
    let all: Vec<Block> = pages().iter().flat_map(|page| blocks(page)).collect();
    let is_command = |block: &&Block| ["sh", "console"].contains(&block.language.as_str());
    let (commands, others): (Vec<&Block>, Vec<&Block>) = all.iter().partition(is_command);
    for block in &others {
        let (place, language) = (&block.place, block.language.as_str());
        assert!(NO_COMMANDS.contains(&language), "{place}: is \"{language}\" a command? Call it sh, or text");
    }
    let (not_run, run): (Vec<&Block>, Vec<&Block>) = commands.into_iter().partition(|block| block.not_run.is_some());
    let mut reasons = BTreeMap::new();
    for block in &not_run {
        let reason = block.not_run.as_deref().unwrap();
        assert!(reason.split(' ').count() > 3, "{}: say why it is not run", block.place);
        *reasons.entry(reason).or_insert(0) += 1;
    }
    let reader = Reader::sit_down().await;
    let mut failed = reader.unknown_families().await;
    for block in &run {
        let began = std::time::Instant::now();
        let output = reader.run(block);
        if began.elapsed().as_secs() > 4 {
            println!("{} took {:.1} s", block.place, began.elapsed().as_secs_f64());
        }
        if !output.status.success() {
            let told = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
            failed.push(format!("{}:\n{}{}", block.place, block.text, told.join("\n")));
        }
    }
    println!("{} blocks of commands ran, {} say why they do not: {reasons:#?}", run.len(), not_run.len());
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), run.len(), failed.join("\n"));
    assert!(run.len() > 90, "only {} blocks were found", run.len());
    assert_eq!(not_run.len(), NOT_RUN, "{reasons:#?}");
}

/// A page that has no commands any more, or a parser that finds none, would not be noticed otherwise.
#[test]
fn blocks_are_found_with_their_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.md");
    let text = "# Page\n\n```sh\none\n```\n\n1. item\n\n   ```toml\n   a = 1\n     b = 2\n   ```\n\n<!-- not run: it takes a day -->\n```sh\ntwo\n```\n";
    std::fs::write(&page, text).unwrap();
    let found = blocks(Path::new(&page));
    let told: Vec<_> = found.iter().map(|it| (it.language.as_str(), it.text.as_str(), it.not_run.as_deref())).collect();
    assert_eq!(
        told,
        [("sh", "one\n", None), ("toml", "a = 1\n  b = 2\n", None), ("sh", "two\n", Some("it takes a day"))]
    );
}
