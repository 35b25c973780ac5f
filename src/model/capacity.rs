//! How many users of an experiment are kept.

use std::num::NonZeroU32;

use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::path::Path;

/// The most users of an experiment that can be kept.
pub const MAX_USERS: u32 = 1_000_000_000;

/// What is allowed, in words.
pub(crate) const EXPECTED: &str = "an integer from 0 to 1000000000";

/// The name of the field, in documents and in merges.
pub(crate) const COUNT_USERS: &str = "count_users";

/// How many users of an experiment are kept at most: up to [`MAX_USERS`]; 0 counts none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacity(
    /// One more, so that an `Option` takes no more memory.
    NonZeroU32,
);

impl Capacity {
    pub(crate) fn new(users: u32) -> Option<Capacity> {
        let is_allowed = users <= MAX_USERS;
        NonZeroU32::new(users.saturating_add(1)).filter(|_| is_allowed).map(Capacity)
    }

    /// The capacity of this number, if there is one and it is allowed; else the fault is added.
    pub(crate) fn check(
        users: Option<u32>,
        path: &Path<'_>,
        faults: &mut Faults,
    ) -> Option<Capacity> {
        let users = users?;
        let capacity = Capacity::new(users);
        if capacity.is_none() {
            let kind = FaultKind::Type { expected: EXPECTED, found: users.to_string() };
            faults.add(&path.field(COUNT_USERS), kind);
        }
        capacity
    }

    /// The capacity nearest to this number.
    #[cfg_attr(not(feature = "durable"), expect(dead_code, reason = "nothing is opened"))]
    pub(crate) fn nearest(users: u32) -> Option<Capacity> {
        Capacity::new(users.min(MAX_USERS))
    }

    pub(crate) fn users(self) -> u32 {
        self.0.get().saturating_sub(1)
    }
}
