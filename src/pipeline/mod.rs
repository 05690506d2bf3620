//! From sources to the store, and from the store to a snapshot.

mod collect;
mod deliveries;
mod diagnosis;
mod due;
mod evaluate;
mod evaluator;
mod evidence;
mod inbox;
mod load;
mod metrics;
mod packed;
mod part;
mod plan;
pub mod progress;
mod publication;
mod receive;
mod replica;
mod retention;
mod reviewing;
mod set_aside;
mod snapshot;
mod turns;

pub use collect::{CollectReport, Collector, Stop};
pub use deliveries::{Deliverer, new_delivery};
pub use diagnosis::diagnose;
pub use evaluate::{Families, TeamScorecards, evaluate, team_facts, team_scorecards};
pub use evaluator::{EvaluationRules, Evaluator, Updated};
pub use evidence::{Evidence, KEPT_FACTS};
pub use inbox::{Inbox, InboxError, Taken};
pub use load::load_facts;
pub use metrics::{CollectMetrics, Deliveries, Progress};
pub use packed::{PackError, PackedTeam};
pub use publication::{Evaluated, Followed, Publication, PublishError, fingerprint, last_published};
pub use receive::{ImportError, Imported, REPORTER, StoredFacts, import};
pub use replica::{Lease, Replica, Sight};
pub use retention::keep_pruned;
pub use reviewing::{Draft, FrozenReview, ReviewError, Reviewer, label as month_label, month_before};
pub use snapshot::{EvaluationCost, Known, KpiSnapshot, Snapshot, TeamSnapshot, Unmapped};

/// How many things are worked on at once.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

pub use crate::attribution::Team as TeamRules;
pub use crate::sources::Telemetry;
