//! One flag of a document, with its experiments and their sections.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use crate::count::counts::{Baseline, Count};
use crate::format::counters_document::{CarriedGoal, CountersDocument};
use crate::format::document::{NEEDS, needs};
use crate::format::experiment::{ExperimentDocument, experiment};
use crate::format::fields::{Fields, any, array, boolean, entries, mistyped, parsed, string, text};
use crate::format::flag::settle_default;
use crate::format::goals::{GOALS, goals};
use crate::format::node::Node;
use crate::format::notes::{notes, only_notes};
use crate::format::targeting::experiment_targeting::targeting;
use crate::format::targeting::rule::{RulesDocument, rules};
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::flag::{ENABLED, FLAG_TYPE, Flag};
use crate::model::flag_type::FlagType;
use crate::model::goal::of_experiment::Goals;
use crate::model::id::{ExperimentId, FlagId};
use crate::model::notes::{ARCHIVED, SomeNotes};
use crate::model::path::{Path, quote};
use crate::model::status::Status;
use crate::model::targeting::experiment_targeting::Targeting;
use crate::model::timestamp::Timestamp;
use crate::model::validation::check_flag;
use crate::read::state::ForcedUsers;

/// One flag of a document, with its faults.
#[derive(Debug, Default)]
pub(crate) struct FlagDocument {
    /// The key, if it is a string: it identifies the flag even if the rest has faults.
    pub(crate) key: Option<String>,
    pub(crate) id: Option<FlagId>,
    pub(crate) name: Option<String>,
    /// `None` if it could not be read.
    pub(crate) default_value: Option<Value>,
    pub(crate) notes: SomeNotes,
    pub(crate) is_archived: bool,
    pub(crate) is_enabled: bool,
    pub(crate) flag_type: Option<FlagType>,
    pub(crate) rules: RulesDocument,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) updated_at: Option<Timestamp>,
    pub(crate) experiments: Vec<ExperimentSection>,
    /// The ids of all experiments, including those that could not be read, with their positions.
    pub(crate) experiment_ids: Vec<(usize, ExperimentId)>,
    pub(crate) faults: Faults,
}

/// An experiment of a document, with the sections that the Experiments API has no field for.
#[derive(Debug)]
pub(crate) struct ExperimentSection {
    /// Its position among the flag's experiments in the text.
    pub(crate) at: usize,
    pub(crate) experiment: ExperimentDocument,
    pub(crate) counters: CountersDocument,
    /// `None` if the document has no section of forced users.
    pub(crate) forced: Option<ForcedUsers>,
}

impl FlagDocument {
    /// Whether the flag could be read, and has no fault.
    pub(crate) fn is_sound(&self) -> bool {
        let is_read = self.id.is_some() && self.key.is_some() && self.default_value.is_some();
        is_read && !self.faults.has_any()
    }

    /// The flag, to which the default value is moved; `None` if it could not be read. `known` is
    /// the flag as it was.
    pub(crate) fn flag(&mut self, known: Option<&Flag>, now: Timestamp) -> Option<Flag> {
        let (id, key, name) = (self.id?, self.key.as_deref()?, self.name.as_deref());
        let flag = Flag::create(id, key, name, self.default_value.take()?, now);
        let flag = flag.noted(self.notes.clone()).archived(self.is_archived);
        let flag = flag.enabled(self.is_enabled).typed(self.flag_type);
        Some(flag.dated(self.created_at, self.updated_at, known))
    }

