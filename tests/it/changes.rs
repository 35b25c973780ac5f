//! Changes as they were committed: who asked, and every field before and after.

use std::sync::{Arc, Mutex};

use crate::common::changes::assert_replayed;
use crate::common::directory::Directory;
use crate::common::{banner, engine_at_noon, experiment_id, flag_id};
use fairsplit::changes::{Action, Actor, Change};
use fairsplit::clock::ManualClock;
use fairsplit::error::{CommitError, ControlError};
use fairsplit::store::{Proposal, Store};
use fairsplit::targeting::{
    Condition, HoldoutId, LayerId, NewHoldout, NewLayer, NewRule, NewSegment, NewTargeting,
    Operator, RuleId, SegmentId,
};
use fairsplit::{Engine, ExperimentChange, FlagChange, NewExperiment, NewFlag, Status, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn a_durable_engine_lists_who_asked_for_which_change() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let anna = engine.acting_as(Actor::token("anna"));
    let id = experiment_id(1);
    anna.create_experiment("hero-banner", banner("production").id(id)).unwrap();
    anna.clone().start(id).unwrap();
    anna.start(id).unwrap_err();
    engine.force(id, "qa", "treatment").unwrap();
    engine.create_flag(NewFlag::new("checkout", 1).id(flag_id(2))).unwrap();
    drop((engine, anna));

    let engine = directory.open();
    let changes = engine.changes().unwrap();
    let found: Vec<_> = changes
        .iter()
        .map(|change| (change.version, change.action, change.actor.clone()))
        .collect();
    let anna = Actor::token("anna");
    assert_eq!(
        found,
        [
            (1, Action::CreateFlag, Actor::Service),
            (2, Action::CreateExperiment, anna.clone()),
            (3, Action::Start, anna),
            (4, Action::Force, Actor::Service),
            (5, Action::CreateFlag, Actor::Service),
        ]
    );
    let edits = changes[2].edits.iter().map(|edit| {
        assert_eq!(
            (edit.flag_key.as_deref(), edit.unit.experiment()),
            (Some("hero-banner"), Some(id))
        );
        (&*edit.field, edit.before.clone(), edit.after.clone())
    });
    let edits: Vec<_> = edits.filter(|(field, ..)| !field.ends_with("_at")).collect();
    let side = |value: Value| Some(value);
    assert_eq!(
        edits,
        [
            ("run", side(json!(0)), side(json!(1))),
            ("status", side(json!("draft")), side(json!("running"))),
        ]
    );
    assert_eq!(engine.changes_of("checkout").unwrap(), changes[4..]);
    assert_eq!(engine.changes_of(flag_id(1)).unwrap(), changes[..4]);
    assert!(matches!(engine.changes_of("no-such"), Err(ControlError::FlagNotFound { .. })));
    for change in &changes {
        let text = serde_json::to_string(change).unwrap();
        assert_eq!(Change::from_json(&text).unwrap(), *change);
    }
    assert_replayed(&engine);
}

#[test]
fn an_engine_in_memory_keeps_no_changes_and_counts_versions_all_the_same() {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    assert_eq!((engine.changes(), engine.snapshot().version()), (Ok(Vec::new()), 1));
}

#[test]
fn the_version_of_a_directory_goes_on_and_is_in_no_export() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    engine.set_default("hero-banner", "new").unwrap();
    let export = engine.to_json();
    drop(engine);
    for _ in 0..3 {
        let engine = directory.open();
        assert_eq!((engine.snapshot().version(), engine.to_json()), (2, export.clone()));
    }
    assert!(!export.contains("stored"));
    // What belongs to the directory alone means nothing to another engine.
    let stored = std::fs::read_to_string(directory.file("definitions.json")).unwrap();
    assert!(stored.contains("\"stored\""));
    let other = Engine::from_json(&stored).unwrap();
    assert_eq!((other.snapshot().version(), other.to_json()), (1, export));
}

