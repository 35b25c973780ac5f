//! A flag on which users are forced into variants, as evaluations read it.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::read::compiled_flag::{NO_VARIANT, Slot};
use crate::read::running_split::Split;
use crate::read::state::ExperimentEntry;

/// A flag on which somebody is pinned.
#[derive(Debug)]
pub(crate) struct Pinned {
    /// User keys, each with its position among the options.
    pub(super) pins: HashMap<Arc<str>, u32, RandomState>,
    /// The variants that can be answered: those of the running experiment in their order, then those
    /// that somebody is pinned to. Told by the positions of the experiment and of the variant in it.
    pub(super) options: Vec<(usize, usize)>,
    /// For everybody else: the default, or a split.
    pub(super) others: Slot,
}

impl Pinned {
    /// A slot on which somebody is pinned; without a pin, `others` again.
    pub(super) fn new(active: &[(usize, &ExperimentEntry)], others: Slot) -> Result<Pinned, Slot> {
        let mut options = Vec::new();
        if let Slot::Split(split) = &others {
            options.extend((0..split.variants.len()).map(|variant| (split.experiment, variant)));
        }
        let mut pins = HashMap::default();
        for (experiment, entry) in active {
            for (user_key, variant) in entry.pins() {
                let option = (*experiment, variant);
                let known = options.iter().position(|other| *other == option);
                let position = known.unwrap_or_else(|| {
                    options.push(option);
                    options.len().saturating_sub(1)
                });
                let position = u32::try_from(position).unwrap_or(NO_VARIANT);
                pins.entry(Arc::clone(user_key)).or_insert(position);
            }
        }
        if pins.is_empty() { Err(others) } else { Ok(Pinned { pins, options, others }) }
    }

    /// The experiment that splits this user, if nobody has pinned it.
    #[inline(never)]
    pub(super) fn split_for(&self, user_key: &str) -> Option<&Split> {
        match &self.others {
            Slot::Split(split) if !user_key.is_empty() && !self.pins.contains_key(user_key) => {
                Some(split)
            }
            _ => None,
        }
    }
}
