//! The real binary from end to end: simulated GitHub and PagerDuty in front, a real Prometheus behind.

use std::process::{Command, Stdio};

use chiplog::expose::terminal;
use chiplog::kpi::{CATALOGUE, Window};
use chiplog::pipeline::team_facts;
use chiplog::report::{REFERENCE_FOLDER, explain, reference_pages};
use chiplog_simulator::demo;
use serde_json::Value;

use crate::harness::demo::{Demo, small_world};
use crate::harness::program::{Installation, Program, until};
use crate::harness::{github, now, shared};

async fn get(url: &str) -> String {
    chiplog::sources::http::install_crypto_provider();
    #[expect(clippy::disallowed_methods, reason = "the test talks to loopback only")]
    let client = reqwest::Client::new();
    match client.get(url).send().await {
        Ok(answer) => answer.text().await.unwrap_or_default(),
        Err(_) => String::new(),
    }
}

/// What promtool says of an exposition.
fn check_metrics(text: &str) -> std::process::Output {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool is missing ({error}): install the Debian package prometheus"));
    std::io::Write::write_all(&mut promtool.stdin.take().unwrap(), text.as_bytes()).unwrap();
    promtool.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_collected_served_scraped_explained_and_names_nobody() {
    let world = demo::world(now(), 1);
    let names = demo::names(&world);
    let demo = Demo::start(world).await;
    demo.import(demo::reports(now()));
    let installation = &demo.installation;
    let mut chiplog = installation.start(&["serve", "--log", "debug"]);
    let address = chiplog.address().await;
    assert_eq!(get(&format!("{address}/-/healthy")).await, "chiplog is healthy.\n");
    let collected = "chiplog_source_last_success_timestamp_seconds{source=\"github\"}";
    until("GitHub is collected", async || get(&format!("{address}/metrics")).await.contains(collected)).await;
    let complete = "chiplog_lead_time_for_changes_seconds{team=\"search\",window=\"364d\",stat=\"p50\"}";
    until("all teams are evaluated", async || get(&format!("{address}/metrics")).await.contains(complete)).await;
    assert_eq!(get(&format!("{address}/-/ready")).await, "chiplog is ready.\n");

    let metrics = get(&format!("{address}/metrics")).await;
    let verdict = check_metrics(&metrics);
    assert!(verdict.status.success(), "{}", String::from_utf8_lossy(&verdict.stderr));
    scraped_by_prometheus(&address).await;

    let mut shown = vec![metrics, get(&address).await];
    for team in ["checkout", "payments", "platform", "research", "search"] {
        shown.push(get(&format!("{address}/teams/{team}")).await);
        shown.push(get(&format!("{address}/api/v1/teams/{team}/kpis?window=84d")).await);
    }
    shown.push(installation.run_well(&["kpis", "--window", "84d"]));
    let json: Value = serde_json::from_str(&installation.run_well(&["kpis", "payments", "--json"])).unwrap();
    let lead_time = &json[0]["kpis"][0];
    assert_eq!(
        (lead_time["kpi"].as_str(), lead_time["verdict"].as_str()),
        (Some("lead_time_for_changes"), Some("value"))
    );
    for kpi in ["lead_time_for_changes", "throughput", "team_engagement"] {
        shown.push(installation.run_well(&["explain", "payments", kpi, "--window", "84d", "--limit", "1000"]));
    }
    shown.push(installation.run_well(&["scorecard", "payments"]));
    shown.extend(everything_explained(&demo).await);
    let doctor = installation.run(&["doctor"]);
    shown.push(String::from_utf8(doctor.stdout).unwrap());
    assert_eq!(chiplog.terminate(), Some(0), "{}", chiplog.stderr());
    shown.push(chiplog.stderr());

    let shown = shown.join("\n").to_lowercase();
    assert!(shown.len() > 200_000, "only {} characters were looked at", shown.len());
    for name in names {
        assert!(!shown.contains(&name.to_lowercase()), "{name} came out");
    }
}

/// The explanation of every KPI of two teams, as `chiplog explain` prints it.
async fn everything_explained(demo: &Demo) -> Vec<String> {
    let (app, as_of) = (demo.app().await, now());
    let attributed = app.attributed(as_of).await.unwrap();
    let mut explained = Vec::new();
    for team in ["payments", "search"] {
        let team = &app.organisation.teams[team];
        let facts = team_facts(&app.organisation, &attributed, &app.families, team, as_of);
        for kpi in CATALOGUE {
            let explanation = explain(kpi, &facts, &Window::Days84.span(as_of));
            explained.push(terminal::explanation(&explanation, 1000));
            explained.push(serde_json::to_string(&explanation).unwrap());
        }
    }
    explained
}

/// A real Prometheus scrapes the address and knows all teams.
async fn scraped_by_prometheus(address: &str) {
    let folder = tempfile::tempdir().unwrap();
    let target = address.trim_start_matches("http://");
    let config = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - job_name: chiplog\n    static_configs:\n      - targets: ['{target}']\n"
    );
    std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _prometheus = Program::spawn(
        Command::new("prometheus")
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}")),
    );
    let query = format!("http://127.0.0.1:{port}/api/v1/query?query=count(chiplog_team_info)");
    until("Prometheus knows eight teams", async || get(&query).await.contains("\"8\"]")).await;
    let source = format!("http://127.0.0.1:{port}/api/v1/query?query=chiplog_source_last_success_timestamp_seconds");
    assert!(get(&source).await.contains("\"github\""), "the live counters come with the same scrape");
}

