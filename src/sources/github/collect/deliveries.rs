//! What webhooks point to, read again by the same queries and turned into the same facts as polling does. Facts only: the
//! cursors are the collection's.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::budget::Urgency;
use super::super::client::CallError;
use super::super::payload::{
    DeploymentNode, IssueNode, PullRequestNode, ReleaseNode, RepositoryNode, RunNode, TagNode,
};
use super::super::webhook::{Kept, KeptRepository, What};
use super::super::{GithubSource, convert, queries};
use super::listing::{self, Listing};
use super::probe::{self, PROBED_AT_ONCE, Target};
use super::repository::repository_fact;
use super::work_items::{is_incident, known, no_longer};
use super::{ask, changes, history, read_nodes, runs, security, state};
use crate::facts::{Batch, CiRun, Fact, FactFamily as _, Moment, Reject, SecurityAlert};
use crate::sources::shape;
use crate::sources::source::{BatchSink, SourceError};
use crate::sources::webhook::{StoredDelivery, Verdict};

/// Objects of one query. Pull requests carry most.
const PULL_REQUESTS_AT_ONCE: usize = 25;
const OTHERS_AT_ONCE: usize = 50;

/// What is to be read, each thing once however many deliveries point to it.
#[derive(Default)]
struct Work {
    pull_requests: BTreeMap<String, Named>,
    deployments: BTreeMap<String, Named>,
    issues: BTreeMap<String, (Named, Option<String>)>,
    tags: BTreeSet<(Named, String)>,
    pushed: BTreeSet<Named>,
    runs: BTreeMap<Named, Vec<Value>>,
    alerts: Vec<SecurityAlert>,
}

impl Work {
    /// Whether GitHub is to be asked for something.
    fn asks(&self) -> bool {
        !(self.pull_requests.is_empty()
            && self.deployments.is_empty()
            && self.issues.is_empty()
            && self.tags.is_empty()
            && self.pushed.is_empty())
    }
}

/// A repository by the name that GitHub has for it now, and by the one that facts have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    repository: KeptRepository,
    full_name: String,
}

impl Named {
    fn owner_and_name(&self) -> (&str, &str) {
        self.repository.full_name.split_once('/').unwrap_or_default()
    }
}

/// What has been read so far.
struct Reading<'a> {
    source: &'a GithubSource,
    sink: &'a dyn BatchSink,
    /// The repositories that are looked at, as the probe shows them.
    targets: BTreeMap<Named, Target>,
    /// Commits that must be known.
    heads: BTreeMap<Named, BTreeSet<String>>,
    batch: Batch,
}

/// Reads what deliveries point to. Of several credentials not each sees every owner, so owners are asked for one by one.
pub(in super::super) async fn process(
    source: &GithubSource,
    deliveries: &[StoredDelivery],
    sink: &dyn BatchSink,
) -> Result<Vec<Verdict>, SourceError> {
    if source.client.credentials() == 1 {
        return together(source, deliveries, sink).await;
    }
    let mut by_owner: BTreeMap<String, (String, Vec<usize>)> = BTreeMap::new();
    for (place, delivery) in deliveries.iter().enumerate() {
        let kept = serde_json::from_str::<Kept>(&delivery.body);
        let name = kept.map(|kept| kept.repository.full_name).unwrap_or_default();
        let owner = name.split_once('/').map(|(owner, _)| owner.to_owned()).unwrap_or_default();
        by_owner.entry(owner).or_insert_with(|| (name, Vec::new())).1.push(place);
    }
    let mut verdicts: BTreeMap<usize, Verdict> = BTreeMap::new();
    for (repository, places) in by_owner.into_values() {
        let of_owner: Vec<StoredDelivery> = places.iter().map(|place| deliveries[*place].clone()).collect();
        let asking = source.asking(Urgency::Fresh, Some(&repository));
        let judged = match together(&asking, &of_owner, sink).await {
            // Another owner may have a credential with a budget left.
            Err(SourceError::RateLimited { message, retry_at }) => {
                vec![Verdict::Later { why: message, not_before: Some(retry_at) }; places.len()]
            }
            judged => judged?,
        };
        verdicts.extend(places.into_iter().zip(judged));
    }
    Ok(verdicts.into_values().collect())
}

