//! Stores of so many facts, made once and kept between runs.

use std::path::PathBuf;
use std::time::Duration;

use chiplog::facts::{Batch, Fact, Moment};
use chiplog::store::Store;
use tokio::sync::mpsc;

use crate::corpus::{self, Size};
use crate::document::count;
use crate::progress;

/// Raised when the corpus changes.
const REVISION: u32 = 1;

/// What is older is made anew: the corpus is counted back from the moment at which it was made.
const KEPT_FOR: Duration = Duration::from_hours(14 * 24);

/// Facts of a team, as long as there are not too many teams.
const FACTS_OF_TEAM: usize = 2000;

/// Beyond so many teams, the history grows longer instead.
const MOST_TEAMS: usize = 1000;

/// Facts of a team with one service in a thousand days.
const FACTS_IN_THOUSAND_DAYS: usize = 3670;

/// An SQLite file with a corpus.
pub(crate) struct Stored {
    pub(crate) size: Size,
    pub(crate) url: String,
    /// How many facts it holds.
    pub(crate) facts: usize,
}

/// The organisation that has about so many facts.
fn size_of(facts: usize) -> Size {
    let teams = (facts / FACTS_OF_TEAM).clamp(1, MOST_TEAMS);
    Size { teams, services: 1, days: (facts / teams * 1000 / FACTS_IN_THOUSAND_DAYS) as u64 }
}

/// The store of about so many facts.
pub(crate) async fn corpus(facts: usize) -> Stored {
    let size = size_of(facts);
    let name = format!("corpus-{}-teams-{}-days-revision-{REVISION}", size.teams, size.days);
    let file = |ending: &str| crate::folder().join(format!("{name}{ending}"));
    let (database, made) = (file(".db"), file(".made"));
    let url = format!("sqlite:{}", database.display());
    if let Some(facts) = known(&made) {
        return Stored { size, url, facts };
    }
    for ending in [".db", ".db-wal", ".db-shm", ".made"] {
        let _ = std::fs::remove_file(file(ending));
    }
    progress(&format!("making {}", database.display()));
    let store = Store::open(&url).await.unwrap();
    let facts = fill(&store, size, chiplog::clock::now()).await;
    store.close().await;
    std::fs::write(&made, facts.to_string()).unwrap();
    Stored { size, url, facts }
}

/// How many facts a store holds that was made to its end, and not too long ago.
fn known(made: &PathBuf) -> Option<usize> {
    let fresh = std::fs::metadata(made).ok()?.modified().ok()?.elapsed().ok()? < KEPT_FOR;
    let facts = std::fs::read_to_string(made).ok()?.parse().ok()?;
    fresh.then_some(facts)
}

/// Stores all facts of an organisation: one core tells them, the other stores them.
async fn fill(store: &Store, size: Size, now: Moment) -> usize {
    let (told, mut telling) = mpsc::channel::<(usize, String, Vec<Fact>)>(4);
    tokio::task::spawn_blocking(move || {
        for team in 0..size.teams {
            for (source, facts) in corpus::by_source(corpus::team_facts(size, team, now)) {
                if told.blocking_send((team, source, facts)).is_err() {
                    return;
                }
            }
        }
    });
    let (mut stored, step) = (0, (size.teams / 10).max(1));
    let mut last = 0;
    while let Some((team, source, facts)) = telling.recv().await {
        stored += facts.len();
        store.accept(&source, &Batch { facts, ..Batch::default() }, now).await.unwrap();
        if team / step > last {
            last = team / step;
            progress(&format!("{} facts of {team} teams", count(stored)));
        }
    }
    stored
}
