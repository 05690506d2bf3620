//! One of several programs on one store: which leases it holds, and who else is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::collect::Stop;
use super::metrics::CollectMetrics;
use crate::clock;
use crate::store::{Fence, Store, StoreError};

/// Heart-beats per lease: two may fail, and the lease still holds.
const BEATS_PER_LEASE: u32 = 3;

/// Leases that tell of replicas begin so.
const REPLICA: &str = "replica/";

/// Leases of sources begin so.
const SOURCE: &str = "source/";

/// Replicas that ended so long ago are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// A lease that is held, or was.
#[derive(Debug, Clone)]
pub struct Lease {
    fence: Fence,
    lost: watch::Receiver<bool>,
}

impl Lease {
    /// What writes under this lease are checked against.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Whether it is known to be lost. It may be lost and not known yet: that is what the fence is for.
    pub fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    /// Returns once it is known to be lost.
    pub async fn lost(&self) {
        // Without a sender nobody prolongs it either.
        let _ = self.lost.clone().wait_for(|lost| *lost).await;
    }
}

/// What the last heart-beat saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// How many replicas are alive, this one included. 0 before the first heart-beat.
    pub replicas: usize,
    /// Whether this one was alone when it came.
    pub came_alone: bool,
    /// The leases that others hold.
    taken: BTreeSet<String>,
}

struct Held {
    fence: Fence,
    lost: watch::Sender<bool>,
}

struct Inner {
    store: Store,
    metrics: CollectMetrics,
    id: String,
    lasts: Duration,
    /// Whether it counts among the replicas that sources are spread over.
    counts: bool,
    held: Mutex<BTreeMap<String, Held>>,
    /// Heart-beats and claims take turns: a lease that was claimed during a heart-beat would look lost. True once all was
    /// given back for good.
    turn: tokio::sync::Mutex<bool>,
    sight: watch::Sender<Sight>,
}

/// This program as one of those on its store. Clones share it.
#[derive(Clone)]
pub struct Replica(Arc<Inner>);

impl Replica {
    /// A replica whose leases last so long without a heart-beat.
    pub fn new(store: &Store, metrics: CollectMetrics, lasts: Duration) -> Result<Self, StoreError> {
        Self::of(store, metrics, lasts, true)
    }

    /// A program that comes for a single round, and does not take part in the spreading of sources.
    pub fn visitor(store: &Store, metrics: CollectMetrics, lasts: Duration) -> Result<Self, StoreError> {
        Self::of(store, metrics, lasts, false)
    }

    fn of(store: &Store, metrics: CollectMetrics, lasts: Duration, counts: bool) -> Result<Self, StoreError> {
        let (id, store) = (Store::random_name()?, store.for_heart_beats());
        metrics.set_replica(&id);
        let (held, turn, sight) = (Mutex::default(), tokio::sync::Mutex::default(), watch::Sender::default());
        Ok(Self(Arc::new(Inner { store, metrics, id, lasts, counts, held, turn, sight })))
    }

    /// A random name, new with each start.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// How long leases last without a heart-beat.
    pub fn lasts(&self) -> Duration {
        self.0.lasts
    }

    /// What heart-beats see.
    pub fn sight(&self) -> watch::Receiver<Sight> {
        self.0.sight.subscribe()
    }

