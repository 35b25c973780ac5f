//! Selects which flags of a faulty document are loaded, and which stay as they are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::engine::load_report::SkippedFlag;
use crate::format::flag_document::FlagDocument;
use crate::model::fault::FaultKind;
use crate::model::flag::FlagRef;
use crate::model::id::{ExperimentId, FlagId};
use crate::read::snapshot::Snapshot;
use crate::read::state::FlagState;

/// What a tolerant load does with each flag.
pub(super) struct Selection {
    pub(super) loaded: Vec<FlagDocument>,
    pub(super) kept: Vec<Arc<FlagState>>,
    pub(super) skipped: Vec<SkippedFlag>,
}

/// Separates the valid flags of a document from the faulty ones, and finds the last good definition
/// of those.
///
/// A kept definition can conflict with a flag that is valid by itself: it may have the key, the id
/// or an experiment that the document gives to that flag. Then that flag is skipped too, and its
/// own last good definition kept, until no conflict is left.
pub(super) fn select(old: &Snapshot, flags: Vec<FlagDocument>) -> Selection {
    let mut selector = Selector::new(old, flags);
    selector.skip_faulty();
    selector.skip_conflicting();
    selector.skipped.sort_by_key(|(at, _)| *at);
    Selection {
        loaded: selector.sound.into_iter().flatten().collect(),
        kept: selector.kept,
        skipped: selector.skipped.into_iter().map(|(_, skipped)| skipped).collect(),
    }
}

struct Selector<'s> {
    old: &'s Snapshot,
    /// The flags of the document, by their positions in it; `None` once they are skipped.
    sound: Vec<Option<FlagDocument>>,
    skipped: Vec<(usize, SkippedFlag)>,
    /// Definitions that stay as they are. The list grows during the iteration.
    kept: Vec<Arc<FlagState>>,
    kept_keys: HashSet<Arc<str>>,
}

impl<'s> Selector<'s> {
    fn new(old: &'s Snapshot, flags: Vec<FlagDocument>) -> Selector<'s> {
        Selector {
            old,
            sound: flags.into_iter().map(Some).collect(),
            skipped: Vec::new(),
            kept: Vec::new(),
            kept_keys: HashSet::new(),
        }
    }

    fn skip_faulty(&mut self) {
        let mut is_any_unidentified = false;
        for at in 0..self.sound.len() {
            let faulty =
                self.sound.get_mut(at).and_then(|flag| flag.take_if(|flag| !flag.is_sound()));
            let Some(flag) = faulty else { continue };
            // If the id cannot be read and the engine does not know the key, the flag may be any
            // that the document seems to lack, under a new key.
            let key = flag.key.as_deref();
            let is_known = key.is_some_and(|key| self.old.find(FlagRef::Key(key)).is_some());
            is_any_unidentified |= flag.id.is_none() && !is_known;
            self.skip(at, flag);
        }
        if is_any_unidentified {
            let old = self.old;
            let sound = || self.sound.iter().flatten();
            let keys: HashSet<String> = sound().filter_map(|flag| flag.key.clone()).collect();
            let ids: HashSet<FlagId> = sound().filter_map(|flag| flag.id).collect();
            for state in old.states() {
                if !keys.contains(state.flag.key()) && !ids.contains(&state.flag.id()) {
                    self.keep(state);
                }
            }
        }
    }

    fn skip_conflicting(&mut self) {
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
        while let Some(state) = self.kept.get(next).map(Arc::clone) {
            next = next.saturating_add(1);
            let (key, id) = (state.flag.key(), state.flag.id());
            let of_flag = [
                keys.get(key).map(|at| (*at, key.to_owned())),
                ids.get(&id).map(|at| (*at, id.to_string())),
            ];
            let of_experiments = state.experiments.iter().map(|experiment| {
                let id = experiment.definition.id;
                experiments.get(&id).map(|at| (*at, id.to_string()))
            });
            for (at, found) in of_flag.into_iter().chain(of_experiments).flatten() {
                let Some(mut flag) = self.sound.get_mut(at).and_then(Option::take) else {
                    continue;
                };
                let other = format!("the last good definition of {key:?}, which is kept");
                flag.faults.add_at(format!("flags[{at}]"), FaultKind::Duplicate { found, other });
                self.skip(at, flag);
            }
        }
    }

    fn skip(&mut self, at: usize, flag: FlagDocument) {
        let old = self.old;
        let by_key = flag.key.as_deref().and_then(|key| old.find(FlagRef::Key(key)));
        let by_id = flag.id.and_then(|id| old.find(FlagRef::Id(id)));
        let last_good = [by_key, by_id];
        for state in last_good.into_iter().flatten() {
            self.keep(state);
        }
        let skipped = SkippedFlag {
            path: format!("flags[{at}]"),
            key: flag.key,
            faults: flag.faults.into_vec(),
            kept_previous: last_good.iter().any(Option::is_some),
        };
        self.skipped.push((at, skipped));
    }

    fn keep(&mut self, state: &Arc<FlagState>) {
        if self.kept_keys.insert(state.flag.key().into()) {
            self.kept.push(Arc::clone(state));
        }
    }
}
