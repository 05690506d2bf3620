//! Whose work items, what kind of work they are, and when they began and were done.

use std::collections::{BTreeMap, BTreeSet};

use super::input::FactsInput;
use super::ownership::Services;
use super::rules::{Words, WorkRules};
use super::{LeftOut, Organisation};
use crate::facts::{FactFamily as _, Iteration, Moment, Sourced, WorkItem, WorkItemStage, WorkItemTransition};

/// What kind of work an item is. One item may be of several kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkClass {
    /// A bug.
    Bug,
    /// A bug that was found in production.
    ProductionBug,
    /// Reported by a customer.
    Customer,
    /// Of high impact.
    HighImpact,
    /// An improvement beyond features.
    Improvement,
    /// Technical debt or refactoring.
    Debt,
    /// Reliability work.
    Reliability,
}

/// A work item of a team.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamWorkItem {
    /// `source:external_id`.
    pub key: String,
    /// The team. `None` where none was found.
    pub team: Option<String>,
    /// The tracker's key and the title.
    pub title: String,
    /// Where people open it.
    pub url: Option<String>,
    /// What kind of work it is.
    pub classes: BTreeSet<WorkClass>,
    /// When it was created.
    pub created_at: Moment,
    /// When work on it first began. `None` if it never did, or the tracker does not tell.
    pub started_at: Option<Moment>,
    /// When it was first done.
    pub first_done_at: Option<Moment>,
    /// When it was last done. `None` while it is not done.
    pub done_at: Option<Moment>,
    /// When it was ended without being done. `None` unless it still is.
    pub dropped_at: Option<Moment>,
    /// When it was sent back from done.
    pub returned_at: Vec<Moment>,
    /// Story points.
    pub points: Option<f64>,
}

impl TeamWorkItem {
    /// Whether it is work of a kind.
    pub fn is(&self, class: WorkClass) -> bool {
        self.classes.contains(&class)
    }
}

/// One item of an iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedItem {
    /// The item's key.
    pub key: String,
    /// The tracker's key and the title.
    pub title: String,
    /// Where people open it.
    pub url: Option<String>,
    /// Story points.
    pub points: Option<f64>,
    /// Whether it was in the iteration when that began: committed; the others were added later.
    pub committed: bool,
    /// Whether it was still in the iteration when that ended.
    pub still_in: bool,
    /// Whether it was done at the end of the iteration.
    pub done: bool,
}

/// An iteration that has ended, with what was planned in it.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamIteration {
    /// The team.
    pub team: String,
    /// Its name.
    pub name: String,
    /// When it ended.
    pub ended_at: Moment,
    /// The team's items in it.
    pub items: Vec<PlannedItem>,
}

/// Work items, each with its team and its times.
pub(super) fn work_items(
    organisation: &Organisation,
    facts: &FactsInput,
    services: &Services,
    left_out: &mut Vec<LeftOut>,
) -> Vec<TeamWorkItem> {
    let items = facts.work_items.iter().map(|item| {
        let found = team_work_item(item, team_of(&item.fact, services), &organisation.work);
        if found.team.is_none() {
            left_out.push(without_team(item, &found));
        }
        found
    });
    items.collect()
}

/// An item and the place of one of its stays in iterations.
type Member<'a> = (&'a Sourced<WorkItem>, usize);

/// Iterations that have ended, team by team: a board may serve several.
pub(super) fn iterations(
    organisation: &Organisation,
    facts: &FactsInput,
    services: &Services,
    as_of: Moment,
) -> Vec<TeamIteration> {
    let mut members: BTreeMap<(&str, &str), Vec<Member<'_>>> = BTreeMap::new();
    for item in &facts.work_items {
        for (place, membership) in item.fact.iterations.iter().enumerate() {
            members.entry((&item.source, &membership.iteration)).or_default().push((item, place));
        }
    }
    let mut found = Vec::new();
    for iteration in facts.iterations.iter().filter(|iteration| Iteration::ended_at(&iteration.fact) <= as_of) {
        let Some(members) = members.get(&(iteration.source.as_str(), iteration.fact.id.as_str())) else { continue };
        let mut by_team: BTreeMap<String, BTreeMap<String, PlannedItem>> = BTreeMap::new();
        for (item, place) in members {
            let Some(team) = team_of(&item.fact, services) else { continue };
            if let Some(planned) = planned(item, *place, &iteration.fact, &organisation.work) {
                let items = by_team.entry(team).or_default();
                // An item that was taken out and put back has several stays: it is committed if one of them was.
                let known = items.entry(planned.key.clone()).or_insert_with(|| planned.clone());
                known.committed |= planned.committed;
                known.still_in |= planned.still_in;
            }
        }
        for (team, items) in by_team {
            let name = iteration.fact.name.clone();
            let ended_at = Iteration::ended_at(&iteration.fact);
            found.push(TeamIteration { team, name, ended_at, items: items.into_values().collect() });
        }
    }
    found
}

