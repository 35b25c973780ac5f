//! A flag whose exposures are queued: beside another way to be answered, so that the flags of an
//! engine without such a queue cost what they did.

use crate::count::exposures::Exposures;
use crate::read::compiled_flag::{Apart, CompiledFlag};
use crate::read::place::VariantPosition;
use crate::read::reason::Reason;
use crate::read::running_split::Assigned;
use crate::target::attributes::Attributes;
use crate::target::user::User;

/// A flag whose running experiment's exposures are queued.
#[derive(Debug)]
pub(crate) struct Exposing {
    /// How it is answered.
    pub(super) flag: CompiledFlag,
    exposures: Exposures,
}

impl Exposing {
    pub(super) fn new(flag: CompiledFlag, exposures: &Exposures) -> Exposing {
        Exposing { flag, exposures: exposures.clone() }
    }

    /// As [`CompiledFlag::decide_apart`], of any user. If the answer is [to be
    /// counted](Apart::to_count), and is, nothing is left to be counted.
    #[inline(never)]
    pub(super) fn decide_or_count(
        &self,
        key: &str,
        attributes: &dyn Attributes,
        apart: &mut Apart,
    ) -> Option<Assigned<'_>> {
        let is_asked = apart.position == VariantPosition::TO_COUNT;
        let assigned = match self.flag.split_for(key) {
            Some(split) => split.assign(key),
            None => self.flag.decide_apart(key, attributes, apart)?,
        };
        let position = assigned.position();
        let user = User::new(key).with(attributes);
        if is_asked && assigned.expose(position, user, &self.exposures) {
            return apart.unless(Err(Apart { position, reason: Reason::Split }));
        }
        Some(assigned)
    }
}
