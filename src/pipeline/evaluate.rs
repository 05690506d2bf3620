//! From facts to a snapshot: attribution, then every KPI of every team over every window. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;

use super::diagnosis::{LeftOutGroups, left_out_of};
use super::due::changes_at;
use super::packed::PackedTeam;
use super::snapshot::{EvaluationCost, KpiSnapshot, Snapshot, TeamSnapshot, Unmapped};
use crate::attribution::{Attributed, DeploymentRule, Organisation, Team};
use crate::facts::{
    CiRun, Commit, CoverageReport, Deployment, FactFamily, Incident, Iteration, Moment, PullRequest, Release,
    SecurityAlert, Tag, TestReport, WorkItem,
};
use crate::kpi::{CATALOGUE, Kpi, Need, Observed, Supply, TeamFacts, Window, assess, find};
use crate::report::scorecard::{Scorecard, ScorecardStatus, standing};
use crate::report::timeline;
use crate::trend::{ALERTABLE, Series, series_of, trends};

/// The families of facts that the configured sources yield, by [`FactFamily::FAMILY`].
pub type Families = BTreeSet<&'static str>;

/// The scorecards as each team has them, by its slug.
pub type TeamScorecards = BTreeMap<String, Arc<[Scorecard]>>;

/// Evaluates every KPI and every scorecard of every team, as of a moment.
pub fn evaluate(
    organisation: &Organisation,
    attributed: &Attributed,
    families: &Families,
    scorecards: &TeamScorecards,
    as_of: Moment,
) -> Snapshot {
    let rules = Rules { families, scorecards };
    let teams = organisation.teams.values().map(|team| evaluate_team(organisation, attributed, &rules, team, as_of));
    let (teams, weekly): (Vec<_>, Vec<_>) =
        teams.map(|team| (Arc::new(PackedTeam::of(&team.snapshot)), team.weekly)).unzip();
    Snapshot {
        as_of,
        teams,
        trends: trends(&weekly.concat()).into(),
        unmapped: unmapped(left_out_of(&attributed.left_out)),
        cost: EvaluationCost::default(),
    }
}

/// What was left out, as it is told.
pub(super) fn unmapped(groups: LeftOutGroups) -> Vec<Unmapped> {
    let told = groups.into_iter().map(|((kind, reason), group)| Unmapped {
        kind: kind.into(),
        reason: reason.into(),
        count: group.count,
        example: group.first.explanation,
    });
    told.collect()
}

/// What teams are evaluated by, beside the rules of their organisation.
pub(super) struct Rules<'a> {
    pub(super) families: &'a Families,
    pub(super) scorecards: &'a TeamScorecards,
}

/// One team, evaluated by itself.
pub(super) struct TeamEvaluation {
    pub(super) snapshot: TeamSnapshot,
    /// The series whose trends are told.
    pub(super) weekly: Vec<Series>,
    /// When its numbers change next although no fact does.
    pub(super) changes_at: Option<Moment>,
}

pub(super) fn evaluate_team(
    organisation: &Organisation,
    attributed: &Attributed,
    rules: &Rules<'_>,
    team: &Team,
    as_of: Moment,
) -> TeamEvaluation {
    let facts = team_facts(organisation, attributed, rules.families, team, as_of);
    let observed = observe(&facts);
    let cards = rules.scorecards.get(&team.id).map_or(&[][..], AsRef::as_ref);
    TeamEvaluation {
        weekly: weekly_series(&facts, &observed),
        changes_at: changes_at(&facts, &observed, cards),
        snapshot: TeamSnapshot {
            id: team.id.clone(),
            name: team.name.clone(),
            as_of,
            services: services(&facts),
            kpis: CATALOGUE.iter().map(|kpi| kpi_snapshot(kpi, &observed[kpi.id], &facts)).collect(),
            timeline: timeline(&facts, &Window::Days84.span(as_of)),
            scorecards: standing(cards, &facts, &observed),
            last_deployment_at: facts.deployments.iter().filter_map(|it| it.finished_at).max(),
            last_incident_at: facts.incidents.iter().map(|it| it.began_at).max(),
        },
    }
}

/// The series of a team whose trends are told, as of a moment: those of all teams are corrected for one another.
pub(super) fn series_of_team(
    organisation: &Organisation,
    attributed: &Attributed,
    families: &Families,
    team: &Team,
    as_of: Moment,
) -> Vec<Series> {
    let facts = team_facts(organisation, attributed, families, team, as_of);
    let observed = ALERTABLE.iter().filter_map(|id| find(id)).map(|kpi| (kpi.id, (kpi.observe)(&facts)));
    weekly_series(&facts, &observed.collect())
}

