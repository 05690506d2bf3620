//! The tables of work items, security, documentation, readiness and privacy, as rules.

use super::organisation::{Problem, glob_set, pattern, problem};
use super::sections::{DocumentationSection, PrivacySection, ReadinessSection, SecuritySection, WorkItemsSection};
use crate::attribution::{DocumentationRules, ReadinessCheck, ReadinessRule, SecurityRules, Words, WorkRules};

/// A list of the file replaces the usual one.
fn replace(words: &mut Words, given: Option<Vec<String>>) {
    if let Some(given) = given {
        *words = given.iter().map(|word| word.to_lowercase()).collect();
    }
}

pub(super) fn work(section: WorkItemsSection) -> WorkRules {
    let mut rules = WorkRules::default();
    replace(&mut rules.in_progress, section.in_progress);
    replace(&mut rules.done, section.done);
    replace(&mut rules.dropped, section.dropped);
    replace(&mut rules.bug, section.bug);
    replace(&mut rules.production_bug, section.production_bug);
    replace(&mut rules.customer, section.customer);
    replace(&mut rules.high_impact, section.high_impact);
    replace(&mut rules.improvement, section.improvement);
    replace(&mut rules.debt, section.debt);
    replace(&mut rules.reliability, section.reliability);
    rules
}

pub(super) fn security(section: &SecuritySection) -> SecurityRules {
    let mut rules = SecurityRules::default();
    let given = |duration: Option<std::time::Duration>| duration.and_then(|it| chrono::Duration::from_std(it).ok());
    rules.critical = given(section.fix_critical_within).unwrap_or(rules.critical);
    rules.high = given(section.fix_high_within).unwrap_or(rules.high);
    rules
}

pub(super) fn documentation(section: DocumentationSection) -> Result<DocumentationRules, Problem> {
    let mut rules = DocumentationRules::default();
    if let Some(paths) = section.paths {
        rules.paths = glob_set("documentation.paths", &paths)?;
    }
    replace(&mut rules.exempt_labels, section.exempt_labels);
    rules.significant_lines = section.significant_lines.unwrap_or(rules.significant_lines);
    Ok(rules)
}

pub(super) fn minimum_group_size(section: &PrivacySection) -> Result<usize, Problem> {
    match section.minimum_group_size {
        None => Ok(5),
        Some(size) if size >= 3 => Ok(size),
        Some(size) => {
            let text = format!("{size} is too few to keep single answers apart: write 3 or more");
            Err(problem("privacy.minimum_group_size", text))
        }
    }
}

pub(super) fn readiness(sections: Vec<ReadinessSection>) -> Result<Vec<ReadinessCheck>, Problem> {
    if sections.is_empty() {
        return Ok(ReadinessCheck::usual());
    }
    sections.into_iter().map(check).collect()
}

fn check(section: ReadinessSection) -> Result<ReadinessCheck, Problem> {
    if section.name.is_empty() {
        return Err(problem("readiness", "name is missing: write for example name = \"runbook\""));
    }
    let alert_rule = match (section.alert_rule_label, section.alert_rule_name) {
        (Some(label), name) => {
            let name = name.map(|name| pattern("readiness", &name)).transpose()?;
            Some(ReadinessRule::AlertRule { label, name })
        }
        (None, Some(_)) => {
            return Err(problem(
                "readiness",
                "alert_rule_name goes with alert_rule_label, the label that names the service",
            ));
        }
        (None, None) => None,
    };
    let rules = [
        section.file.map(ReadinessRule::File),
        section.escalation_policy.then_some(ReadinessRule::EscalationPolicy),
        alert_rule,
        section.reported.then_some(ReadinessRule::Reported),
    ];
    let mut rules = rules.into_iter().flatten();
    match (rules.next(), rules.next()) {
        (Some(rule), None) => {
            Ok(ReadinessCheck { name: section.name, tiers: section.tiers.unwrap_or_else(|| [1, 2, 3, 4].into()), rule })
        }
        _ => Err(problem(
            "readiness",
            format!(
                "\"{}\" needs exactly one of file, escalation_policy = true, alert_rule_label and reported = true",
                section.name
            ),
        )),
    }
}
