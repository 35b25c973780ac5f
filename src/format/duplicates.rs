//! Keys and ids that occur in more than one place of a document.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::Hash;

use foldhash::fast::RandomState;

use crate::format::flag_document::FlagDocument;
use crate::format::targeting::shared_part::SharedPart;
use crate::model::fault::FaultKind;
use crate::model::id::{ExperimentId, FlagId, RuleId};
use crate::model::path::{Path, quote};

/// Adds a fault to every place that shares a flag key, or the id of a flag, an experiment or a
/// rule, with another one: it is unknown which one is meant.
pub(super) fn refuse_duplicates(flags: &mut [FlagDocument]) {
    let experiments = flags.iter().map(|flag| flag.experiment_ids.len()).sum();
    let mut keys = Occurrences::new("key", flags.len());
    let mut ids = Occurrences::new("id", flags.len());
    let mut experiments = Occurrences::new("id", experiments);
    let mut rules = Occurrences::new("id", 0);
    for (at, flag) in flags.iter().enumerate() {
        if let Some(key) = &flag.key {
            keys.add(key.as_str(), Place { of: ("flags", at), inner: None });
        }
        if let Some(id) = flag.id {
            ids.add(id, Place { of: ("flags", at), inner: None });
        }
        for (position, id) in &flag.experiment_ids {
            let inner = Some(("experiments", *position));
            experiments.add(*id, Place { of: ("flags", at), inner });
        }
        for (position, id) in &flag.rules.ids {
            let inner = Some(("rules", *position));
            rules.add(*id, Place { of: ("flags", at), inner });
        }
    }
    let mut faults = keys.duplicates(|key| quote(key));
    faults.extend(ids.duplicates(FlagId::to_string));
    faults.extend(experiments.duplicates(ExperimentId::to_string));
    faults.extend(rules.duplicates(RuleId::to_string));
    for (at, path, kind) in faults {
        if let Some(flag) = flags.get_mut(at) {
            flag.faults.add_at(path, kind);
        }
    }
}

/// Adds a fault to each of several segments, layers, holdouts or goals with one id, which is in
/// this field.
pub(super) fn refuse_duplicate_parts<I, T>(
    parts: &mut [SharedPart<I, T>],
    name: &'static str,
    field: &'static str,
) where
    I: Copy + Eq + Hash + fmt::Display,
{
    let mut ids = Occurrences::new(field, parts.len());
    for (at, part) in parts.iter().enumerate() {
        if let Some(id) = part.id {
            ids.add(id, Place { of: (name, at), inner: None });
        }
    }
    let names = |id: &I| {
        let of_id = parts.iter().find(|part| part.id == Some(*id));
        let named = of_id.and_then(|part| part.name.as_deref()).filter(|_| field != "id");
        named.map_or_else(|| id.to_string(), quote)
    };
    for (at, path, kind) in ids.duplicates(names) {
        if let Some(part) = parts.get_mut(at) {
            part.faults.add_at(path, kind);
        }
    }
}

/// An item of a list of the document, or an item of a list of it, by names and positions.
#[derive(Clone, Copy)]
struct Place {
    of: (&'static str, usize),
    inner: Option<(&'static str, usize)>,
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

    /// A fault for each place of a value that has several, with the position in the document.
    fn duplicates(&self, write: impl Fn(&T) -> String) -> Vec<(usize, String, FaultKind)> {
        let mut faults = Vec::new();
        for (value, places) in &self.repeated {
            let [first, second, ..] = places[..] else { continue };
            for (at, place) in places.iter().enumerate() {
                // The first place points to the second, and every later one to the first.
                let other = self.path(if at == 0 { second } else { first });
                let kind = FaultKind::Duplicate { found: write(value), other };
                faults.push((place.of.1, self.path(*place), kind));
            }
        }
        faults
    }

    fn path(&self, place: Place) -> String {
        let (list, at) = place.of;
        let list = Path::Root.field(list);
        let item = list.item(at);
        match place.inner {
            None => item.field(self.field).to_string(),
            Some((list, at)) => item.field(list).item(at).field(self.field).to_string(),
        }
    }
}
