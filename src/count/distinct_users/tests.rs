use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize as StdAtomicUsize;
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::assign::allocation::Allocation;
use crate::assign::bucket::Bucket;
use crate::count::counters::Event;
use crate::count::distinct_users::slots::{File, InProcess};
use crate::count::users::UserCount;

pub(super) fn scope(capacity: usize) -> Scope {
    Scope {
        experiment: ExperimentId::from_bytes([1; 16]),
        run: 1,
        goal: None,
        since: Timestamp::from_unix_seconds(0),
        is_whole: true,
        capacity,
    }
}

pub(super) fn users(capacity: usize) -> DistinctUsers {
    let memory: Arc<dyn Memory> = Arc::new(InProcess);
    DistinctUsers::new(Run::new(scope(capacity), &*memory), memory)
}

/// The hash of a user.
pub(super) fn user(number: u64) -> u64 {
    xxh3_64_with_seed(&number.to_le_bytes(), 7)
}

/// The users that are held, after all that is under way; each is there once.
pub(super) fn all(users: &DistinctUsers) -> BTreeMap<u64, u64> {
    let tables = users.settled();
    let list: Vec<_> = tables.current.all().collect();
    let map: BTreeMap<_, _> = list.iter().copied().collect();
    assert_eq!(list.len(), map.len(), "a user is there twice");
    assert_eq!(tables.current.users(), map.len());
    map
}

fn bits(users: &DistinctUsers) -> u32 {
    users.settled().current.head.bits
}

const EXPOSED: u64 = 1;
const BEFORE: u64 = 2;
const AFTER: u64 = 4;

/// What is known of a user after an event, as a person would write it down.
fn model(known: u64, event: Event) -> u64 {
    known
        | match event {
            Event::Exposure => EXPOSED,
            Event::Conversion if known & EXPOSED != 0 => AFTER,
            Event::Conversion => BEFORE,
        }
}

