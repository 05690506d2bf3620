//! A clone that is damaged, on both engines: a round fails or has everything, and once the clone is whole again nothing is missing.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::git_source::{commit, config, import, tag};
use crate::harness::cluster::all_facts;
use crate::harness::{app, collect, collect_well};
use crate::kills::Engine;

/// What may befall a clone, and how.
type Damage = (&'static str, fn(&Path));

const DAMAGES: [Damage; 9] = [
    ("it is gone", |git| fs::remove_dir_all(git).unwrap()),
    ("its objects are gone", |git| fs::remove_dir_all(git.join("objects")).unwrap()),
    ("HEAD is empty", |git| fs::write(git.join("HEAD"), "").unwrap()),
    ("HEAD leads nowhere", |git| fs::write(git.join("HEAD"), "ref: refs/heads/nobody\n").unwrap()),
    ("a branch is no commit", |git| fs::write(git.join("refs/heads/main"), "no commit\n").unwrap()),
    ("a branch is a commit that is not there", |git| {
        fs::write(git.join("refs/heads/main"), format!("{}\n", "1".repeat(40))).unwrap();
    }),
    ("the objects are cut off", |git| {
        let pack = file_of_pack(git, "pack");
        let length = fs::metadata(&pack).unwrap().len();
        writable(&pack).set_len(length / 2).unwrap();
    }),
    ("objects are overwritten", |git| overwrite(&file_of_pack(git, "pack"))),
    ("the index of the objects is overwritten", |git| overwrite(&file_of_pack(git, "idx"))),
];

fn file_of_pack(git: &Path, ending: &str) -> PathBuf {
    let files = fs::read_dir(git.join("objects/pack")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|known| known == ending)).collect();
    found.sort_by_key(|path| fs::metadata(path).unwrap().len());
    found.pop().unwrap()
}

/// Opens a file of git, which writes its files read-only.
fn writable(path: &Path) -> fs::File {
    assert!(Command::new("chmod").arg("u+w").arg(path).status().unwrap().success());
    fs::OpenOptions::new().write(true).open(path).unwrap()
}

/// Overwrites the middle third of a file.
fn overwrite(path: &Path) {
    let third = fs::metadata(path).unwrap().len() / 3;
    let mut file = writable(path);
    file.seek(SeekFrom::Start(third)).unwrap();
    file.write_all(&vec![0xa5; usize::try_from(third).unwrap()]).unwrap();
}

/// A clone with commits from one place to another, and a tag for every fifth.
fn history(commits: std::ops::RangeInclusive<usize>) -> String {
    let mut stream = String::new();
    for mark in commits {
        let parents = if mark == 1 { vec![] } else { vec![mark - 1] };
        let hours_ago = 2_000 - i64::try_from(mark).unwrap() * 3;
        commit(&mut stream, "main", mark, &parents, hours_ago, &format!("Change {mark} (#{mark})"));
        if mark % 5 == 0 {
            tag(&mut stream, &format!("v{mark:03}"), mark, Some(hours_ago - 1));
        }
    }
    stream
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

async fn survives_every_damage(engine: Engine) {
    let whole = import(&history(1..=400));
    let place = tempfile::tempdir().unwrap();
    let clone = place.path().join("clone");
    let text = async || {
        let store = engine.store("sqlite::memory:").await;
        format!("store.url = \"{store}\"\n{}", config(&clone, ""))
    };
    copy(whole.path(), &clone);
    let undisturbed = app(&text().await).await;
    collect_well(&undisturbed).await;
    let expected = all_facts(&undisturbed.store).await;
    assert!(expected.len() > 480, "{}", expected.len());
    let (mut failed, mut harmless) = (0, 0);
    for (what, damage) in DAMAGES {
        for collected_before in [false, true] {
            copy(whole.path(), &clone);
            let app = app(&text().await).await;
            if collected_before {
                collect_well(&app).await;
            }
            damage(&clone.join(".git"));
            let report = collect(&app).await;
            let found = all_facts(&app.store).await;
            assert!(found.iter().all(|fact| expected.contains(fact)), "{what}: something wrong was stored");
            if report.failures.is_empty() {
                harmless += 1;
                assert_eq!(found.len(), expected.len(), "{what}: ended well, and lacks facts");
            } else {
                failed += 1;
            }
            copy(whole.path(), &clone);
            collect_well(&app).await;
            assert!(all_facts(&app.store).await == expected, "{what}, then whole again");
            app.store.close().await;
        }
    }
    println!("{engine:?}: {failed} rounds failed, {harmless} had everything");
    assert!(failed >= DAMAGES.len(), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_clone_is_no_loss_on_sqlite() {
    survives_every_damage(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_clone_is_no_loss_on_postgresql() {
    survives_every_damage(Engine::Postgres).await;
}
