//! The users of one run of an experiment, each once, with one word: what the user did, or the sum of
//! the user's values.
//!
//! * `table`: a user's place, and how users move to another table; `slots`: its memory;
//! * `kept`: what a word may be; `activity` and `sums`: the two kinds of it;
//! * `sample`: what users did, by variant;
//! * `exposing`: whose exposures have been queued.

mod activity;
mod exposing;
mod kept;
#[cfg(all(test, loom))]
mod loom_tests;
mod sample;
pub(crate) mod slots;
#[cfg(all(test, not(loom)))]
mod step_tests;
mod sums;
#[cfg(all(test, not(loom)))]
mod sums_tests;
mod table;
#[cfg(all(test, not(loom)))]
mod table_tests;
#[cfg(all(test, not(loom)))]
mod tests;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock, PoisonError, TryLockError};

use xxhash_rust::const_xxh3::xxh3_64;
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(crate) use self::activity::{Activities, Deed, GoalPlace, Known};
pub(crate) use self::exposing::KeptUser;
pub(crate) use self::kept::Kept;
use self::slots::{Head, InProcess, Memory, Slots};
pub(crate) use self::sums::{Sums, SumsOfUsers};
use self::table::{Claimed, EMPTY, Found, SEALED, Table};
use crate::count::sync::{self, AtomicUsize, Mutex, Ordering, Swap};
use crate::model::id::{ExperimentId, GoalId};
use crate::model::timestamp::Timestamp;

/// The slots of the first table: 1 KiB.
const FIRST_SLOTS: usize = 64;
/// How many slots a call that adds a user lets leave. A table is three quarters full when the next
/// one, at least as large, is made: it is left long before that one is full.
const STEP: usize = 32;

/// The run of users that were dropped.
const NO_RUN: u32 = u32::MAX;

/// Whose users they are, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) experiment: ExperimentId,
    pub(crate) run: u32,
    /// The goal whose values are summed; `None` for what users did.
    pub(crate) goal: Option<GoalId>,
    /// Since when the users of the run are counted.
    pub(crate) since: Timestamp,
    /// Whether that is since the run began: then a user who is not known as exposed was not.
    pub(crate) is_whole: bool,
    /// The most users that are kept.
    pub(crate) capacity: usize,
}

/// A run whose users are to be counted, with its first table.
#[derive(Debug)]
pub(crate) struct Run {
    scope: Scope,
    table: Table,
}

/// A set of users by the hash that assigns them, each with its word.
///
/// It holds at most its capacity, and some more while users move. Beyond that it is downsampled: it
/// keeps the users whose sampling hash begins with `bits` zero bits, and `bits` grows (Gibbons,
/// "Distinct sampling for highly-accurate answers to distinct values queries and event reports",
/// VLDB 2001). The sample has all events of a user or none: it depends neither on how often a user
/// came, nor on when. The sampling hash is the same in all processes, so the sample of a union is
/// the union of samples.
///
/// To grow, or to be downsampled, is one thing: the users move to another table, larger or with
/// more bits. Calls that add users do it in small steps, and a known user's call never waits. A new
/// run begins with another table, and drops what was there.
pub(crate) struct DistinctUsers<K = Activities> {
    tables: Swap<Tables>,
    kept: PhantomData<K>,
    memory: Arc<dyn Memory>,
    /// Held while another table takes the place of the current one.
    making: Mutex<()>,
    /// A table that is freed in small steps.
    freeing: Mutex<Option<Arc<Table>>>,
}

/// The table where users are added, and the one that they leave for it.
#[derive(Debug)]
struct Tables {
    scope: Scope,
    current: Arc<Table>,
    leaving: Option<Leaving>,
}

#[derive(Debug)]
struct Leaving {
    table: Arc<Table>,
    /// How many users may be added to the current table until this one is left.
    room: usize,
    /// Those that were.
    added: AtomicUsize,
    /// The slots that some call has taken on.
    begun: AtomicUsize,
    /// The slots that are done.
    done: AtomicUsize,
}

impl Run {
    pub(crate) fn new(scope: Scope, memory: &dyn Memory) -> Run {
        Run::with_slots(FIRST_SLOTS, scope, memory)
    }

