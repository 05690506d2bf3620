//! Links lead to files and headings that are there, and every page is led to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use regex::Regex;

use super::blocks::{pages, prose, root};

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{} leads out of the project", path.display()),
            part => plain.push(part),
        }
    }
    plain
}

/// The anchors that a host of Markdown gives headings.
fn anchors(page: &Path) -> BTreeSet<String> {
    let headings = prose(page);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    let slugs = headings.map(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.collect::<String>().replace(' ', "-")
    });
    slugs.collect()
}

#[test]
fn links_lead_to_what_is_there_and_every_page_is_led_to() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let (mut led_to, mut count) = (BTreeMap::<PathBuf, BTreeSet<PathBuf>>::new(), 0);
    for page in pages() {
        for found in link.captures_iter(&prose(&page)) {
            let target = found.get(1).unwrap().as_str();
            if target.starts_with("https://") {
                continue;
            }
            count += 1;
            let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
            let folder = page.parent().unwrap();
            let file = if file.is_empty() { page.clone() } else { plain(&folder.join(file)) };
            assert!(root().join(&file).exists(), "{}: {target} is not there", page.display());
            if let Some(anchor) = anchor {
                assert!(anchors(&file).contains(anchor), "{}: {target} names no heading", page.display());
            }
            led_to.entry(page.clone()).or_default().insert(file);
        }
    }
    assert!(count > 200, "only {count} links were found");
    let (mut seen, mut next) = (BTreeSet::new(), vec![PathBuf::from("README.md")]);
    while let Some(page) = next.pop() {
        if seen.insert(page.clone()) {
            next.extend(led_to.get(&page).into_iter().flatten().cloned());
        }
    }
    let lost: Vec<PathBuf> = pages().into_iter().filter(|page| !seen.contains(page)).collect();
    assert!(lost.is_empty(), "no link leads to {lost:?}");
}