/// The number of zero bits grows only when a user exceeds the capacity, and by no more than needed.
#[test]
fn users_beyond_the_capacity_are_downsampled_no_more_than_it_takes() {
    // With 49 users, the first table is crowded: it grows, and 49 are not too many.
    for capacity in [0, 1, 2, 7, 49, 100, 300] {
        let users = users(capacity);
        let mut bits = 0;
        let mut kept = BTreeSet::new();
        for number in 0..2000 {
            let hash = user(number);
            // Each is exposed twice, and then converts.
            let known = [Event::Exposure, Event::Exposure, Event::Conversion]
                .map(|event| users.record(hash, event));
            let is_kept = rank(hash) >= bits;
            let expected = if is_kept { Known::Exposed } else { Known::Unsure };
            // The call that exceeds the capacity may drop its own user.
            assert!(known[0] == expected && [expected, Known::Unsure].contains(&known[2]));
            if is_kept {
                kept.insert(hash);
            }
            while kept.len() > capacity {
                bits += 1;
                kept.retain(|hash| rank(*hash) >= bits);
            }
            if number.is_multiple_of(13) || number < 100 {
                assert_eq!(super::tests::bits(&users), bits, "{number} users, capacity {capacity}");
                assert!(all(&users).keys().eq(kept.iter()), "{number} users, capacity {capacity}");
            }
        }
        assert!(bits > 1 && all(&users).values().all(|known| *known == EXPOSED | AFTER));
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Record(u64, bool),
    Settle,
    Leave,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        200 => (0..1500_u64, any::<bool>()).prop_map(|(user, event)| Step::Record(user, event)),
        4 => Just(Step::Settle),
        2 => Just(Step::Leave),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    /// Over growth, downsampling, reopening at any moment, and restarts.
    #[test]
    fn users_are_those_of_a_map(
        steps in prop::collection::vec(step(), 0..3000),
        capacity in prop_oneof![Just(usize::MAX), 1..800_usize],
        first in 1..200_usize,
    ) {
        let memory: Arc<dyn Memory> = Arc::new(InProcess);
        let first = first.next_power_of_two();
        let mut users = DistinctUsers::new(
            Run::with_slots(first, scope(capacity), &*memory), Arc::clone(&memory));
        let mut map = BTreeMap::new();
        for step in steps {
            match step {
                Step::Record(number, is_exposure) => {
                    let event = if is_exposure { Event::Exposure } else { Event::Conversion };
                    let hash = user(number);
                    let known = map.entry(hash).or_insert(0);
                    *known = model(*known, event);
                    let is_exposed = *known & EXPOSED != 0;
                    let expected = if is_exposed { Known::Exposed } else { Known::Unexposed };
                    let found = users.record(hash, event);
                    prop_assert!(found == expected || found == Known::Unsure);
                    let bits = users.tables.load().current.head.bits;
                    prop_assert!(found != Known::Unsure || rank(hash) < bits);
                }
                Step::Settle => { users.settled(); }
                // As a process that is killed leaves them: with users that have begun to move.
                Step::Leave => {
                    let tables = users.tables.load_full();
                    drop(users);
                    let mut left = Vec::new();
                    let Tables { current, leaving, .. } = Arc::try_unwrap(tables).unwrap();
                    let leaving = leaving.map(|leaving| leaving.table);
                    for table in [Some(current), leaving].into_iter().flatten() {
                        let table = Arc::try_unwrap(table).unwrap();
                        left.push((table.head, table.slots));
                    }
                    let run = Run::united::<Activities>(scope(capacity), left, &*memory);
                    users = DistinctUsers::new(run, Arc::clone(&memory));
                }
                Step::Restart => {
                    users.begin(Run::new(Scope { run: 2, ..scope(capacity) }, &*memory));
                    map.clear();
                }
            }
        }
        let bits = bits(&users);
        map.retain(|hash, _| rank(*hash) >= bits);
        prop_assert_eq!(all(&users), map);
    }
}

/// Threads add the same users in other orders, while the table grows and is downsampled.
#[test]
fn threads_record_what_one_thread_would() {
    const USERS: u64 = 6000;
    for (round, capacity) in [usize::MAX, usize::MAX, 2000, 500, 37].into_iter().enumerate() {
        let users = users(capacity);
        let barrier = Barrier::new(4);
        let lost = StdAtomicUsize::new(0);
        thread::scope(|scope| {
            for thread in 0..4_u64 {
                let (users, barrier, lost) = (&users, &barrier, &lost);
                scope.spawn(move || {
                    barrier.wait();
                    for at in 0..USERS {
                        let number = (at * 7 + thread * 1500) % USERS;
                        let hash = user(number);
                        let exposed = users.record(hash, Event::Exposure);
                        // A user who has been exposed stays so while users move.
                        if exposed == Known::Exposed && number.is_multiple_of(3) {
                            let known = users.record(hash, Event::Conversion);
                            lost.fetch_add(
                                usize::from(known == Known::Unexposed),
                                Ordering::Relaxed,
                            );
                        }
                    }
                });
            }
        });
        assert_eq!(lost.into_inner(), 0);
        let bits = bits(&users);
        let all = all(&users);
        for number in 0..USERS {
            let hash = user(number);
            let expected = (rank(hash) >= bits).then_some(if number.is_multiple_of(3) {
                EXPOSED | AFTER
            } else {
                EXPOSED
            });
            assert_eq!(all.get(&hash).copied(), expected, "user {number}, round {round}");
        }
        assert!(all.len() <= capacity && (all.len() > capacity / 8 || capacity > 6000));
    }
}

/// `users` was once raised after the user had been added. A pass in between then subtracted from 0,
/// the set seemed to be over its capacity for good, and was downsampled to nothing.
#[test]
fn threads_beyond_the_capacity_are_downsampled_no_more_than_it_takes() {
    const THREADS: u64 = 4;
    for round in 0..2000 {
        let users = users(1);
        let barrier = Barrier::new(usize::try_from(THREADS).unwrap());
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (users, barrier) = (&users, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for number in 0..16 {
                        users.record(
                            user((round * THREADS + thread) << 32 | number),
                            Event::Exposure,
                        );
                    }
                });
            }
        });
        // 64 users: about six bits leave one of them, and 40 bits none of a billion.
        assert!(bits(&users) < 40);
        assert!(all(&users).len() <= 1);
    }
}

