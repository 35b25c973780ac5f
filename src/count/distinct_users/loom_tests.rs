//! Run with `RUSTFLAGS="--cfg loom" cargo test --release --lib loom`.

use super::*;
use crate::count::counters::Event;
use crate::count::distinct_users::slots::InProcess;

const EXPOSED: u64 = 1;
const BEFORE: u64 = 2;
const AFTER: u64 = 4;

fn users(slots: usize, capacity: usize) -> Arc<DistinctUsers> {
    let scope = Scope {
        experiment: ExperimentId::from_bytes([1; 16]),
        run: 1,
        goal: None,
        since: Timestamp::from_unix_seconds(0),
        is_whole: true,
        capacity,
    };
    let memory: Arc<dyn Memory> = Arc::new(InProcess);
    let run = Run::with_slots(slots, scope, &*memory);
    Arc::new(DistinctUsers::new(run, memory))
}

/// Users whose sampling hash begins with this number of zero bits at least.
fn user(rank_at_least: u32, at: usize) -> u64 {
    let users = (1_u64..).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    users.filter(|hash| rank(*hash) >= rank_at_least).nth(at).unwrap()
}

fn spawn<R: 'static>(
    users: &Arc<DistinctUsers>,
    act: impl FnOnce(&DistinctUsers) -> R + 'static,
) -> loom::thread::JoinHandle<R> {
    let users = Arc::clone(users);
    loom::thread::spawn(move || act(&users))
}

/// The users that are held, each once.
fn all(users: &DistinctUsers) -> Vec<(u64, u64)> {
    let mut all: Vec<_> = users.settled().current.all().collect();
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[0].0 != pair[1].0), "a user is there twice");
    all
}

/// Moves all users to another table.
fn move_on(users: &DistinctUsers) {
    let tables = users.tables.load_full();
    users.make_next(&tables);
    let tables = users.tables.load_full();
    users.finish(&tables);
}

#[test]
fn loom_a_user_that_threads_add_at_once_is_there_once() {
    loom::model(|| {
        let users = users(4, 100);
        let hash = user(0, 0);
        let conversion = spawn(&users, move |users| users.record(hash, Event::Conversion));
        let other = spawn(&users, move |users| users.record(user(0, 1), Event::Exposure));
        assert_eq!(users.record(hash, Event::Exposure), Known::Exposed);
        let conversion = match conversion.join().unwrap() {
            Known::Exposed => AFTER,
            _ => BEFORE,
        };
        assert_eq!(other.join().unwrap(), Known::Exposed);
        let mut expected = [(hash, EXPOSED | conversion), (user(0, 1), EXPOSED)];
        expected.sort_unstable();
        assert_eq!(all(&users), expected);
    });
}

#[test]
fn loom_an_exposed_user_converts_while_it_moves() {
    loom::model(|| {
        let users = users(2, 100);
        let hash = user(0, 0);
        users.record(hash, Event::Exposure);
        let moving = spawn(&users, move_on);
        assert_eq!(users.record(hash, Event::Conversion), Known::Exposed);
        moving.join().unwrap();
        assert_eq!(all(&users), [(hash, EXPOSED | AFTER)]);
    });
}

#[test]
fn loom_a_user_is_added_while_others_move() {
    loom::model(|| {
        let users = users(4, 100);
        let (known, new) = (user(0, 0), user(0, 1));
        users.record(known, Event::Exposure);
        let moving = spawn(&users, move_on);
        assert_eq!(users.record(new, Event::Exposure), Known::Exposed);
        moving.join().unwrap();
        let mut expected = [(known, EXPOSED), (new, EXPOSED)];
        expected.sort_unstable();
        assert_eq!(all(&users), expected);
    });
}

