//! The same snapshot everywhere: whoever evaluates publishes what came out, and all others load it.
//!
//! A snapshot is stored as packed documents, one per team and one of the organisation. Only those that differ from what
//! was published before are written, in one transaction that raises the generation; followers read what has risen. A
//! document of another configuration or another version of chiplog is not loaded: see [`fingerprint`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::cores;
use super::evaluate::{Families, TeamScorecards};
use super::packed::{PackError, PackedTeam, pack, unpack};
use super::snapshot::{EvaluationCost, Known, Snapshot, Unmapped};
use crate::attribution::Organisation;
use crate::facts::Moment;
use crate::sources::Finding;
use crate::store::{Fence, PublishedParts, Store, StoreError};
use crate::trend::Trend;

/// Rises with each change of what documents mean.
const FORMAT: u32 = 3;

/// The part that is written by every publication, and tells what belongs to it.
const ORGANISATION: &str = "organisation";

/// The part with the trends of all teams, which change once a week.
const TRENDS: &str = "trends";

/// The part with what rules and facts say of each other.
const FINDINGS: &str = "findings";

/// Parts of teams begin so.
const TEAM: &str = "team/";

/// What an evaluation found out, as it was published: all that is served of it but the facts behind.
#[derive(Debug)]
pub struct Evaluated {
    /// Every KPI of every team.
    pub snapshot: Snapshot,
    /// What rules and facts say of each other.
    pub findings: Arc<[Finding]>,
}

/// What there was to follow.
#[derive(Debug)]
pub enum Followed {
    /// Nothing new since the last look.
    Nothing,
    /// Something new.
    Loaded(Box<Evaluated>),
    /// What is published is of another configuration or version, or nothing is: whoever looks evaluates for itself.
    Unfit,
}

/// Everything but the teams.
#[derive(Serialize, Deserialize)]
struct OrganisationDocument {
    fingerprint: String,
    as_of: Moment,
    /// The slugs, in the order in which they are shown, with the moments up to which the teams hold.
    teams: Vec<(String, Moment)>,
    unmapped: Vec<Unmapped>,
    cost: EvaluationCost,
}

/// What one replica knows of the published snapshot.
#[derive(Debug)]
pub struct Publication {
    fingerprint: String,
    /// The generation of the organisation that was last looked at, whether it fitted or not.
    seen: Option<i64>,
    /// The generation that the teams at hand are of. 0 where none are.
    loaded: i64,
    /// What was published last, as far as this replica knows.
    published: Option<Published>,
}

/// What is published: what is the same object need not be written again.
#[derive(Debug)]
struct Published {
    teams: BTreeMap<String, Arc<PackedTeam>>,
    trends: Arc<[Trend]>,
    findings: Arc<[Finding]>,
}

impl Published {
    fn of(snapshot: &Snapshot, findings: &Arc<[Finding]>) -> Self {
        let teams = snapshot.teams.iter().map(|team| (team.id.clone(), team.clone())).collect();
        Self { teams, trends: snapshot.trends.clone(), findings: findings.clone() }
    }
}

/// What a snapshot depends on beside the facts: documents with another fingerprint are not served.
pub fn fingerprint(organisation: &Organisation, families: &Families, scorecards: &TeamScorecards) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let text = format!("{FORMAT}\n{version}\n{organisation:?}\n{families:?}\n{scorecards:?}");
    hex::encode(Sha256::digest(text))
}

impl Publication {
    /// Nothing is known yet.
    pub fn new(fingerprint: String) -> Self {
        Self { fingerprint, seen: None, loaded: 0, published: None }
    }

    /// Whether what is published is known: it was loaded, or this replica published it.
    pub fn is_known(&self) -> bool {
        self.published.is_some()
    }