/// A hundred times as many threads as a small table has room for: none waits for room that does not
/// come, and no user is lost.
#[test]
fn more_threads_than_slots_add_all_their_users() {
    for round in 0..20_u64 {
        let memory: Arc<dyn Memory> = Arc::new(InProcess);
        let run = Run::with_slots(2, scope(usize::MAX), &*memory);
        let users = DistinctUsers::new(run, memory);
        let barrier = Barrier::new(100);
        thread::scope(|scope| {
            for thread in 0..100_u64 {
                let (users, barrier) = (&users, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for number in 0..5 {
                        users.record(user(round << 40 | thread << 8 | number), Event::Exposure);
                    }
                });
            }
        });
        assert_eq!(all(&users).len(), 500);
    }
}

/// No hash of a user is taken for a mark of a slot.
#[test]
fn the_hashes_of_empty_and_sealed_slots_are_users_like_others() {
    let users = users(usize::MAX);
    for hash in [0, u64::MAX, 2, 3] {
        assert_eq!(users.record(hash, Event::Conversion), Known::Unexposed);
        assert_eq!(users.record(hash, Event::Exposure), Known::Exposed);
        assert_eq!(users.record(hash, Event::Conversion), Known::Exposed);
    }
    assert_eq!(all(&users).len(), 4);
    for number in 0..1000 {
        users.record(user(number), Event::Exposure);
    }
    assert_eq!(all(&users).len(), 1004);
    for hash in [0, u64::MAX] {
        assert_eq!(users.record(hash, Event::Conversion), Known::Exposed);
    }
}

/// Eight processes see overlapping users. Their tables, each downsampled by itself, unite to the
/// sample that one table of all users has at the same number of bits.
#[test]
fn tables_of_several_processes_unite_to_the_sample_of_the_union() {
    for seed in 0..20_u64 {
        let memory: Arc<dyn Memory> = Arc::new(InProcess);
        let processes: Vec<_> = (1..=8).map(|process| users(process * 300)).collect();
        let mut known = BTreeMap::new();
        for at in 0..12_000_u64 {
            let draw = user(seed << 32 | at);
            let hash = user(draw % 4000);
            let process = &processes[usize::try_from(draw >> 60 & 7).unwrap()];
            process.record(hash, Event::Exposure);
            *known.entry(hash).or_insert(0) |= EXPOSED;
            if (draw >> 40).is_multiple_of(4) {
                process.record(hash, Event::Conversion);
                *known.entry(hash).or_insert(0) |= AFTER;
            }
        }
        let left = processes.into_iter().map(|process| {
            let tables = process.settled();
            drop(process);
            let table = Arc::try_unwrap(Arc::try_unwrap(tables).unwrap().current).unwrap();
            (table.head, table.slots)
        });
        let run = Run::united::<Activities>(scope(usize::MAX), left.collect(), &*memory);
        let union = DistinctUsers::new(run, memory);
        let bits = bits(&union);
        assert!(bits > 0);
        known.retain(|hash, _| rank(*hash) >= bits);
        assert_eq!(all(&union), known);
    }
}

