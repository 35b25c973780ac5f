//! Random edits of two sources, calls, restarts and crashes, against a naive three-way merge.

use std::collections::BTreeMap;
use std::fs;

use crate::common::directory::Directory;
use crate::common::{experiment_id, flag_id};
use fairsplit::apply::ApplyOptions;
use fairsplit::changes::Actor;
use fairsplit::error::ApplyError;
use fairsplit::{Engine, NewExperiment, NewFlag, Status};
use proptest::prelude::*;
use serde_json::{Value, json};

/// An experiment of a document; without a status, it says nothing of what runs.
#[derive(Clone, Debug, PartialEq)]
struct Written {
    name: u8,
    status: Option<Status>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct WrittenFlag {
    default: u8,
    experiments: BTreeMap<u128, Written>,
}

/// A document, or what a source said last.
type Text = BTreeMap<u128, WrittenFlag>;

#[derive(Clone, Debug, PartialEq)]
struct Experiment {
    name: u8,
    status: Status,
    was_started: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Flag {
    default: u8,
    experiments: BTreeMap<u128, Experiment>,
}

#[derive(Clone, Debug, Default)]
struct Model {
    flags: BTreeMap<u128, Flag>,
    said: [Text; 2],
}

const EXPERIMENTS: u128 = 3;
/// Experiments from this number on are made by calls.
const BY_HAND: u128 = 50;

/// The flag of a source, by its number there; sources have no flag in common.
fn flag_of(source: usize, number: u128) -> u128 {
    number * 2 + source as u128
}

/// The experiments of a flag have numbers of their own.
fn experiment_of(flag: u128, number: u128) -> u128 {
    flag * 100 + number
}

impl Experiment {
    /// The experiment with this status, by the rules of a start and a stop.
    fn with(&self, wanted: Status) -> Result<Experiment, ()> {
        let next = Experiment { status: wanted, ..self.clone() };
        match (self.status, wanted) {
            (status, wanted) if status == wanted => Ok(next),
            (Status::Draft | Status::Stopped, Status::Running) => {
                Ok(Experiment { was_started: true, ..next })
            }
            (Status::Running, Status::Stopped) => Ok(next),
            _ => Err(()),
        }
    }
}

impl Model {
    /// The naive merge of one flag; an error if it has a fault, or was deleted and is not changed.
    fn merged(&self, source: usize, flag: u128, text: &WrittenFlag) -> Result<Flag, ()> {
        let said = self.said[source].get(&flag);
        let is_deleted = |number: &u128, written: &Written| {
            said.and_then(|said| said.experiments.get(number)) == Some(written)
        };
        let Some(mut now) = self.flags.get(&flag).cloned() else {
            if said.is_some_and(|said| said.default == text.default) {
                return Err(());
            }
            let written = text.experiments.iter();
            let new = written.filter(|(number, written)| !is_deleted(number, written));
            let experiments = new.map(|(number, written)| {
                let status = written.status.unwrap_or_default();
                let was_started = status == Status::Running;
                (*number, Experiment { name: written.name, status, was_started })
            });
            return Ok(Flag { default: text.default, experiments: experiments.collect() });
        };
        if said.is_none_or(|said| said.default != text.default) {
            now.default = text.default;
        }
        for (number, written) in &text.experiments {
            let said = said.and_then(|said| said.experiments.get(number));
            let known = now.experiments.get(number).cloned();
            if known.is_none() && is_deleted(number, written) {
                continue;
            }
            let mut next = known.clone().unwrap_or(Experiment {
                name: written.name,
                status: written.status.unwrap_or_default(),
                was_started: written.status == Some(Status::Running),
            });
            if let Some(known) = known {
                if said.is_none_or(|said| said.name != written.name) {
                    next.name = written.name;
                }
                let is_news = match said {
                    None => !known.was_started,
                    Some(said) => said.status != written.status,
                };
                if let (true, Some(wanted)) = (is_news, written.status) {
                    next = next.with(wanted)?;
                }
            }
            now.experiments.insert(*number, next);
        }
        for number in said.into_iter().flat_map(|said| said.experiments.keys()) {
            if !text.experiments.contains_key(number) {
                now.experiments.remove(number);
            }
        }
        Ok(now)
    }

