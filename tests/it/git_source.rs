//! Local clones: facts equal what git says, and attribution equals `git rev-list` on random histories.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use chiplog::attribution::Shipment;
use chiplog::facts::{ChangeReference, Commit, Tag};
use chiplog::pipeline::{CollectMetrics, Collector};
use chiplog::store::Selection;

use crate::harness::program::Installation;
use crate::harness::{Silent, app, collect_well, now};

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A repository made of a stream for `git fast-import`.
pub(crate) fn import(stream: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
    append(folder.path(), stream);
    folder
}

/// Adds a stream to a repository.
pub(crate) fn append(folder: &Path, stream: &str) {
    let mut importer = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    importer.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(importer.wait().unwrap().success());
}

/// One commit of a stream. Times are hours before now.
pub(crate) fn commit(stream: &mut String, branch: &str, mark: usize, parents: &[usize], hours_ago: i64, message: &str) {
    let at = (now() - chrono::Duration::hours(hours_ago)).timestamp();
    let _ = writeln!(stream, "commit refs/heads/{branch}\nmark :{mark}");
    let _ = writeln!(
        stream,
        "author Ada Lovelace <ada@example.org> {at} +0100\ncommitter Ada Lovelace <ada@example.org> {at} +0100"
    );
    let _ = writeln!(stream, "data {}\n{message}", message.len());
    for (place, parent) in parents.iter().enumerate() {
        let _ = writeln!(stream, "{} :{parent}", if place == 0 { "from" } else { "merge" });
    }
    let _ = writeln!(stream, "M 100644 inline part{}/file{mark}\ndata 1\nx", mark % 3);
}

pub(crate) fn tag(stream: &mut String, name: &str, mark: usize, annotated_hours_ago: Option<i64>) {
    match annotated_hours_ago {
        None => {
            let _ = writeln!(stream, "reset refs/tags/{name}\nfrom :{mark}\n");
        }
        Some(hours) => {
            let at = (now() - chrono::Duration::hours(hours)).timestamp();
            let _ = writeln!(
                stream,
                "tag {name}\nfrom :{mark}\ntagger Ada Lovelace <ada@example.org> {at} +0000\ndata 1\nx"
            );
        }
    }
}

