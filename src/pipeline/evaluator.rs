//! Keeps what is known up to date: a change of facts evaluates the parts of the organisation that it touches, and nothing
//! else. A full evaluation is the same with all parts touched.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _};

use super::cores;
use super::diagnosis::{findings, left_out_groups};
use super::due::{TICK_MS, longest_ago};
use super::evaluate::{Families, TeamScorecards, unmapped};
use super::evidence::{Evidence, EvidenceOfParts};
use super::packed::PackedTeam;
use super::part::{News, PartResult, Work, evaluate_one, first_midnight, weekly_of};
use super::plan::{Plan, Router};
use super::set_aside::{self, SetAside, Tried};
use super::snapshot::{EvaluationCost, Known, Snapshot, Unmapped};
use crate::attribution::{Attributed, Organisation, Services, Team};
use crate::facts::{FactFamily, Iteration, Moment, Sourced, TeamRepositories};
use crate::sources::Finding;
use crate::store::{ScopeKey, ScopeVersion, Selection, Store, StoreError};
use crate::trend::{Trend, Weekly, judged};

/// All scopes are looked at so often, and not only those that are noted as changed: another program that evaluates the
/// same store notes them as evaluated.
const LOOK_AT_ALL_EVERY: chrono::Duration = chrono::Duration::minutes(1);

/// A clock may be set back so far without a new evaluation of everything.
const CLOCK_ADJUSTMENT: chrono::Duration = chrono::Duration::hours(1);

/// So many parts are evaluated at once for time's sake: facts that come meanwhile do not wait for all others.
const DUE_AT_ONCE: usize = 200;

/// So long takes a part until one was measured.
const SECONDS_OF_A_PART: f64 = 0.05;

/// An update evaluates as many parts as take about so many seconds.
const LONGEST_UPDATE: f64 = 0.5;

/// What an organisation is evaluated by.
#[derive(Debug, Clone)]
pub struct EvaluationRules {
    /// The rules.
    pub organisation: Arc<Organisation>,
    /// The families of facts that the sources yield.
    pub families: Arc<Families>,
    /// The scorecards as each team has them.
    pub scorecards: Arc<TeamScorecards>,
}

/// What an update did.
#[derive(Debug)]
pub struct Updated {
    /// What is known now.
    pub known: Arc<Known>,
    /// How many parts of the organisation were evaluated.
    pub parts: usize,
    /// How many of those because their facts have changed; the others because time has passed.
    pub changes: usize,
    /// The teams that were evaluated, by slug.
    pub teams: Vec<String>,
}

/// Evaluates what has changed. It is made without reading anything; the first update evaluates all.
#[derive(Debug)]
pub struct Evaluator {
    store: Store,
    rules: EvaluationRules,
    evidence: Arc<EvidenceOfParts>,
    /// What came of each part.
    results: Vec<Option<PartResult>>,
    /// The parts that have changed and are not evaluated yet.
    touched: BTreeSet<usize>,
    /// The parts whose last evaluation failed.
    set_aside: SetAside,
    /// The versions of scopes that were looked at.
    seen: HashMap<Arc<ScopeKey>, i64>,
    looked_at_all: Option<Moment>,
    trends: Arc<[Trend]>,
    /// What is told of all parts together: what was left out, and what rules and facts say of each other.
    unmapped: Vec<Unmapped>,
    findings: Arc<[Finding]>,
    /// When what is known was last told.
    told_at: Option<Moment>,
    /// How long the last update took for each part that it evaluated.
    seconds_of_a_part: Option<f64>,
    /// The teams of what was taken over, by slug, until all parts are evaluated.
    inherited: Option<BTreeMap<String, Arc<PackedTeam>>>,
    /// The versions of scopes that were looked at and are not noted in the store yet.
    unnoted: HashMap<ScopeKey, i64>,
}