    fn with_slots(slots: usize, scope: Scope, memory: &dyn Memory) -> Run {
        Run { scope, table: new_table(&scope, 0, slots, memory) }
    }

    /// Whose users they are.
    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    /// Gives up the memory of a run that is not to begin.
    pub(crate) fn give_up(self) {
        self.table.slots.dropped();
    }

    /// A run with the users of these tables, all of the same run, in the order in which they were
    /// made: as they were left behind, or, of what users did, as several processes counted them in
    /// any order. Since when users are counted, and how many are kept, is as
    /// it was.
    pub(crate) fn united<K: Kept>(
        scope: Scope,
        tables: Vec<(Head, Slots)>,
        memory: &dyn Memory,
    ) -> Run {
        let since = tables.iter().map(|(head, _)| head.since).min().unwrap_or(scope.since);
        let capacity = tables.iter().map(|(head, _)| head.capacity).max();
        let scope = Scope { since, capacity: capacity.unwrap_or(scope.capacity), ..scope };
        let is_one = tables.len() == 1;
        let mut parts = Vec::new();
        for (head, slots) in tables {
            match Table::left_in::<K>(head, slots) {
                Ok(table) if is_one => return Run { scope, table },
                Ok(table) => parts.push(table),
                Err(slots) => parts.push(Table::new(head, slots)),
            }
        }
        let bits = parts.iter().map(|part| part.head.bits).max().unwrap_or(0);
        // The last one first: where a user is in several, it has what those before it have.
        let users = || {
            let kept = parts.iter().rev().flat_map(Table::all);
            let kept = kept.filter(|(hash, _)| rank(*hash) >= bits);
            kept.map(|(hash, word)| (hash, K::left_by_process(word)))
        };
        // At most half full.
        let slots = users().count().saturating_mul(2).max(FIRST_SLOTS).next_power_of_two();
        let table = new_table(&scope, bits, slots, memory);
        users().for_each(|(hash, word)| table.take::<K>(hash, word));
        for part in &parts {
            part.slots.replaced();
        }
        Run { scope, table }
    }

    /// The number of users.
    #[cfg(feature = "durable")]
    pub(crate) fn users(&self) -> usize {
        self.table.all().count()
    }
}

impl Tables {
    /// What takes no user: no sampling hash begins with as many bits.
    fn nothing() -> Tables {
        let experiment = ExperimentId::from_bytes([0; 16]);
        let since = Timestamp::from_unix_seconds(0);
        let (run, goal) = (NO_RUN, None);
        let scope = Scope { experiment, run, goal, since, is_whole: false, capacity: 0 };
        let table = new_table(&scope, u32::MAX, 0, &InProcess);
        Tables::of(Run { scope, table })
    }

    fn of(Run { scope, table }: Run) -> Tables {
        Tables { scope, current: Arc::new(table), leaving: None }
    }

    fn dropped(&self) {
        self.current.slots.dropped();
        if let Some(leaving) = &self.leaving {
            leaving.table.slots.dropped();
        }
    }

    /// Whether the users should move to another table.
    fn is_crowded(&self) -> bool {
        self.current.users() > self.scope.capacity || self.current.is_crowded()
    }
}

impl<K: Kept> DistinctUsers<K> {
    pub(crate) fn new(run: Run, memory: Arc<dyn Memory>) -> DistinctUsers<K> {
        DistinctUsers {
            tables: Swap::from_pointee(Tables::of(run)),
            kept: PhantomData,
            memory,
            making: Mutex::new(()),
            freeing: Mutex::new(None),
        }
    }

    /// Begins another run, and drops the users of the one before.
    pub(crate) fn begin(&self, run: Run) {
        self.replace(Arc::new(Tables::of(run)));
    }

    /// Drops the users, and keeps none until another run begins.
    pub(crate) fn forget(&self) {
        static NOTHING: LazyLock<Arc<Tables>> = LazyLock::new(|| Arc::new(Tables::nothing()));
        self.replace(Arc::clone(&NOTHING));
    }

    fn replace(&self, tables: Arc<Tables>) {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.tables.swap(tables);
        before.dropped();
        self.free_now();
    }

