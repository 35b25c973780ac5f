//! Equal parts of one document share their memory.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde_json::Value;

use crate::model::environment_name::EnvironmentName;
use crate::model::targeting::rule::Rule;
use crate::model::variant::Variant;
use crate::read::snapshot::Snapshot;

/// The parts that have been read so far, each once. Many flags are switches with one default value
/// and one pair of variants.
pub(super) struct Sharing<'o> {
    old: &'o Snapshot,
    environments: HashSet<EnvironmentName, RandomState>,
    values: HashSet<Arc<Value>, RandomState>,
    variants: HashSet<Variants, RandomState>,
}

impl<'o> Sharing<'o> {
    pub(super) fn with(old: &'o Snapshot) -> Sharing<'o> {
        Sharing {
            old,
            environments: HashSet::default(),
            values: HashSet::default(),
            variants: HashSet::default(),
        }
    }

    pub(super) fn environment(&mut self, environment: &mut EnvironmentName) {
        match self.old.index().environment(environment) {
            Some(known) => *environment = known.clone(),
            None => share(environment, &mut self.environments),
        }
    }

    pub(super) fn value(&mut self, value: &mut Arc<Value>) {
        if is_written_one_way(value) {
            share(value, &mut self.values);
        }
    }

    pub(super) fn rule(&mut self, rule: &mut Rule) {
        self.environment(&mut rule.environment);
        self.value(&mut rule.value);
    }

    pub(super) fn variants(&mut self, variants: &mut Arc<[Variant]>) {
        if variants.iter().all(|variant| is_written_one_way(variant.value())) {
            let mut shared = Variants(Arc::clone(variants));
            share(&mut shared, &mut self.variants);
            *variants = shared.0;
        }
    }
}

/// The variants of an experiment, whose values are all [written one way](is_written_one_way): only
/// such values have the same hash whenever they are equal.
#[derive(Clone, PartialEq)]
struct Variants(Arc<[Variant]>);

impl Eq for Variants {}

impl Hash for Variants {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for variant in &*self.0 {
            (variant.key(), variant.value(), variant.percentage()).hash(state);
        }
    }
}

/// Replaces a part by an equal one that is known.
fn share<T: Clone + Eq + Hash>(part: &mut T, known: &mut HashSet<T, RandomState>) {
    match known.get(part) {
        Some(known) => *part = known.clone(),
        None => drop(known.insert(part.clone())),
    }
}

/// Whether no other text stands for an equal value. 0.0 and -0.0 are equal, and objects can be
/// whatever the order of their fields.
fn is_written_one_way(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::Array(_) | Value::Object(_) => false,
    }
}
