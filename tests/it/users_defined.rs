//! Whether users are counted: beside the experiment and as the engine's default; by run; and what
//! that does to conversions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{NOON, banner, engine_at_noon, ever, experiment_id, flag_id, production};
use fairsplit::apply::ApplyOptions;
use fairsplit::changes::Change;
use fairsplit::clock::ManualClock;
use fairsplit::error::{CommitError, ControlError, LoadError, ValidationError};
use fairsplit::fault::{FaultKind, MAX_USERS};
use fairsplit::store::{Proposal, Store};
use fairsplit::{
    Engine, Experiment, ExperimentChange, ExperimentId, NewExperiment, NewFlag, Outcome, Status,
    Timestamp,
};
use serde_json::{Value, json};

fn engine_with(new: NewExperiment) -> (Engine, ExperimentId) {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let id = engine.create_experiment("hero-banner", new.id(experiment_id(1))).unwrap().id();
    (engine, id)
}

fn running() -> NewExperiment {
    banner("production").status(Status::Running)
}

fn evaluate(engine: &Engine, users: std::ops::Range<u32>) {
    for user in users {
        let _ = production(engine).evaluate("hero-banner", &format!("user-{user}"));
    }
}

fn convert(engine: &Engine, user: u32) -> Outcome {
    production(engine).convert("hero-banner", &format!("user-{user}")).outcome()
}

/// How many users were exposed, converted, and converted unexposed in the last run.
fn users(engine: &Engine, id: ExperimentId) -> Option<[u64; 3]> {
    let users = engine.users(id)?;
    let counts = users.variants().iter().map(|variant| variant.count);
    Some(counts.fold([0; 3], |[exposed, converted, unexposed], count| {
        [
            exposed + count.exposed,
            converted + count.converted,
            unexposed + count.converted_unexposed,
        ]
    }))
}

/// The run, since when its users are counted, in seconds after noon, and whether that is its start.
fn period(engine: &Engine, id: ExperimentId) -> Option<(u32, i64, bool)> {
    let users = engine.users(id)?;
    Some((users.run(), users.since().unix_seconds() - NOON, users.is_since_start()))
}

fn conversions(engine: &Engine, id: ExperimentId) -> u64 {
    ever(&engine.counts(id).unwrap()).iter().map(|count| count.1).sum()
}

