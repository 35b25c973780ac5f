//! What a user has done in a run, in one word whose bits are only ever set. So it does not matter
//! in which order, or how often, what is known of a user is brought together: it is one OR.

use super::kept::Kept;
use crate::count::counters::Event;
use crate::count::users::{GoalUsers, UserCount};
use crate::model::fault::MAX_GOALS_OF_EXPERIMENT;

/// The bits of a user.
pub(super) type Activity = u64;

/// A table has for each user what the user did.
#[derive(Debug)]
pub(crate) enum Activities {}

impl Kept for Activities {
    type Event = Deed;

    #[inline]
    fn after(word: u64, deed: Deed) -> u64 {
        word | deed.bit(word)
    }

    #[inline]
    fn with_earlier(word: u64, before: u64) -> u64 {
        word | before
    }

    /// What was in the queue has gone with its process.
    fn left_by_process(word: u64) -> u64 {
        word & !QUEUED
    }
}

pub(super) const EXPOSED: Activity = 1 << 0;
/// A conversion before any exposure: it has another cause.
const CONVERTED_BEFORE: Activity = 1 << 1;
/// A conversion after an exposure.
const CONVERTED_AFTER: Activity = 1 << 2;
/// The exposure of an exposed user has been queued, in this process.
pub(super) const QUEUED: Activity = 1 << 62;

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
    /// What follows from what a user did: nothing for one who is not in the sample, and no more
    /// than an exposure unless users are counted since the run began.
    #[inline]
    pub(super) fn of(activity: Activity, is_whole: bool) -> Known {
        if activity & EXPOSED != 0 {
            Known::Exposed
        } else if activity != 0 && is_whole {
            Known::Unexposed
        } else {
            Known::Unsure
        }
    }
}

/// What an event says of its user: the bit that it sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deed {
    /// For a user who has not been exposed.
    before: Activity,
    /// For one who has.
    after: Activity,
}

impl Deed {
    /// That the exposure of a user was queued.
    pub(super) const QUEUED: Deed = Deed { before: 0, after: QUEUED };

    /// That a goal was reached, by its place among those of the experiment.
    pub(crate) fn goal(place: GoalPlace) -> Deed {
        let (before, after) = place.bits();
        Deed { before, after }
    }

    /// The bit that is set for a user who has done this.
    #[inline]
    fn bit(self, activity: Activity) -> Activity {
        if activity & EXPOSED == 0 { self.before } else { self.after }
    }
}

impl From<Event> for Deed {
    #[inline]
    fn from(event: Event) -> Deed {
        match event {
            Event::Exposure => Deed { before: EXPOSED, after: EXPOSED },
            Event::Conversion => Deed { before: CONVERTED_BEFORE, after: CONVERTED_AFTER },
        }
    }
}

/// The place of a goal among those of its experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GoalPlace(u8);

/// The number of bits before those of the first goal.
const BITS_BEFORE_GOALS: u32 = 3;

impl GoalPlace {
    /// `None` if an experiment has no room for as many goals.
    pub(crate) fn new(place: usize) -> Option<GoalPlace> {
        let place = u8::try_from(place).ok();
        place.filter(|place| usize::from(*place) < MAX_GOALS_OF_EXPERIMENT).map(GoalPlace)
    }

    /// The bits of a user who reached the goal before any exposure, and after one.
    fn bits(self) -> (Activity, Activity) {
        let shift = u32::from(self.0).saturating_mul(2).saturating_add(BITS_BEFORE_GOALS);
        (1_u64.wrapping_shl(shift), 2_u64.wrapping_shl(shift))
    }
}

impl GoalUsers {
    /// Counts a user who has done this.
    pub(super) fn add(&mut self, activity: Activity, place: GoalPlace) {
        let (before, after) = place.bits();
        let is_exposed = activity & EXPOSED != 0;
        let (count, bit) =
            if is_exposed { (&mut self.reached, after) } else { (&mut self.unexposed, before) };
        *count = count.saturating_add(u64::from(activity & bit != 0));
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