/// What a store holds, without the keys of people and the moments of reading.
async fn stored(installation: &Installation) -> Vec<String> {
    use chiplog::facts::{CiRun, Commit, Deployment, FactFamily, Incident, PullRequest, Release, Tag};
    use chiplog::store::{Selection, Store};
    async fn of<F: FactFamily>(store: &Store) -> Vec<String> {
        let facts = store.facts::<F>(&Selection::default()).await.unwrap();
        facts.iter().map(|item| serde_json::to_string(&item.fact).unwrap()).collect()
    }
    let store = Store::open(&format!("sqlite:{}", installation.path("chiplog.db").display())).await.unwrap();
    let mut all = of::<PullRequest>(&store).await;
    all.extend(of::<Commit>(&store).await);
    all.extend(of::<Deployment>(&store).await);
    all.extend(of::<Release>(&store).await);
    all.extend(of::<Tag>(&store).await);
    all.extend(of::<CiRun>(&store).await);
    all.extend(of::<Incident>(&store).await);
    let key = regex::Regex::new(r#""key":"[0-9a-f]{16}""#).unwrap();
    all.iter().map(|fact| key.replace_all(fact, "").into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_a_backfill_ends_with_the_same_facts() {
    let world = small_world(3);
    let undisturbed = Demo::start(world.clone()).await;
    undisturbed.installation.run_well(&["collect", "--once"]);
    let demo = Demo::start(world).await;
    let installation = &demo.installation;
    for requests in [7, 30, 31, 60, 90] {
        let mut chiplog = installation.start(&["collect", "--once"]);
        until("some requests were made", async || demo.github.log().count() >= requests).await;
        chiplog.kill();
    }
    installation.run_well(&["collect", "--once"]);
    // So far back the first round reached that came to its end.
    let states = demo.app().await.store.source_states().await.unwrap();
    let known_since = states.iter().find(|state| state.source == "github").unwrap().known_since.unwrap();
    assert_eq!((now() - known_since).num_days(), 456);
    let (expected, found) = (stored(&undisturbed.installation).await, stored(installation).await);
    assert!(expected.len() > 3_000);
    assert!(expected == found, "{} facts, and {} after the kills", expected.len(), found.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_is_stopped_says_so() {
    // A tool that takes requests and answers none.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let installation = Installation::new(&format!(
        "[github]\ntoken_env = \"GITHUB_TOKEN\"\nrepositories = [\"acme/ledger\"]\nbase_url = \"http://{}\"\n",
        silent.local_addr().unwrap()
    ));
    let mut chiplog = installation.start(&["collect", "--once"]);
    let _asked = silent.accept().await.unwrap();
    assert_eq!(chiplog.terminate(), Some(1), "{}", chiplog.stderr());
    until("it says that it was stopped", async || chiplog.stderr().contains("stopped before all was collected")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_down_never_stops_the_others() {
    let demo = Demo::start(small_world(1)).await;
    let installation = &demo.installation;
    let config = std::fs::read_to_string(installation.path("chiplog.toml")).unwrap();
    std::fs::write(installation.path("chiplog.toml"), config.replace(demo.github.base_url(), "http://127.0.0.1:9"))
        .unwrap();
    let output = installation.run(&["collect", "--once"]);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("github: GitHub cannot be reached at http://127.0.0.1:9, after 5 tries"), "{log}");
    assert!(log.contains("collected pagerduty"), "{log}");
    // What is known is served, and what is missing is told.
    let kpis = installation.run_well(&["kpis", "payments", "--window", "364d"]);
    assert!(kpis.contains("Mean time to restore"), "{kpis}");
    let doctor = String::from_utf8(installation.run(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("PROBLEM github: the last collection failed"), "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_one_clear_line() {
    let github = github(&shared(demo::world(now(), 1))).await;
    let good = format!(
        "[github]\ntoken_env = \"GITHUB_TOKEN\"\norganization = \"acme\"\nbase_url = \"{}\"\n[team.payments]\n",
        github.base_url()
    );
    let installation = Installation::new(&good);
    let complaint = |arguments: &[&str]| {
        let output = installation.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        complaint(&["explain", "paiments", "pr_cycle_time"]),
        "chiplog: there is no team \"paiments\": known are payments\n"
    );
    assert!(
        complaint(&["explain", "payments", "pr_time"])
            .starts_with("chiplog: there is no KPI \"pr_time\": known are lead_time_for_changes, ")
    );
    assert_eq!(
        complaint(&["--config", "missing.toml", "config", "check"]),
        "chiplog: missing.toml: cannot be read: No such file or directory (os error 2). Name another file with --config, or start from config/chiplog.example.toml\n"
    );
    assert!(complaint(&["try", "/"]).contains("/ is no git repository: name the folder of a clone"));
    assert!(installation.run_well(&["config", "check"]).starts_with("chiplog.toml: good. Sources: 1, teams: 1"));
    let empty = Installation::new("[team.payments]\n");
    let output = empty.run(&["config", "check"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        text,
        "chiplog: chiplog.toml:1: no source is configured: add one of [github], [git], [jira], [pagerduty], [opsgenie], [jira_operations], [incident_io], [alertmanager], [prometheus], [cdevents]\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_gets_one_clear_error_and_nothing_is_lost() {
    let demo = Demo::start(small_world(1)).await;
    let installation = &demo.installation;
    // A limit on the size of files stands in for the full disk.
    let script = format!("trap '' XFSZ; ulimit -f 2000; exec {} collect --once", env!("CARGO_BIN_EXE_chiplog"));
    let output = installation.run_shell(&script);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    let expected = "the collected facts could not be stored: the store cannot be written: ";
    assert!(log.contains(expected) && log.contains("Is the disk full or broken? Nothing was lost"), "{log}");
    installation.run_well(&["collect", "--once"]);
    assert!(stored(installation).await.len() > 3_000);
}

#[test]
fn the_example_configuration_shows_every_source_and_is_good() {
    let installation = Installation::new("");
    let example = installation.run_well(&["config", "example"]);
    for kind in chiplog::sources::KINDS {
        assert!(
            example.contains(kind.example),
            "config/chiplog.example.toml lacks the table of {}:\n{}",
            kind.name,
            kind.example
        );
    }
    let installation = Installation::new(&example);
    assert!(installation.run_well(&["config", "check"]).starts_with("chiplog.toml: good. Sources: 10, teams: 2"));
}

#[test]
fn the_readme_shows_the_catalogue() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("a test compares) -->\n").unwrap();
    let (shown, after) = rest.split_once("<!-- kpis:end -->").unwrap();
    let expected = chiplog::report::reference_table(REFERENCE_FOLDER);
    if shown != expected {
        std::fs::write(&path, format!("{before}a test compares) -->\n{expected}<!-- kpis:end -->{after}")).unwrap();
        panic!("README.md did not show the catalogue; it does now: commit it");
    }
}

/// Pages that are stale are written anew, and the test fails once.
#[test]
fn each_kpi_has_its_page_of_the_reference() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(REFERENCE_FOLDER);
    std::fs::create_dir_all(&folder).unwrap();
    let pages = reference_pages();
    let listed = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let strangers: Vec<String> = listed.filter(|file| !pages.iter().any(|(name, _)| name == file)).collect();
    assert!(strangers.is_empty(), "{REFERENCE_FOLDER} has pages of no KPI: remove {strangers:?}");
    let stale: Vec<&String> = pages
        .iter()
        .filter(|(name, text)| std::fs::read_to_string(folder.join(name)).ok().as_ref() != Some(text))
        .map(|(name, text)| {
            std::fs::write(folder.join(name), text).unwrap();
            name
        })
        .collect();
    assert!(stale.is_empty(), "these pages of {REFERENCE_FOLDER} were stale and are written anew: commit {stale:?}");
}

#[test]
fn help_teaches() {
    let installation = Installation::new("");
    let help = installation.run_well(&["--help"]);
    for word in ["serve", "collect", "try", "kpis", "explain", "doctor", "config", "A first look without any token"] {
        assert!(help.contains(word), "{word} is missing from --help");
    }
}

#[test]
fn shells_complete_and_the_manual_page_is_well_formed() {
    let installation = Installation::new("");
    for (shell, check) in [("bash", "bash -n"), ("zsh", ""), ("fish", "")] {
        let completions = installation.run_well(&["completions", shell]);
        assert!(completions.contains("backfill") && completions.contains("scorecard"), "{shell}");
        if !check.is_empty() {
            std::fs::write(installation.path("completions"), completions).unwrap();
            assert!(installation.run_shell(&format!("{check} completions")).status.success(), "{shell}");
        }
    }
    let page = installation.run_well(&["man"]);
    assert!(page.contains(".TH chiplog 1") && page.contains("backfill"), "{page}");
}
