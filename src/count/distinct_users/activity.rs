//! What a user has done in a run, in one word whose bits are only ever set. So it does not matter
//! in which order, or how often, what is known of a user is brought together: it is one OR.

use crate::count::counters::Event;
use crate::count::users::UserCount;

/// The bits of a user.
pub(super) type Activity = u64;

const EXPOSED: Activity = 1 << 0;
/// A conversion before any exposure: it has another cause.
const CONVERTED_BEFORE: Activity = 1 << 1;
/// A conversion after an exposure.
const CONVERTED_AFTER: Activity = 1 << 2;
/// Not of the user, but of the slot: nothing more is recorded here, since the user is moving to
/// another table.
pub(super) const LEFT: Activity = 1 << 63;

/// What is known of a user whose event was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// The user has been exposed in this run.
    Exposed,
    /// The user has not been exposed in this run.
    Unexposed,
    /// Not known: the user is not in the sample, or was exposed before users were counted, if at
    /// all.
    Unsure,
}

impl Known {
    pub(super) fn of(activity: Activity) -> Known {
        if activity & EXPOSED == 0 { Known::Unexposed } else { Known::Exposed }
    }
}

/// The bit that an event sets for a user who has done this.
#[inline]
pub(super) fn bit_of(event: Event, activity: Activity) -> Activity {
    match event {
        Event::Exposure => EXPOSED,
        Event::Conversion if activity & EXPOSED == 0 => CONVERTED_BEFORE,
        Event::Conversion => CONVERTED_AFTER,
    }
}

impl UserCount {
    /// Counts a user who has done this.
    pub(super) fn add(&mut self, activity: Activity) {
        let add = |count: &mut u64, bit: Activity| {
            *count = count.saturating_add(u64::from(activity & bit != 0));
        };
        if activity & EXPOSED == 0 {
            add(&mut self.converted_unexposed, CONVERTED_BEFORE);
        } else {
            add(&mut self.exposed, EXPOSED);
            add(&mut self.converted, CONVERTED_AFTER);
        }
    }
}