#[test]
fn definitions_edited_by_hand_are_a_change_after_the_newest() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    engine.set_default("hero-banner", "new").unwrap();
    drop(engine);
    let path = directory.file("definitions.json");
    let edited = std::fs::read_to_string(&path).unwrap().replace("\"new\"", "\"newer\"");
    // Also where the version was lost in the editing.
    for (text, version) in
        [(edited.clone(), 3), (edited.replace("\"version\": 3", "\"version\": 0"), 4)]
    {
        std::fs::write(&path, text).unwrap();
        let options = fairsplit::durable::OpenOptions::new().accept_edited_definitions();
        let engine = options.open(&directory.0).unwrap();
        let last = engine.changes().unwrap().pop().unwrap();
        assert_eq!((last.version, last.action), (version, Action::AcceptEdits));
        assert_eq!(engine.snapshot().version(), version);
        drop(engine);
    }
}

#[test]
fn the_versions_of_a_directory_whose_definitions_are_gone_go_on() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    engine.set_default("hero-banner", "new").unwrap();
    drop(engine);
    for name in ["definitions.json", "counters"] {
        std::fs::remove_file(directory.file(name)).unwrap();
    }
    let engine = directory.open();
    assert_eq!((engine.flags().len(), engine.snapshot().version()), (0, 2));
    engine.create_flag(NewFlag::new("checkout", 1)).unwrap();
    let versions: Vec<u64> =
        engine.changes().unwrap().iter().map(|change| change.version).collect();
    assert_eq!(versions, [1, 2, 3]);
}

/// A store that two engines share, and that can fail.
#[derive(Debug, Default)]
struct Shared {
    changes: Mutex<Vec<Change>>,
    definitions: Mutex<String>,
    fails: Mutex<bool>,
}

impl Store for Shared {
    fn commit(&self, proposal: &Proposal<'_>) -> Result<(), CommitError> {
        if *self.fails.lock().unwrap() {
            return Err(CommitError::Store("the database is away".to_owned()));
        }
        let mut changes = self.changes.lock().unwrap();
        let newest = changes.last().map_or(0, |change| change.version);
        if proposal.change().version != newest + 1 {
            return Err(CommitError::Behind { newest });
        }
        changes.push(proposal.change().clone());
        *self.definitions.lock().unwrap() = proposal.definitions();
        Ok(())
    }

    fn changes(&self) -> Result<Vec<Change>, CommitError> {
        Ok(self.changes.lock().unwrap().clone())
    }
}