/// The team that lists the project with one of the item's components, else the project, else the owner of the repository.
pub(super) fn team_of(item: &WorkItem, services: &Services) -> Option<String> {
    let by_component =
        item.components.iter().find_map(|component| services.listing(&format!("{}:{component}", item.project)));
    if let Some(team) = by_component.or_else(|| services.listing(&item.project)) {
        return Some(team.to_owned());
    }
    let mut of_repository = services.of_repository(&item.project);
    of_repository.find_map(|service| services.owner_at(service, item.created_at))
}

/// Where a status stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Within the flow, to its end.
    Flow(WorkItemStage),
    /// Ended without being done.
    Dropped,
}

/// Where a move leads: by the configuration's words, else as the tracker says.
fn standing(to: &WorkItemTransition, rules: &WorkRules) -> Option<Standing> {
    let status = to.status.to_lowercase();
    if rules.done.contains(&status) {
        return Some(Standing::Flow(WorkItemStage::Done));
    }
    if rules.in_progress.contains(&status) {
        return Some(Standing::Flow(WorkItemStage::InProgress));
    }
    if rules.dropped.contains(&status) {
        return Some(Standing::Dropped);
    }
    to.stage.map(Standing::Flow)
}

fn team_work_item(item: &Sourced<WorkItem>, team: Option<String>, rules: &WorkRules) -> TeamWorkItem {
    let fact = &item.fact;
    let (mut started_at, mut first_done_at, mut done_at, mut returned_at) = (None, None, None, Vec::new());
    let mut dropped_at = None;
    for transition in &fact.transitions {
        let at = Some(transition.at);
        match standing(transition, rules) {
            Some(Standing::Flow(WorkItemStage::Done)) => {
                first_done_at = first_done_at.or(at);
                done_at = done_at.or(at);
                dropped_at = None;
            }
            Some(Standing::Flow(stage)) => {
                if done_at.take().is_some() {
                    returned_at.push(transition.at);
                }
                if stage == WorkItemStage::InProgress {
                    started_at = started_at.or(at);
                }
                dropped_at = None;
            }
            Some(Standing::Dropped) => {
                // A tracker tells the status that ends an item first, and why it was ended beside it.
                first_done_at = first_done_at.filter(|first| Some(*first) != at);
                (done_at, dropped_at) = (None, dropped_at.or(at));
            }
            None => {}
        }
    }
    TeamWorkItem {
        key: format!("{}:{}", item.source, fact.external_id()),
        team,
        title: format!("{} {}", fact.id, fact.title),
        url: fact.url.clone(),
        classes: classes_of_words(&fact.words, rules),
        created_at: fact.created_at,
        started_at,
        first_done_at,
        done_at,
        dropped_at,
        returned_at,
        points: fact.points,
    }
}

/// The kinds of work that the words of a tracker mean; the labels of a pull request too.
pub fn classes_of_words(of: &[String], rules: &WorkRules) -> BTreeSet<WorkClass> {
    let has = |words: &Words| of.iter().any(|word| words.contains(&word.to_lowercase()));
    let bug = has(&rules.bug);
    let found = [
        (WorkClass::Bug, bug),
        (WorkClass::ProductionBug, bug && has(&rules.production_bug)),
        (WorkClass::Customer, has(&rules.customer)),
        (WorkClass::HighImpact, has(&rules.high_impact)),
        (WorkClass::Improvement, has(&rules.improvement)),
        (WorkClass::Debt, has(&rules.debt)),
        (WorkClass::Reliability, has(&rules.reliability)),
    ];
    found.into_iter().filter(|(_, holds)| *holds).map(|(class, _)| class).collect()
}

/// One stay of an item in an iteration. `None` where it was taken out before the iteration began, or put in after its end.
fn planned(item: &Sourced<WorkItem>, place: usize, iteration: &Iteration, rules: &WorkRules) -> Option<PlannedItem> {
    let fact = &item.fact;
    let membership = &fact.iterations[place];
    let ended_at = Iteration::ended_at(iteration);
    let (started_at, added_at) = (iteration.started_at, membership.added_at);
    if membership.removed_at.is_some_and(|at| at <= started_at) || added_at.is_some_and(|at| at >= ended_at) {
        return None;
    }
    let committed = added_at.is_none_or(|at| at <= started_at);
    let still_in = membership.removed_at.is_none_or(|at| at >= ended_at);
    if !committed && !still_in {
        return None;
    }
    let standing_at = |moment: Moment| {
        let known = fact.transitions.iter().filter(|transition| transition.at <= moment);
        known.filter_map(|transition| standing(transition, rules)).next_back()
    };
    let done = Some(Standing::Flow(WorkItemStage::Done));
    // What had ended before the iteration began was not planned for it.
    let had_ended = [done, Some(Standing::Dropped)].contains(&standing_at(started_at));
    (!had_ended).then(|| PlannedItem {
        key: format!("{}:{}", item.source, fact.external_id()),
        title: format!("{} {}", fact.id, fact.title),
        url: fact.url.clone(),
        points: fact.points,
        committed,
        still_in,
        done: standing_at(ended_at) == done,
    })
}