    /// Prolongs leases until told to stop, then gives all of them back so that others go on at once.
    pub async fn run(&self, stop: &Stop) {
        let mut stop = stop.clone();
        let mut renewed = Instant::now();
        while !*stop.borrow() {
            let began = Instant::now();
            match tokio::time::timeout(self.0.lasts, self.beat()).await {
                Ok(Ok(())) => {
                    renewed = began;
                    self.0.metrics.store_answered(clock::now());
                }
                Ok(Err(error)) => tracing::warn!("the heart-beat failed: {error}"),
                Err(_) => tracing::warn!("the heart-beat failed: the store does not answer"),
            }
            if renewed.elapsed() >= self.0.lasts {
                self.lose_all_but(&BTreeMap::new());
            }
            tokio::select! {
                () = tokio::time::sleep(self.0.lasts / BEATS_PER_LEASE) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
        self.leave().await;
    }

    /// Gives everything back, and takes nothing any more.
    pub async fn leave(&self) {
        let mut left = self.0.turn.lock().await;
        *left = true;
        self.lose_all_but(&BTreeMap::new());
        if let Err(error) = self.0.store.release_leases(&self.0.id).await {
            tracing::warn!("the leases could not be given back, they end by themselves: {error}");
        }
    }

    /// One heart-beat: prolongs what is held, and looks who else is there.
    pub async fn beat(&self) -> Result<(), StoreError> {
        let Inner { store, id, lasts, counts, sight, .. } = &*self.0;
        let left = self.0.turn.lock().await;
        if *left {
            return Ok(());
        }
        let own = format!("{REPLICA}{id}");
        let renewed = store.renew_leases(id, *lasts).await?;
        // What was lost while the store was away has just been prolonged all the same: nobody could take it ever again.
        for forgotten in renewed.iter().filter(|fence| fence.name != own && self.held(&fence.name).is_none()) {
            store.release_lease(forgotten).await?;
        }
        let renewed: BTreeMap<String, i64> = renewed.into_iter().map(|fence| (fence.name, fence.number)).collect();
        self.lose_all_but(&renewed);
        if *counts && !renewed.contains_key(&own) {
            store.acquire_lease(&own, id, *lasts).await?;
            store.forget_leases(REPLICA, FORGOTTEN_AFTER).await?;
        }
        let (mut taken, mut others) = (BTreeSet::new(), 0);
        for lease in store.leases().await?.into_iter().filter(|lease| lease.live && lease.holder != *id) {
            others += usize::from(lease.name.starts_with(REPLICA));
            taken.insert(lease.name);
        }
        sight.send_modify(|sight| {
            let came_alone = if sight.replicas == 0 { others == 0 } else { sight.came_alone };
            *sight = Sight { replicas: others + 1, came_alone, taken };
        });
        self.0.metrics.set_replicas(others + 1);
        Ok(())
    }

    /// The lease of a name, if this replica has it or can take it at once. Cheap: asks the store only where the last
    /// heart-beat did not see another holder.
    pub async fn hold(&self, name: &str) -> Option<Lease> {
        match self.held(name) {
            Some(lease) => Some(lease),
            None => self.claim(name, None).await,
        }
    }

    /// The lease of one of `sources` sources, if it is free and this replica has less than its share of them.
    pub async fn hold_source(&self, source: &str, sources: usize) -> Option<Lease> {
        let name = format!("{SOURCE}{source}");
        match self.held(&name) {
            Some(lease) => Some(lease),
            None => self.claim(&name, Some(sources)).await,
        }
    }

    /// Gives the lease of a source back if this replica has more of `sources` sources than its share.
    pub async fn give_up_surplus(&self, lease: &Lease, sources: usize) -> bool {
        if self.sources_held() <= self.share(sources) {
            return false;
        }
        let _turn = self.0.turn.lock().await;
        if self.sources_held() <= self.share(sources) {
            return false;
        }
        self.give_back(lease).await;
        true
    }

    /// Gives a lease back. Whoever calls this has the turn.
    async fn give_back(&self, lease: &Lease) {
        let name = &lease.fence.name;
        if let Some(gone) = self.take_out(&lease.fence) {
            gone.lost.send_replace(true);
            self.0.metrics.set_lease(name, false);
        }
        if let Err(error) = self.0.store.release_lease(&lease.fence).await {
            tracing::warn!("the lease \"{name}\" could not be given back, it ends by itself: {error}");
        }
    }

    async fn claim(&self, name: &str, sources: Option<usize>) -> Option<Lease> {
        if self.0.sight.borrow().taken.contains(name) {
            return None;
        }
        let left = self.0.turn.lock().await;
        if *left || sources.is_some_and(|sources| self.sources_held() >= self.share(sources)) {
            return None;
        }
        // Whoever has the turn keeps heart-beats waiting: a store that hangs must not.
        let asked = self.0.store.acquire_lease(name, &self.0.id, self.0.lasts);
        let longest = self.0.lasts / 3;
        match tokio::time::timeout(longest, asked).await.unwrap_or_else(|_| Err(StoreError::silent(longest))) {
            Ok(Some(fence)) => {
                tracing::debug!(lease = name, fence = fence.number, "holds the lease \"{name}\"");
                let (sender, lost) = watch::channel(false);
                let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
                held.insert(name.to_owned(), Held { fence: fence.clone(), lost: sender });
                self.0.metrics.set_lease(name, true);
                Some(Lease { fence, lost })
            }
            Ok(None) => {
                // No news to those who wait for heart-beats.
                self.0.sight.send_if_modified(|sight| {
                    sight.taken.insert(name.to_owned());
                    false
                });
                None
            }
            Err(error) => {
                tracing::warn!("the lease \"{name}\" cannot be asked for: {error}");
                None
            }
        }
    }

    /// Forgets a lease, unless it is another one of the same name by now.
    fn take_out(&self, fence: &Fence) -> Option<Held> {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(&fence.name)?.fence == *fence { held.remove(&fence.name) } else { None }
    }

    fn held(&self, name: &str) -> Option<Lease> {
        let held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(name).map(|held| Lease { fence: held.fence.clone(), lost: held.lost.subscribe() })
    }

    fn sources_held(&self) -> usize {
        let held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.keys().filter(|name| name.starts_with(SOURCE)).count()
    }

    /// So many of the sources are this replica's part. A visitor may have all that are free.
    fn share(&self, sources: usize) -> usize {
        if self.0.counts { sources.div_ceil(self.0.sight.borrow().replicas.max(1)) } else { sources }
    }

    /// Ends what is not among those that were prolonged, by name and fence.
    fn lose_all_but(&self, renewed: &BTreeMap<String, i64>) {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|name, lease| {
            let kept = renewed.get(name) == Some(&lease.fence.number);
            if !kept {
                tracing::debug!(lease = name, "no longer holds the lease \"{name}\"");
                lease.lost.send_replace(true);
                self.0.metrics.set_lease(name, false);
            }
            kept
        });
    }
}
