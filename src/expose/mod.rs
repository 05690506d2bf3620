//! What the world sees: metrics, pages, and text on a terminal. Reads snapshots and reports, decides nothing.

pub mod prometheus;
pub mod receive;
pub mod terminal;
pub mod web;
