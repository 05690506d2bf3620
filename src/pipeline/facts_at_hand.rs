//! The attributed facts behind a snapshot: at hand where they were just evaluated, else loaded when first asked for.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::load::load_facts;
use crate::attribution::{Attributed, Organisation, attribute};
use crate::facts::Moment;
use crate::store::{Store, StoreError};

/// The facts behind a snapshot, which cost memory only once somebody asks for evidence.
pub struct FactsAtHand {
    store: Store,
    organisation: Arc<Organisation>,
    as_of: Moment,
    attributed: OnceCell<Arc<Attributed>>,
}

impl std::fmt::Debug for FactsAtHand {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FactsAtHand").field("as_of", &self.as_of).finish_non_exhaustive()
    }
}

impl FactsAtHand {
    /// Facts of a snapshot that another replica, or an earlier run, has made.
    pub fn later(store: Store, organisation: Arc<Organisation>, as_of: Moment) -> Self {
        Self { store, organisation, as_of, attributed: OnceCell::new() }
    }

    /// The facts that were just evaluated.
    pub fn now(store: Store, organisation: Arc<Organisation>, as_of: Moment, attributed: Attributed) -> Self {
        Self { attributed: OnceCell::new_with(Some(Arc::new(attributed))), ..Self::later(store, organisation, as_of) }
    }

    /// The facts.
    pub async fn attributed(&self) -> Result<Arc<Attributed>, StoreError> {
        let attributed = self.attributed.get_or_try_init(async || {
            let facts = load_facts(&self.store).await?;
            let (organisation, as_of) = (self.organisation.clone(), self.as_of);
            let made = tokio::task::spawn_blocking(move || attribute(&organisation, &facts, as_of)).await;
            made.map(Arc::new).map_err(|_| StoreError::interrupted())
        });
        attributed.await.cloned()
    }
}
