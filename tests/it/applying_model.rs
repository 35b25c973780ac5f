//! Random edits of two sources, calls, restarts and crashes, against a naive three-way merge.

mod extras;
mod model;

use std::collections::BTreeMap;
use std::fs;

use self::extras::{Extras, change_of_experiment, change_of_flag, extras, notes};
use self::model::{
    BY_HAND, EXPERIMENTS, Experiment, Flag, Model, Text, Written, experiment_of, flag_of,
};
use crate::common::directory::Directory;
use crate::common::{experiment_id, flag_id};
use fairsplit::apply::ApplyOptions;
use fairsplit::changes::Actor;
use fairsplit::error::ApplyError;
use fairsplit::{Engine, NewExperiment, NewFlag, Status};
use proptest::prelude::*;
use serde_json::{Value, json};

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
            written.extras.write(&mut experiment);
            experiment
        });
        let mut flag = json!({
            "id": flag_id(*flag),
            "key": format!("flag-{flag}"),
            "default_value": written.default,
            "experiments": experiments.collect::<Vec<_>>()
        });
        written.extras.write(&mut flag);
        flag
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
                extras: Extras::of_experiment(&experiment),
            };
            (u128::from_be_bytes(experiment.id().to_bytes()), found)
        });
        let default = u8::try_from(flag.default_value().as_u64().unwrap()).unwrap();
        let experiments = experiments.collect();
        let extras = Extras::of_flag(&flag);
        (u128::from_be_bytes(flag.id().to_bytes()), Flag { default, extras, experiments })
    });
    flags.collect()
}

