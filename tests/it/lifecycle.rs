//! Random operations against a naive model: vectors, plain integers, and an assignment that walks
//! cumulative percentages with another implementation of XXH3.

use std::sync::Arc;

use crate::common::{NOON, engine_at_noon, ever, experiment_id, flag_id, since_start};
use fairsplit::clock::ManualClock;
use fairsplit::error::ControlError;
use fairsplit::{Engine, Flag, NewExperiment, NewFlag, Outcome, Pinned, Reason, Status, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use twox_hash::XxHash3_64;

const FLAGS: [&str; 2] = ["banner", "checkout"];
const ENVIRONMENTS: [&str; 2] = ["production", "staging"];
const USERS: [&str; 6] = ["", "anna", "ben", "carla", "42", "日本"];
const SPLITS: [&[u8]; 4] = [&[50, 50], &[100], &[10, 0, 90], &[30, 30, 40]];
const EXPERIMENTS: usize = 5;

/// How a flag is asked.
#[derive(Clone, Copy, Debug)]
enum Way {
    Names,
    Handle,
    View,
    Reader,
    HandleOnReader,
    /// On a view that was pinned some operations ago.
    OldView,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Evaluate,
    Peek,
    Convert,
}

#[derive(Clone, Debug)]
enum Operation {
    Create {
        experiment: usize,
        flag: usize,
        environment: usize,
        split: usize,
        status: Status,
    },
    Start(usize),
    Stop(usize),
    Force {
        experiment: usize,
        user: usize,
        variant: usize,
    },
    Unforce {
        experiment: usize,
        user: usize,
    },
    SetDefault {
        flag: usize,
        value: u32,
    },
    Ask {
        asked: Asked,
        way: Way,
        flag: usize,
        environment: usize,
        user: usize,
    },
    ConvertVariant {
        experiment: usize,
        variant: usize,
    },
    /// Pins a view for later.
    Pin,
    /// Exports, and reloads that on the same engine.
    ReloadOwn {
        is_strict: bool,
    },
    /// Reloads the export without one flag.
    Drop(usize),
    /// Reloads the export with the dropped flags put back as they were.
    Restore,
    /// Goes on with a new engine that loads the export.
    Move,
    Wait(i64),
}

fn operation() -> impl Strategy<Value = Operation> {
    let experiment = 0..EXPERIMENTS;
    let flag = 0..FLAGS.len();
    let environment = 0..ENVIRONMENTS.len();
    let user = 0..USERS.len();
    let status = prop_oneof![
        3 => Just(Status::Draft),
        3 => Just(Status::Running),
        1 => Just(Status::Stopped),
        1 => Just(Status::Completed),
    ];
    let way = prop::sample::select(vec![
        Way::Names,
        Way::Handle,
        Way::View,
        Way::Reader,
        Way::HandleOnReader,
        Way::OldView,
    ]);
    let asked = prop::sample::select(vec![Asked::Evaluate, Asked::Peek, Asked::Convert]);
    prop_oneof![
        4 => (experiment.clone(), flag.clone(), environment.clone(), 0..SPLITS.len(), status).prop_map(
            |(experiment, flag, environment, split, status)| Operation::Create {
                experiment, flag, environment, split, status
            }
        ),
        4 => experiment.clone().prop_map(Operation::Start),
        3 => experiment.clone().prop_map(Operation::Stop),
        2 => (experiment.clone(), user.clone(), 0_usize..4).prop_map(
            |(experiment, user, variant)| Operation::Force { experiment, user, variant }
        ),
        1 => (experiment.clone(), user.clone())
            .prop_map(|(experiment, user)| Operation::Unforce { experiment, user }),
        1 => (flag.clone(), any::<u32>())
            .prop_map(|(flag, value)| Operation::SetDefault { flag, value }),
        12 => (asked, way, flag.clone(), environment, user).prop_map(
            |(asked, way, flag, environment, user)| Operation::Ask {
                asked, way, flag, environment, user
            }
        ),
        2 => (experiment, 0_usize..4)
            .prop_map(|(experiment, variant)| Operation::ConvertVariant { experiment, variant }),
        1 => Just(Operation::Pin),
        1 => any::<bool>().prop_map(|is_strict| Operation::ReloadOwn { is_strict }),
        1 => flag.prop_map(Operation::Drop),
        1 => Just(Operation::Restore),
        1 => Just(Operation::Move),
        1 => (1_i64..1000).prop_map(Operation::Wait),
    ]
}

// The model.

#[derive(Clone, Debug)]
struct ModelExperiment {
    number: usize,
    flag: usize,
    environment: usize,
    split: usize,
    status: Status,
    started_at: Option<i64>,
    stopped_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    /// What had been counted at each start.
    starts: Vec<Vec<(u64, u64)>>,
    forced: Vec<(usize, usize)>,
}

/// Everything that a snapshot holds.
#[derive(Clone, Debug, Default)]
struct Model {
    /// The default value, while the flag is there.
    flags: Vec<Option<u32>>,
    /// In the order of their creation.
    experiments: Vec<ModelExperiment>,
}

type Counters = Vec<Vec<(u64, u64)>>;

fn bucket(experiment: usize, user: &str) -> u8 {
    let id = (experiment as u128).to_be_bytes();
    let seed = XxHash3_64::oneshot(&id);
    let hash = XxHash3_64::oneshot_with_seed(seed, user.as_bytes());
    u8::try_from((u128::from(hash) * 100) >> 64).unwrap()
}

impl ModelExperiment {
    fn assigned(&self, user: &str) -> usize {
        let bucket = bucket(self.number, user);
        let mut cumulative = 0;
        for (variant, percentage) in SPLITS[self.split].iter().enumerate() {
            cumulative += percentage;
            if bucket < cumulative {
                return variant;
            }
        }
        unreachable!("percentages sum to 100");
    }

    fn is_there(&self, model: &Model) -> bool {
        model.flags[self.flag].is_some()
    }
}

fn key_of(variant: usize) -> String {
    format!("v{variant}")
}

fn value_of(experiment: usize, variant: usize) -> Value {
    match variant {
        0 => json!({"variant": variant, "experiment": {"number": experiment, "is": [true, null]}}),
        1 => json!([experiment, -0.0, 1e-7]),
        // The first experiment's is -0.0.
        _ => json!(f64::from(u32::try_from(experiment).unwrap()) / -4.0),
    }
}

impl Model {
    fn find(&mut self, number: usize) -> Option<&mut ModelExperiment> {
        let flags = self.flags.clone();
        self.experiments
            .iter_mut()
            .find(|experiment| experiment.number == number && flags[experiment.flag].is_some())
    }

    fn running(&self, flag: usize, environment: usize) -> Option<&ModelExperiment> {
        self.experiments.iter().find(|experiment| {
            experiment.status == Status::Running
                && (experiment.flag, experiment.environment) == (flag, environment)
                && experiment.is_there(self)
        })
    }

    /// Reason, and the experiment and variant that are served.
    fn answer(
        &self,
        flag: usize,
        environment: usize,
        user: usize,
    ) -> (Reason, Option<(usize, usize)>) {
        if self.flags[flag].is_none() {
            return (Reason::FlagNotFound, None);
        }
        if USERS[user].is_empty() {
            return (Reason::NoUserKey, None);
        }
        let forced = |experiment: &ModelExperiment| {
            let forced = experiment.forced.iter().find(|(forced, _)| *forced == user)?;
            Some((experiment.number, forced.1))
        };
        let running = self.running(flag, environment);
        let drafts = self.experiments.iter().filter(|experiment| {
            experiment.status == Status::Draft
                && (experiment.flag, experiment.environment) == (flag, environment)
        });
        if let Some(variant) = running.into_iter().chain(drafts).find_map(forced) {
            return (Reason::Forced, Some(variant));
        }
        match running {
            Some(running) => (Reason::Split, Some((running.number, running.assigned(USERS[user])))),
            None => (Reason::NotRunning, None),
        }
    }

    fn value(&self, flag: usize, served: Option<(usize, usize)>) -> Option<Value> {
        match served {
            Some((experiment, variant)) => Some(value_of(experiment, variant)),
            None => self.flags[flag].map(Value::from),
        }
    }
}

/// The engine beside the model.
struct Pair {
    engine: Engine,
    clock: Arc<ManualClock>,
    now: i64,
    model: Model,
    /// Outlive experiments that are dropped, as the engine's do.
    counters: Counters,
    old: Option<(Pinned, Model)>,
    /// The sections of dropped flags, as the last export had them.
    dropped: Vec<Value>,
}

impl Pair {
    fn new() -> Pair {
        let (engine, clock) = engine_at_noon();
        for (number, key) in (1..).zip(FLAGS) {
            engine.create_flag(NewFlag::new(key, 0).id(flag_id(number))).unwrap();
        }
        Pair {
            engine,
            clock,
            now: NOON,
            model: Model { flags: vec![Some(0); FLAGS.len()], experiments: Vec::new() },
            counters: vec![vec![(0, 0); 3]; EXPERIMENTS],
            old: None,
            dropped: Vec::new(),
        }
    }

    fn export(&self) -> Value {
        serde_json::from_str(&self.engine.to_json()).unwrap()
    }

    fn replace(&self, document: &Value) {
        self.engine.replace(&document.to_string()).unwrap();
    }

    fn apply_document(&self, document: &Value) {
        let report = self.engine.apply(&document.to_string()).unwrap();
        assert!(report.skipped.is_empty() && report.unknown_fields.is_empty(), "{report:?}");
    }

    fn apply(&mut self, operation: &Operation) {
        match *operation {
            Operation::Create { experiment, flag, environment, split, status } => {
                self.create(experiment, flag, environment, split, status);
            }
            Operation::Start(experiment) => self.start(experiment),
            Operation::Stop(experiment) => self.stop(experiment),
            Operation::Force { experiment, user, variant } => self.force(experiment, user, variant),
            Operation::Unforce { experiment, user } => {
                let result = self.engine.unforce(experiment_id(experiment as u128), USERS[user]);
                match self.model.find(experiment) {
                    None => assert!(matches!(result, Err(ControlError::ExperimentNotFound { .. }))),
                    Some(model) => {
                        let was_forced = model.forced.iter().any(|(forced, _)| *forced == user);
                        assert_eq!(result, Ok(was_forced));
                        model.forced.retain(|(forced, _)| *forced != user);
                    }
                }
            }
            Operation::SetDefault { flag, value } => {
                let result = self.engine.set_default(FLAGS[flag], value);
                match &mut self.model.flags[flag] {
                    Some(default) => {
                        *default = value;
                        assert_eq!(result.unwrap().default_value(), &json!(value));
                    }
                    None => assert!(matches!(result, Err(ControlError::FlagNotFound { .. }))),
                }
            }
            Operation::Ask { asked, way, flag, environment, user } => {
                self.ask(asked, way, flag, environment, user);
            }
            Operation::ConvertVariant { experiment, variant } => {
                let id = experiment_id(experiment as u128);
                let outcome = self.engine.convert_variant(id, &key_of(variant)).outcome();
                let expected = match self.model.find(experiment) {
                    None => Outcome::ExperimentNotFound,
                    Some(model) if variant >= SPLITS[model.split].len() => Outcome::VariantNotFound,
                    Some(model) if model.status == Status::Running => {
                        self.counters[experiment][variant].1 += 1;
                        Outcome::Counted
                    }
                    Some(_) => Outcome::NotRunning,
                };
                assert_eq!(outcome, expected);
            }
            Operation::Pin => self.old = Some((self.engine.snapshot(), self.model.clone())),
            Operation::ReloadOwn { is_strict } => {
                let before = self.engine.to_json();
                if is_strict {
                    self.replace(&self.export());
                } else {
                    self.apply_document(&self.export());
                }
                assert_eq!(self.engine.to_json(), before);
            }
            Operation::Drop(flag) => {
                let mut document = self.export();
                let sections = document["flags"].as_array_mut().unwrap();
                if let Some(at) = sections.iter().position(|section| section["key"] == FLAGS[flag])
                {
                    self.dropped.push(sections.remove(at));
                    self.replace(&document);
                    self.model.flags[flag] = None;
                }
            }
            Operation::Restore => {
                let mut document = self.export();
                for section in self.dropped.drain(..) {
                    let flag = FLAGS.iter().position(|key| section["key"] == **key).unwrap();
                    let default = section["default_value"].as_u64().unwrap();
                    self.model.flags[flag] = Some(u32::try_from(default).unwrap());
                    document["flags"].as_array_mut().unwrap().push(section);
                }
                self.replace(&document);
            }
            Operation::Move => {
                if !self.dropped.is_empty() {
                    // A new engine knows only what is in the document.
                    return;
                }
                let document = self.engine.to_json();
                let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(self.now)));
                let engine = Engine::with_clock(Arc::clone(&clock));
                engine.replace(&document).unwrap();
                assert_eq!(engine.to_json(), document);
                (self.engine, self.clock, self.old) = (engine, clock, None);
            }
            Operation::Wait(seconds) => {
                self.now += seconds;
                self.clock.advance(seconds);
            }
        }
    }

    fn create(
        &mut self,
        experiment: usize,
        flag: usize,
        environment: usize,
        split: usize,
        status: Status,
    ) {
        let mut new = NewExperiment::new(format!("e{experiment}"), ENVIRONMENTS[environment])
            .id(experiment_id(experiment as u128))
            .status(status);
        for (variant, &percentage) in SPLITS[split].iter().enumerate() {
            let value = value_of(experiment, variant);
            new = new.variant(key_of(variant), value, percentage);
        }
        let result = self.engine.create_experiment(FLAGS[flag], new);
        if self.model.flags[flag].is_none() {
            assert!(matches!(result, Err(ControlError::FlagNotFound { .. })), "{result:?}");
            return;
        }
        if self.model.find(experiment).is_some() {
            assert!(matches!(result, Err(ControlError::ExperimentIdTaken { .. })), "{result:?}");
            return;
        }
        let known = self.model.experiments.iter().position(|model| model.number == experiment);
        if let Some(known) = known {
            // It was dropped with its flag. The model has no need to follow what happens if it is
            // created again elsewhere before it is restored, so it is not; but other terms are
            // refused, and that it follows.
            let model = &self.model.experiments[known];
            let same = (model.environment, model.split) == (environment, split);
            if same {
                if let Ok(created) = result {
                    // Undone: the export without it is loaded.
                    let mut document = self.export();
                    for section in document["flags"].as_array_mut().unwrap() {
                        let id = created.id().to_string();
                        let experiments = section["experiments"].as_array_mut().unwrap();
                        experiments.retain(|experiment| experiment["id"] != *id);
                        section["counters"].as_object_mut().unwrap().remove(&id);
                        section["forced"].as_object_mut().unwrap().remove(&id);
                    }
                    self.replace(&document);
                    if created.is_running() {
                        // It was a start, and no document from before it takes that back.
                        let counters = self.counters[experiment].clone();
                        let (now, model) = (self.now, &mut self.model.experiments[known]);
                        model.starts.push(counters);
                        if model.status != Status::Draft {
                            model.started_at = Some(now);
                        }
                    }
                }
            } else {
                assert!(matches!(result, Err(ControlError::Invalid(_))), "{result:?}");
            }
            return;
        }
        let running = self.model.running(flag, environment);
        if let (Status::Running, Some(other)) = (status, running) {
            let expected = experiment_id(other.number as u128);
            let Err(ControlError::AlreadyRunning { running, .. }) = result else {
                panic!("{result:?}")
            };
            assert_eq!(running, expected);
            return;
        }
        assert_eq!(result.unwrap().status(), status);
        self.model.experiments.push(ModelExperiment {
            number: experiment,
            flag,
            environment,
            split,
            status,
            started_at: (status == Status::Running).then_some(self.now),
            stopped_at: None,
            created_at: self.now,
            updated_at: self.now,
            starts: vec![vec![(0, 0); SPLITS[split].len()]; usize::from(status == Status::Running)],
            forced: Vec::new(),
        });
    }

    fn start(&mut self, experiment: usize) {
        let result = self.engine.start(experiment_id(experiment as u128));
        let model = self.model.clone();
        let (now, counters) = (self.now, self.counters[experiment].clone());
        let Some(this) = self.model.find(experiment) else {
            assert!(matches!(result, Err(ControlError::ExperimentNotFound { .. })), "{result:?}");
            return;
        };
        if !matches!(this.status, Status::Draft | Status::Stopped) {
            let Err(ControlError::Transition { source, .. }) = result else { panic!("{result:?}") };
            assert_eq!(source.status(), this.status);
            return;
        }
        if let Some(other) = model.running(this.flag, this.environment) {
            let Err(ControlError::AlreadyRunning { running, .. }) = result else {
                panic!("{result:?}")
            };
            assert_eq!(running, experiment_id(other.number as u128));
            return;
        }
        assert!(result.unwrap().is_running());
        this.status = Status::Running;
        (this.started_at, this.stopped_at, this.updated_at) = (Some(now), None, now);
        this.starts.push(counters);
    }

    fn stop(&mut self, experiment: usize) {
        let result = self.engine.stop(experiment_id(experiment as u128));
        let now = self.now;
        match self.model.find(experiment) {
            None => assert!(
                matches!(result, Err(ControlError::ExperimentNotFound { .. })),
                "{result:?}"
            ),
            Some(this) if this.status == Status::Running => {
                assert_eq!(result.unwrap().status(), Status::Stopped);
                this.status = Status::Stopped;
                (this.stopped_at, this.updated_at) = (Some(now), now);
            }
            Some(this) => {
                let Err(ControlError::Transition { source, .. }) = result else {
                    panic!("{result:?}")
                };
                assert_eq!(source.status(), this.status);
            }
        }
    }

    fn force(&mut self, experiment: usize, user: usize, variant: usize) {
        let id = experiment_id(experiment as u128);
        let result = self.engine.force(id, USERS[user], &key_of(variant));
        if USERS[user].is_empty() {
            assert_eq!(result, Err(ControlError::NoUserKey));
            return;
        }
        match self.model.find(experiment) {
            None => assert!(
                matches!(result, Err(ControlError::ExperimentNotFound { .. })),
                "{result:?}"
            ),
            Some(this) if variant >= SPLITS[this.split].len() => {
                assert!(matches!(result, Err(ControlError::VariantNotFound { .. })), "{result:?}");
            }
            Some(this) => {
                assert_eq!(result, Ok(()));
                this.forced.retain(|(forced, _)| *forced != user);
                this.forced.push((user, variant));
            }
        }
    }

    fn ask(&mut self, asked: Asked, way: Way, flag: usize, environment: usize, user: usize) {
        let (key, user_key) = (FLAGS[flag], USERS[user]);
        let place = self.engine.environment(ENVIRONMENTS[environment]).unwrap();
        let (mut reader, handle) = (place.reader(), place.flag(key));
        let (current, pinned) = (place.view(), self.engine.snapshot());
        let (snapshot, model) = match (way, &self.old) {
            (Way::OldView, Some((view, model))) => (view, model.clone()),
            _ => (&pinned, self.model.clone()),
        };
        let (reason, served) = model.answer(flag, environment, user);
        // Counting goes to the experiments as they are now.
        let counts = reason == Reason::Split
            && served.is_some_and(|(experiment, _)| {
                let now = self.model.find(experiment);
                now.is_some_and(|experiment| experiment.status == Status::Running)
            });
        macro_rules! check_evaluation {
            ($answer:expr) => {{
                let answer = $answer;
                let is_counted = counts && matches!(asked, Asked::Evaluate);
                assert_eq!(answer.reason(), reason);
                assert_eq!(answer.value().cloned(), model.value(flag, served));
                assert_eq!(answer.variant().map(str::to_owned), served.map(|(_, at)| key_of(at)));
                let experiment = served.map(|(number, _)| experiment_id(number as u128));
                assert_eq!(answer.experiment(), experiment);
                assert_eq!(answer.is_counted(), is_counted);
            }};
        }
        macro_rules! check_conversion {
            ($conversion:expr) => {{
                let conversion = $conversion;
                let expected = match reason {
                    Reason::Split if counts => Outcome::Counted,
                    Reason::Split | Reason::NotRunning => Outcome::NotRunning,
                    Reason::Forced => Outcome::Forced,
                    Reason::NoUserKey => Outcome::NoUserKey,
                    Reason::FlagNotFound => Outcome::FlagNotFound,
                    other => panic!("{other:?}"),
                };
                assert_eq!(conversion.outcome(), expected);
                let variant = conversion.variant().map(str::to_owned);
                assert_eq!(variant, served.map(|(_, at)| key_of(at)));
            }};
        }
        match asked {
            Asked::Evaluate => match way {
                Way::Names => check_evaluation!(place.evaluate(key, user_key)),
                Way::Handle => check_evaluation!(handle.evaluate(user_key)),
                Way::View => check_evaluation!(current.evaluate(key, user_key)),
                Way::Reader => check_evaluation!(reader.view().evaluate(key, user_key)),
                Way::HandleOnReader => {
                    check_evaluation!(handle.evaluate_on(reader.snapshot(), user_key));
                }
                Way::OldView => check_evaluation!(handle.evaluate_on(snapshot, user_key)),
            },
            Asked::Peek => match way {
                Way::Names => check_evaluation!(place.peek(key, user_key)),
                Way::Handle => check_evaluation!(handle.peek(user_key)),
                Way::View => check_evaluation!(current.peek(key, user_key)),
                Way::Reader => check_evaluation!(reader.view().peek(key, user_key)),
                Way::HandleOnReader => {
                    check_evaluation!(handle.peek_on(reader.snapshot(), user_key));
                }
                Way::OldView => {
                    check_evaluation!(snapshot.in_environment(place.name()).peek(key, user_key));
                }
            },
            Asked::Convert => match way {
                Way::Names => check_conversion!(place.convert(key, user_key)),
                Way::Handle => check_conversion!(handle.convert(user_key)),
                Way::View => check_conversion!(current.convert(key, user_key)),
                Way::Reader => check_conversion!(reader.view().convert(key, user_key)),
                Way::HandleOnReader => {
                    check_conversion!(handle.convert_on(reader.snapshot(), user_key));
                }
                Way::OldView => check_conversion!(handle.convert_on(snapshot, user_key)),
            },
        }
        let explanation = snapshot.in_environment(place.name()).explain(key, user_key);
        assert_eq!(explanation.reason, reason);
        assert_eq!(explanation.value, model.value(flag, served));
        if let Some((number, _)) = served {
            assert_eq!(explanation.assignment.unwrap().bucket, bucket(number, user_key));
        }
        if let (true, Some((experiment, variant))) = (counts, served) {
            match asked {
                Asked::Evaluate => self.counters[experiment][variant].0 += 1,
                Asked::Convert => self.counters[experiment][variant].1 += 1,
                Asked::Peek => {}
            }
        }
    }

    /// The whole of the engine against the whole of the model.
    fn check(&self) {
        let time = |seconds: i64| Timestamp::from_unix_seconds(seconds).to_string();
        for (flag, key) in FLAGS.iter().enumerate() {
            let found = self.engine.flag(*key);
            assert_eq!(
                found.map(|flag| flag.default_value().clone()),
                self.model.flags[flag].map(Value::from)
            );
            if self.model.flags[flag].is_none() {
                assert!(matches!(
                    self.engine.experiments(*key),
                    Err(ControlError::FlagNotFound { .. })
                ));
                continue;
            }
            let listed = serde_json::to_value(self.engine.experiments(*key).unwrap()).unwrap();
            let expected: Vec<Value> = self
                .model
                .experiments
                .iter()
                .filter(|experiment| experiment.flag == flag)
                .map(|experiment| {
                    let split = SPLITS[experiment.split].iter().enumerate();
                    let variants: Vec<Value> = split
                        .clone()
                        .map(|(at, percentage)| {
                            let value = value_of(experiment.number, at);
                            json!({"key": key_of(at), "value": value, "percentage": percentage})
                        })
                        .collect();
                    let counted = &self.counters[experiment.number];
                    let conversions: Value =
                        split.map(|(at, _)| (key_of(at), counted[at].1)).collect();
                    json!({
                        "id": experiment_id(experiment.number as u128),
                        "name": format!("e{}", experiment.number),
                        "environment": ENVIRONMENTS[experiment.environment],
                        "status": experiment.status,
                        "variants": variants,
                        "conversions": conversions,
                        "started_at": experiment.started_at.map(time),
                        "stopped_at": experiment.stopped_at.map(time),
                        "created_at": time(experiment.created_at),
                        "updated_at": time(experiment.updated_at),
                    })
                })
                .collect();
            assert_eq!(listed, Value::from(expected));
        }
        for experiment in &self.model.experiments {
            let counts = self.engine.counts(experiment_id(experiment.number as u128)).unwrap();
            let width = SPLITS[experiment.split].len();
            let counted = &self.counters[experiment.number][..width];
            assert_eq!(ever(&counts), counted);
            let id = counts.experiment();
            let runs = self.engine.runs(id).unwrap();
            let ends = experiment.starts.iter().skip(1).map(Vec::as_slice).chain([counted]);
            // The model counts for as many variants as any experiment has.
            let expected = experiment.starts.iter().map(|start| &start[..width]);
            let expected = expected.zip(ends).enumerate();
            let expected: Vec<(usize, Vec<(u64, u64)>)> = expected
                .map(|(at, (start, end))| {
                    let counts = end.iter().zip(start);
                    (
                        at + 1,
                        counts.map(|(end, start)| (end.0 - start.0, end.1 - start.1)).collect(),
                    )
                })
                .collect();
            let found = runs.iter().map(|run| {
                let counts =
                    run.variants.iter().map(|(_, count)| (count.exposures, count.conversions));
                (run.run as usize, counts.collect::<Vec<_>>())
            });
            assert_eq!(found.collect::<Vec<_>>(), expected);
            assert_eq!(counts.run() as usize, experiment.starts.len());
            let since = expected.last().map_or_else(|| counted.to_vec(), |(_, last)| last.clone());
            assert_eq!(since_start(&counts), since);
            // A draft that is loaded again has no date, and the engine knows of its start.
            if experiment.started_at.is_some() {
                let started_at = runs.last().and_then(|run| run.started_at);
                assert_eq!(started_at.map(Timestamp::unix_seconds), experiment.started_at);
            }
        }
        self.check_the_list_of_a_view();
    }

    /// A view lists the experiments that its flags have, with their counts.
    fn check_the_list_of_a_view(&self) {
        let view = self.engine.snapshot();
        let by_flag = |flag: &Flag| {
            let experiments = self.engine.experiments(flag.id()).unwrap();
            let id = flag.id();
            experiments.into_iter().map(move |experiment| (id, experiment))
        };
        let expected: Vec<_> = view.flags().flat_map(by_flag).collect();
        let listed = view.experiments().map(|(flag, experiment, counts)| {
            assert_eq!(Some(counts), self.engine.counts(experiment.id()));
            assert_eq!(view.flag_of(experiment.id()), Some(flag));
            (flag.id(), experiment)
        });
        assert_eq!(listed.collect::<Vec<_>>(), expected);
        assert_eq!(view.flag_of(experiment_id(99)), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_what_the_model_does(operations in prop::collection::vec(operation(), 1..80)) {
        let mut pair = Pair::new();
        for operation in &operations {
            pair.apply(operation);
        }
        pair.check();
    }
}
