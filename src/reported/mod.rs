//! Facts that people report: surveys, hiring, cost, coverage and readiness ticks, as CSV or JSON.
//!
//! Each template says which columns its rows have; a row that breaks a rule is told with its line and reason, and the good
//! ones go on. The same row id again replaces the row, so that a file may be imported as often as one likes.

mod reader;
mod row;
mod template;

pub use reader::{Intake, Problem, ReadError, Received};
pub use row::Known;
pub use template::{Column, Role, TEMPLATES, Template, find};

/// The `source` of reported facts.
pub const SOURCE: &str = "reported";
