//! What a document changes of one flag: the merge of each of its units.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::report::{ApplyReport, Left, Named};
use crate::format::experiment::ExperimentDocument;
use crate::format::flag_document::{ExperimentSection, FlagDocument};
use crate::format::units::{
    archived_field, fields, fields_of_experiment, fields_of_flag, forced_field, note_fields,
    users_field, value_of_variants,
};
use crate::model::capacity::{COUNT_USERS, Capacity};
use crate::model::change::Unit;
use crate::model::definition::Definition;
use crate::model::environment_name::EnvironmentName;
use crate::model::fault::FaultKind;
use crate::model::flag::Flag;
use crate::model::id::{ExperimentId, FlagId};
use crate::model::merge::{Merge, Said, UnitFields, merge, said};
use crate::model::notes::{ARCHIVED, DESCRIPTION, NotesChange, OWNER, SomeNotes, TAGS};
use crate::model::path::Path;
use crate::model::source::Source;
use crate::model::status::{Status, Transition};
use crate::model::timestamp::Timestamp;
use crate::read::state::{ExperimentState, FlagState, ForcedUsers};

/// A flag as it will be, and what the source says of it.
#[derive(Debug)]
pub(super) struct FlagPlan {
    pub(super) flag: Flag,
    pub(super) experiments: Vec<ExperimentPlan>,
    pub(super) said: BTreeMap<Unit, Said>,
    pub(super) notes: ApplyReport,
    /// Running experiments that the source no longer names.
    pub(super) removes_running: Vec<Named>,
}

/// An experiment as it will be.
#[derive(Debug)]
pub(super) enum ExperimentPlan {
    Known { definition: Arc<Definition>, forced: Option<Arc<ForcedUsers>>, starts: bool },
    New(Box<ExperimentSection>),
}

impl ExperimentPlan {
    fn unchanged(state: &ExperimentState) -> ExperimentPlan {
        let (definition, forced) = (Arc::clone(&state.definition), state.forced.clone());
        ExperimentPlan::Known { definition, forced, starts: false }
    }

    fn runs_in(&self) -> Option<&EnvironmentName> {
        let (status, terms) = match self {
            ExperimentPlan::Known { definition, .. } => (definition.status, &definition.terms),
            ExperimentPlan::New(section) => {
                (section.experiment.status.unwrap_or_default(), &section.experiment.terms)
            }
        };
        (status == Status::Running).then_some(&terms.environment)
    }

    fn is_archived(&self) -> bool {
        match self {
            ExperimentPlan::Known { definition, .. } => definition.is_archived,
            ExperimentPlan::New(section) => section.experiment.is_archived,
        }
    }

    pub(super) fn id(&self) -> ExperimentId {
        match self {
            ExperimentPlan::Known { definition, .. } => definition.id,
            ExperimentPlan::New(section) => section.experiment.id,
        }
    }
}

/// What happens to a flag of a document.
#[derive(Debug)]
pub(super) enum Planned {
    Flag(Box<FlagPlan>),
    /// It was removed by somebody else, and the document has not changed since: it stays so.
    RemovedElsewhere(Named),
    /// It has faults.
    Faulty,
}

/// Plans a flag of a document; `source` is what the same source said before, and `known` the flag
/// as it is.
///
/// `at` is the position of the flag in the document, for the paths of faults.
pub(super) fn plan(
    document: &mut FlagDocument,
    at: usize,
    source: Option<&Source>,
    known: Option<&FlagState>,
    now: Timestamp,
) -> Planned {
    plan_sound(document, at, source, known, now).unwrap_or(Planned::Faulty)
}

