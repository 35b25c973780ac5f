//! Which flags of a faulty document are taken, and which stay as they are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::compiled::FlagEntry;
use crate::document::FlagDocument;
use crate::fault::{Fault, Rule};
use crate::flag::FlagRef;
use crate::id::{ExperimentId, FlagId};
use crate::report::LeftOut;
use crate::snapshot::Snapshot;

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
/// experiment or the id that the document gives to that flag. Then that one is left out too, and what
/// it had is kept, until nothing is in the way of anything.
pub(super) fn select(old: &Snapshot, flags: Vec<FlagDocument>) -> Selection {
    let mut sound = Vec::new();
    let mut left_out = Vec::new();
    let mut kept = Kept::default();
    let mut unidentified = false;
    for (at, flag) in flags.into_iter().enumerate() {
        if flag.findings.faults.is_empty() && flag.flag.is_some() {
            sound.push((at, flag));
            continue;
        }
        // A flag that can be told neither by its key nor by its id may be any that the document
        // seems not to have.
        unidentified |= flag.key.is_none() && flag.id.is_none();
        left_out.push((at, leave_out(old, at, flag, &mut kept)));
    }
    if unidentified {
        let named: HashSet<&str> =
            sound.iter().filter_map(|(_, flag)| flag.key.as_deref()).collect();
        let others = old.entries().filter(|entry| !named.contains(entry.flag.key()));
        others.for_each(|entry| kept.keep(entry));
    }
    while let Some(blocked) = sound.iter().position(|(_, flag)| kept.blocks(flag).is_some()) {
        let (at, mut flag) = sound.remove(blocked);
        flag.findings
            .faults
            .extend(kept.blocks(&flag).map(|rule| Fault::at(format!("flags[{at}]"), rule)));
        left_out.push((at, leave_out(old, at, flag, &mut kept)));
    }
    left_out.sort_by_key(|(at, _)| *at);
    Selection {
        taken: sound.into_iter().map(|(_, flag)| flag).collect(),
        kept: kept.entries,
        left_out: left_out.into_iter().map(|(_, left_out)| left_out).collect(),
    }
}

fn leave_out(old: &Snapshot, at: usize, flag: FlagDocument, kept: &mut Kept) -> LeftOut {
    let by_key = flag.key.as_deref().and_then(|key| old.find(FlagRef::Key(key)));
    let by_id = flag.id.and_then(|id| old.find(FlagRef::Id(id)));
    let last_good = [by_key, by_id];
    for (_, entry) in last_good.into_iter().flatten() {
        kept.keep(entry);
    }
    LeftOut {
        path: format!("flags[{at}]"),
        key: flag.key,
        faults: flag.findings.faults,
        kept: last_good.iter().any(Option::is_some),
    }
}

/// Definitions that stay as they are.
#[derive(Default)]
struct Kept {
    entries: Vec<Arc<FlagEntry>>,
    keys: HashSet<Arc<str>>,
    ids: HashMap<FlagId, String>,
    experiments: HashMap<ExperimentId, String>,
}

impl Kept {
    fn keep(&mut self, entry: &Arc<FlagEntry>) {
        let key = entry.flag.key();
        if !self.keys.insert(key.into()) {
            return;
        }
        self.ids.insert(entry.flag.id(), key.to_owned());
        let experiments = entry.experiments.iter();
        let ids = experiments.map(|experiment| (experiment.definition.id, key.to_owned()));
        self.experiments.extend(ids);
        self.entries.push(Arc::clone(entry));
    }

    /// What of a flag is held by a definition that stays.
    fn blocks(&self, flag: &FlagDocument) -> Option<Rule> {
        let held_by = |found: String, holder: &str| Rule::Duplicate {
            found,
            other: format!("the last good definition of {holder:?}, which is kept"),
        };
        let key = flag.key.as_deref().filter(|key| self.keys.contains(*key));
        let key = key.map(|key| held_by(key.to_owned(), key));
        let id = flag.id.and_then(|id| Some(held_by(id.to_string(), self.ids.get(&id)?)));
        let experiment = || {
            let mut ids = flag.experiments.iter().map(|section| section.experiment.id);
            ids.find_map(|id| Some(held_by(id.to_string(), self.experiments.get(&id)?)))
        };
        key.or(id).or_else(experiment)
    }
}
