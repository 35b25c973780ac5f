//! A table of users: open addressing, where a user never changes its slot.
//!
//! A slot is claimed for a user by one compare-and-swap of its first word, and the second word is
//! what is [kept](Kept) of the user. A table does not grow. Its users move to another one, slot by slot, while
//! any thread may record:
//!
//! 1. An empty slot is [`SEALED`]: no user can be added behind it any more.
//! 2. A user's slot gets the bit [`LEFT`], and what it had at that moment is recorded in the other
//!    table. A thread that finds that bit goes on in the other table.
//!
//! Both can be done twice, by different threads, with the same outcome.

use std::num::Wrapping;

use crossbeam_utils::CachePadded;

use super::kept::{Kept, LEFT};
use super::slots::{Head, Slot, Slots};
use crate::count::sync::{AtomicUsize, Ordering};

/// The hash of a slot without a user.
pub(super) const EMPTY: u64 = 0;
/// The hash of a slot that was empty when the users began to move to another table.
pub(super) const SEALED: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Table {
    pub(super) head: Head,
    pub(super) slots: Slots,
    /// How far a product is shifted to leave the number of a slot.
    shift: u32,
    /// On a line of its own: new users write it, all read the rest.
    numbers: CachePadded<Numbers>,
}

#[derive(Debug)]
struct Numbers {
    /// The slots with a user.
    users: AtomicUsize,
    /// Those, and the attempts to add a user that found that another thread had added it; with
    /// [`CLOSED`].
    attempts: AtomicUsize,
}

/// In `attempts`: no user can be added any more, except those of the table before.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// Where the search for a user ends.
pub(super) enum Found<'t> {
    /// At the user.
    User(&'t Slot),
    /// At an empty slot, the one of this number: the user is not in the table.
    Empty(usize),
    /// At a sealed one: the user is not in the table, and will not be.
    Sealed,
    /// All slots have other users.
    Full,
}

