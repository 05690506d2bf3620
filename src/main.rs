//! The `chiplog` command.

use std::io::Write as _;
use std::process::ExitCode;

use chiplog::cli::Cli;
use clap::Parser as _;

/// Memory that an evaluation of everything took goes back to the system, which the system's own allocator seldom does.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match chiplog::commands::run(cli).await {
        Ok(code) => code,
        Err(error) => {
            // The chain is printed once, outermost first; no message repeats its cause.
            let _ = writeln!(std::io::stderr(), "chiplog: {error:#}");
            ExitCode::FAILURE
        }
    }
}
