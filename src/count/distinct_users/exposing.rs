//! Which users' exposures have been queued: the first of each user in a run, if the queue had room.

use super::activity::{Activities, Activity, Deed, Known, QUEUED};
use super::{DistinctUsers, Tables, hash_of};
use crate::count::counters::Event;
use crate::count::sync;

/// A user who is kept, as an exposure is queued.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptUser {
    /// The run that the user is exposed in.
    pub(crate) run: u32,
    /// One user in 2 to the power of this number is kept.
    pub(crate) bits: u32,
}

impl Tables {
    /// What is known of a user: nothing of one who is not kept, or not yet.
    #[inline]
    fn known(&self, hash: u64) -> Activity {
        let known = self.current.known(hash);
        match &self.leaving {
            Some(leaving) if known == 0 => leaving.table.known(hash),
            _ => known,
        }
    }
}

impl DistinctUsers<Activities> {
    /// Records an exposure of the user with this hash. If the user is kept, and no exposure of the
    /// user in this run has been queued, `queue` is called, and returns whether it has queued this
    /// one. If it has not, it is called again at the user's next exposure.
    ///
    /// Of a user whose exposure has been queued, this reads one word. Each of several threads that
    /// expose a user for the first time at the same moment calls `queue`.
    #[inline]
    pub(crate) fn expose(&self, user: u64, queue: impl FnOnce(KeptUser) -> bool) {
        let hash = hash_of(user);
        // Only exposed users have the bit.
        if self.tables.load().known(hash) & QUEUED == 0 {
            self.expose_new(hash, queue);
        }
    }

    #[cold]
    #[inline(never)]
    fn expose_new(&self, hash: u64, queue: impl FnOnce(KeptUser) -> bool) {
        let (scope, bits) = loop {
            let tables = self.tables.load();
            let activity = self.record_in(&tables, hash, Event::Exposure.into());
            match activity.map(|activity| Known::of(activity, false)) {
                None => sync::wait(),
                Some(Known::Exposed) => break (tables.scope, tables.current.head.bits),
                // The user is not kept.
                Some(_) => return,
            }
        };
        if !queue(KeptUser { run: scope.run, bits }) {
            return;
        }
        loop {
            let tables = self.tables.load();
            // Another run has users of its own, whose exposures are queued for it.
            if tables.scope != scope || self.record_in(&tables, hash, Deed::QUEUED).is_some() {
                return;
            }
            sync::wait();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;

    use super::super::slots::{InProcess, Memory};
    use super::super::tests::{scope, user, users};
    use super::super::{Activities, DistinctUsers, Run};
    use crate::count::counters::Event;

    /// Whether an exposure of the user was to be queued, which succeeds or not.
    fn is_asked(users: &DistinctUsers, number: u64, succeeds: bool) -> bool {
        let mut is_asked = false;
        users.expose(user(number), |_| {
            is_asked = true;
            succeeds
        });
        is_asked
    }

    #[test]
    fn a_user_is_queued_until_it_succeeded_and_not_by_a_conversion() {
        let users = users(1000);
        users.record(user(1), Event::Conversion);
        for (succeeds, expected) in [(false, true), (false, true), (true, true), (true, false)] {
            assert_eq!(is_asked(&users, 1, succeeds), expected);
            users.record(user(1), Event::Conversion);
        }
        let tables = users.settled();
        let bits = tables.current.all().map(|(_, activity)| activity.count_ones());
        // Exposed, converted before and after, and queued.
        assert_eq!(bits.collect::<Vec<_>>(), [4]);
    }

    /// A table that is used as it was left, and tables that are united.
    #[test]
    fn what_a_former_process_queued_is_queued_again() {
        for processes in 1..=3 {
            let memory: Arc<dyn Memory> = Arc::new(InProcess);
            let left: Vec<_> = (0..processes)
                .map(|_| {
                    let users = users(1_000_000);
                    assert!((0..300).all(|number| is_asked(&users, number, true)));
                    assert!((0..300).all(|number| !is_asked(&users, number, true)));
                    let tables = users.settled();
                    drop(users);
                    let table = Arc::try_unwrap(Arc::try_unwrap(tables).unwrap().current).unwrap();
                    (table.head, table.slots)
                })
                .collect();
            let users: DistinctUsers =
                DistinctUsers::new(Run::united::<Activities>(scope(1000), left, &*memory), memory);
            assert!((0..300).all(|number| is_asked(&users, number, true)), "{processes}");
            assert!((0..300).all(|number| !is_asked(&users, number, true)), "{processes}");
            assert_eq!(users.settled().current.users(), 300);
        }
    }

    /// A table of which a user was moving is made anew.
    #[test]
    fn what_was_queued_in_a_table_that_users_were_leaving_is_queued_again() {
        let memory: Arc<dyn Memory> = Arc::new(InProcess);
        let users = users(1_000_000);
        assert!((0..20).all(|number| is_asked(&users, number, true)));
        let tables = users.settled();
        drop(users);
        let table = Arc::try_unwrap(Arc::try_unwrap(tables).unwrap().current).unwrap();
        table.leave(user(3));
        let left = vec![(table.head, table.slots)];
        let users: DistinctUsers =
            DistinctUsers::new(Run::united::<Activities>(scope(1000), left, &*memory), memory);
        assert!((0..20).all(|number| is_asked(&users, number, true)));
        assert_eq!(users.settled().current.users(), 20);
    }

    /// The run changes while the exposure of the one before is put into the queue.
    #[test]
    fn a_user_who_was_queued_for_the_run_before_is_queued_for_the_next_one() {
        let users = users(1000);
        let memory: Arc<dyn Memory> = Arc::new(InProcess);
        users.expose(user(1), |kept| {
            assert_eq!((kept.run, kept.bits), (1, 0));
            let next = super::super::Scope { run: 2, ..scope(1000) };
            users.begin(Run::new(next, &*memory));
            users.record(user(1), Event::Exposure);
            true
        });
        let mut run = None;
        users.expose(user(1), |kept| {
            run = Some(kept.run);
            true
        });
        assert_eq!(run, Some(2), "it was not marked by the call of the run before");
        assert!(!is_asked(&users, 1, true));
    }
}
