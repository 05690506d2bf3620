//! How fast chiplog is beside others: the tables of `docs/benchmarks.md`, which this writes. `scripts/benchmark`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the tables are the result, and what fails may stop"
)]

mod ancestry;
mod collection;
#[path = "../corpus/mod.rs"]
#[expect(clippy::allow_attributes, reason = "each benchmark uses what it needs of the corpus")]
#[allow(dead_code, unused_imports, reason = "each benchmark uses what it needs of the corpus")]
mod corpus;
mod document;
mod evaluated;
mod evaluation;
mod exposition;
mod graph;
mod idle;
mod ingest;
mod machine;
mod perceval;
#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/it/harness/postgres.rs"]
mod postgres;
mod process;
mod raw_insert;
mod stored;
mod webhooks;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use document::Section;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The tables, by number.
const TABLES: [u8; 7] = [1, 2, 3, 4, 5, 6, 7];

const USAGE: &str = "scripts/benchmark [--quick] [TABLE…], where a table is one of 1 to 7; all of them unless told";

/// How the benchmark was asked for.
#[derive(Debug, Clone, Default)]
struct Arguments {
    /// Small sizes: whether the benchmark works, not how fast chiplog is.
    quick: bool,
    tables: Vec<u8>,
    /// Measure in this program, and not in one of its own for each table.
    here: bool,
    /// One step of a table that wants memory of its own: so many stored facts.
    step: Option<usize>,
}

impl Arguments {
    fn read(given: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        let mut given = given.skip(1);
        while let Some(word) = given.next() {
            match word.as_str() {
                "--quick" => arguments.quick = true,
                "--here" => arguments.here = true,
                "--step" => arguments.step = given.next().and_then(|facts| facts.parse().ok()),
                // Cargo says so.
                "--bench" => {}
                number => match number.parse() {
                    Ok(table) if TABLES.contains(&table) => arguments.tables.push(table),
                    _ => return Err(format!("\"{number}\" is not known: {USAGE}")),
                },
            }
        }
        if arguments.tables.is_empty() {
            arguments.tables = TABLES.to_vec();
        }
        Ok(arguments)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args()) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    if !arguments.here && arguments.step.is_none() {
        return one_by_one(&arguments);
    }
    chiplog::sources::http::install_crypto_provider();
    std::fs::create_dir_all(folder()).unwrap();
    if let Some(facts) = arguments.step {
        evaluation::step(facts).await;
        return ExitCode::SUCCESS;
    }
    for table in arguments.tables {
        let section = measured(table, arguments.quick).await;
        let text = section.text().await;
        println!("{text}");
        document::write(section.number, &text, arguments.quick);
    }
    ExitCode::SUCCESS
}

async fn measured(table: u8, quick: bool) -> Section {
    match table {
        1 => collection::section(quick).await,
        2 => ingest::section(quick).await,
        3 => exposition::section(quick).await,
        4 => evaluation::section(quick).await,
        5 => ancestry::section(quick).await,
        6 => idle::section(quick).await,
        _ => webhooks::section(quick).await,
    }
}

/// Measures each table in a program of its own, so that none inherits the memory of another; the rest goes on where one
/// fails.
fn one_by_one(arguments: &Arguments) -> ExitCode {
    let mut failed = Vec::new();
    for table in &arguments.tables {
        progress(&format!("table {table}"));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--here").args(arguments.quick.then_some("--quick")).arg(table.to_string());
        if !command.status().unwrap().success() {
            failed.push(table.to_string());
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    progress(&format!("these tables failed, ask for them again by number: {}", failed.join(" ")));
    ExitCode::FAILURE
}

/// Says how far it has come.
pub(crate) fn progress(text: &str) {
    eprintln!("{} {text}", chiplog::clock::now().format("%H:%M:%S"));
}

/// Where the benchmark keeps what it makes.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/benchmark")
}

/// The value in the middle, of at least one.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut ascending = values.to_vec();
    ascending.sort_by(f64::total_cmp);
    let middle = ascending.len() / 2;
    if ascending.len() % 2 == 1 { ascending[middle] } else { f64::midpoint(ascending[middle - 1], ascending[middle]) }
}
