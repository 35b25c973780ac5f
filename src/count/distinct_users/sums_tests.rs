//! The sums of users: none is lost or doubled, while users move, and over processes.

use std::collections::BTreeMap;
use std::thread;

use proptest::prelude::*;

use super::slots::InProcess;
use super::tests::{scope, user};
use super::*;
use crate::assign::allocation::Allocation;
use crate::assign::bucket::Bucket;
use crate::count::counters::Event;
use crate::model::goal::amount::MAX_UNITS;

fn sums(capacity: usize) -> DistinctUsers<Sums> {
    let memory: Arc<dyn Memory> = Arc::new(InProcess);
    DistinctUsers::new(Run::new(scope(capacity), &*memory), memory)
}

/// The sums that are held; each user is there once.
fn all(sums: &DistinctUsers<Sums>) -> BTreeMap<u64, i64> {
    let list = sums.read().sums;
    let map: BTreeMap<_, _> = list.iter().copied().collect();
    assert_eq!(list.len(), map.len(), "a user is there twice");
    map
}

/// The tables as a kill leaves them: the one that users leave, and the one where they are added.
fn left(sums: &DistinctUsers<Sums>) -> Vec<(Head, Slots)> {
    let tables = sums.tables.load_full();
    let before = tables.leaving.as_ref().map(|leaving| &leaving.table);
    let copied = |table: &Arc<Table>| {
        let slots = Slots::new(table.slots.len());
        for at in 0..table.slots.len() {
            let (Some(from), Some(to)) = (table.slots.get(at), slots.get_or_make(at)) else {
                continue;
            };
            to.hash.store(from.hash.load(Ordering::Relaxed), Ordering::Relaxed);
            to.word.store(from.word.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        (table.head, slots)
    };
    before.into_iter().chain([&tables.current]).map(copied).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// At any moment a process may be killed, and the next one goes on with what it finds.
    #[test]
    fn a_sum_is_what_was_added_over_any_number_of_kills(
        events in prop::collection::vec((0_u64..300, -1000_i64..1000, 0_u8..200), 0..3000),
        capacity in prop_oneof![Just(usize::MAX), Just(50_usize)],
    ) {
        let memory: Arc<dyn Memory> = Arc::new(InProcess);
        let mut sums = sums(capacity);
        let mut expected = BTreeMap::<u64, i64>::new();
        for (number, value, kill) in events {
            sums.add(user(number), value);
            *expected.entry(user(number)).or_default() += value;
            if kill == 0 {
                let run = Run::united::<Sums>(scope(capacity), left(&sums), &*memory);
                sums = DistinctUsers::new(run, Arc::clone(&memory));
            }
        }
        let read = sums.read();
        let of_sample = read.sums.iter().copied().collect::<BTreeMap<_, _>>();
        expected.retain(|hash, _| rank(*hash) >= read.bits);
        prop_assert_eq!(of_sample, expected);
        prop_assert!(read.bits > 0 || capacity == usize::MAX || read.sums.len() <= capacity);
    }
}

/// Threads add to the same users, and to new ones, so that the table grows many times meanwhile.
#[test]
fn no_value_of_any_thread_is_lost_or_doubled_while_users_move() {
    for capacity in [usize::MAX, 2000] {
        let sums = sums(capacity);
        thread::scope(|threads| {
            for thread in 0..8_u64 {
                let sums = &sums;
                threads.spawn(move || {
                    for round in 0..3_u64 {
                        for number in 0..8000_u64 {
                            let number = (number + thread * 1000) % 8000;
                            sums.add(user(number), i64::try_from(number + round).unwrap() - 4000);
                        }
                    }
                });
            }
        });
        let read = sums.read();
        let found: BTreeMap<_, _> = read.sums.iter().copied().collect();
        let expected = (0..8000_u64).filter(|number| rank(user(*number)) >= read.bits);
        let expected: BTreeMap<_, _> = expected
            .map(|number| (user(number), 8 * (3 * (i64::try_from(number).unwrap() - 4000) + 3)))
            .collect();
        assert_eq!(found, expected, "one in 2^{}", read.bits);
        assert_eq!(read.bits > 0, capacity == 2000);
    }
}

/// A refund can bring a sum back to 0, and that is not the sum of a user who is not there.
#[test]
fn a_sum_of_0_is_a_sum() {
    let sums = sums(10);
    sums.add(user(1), 500);
    sums.add(user(1), -500);
    let tables = left(&sums);
    let run = Run::united::<Sums>(scope(10), tables, &InProcess);
    let sums = DistinctUsers::<Sums>::new(run, Arc::new(InProcess));
    assert_eq!(all(&sums), [(user(1), 0)].into());
    sums.add(user(1), -30);
    assert_eq!(all(&sums), [(user(1), -30)].into());
}

#[test]
fn a_sum_stays_at_the_largest_number_to_either_side() {
    let sums = sums(10);
    for _ in 0..3 {
        sums.add(user(1), MAX_UNITS);
        sums.add(user(2), -MAX_UNITS);
    }
    assert_eq!(all(&sums), [(user(1), MAX_UNITS), (user(2), -MAX_UNITS)].into());
    sums.add(user(1), -1);
    assert_eq!(all(&sums)[&user(1)], MAX_UNITS - 1);
}

/// Whatever bits a damaged file has, a sum is one that can be.
#[test]
fn any_word_is_read_as_a_sum() {
    let sums = sums(100);
    for (number, word) in (0_u64..).zip([1, 7, u64::MAX >> 1, 1 << 54, (1 << 54) - 1, 3 << 60]) {
        sums.tables.load().current.take::<Sums>(user(number), word);
    }
    let found = all(&sums);
    assert!(found.values().all(|sum| (-MAX_UNITS..=MAX_UNITS).contains(sum)), "{found:?}");
    assert_eq!((found[&user(3)], found[&user(4)]), (0, -1));
}

#[test]
fn sums_of_the_exposed_are_read_by_variant_and_in_order_whatever_order_users_came_in() {
    let allocation = Allocation::of([30, 70].into_iter());
    let (sums, users) = (sums(10_000), super::tests::users(10_000));
    for bits in [0, 2] {
        let mut expected = [Vec::new(), Vec::new()];
        for number in (0..3000).rev() {
            let value = i64::try_from(number).unwrap() % 700 - 300;
            let user = user(number);
            if bits == 0 {
                sums.add(user, value);
                let event = if number % 3 == 0 { Event::Conversion } else { Event::Exposure };
                // Every fifth user was lost.
                if number % 5 > 0 {
                    users.record(user, event);
                }
            }
            if number % 3 > 0 && number % 5 > 0 && rank(user) >= bits {
                expected[allocation.variant(Bucket::from_hash(user))].push(value);
            }
        }
        for sums in &mut expected {
            sums.sort_unstable();
        }
        let sample = users.counts(&allocation, 2, &[], bits);
        assert_eq!(sums.read().by_variant(&allocation, 2, &sample), expected);
    }
}
