//! Every configuration in the documentation is taken by `chiplog config check`, those of other programs by theirs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use chiplog::sources::KINDS;
use toml::{Table, Value};

use super::blocks::{Block, blocks, pages, root};
use crate::harness::program::Installation;

fn blocks_of(language: &str) -> Vec<Block> {
    pages().iter().flat_map(|page| blocks(page)).filter(|block| block.language == language).collect()
}

/// Every value with its key, however deep.
fn walk(value: &Value, found: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Table(table) => table.iter().for_each(|(key, value)| {
            found(key, value);
            walk(value, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        _ => {}
    }
}

/// What an excerpt leaves out: the sources and the teams that it speaks of, and a source at least.
fn completed(block: &Block) -> (String, Table) {
    let parsed: Table = block.text.parse().unwrap_or_else(|error| panic!("{}: {error}", block.place));
    let mut text = block.text.clone();
    if !KINDS.iter().any(|kind| parsed.contains_key(kind.name)) {
        text.push_str("\n[github]\ntoken_env = \"GITHUB_TOKEN\"\norganization = \"acme\"\n");
    }
    let mut teams = BTreeSet::from(["payments".to_owned()]);
    let mut sources = BTreeSet::new();
    walk(&Value::Table(parsed.clone()), &mut |key, value| match (key, value) {
        ("team", Value::String(team)) => {
            teams.insert(team.clone());
        }
        ("pagerduty", Value::Array(_)) => {
            sources.insert(key.to_owned());
        }
        ("incident_services", Value::Table(named)) => sources.extend(named.keys().cloned()),
        _ => {}
    });
    for kind in KINDS.iter().filter(|kind| sources.contains(kind.name) && !parsed.contains_key(kind.name)) {
        let _ = write!(text, "\n{}", kind.example);
    }
    let told = parsed.get("team").and_then(Value::as_table);
    for team in teams.into_iter().filter(|team| !told.is_some_and(|told| told.contains_key(team))) {
        let _ = write!(text, "\n[team.{team}]\nrepositories = [\"acme/of-{team}\"]\n");
    }
    (text, parsed)
}

/// Checks a configuration, with secrets that could be such in the files that it names.
pub(crate) fn check(place: &str, mut text: String, parsed: Table) {
    let mut files = Vec::new();
    walk(&Value::Table(parsed), &mut |key, value| {
        if let Some(file) = value.as_str().filter(|_| key.ends_with("_file")) {
            files.push((key.to_owned(), file.to_owned()));
        }
    });
    // Secrets of systemd and of containers lie where the tests do not write.
    let own = |file: &str| file.trim_start_matches('/').replace('/', "-");
    for (_, file) in &files {
        text = text.replace(&format!("\"{file}\""), &format!("\"{}\"", own(file)));
    }
    let installation = Installation::new(&text);
    for (key, file) in files {
        let path = installation.path(&own(&file));
        let secret = match key.as_str() {
            "private_key_file" => {
                Command::new("openssl").args(["genrsa", "-traditional", "2048"]).output().unwrap().stdout
            }
            "url_file" => b"sqlite:of-a-file.db".to_vec(),
            _ => b"a-secret-of-sufficient-length".to_vec(),
        };
        std::fs::write(path, secret).unwrap();
    }
    let output = installation.run(&["config", "check"]);
    assert!(output.status.success(), "{place}: {}\n{text}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_configuration_is_good() {
    let blocks = blocks_of("toml");
    assert!(blocks.len() > 15, "only {} were found", blocks.len());
    for block in blocks {
        let (text, parsed) = completed(&block);
        check(&block.place, text, parsed);
    }
}

#[test]
fn files_of_prometheus_and_alertmanager_are_taken_by_their_tools() {
    for block in blocks_of("yaml") {
        let folder = tempfile::tempdir().unwrap();
        for rules in ["alerts.yml", "rules.yml"] {
            std::fs::copy(root().join("dashboards").join(rules), folder.path().join(rules)).unwrap();
        }
        std::fs::write(folder.path().join("block.yml"), &block.text).unwrap();
        let (program, arguments): (_, &[&str]) = if block.text.contains("scrape_configs:") {
            ("promtool", &["check", "config", "block.yml"])
        } else if block.text.contains("receivers:") {
            ("amtool", &["check-config", "block.yml"])
        } else {
            panic!("{}: nothing checks this", block.place)
        };
        let output = Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {told}", block.place);
    }
}

#[test]
fn what_pages_say_of_sources_is_what_the_sources_say() {
    let page = |path: &str| super::blocks::text(Path::new(path));
    let (privacy, incidents) = (page("docs/privacy.md"), page("docs/incidents.md"));
    for kind in KINDS {
        let row = format!("| `[{}]` | {} |", kind.name, kind.privacy);
        assert!(privacy.contains(&row), "docs/privacy.md lacks the row {row}");
        if ["pagerduty", "incident_io", "jira_operations", "opsgenie"].contains(&kind.name) {
            let row = format!("| `[{}]` | {} |", kind.name, kind.credential);
            assert!(incidents.contains(&row), "docs/incidents.md lacks {row}");
        }
    }
}
