//! Pages for people: templates over the views. No JavaScript; every number leads to what it rests on.

mod collection;
mod evidence;
mod kpi;
mod message;
mod organisation;
mod parts;
mod quality;
mod review;
mod review_charts;
mod reviews;
mod team;

pub use collection::page as collection_page;
pub use evidence::{page as evidence_page, review_page as review_evidence_page};
pub use kpi::page as kpi_page;
pub use message::page as message_page;
pub use organisation::page as organisation_page;
pub use quality::page as quality_page;
pub use review::{exported as exported_review, served as review_page};
pub use reviews::page as reviews_page;
pub use team::page as team_page;

/// The style sheet as it stands in each page: what browsers are told to take, and no other.
pub const STYLE: &str = concat!("\n", include_str!("../../../templates/style.css"));
