//! Freshness of dependencies.

use crate::facts::PullRequest;
use crate::kpi::{
    Direction, ExclusionReason, Kpi, Need, Observation, Observed, OpenItem, Parts, Protection, Shape, Statistic,
    TeamFacts, Unit, evidence,
};

/// See the fields.
pub(in crate::kpi) const KPI: Kpi = Kpi {
    id: "dependency_freshness",
    title: "Dependency freshness",
    unit: Unit::Seconds,
    direction: Direction::Lower,
    shape: Shape::Duration,
    headline: Statistic::P50,
    meaning: "How long updates of dependencies wait to be merged.",
    definition: "Pull requests of Dependabot and Renovate (known by their branches dependabot/… and renovate/…, or by a bot \
                 as author and the label dependencies): opened until merged. Closed unmerged ones are left out, because a \
                 newer update replaces them; open ones are shown with their age and count as censored.",
    reference: "libyear and the update metrics of Dependabot and Renovate.",
    needs: &[Need::PullRequests],
    minimum_observations: 3,
    protection: Protection::None,
    revision: 1,
    parts: Parts::Whole,
    observe,
};

fn observe(facts: &TeamFacts<'_>) -> Observed {
    let mut observed = Observed::default();
    for item in facts.pull_requests.iter().filter(|item| updates_dependencies(&item.pull_request)) {
        let fact = &item.pull_request;
        let evidence = evidence::pull_request(item, "");
        match (fact.merged_at, fact.closed_at) {
            (Some(merged_at), _) => {
                observed.observations.push(Observation::lasting(fact.created_at, merged_at, evidence));
            }
            (None, Some(at)) => observed.left_out.push(ExclusionReason {
                at,
                reason: "closed without being merged: a newer update replaces it".to_owned(),
                evidence,
            }),
            (None, None) => observed.open.push(OpenItem {
                began_at: fact.created_at,
                age_seconds: (facts.as_of - fact.created_at).as_seconds_f64(),
                part: None,
                evidence,
            }),
        }
    }
    observed
}

fn updates_dependencies(fact: &PullRequest) -> bool {
    let by_branch = ["dependabot/", "renovate/"].iter().any(|prefix| fact.head_branch.starts_with(prefix));
    let labelled = fact.labels.iter().any(|label| label.eq_ignore_ascii_case("dependencies"));
    by_branch || (labelled && fact.author.as_ref().is_some_and(|author| author.bot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, merged_pull_request, value};

    #[test]
    fn updates_are_known_by_their_branches() {
        // 8 h and 24 h: median 16 h. The pull request of a person does not count, the closed one is left out.
        let merged = |number, branch: &str, merged_at: &str| {
            let mut item = merged_pull_request(number, "2026-10-05T10:00:00Z", merged_at);
            item.pull_request.head_branch = branch.to_owned();
            item
        };
        let mut replaced = merged(4, "dependabot/cargo/serde-1", "2026-10-06T10:00:00Z");
        replaced.pull_request.merged_at = None;
        let world = World::default()
            .pull_request(merged(1, "dependabot/cargo/serde-2", "2026-10-05T18:00:00Z"))
            .pull_request(merged(2, "renovate/tokio-1.x", "2026-10-06T10:00:00Z"))
            .pull_request(merged(3, "feature", "2026-10-09T10:00:00Z"))
            .pull_request(replaced);
        let as_of = at("2026-10-12T00:00:00Z");
        assert!((value(&world.outcome(&KPI, as_of), Statistic::P50) - 16.0 * 3600.0).abs() < 1e-9);
        assert_eq!(world.observed(&KPI, as_of).left_out.len(), 1);
    }
}