/// The slot of a user that was looked for or added.
pub(super) enum Claimed<'t> {
    Known(&'t Slot),
    New(&'t Slot),
    /// The users are moving to another table.
    Sealed,
    Full,
}

impl Slot {
    /// Records an event of the slot's user, of whom the table before had the word `before`.
    /// Returns the user's word; `None` if the user has moved.
    #[inline]
    pub(super) fn record<K: Kept>(&self, event: K::Event, before: u64) -> Option<u64> {
        let known = self.word.load(Ordering::Acquire);
        self.record_over(known, |known| K::after(K::with_earlier(known, before), event))
    }

    /// As [`record`](Slot::record), if anything is known of the user here.
    #[inline]
    pub(super) fn record_known<K: Kept>(&self, event: K::Event) -> Option<u64> {
        let known = self.word.load(Ordering::Acquire);
        if known == 0 {
            return None;
        }
        self.record_over(known, |known| K::after(known, event))
    }

    /// Changes what is known. Most events change nothing, and so write nothing.
    #[inline]
    fn record_over(&self, known: u64, next: impl Fn(u64) -> u64) -> Option<u64> {
        let mut known = known;
        loop {
            if known & LEFT != 0 {
                return None;
            }
            let next = next(known);
            if next == known {
                return Some(known);
            }
            // Not `fetch_or`: nothing must be added once the user has left.
            let order = (Ordering::AcqRel, Ordering::Acquire);
            match self.word.compare_exchange(known, next, order.0, order.1) {
                Ok(_) => return Some(next),
                Err(found) => known = found,
            }
        }
    }

    /// Lets the user leave, and returns what is known of it.
    fn leave(&self) -> u64 {
        self.word.fetch_or(LEFT, Ordering::AcqRel) & !LEFT
    }

    fn seal(&self) -> Result<u64, u64> {
        self.hash.compare_exchange(EMPTY, SEALED, Ordering::AcqRel, Ordering::Acquire)
    }
}

impl Table {
    pub(super) fn new(head: Head, slots: Slots) -> Table {
        let shift = head.slots.leading_zeros().saturating_add(1);
        let numbers = Numbers { users: AtomicUsize::new(0), attempts: AtomicUsize::new(0) };
        Table { head, slots, shift, numbers: CachePadded::new(numbers) }
    }

    /// A table as it was left in these slots; what was queued there has gone with its process. An
    /// error if a user is not where it would be looked for, or was moving.
    pub(super) fn left_in<K: Kept>(head: Head, slots: Slots) -> Result<Table, Slots> {
        let len = slots.len();
        let mut users = 0_usize;
        // How far the last empty slot is behind; the slots before the first come around to it.
        let mut occupied: Option<usize> = None;
        let table = Table::new(head, slots);
        for at in 0..len.saturating_mul(2) {
            let slot = table.slots.get(at & len.wrapping_sub(1));
            let slot = slot.map(|slot| (slot, slot.hash.load(Ordering::Relaxed)));
            let Some((slot, hash)) = slot.filter(|(_, hash)| *hash != EMPTY) else {
                occupied = Some(0);
                continue;
            };
            let word = slot.word.load(Ordering::Relaxed);
            let left = K::left_by_process(word);
            if left != word {
                slot.word.store(left, Ordering::Relaxed);
            }
            let moves = word & LEFT != 0;
            let Some(before) = occupied else { continue };
            let distance = Wrapping(at) - Wrapping(table.first_slot(hash));
            let distance = distance.0 & len.wrapping_sub(1);
            if hash == SEALED || moves || distance > before {
                return Err(table.slots);
            }
            occupied = Some(before.saturating_add(1));
            users = users.saturating_add(usize::from(at >= len));
        }
        if occupied.is_none() {
            return Err(table.slots);
        }
        table.numbers.users.store(users, Ordering::Relaxed);
        table.numbers.attempts.store(users, Ordering::Relaxed);
        Ok(table)
    }

    /// The number of slots with a user.
    pub(super) fn users(&self) -> usize {
        self.numbers.users.load(Ordering::Relaxed)
    }

    /// The most users that are added: seven eighths of the slots.
    pub(super) fn limit(&self) -> usize {
        let slots = self.slots.len();
        slots.saturating_sub(slots.div_ceil(8))
    }

    /// Whether the next table should be there soon: at three quarters.
    pub(super) fn is_crowded(&self) -> bool {
        let slots = self.slots.len();
        self.users() > slots.saturating_sub(slots / 4)
    }

    /// Whether a table of this size has no room for these users and some more.
    pub(super) fn is_nearly_full(&self) -> bool {
        let slots = self.slots.len();
        let attempts = self.numbers.attempts.load(Ordering::Relaxed) & !CLOSED;
        attempts > slots.saturating_sub(slots.div_ceil(16).saturating_mul(3))
    }

    /// Ends the adding of users. Returns the most that there can be.
    pub(super) fn close(&self) -> usize {
        self.numbers.attempts.fetch_or(CLOSED, Ordering::AcqRel) & !CLOSED
    }

    /// The first slot where the user is looked for.
    #[inline]
    fn first_slot(&self, hash: u64) -> usize {
        // The upper bits of the product depend on all bits of the hash.
        let product = hash.wrapping_mul(self.head.multiplier);
        #[expect(clippy::cast_possible_truncation, reason = "less than the number of slots")]
        let slot = product.wrapping_shr(self.shift) as usize;
        slot
    }

    #[inline]
    pub(super) fn find(&self, hash: u64) -> Found<'_> {
        let first = self.first_slot(hash);
        let mask = self.head.slots.wrapping_sub(1);
        for step in 0..self.head.slots {
            let at = first.wrapping_add(step) & mask;
            let Some(slot) = self.slots.get(at) else { return Found::Empty(at) };
            match slot.hash.load(Ordering::Acquire) {
                found if found == hash => return Found::User(slot),
                EMPTY => return Found::Empty(at),
                SEALED => return Found::Sealed,
                _ => {}
            }
        }
        Found::Full
    }

    /// What is known of a user, also of one who has left: nothing of one who is not in the table.
    #[inline]
    pub(super) fn known(&self, hash: u64) -> u64 {
        match self.find(hash) {
            Found::User(slot) => slot.word.load(Ordering::Acquire) & !LEFT,
            _ => 0,
        }
    }

    /// The slot of a user, who is added if there is room.
    pub(super) fn claim(&self, hash: u64) -> Claimed<'_> {
        match self.find(hash) {
            Found::User(slot) => return Claimed::Known(slot),
            Found::Sealed => return Claimed::Sealed,
            Found::Full => return Claimed::Full,
            Found::Empty(_) => {}
        }
        let attempts = self.numbers.attempts.fetch_add(1, Ordering::AcqRel);
        if attempts & CLOSED != 0 {
            Claimed::Sealed
        } else if attempts >= self.limit() {
            Claimed::Full
        } else {
            self.add(hash)
        }
    }

    /// The slot of a user, who is added if need be.
    fn add(&self, hash: u64) -> Claimed<'_> {
        loop {
            match self.find(hash) {
                Found::User(slot) => return Claimed::Known(slot),
                Found::Empty(at) => {
                    let Some(slot) = self.slots.get_or_make(at) else { return Claimed::Full };
                    let order = (Ordering::AcqRel, Ordering::Acquire);
                    if slot.hash.compare_exchange(EMPTY, hash, order.0, order.1).is_ok() {
                        self.numbers.users.fetch_add(1, Ordering::Relaxed);
                        return Claimed::New(slot);
                    }
                }
                Found::Sealed => return Claimed::Sealed,
                Found::Full => return Claimed::Full,
            }
        }
    }

    /// Lets a user leave; it cannot be added here any more. Returns what is known of it: nothing
    /// for one that is not in the table.
    pub(super) fn leave(&self, hash: u64) -> u64 {
        loop {
            match self.find(hash) {
                Found::User(slot) => return slot.leave(),
                Found::Empty(at) => match self.slots.get_or_make(at) {
                    Some(slot) if slot.seal().is_err() => {}
                    _ => return 0,
                },
                Found::Sealed | Found::Full => return 0,
            }
        }
    }

    /// Lets the user in a slot leave, or seals the slot. Returns the user's hash, and what is known
    /// of it.
    pub(super) fn leave_slot(&self, at: usize) -> Option<(u64, u64)> {
        let slot = self.slots.get_or_make(at)?;
        match slot.seal() {
            Ok(_) | Err(SEALED) => None,
            Err(hash) => Some((hash, slot.leave())),
        }
    }

    /// Records what is known of a user of a table that this one follows. There is room: this table
    /// was made for all of them. Does nothing if the users are moving on: that begins only when all
    /// users of the table before are here.
    pub(super) fn take<K: Kept>(&self, hash: u64, word: u64) {
        if word == 0 {
            return;
        }
        let claimed = self.add(hash);
        if let Claimed::New(_) = claimed {
            self.numbers.attempts.fetch_add(1, Ordering::AcqRel);
        }
        if let Claimed::Known(slot) | Claimed::New(slot) = claimed {
            let known = slot.word.load(Ordering::Acquire);
            slot.record_over(known, |known| K::with_earlier(known, word));
        }
    }

    /// The users, and what is known of each.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, u64)> {
        (0..self.slots.len()).filter_map(|at| {
            let slot = self.slots.get(at)?;
            let hash = slot.hash.load(Ordering::Acquire);
            let word = slot.word.load(Ordering::Acquire) & !LEFT;
            (hash != EMPTY && hash != SEALED && word != 0).then_some((hash, word))
        })
    }
}