/// The split of a sample is the split of all users: the share of samples in which the test of the
/// split alarms at 5 % is about 5 %, as it is for any users that are drawn at random.
#[test]
fn the_sample_of_a_union_is_as_fair_as_chance() {
    const ROUNDS: u32 = 400;
    let mut alarms = 0;
    for seed in 0..u64::from(ROUNDS) {
        let processes: Vec<_> = (0..8).map(|_| users(100)).collect();
        for at in 0..3000_u64 {
            let hash = user((seed << 32) | (at % 1800));
            processes[usize::try_from(at % 8).unwrap()].record(hash, Event::Exposure);
        }
        let tables: Vec<_> = processes.iter().map(DistinctUsers::settled).collect();
        let bits = tables.iter().map(|tables| tables.current.head.bits).max().unwrap();
        let sample: BTreeSet<u64> = tables
            .iter()
            .flat_map(|tables| tables.current.all())
            .filter(|(hash, _)| rank(*hash) >= bits)
            .map(|(hash, _)| hash)
            .collect();
        let all = f64::from(u32::try_from(sample.len()).unwrap());
        let is_first = |hash: &&u64| Bucket::from_hash(**hash).index() < 50;
        let first = u32::try_from(sample.iter().filter(is_first).count()).unwrap();
        let difference = f64::from(first) - all / 2.0;
        alarms += u32::from(4.0 * difference * difference / all > 3.841);
    }
    // 5 % of 400 is 20, with a standard deviation of 4.4.
    assert!((4..40).contains(&alarms), "{alarms} of {ROUNDS}");
}

/// A table is only taken as it was left if each of its users would be found.
#[test]
fn a_table_with_a_user_out_of_reach_is_made_anew() {
    let memory: Arc<dyn Memory> = Arc::new(InProcess);
    let mut rebuilt = 0;
    for number in 0..200 {
        let table = new_table(&scope(usize::MAX), 0, 64, &*memory);
        (0..40).for_each(|at| table.take::<Activities>(user(number << 32 | at), EXPOSED));
        let slot = table.slots.get(usize::try_from(number).unwrap() % 64).unwrap();
        let lost = slot.hash.swap(EMPTY, Ordering::Relaxed);
        slot.word.store(0, Ordering::Relaxed);
        let head = table.head;
        let is_whole = match Table::left_in::<Activities>(head, table.slots) {
            Ok(table) => {
                assert!(table.all().all(|(hash, _)| matches!(table.find(hash), Found::User(_))));
                continue;
            }
            Err(slots) => {
                Run::united::<Activities>(scope(usize::MAX), vec![(head, slots)], &*memory)
            }
        };
        rebuilt += 1;
        let found: BTreeSet<_> = is_whole.table.all().map(|(hash, _)| hash).collect();
        let all = (0..40).map(|at| user(number << 32 | at)).filter(|hash| *hash != lost);
        assert_eq!(found, all.collect());
    }
    assert!((20..180).contains(&rebuilt), "{rebuilt}");
}

/// A table whose users have all moved is said to be replaced, once; one of a run that is over, or
/// of a deleted experiment, to be dropped; and no other one.
#[test]
fn each_table_that_is_not_needed_any_more_says_so_once() {
    #[derive(Debug, Default)]
    struct Files(Mutex<Vec<(usize, Arc<Said>)>>);
    #[derive(Debug, Default)]
    struct Said(Mutex<String>);
    impl File for Said {
        fn replaced(self: Arc<Self>) {
            self.0.lock().unwrap().push('r');
        }

        fn dropped(self: Arc<Self>) {
            self.0.lock().unwrap().push('d');
        }
    }
    impl Memory for Files {
        fn slots(&self, head: &Head) -> Slots {
            let file = Arc::new(Said::default());
            self.0.lock().unwrap().push((head.slots, Arc::clone(&file)));
            let slots: Box<[slots::Slot]> = (0..head.slots).map(|_| slots::Slot::empty()).collect();
            Slots::Mapped { slots: Box::leak(slots), file }
        }
    }
    let files = Arc::new(Files::default());
    let memory: Arc<dyn Memory> = Arc::<Files>::clone(&files);
    let users = DistinctUsers::new(Run::new(scope(1000), &*memory), Arc::clone(&memory));
    let said = || -> Vec<String> {
        let files = files.0.lock().unwrap();
        files.iter().map(|(slots, file)| format!("{slots}{}", file.0.lock().unwrap())).collect()
    };
    for number in 0..1300 {
        users.record(user(number), Event::Exposure);
    }
    users.settled();
    // Grown to 2,048 slots for 1,000 users, and then downsampled once.
    assert_eq!(said(), ["64r", "128r", "256r", "512r", "1024r", "2048r", "2048"]);
    users.begin(Run::new(Scope { run: 2, ..scope(1000) }, &*memory));
    for number in 0..50 {
        users.record(user(number), Event::Exposure);
    }
    // In the middle of a move, both tables are dropped.
    assert_eq!(said()[6..], ["2048d", "64", "128"]);
    users.forget();
    assert_eq!(said()[6..], ["2048d", "64d", "128d"]);
    assert_eq!(all(&users).len(), 0);
}