#[derive(Clone, Debug)]
enum Operation {
    /// Changes the text of a source: a flag's default, or one of its experiments.
    Write(usize, u128, u8),
    WriteExtras(usize, u128, Extras),
    WriteExperiment(usize, u128, u128, Written),
    Erase(usize, u128),
    EraseExperiment(usize, u128, u128),
    Apply(usize),
    SetDefault(u128, u8),
    Start(u128, u128),
    Stop(u128, u128),
    Ship(u128, u128),
    Note(u128, [u8; 3]),
    NoteExperiment(u128, u128, [u8; 3]),
    Archive(u128, bool),
    ArchiveExperiment(u128, u128, bool),
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
    let written = (0_u8..2, status, extras()).prop_map(|(name, status, extras)| Written {
        name,
        status,
        extras,
    });
    prop_oneof![
        3 => (source.clone(), number.clone(), 0_u8..3).prop_map(|(s, n, v)| Write(s, n, v)),
        2 => (source.clone(), number.clone(), extras()).prop_map(|(s, n, e)| WriteExtras(s, n, e)),
        4 => (source.clone(), number.clone(), 0..EXPERIMENTS, written)
            .prop_map(|(s, n, e, w)| WriteExperiment(s, n, e, w)),
        1 => (source.clone(), number.clone()).prop_map(|(s, n)| Erase(s, n)),
        1 => (source.clone(), number, 0..EXPERIMENTS).prop_map(|(s, n, e)| EraseExperiment(s, n, e)),
        6 => source.prop_map(Apply),
        2 => (flag.clone(), 0_u8..3).prop_map(|(f, v)| SetDefault(f, v)),
        3 => (flag.clone(), experiment.clone()).prop_map(|(f, e)| Start(f, e)),
        3 => (flag.clone(), experiment.clone()).prop_map(|(f, e)| Stop(f, e)),
        2 => (flag.clone(), experiment.clone()).prop_map(|(f, e)| Ship(f, e)),
        1 => (flag.clone(), notes()).prop_map(|(f, n)| Note(f, n)),
        1 => (flag.clone(), experiment.clone(), notes())
            .prop_map(|(f, e, n)| NoteExperiment(f, e, n)),
        3 => (flag.clone(), any::<bool>()).prop_map(|(f, to)| Archive(f, to)),
        3 => (flag.clone(), experiment.clone(), any::<bool>())
            .prop_map(|(f, e, to)| ArchiveExperiment(f, e, to)),
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
                let goes = known.is_some_and(|known| !known.runs());
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

    /// Changes the text of a source.
    fn write(&mut self, operation: &Operation) {
        match *operation {
            Operation::Write(source, number, default) => {
                self.texts[source].entry(flag_of(source, number)).or_default().default = default;
            }
            Operation::WriteExtras(source, number, extras) => {
                self.texts[source].entry(flag_of(source, number)).or_default().extras = extras;
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
            _ => unreachable!(),
        }
    }

    /// Changes a default or notes, archives, or takes out of the archive.
    fn change(&mut self, operation: &Operation) {
        let key = |flag: u128| format!("flag-{flag}");
        match *operation {
            Operation::SetDefault(flag, value) => {
                let engine = self.engine.acting_as(Actor::token("anna"));
                let outcome = engine.set_default(&format!("flag-{flag}"), value);
                let known = self.model.flags.get_mut(&flag);
                assert_eq!(outcome.is_ok(), known.is_some());
                if let Some(flag) = known {
                    flag.default = value;
                }
            }
            Operation::Note(flag, notes) => {
                let outcome = self.engine.change_flag(&key(flag), change_of_flag(notes));
                let known = self.model.flags.get_mut(&flag);
                assert_eq!(outcome.is_ok(), known.is_some());
                if let Some(known) = known {
                    known.extras.notes = notes;
                }
            }
            Operation::NoteExperiment(flag, experiment, notes) => {
                let number = experiment_of(flag, experiment);
                let change = change_of_experiment(notes);
                let outcome = self.engine.change_experiment(experiment_id(number), change);
                let known = self.model.experiment(number);
                assert_eq!(outcome.is_ok(), known.is_some());
                if let Some(known) = known {
                    known.extras.notes = notes;
                }
            }
            Operation::Archive(flag, to) => {
                let key = key(flag);
                let outcome = if to {
                    self.engine.archive_flag(&key)
                } else {
                    self.engine.unarchive_flag(&key)
                };
                let known = self.model.flags.get_mut(&flag).filter(|known| !(to && known.runs()));
                assert_eq!(outcome.is_ok(), known.is_some(), "{outcome:?}");
                if let Some(known) = known {
                    known.extras.archived = to;
                }
            }
            Operation::ArchiveExperiment(flag, experiment, to) => {
                let number = experiment_of(flag, experiment);
                let id = experiment_id(number);
                let outcome = if to {
                    self.engine.archive_experiment(id)
                } else {
                    self.engine.unarchive_experiment(id)
                };
                let runs = |known: &Experiment| known.status == Status::Running;
                let known = self.model.experiment(number).filter(|known| !(to && runs(known)));
                assert_eq!(outcome.is_ok(), known.is_some(), "{outcome:?}");
                if let Some(known) = known {
                    known.extras.archived = to;
                }
            }
            _ => unreachable!(),
        }
    }

    fn run(mut self, operation: &Operation) -> Pair {
        match *operation {
            Operation::Write(..)
            | Operation::WriteExtras(..)
            | Operation::WriteExperiment(..)
            | Operation::Erase(..)
            | Operation::EraseExperiment(..) => self.write(operation),
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
            Operation::Start(flag, experiment) | Operation::Stop(flag, experiment) => {
                let number = experiment_of(flag, experiment);
                let (id, starts) =
                    (experiment_id(number), matches!(operation, Operation::Start(..)));
                let outcome = if starts { self.engine.start(id) } else { self.engine.stop(id) };
                let wanted = if starts { Status::Running } else { Status::Stopped };
                let is_archived = |flag: &Flag| flag.extras.archived;
                let is_archived = self.model.flags.get(&flag).is_some_and(is_archived);
                let known = self.model.experiment(number).filter(|known| {
                    let is_archived = starts && (is_archived || known.extras.archived);
                    known.status != wanted && !is_archived
                });
                let next = known.as_ref().and_then(|known| known.with(wanted).ok());
                assert_eq!(outcome.is_ok(), next.is_some());
                if let (Some(known), Some(next)) = (known, next) {
                    *known = next;
                }
            }
            Operation::SetDefault(..)
            | Operation::Note(..)
            | Operation::NoteExperiment(..)
            | Operation::Archive(..)
            | Operation::ArchiveExperiment(..) => self.change(operation),
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
                let known = self.model.flags.get_mut(&flag);
                let known = known.filter(|flag| is_new && !flag.extras.archived);
                assert_eq!(outcome.is_ok(), known.is_some(), "{outcome:?}");
                let made = Experiment {
                    name: 9,
                    status: Status::Draft,
                    was_started: false,
                    extras: Extras::default(),
                };
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