fn plan_sound(
    document: &mut FlagDocument,
    at: usize,
    source: Option<&Source>,
    known: Option<&FlagState>,
    now: Timestamp,
) -> Option<Planned> {
    let (id, key) = (document.id?, document.key.clone()?);
    let default_value = document.default_value.clone()?;
    let mut notes = ApplyReport::default();
    let named = Named { flag_key: key.clone(), experiment: None };
    let unit = Unit::Flag { flag: id };
    let given = fields_given_of_flag(document, &key, default_value);
    let before = source.and_then(|source| source.units.get(&unit));
    let mut all_said = BTreeMap::from([(unit, said(&given))]);
    let flag = match known {
        None if before.is_some_and(|before| *before == said(&given)) => {
            return Some(Planned::RemovedElsewhere(named));
        }
        None => {
            notes.added.push(named);
            document.flag(None, now)?
        }
        Some(state) => {
            let merge = merge(before, &given, &fields_of_flag(state));
            let flag = changed_flag(&state.flag, &merge, now);
            note(&mut notes, &named, &merge);
            flag
        }
    };

    let root = Path::Root;
    let (flags, mut experiments) = (root.field("flags"), Vec::new());
    let path = flags.item(at);
    let path = path.field("experiments");
    let mut in_document = BTreeSet::new();
    let sections = std::mem::take(&mut document.experiments);
    for section in sections {
        let experiment = section.experiment.id;
        in_document.insert(experiment);
        let unit = Unit::Experiment { flag: id, experiment };
        let given = fields_given(&section);
        let before = source.and_then(|source| source.units.get(&unit));
        all_said.insert(unit, said(&given));
        let named = named_experiment(&key, &section.experiment);
        let state = known.and_then(|known| find(known, experiment));
        match state {
            None if before.is_some_and(|before| *before == said(&given)) => {
                notes.left.push((named, Left::RemovedElsewhere));
            }
            None => {
                if section.experiment.status == Some(Status::Running) {
                    notes.started.push(named.clone());
                }
                notes.added.push(named);
                experiments.push(ExperimentPlan::New(Box::new(section)));
            }
            Some(state) => {
                let mut merge = merge(before, &given, &fields_of_experiment(state));
                // The first time, what was ever started keeps its status.
                if before.is_none()
                    && state.definition.started_at.is_some()
                    && merge.set.remove("status").is_some()
                {
                    merge.kept.insert("status".to_owned());
                }
                match changed_experiment(state, &merge, now) {
                    Ok((definition, forced, starts)) => {
                        note_status(&mut notes, &named, state, &definition);
                        note(&mut notes, &named, &merge);
                        experiments.push(ExperimentPlan::Known { definition, forced, starts });
                    }
                    Err(kind) => {
                        let path = path.item(section.at);
                        document.faults.add(&path.field("status"), kind);
                    }
                }
            }
        }
    }
    let mut removes_running = Vec::new();
    for state in known.into_iter().flat_map(|known| &known.experiments) {
        if in_document.contains(&state.definition.id) {
            continue;
        }
        let unit = Unit::Experiment { flag: id, experiment: state.definition.id };
        if source.is_some_and(|source| source.units.contains_key(&unit)) {
            let named = named_state(&key, state);
            removes_running.extend(state.definition.is_running().then(|| named.clone()));
            notes.removed.push(named);
        } else {
            experiments.push(ExperimentPlan::unchanged(state));
        }
    }
    keep_order(&mut experiments, known);
    refuse_second_running(document, at, &experiments);
    refuse_archived_running(document, at, &flag, &experiments);
    let is_sound = !document.faults.has_any();
    let plan = FlagPlan { flag, experiments, said: all_said, notes, removes_running };
    is_sound.then(|| Planned::Flag(Box::new(plan)))
}

/// Experiments that are there keep their order, and new ones come after them.
fn keep_order(experiments: &mut [ExperimentPlan], known: Option<&FlagState>) {
    let order = |plan: &ExperimentPlan| {
        let mut known = known.into_iter().flat_map(|known| &known.experiments);
        known.position(|state| state.definition.id == plan.id()).unwrap_or(usize::MAX)
    };
    experiments.sort_by_key(order);
}

fn find(flag: &FlagState, id: ExperimentId) -> Option<&ExperimentState> {
    flag.experiments.iter().find(|state| state.definition.id == id)
}

pub(super) fn named_state(flag_key: &str, state: &ExperimentState) -> Named {
    let experiment = (state.definition.id, state.definition.terms.name.to_string());
    Named { flag_key: flag_key.to_owned(), experiment: Some(experiment) }
}