#[test]
fn of_two_changes_of_one_version_a_shared_store_refuses_the_second() {
    let store = Arc::new(Shared::default());
    let clock = || ManualClock::new(Timestamp::from_unix_seconds(0));
    let first = Engine::with_store(clock(), Arc::clone(&store));
    let second = Engine::with_store(clock(), Arc::clone(&store));
    first.create_flag(NewFlag::new("a", 1)).unwrap();
    assert_eq!(*store.definitions.lock().unwrap(), first.to_json());
    let before = second.to_json();
    let refused = second.create_flag(NewFlag::new("b", 1)).unwrap_err();
    assert_eq!(refused, ControlError::NotCommitted(CommitError::Behind { newest: 1 }));
    assert_eq!((second.to_json(), second.snapshot().version()), (before, 0));

    *store.fails.lock().unwrap() = true;
    let before = first.to_json();
    let refused = first.set_default("a", 2).unwrap_err();
    assert!(matches!(refused, ControlError::NotCommitted(CommitError::Store(_))), "{refused}");
    first.replace(r#"{"flags": []}"#).unwrap_err();
    assert_eq!(first.to_json(), before);
    *store.fails.lock().unwrap() = false;
    first.set_default("a", 2).unwrap();
    assert_replayed(&first);
}

/// What can be asked for, as small numbers.
#[derive(Clone, Debug)]
enum Operation {
    Flag(u128, Value),
    Default(u128, Value),
    Experiment(u128, u128, bool),
    Start(u128),
    Stop(u128),
    Force(u128, u8),
    Unforce(u128, u8),
    Ship(u128),
    NoteFlag(u128, String),
    NoteExperiment(u128, String),
    ArchiveFlag(u128, bool),
    ArchiveExperiment(u128, bool),
    DeleteFlag(u128),
    DeleteExperiment(u128),
    Rule(u128, u128, Option<u8>),
    Segment(u128, Option<u8>),
    Holdout(u128),
    Layer(u128, bool),
    Target(u128, u8, Option<u128>),
    Enable(u128, bool),
    Drop(u128),
    ReloadOwn,
    Reopen,
}

/// Operations on who is meant.
fn targeting() -> impl Strategy<Value = Operation> {
    let number = 0_u128..3;
    let some = || prop::option::weighted(0.7, 0_u8..3);
    prop_oneof![
        (number.clone(), number.clone(), some()).prop_map(|(f, r, v)| Operation::Rule(f, r, v)),
        (number.clone(), some()).prop_map(|(number, value)| Operation::Segment(number, value)),
        number.clone().prop_map(Operation::Holdout),
        (number.clone(), any::<bool>())
            .prop_map(|(number, is_unit)| Operation::Layer(number, is_unit)),
        (number.clone(), 0_u8..=100, prop::option::of(number.clone()))
            .prop_map(|(id, coverage, segment)| Operation::Target(id, coverage, segment)),
        (number, any::<bool>()).prop_map(|(flag, to)| Operation::Enable(flag, to)),
    ]
}

/// Does such an operation; many are refused.
fn target(engine: &Engine, operation: &Operation) {
    let bytes = |number: u128| number.to_be_bytes();
    match *operation {
        Operation::Rule(flag, rule, Some(value)) => {
            let id = RuleId::from_bytes(bytes(rule));
            let new = || NewRule::new("production", value).id(id).percentage(value);
            if engine.change_rule(id, new()).is_err() {
                drop(engine.create_rule(&format!("flag-{flag}"), new()));
            }
        }
        Operation::Rule(_, rule, None) => {
            drop(engine.delete_rule(RuleId::from_bytes(bytes(rule))));
        }
        Operation::Segment(number, Some(value)) => {
            let id = SegmentId::from_bytes(bytes(number));
            let condition = Condition::new("plan", Operator::Equals, value);
            let new = NewSegment::new(format!("s{value}")).id(id).condition(condition);
            if engine.change_segment(id, new.clone()).is_err() {
                drop(engine.create_segment(new));
            }
        }
        Operation::Segment(number, None) => {
            drop(engine.delete_segment(SegmentId::from_bytes(bytes(number))));
        }
        Operation::Holdout(number) => {
            let id = HoldoutId::from_bytes(bytes(number));
            if engine.delete_holdout(id).is_err() {
                drop(engine.create_holdout(NewHoldout::new("h", 0.5).id(id)));
            }
        }
        Operation::Layer(number, is_unit) => {
            let id = LayerId::from_bytes(bytes(number));
            let new = NewLayer::new("l").id(id);
            let new = if is_unit { new.bucket_by("company_id") } else { new };
            if engine.change_layer(id, new.clone()).is_err() {
                drop(engine.create_layer(new));
            }
        }
        Operation::Target(id, coverage, segment) => {
            let layer = LayerId::from_bytes(bytes(id));
            let targeting = NewTargeting::new().coverage(coverage);
            let targeting = match segment {
                Some(segment) => targeting.segment(SegmentId::from_bytes(bytes(segment))),
                None => targeting.layer(layer, [(0, 50)]),
            };
            drop(engine.set_targeting(experiment_id(id), targeting));
        }
        Operation::Enable(flag, to) => {
            let change = FlagChange::new().enabled(to);
            drop(engine.change_flag(&format!("flag-{flag}"), change));
        }
        _ => unreachable!(),
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let number = 0_u128..3;
    let values = vec![json!(null), json!(-0.0), json!(0.1), json!({"b": [1], "a": 2}), json!("x")];
    let value = prop::sample::select(values);
    let note = prop::sample::select(vec![String::new(), "a".to_owned(), "b".to_owned()]);
    prop_oneof![
        (number.clone(), value.clone()).prop_map(|(flag, value)| Operation::Flag(flag, value)),
        (number.clone(), value).prop_map(|(flag, value)| Operation::Default(flag, value)),
        (number.clone(), number.clone(), any::<bool>())
            .prop_map(|(flag, experiment, runs)| Operation::Experiment(flag, experiment, runs)),
        number.clone().prop_map(Operation::Start),
        number.clone().prop_map(Operation::Stop),
        (number.clone(), 0_u8..3).prop_map(|(id, user)| Operation::Force(id, user)),
        (number.clone(), 0_u8..3).prop_map(|(id, user)| Operation::Unforce(id, user)),
        (number.clone(), note.clone()).prop_map(|(flag, note)| Operation::NoteFlag(flag, note)),
        (number.clone(), note).prop_map(|(id, note)| Operation::NoteExperiment(id, note)),
        number.clone().prop_map(Operation::Ship),
        (number.clone(), any::<bool>()).prop_map(|(flag, to)| Operation::ArchiveFlag(flag, to)),
        (number.clone(), any::<bool>()).prop_map(|(id, to)| Operation::ArchiveExperiment(id, to)),
        number.clone().prop_map(Operation::DeleteFlag),
        targeting(),
        number.clone().prop_map(Operation::DeleteExperiment),
        number.prop_map(Operation::Drop),
        Just(Operation::ReloadOwn),
        Just(Operation::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn changes_have_every_version_and_lead_to_the_definitions(
        operations in prop::collection::vec(operation(), 1..30)
    ) {
        let directory = Directory::new();
        let mut engine = directory.open();
        for operation in operations {
            let key = |flag: u128| format!("flag-{flag}");
            // Many are refused, and leave no trace.
            match operation {
                Operation::Flag(flag, value) => {
                    drop(engine.create_flag(NewFlag::new(key(flag), value).id(flag_id(flag))));
                }
                Operation::Default(flag, value) => drop(engine.set_default(&key(flag), value)),
                Operation::Experiment(flag, experiment, runs) => {
                    let status = if runs { Status::Running } else { Status::Draft };
                    let new = NewExperiment::new("e", "production").variant("only", 1, 100);
                    let new = new.id(experiment_id(experiment)).status(status);
                    drop(engine.create_experiment(&key(flag), new));
                }
                Operation::Start(id) => drop(engine.start(experiment_id(id))),
                Operation::Stop(id) => drop(engine.stop(experiment_id(id))),
                Operation::Force(id, user) => {
                    drop(engine.force(experiment_id(id), &format!("user.{user}"), "only"));
                }
                Operation::Unforce(id, user) => {
                    drop(engine.unforce(experiment_id(id), &format!("user.{user}")));
                }
                Operation::NoteFlag(flag, note) => {
                    let tags = Some(note.clone()).filter(|note| !note.is_empty());
                    let change = FlagChange::new().description(note).tags(tags);
                    drop(engine.change_flag(&key(flag), change));
                }
                Operation::NoteExperiment(id, note) => {
                    let tags = Some(note.clone()).filter(|note| !note.is_empty());
                    let change = ExperimentChange::new().name("n").owner(note).tags(tags);
                    drop(engine.change_experiment(experiment_id(id), change));
                }
                Operation::Ship(id) => drop(engine.ship(experiment_id(id), "only")),
                Operation::ArchiveFlag(flag, true) => drop(engine.archive_flag(&key(flag))),
                Operation::ArchiveFlag(flag, false) => drop(engine.unarchive_flag(&key(flag))),
                Operation::ArchiveExperiment(id, true) => {
                    drop(engine.archive_experiment(experiment_id(id)));
                }
                Operation::ArchiveExperiment(id, false) => {
                    drop(engine.unarchive_experiment(experiment_id(id)));
                }
                Operation::DeleteFlag(flag) => drop(engine.delete_flag(&key(flag))),
                Operation::DeleteExperiment(id) => {
                    drop(engine.delete_experiment(experiment_id(id)));
                }
                Operation::Rule(..)
                | Operation::Segment(..)
                | Operation::Holdout(_)
                | Operation::Layer(..)
                | Operation::Target(..)
                | Operation::Enable(..) => target(&engine, &operation),
                Operation::Drop(flag) => {
                    let mut document: Value = serde_json::from_str(&engine.to_json()).unwrap();
                    let flags = document["flags"].as_array_mut().unwrap();
                    flags.retain(|section| section["key"] != key(flag));
                    engine.replace(&document.to_string()).unwrap();
                }
                Operation::ReloadOwn => engine.replace(&engine.to_json()).unwrap(),
                Operation::Reopen => {
                    drop(engine);
                    engine = directory.open();
                }
            }
        }
        assert_replayed(&engine);
    }
}
