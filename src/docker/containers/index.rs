//! The index of containers. Those that were removed stay for a while: their last lines may still be on their way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::docker::container::Container;
use crate::limits;

/// Length of the short ids that Docker prints.
const SHORT_ID: usize = 12;

#[derive(Default)]
pub struct Index {
    by_id: HashMap<String, Arc<Container>>,
    by_short_id: HashMap<String, String>,
    /// Former names too, until another container takes them.
    by_name: HashMap<String, String>,
    removed: VecDeque<String>,
    /// Names that no container has, and when that was found out.
    missing: HashMap<String, Instant>,
}

impl Index {
    /// Adds a container, or replaces what was known of it.
    pub fn put(&mut self, container: Container) {
        let id = container.id.clone();
        if let Some(short) = id.get(..SHORT_ID) {
            self.missing.remove(short);
            self.by_short_id.insert(short.to_owned(), id.clone());
        }
        self.missing.remove(&id);
        self.missing.remove(&container.name);
        if !container.name.is_empty() {
            self.by_name.insert(container.name.clone(), id.clone());
        }
        self.by_id.insert(id, Arc::new(container));
    }

    pub fn rename(&mut self, id: &str, name: &str) {
        if let Some(known) = self.by_id.get(id) {
            self.put(Container {
                name: name.to_owned(),
                ..Container::clone(known)
            });
        }
    }

    /// By full id, short id or name.
    pub fn find(&self, key: &str) -> Option<Arc<Container>> {
        if let Some(found) = self.by_id.get(key) {
            return Some(Arc::clone(found));
        }
        let id = self
            .by_short_id
            .get(key)
            .or_else(|| self.by_name.get(key))?;
        self.by_id.get(id).map(Arc::clone)
    }

    /// A container was removed.
    pub fn remove(&mut self, id: &str) {
        if !self.by_id.contains_key(id) || self.removed.iter().any(|removed| removed == id) {
            return;
        }
        self.removed.push_back(id.to_owned());
        if limits::REMOVED_CONTAINERS_KEPT < self.removed.len()
            && let Some(oldest) = self.removed.pop_front()
        {
            self.by_id.remove(&oldest);
            self.by_short_id.retain(|_, id| *id != oldest);
            self.by_name.retain(|_, id| *id != oldest);
        }
    }

    /// Removes all that are not among these.
    pub fn keep_only(&mut self, ids: &[String]) {
        let gone: Vec<String> = self
            .by_id
            .keys()
            .filter(|id| !ids.contains(id))
            .cloned()
            .collect();
        gone.iter().for_each(|id| self.remove(id));
    }

    pub fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Nothing has this name at present.
    pub fn note_missing(&mut self, key: String) {
        if limits::MISSING_NAMES_MAX <= self.missing.len() {
            self.missing.clear();
        }
        self.missing.insert(key, Instant::now());
    }

    /// Whether it was found out lately that nothing has this name.
    pub fn is_missing(&self, key: &str) -> bool {
        self.missing
            .get(key)
            .is_some_and(|when| when.elapsed() < limits::MISSING_NAME_KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::Index;
    use crate::docker::container::Container;
    use crate::limits;

    fn container(number: usize, name: &str) -> Container {
        Container {
            id: format!("{number:064x}"),
            name: name.to_owned(),
            ..Container::default()
        }
    }

    #[track_caller]
    fn check(index: &Index, key: &str, want: Option<usize>) {
        let found = index.find(key).map(|found| found.id.clone());
        assert_eq!(found, want.map(|number| format!("{number:064x}")), "{key}");
    }

    #[test]
    fn a_container_is_found_by_id_short_id_and_name() {
        let mut index = Index::default();
        let mut one = container(1, "web");
        one.id = "0123456789abcdef".repeat(4);
        index.put(one.clone());
        for key in [&*one.id, "0123456789ab", "web"] {
            assert!(index.find(key).is_some(), "{key}");
        }
        check(&index, "0123456789", None);
    }

    #[test]
    fn a_name_belongs_to_the_newest_container_that_has_it() {
        let mut index = Index::default();
        index.put(container(1, "web"));
        index.put(container(2, "web"));
        check(&index, "web", Some(2));
        index.rename(&format!("{:064x}", 2), "old");
        check(&index, "old", Some(2));
    }

    #[test]
    fn removed_containers_stay_for_a_while() {
        let mut index = Index::default();
        for number in 0..=limits::REMOVED_CONTAINERS_KEPT {
            index.put(container(number, &format!("c{number}")));
        }
        index.keep_only(&[]);
        let left = (0..=limits::REMOVED_CONTAINERS_KEPT)
            .filter(|number| index.find(&format!("c{number}")).is_some());
        assert_eq!(left.count(), limits::REMOVED_CONTAINERS_KEPT);
    }

    #[test]
    fn a_name_is_missing_until_a_container_takes_it() {
        let mut index = Index::default();
        index.note_missing("web".to_owned());
        assert!(index.is_missing("web"));
        index.put(container(1, "web"));
        assert!(!index.is_missing("web"));
    }
}