#[test]
fn the_number_stands_in_the_experiments_json_only_where_it_was_set() {
    let (engine, id) = engine_with(banner("production"));
    let unset = engine.experiment(id).unwrap();
    assert_eq!(unset.count_users(), None);
    assert!(!serde_json::to_string(&unset).unwrap().contains("count_users"));
    assert!(!engine.to_json().contains("count_users"));

    for capacity in [0, 1_000_000, MAX_USERS] {
        engine.count_users(id, capacity).unwrap();
        let set = engine.experiment(id).unwrap();
        assert_eq!(set.count_users(), Some(capacity));
        let text = serde_json::to_string(&set).unwrap();
        assert!(text.ends_with(&format!(r#","count_users":{capacity}}}"#)), "{text}");
        assert_eq!(serde_json::from_str::<Experiment>(&text).unwrap(), set);
        // An export carries it over.
        let other = Engine::from_json(&engine.to_json()).unwrap();
        assert_eq!(other.experiment(id).unwrap().count_users(), Some(capacity));
    }
    let body = r#"{"name": "n", "environment": "e", "count_users": 5,
        "variants": [{"key": "a", "value": 1, "percentage": 100}]}"#;
    let built = NewExperiment::new("n", "e").variant("a", 1, 100);
    assert_eq!(NewExperiment::from_json(body).unwrap(), built.count_users(5));
    let change = ExperimentChange::from_json(r#"{"count_users": 5}"#).unwrap();
    assert_eq!(change, ExperimentChange::new().count_users(5));
}

#[test]
fn a_number_that_is_none_is_a_fault_with_its_path() {
    let of = |invalid: &ValidationError| {
        let faults = invalid.faults().iter();
        faults
            .map(|fault| {
                assert!(matches!(fault.kind(), FaultKind::Type { .. }), "{fault}");
                fault.path().to_owned()
            })
            .collect::<Vec<_>>()
    };
    let paths = |error: LoadError| {
        let LoadError::Invalid(invalid) = error else { panic!("{error:?}") };
        of(&invalid)
    };
    for wrong in ["-1", "1000000001", "4294967296", "1.5", "true", r#""100""#] {
        let experiment = format!(
            r#"{{"name": "n", "environment": "e", "count_users": {wrong},
            "variants": [{{"key": "a", "value": 1, "percentage": 100}}]}}"#
        );
        let error = NewExperiment::from_json(&experiment).unwrap_err();
        assert_eq!(paths(error), ["count_users"], "{wrong}");
        let error = ExperimentChange::from_json(&format!(r#"{{"count_users": {wrong}}}"#));
        assert_eq!(paths(error.unwrap_err()), ["count_users"], "{wrong}");
        let experiment = experiment.replacen('{', &format!(r#"{{"id": "{}","#, flag_id(2)), 1);
        let document = format!(
            r#"{{"flags": [{{"id": "{}", "key": "f", "default_value": 1,
            "experiments": [{experiment}]}}]}}"#,
            flag_id(1)
        );
        let error = Engine::from_json(&document).unwrap_err();
        assert_eq!(paths(error), ["flags[0].experiments[0].count_users"], "{wrong}");
    }
    let (engine, id) = engine_with(banner("production"));
    let before = engine.to_json();
    let refusals = [
        engine.count_users(id, MAX_USERS + 1).unwrap_err(),
        engine.set_default_users(u32::MAX).unwrap_err(),
        engine.create_experiment("hero-banner", banner("e").count_users(u32::MAX)).unwrap_err(),
    ];
    for refused in refusals {
        let ControlError::Invalid(invalid) = refused else { panic!("{refused:?}") };
        assert_eq!(of(&invalid), ["count_users"]);
    }
    assert_eq!(engine.to_json(), before);
}

#[cfg(feature = "durable")]
#[test]
fn a_change_of_the_number_is_a_change_of_the_experiment_in_the_list_of_changes() {
    let directory = crate::common::directory::Directory::new();
    let engine = Engine::open(&directory.0).unwrap();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let id = engine.create_experiment("hero-banner", running()).unwrap().id();
    let version = engine.snapshot().version();
    engine.count_users(id, 100).unwrap();
    // The same number again is no change.
    engine.count_users(id, 100).unwrap();
    assert_eq!(engine.snapshot().version(), version + 1);
    engine.change_experiment(id, ExperimentChange::new().count_users(0)).unwrap();
    let changes = engine.changes().unwrap();
    let edits: Vec<_> = changes[changes.len() - 2..]
        .iter()
        .map(|change| {
            assert_eq!(change.action, fairsplit::changes::Action::ChangeExperiment);
            let edit = change.edits.iter().find(|edit| edit.field == "count_users").unwrap();
            (edit.before.clone(), edit.after.clone())
        })
        .collect();
    assert_eq!(edits, [(None, Some(json!(100))), (Some(json!(100)), Some(json!(0)))]);
    drop(engine);
    // And it survives a restart.
    let engine = Engine::open(&directory.0).unwrap();
    assert_eq!(engine.experiment(id).unwrap().count_users(), Some(0));
    let unknown = experiment_id(7);
    assert_eq!(engine.users(unknown), None);
    assert_eq!(
        engine.count_users(unknown, 1),
        Err(ControlError::ExperimentNotFound { id: unknown })
    );
}