    pub(super) fn read(node: Node<'_>, path: &Path<'_>) -> FlagDocument {
        let mut faults = Faults::default();
        let mut this = FlagDocument::default();
        if let Some(mut fields) = Fields::open(node, path, &mut faults) {
            this.id = fields.required("id", &mut faults, parsed);
            this.key = fields.required("key", &mut faults, string);
            this.name = fields.optional("name", &mut faults, string);
            this.default_value = fields.required("default_value", &mut faults, any);
            this.created_at = fields.optional("created_at", &mut faults, parsed);
            this.updated_at = fields.optional("updated_at", &mut faults, parsed);
            let notes = notes(&mut fields, &mut faults);
            let is_archived = fields.optional(ARCHIVED, &mut faults, boolean);
            let status = fields.optional("status", &mut faults, status);
            this.is_archived = is_archived.or(status).unwrap_or_default();
            this.is_enabled = fields.optional(ENABLED, &mut faults, boolean).unwrap_or(true);
            this.flag_type = fields.optional(FLAG_TYPE, &mut faults, parsed);
            fields.optional(NEEDS, &mut faults, needs);
            let experiments = fields.optional("experiments", &mut faults, array);
            let counters = fields.optional("counters", &mut faults, keep);
            let forced = fields.optional("forced", &mut faults, keep);
            let of_experiments = fields.optional("notes", &mut faults, keep);
            let of_rules = fields.optional("rules", &mut faults, keep);
            let of_targeting = fields.optional("targeting", &mut faults, keep);
            let of_goals = fields.optional(GOALS, &mut faults, keep);
            fields.close(&mut faults);

            settle_default(&mut this.default_value, this.flag_type, path, &mut faults);
            let (key, name) = (this.key.as_deref(), this.name.as_deref());
            check_flag(path, key, name, this.default_value.as_mut(), &mut faults);
            notes.check(path, &mut faults);
            this.notes = notes.apply(&None);
            let all = path.field("experiments");
            for (at, node) in experiments.into_iter().flatten().enumerate() {
                let (id, experiment) = experiment(node, &all.item(at), &mut faults);
                this.experiment_ids.extend(id.map(|id| (at, id)));
                this.experiments.extend(experiment.map(|experiment| ExperimentSection {
                    at,
                    experiment,
                    counters: CountersDocument::default(),
                    forced: None,
                }));
            }
            if let Some(node) = counters {
                this.read_counters(node, &path.field("counters"), &mut faults);
            }
            if let Some(node) = forced {
                this.read_forced(node, &path.field("forced"), &mut faults);
            }
            if let Some(node) = of_experiments {
                let path = path.field("notes");
                this.read_sections(node, &path, &mut faults, |section, node, path, faults| {
                    section.experiment.notes = only_notes(node, path, faults).apply(&None);
                });
            }
            if let Some(node) = of_targeting {
                let path = path.field("targeting");
                this.read_sections(node, &path, &mut faults, |section, node, path, faults| {
                    let targeting = targeting(node, path, faults);
                    section.experiment.targeting = targeting.and_then(Targeting::some);
                });
            }
            if let Some(node) = of_goals {
                this.read_sections(
                    node,
                    &path.field(GOALS),
                    &mut faults,
                    |section, node, path, faults| {
                        section.experiment.goals = goals(node, path, faults).and_then(Goals::some);
                    },
                );
            }
            this.check_counted_goals(&path.field("counters"), &mut faults);
            if let Some(node) = of_rules {
                this.rules = rules(node, this.id, &path.field("rules"), &mut faults);
            }
            this.check_types(path, &mut faults);
            this.refuse_second_running(&all, &mut faults);
            this.refuse_archived_running(path, &mut faults);
        }
        this.faults = faults;
        this
    }

    fn read_counters(&mut self, node: Node<'_>, path: &Path<'_>, faults: &mut Faults) {
        self.read_sections(node, path, faults, |section, node, path, faults| {
            let variants = &section.experiment.terms.variants;
            section.counters = CountersDocument::read(node, path, faults, variants);
            section.counters.check(path, faults, variants, &section.carried());
        });
    }

    /// Adds a fault for each goal with counts that its experiment neither has nor has had: there is
    /// no place for them.
    fn check_counted_goals(&self, path: &Path<'_>, faults: &mut Faults) {
        for section in &self.experiments {
            let (experiment, counters) = (&section.experiment, &section.counters);
            let goals = experiment.goals.as_deref();
            // Of one that was never started, only what it has is kept.
            let had = goals.filter(|_| section.was_started());
            let has_place = |key: &str| {
                goals.is_some_and(|goals| goals.has(key)) || had.is_some_and(|had| had.has_had(key))
            };
            for CarriedGoal { goal, .. } in &counters.goals {
                if !has_place(goal) {
                    let id = experiment.id.to_string();
                    let path = path.field(&id);
                    let kind = FaultKind::CountsWithoutGoal { found: quote(goal) };
                    faults.add(&path.field(GOALS).field(goal), kind);
                }
            }
        }
    }

    fn read_forced(&mut self, node: Node<'_>, path: &Path<'_>, faults: &mut Faults) {
        // The section is complete: a user that is not in it is not forced.
        for section in &mut self.experiments {
            section.forced = Some(ForcedUsers::new());
        }
        self.read_sections(node, path, faults, |section, node, path, faults| {
            let mut forced = ForcedUsers::new();
            for (user_key, node) in entries(node, path, faults) {
                let path = path.field(&user_key);
                if user_key.is_empty() {
                    faults.add(&path, FaultKind::Blank);
                }
                let Some(variant) = text(node, &path, faults) else { continue };
                let mut variants = section.experiment.terms.variants.iter();
                match variants.position(|known| known.key() == variant) {
                    Some(position) => drop(forced.insert(user_key.into(), position)),
                    None => {
                        faults.add(&path, FaultKind::NoSuchVariant { found: quote(&variant) });
                    }
                }
            }
            section.forced = Some(forced);
        });
    }