fn named_experiment(flag_key: &str, experiment: &ExperimentDocument) -> Named {
    let experiment = (experiment.id, experiment.terms.name.to_string());
    Named { flag_key: flag_key.to_owned(), experiment: Some(experiment) }
}

/// What a document says of a flag. One that gives no name gives the key as the name.
fn fields_given_of_flag(document: &FlagDocument, key: &str, default_value: Value) -> UnitFields {
    let name = document.name.as_deref().unwrap_or(key);
    let mut given =
        fields([("key", key.into()), ("name", name.into()), ("default_value", default_value)]);
    given.extend(note_fields(&document.notes));
    given.extend(archived_field(document.is_archived));
    given
}

/// What a document says of an experiment. Dates and counts are the engine's.
fn fields_given(section: &ExperimentSection) -> UnitFields {
    let experiment = &section.experiment;
    let mut given = fields([
        ("name", (*experiment.terms.name).into()),
        ("environment", experiment.terms.environment.as_str().into()),
        ("variants", value_of_variants(&experiment.terms.variants)),
    ]);
    given.extend(note_fields(&experiment.notes));
    given.extend(archived_field(experiment.is_archived));
    given.extend(users_field(experiment.count_users));
    given.extend(experiment.status.map(|status| ("status".to_owned(), status.as_str().into())));
    for (user_key, variant) in section.forced.iter().flatten() {
        let variant = experiment.terms.variants.get(*variant);
        given.extend(variant.map(|variant| (forced_field(user_key), variant.key().into())));
    }
    given
}

fn changed_flag(known: &Flag, merge: &Merge, now: Timestamp) -> Flag {
    let text = |name: &str, known: &str| match merge.set.get(name) {
        Some(Some(Value::String(text))) => text.clone(),
        _ => known.to_owned(),
    };
    let (key, name) = (text("key", known.key()), text("name", known.name()));
    let default_value = match merge.set.get("default_value") {
        Some(Some(value)) => value.clone(),
        _ => known.default_value().clone(),
    };
    let flag = Flag::create(known.id(), &key, Some(&name), default_value, now);
    let flag = flag.noted(merged_notes(merge, known.notes()));
    flag.archived(merged_archived(merge, known.is_archived())).dated(None, None, Some(known))
}

/// Whether something is archived after a merge.
fn merged_archived(merge: &Merge, known: bool) -> bool {
    merge.set.get(ARCHIVED).map_or(known, Option::is_some)
}

/// The notes after a merge.
fn merged_notes(merge: &Merge, known: &SomeNotes) -> SomeNotes {
    let text = |name: &str| {
        let set = merge.set.get(name)?;
        Some(set.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned())
    };
    let tags = merge.set.get(TAGS).map(|set| {
        let tags = set.as_ref().and_then(Value::as_array).into_iter().flatten();
        tags.filter_map(Value::as_str).map(str::to_owned).collect()
    });
    NotesChange { description: text(DESCRIPTION), owner: text(OWNER), tags }.apply(known)
}

type Changed = (Arc<Definition>, Option<Arc<ForcedUsers>>, bool);

/// The experiment after a merge, and whether it starts.
fn changed_experiment(
    state: &ExperimentState,
    merge: &Merge,
    now: Timestamp,
) -> Result<Changed, FaultKind> {
    let mut definition = (*state.definition).clone();
    let mut starts = false;
    if let Some(Some(Value::String(name))) = merge.set.get("name") {
        definition.terms.name = name.as_str().into();
        definition.updated_at = now;
    }
    let notes = merged_notes(merge, &definition.notes);
    if notes != definition.notes {
        definition.notes = notes;
        definition.updated_at = now;
    }
    let is_archived = merged_archived(merge, definition.is_archived);
    if is_archived != definition.is_archived {
        definition.is_archived = is_archived;
        definition.updated_at = now;
    }
    if let Some(set) = merge.set.get(COUNT_USERS) {
        let users = set.as_ref().and_then(Value::as_u64).and_then(|users| users.try_into().ok());
        definition.count_users = users.and_then(Capacity::new);
        definition.updated_at = now;
    }
    if let Some(Some(Value::String(wanted))) = merge.set.get("status") {
        let wanted = wanted.parse().unwrap_or(definition.status);
        definition = with_status(&definition, wanted, now)?;
        starts = wanted == Status::Running;
    }
    let is_same = definition == *state.definition;
    let definition = if is_same { Arc::clone(&state.definition) } else { Arc::new(definition) };
    let mut forced = state.forced.as_deref().cloned().unwrap_or_default();
    for (field, variant) in &merge.set {
        let Some(user_key) = field.strip_prefix("forced.") else { continue };
        let variant = variant.as_ref().and_then(Value::as_str);
        match variant.and_then(|variant| definition.position(variant)) {
            Some(position) => drop(forced.insert(user_key.into(), position)),
            None => drop(forced.remove(user_key)),
        }
    }
    let is_same = forced == state.forced.as_deref().cloned().unwrap_or_default();
    let forced =
        if is_same { state.forced.clone() } else { (!forced.is_empty()).then(|| Arc::new(forced)) };
    Ok((definition, forced, starts))
}

