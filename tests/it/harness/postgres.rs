//! A real PostgreSQL of the tests' own: started on a free loopback port, ended with the test process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// The server, for the whole process.
struct Server {
    port: u16,
    socket_folder: PathBuf,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static CHILD: Mutex<Option<(Child, tempfile::TempDir)>> = Mutex::new(None);
static DATABASES: AtomicUsize = AtomicUsize::new(0);

/// The URL of a fresh database.
pub(crate) async fn fresh_database() -> String {
    let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(start)).await.unwrap();
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let created = as_postgres(&program("createdb"))
        .args(["-h", server.socket_folder.to_str().unwrap(), "-p", &server.port.to_string(), "-U", "postgres", &name])
        .status()
        .unwrap();
    assert!(created.success(), "createdb failed");
    format!("postgres://postgres@127.0.0.1:{}/{name}", server.port)
}

/// A program of the PostgreSQL packages.
fn program(name: &str) -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path().join("bin").join(name)).collect())
        .unwrap_or_default();
    versions.retain(|path| path.exists());
    versions.sort();
    versions.pop().unwrap_or_else(|| panic!("{name} is missing: install the Debian package postgresql"))
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]).arg(program);
    command
}

fn start() -> Server {
    let (folder, port) = initialise();
    let child = start_in(folder.path(), port);
    let socket_folder = folder.path().to_owned();
    *CHILD.lock().unwrap() = Some((child, folder));
    end_with_process();
    Server { port, socket_folder }
}

/// A folder with a new cluster of databases, and a free port.
fn initialise() -> (tempfile::TempDir, u16) {
    let folder = tempfile::Builder::new().prefix("chiplog-postgres").tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for path in [folder.path(), data.as_path()] {
        // The server runs as another user when the tests run as root.
        let _ = Command::new("chown").arg("postgres").arg(path).status();
    }
    let initialised = as_postgres(&program("initdb"))
        .args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-U", "postgres", "-D"])
        .arg(&data)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(initialised.success(), "initdb failed");
    (folder, std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port())
}

/// Starts a server, and returns once it can be asked.
fn start_in(folder: &Path, port: u16) -> Child {
    let mut server = as_postgres(&program("postgres"));
    server.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string(), "-k"]).arg(folder);
    server.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"]);
    let mut child = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let ready = || {
        as_postgres(&program("pg_isready"))
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    while !ready() {
        assert!(child.try_wait().unwrap().is_none(), "PostgreSQL ended at once");
        std::thread::yield_now();
    }
    child
}

/// A server of one test, which may stop it.
pub(crate) struct OwnServer {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl OwnServer {
    pub(crate) fn start() -> Self {
        let (folder, port) = initialise();
        let child = start_in(folder.path(), port);
        Self { folder, port, child }
    }

    /// The URL of its database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it with all its connections.
    pub(crate) fn stop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }

    /// Starts it again at the same place.
    pub(crate) fn start_again(&mut self) {
        self.child = start_in(self.folder.path(), self.port);
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Statics are never dropped: a shell waits for the test process to end and then ends the server.
#[expect(clippy::zombie_processes, reason = "the shell outlives this process on purpose")]
fn end_with_process() {
    let guard = CHILD.lock().unwrap();
    let (child, folder) = guard.as_ref().unwrap();
    let script = format!(
        "while kill -0 {} 2>/dev/null; do sleep 0.2; done; kill -INT {} 2>/dev/null; sleep 1; rm -rf '{}'",
        std::process::id(),
        child.id(),
        folder.path().display()
    );
    Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
}

/// Runs statements on a database, as whoever administers it may.
pub(crate) fn run_sql(url: &str, statements: &str) {
    let mut command = as_postgres(&program("psql"));
    let done = command.args(["-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statements]).status().unwrap();
    assert!(done.success(), "psql failed");
}

/// Runs a file of statements, as `psql` takes it on standard input.
pub(crate) fn run_file(url: &str, statements: &str) {
    let mut command = as_postgres(&program("psql"));
    command.args(["-q", "-v", "ON_ERROR_STOP=1", "-d", url]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut psql = command.spawn().unwrap();
    std::io::Write::write_all(&mut psql.stdin.take().unwrap(), statements.as_bytes()).unwrap();
    assert!(psql.wait().unwrap().success(), "psql failed");
}
