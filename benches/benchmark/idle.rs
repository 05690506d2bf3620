//! Table 6: a server with a large store that nothing happens to.

use std::process::{Command, Stdio};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use chiplog_simulator::github::{GithubOptions, GithubSimulator};
use chiplog_simulator::json_server::{JsonServer, ServerOptions};
use chiplog_simulator::world::World;
use chiplog_simulator::{jira, pagerduty};

use crate::corpus::{self, Addresses, Size};
use crate::document::{Section, Table, count, megabytes, seconds};
use crate::process::{self, Running};
use crate::{progress, stored};

/// The goals: idle memory in bytes, and seconds from start to ready.
const MEMORY_GOAL: u64 = 64 << 20;
const READY_GOAL: f64 = 2.0;

/// Whoever is not ready by then is stopped.
const LONGEST: Duration = Duration::from_mins(10);

/// Processor time is measured over so long.
const IDLE_FOR: Duration = Duration::from_secs(30);

/// It is quiet when it takes less than this of one processor for a while.
const QUIET: f64 = 0.05;

/// For so long: work that comes in slices has pauses, and the lease of a program that was killed has to end.
const QUIET_FOR: Duration = Duration::from_secs(14);

/// The store is started over twice: what the first start has found out is there for the second.
const STARTS: [&str; 2] = ["first", "second"];

/// What one start came to.
struct Started {
    ready: f64,
    /// Seconds until it was quiet.
    quiet: f64,
    /// Bytes when quiet: all, and those of them that are the program's file, which the system may drop and read again.
    memory: u64,
    of_file: u64,
    /// The most bytes, in all.
    peak: u64,
    /// Share of one processor while idle.
    processor: f64,
}

pub(crate) async fn section(quick: bool) -> Section {
    let stored = stored::corpus(if quick { 20_000 } else { 10_000_000 }).await;
    let world = Arc::new(RwLock::new(World { organization: "acme".to_owned(), ..World::default() }));
    let now = || Arc::new(chiplog::clock::now);
    let github = GithubSimulator::start(world.clone(), GithubOptions::new(now())).await.unwrap();
    let pagerduty = JsonServer::start(&pagerduty::API, world.clone(), ServerOptions::new(now())).await.unwrap();
    let jira = JsonServer::start(&jira::DATA_CENTER, world, ServerOptions::new(now())).await.unwrap();
    let addresses = Addresses {
        github: format!("{}/api/v3", github.base_url()),
        pagerduty: pagerduty.base_url().to_owned(),
        jira: jira.base_url().to_owned(),
    };
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::new(&[
        "configured teams",
        "start",
        "start to ready",
        "to quiet",
        "idle memory",
        "of it the program's file",
        "peak memory",
        "idle processor",
    ]);
    let all = stored.size.teams;
    for (teams, start) in [all, all / 10].into_iter().flat_map(|teams| STARTS.map(|start| (teams, start))) {
        progress(&format!("{teams} teams, {start} start"));
        let config = corpus::config(Size { teams, ..stored.size }, &stored.url, &addresses);
        if start == STARTS[0] {
            forget(&stored.url).await;
        }
        std::fs::write(folder.path().join("chiplog.toml"), config).unwrap();
        match started(folder.path(), if quick { Duration::from_secs(5) } else { IDLE_FOR }).await {
            Ok(started) => table.row([
                count(teams),
                start.to_owned(),
                judged(seconds(started.ready), started.ready <= READY_GOAL),
                seconds(started.quiet),
                judged(megabytes(started.memory), started.memory < MEMORY_GOAL),
                megabytes(started.of_file),
                megabytes(started.peak),
                format!("{:.2} % of a core", started.processor * 100.0),
            ]),
            Err(why) => {
                let none = String::new;
                table.row([
                    count(teams),
                    start.to_owned(),
                    format!("**{why}**"),
                    none(),
                    none(),
                    none(),
                    none(),
                    none(),
                ]);
            }
        }
    }
    let left_out = vec![
        format!(
            "`chiplog serve` over an SQLite file with {} facts of {} teams and {} days; the simulated tools that it polls hold \
             nothing, and it polls them once an hour.",
            count(stored.facts),
            count(stored.size.teams),
            count(usize::try_from(stored.size.days).unwrap_or_default())
        ),
        "Before a first start nothing is published and no review frozen. With a tenth of the teams configured the store is the \
         same, and the facts of the others belong to nobody."
            .to_owned(),
        "Ready is when `/-/ready` answers 200, asked every ten milliseconds. Nothing is asked while it is idle.".to_owned(),
        "The file may be in the cache of the operating system; what it takes there is not counted.".to_owned(),
    ];
    Section { number: 6, title: "Start and idleness", tables: vec![table], left_out }
}