#[test]
fn a_document_sets_the_number_and_takes_it_back_and_leaves_what_others_set() {
    let engine = Engine::new();
    let document = |count: Value| {
        let mut experiment = json!({
            "id": experiment_id(1).to_string(), "name": "n", "environment": "production",
            "status": "running", "variants": [{"key": "a", "value": 1, "percentage": 100}],
        });
        if !count.is_null() {
            experiment["count_users"] = count;
        }
        let flag = json!({"id": flag_id(1).to_string(), "key": "hero-banner", "default_value": 1,
            "experiments": [experiment]});
        json!({"flags": [flag]}).to_string()
    };
    let id = experiment_id(1);
    let number = || engine.experiment(id).unwrap().count_users();
    let apply = |count: Value| ApplyOptions::new().apply(&engine, &document(count)).unwrap();
    let _ = apply(json!(10));
    assert_eq!((number(), users(&engine, id)), (Some(10), Some([0; 3])));
    // A new run that this very document has begun.
    assert!(engine.users(id).unwrap().is_since_start());
    // Another number in the document is set at once, and said to be.
    let report = apply(json!(20));
    assert_eq!(report.changed[0].1, ["count_users"]);
    // What was set by a call stays until the document changes that very field.
    engine.count_users(id, 0).unwrap();
    let report = apply(json!(20));
    assert_eq!((number(), &*report.kept[0].1), (Some(0), &["count_users".to_owned()][..]));
    assert_eq!(users(&engine, id), None);
    let _ = apply(json!(30));
    assert_eq!((number(), users(&engine, id)), (Some(30), Some([0; 3])));
    let _ = apply(Value::Null);
    assert_eq!((number(), users(&engine, id)), (None, None));
    // One that replaces all leaves nothing of before.
    engine.count_users(id, 5).unwrap();
    engine.replace(&document(Value::Null)).unwrap();
    assert_eq!((number(), users(&engine, id)), (None, None));
    engine.replace(&document(json!(7))).unwrap();
    assert_eq!((number(), users(&engine, id)), (Some(7), Some([0; 3])));
}

#[test]
fn a_call_in_the_middle_of_a_run_counts_from_then_on_and_0_ends_it_at_once() {
    let (engine, clock) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let id = engine.create_experiment("hero-banner", running()).unwrap().id();
    evaluate(&engine, 0..10);
    assert_eq!(engine.users(id), None);
    clock.advance(60);
    engine.count_users(id, 100).unwrap();
    assert_eq!(users(&engine, id), Some([0; 3]));
    assert_eq!(period(&engine, id), Some((1, 60, false)));
    evaluate(&engine, 5..15);
    assert_eq!(users(&engine, id), Some([10, 0, 0]));
    // Nothing is known of a user who was exposed before, if at all: the conversion counts.
    assert_eq!((convert(&engine, 0), convert(&engine, 99)), (Outcome::Counted, Outcome::Counted));
    assert_eq!((convert(&engine, 5), conversions(&engine, id)), (Outcome::Counted, 3));
    assert_eq!(users(&engine, id), Some([10, 1, 2]));

    clock.advance(60);
    engine.count_users(id, 0).unwrap();
    assert_eq!(engine.users(id), None);
    assert_eq!((convert(&engine, 77), conversions(&engine, id)), (Outcome::Counted, 4));
    // Once more is another counting, since what came between is not known.
    engine.count_users(id, 100).unwrap();
    assert_eq!((users(&engine, id), period(&engine, id)), (Some([0; 3]), Some((1, 120, false))));
    clock.advance(60);
    engine.stop(id).unwrap();
    engine.start(id).unwrap();
    assert_eq!((users(&engine, id), period(&engine, id)), (Some([0; 3]), Some((2, 180, true))));
}

#[test]
fn another_capacity_applies_from_the_next_start_on() {
    let (engine, id) = engine_with(running().count_users(1_000_000));
    evaluate(&engine, 0..500);
    engine.count_users(id, 50).unwrap();
    evaluate(&engine, 500..1000);
    assert_eq!((users(&engine, id), engine.users(id).unwrap().one_in()), (Some([1000, 0, 0]), 1));
    engine.stop(id).unwrap();
    engine.start(id).unwrap();
    evaluate(&engine, 0..1000);
    assert!(engine.users(id).unwrap().one_in() >= 16);
    assert!(users(&engine, id).unwrap()[0] <= 50);
}

