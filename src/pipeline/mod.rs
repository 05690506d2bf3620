//! From sources to the store, and from the store to a snapshot.

mod collect;
mod diagnosis;
mod due;
mod evaluate;
mod evaluator;
mod evidence;
mod load;
mod metrics;
mod plan;
pub mod progress;
mod receive;
mod reviewing;
mod snapshot;

pub use collect::{CollectReport, Collector, Stop};
pub use diagnosis::{Diagnosis, LeftOutGroup, diagnose};
pub use evaluate::{Families, TeamScorecards, evaluate, evaluate_with_trends, team_facts, team_scorecards};
pub use evaluator::{EvaluationRules, Evaluator, Updated};
pub use evidence::{Evidence, KEPT_FACTS};
pub use load::load_facts;
pub use metrics::{CollectMetrics, Progress};
pub use receive::{ImportError, Imported, StoredFacts, import};
pub use reviewing::{Draft, FrozenReview, ReviewError, Reviewer, label as month_label, month_before};
pub use snapshot::{Known, KpiSnapshot, Snapshot, TeamSnapshot};

pub use crate::attribution::Team as TeamRules;
pub use crate::sources::Telemetry;