fn without_team(item: &Sourced<WorkItem>, found: &TeamWorkItem) -> LeftOut {
    LeftOut {
        kind: "work_item",
        reason: "no_team",
        team: None,
        key: found.key.clone(),
        explanation: format!(
            "no team has the project \"{0}\": write work_items = [\"{0}\"] into the table of the team that it belongs to",
            item.fact.project
        ),
        url: found.url.clone(),
        at: item.fact.created_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::IterationMembership;

    fn at(day: u32) -> Moment {
        format!("2026-10-{day:02}T12:00:00Z").parse().unwrap()
    }

    fn item(transitions: &[(u32, &str)]) -> Sourced<WorkItem> {
        let moves = transitions.iter().map(|(day, status)| WorkItemTransition {
            at: at(*day),
            status: (*status).to_owned(),
            stage: None,
        });
        let fact = WorkItem {
            id: "PAY-7".to_owned(),
            project: "PAY".to_owned(),
            components: Vec::new(),
            words: vec!["Bug".to_owned(), "Production".to_owned()],
            title: "Refunds fail".to_owned(),
            created_at: at(1),
            transitions: moves.collect(),
            iterations: Vec::new(),
            points: None,
            updated_at: at(1),
            url: None,
        };
        Sourced { source: "jira".to_owned(), fact }
    }

    #[test]
    fn work_begins_once_is_done_and_sent_back() {
        let item = item(&[(2, "In Progress"), (3, "Done"), (5, "In Progress"), (8, "Done")]);
        let found = team_work_item(&item, None, &WorkRules::default());
        assert_eq!(
            (found.started_at, found.first_done_at, found.done_at, found.returned_at),
            (Some(at(2)), Some(at(3)), Some(at(8)), vec![at(5)])
        );
        assert!(found.classes.contains(&WorkClass::Bug) && found.classes.contains(&WorkClass::ProductionBug));
    }

    #[test]
    fn what_is_ended_without_being_done_is_not_done() {
        let ended = |moves: &[(u32, &str)]| {
            let found = team_work_item(&item(moves), None, &WorkRules::default());
            (found.first_done_at, found.done_at, found.dropped_at, found.returned_at)
        };
        assert_eq!(ended(&[(2, "In Progress"), (3, "closed as not planned")]), (None, None, Some(at(3)), vec![]));
        // Jira moves it to Done and says why.
        assert_eq!(ended(&[(3, "Done"), (3, "Won't Do")]), (None, None, Some(at(3)), vec![]));
        // Taken up again, and done.
        let again = [(3, "Done"), (3, "Duplicate"), (4, "In Progress"), (6, "Done")];
        assert_eq!(ended(&again), (Some(at(6)), Some(at(6)), None, vec![]));
        // Done once, sent back, and given up.
        let given_up = [(3, "Done"), (4, "In Progress"), (6, "Cancelled")];
        assert_eq!(ended(&given_up), (Some(at(3)), None, Some(at(6)), vec![at(4)]));
    }

    #[test]
    fn the_configured_words_win_over_what_the_tracker_says() {
        let mut item = item(&[(2, "Released")]);
        item.fact.transitions[0].stage = Some(WorkItemStage::InProgress);
        let mut rules = WorkRules::default();
        assert_eq!(team_work_item(&item, None, &rules).done_at, None);
        rules.done.insert("released".to_owned());
        assert_eq!(team_work_item(&item, None, &rules).done_at, Some(at(2)));
    }

    #[test]
    fn what_was_in_the_iteration_when_it_began_is_committed() {
        let iteration = Iteration {
            id: "41".to_owned(),
            board: "PAY".to_owned(),
            name: "Sprint 41".to_owned(),
            started_at: at(5),
            ends_at: at(19),
            closed_at: None,
            updated_at: at(19),
            url: None,
        };
        let stay = |added: Option<u32>, removed: Option<u32>, moves: &[(u32, &str)]| {
            let mut item = item(moves);
            let (added_at, removed_at) = (added.map(at), removed.map(at));
            item.fact.iterations = vec![IterationMembership { iteration: "41".to_owned(), added_at, removed_at }];
            planned(&item, 0, &iteration, &WorkRules::default()).map(|planned| (planned.committed, planned.done))
        };
        assert_eq!(stay(Some(2), None, &[(10, "Done")]), Some((true, true)));
        assert_eq!(stay(Some(2), None, &[(10, "Rejected")]), Some((true, false)));
        assert_eq!(stay(Some(2), None, &[(4, "Rejected")]), None);
        assert_eq!(stay(Some(2), None, &[(25, "Done")]), Some((true, false)), "done after the end is not done in it");
        assert_eq!(stay(Some(8), None, &[(10, "Done")]), Some((false, true)), "added later");
        assert_eq!(stay(Some(2), Some(9), &[]), Some((true, false)), "committed and taken out again");
        assert_eq!(stay(Some(2), Some(4), &[]), None, "taken out before it began");
        assert_eq!(stay(Some(2), None, &[(3, "Done")]), None, "done before it began");
        assert_eq!(stay(Some(2), None, &[(10, "Done"), (12, "Reopened"), (13, "In Progress")]), Some((true, false)));
    }
}