#[test]
fn users_of_a_stopped_experiment_stay_until_the_next_start_and_go_with_a_0() {
    let (engine, id) = engine_with(running().count_users(100));
    evaluate(&engine, 0..10);
    engine.stop(id).unwrap();
    engine.change_experiment(id, ExperimentChange::new().name("Other")).unwrap();
    assert_eq!(users(&engine, id), Some([10, 0, 0]));
    engine.count_users(id, 0).unwrap();
    assert_eq!(users(&engine, id), None);
    engine.start(id).unwrap();
    evaluate(&engine, 0..10);
    assert_eq!(users(&engine, id), None);
}

#[test]
fn where_users_are_counted_from_the_start_a_conversion_needs_an_exposure_in_this_run() {
    let (engine, id) = engine_with(banner("production").count_users(100));
    engine.start(id).unwrap();
    assert_eq!(convert(&engine, 1), Outcome::NotExposed);
    let conversion = production(&engine).convert("hero-banner", "user-1");
    assert!(!conversion.is_counted());
    // It says where it would have been counted.
    assert!(conversion.variant().is_some() && conversion.experiment() == Some(id));
    assert_eq!((conversions(&engine, id), users(&engine, id)), (0, Some([0, 0, 1])));
    evaluate(&engine, 1..3);
    assert_eq!((convert(&engine, 1), convert(&engine, 2)), (Outcome::Counted, Outcome::Counted));
    // What came before the exposure had another cause, and is dropped.
    assert_eq!((conversions(&engine, id), users(&engine, id)), (2, Some([2, 2, 0])));
    // A look is no exposure.
    let _ = production(&engine).peek("hero-banner", "user-5");
    assert_eq!(convert(&engine, 5), Outcome::NotExposed);
    // Without a user key, the event counts.
    assert_eq!(engine.convert_variant(id, "control").outcome(), Outcome::Counted);
    assert_eq!((conversions(&engine, id), users(&engine, id)), (3, Some([2, 2, 1])));
    engine.stop(id).unwrap();
    engine.start(id).unwrap();
    assert_eq!(convert(&engine, 1), Outcome::NotExposed);
    assert_eq!((conversions(&engine, id), users(&engine, id)), (3, Some([0, 0, 1])));
}

#[test]
fn a_conversion_of_a_user_who_is_not_in_the_sample_counts() {
    let (engine, id) = engine_with(running().count_users(20));
    evaluate(&engine, 0..1000);
    let one_in = engine.users(id).unwrap().one_in();
    assert!(one_in >= 32);
    let (mut counted, mut unexposed) = (0, 0);
    for user in 1000..3000 {
        match convert(&engine, user) {
            Outcome::Counted => counted += 1,
            Outcome::NotExposed => unexposed += 1,
            outcome => panic!("{outcome}"),
        }
    }
    assert_eq!(conversions(&engine, id), counted);
    assert!(unexposed > 0 && counted > 1000, "{unexposed} of one in {one_in}, {counted}");
}

#[test]
fn the_engines_default_is_off_and_applies_to_what_does_not_say() {
    let (engine, clock) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let id = engine.create_experiment("hero-banner", running()).unwrap().id();
    engine.create_flag(NewFlag::new("other", "old")).unwrap();
    let create = |new: NewExperiment| engine.create_experiment("other", new).unwrap().id();
    let [draft, off, own] = [
        create(banner("development")),
        create(banner("production").status(Status::Running).count_users(0)),
        create(banner("staging").status(Status::Running).count_users(10)),
    ];
    let counted = || [id, draft, off, own].map(|id| period(&engine, id));
    assert_eq!(counted(), [None, None, None, Some((1, 0, true))]);
    clock.advance(60);
    let version = engine.snapshot().version();
    engine.set_default_users(1000).unwrap();
    assert_eq!(counted(), [Some((1, 60, false)), None, None, Some((1, 0, true))]);
    // It is no change of the definitions, and in no document.
    assert_eq!(engine.snapshot().version(), version);
    assert_eq!(engine.experiment(id).unwrap().count_users(), None);
    assert_eq!(Engine::from_json(&engine.to_json()).unwrap().users(id), None);
    clock.advance(60);
    engine.start(draft).unwrap();
    assert_eq!(counted()[1], Some((1, 120, true)));
    // A clone is the same engine.
    engine.clone().set_default_users(0).unwrap();
    assert_eq!(counted(), [None, None, None, Some((1, 0, true))]);
    engine.set_default_users(1000).unwrap();
    engine.stop(id).unwrap();
    engine.set_default_users(0).unwrap();
    // What was counted of what is over stays.
    assert_eq!(counted(), [Some((1, 120, false)), None, None, Some((1, 0, true))]);
}