    /// Applies a text; refused if it would remove what is running.
    fn apply(&mut self, source: usize, text: &Text) -> Result<(), ()> {
        let (mut next, mut said) = (self.flags.clone(), Text::new());
        for (flag, written) in text {
            match self.merged(source, *flag, written) {
                Ok(merged) => {
                    next.insert(*flag, merged);
                    said.insert(*flag, written.clone());
                }
                Err(()) => said.extend(self.said[source].get(flag).map(|old| (*flag, old.clone()))),
            }
        }
        for (flag, old) in &self.said[source] {
            let Some(known) = next.get_mut(flag).filter(|_| !text.contains_key(flag)) else {
                continue;
            };
            known.experiments.retain(|number, _| !old.experiments.contains_key(number));
            if known.experiments.is_empty() {
                next.remove(flag);
            }
        }
        let runs = |flag: &u128, number: &u128| {
            let flag = next.get(flag);
            flag.is_some_and(|flag| flag.experiments.contains_key(number))
        };
        let removes_running = self.flags.iter().any(|(flag, known)| {
            let mut experiments = known.experiments.iter();
            experiments
                .any(|(number, known)| known.status == Status::Running && !runs(flag, number))
        });
        if removes_running {
            return Err(());
        }
        (self.flags, self.said[source]) = (next, said);
        Ok(())
    }