    /// Whether the users were dropped, and no run has begun since.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.scope().run == NO_RUN
    }

    /// The run, and how many users are kept.
    pub(crate) fn scope(&self) -> Scope {
        self.tables.load().scope
    }

    /// Records an event of the user with this hash. `read` gets the user's word, 0 if the user is
    /// not in the sample.
    ///
    /// An event of a known user that changes nothing writes nothing.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call of it costs several instructions an event")]
    fn record_as<R>(&self, user: u64, event: K::Event, read: impl Fn(u64, &Scope) -> R) -> R {
        let hash = hash_of(user);
        loop {
            let tables = self.tables.load();
            if let Some(word) = self.record_in(&tables, hash, event) {
                return read(word, &tables.scope);
            }
            // The users move to a table that is there, or will be at once.
            sync::wait();
        }
    }

    /// Records an event of a user. Returns the user's word; `None` if these are not the tables any
    /// more.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `record_as`")]
    fn record_in(&self, tables: &Arc<Tables>, hash: u64, event: K::Event) -> Option<u64> {
        let word = match tables.current.find(hash) {
            Found::User(slot) => slot.record_known::<K>(event),
            _ => None,
        };
        word.or_else(|| self.record_new(tables, hash, event))
    }

    /// Records an event of a user who is not in the current table yet. Returns the user's word;
    /// `None` if the table is not the current one any more.
    #[cold]
    #[inline(never)]
    fn record_new(&self, tables: &Arc<Tables>, hash: u64, event: K::Event) -> Option<u64> {
        let Tables { current, leaving, .. } = &**tables;
        if rank(hash) < current.head.bits {
            return Some(0);
        }
        let before = match leaving {
            None => 0,
            Some(leaving) => {
                let table = &leaving.table;
                if let Found::User(slot) = table.find(hash)
                    && let Some(word) = slot.record_known::<K>(event)
                {
                    return Some(word);
                }
                let before = table.leave(hash);
                if leaving.added.fetch_add(1, Ordering::AcqRel) >= leaving.room {
                    self.finish(tables);
                    return None;
                }
                before
            }
        };
        match current.claim(hash) {
            Claimed::Known(slot) => slot.record::<K>(event, before),
            Claimed::New(slot) => {
                let word = slot.record::<K>(event, before);
                self.go_on(tables);
                word
            }
            Claimed::Sealed => None,
            Claimed::Full => {
                self.finish(tables);
                self.make_next(tables);
                None
            }
        }
    }

    /// What a call that has added a user does besides: a step of what is under way, or the
    /// beginning of it.
    fn go_on(&self, tables: &Arc<Tables>) {
        let Tables { current, leaving, .. } = &**tables;
        match leaving {
            None if tables.is_crowded() => self.make_next(tables),
            None => self.free_some(),
            Some(leaving) => {
                let len = leaving.table.slots.len();
                let begin = leaving.begun.fetch_add(STEP, Ordering::Relaxed);
                let end = begin.saturating_add(STEP).min(len);
                (begin..end).for_each(|at| leave::<K>(&leaving.table, at, current));
                let steps = end.saturating_sub(begin);
                let done = leaving.done.fetch_add(steps, Ordering::AcqRel).saturating_add(steps);
                if done >= len {
                    self.finished(tables);
                }
            }
        }
    }

    /// Makes the next table, unless another thread does so.
    fn make_next(&self, tables: &Arc<Tables>) {
        let _making = match self.making.try_lock() {
            Ok(making) => making,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let Tables { scope, current, .. } = &**tables;
        if !Arc::ptr_eq(&self.tables.load(), tables) || tables.leaving.is_some() {
            return;
        }
        let Head { bits, slots, .. } = current.head;
        let (bits, is_full) = if current.users() > scope.capacity {
            // As many slots again, if they are enough even if no user is dropped.
            (bits.saturating_add(1), current.is_nearly_full())
        } else {
            (bits, true)
        };
        let slots = if is_full { slots.saturating_mul(2) } else { slots };
        // By the same multiplier, the users of neighbouring slots are neighbours in the next table
        // too: a step of those who move reaches a chunk or two, and not one for each user.
        let head = head_of(scope, bits, slots, current.head.multiplier);
        let next = Table::new(head, self.memory.slots(&head));
        let users = current.close();
        let leaving = Leaving {
            table: Arc::clone(current),
            room: next.limit().saturating_sub(users),
            added: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        };
        let next = Tables { scope: *scope, current: Arc::new(next), leaving: Some(leaving) };
        self.tables.store(Arc::new(next));
    }

    /// Lets all users leave that have not left. Other threads may do the same at the same time.
    fn finish(&self, tables: &Arc<Tables>) {
        if let Some(leaving) = &tables.leaving {
            let slots = 0..leaving.table.slots.len();
            slots.for_each(|at| leave::<K>(&leaving.table, at, &tables.current));
            self.finished(tables);
        }
    }

    /// Drops the table that all users have left.
    fn finished(&self, tables: &Arc<Tables>) {
        let Some(leaving) = &tables.leaving else { return };
        let current = Arc::clone(&tables.current);
        let next = Arc::new(Tables { scope: tables.scope, current, leaving: None });
        if sync::replace(&self.tables, tables, next) {
            leaving.table.slots.replaced();
            if let Ok(mut freeing) = self.freeing.try_lock() {
                *freeing = Some(Arc::clone(&leaving.table));
            }
        }
    }

    /// Frees some of a table that is not used any more.
    fn free_some(&self) {
        let Ok(mut freeing) = self.freeing.try_lock() else { return };
        if let Some(table) = &mut *freeing
            && let Some(table) = Arc::get_mut(table)
            && !table.slots.free_some()
        {
            *freeing = None;
        }
    }

    /// Frees all of it.
    fn free_now(&self) {
        // Not while the lock is held: a table that is left meanwhile would not find its place
        // there.
        let table = self.freeing.try_lock().ok().and_then(|mut freeing| freeing.take());
        drop(table);
    }

    /// The tables, when no user is moving and none is too many.
    fn settled(&self) -> Arc<Tables> {
        loop {
            let tables = self.tables.load_full();
            if tables.leaving.is_some() {
                self.finish(&tables);
            } else if tables.is_crowded() {
                self.make_next(&tables);
            } else {
                return tables;
            }
        }
    }
}

