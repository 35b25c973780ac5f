//! What an engine remembers of what has left its definitions, written and read. Nothing here is
//! tolerant: who an experiment is for is as strict as in the definitions.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::targeting::experiment_targeting::targeting;
use super::targeting::unit;
use crate::format::fields::{Fields, entries, parsed, share};
use crate::format::goals::{GOALS, goals};
use crate::format::node::Node;
use crate::model::faults::{Faults, ValidationError};
use crate::model::goal::of_experiment::Goals;
use crate::model::path::Path;
use crate::model::remembered::{Group, Population, Remembered};
use crate::model::targeting::experiment_targeting::{BUCKET_BY, Targeting};

const EXPERIMENTS: &str = "experiments";
const HOLDOUTS: &str = "holdouts";
const STARTED_AT: &str = "started_at";
const TARGETING: &str = "targeting";
const PERCENTAGE: &str = "percentage";

/// Experiments and holdouts, each by its id.
pub(super) struct RememberedSection<'a>(pub(super) &'a Remembered);

impl Serialize for RememberedSection<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Remembered { experiments, holdouts } = self.0;
        let mut fields = serializer.serialize_struct("Remembered", 2)?;
        fields.serialize_field(EXPERIMENTS, &ById(experiments, PopulationSection))?;
        fields.serialize_field(HOLDOUTS, &ById(holdouts, GroupSection))?;
        fields.end()
    }
}

/// An object with a field for each id.
struct ById<'a, I, T, S>(&'a BTreeMap<I, T>, fn(&'a T) -> S);

impl<I: Serialize, T, W: Serialize> Serialize for ById<'_, I, T, W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, of)| (id, (self.1)(of))))
    }
}

struct PopulationSection<'a>(&'a Population);

impl Serialize for PopulationSection<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Population", 3)?;
        fields.serialize_field(STARTED_AT, &self.0.started_at)?;
        if let Some(targeting) = self.0.targeting.as_deref() {
            fields.serialize_field(TARGETING, targeting)?;
        }
        if let Some(goals) = self.0.goals.as_deref() {
            fields.serialize_field(GOALS, goals)?;
        }
        fields.end()
    }
}

struct GroupSection<'a>(&'a Group);

impl Serialize for GroupSection<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Group", 2)?;
        fields.serialize_field(PERCENTAGE, &self.0.percentage)?;
        if let Some(attribute) = self.0.bucket_by.as_deref() {
            fields.serialize_field(BUCKET_BY, attribute)?;
        }
        fields.end()
    }
}

pub(super) fn remembered(
    node: Node<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<Remembered> {
    let mut fields = Fields::open(node, path, faults)?;
    let experiments = fields.optional(EXPERIMENTS, faults, |node, path, faults| {
        Some(by_id(node, path, faults, population))
    });
    let holdouts = fields
        .optional(HOLDOUTS, faults, |node, path, faults| Some(by_id(node, path, faults, group)));
    fields.close_targeting(faults);
    Some(Remembered {
        experiments: experiments.unwrap_or_default(),
        holdouts: holdouts.unwrap_or_default(),
    })
}

fn by_id<'t, I, T>(
    node: Node<'t>,
    path: &Path<'_>,
    faults: &mut Faults,
    read: fn(Node<'t>, &Path<'_>, &mut Faults) -> Option<T>,
) -> BTreeMap<I, T>
where
    I: FromStr<Err = ValidationError> + Ord,
{
    let mut by_id = BTreeMap::new();
    for (name, node) in entries(node, path, faults) {
        let path = path.field(&name);
        let id = parsed(Node::String(name.as_ref().into()), &path, faults);
        if let Some((id, of)) = id.zip(read(node, &path, faults)) {
            by_id.insert(id, of);
        }
    }
    by_id
}

fn population(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Population> {
    let mut fields = Fields::open(node, path, faults)?;
    let started_at = fields.required(STARTED_AT, faults, parsed);
    let targeting = fields.optional(TARGETING, faults, targeting);
    let goals = fields.optional(GOALS, faults, goals).and_then(Goals::some);
    fields.close_targeting(faults);
    let targeting = targeting.and_then(Targeting::some);
    Some(Population { started_at: started_at?, targeting, goals })
}

fn group(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Group> {
    let mut fields = Fields::open(node, path, faults)?;
    let percentage = fields.required(PERCENTAGE, faults, share);
    let bucket_by = fields.optional(BUCKET_BY, faults, unit);
    fields.close_targeting(faults);
    Some(Group { percentage: percentage?, bucket_by })
}
