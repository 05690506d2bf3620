//! The rules for work items, alerts, documentation and readiness.

use std::collections::BTreeSet;

use globset::{Glob, GlobSet, GlobSetBuilder};
use regex::Regex;

/// Words of trackers, lower case: issue types, labels, statuses.
pub type Words = BTreeSet<String>;

/// What the words of trackers mean.
#[derive(Debug, Clone)]
pub struct WorkRules {
    /// Statuses in which work is under way.
    pub in_progress: Words,
    /// Statuses in which work is done.
    pub done: Words,
    /// Statuses and resolutions of work that was ended without being done.
    pub dropped: Words,
    /// A bug.
    pub bug: Words,
    /// A bug that was found in production.
    pub production_bug: Words,
    /// Reported by a customer.
    pub customer: Words,
    /// Of high impact.
    pub high_impact: Words,
    /// An improvement beyond features.
    pub improvement: Words,
    /// Technical debt or refactoring.
    pub debt: Words,
    /// Reliability work.
    pub reliability: Words,
}

/// A set of lower-case words.
pub fn words(of: &[&str]) -> Words {
    of.iter().map(|word| word.to_lowercase()).collect()
}

impl Default for WorkRules {
    fn default() -> Self {
        Self {
            in_progress: words(&["in progress", "in development", "doing", "in review", "in test", "assigned"]),
            done: words(&["done", "closed", "resolved"]),
            dropped: words(&[
                "closed as not planned",
                "won't do",
                "won't fix",
                "wontfix",
                "cancelled",
                "canceled",
                "rejected",
                "declined",
                "duplicate",
                "cannot reproduce",
                "abandoned",
                "obsolete",
            ]),
            bug: words(&["bug", "defect", "type: bug"]),
            production_bug: words(&["production", "found-in: production", "escaped", "production-bug"]),
            customer: words(&["customer", "customer-reported", "support"]),
            high_impact: words(&["high-impact", "critical", "highest", "high", "blocker", "p1", "p2", "sev1", "sev2"]),
            improvement: words(&[
                "improvement",
                "innovation",
                "enhancement: internal",
                "automation",
                "developer-experience",
                "performance",
            ]),
            debt: words(&["debt", "tech-debt", "technical debt", "refactoring", "refactor", "cleanup"]),
            reliability: words(&["reliability", "resilience", "postmortem-action"]),
        }
    }
}

/// How long alerts may stay open.
#[derive(Debug, Clone)]
pub struct SecurityRules {
    /// Critical ones; secrets count as critical.
    pub critical: chrono::Duration,
    /// High ones.
    pub high: chrono::Duration,
}

impl Default for SecurityRules {
    fn default() -> Self {
        Self { critical: chrono::Duration::days(7), high: chrono::Duration::days(30) }
    }
}

/// Which changes need documentation, and what is documentation.
#[derive(Debug, Clone)]
pub struct DocumentationRules {
    /// Paths that are documentation.
    pub paths: GlobSet,
    /// Labels (lower case) that say why a change needs none.
    pub exempt_labels: Words,
    /// A pull request that changes at least so many lines is significant.
    pub significant_lines: u64,
}

impl Default for DocumentationRules {
    fn default() -> Self {
        let mut paths = GlobSetBuilder::new();
        for glob in ["docs/**", "doc/**", "**/*.md", "**/*.adoc", "**/*.rst"] {
            if let Ok(glob) = Glob::new(glob) {
                paths.add(glob);
            }
        }
        Self {
            paths: paths.build().unwrap_or_default(),
            exempt_labels: words(&["no-docs", "no-docs-needed", "docs-not-needed"]),
            significant_lines: 100,
        }
    }
}

/// One item of the checklist of operational readiness.
#[derive(Debug, Clone)]
pub struct ReadinessCheck {
    /// Its name: `runbook`.
    pub name: String,
    /// The tiers of services that it is asked of.
    pub tiers: BTreeSet<u8>,
    /// What makes it hold.
    pub rule: ReadinessRule,
}

/// What makes an item of the checklist hold.
#[derive(Debug, Clone)]
pub enum ReadinessRule {
    /// One of these files is in the repository.
    File(Vec<String>),
    /// An incident tool has the service with an escalation policy.
    EscalationPolicy,
    /// An alert rule whose label of this name matches the service's id or one of its names.
    AlertRule {
        /// The label.
        label: String,
        /// Where given, the rule's name must match as well.
        name: Option<Regex>,
    },
    /// Somebody reported that it holds: a row of the template `operational_readiness` with this name.
    Reported,
}

impl ReadinessCheck {
    /// The checklist that holds unless the configuration has its own.
    pub fn usual() -> Vec<Self> {
        let check = |name: &str, tiers: &[u8], rule| Self {
            name: name.to_owned(),
            tiers: tiers.iter().copied().collect(),
            rule,
        };
        let files = |paths: &[&str]| ReadinessRule::File(paths.iter().map(|path| (*path).to_owned()).collect());
        vec![
            check("runbook", &[1, 2, 3], files(&["RUNBOOK.md", "docs/runbook.md", "docs/RUNBOOK.md", "runbook.md"])),
            check("owners", &[1, 2, 3, 4], files(&["CODEOWNERS", ".github/CODEOWNERS", "docs/CODEOWNERS"])),
            check("on-call", &[1, 2], ReadinessRule::EscalationPolicy),
            check("alerts", &[1, 2, 3], ReadinessRule::AlertRule { label: "service".to_owned(), name: None }),
            check("dashboard", &[1, 2], ReadinessRule::Reported),
        ]
    }
}
