//! Programs that are measured while they run.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How often a program is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Clock ticks of a second in `/proc`, on every Linux that there is.
const TICKS: f64 = 100.0;

/// A program is stopped when it goes beyond this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) time: Duration,
    /// Bytes of memory.
    pub(crate) memory: u64,
}

impl Limits {
    /// So much time, and most of the machine's memory.
    pub(crate) fn of_time(time: Duration) -> Self {
        Self { time, memory: crate::machine::memory() / 10 * 7 }
    }
}

/// How a program ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) seconds: f64,
    /// Seconds of processor time.
    pub(crate) processor: f64,
    /// The most memory that it held at a time, in bytes.
    pub(crate) peak: u64,
    /// Why it was stopped, where it was.
    pub(crate) stopped: Option<&'static str>,
}

/// Runs a program to its end, or until it goes beyond a limit. One that fails fails the benchmark.
pub(crate) async fn run(mut command: Command, limits: Limits) -> Ended {
    let began = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut ended = Ended { seconds: 0.0, processor: 0.0, peak: 0, stopped: None };
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success() || ended.stopped.is_some(), "{command:?} failed with {status}");
            ended.seconds = began.elapsed().as_secs_f64();
            return ended;
        }
        ended.peak = ended.peak.max(memory_of(child.id(), "VmHWM:").unwrap_or(0));
        ended.processor = processor_of(child.id()).unwrap_or(ended.processor);
        if ended.stopped.is_none() {
            ended.stopped = beyond(limits, began.elapsed(), ended.peak);
            if ended.stopped.is_some() {
                let _ = child.kill();
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn beyond(limits: Limits, time: Duration, memory: u64) -> Option<&'static str> {
    if time > limits.time {
        return Some("time");
    }
    (memory > limits.memory).then_some("memory")
}

/// A program that is killed when this is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A line of `/proc/PID/status` in bytes: `VmRSS:` is the memory now, `VmHWM:` the most so far.
pub(crate) fn memory_of(process: u32, line: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let value = status.lines().find_map(|text| text.strip_prefix(line))?;
    Some(value.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// The seconds of processor time that a process has taken.
pub(crate) fn processor_of(process: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

/// The seconds of processor time that this program has taken.
pub(crate) fn own_processor() -> f64 {
    processor_of(std::process::id()).unwrap_or(0.0)
}
