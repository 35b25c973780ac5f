//! The users of one experiment, each counted once: exposed, and converted.

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

/// What a user has done: two bits for the period since the last start, and above them two for ever.
type Activity = u8;

const EXPOSED: Activity = 0b01;
/// With [`EXPOSED`]: a conversion of an exposed user. Alone: one without an exposure before it.
const CONVERTED: Activity = 0b10;
const EVER: u32 = 2;
const SINCE_START: Activity = 0b0011;

fn exposed(activity: Activity) -> Activity {
    // A conversion before the first exposure has another cause: drop it.
    if activity & EXPOSED == 0 { EXPOSED } else { activity }
}

fn converted(activity: Activity) -> Activity {
    activity | CONVERTED
}

/// Applies a change in both periods.
fn in_both_periods(activity: Activity, after: fn(Activity) -> Activity) -> Activity {
    after(activity & SINCE_START) | after(activity >> EVER) << EVER
}

/// A set of users by the hash that assigns them, each with its activity.
///
/// It holds at most its capacity, and one more for each thread that adds a user at the same time.
/// Beyond that it is downsampled: it keeps the users whose sampling hash begins with `bits` zero
/// bits, and `bits` grows (Gibbons, "Distinct sampling for highly-accurate answers to distinct
/// values queries and event reports", VLDB 2001). The sample has all events of a user or none: it
/// depends neither on how often a user came, nor on when.
pub(crate) struct DistinctUsers {
    users: DashMap<u64, Activity, RandomState>,
    /// The number of zero bits that a sampling hash must begin with. Grows, under `downsampling`.
    bits: AtomicU32,
    len: AtomicUsize,
    downsampling: Mutex<()>,
    capacity: usize,
    /// The seed of the sampling hash. It differs from the assignment's, so that the sample is
    /// independent of the variant.
    seed: u64,
    pub(crate) since: Timestamp,
}

impl DistinctUsers {
    pub(crate) fn new(capacity: usize, since: Timestamp) -> DistinctUsers {
        DistinctUsers {
            users: DashMap::default(),
            bits: AtomicU32::new(0),
            len: AtomicUsize::new(0),
            downsampling: Mutex::default(),
            capacity: capacity.max(1),
            seed: xxh3_64(b"fairsplit: which users are kept"),
            since,
        }
    }

    /// Records that the user with this hash was exposed.
    pub(crate) fn record_exposure(&self, user: u64) {
        self.record(user, exposed);
    }

    /// Records that the user with this hash converted.
    pub(crate) fn record_conversion(&self, user: u64) {
        self.record(user, converted);
    }

    fn record(&self, user: u64, after: fn(Activity) -> Activity) {
        let rank = self.rank(user);
        if rank < self.bits.load(Ordering::Relaxed) {
            return;
        }
        // Most calls record nothing new: they share the shard's lock.
        let is_recorded = |activity: Activity| in_both_periods(activity, after) == activity;
        if self.users.get(&user).is_some_and(|activity| is_recorded(*activity)) {
            return;
        }
        let is_over_capacity = match self.users.entry(user) {
            Entry::Occupied(mut activity) => {
                let activity = activity.get_mut();
                *activity = in_both_periods(*activity, after);
                return;
            }
            Entry::Vacant(vacant) => {
                // Re-check under the shard's lock: a concurrent pass may have raised `bits`. If the
                // pass has left this shard, its value is visible here; if not, it will remove this
                // entry.
                if rank < self.bits.load(Ordering::Relaxed) {
                    return;
                }
                // Raise `len` before the lock is released, so that a pass never subtracts a user
                // that `len` lacks.
                let others = self.len.fetch_add(1, Ordering::Relaxed);
                vacant.insert(in_both_periods(0, after));
                others >= self.capacity
            }
        };
        if is_over_capacity {
            self.downsample();
        }
    }

    /// Raises `bits` until the users fit the capacity. Returns at once while another thread does
    /// so.
    #[cold]
    fn downsample(&self) {
        let _downsampling = match self.downsampling.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        while self.len.load(Ordering::Relaxed) > self.capacity {
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

    /// The number of zero bits that the user's sampling hash begins with.
    fn rank(&self, user: u64) -> u32 {
        xxh3_64_with_seed(&user.to_le_bytes(), self.seed).leading_zeros()
    }

    /// Clears the period since the last start.
    pub(crate) fn begin_period(&self) {
        self.users.alter_all(|_, activity| activity & !SINCE_START);
    }

    /// The sampled users of each variant, ever and since the last start; and `bits`.
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
            // A pass that removes users during the count would skew the variants: count again.
            if self.bits.load(Ordering::Relaxed) == bits {
                return (counts, bits);
            }
        }
    }
}

impl UserCount {
    fn add(&mut self, activity: Activity) {
        let count = match activity {
            0 => return,
            CONVERTED => &mut self.converted_unexposed,
            _ => {
                let converted = activity & CONVERTED != 0;
                self.converted = self.converted.saturating_add(u64::from(converted));
                &mut self.exposed
            }
        };
        *count = count.saturating_add(1);
    }
}

impl fmt::Debug for DistinctUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DistinctUsers { len, capacity, bits, .. } = self;
        f.debug_struct("DistinctUsers")
            .field("len", len)
            .field("capacity", capacity)
            .field("bits", bits)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    /// The number of zero bits grows only when a user exceeds the capacity, and by no more than
    /// needed.
    #[test]
    fn users_beyond_the_capacity_downsample_no_more_than_it_takes() {
        for capacity in [0, 1, 2, 7, 100] {
            let users = DistinctUsers::new(capacity, Timestamp::from_unix_seconds(0));
            let mut bits = 0;
            let mut kept = Vec::new();
            for user in 0..2000_u64 {
                // Each is exposed twice, and then converts.
                users.record_exposure(user);
                users.record_exposure(user);
                users.record_conversion(user);
                kept.extend((users.rank(user) >= bits).then_some(user));
                while kept.len() > capacity.max(1) {
                    bits += 1;
                    kept.retain(|user| users.rank(*user) >= bits);
                }
                assert_eq!(
                    users.bits.load(Ordering::Relaxed),
                    bits,
                    "user {user}, capacity {capacity}"
                );
                assert_eq!(users.len.load(Ordering::Relaxed), kept.len());
                assert_eq!(users.users.len(), kept.len());
                assert!(kept.iter().all(|user| users.users.contains_key(user)));
            }
            assert!(bits > 3 && users.users.iter().all(|activity| *activity == 0b1111));
        }
    }

    /// `len` was once raised after the user had been added. A pass in between then subtracted from
    /// 0, the set seemed to be over its capacity for good, and was downsampled to nothing.
    #[test]
    fn threads_beyond_the_capacity_downsample_no_more_than_it_takes() {
        const THREADS: u64 = 4;
        for round in 0..3000 {
            let users = DistinctUsers::new(1, Timestamp::from_unix_seconds(0));
            let barrier = Barrier::new(usize::try_from(THREADS).unwrap());
            thread::scope(|scope| {
                for thread in 0..THREADS {
                    let (users, barrier) = (&users, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        for user in 0..16 {
                            users.record_exposure((round * THREADS + thread) << 32 | user);
                        }
                    });
                }
            });
            // 64 users: about six bits leave one of them, and 40 bits none of a billion.
            assert!(users.bits.into_inner() < 40);
        }
    }
}