/// What two threads record of a user, one of whom may still write to the table that was left.
#[test]
fn loom_nothing_of_a_user_is_lost_while_two_threads_record_and_a_third_moves() {
    let mut model = loom::model::Builder::new();
    model.max_branches = 10_000;
    model.preemption_bound = Some(2);
    model.check(|| {
        let users = users(4, 100);
        let hash = user(0, 0);
        let moving = spawn(&users, move_on);
        let exposing = spawn(&users, move |users| users.record(hash, Event::Exposure));
        let converted = match users.record(hash, Event::Conversion) {
            Known::Exposed => AFTER,
            _ => BEFORE,
        };
        moving.join().unwrap();
        assert_eq!(exposing.join().unwrap(), Known::Exposed);
        assert_eq!(all(&users), [(hash, EXPOSED | converted)]);
    });
}

/// Two threads move the users at once, slot by slot and all of them.
#[test]
fn loom_two_threads_move_the_same_users() {
    loom::model(|| {
        let users = users(2, 100);
        let hash = user(0, 0);
        users.record(hash, Event::Exposure);
        let movers = [(); 2].map(|()| spawn(&users, move_on));
        assert_eq!(users.record(hash, Event::Conversion), Known::Exposed);
        for mover in movers {
            mover.join().unwrap();
        }
        assert_eq!(all(&users), [(hash, EXPOSED | AFTER)]);
    });
}

#[test]
fn loom_users_are_added_while_the_sample_is_halved() {
    loom::model(|| {
        let users = users(4, 1);
        // The first two are one too many, and the second alone stays.
        let first = (0..).map(|at| user(0, at)).find(|hash| rank(*hash) == 0).unwrap();
        let (second, third) = (user(2, 0), user(2, 1));
        users.record(first, Event::Exposure);
        users.record(second, Event::Exposure);
        let adding = spawn(&users, move |users| users.record(third, Event::Exposure));
        assert_ne!(users.record(second, Event::Conversion), Known::Unexposed);
        assert_ne!(adding.join().unwrap(), Known::Unexposed);
        let bits = users.settled().current.head.bits;
        let kept: Vec<_> = [(second, EXPOSED | AFTER), (third, EXPOSED)]
            .into_iter()
            .filter(|(hash, _)| rank(*hash) >= bits)
            .collect();
        let mut kept = kept;
        kept.sort_unstable();
        assert_eq!(all(&users), kept);
        assert!(kept.len() <= 1);
    });
}

#[test]
fn loom_a_run_begins_while_users_are_added() {
    loom::model(|| {
        let users = users(2, 100);
        let (old, new) = (user(0, 0), user(0, 1));
        users.record(old, Event::Exposure);
        let moving = spawn(&users, move_on);
        let memory: Arc<dyn Memory> = Arc::new(InProcess);
        users.begin(Run::new(Scope { run: 2, ..users.scope() }, &*memory));
        users.record(new, Event::Exposure);
        moving.join().unwrap();
        assert_eq!(users.scope().run, 2);
        assert_eq!(all(&users), [(new, EXPOSED)]);
    });
}

/// Two values of one user, whom another thread moves meanwhile, and a kill after it.
#[test]
fn loom_no_value_is_lost_or_doubled_while_its_user_moves() {
    loom::model(|| {
        let memory: Arc<dyn Memory> = Arc::new(InProcess);
        let run = Run::with_slots(2, users(2, 100).scope(), &*memory);
        let sums = Arc::new(DistinctUsers::<Sums>::new(run, memory));
        let hash = user(0, 0);
        sums.add(hash, 100);
        let spawn = |act: fn(&DistinctUsers<Sums>, u64)| {
            let sums = Arc::clone(&sums);
            loom::thread::spawn(move || act(&sums, hash))
        };
        let moving = spawn(|sums, _| {
            let tables = sums.tables.load_full();
            sums.make_next(&tables);
            let tables = sums.tables.load_full();
            sums.finish(&tables);
        });
        let adding = spawn(|sums, hash| sums.add(hash, 20));
        sums.add(hash, 3);
        moving.join().unwrap();
        adding.join().unwrap();
        assert_eq!(sums.read().sums, [(hash, 123)]);
    });
}
