//! Random calls against a naive model: a list that is as long as it may be, and the set of those who
//! were put into it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{exposing, taken};
use crate::common::{NOON, experiment_id, production};
use fairsplit::assign::Assignment;

#[derive(Clone, Debug)]
enum Step {
    Evaluate(usize),
    Convert(usize),
    Peek(usize),
    Force(usize),
    Unforce(usize),
    Restart,
    Advance,
    Take,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..12_usize).prop_map(Step::Evaluate),
        4 => (0..12_usize).prop_map(Step::Convert),
        2 => (0..12_usize).prop_map(Step::Peek),
        1 => (0..12_usize).prop_map(Step::Force),
        1 => (0..12_usize).prop_map(Step::Unforce),
        1 => Just(Step::Restart),
        2 => Just(Step::Advance),
        2 => Just(Step::Take),
    ]
}

/// Keys that are kept in place, and longer ones.
fn key(user: usize) -> String {
    "user-".repeat(user) + &user.to_string()
}

/// Time, run, variant and user key of an exposure.
type Row = (i64, u32, String, String);

proptest! {
    #[test]
    fn each_first_exposure_is_queued_once_if_there_is_room(
        capacity in prop_oneof![1..6_usize, Just(1000)],
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let (engine, id, exposures, clock) = exposing(capacity);
        let place = production(&engine);
        let assignment = Assignment::new(experiment_id(1).to_bytes(), &[50, 50]).unwrap();
        let (mut now, mut run, mut missed) = (NOON, 1, 0);
        let mut waiting: Vec<Row> = Vec::new();
        // Of this run.
        let (mut exposed, mut queued) = (BTreeSet::new(), BTreeSet::new());
        let mut forced = BTreeSet::new();
        for step in steps {
            match step {
                Step::Evaluate(user) => {
                    let key = key(user);
                    let _ = place.evaluate("hero-banner", &key);
                    if !forced.contains(&user) {
                        exposed.insert(user);
                        if !queued.contains(&user) {
                            if waiting.len() < capacity {
                                let variant = assignment.variant(&key).unwrap();
                                let variant = ["control", "treatment"][variant].to_owned();
                                waiting.push((now, run, variant, key));
                                queued.insert(user);
                            } else {
                                missed += 1;
                            }
                        }
                    }
                }
                Step::Convert(user) => {
                    place.convert("hero-banner", &key(user));
                }
                Step::Peek(user) => {
                    let _ = place.peek("hero-banner", &key(user));
                }
                Step::Force(user) => {
                    engine.force(id, &key(user), "control").unwrap();
                    forced.insert(user);
                }
                Step::Unforce(user) => {
                    if forced.remove(&user) {
                        engine.unforce(id, &key(user)).unwrap();
                    }
                }
                Step::Restart => {
                    engine.stop(id).unwrap();
                    engine.start(id).unwrap();
                    run += 1;
                    exposed.clear();
                    queued.clear();
                }
                Step::Advance => {
                    clock.advance(1);
                    now += 1;
                }
                Step::Take => {
                    let rows: Vec<Row> = taken(&exposures)
                        .iter()
                        .map(|of| {
                            let (variant, key) = (of.variant().to_owned(), of.user_key().to_owned());
                            (of.at().unix_seconds(), of.run(), variant, key)
                        })
                        .collect();
                    prop_assert_eq!(&rows, &waiting);
                    waiting.clear();
                }
            }
            prop_assert_eq!(exposures.len(), waiting.len());
            prop_assert_eq!(exposures.missed(), missed);
            let counted = engine.users(id).unwrap();
            let counted = counted.variants().iter().map(|variant| variant.count.exposed);
            prop_assert_eq!(counted.sum::<u64>(), exposed.len() as u64);
            if missed == 0 {
                prop_assert_eq!(&queued, &exposed);
            }
        }
    }
}
