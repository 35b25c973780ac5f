//! Creating and listing flags.

use super::Engine;
use super::consistency::check_flag_state;
use super::ids::given_or_random;
use crate::engine::events;
use crate::model::change::Action;
use crate::model::error::ControlError;
use crate::model::faults::Faults;
use crate::model::flag::{Flag, FlagRef};
use crate::model::id::FlagId;
use crate::model::new_flag::NewFlag;
use crate::model::path::{Path, quote};
use crate::model::validation::check_flag;
use crate::read::pinned::Pinned;
use crate::read::state::FlagState;

impl Engine {
    /// Creates a flag.
    ///
    /// # Errors
    ///
    /// [`ControlError::Invalid`] if the key or the name is blank or overlong, the value nested too
    /// deep, with a number that 64 bits do not hold, or not of the flag's type;
    /// [`ControlError::FlagKeyTaken`] or [`ControlError::FlagIdTaken`] if another flag has the key
    /// or the id.
    pub fn create_flag(&self, mut new: NewFlag) -> Result<Flag, ControlError> {
        let mut faults = Faults::default();
        check_flag(
            &Path::Root,
            Some(&new.key),
            new.name.as_deref(),
            Some(&mut new.default_value),
            &mut faults,
        );
        faults.into_result()?;
        let writer = self.lock_to_change()?;
        let now = self.control.clock.now();
        let view = self.current.pin();
        if view.find(FlagRef::Key(&new.key)).is_some() {
            return Err(ControlError::FlagKeyTaken { key: new.key });
        }
        let id = given_or_random(new.id, FlagId::from_bytes)?;
        if view.find(FlagRef::Id(id)).is_some() {
            return Err(ControlError::FlagIdTaken { id });
        }
        let flag = Flag::create(id, &new.key, new.name.as_deref(), new.default_value, now);
        let flag = flag.enabled(new.is_enabled).typed(new.flag_type);
        let state = FlagState::of(flag.clone());
        let mut faults = Faults::default();
        check_flag_state(&state, view.shared(), &Path::Root, &mut faults);
        faults.into_result()?;
        writer.publish(view.with(state), Action::CreateFlag)?;
        events::flag_created(flag.key());
        Ok(flag)
    }

    /// All flags, in the order in which their keys became known to the engine.
    #[must_use]
    pub fn flags(&self) -> Vec<Flag> {
        self.current.pin().flags().cloned().collect()
    }

    /// The flag of this key or id.
    #[must_use]
    pub fn flag<'a>(&self, flag: impl Into<FlagRef<'a>>) -> Option<Flag> {
        self.current.pin().find(flag.into()).map(|state| state.flag.clone())
    }
}

pub(super) fn find<'v>(view: &'v Pinned, flag: FlagRef<'_>) -> Result<&'v FlagState, ControlError> {
    match view.find(flag) {
        Some(state) => Ok(state),
        None => Err(ControlError::FlagNotFound {
            flag: match flag {
                FlagRef::Key(key) => format!("{:?}", quote(key)),
                FlagRef::Id(id) => id.to_string(),
            },
        }),
    }
}
