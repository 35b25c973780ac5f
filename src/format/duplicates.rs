//! Keys and ids that occur in more than one place of a document.

use std::collections::HashMap;
use std::hash::Hash;

use crate::format::flag_document::FlagDocument;
use crate::model::fault::FaultKind;
use crate::model::id::{ExperimentId, FlagId};
use crate::model::path::{Path, quote};

/// Adds a fault to every place that shares a flag key, a flag id or an experiment id with another
/// one: it is unknown which one is meant.
pub(super) fn refuse_duplicates(flags: &mut [FlagDocument]) {
    let mut keys = Occurrences::new("key");
    let mut ids = Occurrences::new("id");
    let mut experiments = Occurrences::new("id");
    for (at, flag) in flags.iter().enumerate() {
        if let Some(key) = &flag.key {
            keys.add(key.clone(), Place { flag: at, experiment: None });
        }
        if let Some(id) = flag.id {
            ids.add(id, Place { flag: at, experiment: None });
        }
        for (position, id) in &flag.experiment_ids {
            experiments.add(*id, Place { flag: at, experiment: Some(*position) });
        }
    }
    let keys = keys.duplicates(|key| quote(key)).into_iter();
    let ids = ids.duplicates(FlagId::to_string);
    let experiments = experiments.duplicates(ExperimentId::to_string);
    for (at, path, kind) in keys.chain(ids).chain(experiments) {
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

/// Where each value of one kind occurs, values in the order of the text. Most occur once, so
/// nothing is formatted until one repeats.
struct Occurrences<T> {
    field: &'static str,
    values: Vec<(T, Vec<Place>)>,
    known: HashMap<T, usize>,
}

impl<T: Clone + Eq + Hash> Occurrences<T> {
    fn new(field: &'static str) -> Occurrences<T> {
        Occurrences { field, values: Vec::new(), known: HashMap::new() }
    }

    fn add(&mut self, value: T, place: Place) {
        let next = self.values.len();
        let at = *self.known.entry(value.clone()).or_insert(next);
        match self.values.get_mut(at) {
            Some((_, places)) => places.push(place),
            None => self.values.push((value, vec![place])),
        }
    }

    /// A fault for each place of a value that has several, with the position of its flag.
    fn duplicates(&self, write: impl Fn(&T) -> String) -> Vec<(usize, String, FaultKind)> {
        let mut faults = Vec::new();
        for (value, places) in &self.values {
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