/// Forgets what programs before have found out and frozen.
async fn forget(url: &str) {
    let pool = sqlx::SqlitePool::connect(url).await.unwrap();
    for table in ["snapshots", "reviews", "review_evidence", "leases"] {
        sqlx::QueryBuilder::<sqlx::Sqlite>::new("DELETE FROM ").push(table).build().execute(&pool).await.unwrap();
    }
    pool.close().await;
}

fn judged(text: String, meets_goal: bool) -> String {
    if meets_goal { text } else { format!("**{text}**: misses the goal") }
}

/// Starts the server and watches it until it has been idle for a while.
async fn started(folder: &std::path::Path, idle_for: Duration) -> Result<Started, String> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = folder.join("chiplog.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let rest = text.split_once("[store]").unwrap().1;
    std::fs::write(&config, format!("[server]\nlisten = \"127.0.0.1:{port}\"\n[store]{rest}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chiplog"));
    command.arg("serve").current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    command
        .env("GITHUB_TOKEN", "ghp_simulated")
        .env("PAGERDUTY_TOKEN", "pd_simulated")
        .env("JIRA_TOKEN", "jira_simulated");
    let began = Instant::now();
    let mut server = Running(command.spawn().unwrap());
    let process = server.0.id();
    let url = format!("http://127.0.0.1:{port}/-/ready");
    #[expect(clippy::disallowed_methods, reason = "the benchmark talks to loopback only")]
    let client = reqwest::Client::new();
    while !client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        alive(&mut server, began)?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ready = began.elapsed().as_secs_f64();
    drop(client);
    // What a start leaves to be done is done before idleness is measured.
    let (mut quiet, mut last_busy) = (ready, Instant::now());
    while last_busy.elapsed() < QUIET_FOR {
        alive(&mut server, began)?;
        let before = process::processor_of(process).unwrap_or(0.0);
        tokio::time::sleep(Duration::from_secs(2)).await;
        if process::processor_of(process).unwrap_or(0.0) - before >= QUIET * 2.0 {
            (quiet, last_busy) = (began.elapsed().as_secs_f64(), Instant::now());
        }
    }
    let before = process::processor_of(process).unwrap_or(0.0);
    tokio::time::sleep(idle_for).await;
    let processor = (process::processor_of(process).unwrap_or(0.0) - before) / idle_for.as_secs_f64();
    let memory = |line: &str| process::memory_of(process, line).unwrap_or(0);
    Ok(Started {
        ready,
        quiet,
        memory: memory("VmRSS:"),
        of_file: memory("RssFile:"),
        peak: memory("VmHWM:"),
        processor,
    })
}

/// Whether it still runs, within time and memory.
fn alive(server: &mut Running, began: Instant) -> Result<(), String> {
    if let Some(status) = server.0.try_wait().unwrap() {
        return Err(format!("the server ended with {status}"));
    }
    let memory = process::memory_of(server.0.id(), "VmRSS:").unwrap_or(0);
    if memory > crate::machine::memory() / 10 * 7 {
        return Err(format!(
            "stopped after {}, not ready with {}",
            seconds(began.elapsed().as_secs_f64()),
            megabytes(memory)
        ));
    }
    if began.elapsed() > LONGEST {
        return Err(format!("stopped after {}, neither ready nor quiet", seconds(LONGEST.as_secs_f64())));
    }
    Ok(())
}