    /// Reads an object with a field for each of some experiments, by id.
    fn read_sections(
        &mut self,
        node: Node<'_>,
        path: &Path<'_>,
        faults: &mut Faults,
        read: impl Fn(&mut ExperimentSection, Node<'_>, &Path<'_>, &mut Faults),
    ) {
        let mut seen = HashSet::new();
        let positions = self.experiments.iter().enumerate();
        let positions: HashMap<ExperimentId, usize> =
            positions.map(|(at, section)| (section.experiment.id, at)).collect();
        for (name, node) in entries(node, path, faults) {
            let path = path.field(&name);
            let id = name.parse().ok();
            let found = id.and_then(|id| self.experiments.get_mut(*positions.get(&id)?));
            // One id can be written in several ways.
            if id.is_some_and(|id| !seen.insert(id)) {
                faults.add(&path, FaultKind::RepeatedField);
            } else if let Some(section) = found {
                read(section, node, &path, faults);
            } else if !self.experiment_ids.iter().any(|(_, known)| Some(*known) == id) {
                // An experiment that exists but could not be read has its own fault already.
                faults.add(&path, FaultKind::NoSuchExperiment { found: quote(&name) });
            }
        }
    }

    /// Adds a fault for each value of a rule or a variant that is not of the flag's type.
    fn check_types(&self, path: &Path<'_>, faults: &mut Faults) {
        let Some(flag_type) = self.flag_type else { return };
        let rules = path.field("rules");
        for (at, rule) in self.rules.rules.iter().enumerate() {
            flag_type.check(rule.value(), &rules.item(at).field("value"), faults);
        }
        let experiments = path.field("experiments");
        for section in &self.experiments {
            let experiment = experiments.item(section.at);
            let variants = experiment.field("variants");
            for (at, variant) in section.experiment.terms.variants.iter().enumerate() {
                flag_type.check(variant.value(), &variants.item(at).field("value"), faults);
            }
        }
    }

    fn refuse_archived_running(&self, path: &Path<'_>, faults: &mut Faults) {
        let is_running =
            |section: &&ExperimentSection| section.experiment.status == Some(Status::Running);
        let running = self.experiments.iter().find(is_running).filter(|_| self.is_archived);
        if let Some(section) = running {
            let running = path.field("experiments").item(section.at).to_string();
            faults.add(&path.field(ARCHIVED), FaultKind::ArchivedRunning { running });
        }
    }

    fn refuse_second_running(&self, path: &Path<'_>, faults: &mut Faults) {
        if self.experiments.len() < 2 {
            return;
        }
        let mut running = BTreeMap::new();
        for section in &self.experiments {
            if section.experiment.status != Some(Status::Running) {
                continue;
            }
            let environment = &section.experiment.terms.environment;
            if let Some(first) = running.get(environment) {
                let kind = FaultKind::SecondRunning {
                    environment: environment.into(),
                    other: path.item(*first).to_string(),
                };
                faults.add(&path.item(section.at).field("status"), kind);
            } else {
                running.insert(environment, section.at);
            }
        }
    }
}

impl ExperimentSection {
    /// Whether the document says that it has been started.
    pub(crate) fn was_started(&self) -> bool {
        self.experiment.started_at.is_some() || self.counters.has_runs()
    }

    /// The counts that the document carries.
    pub(crate) fn carried(&self) -> Baseline {
        if self.counters.exposures.is_none() && self.experiment.conversions.is_none() {
            return Baseline::default();
        }
        let nth = |counts: Option<&Vec<u64>>, at: usize| {
            counts.and_then(|counts| counts.get(at)).copied().unwrap_or_default()
        };
        let counts = (0..self.experiment.terms.variants.len()).map(|at| Count {
            exposures: nth(self.counters.exposures.as_ref(), at),
            conversions: nth(self.experiment.conversions.as_ref(), at),
        });
        Baseline::new(&counts.collect::<Vec<_>>())
    }
}

/// The status of a flag, as the Flags API has it: whether it is archived.
#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
fn status(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<bool> {
    match &node {
        Node::String(text) if text == "active" => Some(false),
        Node::String(text) if text == "archived" => Some(true),
        _ => {
            mistyped(&node, "active or archived", path, faults);
            None
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "readers of fields give what could be read")]
fn keep<'t>(node: Node<'t>, _: &Path<'_>, _: &mut Faults) -> Option<Node<'t>> {
    Some(node)
}
