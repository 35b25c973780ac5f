//! Which flags of a faulty document are taken, and which stay as they are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::engine::load_report::LeftOut;
use crate::format::flag_document::FlagDocument;
use crate::model::fault::FaultKind;
use crate::model::flag::FlagRef;
use crate::model::id::{ExperimentId, FlagId};
use crate::read::snapshot::Snapshot;
use crate::read::state::FlagEntry;

/// What a tolerant load does with each flag.
pub(super) struct Selection {
    pub(super) taken: Vec<FlagDocument>,
    pub(super) kept: Vec<Arc<FlagEntry>>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Parts the sound flags of a document from the faulty ones, and finds the last good definition of
/// those.
///
/// A definition that is kept can stand in the way of a flag that is sound by itself: it may hold the
/// key, the id or an experiment that the document gives to that flag. Then that one is left out too,
/// and what it had is kept, until nothing is in the way of anything.
pub(super) fn select(old: &Snapshot, flags: Vec<FlagDocument>) -> Selection {
    let mut selector = Selector::new(old, flags);
    selector.leave_out_the_faulty();
    selector.leave_out_the_blocked();
    selector.left_out.sort_by_key(|(at, _)| *at);
    Selection {
        taken: selector.sound.into_iter().flatten().collect(),
        kept: selector.kept,
        left_out: selector.left_out.into_iter().map(|(_, left_out)| left_out).collect(),
    }
}

struct Selector<'s> {
    old: &'s Snapshot,
    /// The flags of the document, by their positions in it, as long as nothing is wrong with them.
    sound: Vec<Option<FlagDocument>>,
    left_out: Vec<(usize, LeftOut)>,
    /// Definitions that stay as they are. Grows while it is worked through.
    kept: Vec<Arc<FlagEntry>>,
    kept_keys: HashSet<Arc<str>>,
}

impl<'s> Selector<'s> {
    fn new(old: &'s Snapshot, flags: Vec<FlagDocument>) -> Selector<'s> {
        Selector {
            old,
            sound: flags.into_iter().map(Some).collect(),
            left_out: Vec::new(),
            kept: Vec::new(),
            kept_keys: HashSet::new(),
        }
    }

    fn leave_out_the_faulty(&mut self) {
        let mut is_any_unidentified = false;
        for at in 0..self.sound.len() {
            let faulty =
                self.sound.get_mut(at).and_then(|flag| flag.take_if(|flag| !flag.is_sound()));
            let Some(flag) = faulty else { continue };
            // A flag whose id cannot be read and whose key is none that the engine knows may be any
            // that the document seems not to have, with its key changed.
            let key = flag.key.as_deref();
            let is_known = key.is_some_and(|key| self.old.find(FlagRef::Key(key)).is_some());
            is_any_unidentified |= flag.id.is_none() && !is_known;
            self.leave_out(at, flag);
        }
        if is_any_unidentified {
            let old = self.old;
            let sound = || self.sound.iter().flatten();
            let keys: HashSet<String> = sound().filter_map(|flag| flag.key.clone()).collect();
            let ids: HashSet<FlagId> = sound().filter_map(|flag| flag.id).collect();
            for entry in old.entries() {
                if !keys.contains(entry.flag.key()) && !ids.contains(&entry.flag.id()) {
                    self.keep(entry);
                }
            }
        }
    }

    fn leave_out_the_blocked(&mut self) {
        let mut keys: HashMap<String, usize> = HashMap::new();
        let mut ids: HashMap<FlagId, usize> = HashMap::new();
        let mut experiments: HashMap<ExperimentId, usize> = HashMap::new();
        for (at, flag) in self.sound.iter().enumerate() {
            let Some(flag) = flag else { continue };
            keys.extend(flag.key.clone().map(|key| (key, at)));
            ids.extend(flag.id.map(|id| (id, at)));
            experiments.extend(flag.experiment_ids.iter().map(|(_, id)| (*id, at)));
        }
        let mut next = 0;
        while let Some(entry) = self.kept.get(next).map(Arc::clone) {
            next = next.saturating_add(1);
            let (key, id) = (entry.flag.key(), entry.flag.id());
            let of_flag = [
                keys.get(key).map(|at| (*at, key.to_owned())),
                ids.get(&id).map(|at| (*at, id.to_string())),
            ];
            let of_experiments = entry.experiments.iter().map(|entry| {
                let id = entry.definition.id;
                experiments.get(&id).map(|at| (*at, id.to_string()))
            });
            for (at, found) in of_flag.into_iter().chain(of_experiments).flatten() {
                let Some(mut flag) = self.sound.get_mut(at).and_then(Option::take) else {
                    continue;
                };
                let other = format!("the last good definition of {key:?}, which is kept");
                flag.faults.add_at(format!("flags[{at}]"), FaultKind::Duplicate { found, other });
                self.leave_out(at, flag);
            }
        }
    }

    fn leave_out(&mut self, at: usize, flag: FlagDocument) {
        let old = self.old;
        let by_key = flag.key.as_deref().and_then(|key| old.find(FlagRef::Key(key)));
        let by_id = flag.id.and_then(|id| old.find(FlagRef::Id(id)));
        let last_good = [by_key, by_id];
        for entry in last_good.into_iter().flatten() {
            self.keep(entry);
        }
        let left_out = LeftOut {
            path: format!("flags[{at}]"),
            key: flag.key,
            faults: flag.faults.into_vec(),
            kept: last_good.iter().any(Option::is_some),
        };
        self.left_out.push((at, left_out));
    }

    fn keep(&mut self, entry: &Arc<FlagEntry>) {
        if self.kept_keys.insert(entry.flag.key().into()) {
            self.kept.push(Arc::clone(entry));
        }
    }
}