    /// Publishes what was evaluated, under the lease that entitles to it: all or nothing.
    pub async fn publish(&mut self, store: &Store, fence: &Fence, known: &Arc<Known>) -> Result<(), PublishError> {
        let (snapshot, findings) = (known.snapshot.clone(), known.findings.clone());
        let (fingerprint, before) = (self.fingerprint.clone(), self.published.take());
        // Whatever becomes of it, what others publish later is loaded as a whole.
        self.loaded = 0;
        let written = tokio::task::spawn_blocking(move || {
            let bodies = documents(&fingerprint, &snapshot, &findings, before.as_ref())?;
            Ok::<_, PublishError>((bodies, Published::of(&snapshot, &findings)))
        });
        let (bodies, published) = written.await.map_err(|_| StoreError::interrupted())??;
        let teams = published.teams.keys().map(|team| format!("{TEAM}{team}"));
        let all: BTreeSet<String> = teams.chain([ORGANISATION, TRENDS, FINDINGS].map(str::to_owned)).collect();
        let generation = store.publish_parts(fence, &bodies, &all).await?;
        (self.seen, self.published) = (Some(generation), Some(published));
        Ok(())
    }

    /// Loads what others have published since the last look. `previous` is what this replica serves: the teams that have not
    /// changed are taken from it.
    pub async fn follow(&mut self, store: &Store, previous: Option<Arc<Known>>) -> Result<Followed, PublishError> {
        let Some(generation) = store.published_generation(ORGANISATION).await? else { return Ok(Followed::Unfit) };
        if self.seen == Some(generation) {
            return Ok(if self.loaded > 0 || self.published.is_some() { Followed::Nothing } else { Followed::Unfit });
        }
        self.published = None;
        let parts = store.published_since(self.loaded).await?;
        let previous = previous.filter(|_| self.loaded > 0);
        (self.loaded, self.seen) = (0, Some(parts.generation));
        let (generation, fingerprint) = (parts.generation, self.fingerprint.clone());
        let read = tokio::task::spawn_blocking(move || assemble(&fingerprint, &parts, previous.as_deref()));
        match read.await.map_err(|_| StoreError::interrupted())?? {
            Some(evaluated) => {
                self.loaded = generation;
                self.published = Some(Published::of(&evaluated.snapshot, &evaluated.findings));
                Ok(Followed::Loaded(Box::new(evaluated)))
            }
            None => Ok(Followed::Unfit),
        }
    }
}

/// What was published last, under whatever configuration, of teams that are still there: to be served until they are evaluated
/// anew. `None` where nothing of it can be read.
///
/// # Errors
/// The store fails.
pub async fn last_published(store: &Store, is_team: impl Fn(&str) -> bool) -> Result<Option<Evaluated>, StoreError> {
    let parts = store.published_since(0).await?;
    let body = |part: &str| parts.bodies.get(part);
    let Some(document) = body(ORGANISATION).and_then(|body| unpack::<OrganisationDocument>(body).ok()) else {
        return Ok(None);
    };
    let OrganisationDocument { fingerprint: _, as_of, teams, unmapped, cost } = document;
    let team = |(slug, as_of): &(String, Moment)| {
        let team = PackedTeam::read(body(&format!("{TEAM}{slug}"))?).ok()?.holding_at(*as_of);
        // Another version may have meant something else.
        team.open().is_ok().then(|| Arc::new(team))
    };
    let teams: Vec<Arc<PackedTeam>> = teams.iter().filter(|(slug, _)| is_team(slug)).filter_map(team).collect();
    let mut trends: Vec<Trend> = body(TRENDS).and_then(|body| unpack(body).ok()).unwrap_or_default();
    trends.retain(|trend| is_team(&trend.team));
    let snapshot = Snapshot { as_of, teams, trends: trends.into(), unmapped, cost };
    Ok((!snapshot.teams.is_empty()).then(|| Evaluated { snapshot, findings: Arc::new([]) }))
}

/// Why a snapshot could not be published or followed.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store failed, or the lease was lost.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document cannot be written or read.
    #[error("the published snapshot cannot be read or written ({0}): was it made by another version?")]
    Packing(#[from] PackError),
}

impl PublishError {
    /// Whether the lease had passed to another: what that one publishes is served.
    pub fn is_fenced(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_fenced())
    }
}

