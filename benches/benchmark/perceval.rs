//! perceval, which `scripts/benchmark` installs into `target/`: another collector of GitHub, to compare with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The program. `None` where it is not installed.
pub(crate) fn program() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/perceval/bin/perceval");
    path.exists().then_some(path)
}

/// Its name with its version.
pub(crate) fn version() -> String {
    let Some(path) = program() else { return "no perceval".to_owned() };
    let output = Command::new(path).arg("--version").output();
    output.map_or_else(|_| "no perceval".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Collects the pull requests of `acme/shop` from an Enterprise Server into a file with a line for each.
pub(crate) fn collect(program: &Path, server: &str, output: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["github", "acme", "shop", "--category", "pull_request", "--enterprise-url", server]);
    command.args(["--api-token", "ghp_simulated", "--from-date", "2000-01-01", "--no-archive", "--json-line"]);
    command.arg("--output").arg(output).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
