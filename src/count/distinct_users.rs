//! Users of one experiment, each remembered once: who was exposed, and who of them converted.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, TryLockError};

use dashmap::{DashMap, Entry};
use foldhash::fast::RandomState;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::assign::allocation::Allocation;
use crate::assign::bucket::Bucket;
use crate::count::users::UserCount;
use crate::model::timestamp::Timestamp;

/// What a user has done. Two bits of each period: since the last start, and above them ever.
type Deeds = u8;

const EXPOSED: Deeds = 0b01;
/// With [`EXPOSED`]: of an exposed user. Alone: of one who was not exposed before.
const CONVERTED: Deeds = 0b10;
const EVER: u32 = 2;
const SINCE_START: Deeds = 0b0011;

fn exposed(deeds: Deeds) -> Deeds {
    // Who converts before anything was shown converts for some other reason: that is not kept.
    if deeds & EXPOSED == 0 { EXPOSED } else { deeds }
}

fn converted(deeds: Deeds) -> Deeds {
    deeds | CONVERTED
}

/// The same in both periods.
fn in_both(deeds: Deeds, after: fn(Deeds) -> Deeds) -> Deeds {
    after(deeds & SINCE_START) | after(deeds >> EVER) << EVER
}

/// Users by the hash that assigns them, each with what it has done.
///
/// At most as many as there is room for, and at most one more for each thread that adds one at the
/// same time. Where there are more, only users are kept whose hash for sampling begins with so many zero
/// bits, and that number grows: Gibbons, "Distinct sampling for highly-accurate answers to distinct
/// values queries and event reports", VLDB 2001. What is kept is a sample of users in which each is
/// whole: it does not depend on how often anybody came, nor when.
pub(crate) struct Ledger {
    users: DashMap<u64, Deeds, RandomState>,
    /// How many zero bits are asked for. Grows, under `thinning`.
    bits: AtomicU32,
    len: AtomicUsize,
    thinning: Mutex<()>,
    room: usize,
    /// Of the hash that samples: one of its own, so that it says nothing of the variant.
    seed: u64,
    pub(crate) began: Timestamp,
}

impl Ledger {
    pub(crate) fn new(room: usize, began: Timestamp) -> Ledger {
        Ledger {
            users: DashMap::default(),
            bits: AtomicU32::new(0),
            len: AtomicUsize::new(0),
            thinning: Mutex::default(),
            room: room.max(1),
            seed: xxh3_64(b"fairsplit: which users are kept"),
            began,
        }
    }

    /// Remembers that the user with this hash was exposed.
    pub(crate) fn expose(&self, user: u64) {
        self.note(user, exposed);
    }

    /// Remembers that the user with this hash converted.
    pub(crate) fn convert(&self, user: u64) {
        self.note(user, converted);
    }

    fn note(&self, user: u64, after: fn(Deeds) -> Deeds) {
        let rank = self.rank(user);
        if rank < self.bits.load(Ordering::Relaxed) {
            return;
        }
        // Most calls are by users whose deeds are known: they share the lock.
        if self.users.get(&user).is_some_and(|deeds| in_both(*deeds, after) == *deeds) {
            return;
        }
        let is_crowded = match self.users.entry(user) {
            Entry::Occupied(mut deeds) => {
                let deeds = deeds.get_mut();
                *deeds = in_both(*deeds, after);
                return;
            }
            Entry::Vacant(place) => {
                // Again, with the lock: whoever has raised it since has either been here, and is seen,
                // or will come, and remove what is added now.
                if rank < self.bits.load(Ordering::Relaxed) {
                    return;
                }
                // Still with the lock: whoever removes the user has counted it.
                let others = self.len.fetch_add(1, Ordering::Relaxed);
                place.insert(in_both(0, after));
                others >= self.room
            }
        };
        if is_crowded {
            self.thin();
        }
    }

    /// Asks for more zero bits until there is room. Whoever finds somebody else at it goes on.
    #[cold]
    fn thin(&self) {
        let _thinning = match self.thinning.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        while self.len.load(Ordering::Relaxed) > self.room {
            let bits = self.bits.load(Ordering::Relaxed).saturating_add(1);
            self.bits.store(bits, Ordering::Relaxed);
            let mut removed = 0_usize;
            self.users.retain(|user, _| {
                let stays = self.rank(*user) >= bits;
                removed = removed.saturating_add(usize::from(!stays));
                stays
            });
            self.len.fetch_sub(removed, Ordering::Relaxed);
            if bits > u64::BITS {
                return;
            }
        }
    }

    /// With how many zero bits the user's hash for sampling begins.
    fn rank(&self, user: u64) -> u32 {
        xxh3_64_with_seed(&user.to_le_bytes(), self.seed).leading_zeros()
    }

    /// Lets the period since the last start begin anew.
    pub(crate) fn begin_period(&self) {
        self.users.alter_all(|_, deeds| deeds & !SINCE_START);
    }

    /// The users of each variant that are kept, ever and since the last start; and how many zero bits
    /// were asked for.
    pub(crate) fn counts(
        &self,
        allocation: &Allocation,
        variants: u32,
    ) -> (Vec<[UserCount; 2]>, u32) {
        loop {
            let bits = self.bits.load(Ordering::Relaxed);
            let mut counts = vec![[UserCount::default(); 2]; variants as usize];
            for user in &self.users {
                if self.rank(*user.key()) < bits {
                    continue;
                }
                let variant = allocation.variant(Bucket::from_hash(*user.key()));
                if let Some([ever, since_start]) = counts.get_mut(variant) {
                    ever.add(*user.value() >> EVER);
                    since_start.add(*user.value() & SINCE_START);
                }
            }
            // A thinning may have come in between, before one variant's users and after another's.
            if self.bits.load(Ordering::Relaxed) == bits {
                return (counts, bits);
            }
        }
    }
}

impl UserCount {
    fn add(&mut self, deeds: Deeds) {
        let count = match deeds {
            0 => return,
            CONVERTED => &mut self.converted_unexposed,
            _ => {
                let converted = deeds & CONVERTED != 0;
                self.converted = self.converted.saturating_add(u64::from(converted));
                &mut self.exposed
            }
        };
        *count = count.saturating_add(1);
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ledger { len, room, bits, .. } = self;
        f.debug_struct("Ledger")
            .field("len", len)
            .field("room", room)
            .field("bits", bits)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    /// A user was counted after it had been added, so that who removed it in between took it from a count
    /// of 0: the ledger then seemed to be full for good, and was thinned to nothing.
    #[test]
    fn threads_that_crowd_a_small_ledger_thin_it_no_more_than_it_takes() {
        const THREADS: u64 = 4;
        for round in 0..3000 {
            let ledger = Ledger::new(1, Timestamp::from_unix_seconds(0));
            let barrier = Barrier::new(usize::try_from(THREADS).unwrap());
            thread::scope(|scope| {
                for thread in 0..THREADS {
                    let (ledger, barrier) = (&ledger, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        for user in 0..16 {
                            ledger.expose((round * THREADS + thread) << 32 | user);
                        }
                    });
                }
            });
            // 64 users: some six bits leave one of them, and 40 none of a billion.
            assert!(ledger.bits.into_inner() < 40);
        }
    }
}
