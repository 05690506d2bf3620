//! A commit graph as large projects have one, the same at each run, and the same as a git repository.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Raised when the graph changes.
const REVISION: u32 = 1;

/// The first commit was made at this second since 1970.
pub(crate) const BEGAN_AT: i64 = 1_577_836_800;

/// So many maintenance branches are cut over the whole history; the last three at a time are still cared for.
const MAINTENANCE_BRANCHES: usize = 20;
const CARED_FOR: usize = 3;

/// A commit graph with deployments. Each commit is made a minute after the one before.
pub(crate) struct Graph {
    /// The parents of each commit, all of them made before it.
    pub(crate) parents: Vec<Vec<usize>>,
    /// What was deployed, in order.
    pub(crate) deployments: Vec<Deployed>,
}

/// A deployment.
pub(crate) struct Deployed {
    pub(crate) commit: usize,
    /// How many commits there were when it was deployed.
    pub(crate) after: usize,
    /// The commits that cover all that was deployed before: the newest of each branch.
    pub(crate) shipped: Vec<usize>,
}

impl Graph {
    /// A graph of so many commits with about so many deployments: merged branches of one to four commits, commits made
    /// directly, maintenance branches that are merged back now and then, rollbacks, and the same deployed again.
    pub(crate) fn new(commits: usize, deployments: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let mut graph = Self { parents: vec![Vec::new()], deployments: Vec::new() };
        // The tip of the default branch, then those of the maintenance branches; and what of each was deployed last.
        let mut tips = vec![0];
        let mut deployed: Vec<Option<usize>> = vec![None];
        while graph.parents.len() < commits {
            let cared_for = tips.len().saturating_sub(CARED_FOR).max(1)..tips.len();
            match random.random_range(0..1000) {
                0..20 if !cared_for.is_empty() => {
                    let branch = random.random_range(cared_for);
                    tips[branch] = graph.commit(vec![tips[branch]]);
                }
                20..22 if !cared_for.is_empty() => {
                    let branch = random.random_range(cared_for);
                    tips[0] = graph.commit(vec![tips[0], tips[branch]]);
                }
                22..300 => tips[0] = graph.commit(vec![tips[0]]),
                _ => {
                    let mut tip = tips[0];
                    for _ in 0..random.random_range(0..20) {
                        tip = graph.parents[tip].first().copied().unwrap_or(tip);
                    }
                    for _ in 0..random.random_range(1..5) {
                        tip = graph.commit(vec![tip]);
                    }
                    tips[0] = graph.commit(vec![tips[0], tip]);
                }
            }
            let made = graph.parents.len();
            if tips.len() <= made * MAINTENANCE_BRANCHES / commits {
                tips.push(tips[0]);
                deployed.push(None);
            }
            if graph.deployments.len() < made * deployments / commits {
                graph.deploy(&tips, &mut deployed, &mut random);
            }
        }
        graph
    }

    fn commit(&mut self, parents: Vec<usize>) -> usize {
        self.parents.push(parents);
        self.parents.len() - 1
    }

    fn deploy(&mut self, tips: &[usize], deployed: &mut [Option<usize>], random: &mut ChaCha8Rng) {
        let shipped: Vec<usize> = deployed.iter().flatten().copied().collect();
        let before = self.deployments.len();
        let earlier = match random.random_range(0..100) {
            0..2 if before > 0 => before.checked_sub(random.random_range(2..6)),
            2..4 => before.checked_sub(1),
            _ => None,
        };
        let commit = if let Some(earlier) = earlier {
            self.deployments[earlier].commit
        } else {
            let branch = if tips.len() > 1 && random.random_range(0..100) < 6 { tips.len() - 1 } else { 0 };
            deployed[branch] = Some(tips[branch]);
            tips[branch]
        };
        self.deployments.push(Deployed { commit, after: self.parents.len(), shipped });
    }

    /// A bare repository with these commits, made once and kept, and the object id of each.
    pub(crate) fn repository(&self) -> (PathBuf, Vec<String>) {
        let path = crate::folder().join(format!("graph-{}-revision-{REVISION}.git", self.parents.len()));
        let marks = path.join("marks");
        if !marks.exists() {
            crate::progress(&format!("making {}", path.display()));
            let _ = std::fs::remove_dir_all(&path);
            run(git(&path).args(["init", "--quiet", "--bare"]).arg(&path));
            self.import(&path);
            run(git(&path).args(["commit-graph", "write", "--reachable", "--no-progress"]));
            std::fs::rename(path.join("marks.part"), &marks).unwrap();
        }
        let mut ids = vec![String::new(); self.parents.len()];
        for line in std::fs::read_to_string(&marks).unwrap().lines() {
            let (mark, id) = line.trim_start_matches(':').split_once(' ').unwrap();
            id.clone_into(&mut ids[mark.parse::<usize>().unwrap() - 1]);
        }
        assert!(ids.iter().all(|id| id.len() == 40));
        (path, ids)
    }

    fn import(&self, path: &Path) {
        let mut command = git(path);
        command
            .args(["fast-import", "--quiet", "--force"])
            .arg(format!("--export-marks={}", path.join("marks.part").display()));
        let mut importing = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stream = BufWriter::new(importing.stdin.take().unwrap());
        for (place, parents) in self.parents.iter().enumerate() {
            let at = BEGAN_AT + 60 * i64::try_from(place).unwrap();
            writeln!(stream, "commit refs/heads/work\nmark :{}\ncommitter Ada <ada@example.com> {at} +0000", place + 1)
                .unwrap();
            let message = format!("Change {place}");
            writeln!(stream, "data {}\n{message}", message.len()).unwrap();
            for (order, parent) in parents.iter().enumerate() {
                writeln!(stream, "{} :{}", if order == 0 { "from" } else { "merge" }, parent + 1).unwrap();
            }
            writeln!(stream).unwrap();
        }
        // Whatever was deployed stays reachable.
        for (place, deployed) in self.deployments.iter().enumerate() {
            writeln!(stream, "reset refs/heads/deployed-{place}\nfrom :{}\n", deployed.commit + 1).unwrap();
        }
        stream.flush().unwrap();
        drop(stream);
        assert!(importing.wait().unwrap().success(), "git fast-import failed");
        run(git(path).args(["pack-refs", "--all"]));
    }
}

/// git in a repository.
pub(crate) fn git(repository: &Path) -> Command {
    let mut command = Command::new("git");
    // Object ids need not be looked for among the names of branches.
    command.args(["-c", "core.warnAmbiguousRefs=false", "--git-dir"]).arg(repository);
    command
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?} failed");
}
