//! Where requests may go. All rules are here and do no I/O: which addresses the configuration may name, where redirects
//! and links are followed to, and what names and ids become within a path.

mod configured;
mod follow;
mod path;
mod reach;

pub use configured::{base, is_plain, readable, secret};
pub use follow::{below, may_fetch, shown};
pub use path::{encoded, path};
pub use reach::Reach;
