//! The definitions as units with fields, and the edits that lead from one version to another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::model::capacity::{COUNT_USERS, Capacity};
use crate::model::change::{Edit, Unit};
use crate::model::flag::{ENABLED, FLAG_TYPE, FlagRef};
use crate::model::flag_type::FlagType;
use crate::model::goal::of_experiment::Goals;
use crate::model::id::FlagId;
use crate::model::merge::UnitFields;
use crate::model::notes::{ARCHIVED, SomeNotes};
use crate::model::targeting::experiment_targeting::Targeting;
use crate::model::targeting::shared::Shared;
use crate::model::variant::Variant;
use crate::read::snapshot::Snapshot;
use crate::read::state::{ExperimentState, FlagState};

/// The units of a flag: itself, its experiments and its rules.
pub(crate) fn units_of(state: &FlagState) -> BTreeMap<Unit, UnitFields> {
    let flag = state.flag.id();
    let experiments = state.experiments.iter().map(|experiment| {
        let unit = Unit::Experiment { flag, experiment: experiment.definition.id };
        (unit, fields_of_experiment(experiment))
    });
    let rules = state.rules.iter().map(|rule| {
        let unit = Unit::Rule { flag, rule: rule.id };
        (unit, named(rule.fields()))
    });
    let itself = (Unit::Flag { flag }, fields_of_flag(state));
    [itself].into_iter().chain(experiments).chain(rules).collect()
}

/// The units that flags share, each with its name.
fn units_of_shared(shared: &Shared) -> BTreeMap<Unit, (&str, UnitFields)> {
    let segments = shared.segments.values().map(|segment| {
        (Unit::Segment { segment: segment.id }, (&*segment.name, named(segment.fields())))
    });
    let layers = shared
        .layers
        .values()
        .map(|layer| (Unit::Layer { layer: layer.id }, (&*layer.name, named(layer.fields()))));
    let holdouts = shared.holdouts.values().map(|holdout| {
        (Unit::Holdout { holdout: holdout.id }, (&*holdout.name, named(holdout.fields())))
    });
    let goals = shared
        .goals
        .iter()
        .map(|(goal, of)| (Unit::Goal { goal: *goal }, (of.key(), named(of.fields()))));
    segments.chain(layers).chain(holdouts).chain(goals).collect()
}

