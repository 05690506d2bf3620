//! Share of improvements.

use crate::attribution::{WorkClass, classes_of_words};
use crate::kpi::review::is_by_bot;
use crate::kpi::{
    Direction, Kpi, Need, Observation, Observed, Parts, Protection, Shape, Statistic, TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "improvement_share",
    title: "Improvement share",
    unit: Unit::Ratio,
    direction: Direction::Stable,
    shape: Shape::Proportion,
    headline: Statistic::Share,
    meaning: "How much of the team's work are improvements beyond features.",
    definition: "Merged pull requests, and beside them work items that are done: the share that a label or type marks as an \
                 improvement (improvement of [work_items]). Pull requests of bots are left out.",
    reference: "chiplog's own; a band keeps both too little and too much of it in sight.",
    needs: &[Need::PullRequests],
    minimum_observations: 10,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Alternatives { label: "measure", values: &["pull_requests", "work_items"] },
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let rules = &facts.organisation.work;
    let merged = facts.pull_requests.iter().filter(|item| !is_by_bot(&item.pull_request)).filter_map(|item| {
        let improves = classes_of_words(&item.pull_request.labels, rules).contains(&WorkClass::Improvement);
        let case =
            Observation::case(item.pull_request.merged_at?, improves, evidence::pull_request(item, word(improves)));
        Some(case.of_part("pull_requests"))
    });
    let done = facts.work_items.iter().filter_map(|item| {
        let improves = item.is(WorkClass::Improvement);
        Some(
            Observation::case(item.done_at?, improves, evidence::work_item(item, word(improves))).of_part("work_items"),
        )
    });
    Observed { observations: merged.chain(done).collect(), ..Observed::default() }
}

fn word(improves: bool) -> &'static str {
    if improves { "an improvement" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, merged_pull_request, value};

    #[test]
    fn a_label_makes_an_improvement_and_bots_do_not_count() {
        // One of two pull requests by people.
        let merged = |number, label: Option<&str>| {
            let mut item = merged_pull_request(number, "2026-10-05T10:00:00Z", "2026-10-05T18:00:00Z");
            item.pull_request.labels.extend(label.map(str::to_owned));
            item
        };
        let mut by_bot = merged(3, Some("Improvement"));
        by_bot.pull_request.author.as_mut().unwrap().bot = true;
        let world = World::default()
            .pull_request(merged(1, Some("Improvement")))
            .pull_request(merged(2, None))
            .pull_request(by_bot);
        assert!((value(&world.outcome(&KPI, at("2026-10-10T00:00:00Z")), Statistic::Share) - 0.5).abs() < 1e-12);
    }
}
