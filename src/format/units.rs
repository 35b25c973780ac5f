//! The definitions as units with fields, and the edits that lead from one version to another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::model::capacity::{COUNT_USERS, Capacity};
use crate::model::change::{Edit, Unit};
use crate::model::flag::FlagRef;
use crate::model::id::FlagId;
use crate::model::merge::UnitFields;
use crate::model::notes::{ARCHIVED, SomeNotes};
use crate::model::variant::Variant;
use crate::read::snapshot::Snapshot;
use crate::read::state::{ExperimentState, FlagState};

/// The units of a flag: itself, and its experiments.
pub(crate) fn units_of(state: &FlagState) -> BTreeMap<Unit, UnitFields> {
    let flag = state.flag.id();
    let experiments = state.experiments.iter().map(|experiment| {
        let unit = Unit::Experiment { flag, experiment: experiment.definition.id };
        (unit, fields_of_experiment(experiment))
    });
    [(Unit::Flag { flag }, fields_of_flag(state))].into_iter().chain(experiments).collect()
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
        let mut before = before.remove(&unit).unwrap_or_default();
        let mut after = after.remove(&unit).unwrap_or_default();
        let names: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
        for field in names {
            let (before, after) = (before.remove(&field), after.remove(&field));
            if before != after {
                edits.push(Edit { flag_key: flag_key.to_owned(), unit, field, before, after });
            }
        }
    }
}
