//! What people read, as a model: the table of a team's KPIs, its scorecards, and the explanation of one number. Pure.

/// A word of the catalogue: borrowed where it was just made, owned where it was read back.
pub type Word = std::borrow::Cow<'static, str>;

mod alerts;
mod dashboards;
mod explanation;
mod health_alerts;
mod reference;
pub mod review;
pub mod scorecard;
mod table;
mod timeline;
pub mod trend_words;

pub use alerts::{alert_rules, alertmanager_example, recording_rules};
pub use dashboards::dashboards;
pub use explanation::{Explanation, Left, Narrowed, Piece, Staged, explain, explain_narrowed, staged};
pub use reference::{REFERENCE_FOLDER, reference_pages, reference_table};
pub use table::{KpiRow, Verdict, kpi_rows, rows_of};
pub use timeline::{DeploymentLine, Timeline, timeline};
