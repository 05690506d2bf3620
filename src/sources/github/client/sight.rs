//! Which credential sees which repository.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// What is known: credentials by their place, for each `owner/name` in lower case.
#[derive(Debug, Default)]
pub(super) struct Sight {
    seers: Mutex<BTreeMap<String, BTreeSet<usize>>>,
}

impl Sight {
    fn seers(&self) -> MutexGuard<'_, BTreeMap<String, BTreeSet<usize>>> {
        self.seers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces what is known of a repository.
    pub(super) fn set(&self, repository: &str, seers: BTreeSet<usize>) {
        self.seers().insert(repository.to_lowercase(), seers);
    }

    /// One more sees a repository.
    pub(super) fn add(&self, repository: &str, seer: usize) {
        self.seers().entry(repository.to_lowercase()).or_default().insert(seer);
    }

    /// Who sees a repository. `None` where that is not known.
    pub(super) fn of(&self, repository: &str) -> Option<BTreeSet<usize>> {
        self.seers().get(&repository.to_lowercase()).filter(|seers| !seers.is_empty()).cloned()
    }

    /// How many repositories of each owner a credential sees.
    pub(super) fn owners(&self, seer: usize) -> BTreeMap<String, usize> {
        let mut owners = BTreeMap::new();
        for (repository, _) in self.seers().iter().filter(|(_, seers)| seers.contains(&seer)) {
            let owner = repository.split('/').next().unwrap_or_default();
            *owners.entry(owner.to_owned()).or_default() += 1;
        }
        owners
    }
}

/// The repository that the variables of a query name.
pub(super) fn of_variables(variables: &Value) -> Option<String> {
    Some(format!("{}/{}", variables["owner"].as_str()?, variables["name"].as_str()?))
}

/// The repository that a REST path names.
pub(super) fn of_path(path: &str) -> Option<String> {
    let mut parts = path.strip_prefix("/repos/")?.split(['/', '?']);
    Some(format!("{}/{}", parts.next()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_known_by_variables_and_paths_whatever_the_case() {
        let sight = Sight::default();
        sight.set("Acme/Shop", BTreeSet::from([1]));
        sight.add("acme/till", 0);
        sight.add("acme/shop", 2);
        let variables = serde_json::json!({ "owner": "ACME", "name": "shop", "first": 5 });
        assert_eq!(sight.of(&of_variables(&variables).unwrap()), Some(BTreeSet::from([1, 2])));
        assert_eq!(of_path("/repos/acme/shop/actions/runs?per_page=100").as_deref(), Some("acme/shop"));
        assert_eq!(of_path("/repos/acme/shop?x").as_deref(), Some("acme/shop"));
        assert_eq!((of_path("/rate_limit"), of_variables(&serde_json::json!({ "ids": [] }))), (None, None));
        assert_eq!(sight.owners(0), BTreeMap::from([("acme".to_owned(), 1)]));
        assert_eq!(sight.of("acme/other"), None);
    }
}
