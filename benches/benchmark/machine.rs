//! What it was measured on.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Date, machine and versions, as one paragraph.
pub(crate) async fn description() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!(
        "{}. {}, {cores} cores, {} of memory, {}; chiplog {}, {}, SQLite {}, {}, {}, {}.",
        chiplog::clock::now().format("%Y-%m-%d %H:%M UTC"),
        field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned()),
        crate::document::megabytes(memory()),
        told("uname", &["-sr"]),
        commit(),
        told("rustc", &["--version"]),
        sqlite_version().await,
        postgres().map_or_else(|| "no PostgreSQL".to_owned(), |path| told(&path.to_string_lossy(), &["--version"])),
        crate::perceval::version(),
        told("git", &["--version"]),
    )
}

/// The memory of the machine, in bytes.
pub(crate) fn memory() -> u64 {
    let kilobytes =
        field("/proc/meminfo", "MemTotal").and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The commit that is measured, and whether anything differs from it.
fn commit() -> String {
    let head = told("git", &["rev-parse", "--short", "HEAD"]);
    let changed =
        told("git", &["status", "--porcelain", "--untracked-files=no", "--", "src", "Cargo.lock", "migrations"]);
    if changed.is_empty() { head } else { format!("{head} with changes") }
}

/// What a program says, in one line; that it is missing where it is.
fn told(program: &str, arguments: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    match Command::new(program).args(arguments).current_dir(folder).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned(),
        Err(_) => format!("no {program}"),
    }
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// The server of the newest of the PostgreSQL packages, which the benchmark starts as well.
fn postgres() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut servers: Vec<PathBuf> = versions
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("bin/postgres"))
        .filter(|path| path.exists())
        .collect();
    servers.sort();
    servers.pop()
}

/// The version of the SQLite that is part of chiplog.
async fn sqlite_version() -> String {
    let pool = sqlx::SqlitePool::connect("sqlite::memory:").await.unwrap();
    sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&pool).await.unwrap()
}