    fn experiment(&mut self, number: u128) -> Option<&mut Experiment> {
        self.flags.values_mut().find_map(|flag| flag.experiments.get_mut(&number))
    }
}

fn document(text: &Text) -> String {
    let flags = text.iter().map(|(flag, written)| {
        let experiments = written.experiments.iter().map(|(number, written)| {
            let mut experiment = json!({
                "id": experiment_id(*number),
                "name": format!("name {}", written.name),
                // Each in an environment of its own: any number of them can run.
                "environment": format!("environment {number}"),
                "variants": [{"key": "only", "value": 1, "percentage": 100}]
            });
            if let Some(status) = written.status {
                experiment["status"] = json!(status);
            }
            experiment
        });
        json!({
            "id": flag_id(*flag),
            "key": format!("flag-{flag}"),
            "default_value": written.default,
            "experiments": experiments.collect::<Vec<_>>()
        })
    });
    json!({"flags": flags.collect::<Vec<_>>()}).to_string()
}

/// What an engine has, as the model would.
fn flags(engine: &Engine) -> BTreeMap<u128, Flag> {
    let flags = engine.flags().into_iter().map(|flag| {
        let experiments = engine.experiments(flag.id()).unwrap().into_iter().map(|experiment| {
            let found = Experiment {
                name: experiment.name().trim_start_matches("name ").parse().unwrap(),
                status: experiment.status(),
                was_started: experiment.started_at().is_some(),
            };
            (u128::from_be_bytes(experiment.id().to_bytes()), found)
        });
        let default = u8::try_from(flag.default_value().as_u64().unwrap()).unwrap();
        let experiments = experiments.collect();
        (u128::from_be_bytes(flag.id().to_bytes()), Flag { default, experiments })
    });
    flags.collect()
}

#[derive(Clone, Debug)]
enum Operation {
    /// Changes the text of a source: a flag's default, or one of its experiments.
    Write(usize, u128, u8),
    WriteExperiment(usize, u128, u128, Written),
    Erase(usize, u128),
    EraseExperiment(usize, u128, u128),
    Apply(usize),
    SetDefault(u128, u8),
    Start(u128, u128),
    Stop(u128, u128),
    Ship(u128, u128),
    DeleteFlag(u128),
    DeleteExperiment(u128, u128),
    CreateFlag(u8),
    CreateExperiment(u128),
    Reopen,
    /// The process is killed: what is on the disk is opened.
    Crash,
    /// An export is loaded into a new directory, where no source has said anything yet.
    Import,
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let source = 0_usize..2;
    let number = 0_u128..3;
    let flag = 0_u128..6;
    let experiment = prop_oneof![4 => 0..EXPERIMENTS, 1 => Just(BY_HAND)];
    let statuses = vec![None, Some(Status::Draft), Some(Status::Running), Some(Status::Stopped)];
    let status = prop::sample::select(statuses);
    let written = (0_u8..2, status).prop_map(|(name, status)| Written { name, status });
    prop_oneof![
        3 => (source.clone(), number.clone(), 0_u8..3).prop_map(|(s, n, v)| Write(s, n, v)),
        4 => (source.clone(), number.clone(), 0..EXPERIMENTS, written)
            .prop_map(|(s, n, e, w)| WriteExperiment(s, n, e, w)),
        1 => (source.clone(), number.clone()).prop_map(|(s, n)| Erase(s, n)),
        1 => (source.clone(), number, 0..EXPERIMENTS).prop_map(|(s, n, e)| EraseExperiment(s, n, e)),
        6 => source.prop_map(Apply),
        2 => (flag.clone(), 0_u8..3).prop_map(|(f, v)| SetDefault(f, v)),
        3 => (flag.clone(), experiment.clone()).prop_map(|(f, e)| Start(f, e)),
        3 => (flag.clone(), experiment.clone()).prop_map(|(f, e)| Stop(f, e)),
        2 => (flag.clone(), experiment.clone()).prop_map(|(f, e)| Ship(f, e)),
        4 => (flag.clone(), experiment).prop_map(|(f, e)| DeleteExperiment(f, e)),
        2 => flag.clone().prop_map(DeleteFlag),
        1 => (0_u8..3).prop_map(CreateFlag),
        1 => flag.prop_map(CreateExperiment),
        1 => Just(Reopen),
        1 => Just(Crash),
        1 => Just(Import),
    ]
}

struct Pair {
    directory: Directory,
    engine: Engine,
    model: Model,
    texts: [Text; 2],
}

impl Pair {
    /// Ships a variant, or deletes.
    fn end(&mut self, operation: &Operation) {
        match *operation {
            Operation::Ship(flag, experiment) => {
                let number = experiment_of(flag, experiment);
                let outcome = self.engine.ship(experiment_id(number), "only");
                let known = self.model.experiment(number);
                let known =
                    known.filter(|known| matches!(known.status, Status::Running | Status::Stopped));
                assert_eq!(outcome.is_ok(), known.is_some());
                if let Some(known) = known {
                    known.status = Status::Stopped;
                    self.model.flags.entry(flag).or_default().default = 1;
                }
            }
            Operation::DeleteFlag(flag) => {
                let outcome = self.engine.delete_flag(&format!("flag-{flag}"));
                let known = self.model.flags.get(&flag);
                let runs = |flag: &Flag| {
                    flag.experiments.values().any(|known| known.status == Status::Running)
                };
                let goes = known.is_some_and(|known| !runs(known));
                assert_eq!(outcome.is_ok(), goes, "{outcome:?}");
                if goes {
                    self.model.flags.remove(&flag);
                }
            }
            Operation::DeleteExperiment(flag, experiment) => {
                let number = experiment_of(flag, experiment);
                let outcome = self.engine.delete_experiment(experiment_id(number));
                let known = self.model.experiment(number);
                let goes = known.is_some_and(|known| known.status != Status::Running);
                assert_eq!(outcome.is_ok(), goes, "{outcome:?}");
                if goes {
                    self.model.flags.entry(flag).or_default().experiments.remove(&number);
                }
            }
            _ => unreachable!(),
        }
    }

