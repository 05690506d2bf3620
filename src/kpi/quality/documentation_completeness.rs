//! Documentation of significant changes.

use crate::kpi::review::is_by_bot;
use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "documentation_completeness",
    title: "Documentation completeness",
    unit: Unit::Ratio,
    direction: Direction::Higher,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How many significant changes come with their documentation.",
    definition: "Merged pull requests that add and delete at least significant_lines lines (100 unless given): the share that \
                 changes a documentation file (paths of [documentation]) or has a label that says why it needs none. Pull \
                 requests of bots are left out, and so are those whose files are unknown.",
    reference: "DORA, documentation quality: documentation that is updated with the change.",
    needs: &[Need::PullRequests],
    minimum_observations: 5,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let rules = &facts.organisation.documentation;
    let observations = facts.pull_requests.iter().filter_map(|item| {
        let fact = &item.pull_request;
        let merged_at = fact.merged_at?;
        let significant = fact.additions + fact.deletions >= rules.significant_lines && !is_by_bot(fact);
        let paths = fact.paths.as_ref().filter(|_| significant)?;
        let exempt = fact.labels.iter().any(|label| rules.exempt_labels.contains(&label.to_lowercase()));
        let documented = paths.iter().any(|path| rules.paths.is_match(path));
        let detail = match (documented, exempt) {
            (true, _) => "changes documentation",
            (false, true) => "a label says why it needs none",
            (false, false) => "no documentation",
        };
        Some(Observation::case(merged_at, documented || exempt, evidence::pull_request(item, detail)))
    });
    Observed { observations: observations.collect(), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, merged_pull_request, value};

    #[test]
    fn large_changes_need_documentation_or_a_reason() {
        // Three significant pull requests: one with documentation, one with a reason, one with neither: 2/3.
        let merged = |number, lines, paths: &[&str], label: Option<&str>| {
            let mut item = merged_pull_request(number, "2026-10-05T10:00:00Z", "2026-10-05T18:00:00Z");
            item.pull_request.additions = lines;
            item.pull_request.paths = Some(paths.iter().map(|path| (*path).to_owned()).collect());
            item.pull_request.labels.extend(label.map(str::to_owned));
            item
        };
        let world = World::default()
            .pull_request(merged(1, 150, &["src/a.rs", "docs/a.md"], None))
            .pull_request(merged(2, 150, &["src/a.rs"], Some("No-Docs")))
            .pull_request(merged(3, 150, &["src/a.rs"], None))
            .pull_request(merged(4, 20, &["src/a.rs"], None));
        let share = value(&world.outcome(&KPI, at("2026-10-10T00:00:00Z")), Statistic::Share);
        assert!((share - 2.0 / 3.0).abs() < 1e-12);
    }
}
