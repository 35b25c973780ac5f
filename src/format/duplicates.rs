//! Keys and ids that occur in more than one place of a document.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use foldhash::fast::RandomState;

use crate::format::flag_document::FlagDocument;
use crate::model::fault::FaultKind;
use crate::model::id::{ExperimentId, FlagId};
use crate::model::path::{Path, quote};

/// Adds a fault to every place that shares a flag key, a flag id or an experiment id with another
/// one: it is unknown which one is meant.
pub(super) fn refuse_duplicates(flags: &mut [FlagDocument]) {
    let experiments = flags.iter().map(|flag| flag.experiment_ids.len()).sum();
    let mut keys = Occurrences::new("key", flags.len());
    let mut ids = Occurrences::new("id", flags.len());
    let mut experiments = Occurrences::new("id", experiments);
    for (at, flag) in flags.iter().enumerate() {
        if let Some(key) = &flag.key {
            keys.add(key.as_str(), Place { flag: at, experiment: None });
        }
        if let Some(id) = flag.id {
            ids.add(id, Place { flag: at, experiment: None });
        }
        for (position, id) in &flag.experiment_ids {
            experiments.add(*id, Place { flag: at, experiment: Some(*position) });
        }
    }
    let mut faults = keys.duplicates(|key| quote(key));
    faults.extend(ids.duplicates(FlagId::to_string));
    faults.extend(experiments.duplicates(ExperimentId::to_string));
    for (at, path, kind) in faults {
        if let Some(flag) = flags.get_mut(at) {
            flag.faults.add_at(path, kind);
        }
    }
}

/// A flag, or one of its experiments, by position.
#[derive(Clone, Copy)]
struct Place {
    flag: usize,
    experiment: Option<usize>,
}

/// Where each value of one kind occurs. Most occur once, so nothing is kept of a value but its
/// first place, and nothing formatted, until it repeats.
struct Occurrences<T> {
    field: &'static str,
    first: HashMap<T, (Place, Option<usize>), RandomState>,
    /// All places of values that repeat, values in the order in which they did.
    repeated: Vec<(T, Vec<Place>)>,
}

impl<T: Copy + Eq + Hash> Occurrences<T> {
    fn new(field: &'static str, values: usize) -> Occurrences<T> {
        let first = HashMap::with_capacity_and_hasher(values, RandomState::default());
        Occurrences { field, first, repeated: Vec::new() }
    }

    fn add(&mut self, value: T, place: Place) {
        match self.first.entry(value) {
            Entry::Vacant(new) => drop(new.insert((place, None))),
            Entry::Occupied(mut known) => {
                let (first, repeated) = known.get_mut();
                let at = *repeated.get_or_insert(self.repeated.len());
                match self.repeated.get_mut(at) {
                    Some((_, places)) => places.push(place),
                    None => self.repeated.push((value, vec![*first, place])),
                }
            }
        }
    }

    /// A fault for each place of a value that has several, with the position of its flag.
    fn duplicates(&self, write: impl Fn(&T) -> String) -> Vec<(usize, String, FaultKind)> {
        let mut faults = Vec::new();
        for (value, places) in &self.repeated {
            let [first, second, ..] = places[..] else { continue };
            for (at, place) in places.iter().enumerate() {
                // The first place points to the second, and every later one to the first.
                let other = self.path(if at == 0 { second } else { first });
                let kind = FaultKind::Duplicate { found: write(value), other };
                faults.push((place.flag, self.path(*place), kind));
            }
        }
        faults
    }

    fn path(&self, place: Place) -> String {
        let flags = Path::Root.field("flags");
        let flag = flags.item(place.flag);
        match place.experiment {
            None => flag.field(self.field).to_string(),
            Some(position) => {
                flag.field("experiments").item(position).field(self.field).to_string()
            }
        }
    }
}
