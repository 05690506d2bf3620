//! A page of facts on its way from a source to the store.

use super::Fact;

/// One page of facts.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Batch {
    /// The facts, in any order; duplicates are allowed.
    pub facts: Vec<Fact>,
    /// Records that could not be read.
    pub rejects: Vec<Reject>,
    /// Cursors to set when the facts are stored: name within the source (for example `acme/shop/pull_requests`) and
    /// the new state (the source's own JSON). `None` removes a cursor.
    pub cursors: Vec<(String, Option<String>)>,
}

/// A record that a source could not read. It is kept in quarantine and counted; its neighbours go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The family it would have belonged to.
    pub family: &'static str,
    /// The record's own id, or the place it was found at.
    pub external_id: String,
    /// What was expected and what was there, naming the field. No personal data.
    pub reason: String,
}