fn weekly_series(facts: &TeamFacts<'_>, observed: &BTreeMap<&'static str, Observed>) -> Vec<Series> {
    let kpis = ALERTABLE.iter().filter_map(|id| find(id));
    let configured = kpis.filter(|kpi| kpi.needs.iter().all(|need| facts.supply.contains(need)));
    let remapped = remapped_on(facts);
    let made =
        configured.filter_map(|kpi| series_of(kpi, observed.get(kpi.id)?, facts.team, facts.calendar, facts.as_of));
    made.map(|series| series.since(remapped).closed()).collect()
}

/// The last day on which the team took over or gave away a service: what it had before is another team's work.
fn remapped_on(facts: &TeamFacts<'_>) -> Option<NaiveDate> {
    let today = facts.calendar.day(facts.as_of);
    let own = facts.organisation.services.values().flat_map(|service| &service.owners);
    let days = own.filter(|owner| owner.team == facts.team).flat_map(|owner| [owner.from, owner.until]);
    days.flatten().filter(|day| *day <= today).max()
}

/// How one team stands in its scorecards.
pub fn team_scorecards(facts: &TeamFacts<'_>, cards: &[Scorecard]) -> Vec<ScorecardStatus> {
    standing(cards, facts, &observe(facts))
}

pub(super) fn observe(facts: &TeamFacts<'_>) -> BTreeMap<&'static str, Observed> {
    CATALOGUE.iter().map(|kpi| (kpi.id, (kpi.observe)(facts))).collect()
}

/// The facts of one team, with what the configured sources supply for it.
pub fn team_facts<'a>(
    organisation: &'a Organisation,
    attributed: &'a Attributed,
    families: &Families,
    team: &'a Team,
    as_of: Moment,
) -> TeamFacts<'a> {
    let mut facts = TeamFacts::of(organisation, attributed, &team.id, &team.calendar, Supply::new(), as_of);
    facts.supply = supply(&facts, families);
    facts
}

/// What is supplied for a team. Deployments are, when a rule of one of its services says what counts, or when `auto`
/// has found something; the rest follows from the sources.
fn supply(facts: &TeamFacts<'_>, families: &Families) -> Supply {
    let yields = |family: &str| families.contains(family);
    let mut supply = Supply::new();
    let ruled = facts.organisation.services.values().any(|service| {
        service.owners.iter().any(|owner| owner.team == facts.team)
            && !matches!(*service.deployments, DeploymentRule::Auto)
    });
    let seen = !facts.deployments.is_empty();
    if [Deployment::FAMILY, Release::FAMILY, Tag::FAMILY].into_iter().any(yields) && (ruled || seen) {
        supply.insert(Need::Deployments);
    }
    if yields(Commit::FAMILY) {
        supply.insert(Need::Commits);
    }
    if yields(PullRequest::FAMILY) {
        supply.insert(Need::PullRequests);
    }
    if yields(Incident::FAMILY) {
        supply.insert(Need::Incidents);
    }
    let by_family = [
        (WorkItem::FAMILY, Need::WorkItems),
        (Iteration::FAMILY, Need::Iterations),
        (CiRun::FAMILY, Need::CiRuns),
        (CiRun::FAMILY, Need::TestOutcomes),
        (TestReport::FAMILY, Need::TestOutcomes),
        (CoverageReport::FAMILY, Need::Coverage),
        (SecurityAlert::FAMILY, Need::SecurityAlerts),
    ];
    supply.extend(by_family.into_iter().filter(|(family, _)| yields(family)).map(|(_, need)| need));
    let measured: BTreeSet<&str> = facts.samples.iter().map(|sample| sample.measure.as_str()).collect();
    // Whoever reports anything of a kind, in whatever period, supplies it.
    let reported: BTreeSet<&str> = facts.reports.iter().map(|report| report.template.as_str()).collect();
    for need in CATALOGUE.iter().flat_map(|kpi| kpi.needs) {
        let supplied = match need {
            Need::Measured(measure) => measured.contains(measure) || reported.contains(measure),
            Need::Reported(template) => reported.contains(template),
            Need::Cost => (measured.contains("cost") && measured.contains("volume")) || reported.contains("unit_cost"),
            // Reports may be uploaded as well.
            Need::Coverage => reported.contains("test_coverage") || !facts.coverage.is_empty(),
            // A service is looked at when its repository is, or when somebody reports on it.
            Need::Readiness => !facts.readiness.is_empty(),
            _ => false,
        };
        if supplied {
            supply.insert(*need);
        }
    }
    supply
}

fn kpi_snapshot(kpi: &'static Kpi, observed: &Observed, facts: &TeamFacts<'_>) -> KpiSnapshot {
    let assessed = |window: &Window| (*window, assess(kpi, observed, &window.span(facts.as_of), facts));
    KpiSnapshot { kpi, windows: Window::ALL.iter().map(assessed).collect() }
}

fn services(facts: &TeamFacts<'_>) -> Vec<String> {
    let names: BTreeSet<&String> = facts.deployments.iter().map(|deployment| &deployment.service).collect();
    names.into_iter().cloned().collect()
}
