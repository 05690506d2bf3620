//! How work is planned, done, and done again.

pub(super) mod customer_issue_resolution_time;
pub(super) mod defect_escape_rate;
pub(super) mod delivery_predictability;
pub(super) mod improvement_share;
pub(super) mod reliability_items_closed;
pub(super) mod rework_rate;
pub(super) mod tech_debt_ratio;
pub(super) mod throughput;
pub(super) mod work_item_cycle_time;

use crate::attribution::{TeamWorkItem, WorkClass};

/// Why an item that was ended without being done is in no time.
const DROPPED: &str = "was ended without being done: its status or resolution is among dropped of [work_items]";

/// Whether an item is work on debt or reliability.
fn is_upkeep(item: &TeamWorkItem) -> bool {
    item.is(WorkClass::Debt) || item.is(WorkClass::Reliability)
}
