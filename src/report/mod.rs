//! What people read, as a model: the table of a team's KPIs, its scorecards, and the explanation of one number. Pure.

mod explanation;
mod reference;
pub mod scorecard;
mod table;

pub use explanation::{Explanation, Left, Piece, explain};
pub use reference::{REFERENCE_FOLDER, reference_pages, reference_table};
pub use table::{KpiRow, Verdict, kpi_rows, rows_of};
