//! Targets that teams set for themselves.

use std::str::FromStr as _;

use chrono::NaiveDate;

use super::organisation::{Problem, problem};
use super::sections::TargetSection;
use crate::report::scorecard::TeamTarget;

/// Reads a team's `targets`. `key` is the place in the file.
pub(super) fn read(key: &str, sections: &[TargetSection]) -> Result<Vec<TeamTarget>, Problem> {
    sections.iter().map(|section| target(section).map_err(|text| problem(key, text))).collect()
}

fn target(section: &TargetSection) -> Result<TeamTarget, String> {
    if section.kpi.is_empty() {
        return Err("kpi is missing: write for example { kpi = \"pr_cycle_time\", max = \"2d\" }".to_owned());
    }
    if section.max.is_none() && section.min.is_none() {
        return Err(format!("\"{}\" has neither max nor min: write for example max = \"2d\"", section.kpi));
    }
    let bounds = [section.min.as_deref(), section.max.as_deref()];
    let (part, statistic) = (section.part.as_deref(), section.statistic.as_deref());
    let target = TeamTarget::parse(section.role.clone(), &section.kpi, part, statistic, bounds)?;
    let since = section.since.as_deref().map(|day| {
        NaiveDate::from_str(day).map_err(|_| format!("since: \"{day}\" is no day: write for example \"2026-07-01\""))
    });
    Ok(TeamTarget { since: since.transpose()?, ..target })
}
