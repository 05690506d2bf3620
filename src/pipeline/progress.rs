//! Progress of long collections: bars on a terminal, log lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Is told how far collections have come.
pub trait Observer: Send + Sync {
    /// A part of a source has come so far. `total` is `None` while unknown.
    fn progress(&self, source: &str, part: &str, done: u64, total: Option<u64>);
    /// A source has finished.
    fn finished(&self, source: &str);
}

/// Bars when standard error is a terminal, log lines otherwise.
pub fn observer() -> Arc<dyn Observer> {
    if std::io::stderr().is_terminal() { Arc::new(Bars::default()) } else { Arc::new(Lines::default()) }
}

#[derive(Default)]
struct Bars {
    screen: MultiProgress,
    bars: Mutex<BTreeMap<(String, String), ProgressBar>>,
}

impl Observer for Bars {
    fn progress(&self, source: &str, part: &str, done: u64, total: Option<u64>) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry((source.to_owned(), part.to_owned())).or_insert_with(|| {
            let bar = self.screen.add(ProgressBar::no_length());
            let style = ProgressStyle::with_template("{prefix:40} {wide_bar} {pos}/{len}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(format!("{source} {part}"));
            bar
        });
        if let Some(total) = total {
            bar.set_length(total.max(done));
        }
        bar.set_position(done);
        if total.is_some_and(|total| done >= total) {
            bar.finish_and_clear();
        }
    }

    fn finished(&self, source: &str) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        bars.retain(|(of, _), bar| {
            if of == source {
                bar.finish_and_clear();
            }
            of != source
        });
    }
}

/// One line per part every few seconds.
#[derive(Default)]
struct Lines {
    last: Mutex<BTreeMap<(String, String), Instant>>,
}

const BETWEEN_LINES: Duration = Duration::from_secs(5);

impl Observer for Lines {
    fn progress(&self, source: &str, part: &str, done: u64, total: Option<u64>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source.to_owned(), part.to_owned());
        if last.get(&key).is_some_and(|at| at.elapsed() < BETWEEN_LINES) {
            return;
        }
        // The first sight of a part is not news yet: short collections stay silent.
        let first = last.insert(key, Instant::now()).is_none();
        if !first {
            tracing::info!(source, part, done, total, "collecting {part}: {done} so far");
        }
    }

    fn finished(&self, source: &str) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|(of, _), _| of != source);
    }
}
