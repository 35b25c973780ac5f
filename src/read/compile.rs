//! The next snapshot, made beside the one that is read.

use std::sync::Arc;

use crate::model::environment::Environment;
use crate::model::flag::FlagRef;
use crate::read::compiled_flag::Slot;
use crate::read::index::Index;
use crate::read::snapshot::Snapshot;
use crate::read::state::FlagEntry;

impl Snapshot {
    /// The next version, with one flag put in its place: a new flag, or a changed one.
    pub(crate) fn with(&self, entry: FlagEntry) -> Snapshot {
        let mut next = self.next(self.slots.clone());
        if !next.index.knows(&entry) {
            next.change_index(|index| index.add([&entry].into_iter()));
        }
        let key = entry.flag.key().to_owned();
        let entry = Arc::new(entry);
        let index = Arc::clone(&next.index);
        if let Some(slot) = index.flag(&key) {
            next.put(slot, Slot::Default(Arc::clone(&entry)));
        }
        for (environment, slot) in index.own_of(&key) {
            next.put(slot, Slot::new(&entry, environment));
        }
        next
    }

    /// The next version, of just these flags.
    pub(crate) fn with_all(&self, entries: &[Arc<FlagEntry>]) -> Snapshot {
        let mut next = self.next(vec![Slot::Vacant; self.slots.len()]);
        if !next.index.has_just(entries) {
            next.change_index(|index| {
                index.forget_ids();
                index.add(entries.iter().map(|entry| &**entry));
            });
        }
        let index = Arc::clone(&next.index);
        for entry in entries {
            if let Some(slot) = index.flag(entry.flag.key()) {
                next.put(slot, Slot::Default(Arc::clone(entry)));
            }
        }
        for (environment, slot, flag) in index.all_own() {
            let Some(entry) = next.slot(flag).entry() else { continue };
            let before = self.slot(slot);
            let is_as_before = before.entry().is_some_and(|before| Arc::ptr_eq(before, entry));
            let content = if is_as_before { before.clone() } else { Slot::new(entry, environment) };
            next.put(slot, content);
        }
        next
    }

    /// The same version, with a slot for a flag in an environment.
    pub(crate) fn with_slot(&self, environment: &Environment, key: &str) -> Snapshot {
        let mut next = Snapshot { version: self.version, ..self.next(self.slots.clone()) };
        let slot = next.change_index(|index| index.reserve_own(environment, key));
        if let Some(entry) = self.find(FlagRef::Key(key)) {
            next.put(slot, Slot::new(entry, environment));
        }
        next
    }

    /// The next version, with the same names and ids.
    fn next(&self, slots: Vec<Slot>) -> Snapshot {
        let (version, index) = (self.version.saturating_add(1), Arc::clone(&self.index));
        Snapshot { engine: self.engine, version, slots, index }
    }

    fn change_index<R>(&mut self, change: impl FnOnce(&mut Index) -> R) -> R {
        let result = change(Arc::make_mut(&mut self.index));
        self.slots.resize(self.index.slots(), Slot::Vacant);
        result
    }

    fn put(&mut self, slot: usize, content: Slot) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = content;
        }
    }
}
