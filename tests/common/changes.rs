//! Changes, and the definitions that they lead to.

use std::collections::BTreeMap;

use fairsplit::Engine;
use fairsplit::changes::{Change, Unit};
use fairsplit::goals::GoalId;
use serde_json::Value;

/// The fields of each unit.
type Units = BTreeMap<Unit, BTreeMap<String, Value>>;

/// The definitions to which the changes lead. Each edit must find what it says was before.
fn replayed(changes: &[Change]) -> Units {
    let mut units = Units::new();
    for edit in changes.iter().flat_map(|change| &change.edits) {
        let fields = units.entry(edit.unit).or_default();
        let before = match &edit.after {
            Some(after) => fields.insert(edit.field.clone(), after.clone()),
            None => fields.remove(&edit.field),
        };
        assert_eq!(before, edit.before, "{edit:?}");
    }
    units.retain(|_, fields| !fields.is_empty());
    units
}

/// The definitions of an engine, read from its export.
fn definitions(engine: &Engine) -> Units {
    let document: Value = serde_json::from_str(&engine.to_json()).unwrap();
    let mut units = Units::new();
    for section in document["flags"].as_array().unwrap() {
        let flag = section["id"].as_str().unwrap().parse().unwrap();
        let of = |value: &Value, names: &[&str]| -> BTreeMap<String, Value> {
            let fields = names.iter().map(|name| ((*name).to_owned(), value[name].clone()));
            fields.filter(|(name, value)| name == "default_value" || !value.is_null()).collect()
        };
        let names = ["key", "name", "default_value", "created_at", "updated_at"];
        let notes = ["description", "owner", "tags", "archived", "enabled", "flag_type"];
        units.insert(Unit::Flag { flag }, of(section, &[names.as_slice(), &notes].concat()));
        for experiment in section["experiments"].as_array().unwrap() {
            let id = experiment["id"].as_str().unwrap();
            let names = [
                "name",
                "environment",
                "status",
                "variants",
                "started_at",
                "stopped_at",
                "created_at",
                "updated_at",
            ];
            let mut fields = of(experiment, &[names.as_slice(), &notes].concat());
            fields.insert("run".to_owned(), section["counters"][id]["run"].clone());
            for (field, value) in section["targeting"][id].as_object().into_iter().flatten() {
                fields.insert(format!("targeting.{field}"), value.clone());
            }
            for (field, value) in section["goals"][id].as_object().into_iter().flatten() {
                fields.insert(format!("goals.{field}"), value.clone());
            }
            for (user, variant) in section["forced"][id].as_object().unwrap() {
                fields.insert(format!("forced.{user}"), variant.clone());
            }
            units.insert(Unit::Experiment { flag, experiment: id.parse().unwrap() }, fields);
        }
        for rule in section["rules"].as_array().into_iter().flatten() {
            let (id, fields) = without_id(rule);
            units.insert(Unit::Rule { flag, rule: id.parse().unwrap() }, fields);
        }
    }
    let mut add_shared = |list: &str, unit: fn(&str) -> Unit| {
        for part in document[list].as_array().into_iter().flatten() {
            let (id, fields) = without_id(part);
            units.insert(unit(id), fields);
        }
    };
    add_shared("segments", |id| Unit::Segment { segment: id.parse().unwrap() });
    add_shared("layers", |id| Unit::Layer { layer: id.parse().unwrap() });
    add_shared("holdouts", |id| Unit::Holdout { holdout: id.parse().unwrap() });
    for goal in document["goals"].as_array().into_iter().flatten() {
        let mut fields = goal.as_object().unwrap().clone();
        let key = fields.remove("key").unwrap();
        let unit = Unit::Goal { goal: GoalId::of(key.as_str().unwrap()) };
        units.insert(unit, fields.into_iter().collect());
    }
    units
}

/// The id of an object, and its other fields. What is `null` or empty is no field of a unit.
fn without_id(object: &Value) -> (&str, BTreeMap<String, Value>) {
    let fields = object.as_object().unwrap().iter();
    let is_there = |name: &str, value: &Value| {
        name == "value" || !(value.is_null() || (name == "description" && value == ""))
    };
    let fields = fields.filter(|(name, value)| *name != "id" && is_there(name, value));
    let fields = fields.map(|(name, value)| (name.clone(), value.clone()));
    (object["id"].as_str().unwrap(), fields.collect())
}

/// The changes have every version up to that of the definitions, and lead to them.
pub(crate) fn assert_replayed(engine: &Engine) {
    let changes = engine.changes().unwrap();
    let versions: Vec<u64> = changes.iter().map(|change| change.version).collect();
    let first = versions.first().copied().unwrap_or(1);
    assert_eq!(versions, (first..=engine.snapshot().version()).collect::<Vec<_>>());
    // A list is bounded: what is left of a long one begins later.
    assert!(first == 1 || versions.len() >= 10_000, "begins at {first}");
    if first > 1 {
        return;
    }
    assert_eq!(replayed(&changes), definitions(engine));
}