/// The documents of a snapshot, by part, without those that were published before.
fn documents(
    fingerprint: &str,
    snapshot: &Snapshot,
    findings: &Arc<[Finding]>,
    before: Option<&Published>,
) -> Result<BTreeMap<String, Vec<u8>>, PublishError> {
    // Taken apart, so that a new field is not forgotten.
    let Snapshot { as_of, teams, trends, unmapped, cost } = snapshot;
    let organisation = OrganisationDocument {
        fingerprint: fingerprint.to_owned(),
        as_of: *as_of,
        teams: teams.iter().map(|team| (team.id.clone(), team.as_of)).collect(),
        unmapped: unmapped.clone(),
        cost: *cost,
    };
    let mut bodies = BTreeMap::from([(ORGANISATION.to_owned(), pack(&organisation)?)]);
    if before.is_none_or(|before| !Arc::ptr_eq(&before.trends, trends)) {
        bodies.insert(TRENDS.to_owned(), pack(&trends.as_ref())?);
    }
    if before.is_none_or(|before| !Arc::ptr_eq(&before.findings, findings)) {
        bodies.insert(FINDINGS.to_owned(), pack(&findings.as_ref())?);
    }
    let is_published = |team: &&Arc<PackedTeam>| {
        before.and_then(|before| before.teams.get(&team.id)).is_some_and(|known| known.is_of(team))
    };
    for team in teams.iter().filter(|team| !is_published(team)) {
        bodies.insert(format!("{TEAM}{}", team.id), team.body().to_vec());
    }
    Ok(bodies)
}

/// The snapshot of documents, where parts that are not among them are as before. `None` if they are not of this
/// fingerprint.
fn assemble(
    fingerprint: &str,
    parts: &PublishedParts,
    previous: Option<&Known>,
) -> Result<Option<Evaluated>, PublishError> {
    let Some(body) = parts.bodies.get(ORGANISATION) else { return Ok(None) };
    let Ok(document) = unpack::<OrganisationDocument>(body) else { return Ok(None) };
    let OrganisationDocument { fingerprint: of, as_of, teams: listed, unmapped, cost } = document;
    if of != fingerprint {
        return Ok(None);
    }
    let trends = match (parts.bodies.get(TRENDS), previous) {
        (Some(body), _) => unpack::<Vec<Trend>>(body)?.into(),
        (None, Some(previous)) => previous.snapshot.trends.clone(),
        (None, None) => return Ok(None),
    };
    let findings = match (parts.bodies.get(FINDINGS), previous) {
        (Some(body), _) => unpack::<Vec<Finding>>(body)?.into(),
        (None, Some(previous)) => previous.findings.clone(),
        (None, None) => return Ok(None),
    };
    let Some(teams) = teams(&listed, parts, previous)? else { return Ok(None) };
    Ok(Some(Evaluated { snapshot: Snapshot { as_of, teams, trends, unmapped, cost }, findings }))
}

/// The teams, those that were not replaced as they are. `None` where one is missing. Many are read on all cores: that is most of a
/// start.
fn teams(
    listed: &[(String, Moment)],
    parts: &PublishedParts,
    previous: Option<&Known>,
) -> Result<Option<Vec<Arc<PackedTeam>>>, PublishError> {
    let team = |(slug, as_of): &(String, Moment)| {
        let team = match parts.bodies.get(&format!("{TEAM}{slug}")) {
            Some(body) => Some(Arc::new(PackedTeam::read(body)?)),
            None => previous.and_then(|previous| {
                let teams = &previous.snapshot.teams;
                teams.binary_search_by(|team| team.id.cmp(slug)).ok().map(|place| teams[place].clone())
            }),
        };
        Ok(team.map(|team| if team.as_of == *as_of { team } else { Arc::new(team.holding_at(*as_of)) }))
    };
    let share = listed.len().div_ceil(cores()).max(1);
    let of_share = |some: &[(String, Moment)]| some.iter().map(team).collect::<Result<Option<Vec<_>>, PublishError>>();
    std::thread::scope(|scope| {
        let others: Vec<_> = listed.chunks(share).map(|some| scope.spawn(move || of_share(some))).collect();
        let mut all = Vec::with_capacity(listed.len());
        for other in others {
            match other.join().map_err(|_| StoreError::interrupted())?? {
                Some(teams) => all.extend(teams),
                None => return Ok(None),
            }
        }
        Ok(Some(all))
    })
}