    fn run(mut self, operation: &Operation) -> Pair {
        match *operation {
            Operation::Write(source, number, default) => {
                self.texts[source].entry(flag_of(source, number)).or_default().default = default;
            }
            Operation::WriteExperiment(source, number, experiment, ref written) => {
                let flag = flag_of(source, number);
                let written_flag = self.texts[source].entry(flag).or_default();
                let number = experiment_of(flag, experiment);
                written_flag.experiments.insert(number, written.clone());
            }
            Operation::Erase(source, number) => {
                self.texts[source].remove(&flag_of(source, number));
            }
            Operation::EraseExperiment(source, number, experiment) => {
                let flag = flag_of(source, number);
                if let Some(written) = self.texts[source].get_mut(&flag) {
                    written.experiments.remove(&experiment_of(flag, experiment));
                }
            }
            Operation::Apply(source) => {
                let name = ["one", "other"][source];
                let text = document(&self.texts[source]);
                let outcome = ApplyOptions::new().source(name).apply(&self.engine, &text);
                if let Ok(()) = self.model.apply(source, &self.texts[source]) {
                    let _ = outcome.unwrap();
                } else {
                    assert!(matches!(outcome, Err(ApplyError::RemovesRunning { .. })));
                }
            }
            Operation::SetDefault(flag, value) => {
                let engine = self.engine.acting_as(Actor::token("anna"));
                let outcome = engine.set_default(&format!("flag-{flag}"), value);
                let known = self.model.flags.get_mut(&flag);
                assert_eq!(outcome.is_ok(), known.is_some());
                if let Some(flag) = known {
                    flag.default = value;
                }
            }
            Operation::Start(flag, experiment) | Operation::Stop(flag, experiment) => {
                let number = experiment_of(flag, experiment);
                let (id, starts) =
                    (experiment_id(number), matches!(operation, Operation::Start(..)));
                let outcome = if starts { self.engine.start(id) } else { self.engine.stop(id) };
                let wanted = if starts { Status::Running } else { Status::Stopped };
                let known = self.model.experiment(number).filter(|known| known.status != wanted);
                let next = known.as_ref().and_then(|known| known.with(wanted).ok());
                assert_eq!(outcome.is_ok(), next.is_some());
                if let (Some(known), Some(next)) = (known, next) {
                    *known = next;
                }
            }
            Operation::Ship(..) | Operation::DeleteFlag(_) | Operation::DeleteExperiment(..) => {
                self.end(operation);
            }
            Operation::CreateFlag(value) => {
                let new = NewFlag::new("flag-99", value).id(flag_id(99));
                let outcome = self.engine.create_flag(new);
                assert_eq!(outcome.is_ok(), !self.model.flags.contains_key(&99));
                let flag = Flag { default: value, ..Flag::default() };
                self.model.flags.entry(99).or_insert(flag);
            }
            Operation::CreateExperiment(flag) => {
                let number = experiment_of(flag, BY_HAND);
                let new = NewExperiment::new("name 9", format!("environment {number}"));
                let new = new.variant("only", 1, 100).id(experiment_id(number));
                let outcome = self.engine.create_experiment(&format!("flag-{flag}"), new);
                let is_new = self.model.experiment(number).is_none();
                let known = self.model.flags.get_mut(&flag).filter(|_| is_new);
                assert_eq!(outcome.is_ok(), known.is_some(), "{outcome:?}");
                let made = Experiment { name: 9, status: Status::Draft, was_started: false };
                known.map(|flag| flag.experiments.insert(number, made));
            }
            Operation::Reopen => {
                drop(self.engine);
                self.engine = self.directory.open();
            }
            Operation::Crash => {
                let copy = Directory::new();
                fs::create_dir(&copy.0).unwrap();
                for entry in fs::read_dir(&self.directory.0).unwrap() {
                    let entry = entry.unwrap();
                    fs::copy(entry.path(), copy.0.join(entry.file_name())).unwrap();
                }
                self.engine = copy.open();
                self.directory = copy;
            }
            Operation::Import => {
                let export = self.engine.to_json();
                let parsed: Value = serde_json::from_str(&export).unwrap();
                assert!(parsed.get("stored").is_none());
                let directory = Directory::new();
                let engine = directory.open();
                engine.replace(&export).unwrap();
                (self.engine, self.directory) = (engine, directory);
                self.model.said = Default::default();
            }
        }
        assert_eq!(flags(&self.engine), self.model.flags, "after {operation:?}");
        self
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn applying_documents_undoes_nothing_that_they_did_not_change(
        operations in prop::collection::vec(operation(), 1..40)
    ) {
        let directory = Directory::new();
        let engine = directory.open();
        let texts = [Text::new(), Text::new()];
        let mut pair = Pair { directory, engine, model: Model::default(), texts };
        for operation in &operations {
            pair = pair.run(operation);
        }
        let changes = pair.engine.changes().unwrap();
        let versions: Vec<u64> = changes.iter().map(|change| change.version).collect();
        prop_assert_eq!(versions, (1..=pair.engine.snapshot().version()).collect::<Vec<_>>());
    }
}