/// One table that a process has left is taken as it is. Of several, users are counted since the
/// first began.
#[test]
fn a_table_that_was_left_is_taken_and_several_are_united() {
    let memory: Arc<dyn Memory> = Arc::new(InProcess);
    let left = |since, number| {
        let since = Timestamp::from_unix_seconds(since);
        let table = new_table(&Scope { since, ..scope(100) }, 0, 64, &*memory);
        table.take::<Activities>(user(number), EXPOSED);
        (table.head, table.slots)
    };
    let one = left(70, 1);
    let head = one.0;
    let run = Run::united::<Activities>(scope(5), vec![one], &*memory);
    assert_eq!(run.table.head, head);
    assert_eq!((run.scope.since, run.scope.capacity), (head.since, 100));
    assert_eq!(run.table.users(), 1);

    let run =
        Run::united::<Activities>(scope(0), vec![left(80, 1), left(70, 2), left(90, 1)], &*memory);
    assert_eq!((run.scope.since, run.table.head.since), (head.since, head.since));
    assert_eq!((run.scope.capacity, run.table.head.capacity), (100, 100));
    assert_eq!(run.table.users(), 2);
}

/// In the middle of a run, a user may have been exposed before users were counted.
#[test]
fn where_a_run_is_not_counted_whole_no_user_is_known_as_unexposed() {
    let memory: Arc<dyn Memory> = Arc::new(InProcess);
    let scope = Scope { is_whole: false, ..scope(100) };
    let users = DistinctUsers::new(Run::new(scope, &*memory), Arc::clone(&memory));
    for _ in 0..2 {
        assert_eq!(users.record(user(1), Event::Conversion), Known::Unsure);
    }
    assert_eq!(users.record(user(1), Event::Exposure), Known::Exposed);
    assert_eq!(users.record(user(1), Event::Conversion), Known::Exposed);
    assert_eq!(all(&users)[&user(1)], EXPOSED | BEFORE | AFTER);
}

/// The users of each variant: a conversion counts after an exposure, and is apart without one.
#[test]
fn users_are_counted_by_variant_and_by_what_they_did() {
    let users = users(usize::MAX);
    let mut expected = [UserCount::default(); 2];
    for number in 0..1000 {
        let hash = user(number);
        let count = &mut expected[usize::from(Bucket::from_hash(hash).index() >= 30)];
        let (exposure, conversion) = (Event::Exposure, Event::Conversion);
        let events: &[Event] = match number % 4 {
            0 => &[exposure],
            1 => &[exposure, conversion],
            2 => &[conversion],
            _ => &[conversion, exposure],
        };
        for event in events {
            users.record(hash, *event);
        }
        count.exposed += u64::from(number % 4 != 2);
        count.converted += u64::from(number % 4 == 1);
        count.converted_unexposed += u64::from(number % 4 == 2);
    }
    let sample = users.counts(&Allocation::of([30, 70].into_iter()), 2, &[], 0);
    assert_eq!((sample.variants, sample.bits), (expected.to_vec(), 0));
    assert_eq!(sample.scope, scope(usize::MAX));
}

/// By an even number, half of the slots would be no user's first.
#[test]
fn multipliers_are_odd_and_drawn() {
    let memory: Arc<dyn Memory> = Arc::new(InProcess);
    let multiplier = |_| Run::new(scope(1), &*memory).table.head.multiplier;
    let multipliers: BTreeSet<u64> = (0..100).map(multiplier).collect();
    assert!(multipliers.len() > 90 && multipliers.iter().all(|multiplier| multiplier % 2 == 1));
}
