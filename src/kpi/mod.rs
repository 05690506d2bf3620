//! What it means: the KPI catalogue.
//!
//! A KPI is one file with one [`Kpi`] constant and a function from a team's facts to observations. Everything else
//! (statistics, intervals, metric families, tables, explanations, documentation) follows from its [`Shape`].

mod assessment;
mod catalogue;
mod definition;
mod delivery;
mod evidence;
mod format;
mod groups;
mod input;
mod outcome;
mod people;
mod planning;
mod quality;
mod review;
mod security;
mod service_health;
mod shape;
mod stability;
mod stages;
mod stored;
#[cfg(test)]
pub(crate) mod test_support;

pub use crate::attribution::LONGEST_VIEW;
pub use assessment::{Assessment, assess};
pub use catalogue::{CATALOGUE, find, metric_name};
pub use definition::{Direction, Kpi, Need, Parts, Protection, Shape, Statistic, Unit};
pub use format::{format_beside, format_interval, format_value};
pub use input::{Supply, TeamFacts};
pub use outcome::{
    Distinct, Evidence, ExclusionReason, Observation, Observed, OpenItem, Outcome, Span, Summary, Window, of_service,
    of_tier,
};
pub use shape::{standing_part, summarise, summarise_part};
pub use stages::{ItemStage, ItemStages};
pub use stored::{KpiId, read_kpi, read_kpi_id, write_kpi};
