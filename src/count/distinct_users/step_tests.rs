//! What a single call does at most.

use super::tests::{all, user, users};
use super::*;
use crate::assign::allocation::Allocation;
use crate::count::counters::Event;

/// A call that adds a user lets a step of others leave, and never all of them; a call of a user who
/// is known lets none leave.
#[test]
fn no_call_lets_more_than_a_step_of_users_leave() {
    // The next slots may have been left before: where a user who was added since would have been.
    const AT_MOST: usize = STEP + 8;
    for (capacity, expected) in [(usize::MAX, 10..=20), (30_000, 10..=20)] {
        let users = users(capacity);
        let (mut moves, mut longest) = (0, 0);
        // The table that is being left, its slots, and how many of them are, from the first.
        let mut before: Option<(*const Table, usize, usize)> = None;
        let mut check = |is_new: bool| {
            let tables = users.tables.load();
            let after = tables.leaving.as_ref().map(|leaving| {
                let table = &leaving.table;
                let from = match before {
                    Some((of, _, left)) if of == Arc::as_ptr(table) => left,
                    _ => 0,
                };
                let is_left = |slot: &slots::Slot| {
                    slot.hash.load(Ordering::Relaxed) == SEALED
                        || slot.word.load(Ordering::Relaxed) & kept::LEFT != 0
                };
                let slots = (from..).map_while(|at| table.slots.get(at));
                let left = from + slots.take_while(|slot| is_left(slot)).count();
                (Arc::as_ptr(table), table.slots.len(), left)
            });
            let of = |state: Option<(*const Table, usize, usize)>| state.map(|(of, ..)| of);
            let left = match (before, after) {
                (Some((_, _, from)), Some((_, _, to))) if of(before) == of(after) => to - from,
                (from, to) => {
                    moves += usize::from(to.is_some());
                    from.map_or(0, |(_, slots, left)| slots - left) + to.map_or(0, |to| to.2)
                }
            };
            assert!(left <= if is_new { AT_MOST } else { 0 }, "{left} slots, {capacity}");
            longest = longest.max(left);
            before = after;
        };
        for number in 0..200_000 {
            users.record(user(number), Event::Exposure);
            check(true);
            users.record(user(number / 2), Event::Exposure);
            users.record(user(number / 2), Event::Conversion);
            check(false);
        }
        assert!(longest >= STEP && expected.contains(&moves), "{moves} moves, up to {longest}");
    }
}

/// To look for users allocates nothing, while others have begun to move to a larger table.
#[test]
fn slots_are_allocated_when_users_are_added_to_them() {
    let chunks = |table: &Table| match &table.slots {
        Slots::Owned { chunks, .. } => chunks.iter().filter(|chunk| chunk.get().is_some()).count(),
        Slots::Mapped { .. } => 0,
    };
    let users = users(usize::MAX);
    let mut number = 0;
    let tables = loop {
        users.record(user(number), Event::Exposure);
        number += 1;
        let tables = users.tables.load_full();
        if tables.leaving.is_some() && tables.current.slots.len() == 1 << 17 {
            break tables;
        }
    };
    assert_eq!(chunks(&tables.current), 0, "no user has moved yet");
    for known in 0..number {
        for event in [Event::Exposure, Event::Conversion] {
            assert_eq!(users.record(user(known), event), Known::Exposed);
        }
    }
    assert_eq!(chunks(&tables.current), 0);
    // The new user has a chunk, and those of a step have one or two.
    for new in 1..=20 {
        let before = chunks(&tables.current);
        users.record(user(number + new), Event::Exposure);
        let made = chunks(&tables.current) - before;
        assert!(made <= 3 && (made > 0 || new > 1), "{made} chunks for user {new}");
    }
    assert_eq!(all(&users).len() as u64, number + 20);
}

/// While others move, events of users who are known let no user leave, however many there are:
/// neither of those who have moved, nor of those who have not.
#[test]
fn users_who_are_known_let_none_leave() {
    let users = users(usize::MAX);
    let mut number = 0;
    let begun = loop {
        users.record(user(number), Event::Exposure);
        number += 1;
        let tables = users.tables.load_full();
        if let Some(leaving) = &tables.leaving
            && leaving.done.load(Ordering::Relaxed) == 3 * STEP
        {
            break Arc::clone(&tables);
        }
    };
    let moved = begun.current.users();
    for round in 0..100 {
        for known in 0..number {
            let event = if round > 0 { Event::Conversion } else { Event::Exposure };
            assert_eq!(users.record(user(known), event), Known::Exposed);
        }
    }
    let tables = users.tables.load_full();
    let leaving = tables.leaving.as_ref().unwrap();
    assert!(Arc::ptr_eq(&tables, &begun) && moved > 0);
    assert_eq!(leaving.done.load(Ordering::Relaxed), 3 * STEP);
    assert_eq!(begun.current.users(), moved);
}

/// A thread that was interrupted before it makes the next table makes none if others have made it.
#[test]
fn users_move_only_from_the_table_where_users_are_added() {
    let users = users(usize::MAX);
    let first = users.tables.load_full();
    users.record(user(1), Event::Exposure);
    users.make_next(&first);
    let second = users.tables.load_full();
    assert!(second.leaving.is_some());
    users.make_next(&second);
    assert!(Arc::ptr_eq(&users.tables.load(), &second), "users are still moving");
    let third = users.settled();
    users.record(user(2), Event::Exposure);
    for stale in [&first, &second] {
        users.make_next(stale);
        assert!(Arc::ptr_eq(&users.tables.load(), &third));
    }
    assert_eq!(all(&users).len(), 2);
}

/// A table that all users have left is freed a chunk for each user who is added, or at once by who
/// reads the counts.
#[test]
fn a_table_that_was_left_is_freed_by_the_chunk() {
    for is_read in [false, true] {
        let users = users(usize::MAX);
        let is_freeing = || users.freeing.lock().unwrap().is_some();
        let mut number = 0;
        let mut add = || {
            users.record(user(number), Event::Exposure);
            number += 1;
            let tables = users.tables.load();
            (tables.current.slots.len(), tables.leaving.is_some())
        };
        // The table of half as many slots, 16 chunks, has just been left.
        while add() != (1 << 17, false) {}
        assert!(is_freeing());
        if is_read {
            users.counts(&Allocation::of([100].into_iter()), 1, &[], 0);
            assert!(!is_freeing());
            continue;
        }
        // One more call for the table itself.
        for _ in 0..16 {
            add();
            assert!(is_freeing());
        }
        add();
        assert!(!is_freeing());
    }
}
