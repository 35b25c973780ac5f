//! The naive three-way merge, and the texts and flags that it is of.

use std::collections::BTreeMap;

use super::extras::Extras;
use fairsplit::Status;

/// An experiment of a document; without a status, it says nothing of what runs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    pub(super) name: u8,
    pub(super) status: Option<Status>,
    pub(super) extras: Extras,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct WrittenFlag {
    pub(super) default: u8,
    pub(super) extras: Extras,
    pub(super) experiments: BTreeMap<u128, Written>,
}

/// A document, or what a source said last.
pub(super) type Text = BTreeMap<u128, WrittenFlag>;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Experiment {
    pub(super) name: u8,
    pub(super) status: Status,
    pub(super) was_started: bool,
    pub(super) extras: Extras,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Flag {
    pub(super) default: u8,
    pub(super) extras: Extras,
    pub(super) experiments: BTreeMap<u128, Experiment>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) flags: BTreeMap<u128, Flag>,
    pub(super) said: [Text; 2],
}

pub(super) const EXPERIMENTS: u128 = 3;
/// Experiments from this number on are made by calls.
pub(super) const BY_HAND: u128 = 50;

/// The flag of a source, by its number there; sources have no flag in common.
pub(super) fn flag_of(source: usize, number: u128) -> u128 {
    number * 2 + source as u128
}

/// The experiments of a flag have numbers of their own.
pub(super) fn experiment_of(flag: u128, number: u128) -> u128 {
    flag * 100 + number
}

impl Experiment {
    /// The experiment with this status, by the rules of a start and a stop.
    pub(super) fn with(&self, wanted: Status) -> Result<Experiment, ()> {
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

impl WrittenFlag {
    /// Whether the text by itself says that something archived runs.
    pub(super) fn is_faulty(&self) -> bool {
        let mut experiments = self.experiments.values();
        experiments.any(|written| {
            let is_archived = self.extras.archived || written.extras.archived;
            is_archived && written.status == Some(Status::Running)
        })
    }
}

impl Flag {
    pub(super) fn runs(&self) -> bool {
        self.experiments.values().any(|known| known.status == Status::Running)
    }

    /// Whether something archived runs.
    pub(super) fn is_faulty(&self) -> bool {
        let mut experiments = self.experiments.values();
        let runs_archived = |known: &Experiment| {
            known.status == Status::Running && (known.extras.archived || self.extras.archived)
        };
        experiments.any(runs_archived)
    }
}

impl Model {
    /// The naive merge of one flag; an error if it has a fault, or was deleted and is not changed.
    pub(super) fn merged(&self, source: usize, flag: u128, text: &WrittenFlag) -> Result<Flag, ()> {
        if text.is_faulty() {
            return Err(());
        }
        let said = self.said[source].get(&flag);
        let is_deleted = |number: &u128, written: &Written| {
            said.and_then(|said| said.experiments.get(number)) == Some(written)
        };
        let Some(mut now) = self.flags.get(&flag).cloned() else {
            let of_flag = |said: &WrittenFlag| (said.default, said.extras);
            if said.is_some_and(|said| of_flag(said) == of_flag(text)) {
                return Err(());
            }
            let written = text.experiments.iter();
            let new = written.filter(|(number, written)| !is_deleted(number, written));
            let experiments = new.map(|(number, written)| {
                let status = written.status.unwrap_or_default();
                let was_started = status == Status::Running;
                let (name, extras) = (written.name, written.extras);
                (*number, Experiment { name, status, was_started, extras })
            });
            let experiments = experiments.collect();
            return Ok(Flag { default: text.default, extras: text.extras, experiments });
        };
        if said.is_none_or(|said| said.default != text.default) {
            now.default = text.default;
        }
        now.extras = now.extras.merged(said.map(|said| said.extras), text.extras);
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
                extras: written.extras,
            });
            if let Some(known) = known {
                if said.is_none_or(|said| said.name != written.name) {
                    next.name = written.name;
                }
                next.extras = known.extras.merged(said.map(|said| said.extras), written.extras);
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
        if now.is_faulty() { Err(()) } else { Ok(now) }
    }

    /// Applies a text; refused if it would remove what is running.
    pub(super) fn apply(&mut self, source: usize, text: &Text) -> Result<(), ()> {
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

    pub(super) fn experiment(&mut self, number: u128) -> Option<&mut Experiment> {
        self.flags.values_mut().find_map(|flag| flag.experiments.get_mut(&number))
    }
}