/// Fields with their names.
pub(crate) fn named(fields: impl Iterator<Item = (&'static str, Value)>) -> UnitFields {
    fields.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The fields of a flag that most have not: that it is disabled, and its type.
pub(crate) fn fields_of_use(
    is_enabled: bool,
    flag_type: Option<FlagType>,
) -> impl Iterator<Item = (String, Value)> {
    let enabled = (!is_enabled).then(|| (ENABLED.to_owned(), false.into()));
    let flag_type = flag_type.map(|known| (FLAG_TYPE.to_owned(), known.as_str().into()));
    [enabled, flag_type].into_iter().flatten()
}

/// The fields of who is in an experiment, in those of the experiment.
pub(crate) fn targeting_fields(
    targeting: Option<&Targeting>,
) -> impl Iterator<Item = (String, Value)> {
    let fields = targeting.into_iter().flat_map(Targeting::fields);
    fields.map(|(name, value)| (targeting_field(name), value))
}

/// The name of a field of who is in an experiment.
pub(crate) fn targeting_field(name: &str) -> String {
    format!("targeting.{name}")
}

/// The fields of what an experiment is for, in those of the experiment.
pub(crate) fn goals_fields(goals: Option<&Goals>) -> impl Iterator<Item = (String, Value)> {
    let fields = goals.into_iter().flat_map(Goals::fields);
    fields.map(|(name, value)| (goals_field(name), value))
}

/// The name of a field of what an experiment is for.
pub(crate) fn goals_field(name: &str) -> String {
    format!("goals.{name}")
}

pub(crate) fn fields_of_flag(state: &FlagState) -> UnitFields {
    let flag = &state.flag;
    let mut of_flag = fields([
        ("key", flag.key().into()),
        ("name", flag.name().into()),
        ("default_value", flag.default_value().clone()),
        ("created_at", flag.created_at().to_string().into()),
        ("updated_at", flag.updated_at().to_string().into()),
    ]);
    of_flag.extend(note_fields(flag.notes()));
    of_flag.extend(archived_field(flag.is_archived()));
    of_flag.extend(fields_of_use(flag.is_enabled(), flag.flag_type()));
    of_flag
}

/// The notes that are not empty, as fields of their own.
pub(crate) fn note_fields(notes: &SomeNotes) -> impl Iterator<Item = (String, Value)> {
    let fields = notes.iter().flat_map(|notes| notes.fields());
    fields.map(|(name, value)| (name.to_owned(), value))
}

/// The field of what is archived; what is not has none.
pub(crate) fn archived_field(is_archived: bool) -> Option<(String, Value)> {
    is_archived.then(|| (ARCHIVED.to_owned(), true.into()))
}

/// Whether users are counted, if that is set.
pub(crate) fn users_field(capacity: Option<Capacity>) -> Option<(String, Value)> {
    capacity.map(|capacity| (COUNT_USERS.to_owned(), capacity.users().into()))
}

pub(crate) fn fields_of_experiment(state: &ExperimentState) -> UnitFields {
    let definition = &state.definition;
    let mut fields = fields([
        ("name", (*definition.terms.name).into()),
        ("environment", definition.terms.environment.as_str().into()),
        ("status", definition.status.as_str().into()),
        ("variants", value_of_variants(&definition.terms.variants)),
        ("run", state.runs.number().into()),
        ("created_at", definition.created_at.to_string().into()),
        ("updated_at", definition.updated_at.to_string().into()),
    ]);
    let dates = [("started_at", definition.started_at), ("stopped_at", definition.stopped_at)];
    for (name, date) in dates {
        fields.extend(date.map(|date| (name.to_owned(), date.to_string().into())));
    }
    fields.extend(note_fields(&definition.notes));
    fields.extend(archived_field(definition.is_archived));
    fields.extend(users_field(definition.count_users));
    fields.extend(targeting_fields(definition.targeting.as_deref()));
    fields.extend(goals_fields(definition.goals.as_deref()));
    fields.extend(state.forced_users().filter_map(|(user_key, variant)| {
        let variant = state.variant(variant).map(Variant::key)?;
        Some((forced_field(user_key), variant.into()))
    }));
    fields
}

/// Variants as a value of one field.
pub(crate) fn value_of_variants(variants: &[Variant]) -> Value {
    let variants = variants.iter().map(|variant| {
        let of_one = fields([
            ("key", variant.key().into()),
            ("value", variant.value().clone()),
            ("percentage", variant.percentage().into()),
        ]);
        of_one.into_iter().collect()
    });
    Value::Array(variants.collect())
}

/// The name of the field of a forced user.
pub(crate) fn forced_field(user_key: &str) -> String {
    format!("forced.{user_key}")
}

/// Some fields with their names.
pub(crate) fn fields<const N: usize>(fields: [(&str, Value); N]) -> UnitFields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Every field that differs between two versions. Flags that are the same in memory are passed
/// over.
pub(crate) fn edits(before: &Snapshot, after: &Snapshot) -> Vec<Edit> {
    let mut edits = Vec::new();
    if !Arc::ptr_eq(before.shared(), after.shared()) {
        add_shared_edits(&mut edits, before.shared(), after.shared());
    }
    let mut seen: BTreeSet<FlagId> = BTreeSet::new();
    for state in after.states() {
        let id = state.flag.id();
        seen.insert(id);
        let known = before.find(FlagRef::Id(id));
        if known.is_some_and(|known| Arc::ptr_eq(known, state)) {
            continue;
        }
        let known = known.map(|known| units_of(known)).unwrap_or_default();
        add_edits(&mut edits, state.flag.key(), known, units_of(state));
    }
    for state in before.states() {
        if !seen.contains(&state.flag.id()) {
            add_edits(&mut edits, state.flag.key(), units_of(state), BTreeMap::new());
        }
    }
    edits
}

fn add_edits(
    edits: &mut Vec<Edit>,
    flag_key: &str,
    mut before: BTreeMap<Unit, UnitFields>,
    mut after: BTreeMap<Unit, UnitFields>,
) {
    let units: BTreeSet<Unit> = before.keys().chain(after.keys()).copied().collect();
    for unit in units {
        let (before, after) = (before.remove(&unit), after.remove(&unit));
        for (field, before, after) in differing(before, after) {
            let flag_key = Some(flag_key.to_owned());
            edits.push(Edit { flag_key, name: None, unit, field, before, after });
        }
    }
}

fn add_shared_edits(edits: &mut Vec<Edit>, before: &Shared, after: &Shared) {
    let (mut before, mut after) = (units_of_shared(before), units_of_shared(after));
    let units: BTreeSet<Unit> = before.keys().chain(after.keys()).copied().collect();
    for unit in units {
        let (before, after) = (before.remove(&unit), after.remove(&unit));
        let name = after.as_ref().or(before.as_ref()).map(|(name, _)| (*name).to_owned());
        let [before, after] = [before, after].map(|side| side.map(|(_, fields)| fields));
        for (field, before, after) in differing(before, after) {
            let name = name.clone();
            edits.push(Edit { flag_key: None, name, unit, field, before, after });
        }
    }
}

/// The fields that differ, each with its values before and after.
fn differing(
    before: Option<UnitFields>,
    after: Option<UnitFields>,
) -> Vec<(String, Option<Value>, Option<Value>)> {
    let (mut before, mut after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let names: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
    let fields = names.into_iter().map(|field| {
        let (before, after) = (before.remove(&field), after.remove(&field));
        (field, before, after)
    });
    fields.filter(|(_, before, after)| before != after).collect()
}
