//! The real binary, with a configuration and a store of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::ENVIRONMENT;

/// A folder with a configuration.
pub(crate) struct Installation {
    folder: tempfile::TempDir,
}

/// A running program. It is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    stderr: Arc<Mutex<String>>,
}

impl Installation {
    pub(crate) fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("chiplog.toml"), config).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chiplog"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.envs(ENVIRONMENT.iter().copied());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a script of the shell with the same environment.
    pub(crate) fn run_shell(&self, script: &str) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.folder.path()).env_clear();
        command.envs(ENVIRONMENT.iter().copied()).output().unwrap()
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub(crate) fn run_well(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts a command. Files that may not grow are an error to it, as a full disk is, and no signal that ends it.
    pub(crate) fn start(&self, arguments: &[&str]) -> Program {
        let program = self.command(arguments);
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(program.get_program()).args(program.get_args());
        command.current_dir(self.folder.path()).env_clear().envs(ENVIRONMENT.iter().copied());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let (pipe, written) = (child.stderr.take().unwrap(), stderr.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let mut written = written.lock().unwrap();
                written.push_str(&line);
                written.push('\n');
            }
        });
        Program { child, stderr }
    }
}

impl Program {
    /// Everything written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// The address that the program says it serves.
    pub(crate) async fn address(&mut self) -> String {
        let marker = "serving ";
        until("the program serves", async || self.stderr().contains(marker)).await;
        let text = self.stderr();
        let rest = &text[text.find(marker).unwrap() + marker.len()..];
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// Ends the program as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the program to end, as a service manager does, and returns its exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.signal("-TERM");
        self.child.wait().unwrap().code()
    }

    /// Freezes the program, as a machine that is suspended does.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets a frozen program go on.
    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    /// From now on no file may grow beyond so many bytes, as on a disk that is full.
    pub(crate) fn limit_files(&self, bytes: &str) {
        let arguments = [format!("--pid={}", self.child.id()), format!("--fsize={bytes}:unlimited")];
        assert!(Command::new("prlimit").args(arguments).status().unwrap().success());
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Starts any other program, for example Prometheus.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let (mut pipe, written) = (child.stderr.take().unwrap(), stderr.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                written.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        });
        Self { child, stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.stderr();
            let lines: Vec<&str> = log.lines().collect();
            println!("the program's last words:\n{}", lines[lines.len().saturating_sub(400)..].join("\n"));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until a condition holds; fails after two minutes.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..2400 {
        if holds().await {
            return;
        }
        looks.tick().await;
    }
    panic!("waited in vain: {what}");
}