async fn together(
    source: &GithubSource,
    deliveries: &[StoredDelivery],
    sink: &dyn BatchSink,
) -> Result<Vec<Verdict>, SourceError> {
    let listing: Option<Listing> = state(sink, listing::CURSOR).await?;
    let mut work = Work::default();
    let verdicts = deliveries.iter().map(|delivery| note(source, listing.as_ref(), delivery, &mut work)).collect();
    let needed = work.tags.iter().map(|(named, _)| named).chain(&work.pushed).chain(work.deployments.values());
    if work.asks() {
        source.pace.note((source.context.now)());
    }
    let targets = targets(source, &needed.cloned().collect()).await?;
    let mut reading = Reading { source, sink, targets, heads: BTreeMap::new(), batch: Batch::default() };
    reading.batch.facts.extend(std::mem::take(&mut work.alerts).into_iter().map(Fact::SecurityAlert));
    for (named, records) in std::mem::take(&mut work.runs) {
        let records = without_outdated(sink, &named.full_name, records).await?;
        let read = runs::batch(source, named.owner_and_name(), &named.full_name, records).await?;
        reading.batch.facts.extend(read.facts);
        reading.batch.rejects.extend(read.rejects);
    }
    reading.objects(&mut work).await?;
    reading.tags(&work.tags).await?;
    sink.accept(std::mem::take(&mut reading.batch)).await?;
    reading.commits(&work.pushed).await?;
    Ok(verdicts)
}

/// Notes what a delivery points to.
fn note(source: &GithubSource, listing: Option<&Listing>, delivery: &StoredDelivery, work: &mut Work) -> Verdict {
    if delivery.body.is_empty() {
        return Verdict::Ignored;
    }
    let kept: Kept = match serde_json::from_str(&delivery.body) {
        Ok(kept) => kept,
        Err(error) => return Verdict::of_another_version(&error),
    };
    let Some(full_name) = selected(source, listing, &kept.repository) else { return Verdict::Ignored };
    let config = &source.config;
    let named = Named { repository: kept.repository, full_name };
    match kept.what {
        What::PullRequest { node_id } => drop(work.pull_requests.insert(node_id, named)),
        What::Deployment { node_id } => drop(work.deployments.insert(node_id, named)),
        What::Tag { name } => drop(work.tags.insert((named, name))),
        What::Push => drop(work.pushed.insert(named)),
        What::Issue { node_id, kind } if config.work_items || !config.incident_labels.is_empty() => {
            work.issues.insert(node_id, (named, kind));
        }
        What::Run { record } if config.workflow_runs => {
            if let Err(error) = serde_json::from_value::<RunNode>(record.clone()) {
                return Verdict::Bad(shape::unexpected("its run", &error));
            }
            work.runs.entry(named).or_default().push(record);
        }
        What::Alert { scanner, record } if config.security_alerts => {
            match security::converted(&scanner, record, &named.full_name) {
                Ok(alert) => work.alerts.push(alert),
                Err(reason) => return Verdict::Bad(reason),
            }
        }
        What::Issue { .. } | What::Run { .. } | What::Alert { .. } => return Verdict::Ignored,
    }
    Verdict::Processed
}

/// The name by which facts know a repository. `None` for one that is not collected.
fn selected(source: &GithubSource, listing: Option<&Listing>, repository: &KeptRepository) -> Option<String> {
    let (config, full_name) = (&source.config, &repository.full_name);
    // A repository that was renamed goes on under the name by which the configuration knows it.
    let listed = listing.and_then(|listing| listing.repositories.iter().find(|known| known.id == repository.node_id));
    if let Some(listed) = listed.filter(|listed| config.repositories.contains(&listed.name_with_owner)) {
        return Some(listed.name_with_owner.clone());
    }
    let owner = full_name.split_once('/').map(|(owner, _)| owner).unwrap_or_default();
    let of_organization = config.organization.as_deref().is_some_and(|login| login.eq_ignore_ascii_case(owner));
    let wanted = of_organization || config.repositories.contains(full_name);
    (wanted && !config.exclude.is_match(full_name)).then(|| full_name.clone())
}

/// Deliveries may overtake one another: of a run that has ended nothing older is believed.
async fn without_outdated(
    sink: &dyn BatchSink,
    full_name: &str,
    records: Vec<Value>,
) -> Result<Vec<Value>, SourceError> {
    let key = |record: &Value| (record["id"].as_u64(), record["run_attempt"].as_u64());
    let has_ended = |record: &Value| record["conclusion"].is_string();
    let ended: BTreeSet<_> = records.iter().filter(|record| has_ended(record)).map(key).collect();
    let mut kept = Vec::new();
    for record in records {
        if !has_ended(&record) {
            let id = format!("{full_name}/runs/{}/attempts/{}", record["id"], record["run_attempt"]);
            let stored = sink.fact(CiRun::FAMILY, &id).await?;
            if ended.contains(&key(&record)) || stored.is_some_and(|stored| !stored["conclusion"].is_null()) {
                continue;
            }
        }
        kept.push(record);
    }
    Ok(kept)
}