pub(crate) fn config(folder: &Path, more: &str) -> String {
    format!(
        "[git]\npath = \"{}\"\nrepository = \"acme/shop\"\n{more}\n[team.team]\n\
         [service.shop]\nrepository = \"acme/shop\"\nteam = \"team\"\ndeployments = {{ tag = '.' }}\n",
        folder.display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_what_git_says_and_name_nobody() {
    let mut stream = String::new();
    commit(&mut stream, "main", 1, &[], 100, "Begin");
    commit(&mut stream, "main", 2, &[1], 90, "Add login (#7)\n\nCo-authored-by: Grace <grace@example.org>");
    commit(&mut stream, "side", 3, &[1], 80, "Side work by @grace");
    commit(&mut stream, "main", 4, &[2, 3], 70, "Merge pull request #8 from ada/side\n\nSide work");
    tag(&mut stream, "v1", 2, None);
    tag(&mut stream, "v2", 4, Some(60));
    let folder = import(&stream);
    let sha = git(folder.path(), &["rev-parse", "v1^{commit}"]).trim().to_owned();
    let body = format!("Revert \"Add login (#7)\"\n\nThis reverts commit {sha}.");
    let stream = {
        let mut stream = String::new();
        let at = (now() - chrono::Duration::hours(10)).timestamp();
        let _ = writeln!(
            stream,
            "commit refs/heads/main\nmark :9\nauthor Ada Lovelace <ada@example.org> {at} +0100\ncommitter Ada Lovelace <ada@example.org> {at} +0100\ndata {}\n{body}\nfrom refs/heads/main^0\n",
            body.len()
        );
        stream
    };
    append(folder.path(), &stream);

    let app = app(&config(folder.path(), "changed_files = true")).await;
    collect_well(&app).await;
    let commits = app.store.facts::<Commit>(&Selection::default()).await.unwrap();
    let by_subject: BTreeMap<&str, &Commit> =
        commits.iter().map(|item| (item.fact.subject.as_str(), &item.fact)).collect();
    assert_eq!(
        by_subject.keys().copied().collect::<Vec<_>>(),
        ["Add login (#7)", "Begin", "Merge pull request #8", "Revert \"Add login (#7)\"", "Side work by @…"]
    );
    assert_eq!(by_subject["Add login (#7)"].pull_request, Some(7));
    assert_eq!(by_subject["Add login (#7)"].paths.as_deref(), Some(["part2/file2".to_owned()].as_slice()));
    assert_eq!(by_subject["Merge pull request #8"].parents.len(), 2);
    assert_eq!(by_subject["Revert \"Add login (#7)\""].reverts, [ChangeReference::Commit(sha)]);
    let tags = app.store.facts::<Tag>(&Selection::default()).await.unwrap();
    let hours: Vec<i64> = tags.iter().map(|item| (now() - item.fact.tagged_at).num_hours()).collect();
    assert_eq!(hours, [90, 60], "a lightweight tag has its commit's date, an annotated one its own");
    let text: String = commits.iter().map(|item| serde_json::to_string(&item.fact).unwrap()).collect();
    // "ada" alone may be part of a digest.
    for name in ["Ada", "ada/", "Lovelace", "grace", "example.org"] {
        assert!(!text.contains(name), "{name} is in a fact");
    }
    let before = app.store.family_counts().await.unwrap();
    collect_well(&app).await;
    assert_eq!(app.store.family_counts().await.unwrap(), before);
}

/// A small generator of numbers: the histories are random, and the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// A history with merges, maintenance branches, cherry-picks, reverts, and tags on, off and behind the main branch.
fn random_history(seed: u64) -> (String, usize) {
    let mut random = Random(seed);
    let mut stream = String::new();
    let mut heads: BTreeMap<String, usize> = BTreeMap::new();
    commit(&mut stream, "main", 1, &[], 5000, "Begin");
    heads.insert("main".to_owned(), 1);
    let mut tags = 0;
    for mark in 2..=160 {
        let hours_ago = 5000 - i64::try_from(mark).unwrap() * 25;
        let names: Vec<String> = heads.keys().cloned().collect();
        let branch = names[random.below(names.len())].clone();
        let parent = heads[&branch];
        let (branch, parents, message) = match random.below(10) {
            0 if heads.len() < 6 => {
                (format!("branch{mark}"), vec![1 + random.below(mark - 1)], "Open a branch".to_owned())
            }
            1 | 2 if heads.len() > 1 => {
                let other = heads[&names[random.below(names.len())]];
                let parents = if other == parent { vec![parent] } else { vec![parent, other] };
                (branch, parents, format!("Merge pull request #{mark} from ada/x"))
            }
            3 => (branch, vec![parent], format!("Revert \"Change {}\"", 1 + random.below(mark))),
            4 => (branch, vec![parent], format!("Change {} (#{})", mark / 2, mark / 2)),
            _ => (branch, vec![parent], format!("Change {mark}")),
        };
        commit(&mut stream, &branch, mark, &parents, hours_ago, &message);
        heads.insert(branch, mark);
        if random.below(6) == 0 {
            tags += 1;
            // Mostly the newest commit; now and then an earlier one again, or an old commit.
            let target = if random.below(4) == 0 { 1 + random.below(mark) } else { mark };
            tag(&mut stream, &format!("v{tags:03}"), target, Some(hours_ago - 1));
        }
    }
    (stream, tags)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_deployment_ships_what_git_rev_list_says() {
    let mut compared = 0;
    for seed in 1..=12 {
        let (stream, tags) = random_history(seed);
        let folder = import(&stream);
        let app = app(&config(folder.path(), "")).await;
        collect_well(&app).await;
        let attributed = app.attributed(now()).await.unwrap();
        assert_eq!(attributed.deployments.len(), tags);
        let mut earlier: Vec<String> = Vec::new();
        for deployment in &attributed.deployments {
            let mut arguments = vec!["rev-list", deployment.sha.as_str(), "--not"];
            arguments.extend(earlier.iter().map(String::as_str));
            let expected: BTreeSet<String> = git(folder.path(), &arguments).lines().map(str::to_owned).collect();
            match &deployment.shipment {
                Shipment::Baseline => assert!(earlier.is_empty()),
                Shipment::Commits { commits, .. } => {
                    let shipped: BTreeSet<String> = commits.iter().map(|commit| commit.sha.clone()).collect();
                    assert_eq!(shipped, expected, "seed {seed}, {}", deployment.title);
                    compared += 1;
                }
                other => panic!("seed {seed}, {}: {other:?}", deployment.title),
            }
            earlier.push(deployment.sha.clone());
        }
    }
    println!("{compared} deployments of 12 random histories equal git rev-list");
    assert!(compared > 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn since_when_a_source_is_known_follows_from_how_far_it_reaches_back() {
    let mut stream = String::new();
    commit(&mut stream, "main", 1, &[], 90, "Begin");
    let clone = import(&stream);
    let app = app(&config(clone.path(), "[alertmanager]\n[cdevents]\n")).await;
    let (_sender, stop) = tokio::sync::watch::channel(false);
    let metrics = CollectMetrics::new().unwrap();
    let collector = Collector::new(app.store.clone(), app.sources.clone(), metrics, Arc::new(Silent));
    collector.reaching_back(std::time::Duration::from_hours(2400)).run_once(&stop).await;
    let states = app.store.source_states().await.unwrap();
    let minutes = states.iter().map(|it| (it.kind.as_str(), it.known_since.map(|since| (now() - since).num_minutes())));
    // Alerts and events are known from now on, and of a clone all there is.
    assert_eq!(minutes.collect::<Vec<_>>(), [("alertmanager", Some(0)), ("cdevents", Some(0)), ("git", None)]);
}

#[test]
fn a_first_look_at_a_shallow_clone_says_that_it_is_one() {
    let mut stream = String::new();
    for number in 1..=3 {
        let parents: &[usize] = if number == 1 { &[] } else { &[number - 1] };
        commit(&mut stream, "main", number, parents, 90 - i64::try_from(number).unwrap(), "Change something");
    }
    let (whole, folder) = (import(&stream), tempfile::tempdir().unwrap());
    let from = format!("file://{}", whole.path().display());
    git(folder.path(), &["clone", "--quiet", "--depth", "1", &from, "clone"]);
    let installation = Installation::new("");
    let looked = |path: &Path| {
        let output = installation.run(&["try", &path.display().to_string()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(looked(&folder.path().join("clone")).contains("is a shallow clone: its history is cut short"));
    assert!(!looked(whole.path()).contains("shallow"));
}