/// The experiment with the status that a document asks for, by the rules of a start and a stop.
fn with_status(
    known: &Definition,
    wanted: Status,
    now: Timestamp,
) -> Result<Definition, FaultKind> {
    let refused = FaultKind::StatusChange { status: known.status, wanted };
    match wanted {
        Status::Draft => Err(refused),
        Status::Running => known.after(Transition::Start, now).map_err(|_| refused),
        Status::Stopped => known.after(Transition::Stop, now).map_err(|_| refused),
        Status::Completed => {
            let stopped = known.after(Transition::Stop, now);
            let definition = stopped.unwrap_or_else(|_| known.clone());
            Ok(Definition { status: wanted, updated_at: now, ..definition })
        }
    }
}

fn note_status(
    notes: &mut ApplyReport,
    named: &Named,
    before: &ExperimentState,
    after: &Definition,
) {
    match (before.definition.is_running(), after.is_running()) {
        (false, true) => notes.started.push(named.clone()),
        (true, false) => notes.stopped.push(named.clone()),
        _ => {}
    }
}

fn note(notes: &mut ApplyReport, named: &Named, merge: &Merge) {
    let fields: Vec<String> = merge.set.keys().cloned().collect();
    if !fields.is_empty() {
        notes.changed.push((named.clone(), fields));
    }
    if !merge.kept.is_empty() {
        notes.kept.push((named.clone(), merge.kept.iter().cloned().collect()));
    }
}

/// Adds a fault if two experiments would run at once. The document by itself has no two; one of
/// these was made or started elsewhere.
fn refuse_second_running(document: &mut FlagDocument, at: usize, plans: &[ExperimentPlan]) {
    let mut running: BTreeMap<&EnvironmentName, ExperimentId> = BTreeMap::new();
    for plan in plans {
        let Some(environment) = plan.runs_in() else { continue };
        match running.get(environment) {
            Some(other) => {
                let kind = FaultKind::SecondRunning {
                    environment: environment.into(),
                    other: format!("experiment {other}"),
                };
                document.faults.add_at(format!("flags[{at}].experiments"), kind);
            }
            None => drop(running.insert(environment, plan.id())),
        }
    }
}

/// Adds a fault if something archived would run: the document by itself has no such thing.
fn refuse_archived_running(
    document: &mut FlagDocument,
    at: usize,
    flag: &Flag,
    plans: &[ExperimentPlan],
) {
    for plan in plans.iter().filter(|plan| plan.runs_in().is_some()) {
        if flag.is_archived() || plan.is_archived() {
            let path = if flag.is_archived() {
                format!("flags[{at}].{ARCHIVED}")
            } else {
                format!("flags[{at}].experiments")
            };
            let running = format!("experiment {}", plan.id());
            document.faults.add_at(path, FaultKind::ArchivedRunning { running });
        }
    }
}

/// The experiments of a flag that a source has not named.
pub(super) fn made_elsewhere<'s>(
    state: &'s FlagState,
    source: &Source,
) -> impl Iterator<Item = &'s ExperimentState> {
    let flag: FlagId = state.flag.id();
    state.experiments.iter().filter(move |experiment| {
        let unit = Unit::Experiment { flag, experiment: experiment.definition.id };
        !source.units.contains_key(&unit)
    })
}
