//! A page of facts on its way from a source to the store.

use chrono::Datelike as _;

use super::{Fact, FactFamily};
use crate::with_fact;

/// PostgreSQL's indexes take no longer keys.
const LONGEST_KEY: usize = 1000;

/// What is told of something wrong is no longer.
const LONGEST_REASON: usize = 1000;

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

impl Batch {
    /// Makes rejects of the facts that cannot be kept. The store does so as well: this is for who answers what is sent.
    pub fn sift(&mut self) {
        self.rejects.extend(self.facts.iter().filter_map(unusable));
        self.facts.retain(|fact| unusable(fact).is_none());
    }
}

/// Why a fact cannot be kept: its key is too long, or one of its moments so far away that nothing can be calculated with it.
pub fn unusable(fact: &Fact) -> Option<Reject> {
    fn reject<F: FactFamily>(fact: &F) -> Option<Reject> {
        let external_id = fact.external_id();
        let moments = [Some(fact.started_at()), fact.ended_at(), Some(fact.version_at())];
        let reason = if external_id.len() > LONGEST_KEY || fact.scope().len() > LONGEST_KEY {
            format!("its id, or what it belongs to, is longer than {LONGEST_KEY} bytes")
        } else if moments.iter().flatten().any(|moment| !(1..=9999).contains(&moment.year())) {
            "a timestamp lies outside of the years 1 to 9999".to_owned()
        } else {
            return None;
        };
        Some(Reject { family: F::FAMILY, external_id, reason })
    }
    with_fact!(fact, fact => reject(fact))
}

/// The beginning of a text, for what is told of something wrong: it may repeat all of a large input.
pub fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST_REASON);
    if end == text.len() { text.to_owned() } else { format!("{} …", &text[..end]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Tag;

    fn tag(name: &str, at: &str) -> Fact {
        Fact::Tag(Tag {
            repository: "acme/shop".to_owned(),
            name: name.to_owned(),
            sha: "a".repeat(40),
            tagged_at: at.parse().unwrap(),
            url: None,
        })
    }

    #[test]
    fn what_cannot_be_kept_is_told() {
        let mut batch = Batch {
            facts: vec![
                tag("v1", "2026-10-05T12:00:00Z"),
                tag(&"v".repeat(1001), "2026-10-05T12:00:00Z"),
                tag("v2", "+262142-12-31T23:59:59Z"),
                tag("v3", "-262143-01-01T00:00:00Z"),
            ],
            ..Batch::default()
        };
        batch.sift();
        let reasons: Vec<&str> = batch.rejects.iter().map(|reject| &reject.reason[..14]).collect();
        assert_eq!((batch.facts.len(), reasons), (1, vec!["its id, or wha", "a timestamp li", "a timestamp li"]));
    }

    #[test]
    fn long_reasons_are_cut_between_letters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(501)), "é".repeat(500) + " …");
        assert_eq!(shortened(&format!("a{}", "é".repeat(501))).len(), 999 + " …".len());
    }
}