#[cfg(feature = "durable")]
#[test]
fn a_directory_opens_with_a_default_for_what_does_not_say() {
    use fairsplit::durable::OpenOptions;
    let directory = crate::common::directory::Directory::new();
    let engine = OpenOptions::new().default_users(100).open(&directory.0).unwrap();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let id = engine.create_experiment("hero-banner", running()).unwrap().id();
    evaluate(&engine, 0..10);
    assert_eq!(users(&engine, id), Some([10, 0, 0]));
    drop(engine);
    let engine = OpenOptions::new().default_users(0).open(&directory.0).unwrap();
    evaluate(&engine, 0..10);
    assert_eq!(engine.users(id), None);
    drop(engine);
    let engine = OpenOptions::new().default_users(100).open(&directory.0).unwrap();
    evaluate(&engine, 0..3);
    assert_eq!(users(&engine, id), Some([3, 0, 0]));
    assert!(!engine.users(id).unwrap().is_since_start());
}

/// As by a command that edits the directory of a server.
#[cfg(feature = "durable")]
#[test]
fn an_engine_without_a_default_keeps_the_users_of_the_directory_and_goes_on_to_count_them() {
    use fairsplit::durable::OpenOptions;
    let directory = crate::common::directory::Directory::new();
    let engine = OpenOptions::new().default_users(100).open(&directory.0).unwrap();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let id = engine.create_experiment("hero-banner", running()).unwrap().id();
    evaluate(&engine, 0..10);
    drop(engine);
    let engine = Engine::open(&directory.0).unwrap();
    assert_eq!(users(&engine, id), Some([10, 0, 0]));
    engine.change_experiment(id, ExperimentChange::new().name("Other")).unwrap();
    // What it counts itself has to be known later: a conversion needs an exposure.
    evaluate(&engine, 10..20);
    assert_eq!(convert(&engine, 77), Outcome::NotExposed);
    drop(engine);
    let engine = OpenOptions::new().default_users(100).open(&directory.0).unwrap();
    assert_eq!(users(&engine, id), Some([20, 0, 1]));
    assert_eq!(convert(&engine, 15), Outcome::Counted);
    drop(engine);
    // Another run is begun without users, where nothing says that they are counted.
    let engine = Engine::open(&directory.0).unwrap();
    engine.stop(id).unwrap();
    assert_eq!(users(&engine, id), Some([20, 1, 1]));
    engine.start(id).unwrap();
    assert_eq!((engine.users(id), convert(&engine, 77)), (None, Outcome::Counted));
}

#[cfg(feature = "durable")]
#[test]
fn users_of_an_experiment_that_is_over_stay_as_they_are_whatever_opens_the_directory() {
    use fairsplit::durable::OpenOptions;
    let directory = crate::common::directory::Directory::new();
    let engine = OpenOptions::new().default_users(1000).open(&directory.0).unwrap();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let id = engine.create_experiment("hero-banner", running()).unwrap().id();
    evaluate(&engine, 0..500);
    engine.stop(id).unwrap();
    drop(engine);
    for default in [None, Some(0), Some(10), Some(1000)] {
        let options = OpenOptions::new();
        let options = default.into_iter().fold(options, OpenOptions::default_users);
        let engine = options.open(&directory.0).unwrap();
        assert_eq!(users(&engine, id), Some([500, 0, 0]), "{default:?}");
    }
}

