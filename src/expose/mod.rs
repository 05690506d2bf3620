//! What the world sees: metrics, pages, and text on a terminal. Reads snapshots and reports, decides nothing.

pub mod access;
pub mod answer;
pub mod charts;
pub mod digest;
pub mod exposition;
pub mod guard;
mod joined;
pub mod listen;
pub mod open_metrics;
pub mod openapi;
pub mod pages;
pub mod prometheus;
pub mod receive;
pub mod remote_write;
pub mod requests;
pub mod review_markdown;
pub mod terminal;
pub mod tokens;
mod trend_families;
pub mod trend_text;
pub mod views;
pub mod web;
