//! A synthetic organisation and its facts: the same for the same size, seed and moment. Shared by the benchmarks.

mod history;
mod operations;
mod organisation;

use std::collections::BTreeMap;

use chiplog::attribution::FactsInput;
use chiplog::facts::{Fact, FactFamily, Sourced};

pub(crate) use history::{all_facts, team_facts};
pub(crate) use organisation::{Addresses, assemble, config, project, repository, team_id};

/// How large the organisation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// So many teams.
    pub(crate) teams: usize,
    /// So many services of each team, three at most.
    pub(crate) services: usize,
    /// The history reaches back so many days.
    pub(crate) days: u64,
}

/// The facts as sources hand them over, by the name of the source.
pub(crate) fn by_source(facts: FactsInput) -> BTreeMap<String, Vec<Fact>> {
    fn add<F: FactFamily>(made: &mut BTreeMap<String, Vec<Fact>>, facts: Vec<Sourced<F>>, fact: fn(F) -> Fact) {
        for item in facts {
            made.entry(item.source).or_default().push(fact(item.fact));
        }
    }
    let mut made = BTreeMap::new();
    add(&mut made, facts.repositories, Fact::Repository);
    add(&mut made, facts.commits, Fact::Commit);
    add(&mut made, facts.pull_requests, Fact::PullRequest);
    add(&mut made, facts.deployments, Fact::Deployment);
    add(&mut made, facts.ci_runs, Fact::CiRun);
    add(&mut made, facts.incidents, Fact::Incident);
    add(&mut made, facts.work_items, Fact::WorkItem);
    add(&mut made, facts.iterations, Fact::Iteration);
    made
}