impl Evaluator {
    /// An evaluator of a store that keeps at most so many attributed facts in memory.
    pub fn new(store: Store, rules: EvaluationRules, kept_facts: usize) -> Self {
        let services = Arc::new(Services::resolve(rules.organisation.clone(), &[]));
        let plan = Plan::new(services);
        let results = plan.parts.all.iter().map(|_| None).collect();
        Self {
            evidence: Arc::new(EvidenceOfParts::new(store.clone(), plan, kept_facts)),
            store,
            rules,
            results,
            touched: BTreeSet::new(),
            set_aside: SetAside::default(),
            seen: HashMap::new(),
            looked_at_all: None,
            trends: Arc::new([]),
            unmapped: Vec::new(),
            findings: Arc::new([]),
            told_at: None,
            seconds_of_a_part: None,
            inherited: None,
            unnoted: HashMap::new(),
        }
    }

    /// Goes on from what was published: all of it holds but for what has changed since. Parts are evaluated anew all the same, a
    /// few at a time and after those that have changed; what is told of all of them together stays until the last is.
    pub fn take_over(&mut self, known: &Known) {
        let snapshot = &known.snapshot;
        self.inherited = Some(snapshot.teams.iter().map(|team| (team.id.clone(), team.clone())).collect());
        self.trends = snapshot.trends.clone();
        self.unmapped.clone_from(&snapshot.unmapped);
        self.findings = known.findings.clone();
        self.seconds_of_a_part = Some(SECONDS_OF_A_PART);
    }

    /// Evaluates what has changed since the last update, and what is due. `None` where nothing is, and what is known has
    /// been told lately.
    pub async fn update(&mut self, now: Moment) -> Result<Option<Updated>, StoreError> {
        let updated = self.update_at_most(usize::MAX, now).await?;
        self.note().await?;
        Ok(updated)
    }

    /// Notes in the store that all changes that this has seen are evaluated, if they are: to be called once what came of them is
    /// published, for whoever takes over goes by both.
    pub async fn note(&mut self) -> Result<(), StoreError> {
        if self.touched.is_empty() && !self.unnoted.is_empty() {
            let versions =
                self.unnoted.iter().map(|(key, version)| ScopeVersion { key: key.clone(), version: *version });
            self.store.note_evaluated(&versions.collect::<Vec<_>>()).await?;
            // With its memory: after a start it held all scopes.
            self.unnoted = HashMap::new();
        }
        Ok(())
    }

