//! The attributed facts behind a snapshot. Those of small installations stay in memory; of large ones so many as fit, and
//! what is not there is read again, for the part of the organisation that was asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::evaluator::Evaluator;
use super::load::attributed_part;
use super::plan::Plan;
use crate::attribution::Attributed;
use crate::facts::Moment;
use crate::store::{Store, StoreError};

/// So many attributed facts stay in memory, unless said otherwise: some megabytes. Those of a team are read again within some
/// ten milliseconds.
pub const KEPT_FACTS: usize = 2_000;

/// Gives the attributed facts of teams. Clones share what is in memory.
#[derive(Debug, Clone)]
pub struct Evidence(Source);

#[derive(Debug, Clone)]
enum Source {
    /// All of them, in memory.
    Whole(Arc<Attributed>),
    /// Part by part.
    Parts(Arc<EvidenceOfParts>),
    /// Read when they are asked for: on a replica that serves what another has evaluated.
    Read(Arc<tokio::sync::Mutex<Evaluator>>),
}

/// Where the facts of parts are kept and read again.
#[derive(Debug)]
pub(super) struct EvidenceOfParts {
    pub(super) store: Store,
    plan: RwLock<Plan>,
    kept: Mutex<Kept>,
}

impl Evidence {
    /// The facts of a whole organisation, all in memory.
    pub fn whole(attributed: Attributed) -> Self {
        Self(Source::Whole(Arc::new(attributed)))
    }

    /// The facts as an evaluator reads them that evaluates nothing.
    pub fn read(reader: Arc<tokio::sync::Mutex<Evaluator>>) -> Self {
        Self(Source::Read(reader))
    }

    pub(super) fn of_parts(parts: Arc<EvidenceOfParts>) -> Self {
        Self(Source::Parts(parts))
    }

    /// The attributed facts of a team, and perhaps of others, as of the moment at which the team was evaluated. Facts that
    /// are no longer in memory are read again; those that have come since are then among them where they began before.
    pub async fn of_team(&self, team: &str, as_of: Moment) -> Result<Arc<Attributed>, StoreError> {
        let parts = match &self.0 {
            Source::Whole(attributed) => return Ok(attributed.clone()),
            Source::Parts(parts) => parts,
            // Boxed, since the reader has evidence of its own.
            Source::Read(reader) => return Box::pin(reader.lock().await.attributed(team, as_of)).await,
        };
        let (part, services, divided, reading) = {
            let plan = parts.plan();
            let Some(part) = plan.parts.of_team(team) else { return Ok(Arc::default()) };
            if let Some(known) = parts.kept().get(part, as_of) {
                return Ok(known);
            }
            (part, plan.services.clone(), plan.parts.clone(), plan.reading(part))
        };
        let found = attributed_part(&parts.store, &reading, (&services, &divided, part), as_of).await?;
        let attributed = Arc::new(found.attributed);
        parts.keep(part, as_of, attributed.clone());
        Ok(attributed)
    }
}

impl EvidenceOfParts {
    pub(super) fn new(store: Store, plan: Plan, budget: usize) -> Self {
        let kept = Kept { budget, size: 0, clock: 0, parts: BTreeMap::new() };
        Self { store, plan: RwLock::new(plan), kept: Mutex::new(kept) }
    }

    pub(super) fn plan(&self) -> RwLockReadGuard<'_, Plan> {
        self.plan.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn plan_to_change(&self) -> RwLockWriteGuard<'_, Plan> {
        self.plan.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the facts of a part that was evaluated or asked for.
    pub(super) fn keep(&self, part: usize, as_of: Moment, attributed: Arc<Attributed>) {
        self.kept().put(part, as_of, attributed);
    }

    /// Forgets what is kept: the parts are divided anew.
    pub(super) fn forget(&self) {
        let mut kept = self.kept();
        kept.parts.clear();
        kept.size = 0;
    }
}

/// The facts of the parts that were used last, up to a number of facts.
#[derive(Debug)]
struct Kept {
    budget: usize,
    size: usize,
    /// Counts uses.
    clock: u64,
    parts: BTreeMap<usize, KeptPart>,
}

#[derive(Debug)]
struct KeptPart {
    as_of: Moment,
    attributed: Arc<Attributed>,
    size: usize,
    used: u64,
}

impl Kept {
    fn get(&mut self, part: usize, as_of: Moment) -> Option<Arc<Attributed>> {
        self.clock += 1;
        let known = self.parts.get_mut(&part).filter(|known| known.as_of == as_of)?;
        known.used = self.clock;
        Some(known.attributed.clone())
    }

    fn put(&mut self, part: usize, as_of: Moment, attributed: Arc<Attributed>) {
        self.clock += 1;
        if let Some(before) = self.parts.remove(&part) {
            self.size -= before.size;
        }
        let size = attributed.size() + 1;
        self.size += size;
        self.parts.insert(part, KeptPart { as_of, attributed, size, used: self.clock });
        // The newest stays, however large it is: it is being looked at.
        while self.size > self.budget && self.parts.len() > 1 {
            let oldest = self.parts.iter().min_by_key(|(_, known)| known.used).map(|(part, _)| *part);
            let Some(known) = oldest.and_then(|part| self.parts.remove(&part)) else { break };
            self.size -= known.size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_is_kept_up_to_a_number_of_facts() {
        let mut kept = Kept { budget: 3, size: 0, clock: 0, parts: BTreeMap::new() };
        let at = Moment::UNIX_EPOCH;
        for part in 1..=3 {
            kept.put(part, at, Arc::default());
        }
        assert!(kept.get(1, at).is_some());
        kept.put(4, at, Arc::default());
        assert!(kept.get(2, at).is_none(), "it was used longest ago");
        assert!(kept.get(1, at).is_some() && kept.get(3, at).is_some() && kept.get(4, at).is_some());
        assert!(kept.get(1, at + chrono::Duration::hours(1)).is_none(), "it is of another moment");
        kept.put(1, at, Arc::default());
        assert_eq!((kept.size, kept.parts.len()), (3, 3));
    }
}
