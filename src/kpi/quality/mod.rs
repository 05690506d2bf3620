//! How well changes are checked and written down.

pub(super) mod ci_duration;
pub(super) mod ci_success_rate;
pub(super) mod documentation_completeness;
pub(super) mod flaky_test_rate;
pub(super) mod test_coverage;

use crate::attribution::TeamCiRun;
use crate::kpi::Evidence;

/// A CI run as evidence.
fn run_evidence(run: &TeamCiRun, detail: impl Into<String>) -> Evidence {
    let sha = run.sha.get(..8).unwrap_or(&run.sha);
    Evidence {
        key: run.key.clone(),
        title: format!("{} {} at {sha}", run.repository, run.workflow),
        url: run.url.clone(),
        detail: detail.into(),
    }
}
