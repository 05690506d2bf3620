//! Targets that teams set for themselves: checked here against the scorecards, applied by `report`.

use super::organisation::{Problem, problem};
use super::sections::TargetSection;

/// Checks what can be told without the scorecards: each entry has a KPI and a bound.
pub(super) fn check(key: &str, targets: &[TargetSection]) -> Result<(), Problem> {
    for target in targets {
        if target.kpi.is_empty() {
            return Err(problem(key, "kpi is missing: write for example { kpi = \"pr_cycle_time\", max = \"2d\" }"));
        }
        if target.max.is_none() && target.min.is_none() {
            return Err(problem(
                key,
                format!("\"{}\" has neither max nor min: write for example max = \"2d\"", target.kpi),
            ));
        }
    }
    Ok(())
}
