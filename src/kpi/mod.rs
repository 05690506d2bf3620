//! What it means: the KPI catalogue.
//!
//! A KPI is one file with one [`Kpi`] constant and a function from a team's facts to observations. Everything else
//! (statistics, intervals, metric families, tables, explanations, documentation) follows from its [`Shape`].

mod definition;
mod input;
mod outcome;

pub use definition::{Direction, Kpi, Need, Parts, Shape, Statistic, Unit};
pub use input::{Supply, TeamFacts};
pub use outcome::{Evidence, ExclusionReason, Observation, Observed, OpenItem, Outcome, Span, Summary, Window};