impl Reading<'_> {
    /// Pull requests, deployments and issues as facts.
    async fn objects(&mut self, work: &mut Work) -> Result<(), SourceError> {
        let mut size = PULL_REQUESTS_AT_ONCE;
        while !(work.pull_requests.is_empty() && work.deployments.is_empty() && work.issues.is_empty()) {
            let pull_requests: Vec<String> = work.pull_requests.keys().take(size).cloned().collect();
            let deployments: Vec<String> = work.deployments.keys().take(OTHERS_AT_ONCE).cloned().collect();
            let issues: Vec<String> = work.issues.keys().take(OTHERS_AT_ONCE).cloned().collect();
            let variables = json!({ "pullRequests": pull_requests, "deployments": deployments, "issues": issues });
            let data = match self.source.client.graphql(queries::OBJECTS, &variables).await {
                Ok(data) => data,
                Err(CallError::TooMuch) if size > 1 => {
                    size /= 2;
                    continue;
                }
                Err(CallError::TooMuch) => {
                    let text = "GitHub does not answer in time; chiplog goes on trying";
                    return Err(SourceError::Unavailable(text.to_owned()));
                }
                Err(CallError::Source(error)) => return Err(error),
            };
            for (place, id) in pull_requests.iter().enumerate() {
                let Some(named) = work.pull_requests.remove(id) else { continue };
                self.pull_request(&named, &data["pullRequests"][place]).await?;
            }
            for (place, id) in deployments.iter().enumerate() {
                let Some(named) = work.deployments.remove(id) else { continue };
                self.deployment(&named, &data["deployments"][place]);
            }
            for (place, id) in issues.iter().enumerate() {
                let Some((named, kind)) = work.issues.remove(id) else { continue };
                self.issue(&named, kind, &data["issues"][place]).await?;
            }
        }
        Ok(())
    }

    /// A node that is there; a bad one becomes a reject.
    fn read<T: DeserializeOwned>(&mut self, node: &Value, family: &'static str, id: &str) -> Option<T> {
        // What is gone, or hidden from the token, is null; an object of another kind than asked for is empty.
        let there = node.as_object().is_some_and(|fields| !fields.is_empty());
        let (read, rejects) = read_nodes(there.then(|| node.clone()).into_iter().collect(), family, |_| id.to_owned());
        self.batch.rejects.extend(rejects);
        read.into_iter().next()
    }

    async fn pull_request(&mut self, named: &Named, node: &Value) -> Result<(), SourceError> {
        let id = format!("{}#{}", named.full_name, node["number"]);
        let Some(mut node) = self.read::<PullRequestNode>(node, "pull_requests", &id) else { return Ok(()) };
        changes::complete(self.source, named.owner_and_name(), &mut node).await?;
        let fact = convert::pull_request(node, &named.full_name, &self.source.context.people);
        self.batch.facts.push(Fact::PullRequest(fact));
        Ok(())
    }

    fn deployment(&mut self, named: &Named, node: &Value) {
        let id = format!("{}/deployments/{}", named.full_name, node["databaseId"]);
        let Some(node) = self.read::<DeploymentNode>(node, "deployments", &id) else { return };
        let Some(target) = self.targets.get(named) else { return };
        let fact = convert::deployment(node, &target.full_name, &target.url);
        if fact.created_at >= self.oldest() {
            self.heads.entry(named.clone()).or_default().insert(fact.sha.clone());
            self.batch.facts.push(Fact::Deployment(fact));
        }
    }

    /// The beginning of the history that is wanted.
    fn oldest(&self) -> Moment {
        (self.source.context.now)() - self.source.context.history
    }

    async fn issue(&mut self, named: &Named, kind: Option<String>, node: &Value) -> Result<(), SourceError> {
        let id = format!("{}#{}", named.full_name, node["number"]);
        let Some(node) = self.read::<IssueNode>(node, "incidents", &id) else { return Ok(()) };
        if is_incident(self.source, &node) {
            self.batch.facts.push(Fact::Incident(convert::incident(node, &named.full_name)));
            return Ok(());
        }
        self.batch.facts.extend(no_longer(self.source, self.sink, &named.full_name, &node).await?);
        if self.source.config.work_items {
            let now = convert::work_item(node, &named.full_name, kind);
            let known = known(self.sink, &now.id).await?;
            let item = match known {
                Some(known) => convert::remember(now, known),
                None => now,
            };
            self.batch.facts.push(Fact::WorkItem(item));
        }
        Ok(())
    }

    /// Tags and releases as facts, many with one query.
    async fn tags(&mut self, tags: &BTreeSet<(Named, String)>) -> Result<(), SourceError> {
        let all: Vec<&(Named, String)> = tags.iter().collect();
        for chunk in all.chunks(OTHERS_AT_ONCE) {
            let mut variables = json!({});
            for (place, (named, tag)) in chunk.iter().enumerate() {
                let (owner, name) = named.owner_and_name();
                variables[format!("owner{place}")] = json!(owner);
                variables[format!("name{place}")] = json!(name);
                variables[format!("ref{place}")] = json!(format!("refs/tags/{tag}"));
                variables[format!("tag{place}")] = json!(tag);
            }
            let data = ask(self.source, &queries::tags(chunk.len()), &variables).await?;
            for (place, (named, name)) in chunk.iter().enumerate() {
                let found = &data[format!("tag{place}")];
                self.tag(named, name, &found["ref"]);
                self.release(named, &found["release"]);
            }
        }
        Ok(())
    }

    fn tag(&mut self, named: &Named, name: &str, node: &Value) {
        let external_id = format!("{}/tags/{name}", named.full_name);
        let Some(node) = self.read::<TagNode>(node, "tags", &external_id) else { return };
        let Some(target) = self.targets.get(named) else { return };
        match convert::tag(node, &target.full_name, &target.url) {
            Some(tag) if tag.tagged_at >= self.oldest() => {
                self.heads.entry(named.clone()).or_default().insert(tag.sha.clone());
                self.batch.facts.push(Fact::Tag(tag));
            }
            Some(_) => {}
            None => {
                let reason = "the tag does not lead to a commit".to_owned();
                self.batch.rejects.push(Reject { family: "tags", external_id, reason });
            }
        }
    }

    fn release(&mut self, named: &Named, node: &Value) {
        let id = format!("{}/releases/{}", named.full_name, node["databaseId"]);
        let node = self.read::<ReleaseNode>(node, "releases", &id);
        let Some(release) = node.and_then(|node| convert::release(node, &named.full_name)) else { return };
        if release.published_at >= self.oldest() {
            self.heads.entry(named.clone()).or_default().extend(release.sha.clone());
            self.batch.facts.push(Fact::Release(release));
        }
    }

    /// The commits that are pointed to, with all that leads to them, and where default branches are now.
    async fn commits(&mut self, pushed: &BTreeSet<Named>) -> Result<(), SourceError> {
        for (named, target) in &self.targets {
            // Until the first walk is complete, it will read all this.
            if !history::is_walked(self.sink, target).await? {
                continue;
            }
            let mut heads = self.heads.remove(named).unwrap_or_default();
            heads.extend(target.head.iter().map(|(_, oid)| oid.clone()));
            history::reach(self.source, self.sink, target, heads).await?;
            if pushed.contains(named) {
                let facts = vec![Fact::Repository(repository_fact(self.source, target))];
                self.sink.accept(Batch { facts, ..Batch::default() }).await?;
            }
        }
        Ok(())
    }
}

/// Repositories as the probe shows them; those that are gone are left out.
async fn targets(source: &GithubSource, wanted: &BTreeSet<Named>) -> Result<BTreeMap<Named, Target>, SourceError> {
    let mut found = BTreeMap::new();
    let all: Vec<&Named> = wanted.iter().collect();
    for chunk in all.chunks(PROBED_AT_ONCE) {
        let nodes = chunk.iter().map(|named| RepositoryNode {
            id: named.repository.node_id.clone(),
            name_with_owner: named.full_name.clone(),
            is_archived: false,
            seen_by: Vec::new(),
        });
        for target in probe::probe(source, &nodes.collect::<Vec<_>>()).await? {
            let of = |named: &&&Named| named.repository.node_id == target.id || named.full_name == target.full_name;
            if let Some(named) = chunk.iter().find(of) {
                found.insert((*named).clone(), target);
            }
        }
    }
    Ok(found)
}
