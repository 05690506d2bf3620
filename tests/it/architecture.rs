//! The arrows of the architecture: which module may use which. See ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// For each module: the modules it may import beside itself. The wiring (`app`, `commands`, `cli`, …) may import all.
const ARROWS: &[(&str, &[&str])] = &[
    ("facts", &[]),
    ("address", &[]),
    ("stats", &[]),
    ("attribution", &["facts", "stats"]),
    ("kpi", &["attribution", "facts", "stats"]),
    ("trend", &["facts", "kpi", "stats"]),
    ("report", &["facts", "kpi", "stats", "trend"]),
    ("config", &["address", "attribution", "report", "secret", "stats"]),
    ("sources", &["address", "facts", "secret"]),
    ("reported", &["facts"]),
    ("store", &["facts"]),
    ("pipeline", &["attribution", "clock", "facts", "kpi", "report", "reported", "sources", "stats", "store", "trend"]),
    (
        "expose",
        &["address", "clock", "config", "facts", "kpi", "pipeline", "report", "reported", "sources", "store", "trend"],
    ),
];

/// Modules that do no I/O and read no clock.
const PURE: &[&str] = &["facts", "stats", "attribution", "kpi", "trend", "report"];

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn source_of(module: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(module);
    rust_files(&folder).into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The modules of this crate that a text names after `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    let named = text.match_indices("crate::").map(|(at, found)| {
        let rest = &text[at + found.len()..];
        rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect::<String>()
    });
    named.filter(|name| !name.is_empty()).collect()
}

#[test]
fn every_arrow_points_forward() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut seen = 0;
    for (module, allowed) in &arrows {
        for (path, text) in source_of(module) {
            for import in imports(&text) {
                seen += 1;
                let known = arrows.contains_key(import.as_str()) || import == "clock";
                let fine = import == *module || !known && import == "with_fact" || allowed.contains(&import.as_str());
                assert!(fine, "{}: {module} must not use {import}; see ARCHITECTURE.md", path.display());
            }
        }
    }
    assert!(seen > 50, "the scan found only {seen} imports: is it looking in the right place?");
}

#[test]
fn pure_modules_do_no_input_or_output() {
    for module in PURE {
        for (path, text) in source_of(module) {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for forbidden in ["sqlx::", "reqwest::", "tokio::", "std::fs", "std::net", "std::env", "async fn"] {
                assert!(!code.contains(forbidden), "{}: {forbidden} in a pure module", path.display());
            }
        }
    }
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "tests", "simulator/src"] {
        for path in rust_files(&root.join(folder)) {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= 520, "{}: {lines} lines; split it", path.display());
        }
    }
}
