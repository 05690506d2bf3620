//! From sources to the store, and from the store to a snapshot.

mod collect;
mod diagnosis;
mod evaluate;
mod metrics;
pub mod progress;
mod receive;
mod snapshot;

pub use collect::{CollectReport, Collector, Stop};
pub use diagnosis::diagnose;
pub use evaluate::{
    Families, TeamScorecards, evaluate, evaluate_with_trends, team_facts, team_scorecards, team_trends,
};
pub use metrics::CollectMetrics;
pub use receive::{ImportError, Imported, StoredFacts, import};
pub use snapshot::{KpiSnapshot, Snapshot, TeamSnapshot};

pub use crate::sources::Telemetry;
