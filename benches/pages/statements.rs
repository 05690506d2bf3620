//! The statements that the store runs while pages are asked for: how many, which, and how SQLite answers them.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sqlx::{AssertSqlSafe, Row as _, SqlitePool};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{EnvFilter, Layer};

/// Counts and keeps what the store logs of its statements.
#[derive(Clone, Default)]
pub(crate) struct Statements {
    count: Arc<AtomicUsize>,
    texts: Arc<Mutex<BTreeSet<String>>>,
}

impl Statements {
    /// Listens from now on.
    pub(crate) fn listen() -> Self {
        let statements = Self::default();
        let listening = statements.clone().with_filter(EnvFilter::new("off,sqlx::query=trace"));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(listening)).unwrap();
        statements
    }

    /// How many there were so far.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// The texts so far, each once; forgets them.
    pub(crate) fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.texts.lock().unwrap())
    }
}

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        self.count.fetch_add(1, Ordering::SeqCst);
        let text = if told.statement.trim().is_empty() { told.summary } else { told.statement };
        self.texts.lock().unwrap().insert(text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

/// The whole text of a statement, or the summary of a short one, which is the whole as well.
#[derive(Default)]
struct Told {
    summary: String,
    statement: String,
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.statement),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// How SQLite answers a statement, step by step.
pub(crate) async fn plan(folder: &Path, statement: &str) -> Vec<String> {
    let pool = SqlitePool::connect(&format!("sqlite:{}/chiplog.db", folder.display())).await.unwrap();
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let steps = sqlx::query(explain).fetch_all(&pool).await.unwrap();
    pool.close().await;
    steps.iter().map(|step| step.get("detail")).collect()
}