impl DistinctUsers<Activities> {
    /// Records what the user with this hash did; returns whether the user has been exposed.
    #[inline]
    pub(crate) fn record(&self, user: u64, deed: impl Into<Deed>) -> Known {
        self.record_as(user, deed.into(), |activity, scope| Known::of(activity, scope.is_whole))
    }
}

fn new_table(scope: &Scope, bits: u32, slots: usize, memory: &dyn Memory) -> Table {
    // The model checker repeats what it has seen.
    let multiplier = if cfg!(loom) { 1 } else { RandomState::new().hash_one(bits) | 1 };
    let head = head_of(scope, bits, slots.max(2), multiplier);
    Table::new(head, memory.slots(&head))
}

fn head_of(scope: &Scope, bits: u32, slots: usize, multiplier: u64) -> Head {
    let Scope { experiment, run, goal, since, is_whole, capacity } = *scope;
    Head { experiment, run, goal, since, is_whole, capacity, bits, slots, multiplier }
}

/// Lets the user in a slot leave for another table.
fn leave<K: Kept>(table: &Table, at: usize, to: &Table) {
    if let Some((hash, word)) = table.leave_slot(at)
        && rank(hash) >= to.head.bits
    {
        to.take::<K>(hash, word);
    }
}

/// The number of zero bits that the user's sampling hash begins with.
fn rank(hash: u64) -> u32 {
    // Another seed than the assignment's, so that the sample is independent of the variant.
    const SEED: u64 = xxh3_64(b"fairsplit: which users are kept");
    xxh3_64_with_seed(&hash.to_le_bytes(), SEED).leading_zeros()
}

/// A user's hash that no slot without a user has.
#[inline]
fn hash_of(user: u64) -> u64 {
    match user {
        EMPTY => EMPTY.wrapping_add(1),
        SEALED => SEALED.wrapping_sub(1),
        user => user,
    }
}

impl<K> fmt::Debug for DistinctUsers<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.tables.load();
        f.debug_struct("DistinctUsers")
            .field("scope", &tables.scope)
            .field("users", &tables.current.users())
            .field("bits", &tables.current.head.bits)
            .finish_non_exhaustive()
    }
}