    /// The same of as many parts as take about half a second, those first that were not evaluated for longest: while a backfill
    /// keeps touching all others, a part that is touched once is evaluated at once. The first update evaluates all, unless
    /// something was taken over. Notes nothing.
    pub async fn update_some(&mut self, now: Moment) -> Result<Option<Updated>, StoreError> {
        let at_most = self.seconds_of_a_part.map_or(f64::MAX, |seconds| (LONGEST_UPDATE / seconds).max(1.0));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "beyond its range all is meant")]
        self.update_at_most(at_most as usize, now).await
    }

    async fn update_at_most(&mut self, at_most: usize, now: Moment) -> Result<Option<Updated>, StoreError> {
        let began = Instant::now();
        if self.told_at.is_some_and(|at| at > now + CLOCK_ADJUSTMENT) {
            // The clock has been set back: what was told is of a time that is still to come, and so is when it changes.
            self.told_at = None;
            self.look_at_all();
            self.touched.extend(0..self.results.len());
        }
        let looked_at = self.follow_changes(now).await?;
        self.unnoted.extend(looked_at.into_iter().map(|it| (it.key, it.version)));
        let (parts, changes) = self.wanted(at_most, now);
        let is_stale = self.told_at.is_none_or(|at| at.timestamp_millis() / TICK_MS < now.timestamp_millis() / TICK_MS);
        let teams = self.try_each(&parts, now).await.where_any()?;
        if !parts.is_empty() {
            self.seconds_of_a_part = Some(began.elapsed().as_secs_f64() / parts.len() as f64);
        }
        self.hold(now);
        if parts.is_empty() && !is_stale {
            return Ok(None);
        }
        self.told_at = Some(now);
        let cost = EvaluationCost { seconds: began.elapsed().as_secs_f64(), teams: teams.len() };
        Ok(Some(Updated { known: Arc::new(self.known(now, cost)), parts: parts.len(), changes, teams }))
    }

    /// The parts to evaluate now, and how many of them have changed.
    fn wanted(&self, at_most: usize, now: Moment) -> (BTreeSet<usize>, usize) {
        let is_ready = |part: &usize| !self.set_aside.rests(*part, now);
        let evaluated_at = |part: &usize| self.results[*part].as_ref().map(|result| result.as_of);
        let touched: BTreeSet<usize> = self.touched.iter().copied().filter(is_ready).collect();
        let mut parts = longest_ago(&touched, at_most, evaluated_at);
        let changes = parts.len();
        // One at least, however much keeps changing: what was taken over does not follow time.
        let not_yet = self.results.iter().enumerate().filter(|(_, result)| result.is_none()).map(|(part, _)| part);
        let not_yet: Vec<usize> = not_yet.filter(is_ready).filter(|part| !parts.contains(part)).collect();
        parts.extend(not_yet.into_iter().take(at_most.saturating_sub(changes).max(1)));
        let due = self
            .results
            .iter()
            .enumerate()
            .filter_map(|(part, result)| Some((result.as_ref()?.changes_at.filter(|at| *at <= now)?, part)));
        let mut due: Vec<(Moment, usize)> = due.filter(|(_, part)| is_ready(part)).collect();
        due.sort_unstable();
        parts.extend(due.into_iter().take(DUE_AT_ONCE).map(|(_, part)| part));
        (parts, changes)
    }

    /// Makes the next update look at all scopes: others may have noted changes as evaluated.
    pub fn look_at_all(&mut self) {
        self.looked_at_all = self.looked_at_all.map(|_| Moment::MIN_UTC);
    }

    /// What was known at a moment, by today's rules: what was open then is open. Goes by what is stored when it is asked first,
    /// and notes nothing in the store. What it takes to tell so is not history, and left out.
    pub async fn as_of(&mut self, moment: Moment) -> Result<Snapshot, StoreError> {
        if self.looked_at_all.is_none() {
            self.follow_changes(moment).await?;
        }
        self.try_each(&(0..self.results.len()).collect(), moment).await.where_all()?;
        Ok(self.known(moment, EvaluationCost::default()).snapshot)
    }

    /// What rules and facts say of each other, as of a moment. Evaluates everything, and notes nothing in the store.
    pub async fn findings(&mut self, as_of: Moment) -> Result<Vec<Finding>, StoreError> {
        self.follow_changes(as_of).await?;
        self.try_each(&self.touched.clone(), as_of).await.where_any()?;
        Ok(self.findings_and_failures().to_vec())
    }

    /// The attributed facts of one team, and perhaps of others, as of a moment; nothing else is loaded than its part.
    pub async fn attributed(&mut self, team: &str, as_of: Moment) -> Result<Arc<Attributed>, StoreError> {
        // Whoever only reads is told of nothing: others note what has changed as evaluated.
        self.looked_at_all = None;
        self.follow_changes(as_of).await?;
        self.evidence().of_team(team, as_of).await
    }

    /// The trends of all teams, each as of a moment of its own. They are corrected for one another, so none is told by itself; few
    /// parts are read at once.
    pub async fn trends(&mut self, now: Moment, as_of: impl Fn(&Team) -> Moment) -> Result<Vec<Trend>, StoreError> {
        self.follow_changes(now).await?;
        let mut wanted: BTreeMap<(usize, Moment), Vec<Team>> = BTreeMap::new();
        for (place, part) in self.evidence.plan().parts.all.iter().enumerate() {
            for team in part.teams.iter().filter_map(|team| self.rules.organisation.teams.get(team)) {
                wanted.entry((place, as_of(team))).or_default().push(team.clone());
            }
        }
        let jobs: Vec<_> = wanted
            .into_iter()
            .map(|((part, as_of), teams)| {
                let reading = self.evidence.plan().reading(part);
                weekly_of(self.store.clone(), self.work(as_of), part, reading, teams)
            })
            .collect();
        let compared: Vec<Vec<Weekly>> = on_all_cores(jobs).try_collect().await?;
        let mut weekly = compared.concat();
        weekly.sort_by(|one, other| one.team().cmp(other.team()));
        Ok(judged(&weekly.iter().collect::<Vec<_>>()))
    }

    /// The facts behind what this evaluates, by what it has seen change so far.
    pub fn evidence(&self) -> Evidence {
        Evidence::of_parts(self.evidence.clone())
    }

    fn work(&self, as_of: Moment) -> Work {
        let plan = self.evidence.plan();
        Work { rules: self.rules.clone(), services: plan.services.clone(), parts: plan.parts.clone(), as_of }
    }

    /// Finds out which parts are touched by what has changed. Returns the versions that were looked at.
    async fn follow_changes(&mut self, now: Moment) -> Result<Vec<ScopeVersion>, StoreError> {
        let mut looks_at_all = self.looked_at_all.is_none_or(|at| now - at >= LOOK_AT_ALL_EVERY);
        let mut versions = if looks_at_all { self.store.scopes().await? } else { self.store.changed_scopes().await? };
        let is_new = |it: &&ScopeVersion| self.seen.get(&it.key) != Some(&it.version);
        let looked_at: Vec<ScopeVersion> =
            if looks_at_all { versions.iter().filter(is_new).cloned().collect() } else { versions.clone() };
        let mut changed: Vec<ScopeKey> = versions.iter().filter(is_new).map(|it| it.key.clone()).collect();
        if changed.iter().any(|key| key.family == TeamRepositories::FAMILY) && self.divide_anew().await? {
            looks_at_all = true;
            versions = self.store.scopes().await?;
            changed = versions.iter().map(|it| it.key.clone()).collect();
        }
        let (services, parts) = {
            let plan = self.evidence.plan();
            (plan.services.clone(), plan.parts.clone())
        };
        let routes = Router { store: &self.store, services: &services, parts: &parts }.routes(&changed).await?;
        let known = self.known_scopes(&changed).await?;
        {
            let mut plan = self.evidence.plan_to_change();
            for (key, route) in routes {
                let is_known = known.contains(&key);
                let touched = plan.take(key, route);
                if !is_known {
                    self.touched.extend(touched);
                }
            }
        }
        self.touched.extend(self.parts_of_iterations(&changed).await?);
        if self.looked_at_all.is_none() && self.inherited.is_none() {
            self.touched.extend(0..self.results.len());
        }
        // From here on the parts that are touched are remembered, whatever fails.
        if looks_at_all {
            self.looked_at_all = Some(now);
            self.seen.clear();
        }
        {
            let plan = self.evidence.plan();
            self.seen.extend(versions.into_iter().map(|it| (plan.shared(it.key), it.version)));
        }
        Ok(looked_at)
    }

    /// The scopes whose facts are in what was taken over, when it is looked at first.
    async fn known_scopes(&self, scopes: &[ScopeKey]) -> Result<HashSet<ScopeKey>, StoreError> {
        if self.looked_at_all.is_some() || self.inherited.is_none() {
            return Ok(HashSet::new());
        }
        let changed: HashSet<ScopeKey> = self.store.changed_scopes().await?.into_iter().map(|it| it.key).collect();
        Ok(scopes.iter().filter(|key| !changed.contains(key)).cloned().collect())
    }

    /// Divides the organisation anew where its teams hold other repositories than before. Returns whether they do. What is known
    /// of teams stays until they are evaluated anew.
    async fn divide_anew(&mut self) -> Result<bool, StoreError> {
        let lists: Vec<Sourced<TeamRepositories>> = self.store.facts(&Selection::default()).await?;
        if self.evidence.plan().services.are_of(&lists) {
            return Ok(false);
        }
        let plan = Plan::new(Arc::new(Services::resolve(self.rules.organisation.clone(), &lists)));
        // What was taken over was divided so already.
        let is_known = self.looked_at_all.is_none() && self.inherited.is_some();
        let mut teams = self.inherited.take().unwrap_or_default();
        let evaluated = self.results.iter().flatten().flat_map(|result| &result.teams);
        teams.extend(evaluated.map(|team| (team.id.clone(), team.clone())));
        self.inherited = (!teams.is_empty()).then_some(teams);
        self.results = plan.parts.all.iter().map(|_| None).collect();
        self.touched = if is_known { BTreeSet::new() } else { (0..self.results.len()).collect() };
        *self.evidence.plan_to_change() = plan;
        self.evidence.forget();
        self.set_aside.clear();
        // No scope has its way to a part yet: should the store fail before they have, the next look begins with all.
        self.seen.clear();
        self.look_at_all();
        Ok(true)
    }

    /// The parts that have items in iterations that have changed.
    async fn parts_of_iterations(&self, changed: &[ScopeKey]) -> Result<Vec<usize>, StoreError> {
        let boards: BTreeSet<String> =
            changed.iter().filter(|key| key.family == Iteration::FAMILY).map(|key| key.scope.clone()).collect();
        if boards.is_empty() {
            return Ok(Vec::new());
        }
        let iterations = self.store.facts_in::<Iteration>(&boards.into_iter().collect::<Vec<_>>(), None).await?;
        let ids: BTreeSet<(String, String)> = iterations.into_iter().map(|it| (it.source, it.fact.id)).collect();
        let has_one = |(_, result): &(usize, &Option<PartResult>)| {
            result.as_ref().is_some_and(|result| !result.iterations.is_disjoint(&ids))
        };
        Ok(self.results.iter().enumerate().filter(has_one).map(|(part, _)| part).collect())
    }

    /// Evaluates parts, each loaded by itself, a few at once. Those that fail are set aside.
    async fn try_each(&mut self, wanted: &BTreeSet<usize>, now: Moment) -> Tried {
        let work = self.work(now);
        let jobs: Vec<_> = wanted
            .iter()
            .map(|part| {
                let known = self.results[*part].as_ref().map(|result| result.weekly.clone()).unwrap_or_default();
                let job = evaluate_one(self.store.clone(), self.evidence.clone(), work.clone(), *part, known);
                let part = *part;
                async move { Ok((part, job.await)) }
            })
            .collect();
        let mut evaluated = on_all_cores(jobs);
        let (mut tried, mut news, mut failures) = (Tried::default(), News::default(), Vec::new());
        while let Some(done) = evaluated.next().await {
            match done {
                Ok((part, Ok(result))) => {
                    tried.any = true;
                    tried.teams.extend(result.teams.iter().map(|team| team.id.clone()));
                    news.add(self.results[part].as_ref(), &result);
                    self.results[part] = Some(result);
                    self.touched.remove(&part);
                    self.set_aside.succeeded(part);
                }
                Ok((part, Err(error))) => {
                    self.set_aside.failed(part, &error, now);
                    failures.push(error);
                }
                Err(error) => failures.push(error),
            }
            if failures.len() >= set_aside::MOST_AT_ONCE {
                break;
            }
        }
        drop(evaluated);
        self.tell_of_all(&news);
        tried.teams.sort();
        tried.failure = failures.into_iter().next();
        tried
    }

    /// What is told of all parts together, once each was evaluated or has failed.
    fn tell_of_all(&mut self, news: &News) {
        let is_told = |(part, result): (usize, &Option<PartResult>)| result.is_some() || self.set_aside.holds(part);
        if !self.results.iter().enumerate().all(is_told) {
            return;
        }
        let is_first = self.inherited.is_some();
        if self.set_aside.is_empty() {
            self.inherited = None;
        }
        if news.weeks_changed || is_first {
            let weekly = self.by_team().into_values().flat_map(|(_, weekly)| weekly);
            self.trends = judged(&weekly.map(AsRef::as_ref).collect::<Vec<_>>()).into();
        }
        if news.diagnosis_changed || is_first {
            let diagnoses = || self.results.iter().flatten().map(|result| &result.diagnosis);
            self.unmapped = unmapped(left_out_groups(diagnoses()));
            self.findings = findings(&self.rules.organisation, diagnoses()).into();
        }
    }

    /// Says of teams whose day is over, and whose numbers nothing has changed, that they hold.
    fn hold(&mut self, now: Moment) {
        let is_over = |result: &&mut PartResult| {
            result.midnight.is_some_and(|at| at <= now) && result.changes_at.is_none_or(|at| at > now)
        };
        for result in self.results.iter_mut().flatten().filter(is_over) {
            for team in &mut result.teams {
                *team = Arc::new(team.holding_at(now));
            }
            result.midnight = first_midnight(&self.rules.organisation, &result.teams, now);
        }
    }

    /// The teams with their series, by slug.
    fn by_team(&self) -> BTreeMap<&str, (&Arc<PackedTeam>, Vec<&Arc<Weekly>>)> {
        let mut teams: BTreeMap<&str, (&Arc<PackedTeam>, Vec<&Arc<Weekly>>)> = BTreeMap::new();
        for result in self.results.iter().flatten() {
            teams.extend(result.teams.iter().map(|team| (team.id.as_str(), (team, Vec::new()))));
            for (_, weekly) in &result.weekly {
                if let Some((_, series)) = teams.get_mut(weekly.team()) {
                    series.push(weekly);
                }
            }
        }
        teams
    }

    /// What rules and facts say of each other, after what could not be evaluated.
    fn findings_and_failures(&self) -> Arc<[Finding]> {
        if self.set_aside.is_empty() {
            return self.findings.clone();
        }
        let failures = self.set_aside.findings(&self.evidence.plan().parts.all);
        failures.into_iter().chain(self.findings.iter().cloned()).collect()
    }

    fn known(&self, now: Moment, cost: EvaluationCost) -> Known {
        let mut teams: Vec<Arc<PackedTeam>> =
            self.results.iter().flatten().flat_map(|result| result.teams.iter().cloned()).collect();
        if let Some(inherited) = &self.inherited {
            let evaluated: HashSet<String> = teams.iter().map(|team| team.id.clone()).collect();
            teams.extend(inherited.values().filter(|team| !evaluated.contains(&team.id)).cloned());
        }
        teams.sort_by(|one, other| one.id.cmp(&other.id));
        let snapshot =
            Snapshot { as_of: now, teams, trends: self.trends.clone(), unmapped: self.unmapped.clone(), cost };
        let findings = self.findings_and_failures();
        Known { snapshot, evidence: Evidence::of_parts(self.evidence.clone()), findings }
    }
}

/// Works on parts, each in a task of its own so that reading takes part in using all cores: one more at once than there are, for
/// while some wait for the store.
fn on_all_cores<Outcome, Job>(jobs: Vec<Job>) -> impl Stream<Item = Result<Outcome, StoreError>>
where
    Outcome: Send + 'static,
    Job: Future<Output = Result<Outcome, StoreError>> + Send + 'static,
{
    let in_tasks =
        jobs.into_iter().map(|job| async { tokio::spawn(job).await.map_err(|_| StoreError::interrupted())? });
    futures_util::stream::iter(in_tasks).buffer_unordered(cores() + 1)
}