#[test]
fn an_export_has_no_users_and_an_engine_that_loads_it_counts_them_from_then_on() {
    let (engine, clock) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let id = engine.create_experiment("hero-banner", running().count_users(100)).unwrap().id();
    evaluate(&engine, 0..10);
    let document = engine.to_json();
    clock.advance(60);
    let other = Engine::with_clock(clock.clone());
    other.replace(&document).unwrap();
    assert_eq!((users(&other, id), period(&other, id)), (Some([0; 3]), Some((1, 60, false))));
    // A user who was exposed there may convert here.
    assert_eq!(convert(&other, 1), Outcome::Counted);

    // To the engine itself, its own export is no news.
    engine.replace(&document).unwrap();
    evaluate(&engine, 5..15);
    assert_eq!((users(&engine, id), period(&engine, id)), (Some([15, 0, 0]), Some((1, 0, true))));
    engine.replace(r#"{"flags": []}"#).unwrap();
    assert_eq!(users(&engine, id), Some([15, 0, 0]));
    engine.replace(&document).unwrap();
    evaluate(&engine, 0..20);
    assert_eq!((users(&engine, id), period(&engine, id)), (Some([20, 0, 0]), Some((1, 0, true))));
    // A later start is another run, also while it is running.
    let later = Timestamp::from_unix_seconds(NOON + 30);
    let noon = Timestamp::from_unix_seconds(NOON);
    let restarted = document.replacen(
        &format!(r#""started_at": "{noon}""#),
        &format!(r#""started_at": "{later}""#),
        1,
    );
    assert_ne!(restarted, document);
    engine.replace(&restarted).unwrap();
    assert_eq!((users(&engine, id), period(&engine, id)), (Some([0; 3]), Some((2, 30, true))));
}

#[test]
fn a_deleted_experiment_has_no_users_and_one_with_its_id_begins_anew() {
    let (engine, id) = engine_with(running().count_users(100));
    evaluate(&engine, 0..10);
    engine.stop(id).unwrap();
    engine.delete_experiment(id).unwrap();
    assert_eq!(engine.users(id), None);
    engine.create_experiment("hero-banner", running().count_users(100).id(id)).unwrap();
    assert_eq!(users(&engine, id), Some([0; 3]));
    evaluate(&engine, 0..3);
    assert_eq!((users(&engine, id), period(&engine, id)), (Some([3, 0, 0]), Some((1, 0, true))));
}

/// A store that refuses.
#[derive(Debug)]
struct Refusing(AtomicBool);

impl Store for Refusing {
    fn commit(&self, _: &Proposal<'_>) -> Result<(), CommitError> {
        let refuses = self.0.load(Ordering::Relaxed);
        if refuses { Err(CommitError::Store("it refuses".to_owned())) } else { Ok(()) }
    }

    fn changes(&self) -> Result<Vec<Change>, CommitError> {
        Ok(Vec::new())
    }
}

#[test]
fn a_start_that_is_not_committed_leaves_the_users_of_the_run_before() {
    let store = Arc::new(Refusing(false.into()));
    let clock = ManualClock::new(Timestamp::from_unix_seconds(NOON));
    let engine = Engine::with_store(clock, Arc::clone(&store));
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let id = engine.create_experiment("hero-banner", running().count_users(100)).unwrap().id();
    evaluate(&engine, 0..10);
    engine.stop(id).unwrap();
    store.0.store(true, Ordering::Relaxed);
    engine.start(id).unwrap_err();
    engine.count_users(id, 0).unwrap_err();
    assert_eq!((users(&engine, id), period(&engine, id)), (Some([10, 0, 0]), Some((1, 0, true))));
    store.0.store(false, Ordering::Relaxed);
    engine.start(id).unwrap();
    assert_eq!((users(&engine, id), period(&engine, id)), (Some([0; 3]), Some((2, 0, true))));
}
